"""How a small mind's thought begins: with a word of what is in front of it, whatever a stranger wrote there."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.brain.openings import TURNS, opening
from ai.clock import span_in_words

SWAN = "03:12, harbour.example: ⟦A swan has been asleep on the tram rails of line 4⟧"


@pytest.mark.parametrize(
    ("thing", "word"),
    [
        (SWAN, "swan"),
        ("00:12, the weather: there is fog in Kiel, 3 °C", "fog"),
        ("11:42, your machine: it runs hot, at 81 °C", "machine"),
        ("Sat 22:10, your page: 2 people look at your page", "people"),
        ("It is 04:10, night, day 327 of the year; the moon: a waxing moon.", "moon"),
        ("Your own page ends: “…One tenth of the shelf is free.”", "shelf"),
        ("Ferry Cancelled Again", "ferry"),
    ],
)
def test_a_thought_begins_with_the_thing(thing: str, word: str) -> None:
    """Left to itself a small model said of fog and of a swan alike that it needs to think."""
    pattern = opening(thing, 0)
    assert pattern is not None
    assert re.match(pattern, f"The {word} is nobody's business but mine.")
    assert not re.match(pattern, "I need to think about my memories for today.")
    assert not re.match(pattern, f"The {word} is about a person.”}}You are Miran (they). It is Sunday.")


def test_no_name_is_given_an_article() -> None:
    pattern = opening("00:12, the weather: there is fog in Kiel, 3 °C", 0)
    assert pattern is not None
    assert "Kiel" not in pattern


def test_who_wrote_a_letter_is_who_the_thought_is_about() -> None:
    for who, begins in (
        ("a visitor: ⟦Ines", "Ines"),
        ("your caretaker: ⟦caretaker", "My caretaker"),
        ("a visitor: ⟦4711", "The stranger"),
    ):
        pattern = opening(f"06:48, letter 2, {who} writes: I row at six.⟧", 0)
        assert pattern is not None
        assert re.match(pattern, f"{begins} asks what I do at six, and I count.")


def test_each_draft_and_each_beat_begins_otherwise() -> None:
    assert len({opening(SWAN, turn) for turn in range(len(TURNS))}) == len(TURNS)


def test_where_nothing_is_named_nothing_is_forced() -> None:
    assert opening("", 0) is None
    assert opening("12:00 …", 0) is None


@given(st.text(max_size=200), st.integers(0, 99))
def test_whatever_strangers_write_it_stays_a_pattern_of_letters(text: str, turn: int) -> None:
    """The pattern becomes a grammar in another program: nothing of a stranger's may be read as one."""
    for thing in (f"03:12, harbour.example: ⟦{text}⟧", f"06:48, letter 2, a visitor: ⟦{text} writes: x⟧", text):
        pattern = opening(thing, turn)
        if pattern is not None:
            begin, _, rest = pattern.partition('[^"')
            assert all(mark.isalpha() or mark in "^ ()|[]," for mark in begin), pattern
            assert rest.endswith("$")
            re.compile(pattern)


def test_no_thought_begins_with_a_piece_of_where_an_entry_stood() -> None:
    pattern = opening("feeds.washingtonpost.example, not read before: ⟦A swan sleeps on the rails⟧", 0)
    assert pattern is not None
    assert "swan" in pattern
    assert not {"feeds", "washingtonpost", "example", "read"} & set(re.findall(r"\w+", pattern))


def test_a_span_is_told_to_the_minute() -> None:
    told = {0: "1 min", 10: "10 min", 60: "1 h", 130: "2 h 10 min", 1440: "1 d", 3000: "2 d 2 h"}
    assert {minutes: span_in_words(timedelta(minutes=minutes)) for minutes in told} == told
