"""Reflection comes when enough has happened, cites what it was shown, and never stands without evidence."""

import json
from datetime import timedelta

from ai.asking import Purpose
from ai.memory.memory import Kind
from ai.memory.reflection import LEAST_GAP, due, parse_insights, parse_questions
from ai.memory.settling import look_back, settle, too_soon
from tests.life.conftest import ScriptedBrain

QUESTIONS = json.dumps({"questions": ["Why do I return to rain?", "What do I want from the caretaker?"]})


def insights(*entries):
    return json.dumps({"insights": [{"text": t, "because": b, "importance": i} for t, b, i in entries]})


def fill(head, count, importance=3):
    with head.file.together(), head.mind.transaction():  # one sync, to be quick
        for number in range(count):
            head.stream.add(f"I thought about rain and tea, part {number}", Kind.THOUGHT, importance=importance)


async def test_insights_are_kept_with_their_evidence(head):
    fill(head, 12)
    brain = ScriptedBrain().say(QUESTIONS, insights(("I hide in rain.", [10, 11], 8), ("Nothing.", [999], 3)))
    kept = await look_back(head.stream, brain.ask)
    assert [(m.text, m.kind, m.importance, m.sources) for m in kept] == [
        ("I hide in rain.", Kind.REFLECTION, 8, (10, 11))
    ]
    assert head.start().get(kept[0].id).sources == (10, 11)
    assert [asked[0] for asked in brain.asked] == [Purpose.REFLECTION] * 2
    event = head.journal.before(None, kinds=["memory.reflected"])[0]
    assert event.data == {"text": "I hide in rain.", "memory": 13, "because": [10, 11]}


async def test_an_insight_that_was_had_before_is_not_had_again(head):
    """A small model understands the same each time; its memory would be full of it, and so would each thought."""
    fill(head, 12)
    brain = ScriptedBrain().say(QUESTIONS, insights(("I hide in rain.", [10], 8), ("I hide in the rain.", [11], 7)))
    assert len(await look_back(head.stream, brain.ask)) == 1
    head.start()
    brain.say(QUESTIONS, insights(("I hide in rain!", [9], 8), ("Tea is how I ask for company.", [8], 6)))
    assert [memory.text for memory in await look_back(head.stream, brain.ask)] == ["Tea is how I ask for company."]
    brain.say(QUESTIONS, insights(("Tea is how I ask for company.", [8], 6)))
    assert await look_back(head.stream, brain.ask) == []
    assert head.stream.recent(9, Kind.REFLECTION)[-1].text == "Tea is how I ask for company."


async def test_advice_that_fits_anybody_is_no_insight(head):
    """Half of what a small model understood was a self-help book's, and came to mind for days."""
    fill(head, 12)
    advice = [
        "I should focus on the present moment.",
        "It is important to take care of myself when it rains.",
        "I need to balance tea and rain.",
        "Rain is an opportunity to grow.",
        "As an AI language model I have no tea.",
    ]
    own = "I should not have counted the rain twice."
    brain = ScriptedBrain().say(QUESTIONS, insights(*((text, [10], 8) for text in advice[:3]), (own, [11], 5)))
    assert [memory.text for memory in await look_back(head.stream, brain.ask)] == [own]
    brain.say(QUESTIONS, insights(*((text, [10], 8) for text in advice[3:])))
    assert await look_back(head.stream, brain.ask) == []


async def test_what_only_happened_is_no_insight(head):
    """“The sky is clear in Kiel” came to mind for days as what it had understood."""
    fill(head, 12)
    with head.file.together():
        head.stream.add("the weather: the sky is clear in Kiel, 2 °C", Kind.OBSERVATION)
        head.stream.add("your page: nobody looks at your page any more", Kind.OBSERVATION)
    again = ["The sky is clear in Kiel, 2 °C", "Nobody looks at my page anymore."]
    own = "Nobody comes on clear nights; I think they look up instead."
    brain = ScriptedBrain().say(QUESTIONS, insights(*((text, [13, 14], 8) for text in (*again, own))))
    assert [memory.text for memory in await look_back(head.stream, brain.ask)] == [own]


async def test_of_its_own_wish_it_looks_back_once_an_hour_and_only_on_something_new(head):
    """A small model looked back at every step: the machine's time, and a paid model's money, for the same insight."""
    fill(head, 4)
    assert "only 4 memories are new" in too_soon(head.stream)
    fill(head, 1)
    assert too_soon(head.stream) is None
    await look_back(head.stream, ScriptedBrain().say(QUESTIONS, insights(("So it is.", [5], 5))).ask)
    fill(head, 5)
    assert too_soon(head.stream) == "you looked back at 00:00; once an hour is enough"
    head.clock.advance(LEAST_GAP.total_seconds())
    assert too_soon(head.start()) is None
    await look_back(head.stream, ScriptedBrain().say(QUESTIONS, insights(("So it is.", [11], 5))).ask)
    head.clock.advance(LEAST_GAP.total_seconds())
    assert "only 0 memories are new" in too_soon(head.stream), "what brought nothing new was looked at too"


async def test_it_is_due_by_importance_and_once_a_day(head):
    brain = ScriptedBrain()
    fill(head, 4, importance=10)
    head.clock.advance(7_200)
    await settle(head.stream, brain.ask)
    assert brain.asked == []  # four memories are too few
    fill(head, 20, importance=6)
    await settle(head.stream, brain.say(QUESTIONS, insights(("So it is.", [20], 5))).ask)
    assert len(brain.asked) == 2
    head.clock.advance(7_200)
    fill(head, 6, importance=1)
    await settle(head.stream, brain.ask)
    assert len(brain.asked) == 2
    head.clock.advance(86_400)
    await settle(head.stream, brain.ask)
    assert len(brain.asked) == 3


async def test_a_failed_try_is_not_repeated_at_every_beat(head):
    fill(head, 60)
    head.clock.advance(7_200)
    brain = ScriptedBrain()
    for _ in range(5):
        await settle(head.stream, brain.ask)
    assert len(brain.asked) == 1
    head.start()
    await settle(head.stream, brain.ask)
    assert len(brain.asked) == 1
    head.clock.advance(LEAST_GAP.total_seconds())
    await settle(head.stream, brain.ask)
    assert len(brain.asked) == 2


def test_a_clock_set_back_does_not_silence_it(head):
    fill(head, 60)
    now = head.clock.now()
    assert due(head.stream.recent(60), {"upto": 0, "at": "2027-11-22T00:00:00.000000Z"}, now, now)
    assert not due([], {}, now - timedelta(days=9), now)


def test_an_insight_without_shown_evidence_is_none():
    shown = {1, 2}
    assert parse_insights(insights(("a", [3], 5), ("b", [], 5), ("", [1], 5), ("c", [1, 3], 99)), shown) == [
        ("c", 10, (1,))
    ]
    for junk in ("", "{}", '{"insights": 3}', '{"insights": [1, {"text": 4}, {"text": "x", "because": "1"}]}'):
        assert parse_insights(junk, shown) == []
        assert parse_questions(junk) == []
