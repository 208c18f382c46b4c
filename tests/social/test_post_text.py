"""A post's length, links and likeness are what X would say of them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.social.networks.x_text import MAX_WEIGHT, has_link, same_post, weighted_length
from ai.social.text import clean, letters


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("hello", 5),
        ("a" * 280, 280),
        ("Füße café naïve", 15),
        ("cafe\u0301", 4),  # counted as X does, composed
        ("“quoted” — yes…", 16),  # the ellipsis counts 2
        ("日本語", 6),
        ("한국어", 6),
        ("🙂", 2),
        ("👍🏽", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("🇩🇪", 2),
        ("🇩🇪🇫🇷", 4),
        ("1️⃣", 2),
        ("❤️", 2),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
        ("🏳️‍🌈", 2),
        ("☀", 2),
        ("©", 1),
        ("5 * 3 # 2", 9),
        ("https://example.com/a/very/long/path/that/goes/on?with=query&and=more", 23),
        ("http://a.co", 23),
        ("example.com", 23),
        ("see example.com/x.", 4 + 23 + 1),
        ("(https://example.org)", 25),
        ("two https://a.com and https://b.com", 4 + 23 + 5 + 23),
        ("me@example.com", 14),
        ("I think.Therefore I am", 22),
        ("version 3.14", 12),
        ("e.g. this", 9),
    ],
)
def test_the_length_that_x_counts(text: str, weight: int) -> None:
    assert weighted_length(text) == weight


@pytest.mark.parametrize("text", ["so.it", "no.de", "bit.ly"])
def test_where_x_may_or_may_not_see_a_link_the_longer_and_dearer_counts(text: str) -> None:
    assert weighted_length(text) == 23
    assert has_link(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://a.org",
        "www.example.com",
        "foo.dev",
        "x.com/genesis",
        "see example.com.Then",
        "münchen.de/x",
        "例え.jp/x",
    ],
)
def test_what_costs_as_a_link(text: str) -> None:
    assert has_link(text)


@pytest.mark.parametrize(
    "text", ["no link", "3.14", "e.g. so", "...", "a.b", "me@example.com", "Hello.World-weary", "http://localhost"]
)
def test_what_does_not(text: str) -> None:
    assert not has_link(text)


@given(st.text(max_size=400))
def test_the_length_is_between_a_half_and_twice_the_characters_where_there_are_no_links(text: str) -> None:
    cleaned = clean(text)
    weight = weighted_length(cleaned)
    assert weight >= 0
    if not has_link(cleaned):
        assert weight <= 2 * len(cleaned)


LIGHT = st.characters(
    min_codepoint=32,
    max_codepoint=0x10FF,
    exclude_categories=["Cn", "Cs", "Cc", "Mn"],  # a mark joins its letter: A and a dot below are one that counts two
    exclude_characters=".©®#*0123456789",
)


@given(st.text(LIGHT, max_size=400))
def test_letters_of_most_alphabets_count_one(text: str) -> None:
    cleaned = clean(text)
    assert weighted_length(cleaned) == len(cleaned)


@given(st.text(max_size=200), st.text(max_size=200))
def test_lengths_of_parts_add_up_across_a_line_break(one: str, other: str) -> None:
    one, other = clean(one), clean(other)
    assert weighted_length(f"{one}\n{other}") == weighted_length(one) + 1 + weighted_length(other)


@given(st.text(max_size=6000))
def test_cleaning_is_final_and_can_always_be_sent(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    cleaned.encode("utf-8")
    assert not any(ord(c) < 32 and c != "\n" for c in cleaned)


@given(st.text(max_size=MAX_WEIGHT))
def test_a_post_is_recognised_in_the_form_x_gives_it_back(text: str) -> None:
    cleaned = clean(text)
    escaped = cleaned.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert same_post(cleaned, escaped)


def test_a_link_is_recognised_behind_xs_own() -> None:
    assert same_post("rain at example.com/x today", "rain at https://t.co/Ab12Cd34Ef today")
    assert not same_post("rain at example.com/x today", "snow at https://t.co/Ab12Cd34Ef today")


@pytest.mark.parametrize(
    "text", ["a" * 4000, "a." * 2000, "a-" * 2000, "🙂‍" * 1300, "http://" * 500, "a.a-" * 1000 + "!", "1" * 4000]
)
def test_no_text_is_slow(text: str) -> None:
    started = time.process_time()
    weighted_length(clean(text))
    assert time.process_time() - started < 1.0


def test_letters_ignore_case_accents_and_signs() -> None:
    assert letters("Ça va, Zoë?!") == letters("ca VA zoe")
    assert letters("🙂 🙂") == letters("🙂🙂") != letters("🙃🙃")
