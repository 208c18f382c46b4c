"""Says whether a text was said before in nearly the same words, by letters alone; embeddings may do it better."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Protocol

from ai.social.text import letters

SAME_LETTERS = 0.88  # of 1: a word or two changed in a post of usual length; new thoughts on one theme stay below 0.75


class NearSame(Protocol):
    """Compares by meaning, or by whatever can be had."""

    async def __call__(self, text: str, others: Sequence[str]) -> str | None:
        """Return the one of `others` that says nearly the same as `text`, or None."""
        ...


async def same_letters(text: str, others: Sequence[str]) -> str | None:
    """Return the one of `others` whose letters and digits are nearly those of `text`, or None."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(letters(text))
    for other in others:
        matcher.set_seq1(letters(other))
        quick = matcher.real_quick_ratio() >= SAME_LETTERS and matcher.quick_ratio() >= SAME_LETTERS
        if quick and matcher.ratio() >= SAME_LETTERS:
            return other
    return None
