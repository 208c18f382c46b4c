"""The memory stream keeps what it is given, brings up what matters, and agrees with mind.db after a crash."""

import pytest

from ai.memory.memory import MAX_MEMORY_CHARS, Kind, Origin
from ai.memory.scoring import Weights, score


def test_memories_survive_a_start(head):
    head.stream.add("Rain on the window.", Kind.OBSERVATION)
    head.stream.add("I like rain.", Kind.THOUGHT, importance=8, sources=[1])
    head.stream.add("…a window…", Kind.FRAGMENT, origin=Origin(life=3, memory=12))
    before = head.stream.recent(10)
    assert head.start().recent(10) == before
    assert [m.id for m in before] == [1, 2, 3]
    assert before[1].sources == (1,)
    assert before[2].origin == Origin(3, 12)


def test_recent_is_in_the_order_lived_and_by_kind(head):
    for number in range(6):
        head.stream.add(f"thought {number}", Kind.THOUGHT if number % 2 else Kind.NOTE)
    assert [m.text for m in head.stream.recent(2, Kind.NOTE)] == ["thought 2", "thought 4"]
    assert [m.text for m in head.stream.recent(3)] == ["thought 3", "thought 4", "thought 5"]
    assert len(head.stream.recent(10, [Kind.NOTE, Kind.THOUGHT])) == 6


async def test_what_shares_words_comes_to_mind(head):
    head.stream.add("The caretaker drinks green tea in the morning.")
    head.stream.add("The budget resets on the first of the month.")
    head.stream.add("Birds gather on the wire before a storm.")
    found = await head.stream.retrieve("When is the budget reset?", k=1)
    assert [m.id for m in found] == [2]
    assert len(await head.stream.retrieve("", k=8)) == 3
    assert await head.stream.retrieve("tea", k=8, kinds=[Kind.NOTE]) == []


async def test_of_two_alike_the_newest_wins(head):
    head.stream.add("The caretaker drinks tea.")
    head.clock.advance(86_400 * 3)
    head.stream.add("The caretaker drinks tea.")
    found = await head.stream.retrieve("What does the caretaker drink?", k=2)
    assert [m.id for m in found] == [2, 1]


def test_recency_alone_ranks_the_newest_first():
    # Park et al.'s released code ranks it upside down: the oldest memory got the highest recency
    only = Weights(recency=1, importance=0, relevance=0)
    ages = [0, 60, 3_600, 86_400, 86_400 * 30]
    scores = [score(age, 5, 0.5, only) for age in ages]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= s <= 1 for s in scores)


@pytest.mark.parametrize("query", ['"', "a OR b) NEAR(", "*", "col:x", "'; DROP TABLE memories; --", "\x00", "日本語"])
async def test_no_query_can_break_the_search(head, query):
    head.stream.add("The caretaker drinks tea.")
    assert len(await head.stream.retrieve(query)) == 1


def test_text_is_bounded_and_valid(head):
    memory = head.stream.add("x" * 10_000 + "\udc80")
    assert len(memory.text) == MAX_MEMORY_CHARS
    assert head.stream.add("bell\x07 \udc80 end").text == "bell  ? end"
    with pytest.raises(ValueError, match="nothing to remember"):
        head.stream.add(" \x00\n ")


def test_importance_is_kept_within_1_and_10(head):
    given = [99, -3, 7, None]
    assert [head.stream.add("x", Kind.THOUGHT, importance=i).importance for i in given] == [10, 1, 7, 3]


async def test_forgetting_is_for_good_and_the_id_is_never_given_again(head):
    head.stream.add("first")
    head.stream.add("a secret about lemons")
    assert head.stream.forget(2)
    assert not head.stream.forget(2)
    head.start()
    assert head.stream.get(2) is None
    assert head.stream.add("third").id == 3
    assert "lemons" not in head.file.path.read_text()
    assert not head.stream._archive.match("lemons", 5)


async def test_a_crash_between_the_file_and_mind_db_is_mended(head):
    head.stream.add("kept in both")
    with head.file.together():
        head.stream.add("only in mind.db: the file was never saved")
        head.file._storage._dirty = False  # the crash
    head.mind.connection.execute("DELETE FROM memories WHERE id = 1")
    stream = head.start()
    assert [m.id for m in stream.recent(5)] == [1]
    assert stream._archive.ids(1, archived=False) == {1}
