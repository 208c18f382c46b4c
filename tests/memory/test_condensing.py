"""Old memories fold into summaries; the file stays bounded and nothing is dropped without a trace."""

import json

import pytest

from ai.clock import rfc3339
from ai.memory.memory import Kind, Origin
from ai.memory.settling import settle
from tests.life.conftest import ScriptedBrain
from tests.memory.conftest import Head


@pytest.fixture
def small(tmp_path):
    head = Head(tmp_path, working_set=100)
    yield head
    head.mind.close()


def live(head, count, first=0):
    with head.file.together(), head.mind.transaction():  # one sync, to be quick
        for number in range(first, first + count):
            head.clock.advance(600)
            rating = 9 if number % 25 == 7 else 2
            head.stream.add(f"beat {number}: the kettle sang in key {number}", Kind.THOUGHT, importance=rating)


async def test_the_oldest_unimportant_fold_in_the_minds_own_words(small):
    small.stream.add("…a grey river…", Kind.FRAGMENT, origin=Origin(3, 4))
    live(small, 90)
    small.stream.keep_state("reflected", {"upto": 91, "at": rfc3339(small.clock.now())})
    brain = ScriptedBrain().say(json.dumps({"summary": "The kettle sang, and I listened for a day."}))
    await settle(small.stream, brain.ask)
    summary = small.stream.recent(1, Kind.SUMMARY)[0]
    assert summary.text == "On 2026-11-22: The kettle sang, and I listened for a day."
    assert summary.importance == 2
    assert len(summary.sources) == 23
    assert len(small.stream) == 91 - 23 + 1
    assert small.stream.recent(100, Kind.FRAGMENT)
    assert small.stream.get(8).text == "beat 6: the kettle sang in key 6"
    assert 'key 6"' not in small.file.path.read_text()
    assert 'key 7"' in small.file.path.read_text()  # it mattered


async def test_the_archive_stays_searchable(small):
    live(small, 200)
    assert [m.text for m in await small.stream.retrieve("kettle in key 3", k=1)] == ["beat 3: the kettle sang in key 3"]
    assert small.start().get(4).text == "beat 3: the kettle sang in key 3"


async def test_without_a_model_a_rule_folds_and_the_bound_holds_at_any_speed(small):
    for day in range(10):
        live(small, 100, first=day * 100)
        assert len(small.stream) <= 100
        await settle(small.stream, ScriptedBrain().ask)
    everything = {m.id for m in small.stream.recent(1_000)} | small.stream._archive.ids(1, archived=True)
    assert everything == set(range(1, small.stream._last + 1))
    sizes = small.file.path.stat().st_size
    assert sizes < 100 * 1_500


def test_every_folded_memory_is_named_by_its_summary(small):
    live(small, 300)
    for row in small.stream._archive.of_life(1, archived=True):
        assert row.memory.id in small.stream.get(row.folded_into).sources


def test_a_crash_between_archive_and_file_loses_nothing(small):
    live(small, 99)
    with small.file.together():
        live(small, 2, first=99)  # folds at 100
        small.file._storage._dirty = False  # the crash: the file was never saved
    stream = small.start()
    assert [m.id for m in stream.recent(200)] == list(range(1, 100))
    assert stream._archive.ids(1, archived=False) == set(range(1, 100))
    assert stream._archive.ids(1, archived=True) == set()
    live(small, 2, first=99)
    assert len(stream._archive.ids(1, archived=True)) == 25
