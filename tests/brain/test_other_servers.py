"""A mind on a server at home, or on OpenAI's own list: it thinks, pays what is due, and says truly who serves."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ai.clock import VirtualClock
from ai.ledger.money import nanos
from ai.model_config.openai_models import Server, listed_models
from tests.brain.lived import START, live, mind, thinker
from tests.world.openai_like import MAKES, OpenAILike
from tests.world.openrouter_faults import status

IDS = {
    "ollama": ["llama3.2:latest", "nomic-embed-text:latest"],
    "lmstudio": ["qwen2.5-7b-instruct", "text-embedding-nomic-embed-text-v1.5"],
    "llamacpp": ["smollm2-135m-instruct"],
    "vllm": ["meta-llama/Llama-3.1-8B-Instruct"],
    "litellm": ["gpt-4o-mini", "gpt-4o"],
}


def told(app: Any, kind: str) -> list[dict[str, Any]]:
    return [dict(event.data) for event in app.journal.after(0, 10_000, {kind})]


def home(server: OpenAILike, **more: str) -> dict[str, str]:
    return {"OPENAI_BASE_URL": server.base_url, **more}


@pytest.mark.parametrize("make", sorted(MAKES))
async def test_a_server_at_home_thinks_without_key_date_money_or_free_quota(tmp_path: Path, make: str) -> None:
    clock = VirtualClock(START)
    with OpenAILike.at_home(make, IDS[make], reply=thinker(3)) as server:
        async with mind(None, tmp_path, clock, **home(server)) as app:
            before = await app.tracker.balance()
            beats = await live(app, clock, 4)
            assert all(beat is not None and beat.problem is None for beat in beats)
            after = await app.tracker.balance()
            assert (after.spent, after.held, after.available) == (0, 0, before.available)
            assert after.free_left == before.free_left
            assert after.band == "comfortable"
            who = told(app, "daemon.provider")[0]["text"]
            assert who == f"Using OpenAI API (model: {server.calls[0].json['model']})"
            assert {call.json["model"] for call in server.calls} <= set(IDS[make])
            assert not any("embed" in call.json["model"] for call in server.calls)
            report = await app.tracker.budget_report()
            assert sum(row["calls"] for row in report["by_model"]) == len(server.calls)


async def test_the_model_that_a_person_names_is_asked_though_the_server_lists_nothing(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    with OpenAILike.at_home("ollama", ["llama3.2", "other"], reply=thinker(3), listing_status=404) as server:
        async with mind(None, tmp_path, clock, **home(server, OPENAI_MODEL="llama3.2")) as app:
            await live(app, clock, 2)
            assert {call.json["model"] for call in server.calls} == {"llama3.2"}
            assert told(app, "daemon.provider")[0]["text"] == "Using OpenAI API (model: llama3.2)"
            assert told(app, "model.switched")[0]["reason"] == "pinned by OPENAI_MODEL"


async def test_a_price_that_a_person_states_is_held_and_booked(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    prices = json.dumps({"gpt-4o-mini": [1, 2]})
    with OpenAILike.at_home("litellm", ["gpt-4o-mini"], reply=thinker(3)) as server:
        async with mind(None, tmp_path, clock, **home(server, OPENAI_PRICES=prices)) as app:
            await live(app, clock, 2)
            usage = await app.tracker.usage_since(0)
            assert usage.cost_nanos == usage.input_tokens * 1_000 + usage.output_tokens * 2_000 > 0


async def test_a_broken_purse_stops_no_thought_at_home_and_an_empty_one_neither(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    with OpenAILike.at_home("vllm", IDS["vllm"], reply=thinker(3)) as server:
        async with mind(None, tmp_path, clock, **home(server, MONTHLY_BUDGET_USD="0", ON_BANKRUPTCY="die")) as app:
            beats = await live(app, clock, 2)
            assert all(beat is not None and beat.problem is None for beat in beats)


async def test_where_nobody_answers_the_true_reason_is_told(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    with OpenAILike.at_home("ollama", [], listing_status=503) as server:
        async with mind(None, tmp_path, clock, **home(server)) as app:
            assert "status 503" in told(app, "daemon.provider")[0]["text"]
            await app.live_one()
            assert "status 503" in told(app, "beat.empty")[-1]["problem"]


def test_a_stranger_whose_prices_nobody_states_is_not_asked() -> None:
    entries = [{"id": "llama-3.3-70b"}, {"id": "priced"}]
    stranger = Server(own=False, home=False, prices={"priced": (Decimal(1), Decimal(2))})
    unpriced, priced = listed_models(entries, stranger)
    assert "OPENAI_PRICES" in unpriced.barred
    assert priced.barred is None
    assert nanos(priced.prices.prompt) == 1_000


async def test_no_calendar_day_stops_openais_models_thinking(tmp_path: Path) -> None:
    rows = [
        {"id": "gpt-4o-mini", "shutdown_date": "2027-01-14", "prices": ("0.00000015", "0.0000006")},
        {"id": "gpt-4o", "shutdown_date": "2027-01-14", "prices": ("0.0000025", "0.00001")},
        {"id": "gpt-5-mini", "shutdown_date": "2026-12-11"},
        {"id": "gpt-6-luna", "prices": ("0.0000001", "0.0000005")},
        {"id": "gpt-6-mystery"},
        {"id": "gpt-4o-mini-tts"},
        {"id": "text-embedding-3-small"},
    ]
    for day in (START, datetime(2027, 1, 10, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)):
        clock = VirtualClock(day)
        with OpenAILike.openai(rows, clock.now, reply=thinker(5)) as server:
            folder = tmp_path / f"{day:%Y%m%d}"
            folder.mkdir()
            keys = {"OPENAI_API_KEY": server.key, "OPENAI_BASE_URL": server.base_url}
            async with mind(None, folder, clock, **keys) as app:
                beats = await live(app, clock, 4)
                assert all(beat is not None and beat.problem is None for beat in beats)
                asked = {call.json["model"] for call in server.calls}
                balance = await app.tracker.balance()
                assert balance.spent == server.billed_nanos > 0
                assert asked <= {"gpt-6-luna", "gpt-4o-mini", "gpt-4o"}
                if day != START:  # shut down, or about to be
                    assert asked == {"gpt-6-luna"}
                models = app.catalogue.models()
                assert "OPENAI_PRICES" in models["gpt-6-mystery"].barred
                assert "chat" in models["gpt-4o-mini-tts"].barred
                sent = next(call.json for call in server.calls if call.json["model"] == "gpt-6-luna")
                assert sent["max_completion_tokens"] > 0
                assert sent["reasoning_effort"] == "none"
                assert not {"temperature", "max_tokens"} & set(sent)


@pytest.mark.parametrize("code", [400, 422])
async def test_a_server_that_takes_no_form_of_reply_is_asked_without_and_thinks(tmp_path: Path, code: int) -> None:
    """Its model rested for five minutes at each beat, then longer, and nobody at home ever thought."""
    clock = VirtualClock(START)
    with OpenAILike.at_home("lmstudio", ["qwen2.5-7b-instruct"], reply=thinker(3), formless=code) as server:
        async with mind(None, tmp_path, clock, **home(server)) as app:
            beats = await live(app, clock, 4)
            assert all(beat is not None and beat.problem is None for beat in beats)
            asked = [call for call in server.requests if call.path.endswith("/chat/completions")]
            assert sum("response_format" in call.json for call in asked) == 1, "the server is asked for it once"
            assert len(told(app, "call.fallback")) == 1


async def test_a_request_that_is_refused_with_and_without_a_form_was_not_refused_for_it(tmp_path: Path) -> None:
    """A prompt that a server refuses for another reason must not cost later replies their form."""
    clock = VirtualClock(START)
    with OpenAILike.at_home("lmstudio", ["qwen2.5-7b-instruct"], reply=thinker(3)) as server:
        async with mind(None, tmp_path, clock, **home(server)) as app:
            await live(app, clock, 1)
            refused = status(400, "the model is still loading")
            server.then(refused, refused)
            await live(app, clock, 1)
            assert [("response_format" in call.json) for call in server.calls[-2:]] == [True, False]
            clock.advance(3_600)
            await live(app, clock, 1)
            assert "response_format" in server.calls[-1].json
