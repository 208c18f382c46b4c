"""What a sub-budget's pattern probably means where it covers nothing because of a spelling. Pure."""

import difflib
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from ai.asking import Purpose

LIKE_A_PURPOSE = 0.8  # difflib ratios from which on a word is taken for another one misspelt
LIKE_A_MODEL = 0.85
WILD = frozenset("*?[")


def purpose_meant(pattern: str) -> str | None:
    """Return the purpose that `pattern` probably means; None where it covers one, or is like none."""
    purposes = [purpose.value for purpose in Purpose]
    if "/" in pattern or any(fnmatchcase(purpose, pattern) for purpose in purposes):
        return None
    return _nearest(pattern.casefold(), purposes, LIKE_A_PURPOSE)


def model_meant(pattern: str, model_ids: Sequence[str]) -> str | None:
    """Return the model id, or the pattern, that `pattern` probably means; None where it covers one, or is like none.

    An id without its maker (`gpt-4o-mini`), with one that is not said here (`openai/gpt-4o-mini` where ids are bare),
    in other letters, or misspelt in its maker alone (`opnai/*`) or as a whole.
    """
    if any(fnmatchcase(what, pattern) for what in (*model_ids, *(purpose.value for purpose in Purpose))):
        return None
    folded = pattern.casefold()
    own = folded.rpartition("/")[2]
    same = [model for model in model_ids if fnmatchcase(model.casefold(), folded)]
    same += [model for model in model_ids if fnmatchcase(model.rpartition("/")[2].casefold(), own) and own.strip("*")]
    if same:
        return _as_given(pattern, same)
    if WILD & set(pattern):
        makers = {model.partition("/")[0] for model in model_ids if "/" in model}
        maker, slash, rest = pattern.partition("/")
        near = _nearest(maker.casefold(), makers, LIKE_A_PURPOSE) if slash and not WILD & set(maker) else None
        return None if near is None else f"{near}/{rest}"
    return _nearest(folded, model_ids, LIKE_A_MODEL)


def _as_given(pattern: str, same: Sequence[str]) -> str:
    """Return the first of `same`; of a pattern with a star, the same pattern with that one's maker before it."""
    maker, slash, _ = same[0].rpartition("/")
    return f"{maker}{slash}{pattern.rpartition('/')[2].casefold()}" if WILD & set(pattern) else same[0]


def _nearest(word: str, known: Iterable[str] | Collection[str], ratio: float) -> str | None:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=ratio)
    return near[0] if near else None
