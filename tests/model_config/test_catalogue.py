"""The catalogue: live, else kept, else shipped; only absence or expiry evicts."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import ProviderClock
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.model_config import Tier, parse_openrouter
from ai.model_config.catalogue import Catalogue, shipped
from ai.model_config.listing import Listing, trimmed
from ai.model_config.openai_models import Server, built_in, embedding_model, listed_models
from ai.model_config.prices import DEAREST_TOKEN
from ai.settings import Settings
from tests.model_rotator.conftest import a_model
from tests.world.openai_like import OpenAILike
from tests.world.openrouter import DEFAULT_MODELS, FakeOpenRouter, model_entry
from tests.world.wire import Cut, WireServer, dumps

START = datetime(2026, 11, 10, 12, tzinfo=UTC)
LOCAL = a_model("local/small", quality=2.0, endpoint="local", tier=Tier.LOCAL)


class World:
    """One data folder, one provider, and catalogues that start in it again and again."""

    def __init__(self, folder, provider):
        self.folder = folder
        self.provider = provider
        self.clock = VirtualClock(START)
        self.provider_clock = ProviderClock(self.clock)
        self.mind = open_mind(folder / "mind.db")
        self.journal = Journal(self.mind, self.clock)

    def catalogue(self, **fields):
        fields.setdefault("openrouter_api_key", "sk-or-v1-test")
        settings = Settings(data_dir=self.folder, openrouter_base_url=self.provider.base_url, **fields)
        return Catalogue(settings, self.clock, self.provider_clock, self.journal, local_models=lambda: [LOCAL])

    def told(self, kind):
        return [dict(event.data) for event in self.journal.after(0, 1000, [kind])]

    @property
    def kept(self):
        return self.folder / "models" / "catalogue.json"


@pytest.fixture
def world(tmp_path):
    with FakeOpenRouter(date=lambda: START, models=json.loads(json.dumps(DEFAULT_MODELS))) as provider:
        made = World(tmp_path, provider)
        yield made
        made.mind.close()


async def test_live_else_kept_else_shipped(world):
    first = world.catalogue()
    assert first.source == "shipped"
    assert len(first.models()) > 300
    assert await first.refresh()
    assert first.source == "live"
    live = first.models()
    assert set(live) == {entry["id"] for entry in DEFAULT_MODELS["data"]} | {LOCAL.id}
    second = world.catalogue()
    assert second.source == "kept"
    assert timedelta(0) <= second.fetched_at - START < timedelta(seconds=1)
    assert second.models() == live


async def test_prices_come_through_every_copy_exactly(world):
    entry = model_entry("acme/exact", "0.00000007100000000001", "0.0000001")
    entry["pricing"]["overrides"] = [{"min_prompt_tokens": 1000, "prompt": "0.0000003"}]
    entry["context_length"] = 8192
    world.provider.models["data"].append(entry)
    catalogue = world.catalogue()
    await catalogue.refresh()
    exact = catalogue.models()["acme/exact"]
    assert exact.prices.prompt == Decimal("0.000000071000000001")  # rounded up to 18 places
    assert exact.context_length == 8192
    assert world.catalogue().models()["acme/exact"] == exact


async def test_what_the_listing_says_of_reasoning_survives_the_kept_copy(world):
    world.provider.models = {
        "data": [
            model_entry("z-ai/glm-5.3-flash", "0.000001", "0.000002", reasoning={"mandatory": True}),
            model_entry(
                "openai/gpt-5", "0.000001", "0.000002", reasoning={"mandatory": False, "default_enabled": True}
            ),
        ]
    }
    assert await world.catalogue().refresh()
    world.provider.stop()
    kept = world.catalogue().models()
    assert kept["z-ai/glm-5.3-flash"].always_reasons
    assert kept["z-ai/glm-5.3-flash"].barred
    assert kept["openai/gpt-5"].barred is None


async def test_only_absence_from_the_listing_evicts(world):
    catalogue = world.catalogue()
    await catalogue.refresh()
    gone = world.provider.models["data"].pop(0)["id"]
    assert gone in catalogue.models()
    await catalogue.refresh()
    assert gone not in catalogue.models()
    assert world.told("catalogue.refreshed")[-1]["gone"] == 1


async def test_a_passed_expiry_evicts_between_two_listings(world):
    world.provider.models["data"][0]["expiration_date"] = "2026-11-12"
    catalogue = world.catalogue()
    await catalogue.refresh()
    leaving = world.provider.models["data"][0]["id"]
    assert leaving in catalogue.models()
    world.clock.set(datetime(2026, 11, 12, tzinfo=UTC))
    assert leaving not in catalogue.models()


async def test_a_provider_that_is_away_leaves_what_is_there_and_is_told_once(world):
    catalogue = world.catalogue()
    await catalogue.refresh()
    before = catalogue.models()
    world.provider.stop()
    assert not await catalogue.refresh()
    assert not await catalogue.refresh()
    assert catalogue.models() == before
    (failed,) = world.told("catalogue.failed")
    assert "could not be fetched" in failed["problem"]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"data": []}, "no model that could be used"),
        ({"data": [{"id": "x"}]}, "no model that could be used"),
        ({"error": {"message": "down"}}, "no list of models"),
        ([], "no JSON object"),
        ({"data": [model_entry("acme/one")], "total_count": 2}, "1 of 2 models"),
        ({"data": [model_entry("acme/one")], "links": {"next": "https://elsewhere.example/models"}}, "elsewhere"),
        ({"data": [model_entry("acme/one")], "links": {"next": "/api/v1/models"}}, "more than 20 pages"),
    ],
)
async def test_half_a_listing_evicts_nobody(world, document, problem):
    catalogue = world.catalogue()
    await catalogue.refresh()
    before = catalogue.models()
    world.provider.models = document
    assert not await catalogue.refresh()
    assert catalogue.models() == before
    assert problem in world.told("catalogue.failed")[0]["problem"]


async def test_pages_are_joined():
    async def handle(request, wire):
        page = int(request.query.get("page", "1"))
        following = {"links": {"next": f"/models?page={page + 1}"}} if page < 3 else {}
        body = dumps({"data": [model_entry(f"acme/{page}")], "total_count": 3, **following})
        await wire.head(200, {"Content-Length": str(len(body))})
        await wire.write(body)

    server = WireServer(handle).start()
    try:
        entries = await Listing(f"http://127.0.0.1:{server.port}", None, lambda _: None).fetch()
    finally:
        server.stop()
    assert [entry["id"] for entry in entries] == ["acme/1", "acme/2", "acme/3"]


@pytest.mark.parametrize("head", [(200, {"Content-Length": "99"}), (302, {"Location": "/", "Content-Length": "0"})])
async def test_a_cut_and_a_redirected_listing_fail_in_one_line(world, head):
    async def handle(_request, wire):
        await wire.head(*head)
        raise Cut

    server = WireServer(handle).start()
    try:
        settings = {"openrouter_base_url": f"http://127.0.0.1:{server.port}"}
        catalogue = Catalogue(
            Settings(data_dir=world.folder, openrouter_api_key="k", **settings),
            world.clock, world.provider_clock, world.journal,
        )  # fmt: skip
        assert not await catalogue.refresh()
    finally:
        server.stop()
    assert "\n" not in world.told("catalogue.failed")[0]["problem"]


async def test_the_date_of_every_answer_reaches_the_providers_clock(world):
    assert not world.provider_clock.trusted(START)
    await world.catalogue().refresh()
    assert world.provider_clock.trusted(START)
    assert not world.provider_clock.trusted(datetime(2026, 12, 1, tzinfo=UTC))


async def test_a_broken_kept_copy_is_set_aside_and_the_shipped_one_serves(world):
    world.kept.parent.mkdir()
    world.kept.write_text('{"data": [', encoding="utf-8")
    catalogue = world.catalogue()
    assert catalogue.source == "shipped"
    assert world.kept.with_name("catalogue.json.corrupt-1").read_text(encoding="utf-8") == '{"data": ['
    assert world.told("catalogue.corrupt") == [{"name": "catalogue.json.corrupt-1"}]
    await catalogue.refresh()
    assert world.catalogue().source == "kept"


async def test_who_only_looks_writes_nothing(world):
    world.kept.parent.mkdir()
    world.kept.write_text("broken", encoding="utf-8")
    settings = Settings(data_dir=world.folder, openrouter_api_key="k", openrouter_base_url=world.provider.base_url)
    looking = Catalogue(settings, world.clock, world.provider_clock)
    await looking.refresh()
    assert world.kept.read_text(encoding="utf-8") == "broken"


async def test_a_folder_that_cannot_be_written_costs_the_copy_not_the_listing(world):
    (world.folder / "models").write_text("in the way", encoding="utf-8")
    catalogue = world.catalogue()
    assert await catalogue.refresh()
    assert catalogue.source == "live"
    assert len(world.told("catalogue.unkept")) == 1


async def test_it_is_fetched_at_a_start_then_every_six_hours_and_sooner_after_a_failure(world):
    def asked():
        return sum(request.path.endswith("/models") for request in world.provider.requests)

    await world.catalogue().refresh_if_due()
    catalogue = world.catalogue()
    await catalogue.refresh_if_due()
    assert asked() == 2
    for _ in range(12):
        world.clock.advance(3600)
        await catalogue.refresh_if_due()
    assert asked() == 4
    world.provider.models = {}
    world.clock.advance(6 * 3600)
    for _ in range(4):
        await catalogue.refresh_if_due()
        world.clock.advance(300)
    assert asked() == 6
    world.clock.set(START)
    await catalogue.refresh_if_due()
    assert asked() == 7


async def test_without_a_key_there_is_only_the_local_model(world):
    catalogue = Catalogue(
        Settings(data_dir=world.folder), world.clock, world.provider_clock, local_models=lambda: [LOCAL]
    )
    assert list(catalogue.models()) == [LOCAL.id]
    assert not await catalogue.refresh()
    assert catalogue.embedding_model() is None


OPENAI = Server(own=True, home=False)
HOME = Server(own=False, home=True)


def only(entry, server=OPENAI):
    (model,) = listed_models([entry], server)
    return model


async def test_another_servers_kept_listing_says_nothing_of_this_one(world):
    with OpenAILike.at_home("ollama", ["llama3.2"]) as first, OpenAILike.at_home("vllm", ["qwen"]) as second:

        def catalogue(server):
            settings = Settings(data_dir=world.folder, openai_base_url=server.base_url)
            return Catalogue(settings, world.clock, world.provider_clock, world.journal)

        assert await catalogue(first).refresh()
        assert list(catalogue(first).models()) == ["llama3.2"]
        assert list(catalogue(second).models()) == []
        assert catalogue(second).embedding_model() is None


def test_before_a_listing_was_had_openais_models_have_the_dearer_of_two_prices_and_their_last_day():
    mini, big, luna = built_in(OPENAI)
    assert (mini.prices.prompt, mini.prices.completion) == (Decimal("0.00000015"), Decimal("0.0000006"))
    assert (big.prices.prompt, big.prices.completion) == (Decimal("0.0000025"), Decimal("0.00001"))
    assert (mini.tier, big.tier, luna.barred) == (Tier.ULTRA_CHEAP, Tier.PREMIUM, None)
    assert mini.expires == datetime(2027, 1, 14, tzinfo=UTC)
    assert luna.prices.dearest_prompt() >= 2 * luna.prices.prompt  # a long prompt costs more
    assert embedding_model("openrouter").id == "openai/text-embedding-3-small"
    assert embedding_model("openai").prices.cost(1_000_000, 0) == 20_000_000


@pytest.mark.parametrize(
    "id_",
    [
        "gpt-4o-audio-preview", "gpt-realtime-2", "gpt-4o-transcribe", "tts-1-hd", "whisper-1", "dall-e-3", "sora-2",
        "gpt-image-1", "omni-moderation-latest", "text-embedding-3-large", "gpt-4o-search-preview", "o3-deep-research",
        "gpt-3.5-turbo-instruct", "davinci-002", "gpt-5.4-pro", "gpt-5.1-codex", "o3", "gpt-5", "nobody-knows-this",
    ],
)  # fmt: skip
def test_what_openai_lists_beside_chat_or_without_a_bound_is_barred(id_):
    assert only({"id": id_}).barred


@pytest.mark.parametrize(
    ("id_", "sent"),
    [
        ("gpt-3.5-turbo", {"temperature"}),
        ("gpt-4o-mini-2024-07-18", {"temperature"}),
        ("gpt-4.1", {"temperature"}),
        ("gpt-5.1", {"reasoning_effort", "max_completion_tokens"}),
        ("gpt-5.6-luna", {"reasoning_effort", "max_completion_tokens"}),
        ("gpt-6-luna", {"reasoning_effort", "max_completion_tokens"}),
        ("gpt-5.1-chat-latest", {"max_completion_tokens"}),
    ],
)
def test_each_generation_gets_the_parameters_that_it_takes(id_, sent):
    parameters = only({"id": id_}).parameters
    assert sent <= parameters
    assert not ({"temperature", "reasoning_effort"} - sent) & parameters


def test_at_home_everything_is_for_nothing_unless_a_price_is_stated():
    model = only({"id": "gpt-4o-mini", "owned_by": "openai", "created": 1_677_610_602}, HOME)
    assert (model.unmetered, model.free, model.barred, model.prices.dearest_prompt()) == (True, False, None, 0)
    stated = Server(own=False, home=True, prices={"big": (Decimal(1), Decimal(2)), "*": (Decimal(0), Decimal("0.1"))})
    assert not only({"id": "big"}, stated).unmetered
    assert only({"id": "other"}, stated).prices.completion == Decimal("0.0000001")
    assert only({"id": "nomic-embed-text"}, HOME).barred


def test_a_server_at_home_that_passes_openais_own_listing_on_is_charged_as_openai():
    model = only({"id": "gpt-4o", "shutdown_date": "2027-01-14"}, HOME)
    assert model.prices.prompt == Decimal("0.0000025")
    assert not model.unmetered


def test_the_context_is_what_a_server_says_of_it():
    assert only({"id": "a", "max_model_len": 4096}, HOME).context_length == 4096
    assert only({"id": "a", "meta": {"n_ctx": 8192, "n_ctx_train": 131072}}, HOME).context_length == 8192


@pytest.mark.parametrize("entries", [[None, 1, "x", {}, {"id": 3}, {"id": ""}, {"id": "a\nb"}, {"id": "x" * 500}]])
def test_junk_in_a_listing_of_openais_is_skipped(entries):
    assert listed_models(entries, OPENAI) == listed_models(entries, HOME) == []


def test_the_shipped_listing_is_trimmed_and_holds_something_of_every_tier():
    document = shipped()
    assert [trimmed(entry) for entry in document["data"]] == document["data"]
    models = parse_openrouter(document)
    usable = [model for model in models if model.barred is None]
    assert {model.tier for model in usable} == {Tier.FREE, Tier.ULTRA_CHEAP, Tier.CHEAP, Tier.PREMIUM}
    assert all(model.prices.known for model in usable)
    assert len(usable) > 200


def test_the_shipped_listing_tells_what_images_cost_and_no_token_in_it_is_as_dear_as_an_image():
    """It was trimmed of them: without a network every image was taken to cost as words do."""
    listed = {model.id: model.prices for model in parse_openrouter(shipped())}
    assert listed["google/gemini-2.5-flash"].image == Decimal("0.0000003")
    known = [prices for prices in listed.values() if prices.known]
    assert max(prices.dearest_prompt() for prices in known) < DEAREST_TOKEN
    assert not any(prices.dearest_image() for prices in known)
