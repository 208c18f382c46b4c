"""Says whether words are a prompt's own: what was shown as an example is nobody's to think, to post or to be called."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from ai.people.plain import words_of
from ai.prompts import render

COPIED_WORDS = 6  # so many words in a row as in the instructions are a copy; shorter runs are the language's own
EXAMPLE_WORDS = 4  # as in an example's thought: small models stitch theirs together from pieces of several
BIRTH_CUE = "This is your first moment. Who are you? Answer with the JSON object."  # as `birth.md` ends
LEAST_WORDS = 3  # of a thought that may be a copy as a whole; fewer are anybody's


def copied_from(thought: str) -> str | None:
    """Return the words that a thought has from the prompts of a birth, or None where it is its own."""
    said = words_of(thought)
    return _run_in(said, _instructions(), COPIED_WORDS) or _run_in(said, _examples(), EXAMPLE_WORDS)


def copied_words(params: Mapping[str, object]) -> str | None:
    """Return the words that a deed's `text` has from an example's, or None where it is its own."""
    text = params.get("text")
    return _run_in(words_of(text), _examples(), COPIED_WORDS) if isinstance(text, str) else None


def _run_in(said: Sequence[str], shown: str, length: int) -> str | None:
    """Return the first `length` words in a row that stand in `shown` too; of a shorter thought it must be all."""
    if len(said) < LEAST_WORDS:
        return None
    length = min(length, len(said))
    runs = (" ".join(said[at : at + length]) for at in range(len(said) - length + 1))
    return next((run for run in runs if f" {run} " in shown), None)


@cache
def copied_names() -> frozenset[str]:
    """Return the names that examples show: who takes one has copied it."""
    return frozenset(re.findall(r'"name": "([^"…]+)"', f"{render('birth_system')}\n{render('local_examples')}"))


@cache
def _instructions() -> str:
    return _lines((*render("birth_system").splitlines(), BIRTH_CUE))


@cache
def _examples() -> str:
    """Return the thoughts and the texts that examples show, those of beats too."""
    beat = render("system", name="", pronoun="", max_steps=1, actions="", examples=True)
    shown = "\n".join((render("birth_system"), render("local_examples"), beat))
    return _lines(re.findall(r'"(?:(?:first_)?thought|text)": "([^"…]+)"', shown))


def _lines(texts: Iterable[str]) -> str:
    """Return the words of each text in a line of its own, between blanks, so that one look finds a run in any."""
    return "\n".join(f" {' '.join(words_of(text))} " for text in texts)
