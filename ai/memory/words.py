"""Search by words: what a question asks for, as a full-text query that cannot go wrong."""

import re

MAX_QUERY_TERMS = 16  # the rest adds cost, not recall
MAX_QUERY_CHARS = 2_000

_COMMON = (
    "a about after again all also am an and any are as at be because been before being but by can could did do does "
    "doing for from get go had has have having he her here him his how i if in into is it its just like made make me "
    "more most my no not now of on one or our out over really said same say she should so some such than that the "
    "their them then there these they thing this those through to too under up us very was we were what when where "
    "which while who whom why will with would you your"
)
STOP_WORDS = frozenset(_COMMON.split())
_WORD = re.compile(r"\w+")


def terms(text: str) -> list[str]:
    """Return up to MAX_QUERY_TERMS distinct words that carry meaning, in order; with none of those, all words."""
    found = [word.lower() for word in _WORD.findall(text[:MAX_QUERY_CHARS])]
    telling = [word for word in found if word not in STOP_WORDS and (len(word) > 1 or word.isdigit())]
    return list(dict.fromkeys(telling or found))[:MAX_QUERY_TERMS]


def shared(one: set[str], other: set[str]) -> float:
    """Return the share of words that two sets have in common, of all that they have; 0 where one is empty."""
    return len(one & other) / len(one | other) if one and other else 0.0


def match_any(text: str) -> str | None:
    """Return an FTS5 expression for any of the words in `text`, each quoted, or None where it has no word."""
    found = terms(text)
    return " OR ".join(f'"{word}"' for word in found) if found else None
