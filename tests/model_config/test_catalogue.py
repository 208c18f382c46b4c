"""The catalogue: live, else kept, else shipped; only absence or expiry evicts."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import ProviderClock
from ai.mind.database import open_mind
from ai.mind.journal import Journal
from ai.model_config import Tier, parse_openrouter
from ai.model_config.catalogue import Catalogue, shipped
from ai.model_config.listing import Listing, trimmed
from ai.model_config.openai_models import chat_models, embedding_model
from ai.settings import Settings
from tests.model_rotator.conftest import a_model
from tests.world.openrouter import DEFAULT_MODELS, FakeOpenRouter, model_entry
from tests.world.openrouter_wire import Cut, WireServer, dumps

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
    assert (second.source, second.fetched_at) == ("kept", START)
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


async def test_openai_serves_two_models_at_known_prices_and_tells_its_date(world):
    settings = Settings(data_dir=world.folder, openai_api_key="sk-or-v1-test", openai_base_url=world.provider.base_url)
    catalogue = Catalogue(settings, world.clock, world.provider_clock, world.journal)
    assert list(catalogue.models()) == ["gpt-4o-mini", "gpt-4o"]
    assert await catalogue.refresh()
    assert world.provider_clock.trusted(START)
    assert list(catalogue.models()) == ["gpt-4o-mini", "gpt-4o"]
    assert not world.kept.exists()


def test_openais_prices_are_those_of_both_tables():
    mini, big = chat_models()
    assert (mini.prices.prompt, mini.prices.completion) == (Decimal("0.00000015"), Decimal("0.0000006"))
    assert (big.prices.prompt, big.prices.completion) == (Decimal("0.0000025"), Decimal("0.00001"))
    assert (mini.tier, big.tier) == (Tier.ULTRA_CHEAP, Tier.PREMIUM)
    assert embedding_model("openrouter").id == "openai/text-embedding-3-small"
    assert embedding_model("openai").prices.cost(1_000_000, 0) == 20_000_000


def test_the_shipped_listing_is_trimmed_and_holds_something_of_every_tier():
    document = shipped()
    assert [trimmed(entry) for entry in document["data"]] == document["data"]
    models = parse_openrouter(document)
    usable = [model for model in models if model.barred is None]
    assert {model.tier for model in usable} == {Tier.FREE, Tier.ULTRA_CHEAP, Tier.CHEAP, Tier.PREMIUM}
    assert all(model.prices.known for model in usable)
    assert len(usable) > 200
