"""How clever a model probably is, 0 to 10 with its fraction: a curated table of families, a heuristic for the rest."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

YEAR_DAYS = 365.25
# 7.8 + 0.6·log10($ per million, blended) − 1.85 × years + 0.9·log10(parameters / 50 billion)
START, PER_PRICE, PER_YEAR, PER_SIZE, FRONTIER = 7.8, 0.6, 1.85, 0.9, 1.0
TYPICAL_BILLIONS = 50.0
TYPICAL_USD = Decimal("0.20")  # the median of the recorded catalogue's open models; for those that state no price
LEAST_USD = Decimal("0.001")  # below it a price says nothing of quality, and 0 has no logarithm
LEAST, MOST = 0.5, 9.9  # what a guess may say: certainty, either way, belongs to the table
NEWEST_SKIPPED = 20  # one entry in twenty may be dated wrongly (in the future) without ageing all the others
UNITS = {"b": 1.0, "t": 1000.0, "m": 0.001}
LEAST_DIGITS_OF_MILLIONS = 3  # "135m" is a size, "1m" a context
# "235b-a22b" and "70b", "8x7b", "1t"; active parameters ("a22b") are not the size
_SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d{1,2})x)?(\d{1,4}(?:\.\d{1,2})?)([btm])(?![a-z0-9])")


def quality_of(
    model_id: str, usd_per_million: Decimal | None, created: datetime | None, reference: datetime | None
) -> float:
    """Return 0 to 10: the table's figure for a known family, else the heuristic's.

    `usd_per_million` is the blended price, None where unknown; `created` and `reference` (the newest that the
    catalogue holds) give the age, which counts as one year where either is unknown.
    """
    name = model_id.lower().removesuffix(":free")
    curated = known_quality(name)
    return guessed_quality(name, usd_per_million, created, reference) if curated is None else curated


def known_quality(name: str) -> float | None:
    """Return the table's figure for an id without `:free`; None where no family in it matches."""
    for prefix, pattern, quality in _families():
        if name.startswith(prefix) and fnmatchcase(name, pattern):
            return quality
    return None


def guessed_quality(
    name: str, usd_per_million: Decimal | None, created: datetime | None, reference: datetime | None
) -> float:
    """Return the heuristic's figure, 0.5 to 9.9."""
    price = TYPICAL_USD if not usd_per_million else max(usd_per_million, LEAST_USD)
    years = 1.0
    if created is not None and reference is not None:
        years = max(0.0, (reference - created).days / YEAR_DAYS)
    billions = parameters_billions(name)
    size = 0.0 if billions is None else PER_SIZE * math.log10(billions / TYPICAL_BILLIONS)
    frontier = FRONTIER if name.split("/", 1)[0] in _table()["frontier_makers"] else 0.0
    guess = START + PER_PRICE * math.log10(price) - PER_YEAR * years + size + frontier
    return min(MOST, max(LEAST, guess))


def parameters_billions(name: str) -> float | None:
    """Return how many billion parameters an id names ("…-235b-a22b": 235; "8x7b": 56); None where it does not."""
    sizes = [
        float(times or 1) * float(number) * UNITS[unit]
        for times, number, unit in _SIZE.findall(name)
        if float(number) > 0 and (unit != "m" or len(number) == LEAST_DIGITS_OF_MILLIONS)
    ]
    return max(sizes, default=None)


def reference_time(created: Sequence[datetime | None]) -> datetime | None:
    """Return the moment from which ages are counted: the newest of a catalogue, one in twenty left aside."""
    known = sorted((when for when in created if when is not None), reverse=True)
    return known[len(known) // NEWEST_SKIPPED] if known else None


@cache
def _families() -> tuple[tuple[str, str, float], ...]:
    """Return the table's rows, each with the plain text before its first star, by which most are told apart fast."""
    rows = _table()["families"]
    return tuple((pattern.partition("*")[0], pattern, float(quality)) for pattern, quality in rows)


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = json.loads((files("ai.model_config") / "intelligence.json").read_text("utf-8"))
    return table
