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
        ("On day 327 of the year the moon is a waxing crescent.", "moon"),
        ("11:42, your machine: others work hard on it, and your thoughts wait", "machine"),
        ("Your purse holds $5.00 of $5.00.", "purse"),
        ("You gave yourself the name Frosty.", "name"),
        ("You have lived 12 minutes and woken 5 times.", "minutes"),
        ("The weather: it snows at 2 °C.", "weather"),
        ("Your own page ends: “…One tenth of the shelf is free.”", "shelf"),
        ("The Captain Has Lost His Voice", "voice"),
    ],
)
def test_a_thought_begins_with_the_thing(thing: str, word: str) -> None:
    """Left to itself a small model said of fog and of a swan alike that it needs to think."""
    pattern = opening(thing, 0)
    assert pattern is not None
    assert re.match(pattern, f"The {word} is nobody's business but mine.")
    assert not re.match(pattern, "I need to think about my memories for today.")
    assert not re.match(pattern, f"The {word} is about a person.”}}You are Miran (they). It is Sunday.")


def test_a_thought_is_one_sentence() -> None:
    """The second one only managed: "I should check again", "I will keep that in mind"."""
    pattern = opening(SWAN, 0)
    assert pattern is not None
    assert re.match(pattern, "The swan has nowhere else to be, and I know how that is.")
    assert not re.match(pattern, "The swan has nowhere else to be. I will keep that in mind.")


# The titles and news of `benchmarks.local_day_world`, and a few that no day had.
SHOWN = {
    "Ferry cancelled: the captain has lost his voice": "captain voice",
    "A swan has been asleep on the tram rails of line 4 since midnight": "swan tram line midnight",
    "Baker sells yesterday's bread as “experienced”": "bread",
    "The clock on the town hall is eleven minutes late, and the council will keep it so": "clock town minutes council",
    "Lost: one left glove, red, answers to no name": "left name",
    "Museum returns a stone to the beach it was taken from in 1911": "stone beach",
    "Choir looks for a bass who can also repair the roof": "bass roof",
    "Ants found living in the parking meter on Holstenstrasse": "parking",
    "Library fine paid after 38 years, with an apology in verse": "years apology verse",
    "Lighthouse keeper's last logbook sold: every page says “nothing”": "page",
    "Two neighbours have shared one doorbell since the flood": "neighbours doorbell flood",
    "School orchestra plays on: nobody noticed the hall was empty": "hall",
    "The old crane in the harbour will be a hotel for one guest": "old harbour hotel guest",
    "Night bus driver publishes the sentences he overheard": "sentences",
    "9 people look at your page now; it were 2": "people page",
    "there is room on its disk again": "room disk",
    "there is a thunderstorm in Kiel, 7 °C, and the wind blows at 84 km/h": "thunderstorm wind",
    "It's raining in the harbour": "harbour",
    "POPE VISITS THE HARBOUR": "harbour",
    # Nothing in these is shown to be a thing: a name, a verb, another language or script, a program.
    "Train arrives early; passengers suspicious": "words",
    "Fire in Kiel": "words",
    "it snows in Kiel, 0 °C": "words",
    "that's mine": "words",
    "Der Schwan schläft an der Elbe in einem Boot": "words",
    "Le capitaine a perdu sa voix dans une nuit": "words",
    "De zwaan is in de haven": "words",
    "El cisne duerme en la via con una pata": "words",
    "Лебедь спит на рельсах": "words",
    "猫在轨道上睡觉": "words",
    "<script>alert(1)</script> the )|( thing": "words",
}


@pytest.mark.parametrize(("text", "things"), SHOWN.items(), ids=[text[:30] for text in SHOWN])
def test_only_what_the_text_shows_as_a_thing_is_one(text: str, things: str) -> None:
    """A reader met “the snows”, “the people looking” and “the captain cancelation”."""
    pattern = opening(f"03:12, harbour.example: ⟦{text}⟧", 0)
    assert pattern is not None
    assert pattern[: pattern.index("[")] == f"^The ({'|'.join(things.split())})"


def test_no_name_is_given_an_article() -> None:
    pattern = opening("00:12, the weather: there is fog in Kiel, 3 °C", 0)
    assert pattern is not None
    assert "Kiel" not in pattern


def test_who_wrote_a_letter_is_who_the_thought_is_about() -> None:
    for who, begins in (
        ("a visitor: ⟦Ines", "Ines"),
        ("your caretaker: ⟦caretaker", "my caretaker"),
        ("a visitor: ⟦4711", "the stranger"),
    ):
        pattern = opening(f"06:48, letter 2, {who} writes: I row at six.⟧", 0)
        assert pattern is not None
        assert re.match(pattern, f"I would tell {begins} what I do at six, if I did anything.")


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
