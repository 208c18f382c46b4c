"""Says whether a text was said before in nearly the same words, or with nearly the same meaning."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from difflib import SequenceMatcher
from typing import Any, Protocol

from ai.social.text import letters

SAME_LETTERS = 0.88  # of 1: a word or two changed in a post of usual length; new thoughts on one theme stay below 0.75
SAME_MEANING = (
    0.90  # cosine: paraphrases of one sentence lie above it with MiniLM, different sentences on a theme below
)
KEPT_VECTORS = 256  # of the last posts, so that each is embedded once

_log = logging.getLogger(__name__)


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


class SameMeaning:
    """A NearSame by embeddings: `embed` takes texts and returns one vector of length 1 a text, in order."""

    def __init__(self, embed: Callable[[Sequence[str]], Awaitable[Sequence[Any]]]) -> None:
        self._embed = embed
        self._vectors: OrderedDict[str, Any] = OrderedDict()

    async def __call__(self, text: str, others: Sequence[str]) -> str | None:
        """Compare by letters first, then by meaning; where no vectors can be had, letters must do."""
        found = await same_letters(text, others)
        if found is not None or not others:
            return found
        wanted = [text, *others][:KEPT_VECTORS]
        missing = [one for one in dict.fromkeys(wanted) if one not in self._vectors]
        try:
            vectors = await self._embed(missing) if missing else []
        except Exception as error:  # noqa: BLE001 - weights that cannot be had, no money: each ends in the same way
            _log.info("posts are compared by letters alone: %s", error)
            return None
        self._vectors.update(zip(missing, vectors, strict=True))
        own = self._vectors[text]
        nearest = max(wanted[1:], key=lambda other: float(own @ self._vectors[other]))
        alike = float(own @ self._vectors[nearest]) >= SAME_MEANING
        while len(self._vectors) > KEPT_VECTORS:
            self._vectors.popitem(last=False)
        return nearest if alike else None
