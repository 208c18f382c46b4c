"""Money in words and series: what the charts draw, and the same facts as text beside them."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ai.clock import parse_rfc3339, rfc3339
from ai.ledger.money import usd9
from ai.model_config.row import ModelRow
from ai.observer.month import Figures
from ai.observer.sources import (
    Budget,
    ByDay,
)
from ai.settings import NETWORK_SETTINGS

LONG_RUNWAY_DAYS = 400.0  # beyond it a date says nothing
POST_SUBJECTS = {f"{network}/{kind}" for network in NETWORK_SETTINGS for kind in ("post", "read")}  # in the books
TINY = Decimal("0.000001")
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """The month as the purse tells it, and the catalogue that says which tier a model is of."""

    budget: Budget
    days: Sequence[ByDay]
    models: Sequence[ModelRow]


def month_bounds(period: str) -> tuple[datetime, datetime]:
    """Return the month's first moment and the next month's, in UTC; `period` is like 2026-11."""
    year, month = (int(part) for part in period.split("-"))
    start = datetime(year, month, 1, tzinfo=UTC)
    return start, start + timedelta(days=monthrange(year, month)[1])


def usd(amount: str | Decimal | None, places: int = 2) -> str:
    """Return an amount for people, like $4.99; what is not known is a dash, tiny sums keep their digits."""
    if amount is None:
        return "–"
    value = Decimal(amount)
    if value == 0:
        return "$0.00"
    if abs(value) < Decimal(1).scaleb(-places):
        if abs(value) < TINY:
            return "under $0.000001"
        places = 6 if abs(value) < Decimal("0.0001") else 4
    elif value == value.quantize(CENT):
        places = 2  # "$5.0000 of $5.00" says nothing more
    text = f"{abs(value):,.{places}f}"
    return f"-${text}" if value < 0 else f"${text}"


def usd_of_nanos(amount: int | None, places: int = 2) -> str:
    """Return nano-dollars for people."""
    return usd(None if amount is None else usd9(amount), places)


def exact(amount: str) -> str:
    """Return an amount with all of its nine places, so that a column of them adds up."""
    return f"${Decimal(amount):,.9f}"


def share(part: str | Decimal, whole: str | Decimal) -> float:
    """Return part/whole within 0 and 1, 0 where there is no whole."""
    whole_value = Decimal(whole)
    return 0.0 if whole_value <= 0 else min(1.0, max(0.0, float(Decimal(part) / whole_value)))


def given(budget: Budget) -> Decimal:
    """Return what the month was given: grant and donations."""
    return Decimal(budget["granted"]) + Decimal(budget["donated"])


def runway_words(budget: Budget, now: datetime) -> str:
    """Say how long the money lasts at this pace."""
    if budget["band"] == "bankrupt":
        return f"nothing left until {day_words(parse_rfc3339(budget['resets_at']), now)}"
    days = budget["runway_days"]
    if days is None:
        return "too early to tell how long it lasts"
    if days > LONG_RUNWAY_DAYS:
        return "at this pace for more than a year"
    until = now + timedelta(days=days)
    if days < 1:
        return f"at this pace until {until:%H:%M} UTC"
    return f"at this pace until {day_words(until, now)}"


def sentence(words: str) -> str:
    """Return `words` with a capital first letter, the rest as it was."""
    return words[:1].upper() + words[1:]


def day_words(when: datetime, now: datetime) -> str:
    """Return a day for people: 14 January, with the year where it is not this one and over half a year away."""
    text = f"{when.day} {when:%B}"
    return text if when.year == now.year or (when - now).days < 183 else f"{text} {when.year}"  # noqa: PLR2004


def projection(budget: Budget, now: datetime) -> dict[str, str] | None:
    """Return where this pace leads: `at` the month's end or when the money ends, and what is left then."""
    days = budget["runway_days"]
    if days is None or days <= 0:
        return None
    _, end = month_bounds(budget["period"])
    available = Decimal(budget["available"])
    left_days = (end - now) / timedelta(days=1)
    if days < left_days:
        return {"at": rfc3339(now + timedelta(days=days)), "left": usd9(0)}
    left = available * (1 - Decimal(str(left_days)) / Decimal(str(days)))
    return {"at": rfc3339(end), "left": f"{max(left, Decimal(0)):.9f}"}


def month_json(figures: Figures, books: MonthFigures, now: datetime) -> dict[str, Any]:
    """Return the month as `/api/month` gives it; every figure a chart draws is in here, as exact text."""
    budget = books.budget
    if figures.period != budget["period"]:
        figures = Figures(budget["period"], 0)  # the month has turned, and nothing has happened in it yet
    start, end = month_bounds(budget["period"])
    return {
        "period": budget["period"],
        "starts_at": rfc3339(start),
        "ends_at": rfc3339(end),
        "now": rfc3339(now),
        "given": f"{given(budget):.9f}",
        "available": budget["available"],
        "even_pace": f"{even_pace(given(budget), now, start, end):.9f}",
        "projection": projection(budget, now),
        "balance": [
            {"at": f"{hour}:00:00.000000Z", "left": usd9(left)} for hour, (_, left) in sorted(figures.balances.items())
        ],
        "days": _days(figures, books, now),
        "by_tier": by_tier(books),
    }


def _days(figures: Figures, books: MonthFigures, now: datetime) -> list[dict[str, Any]]:
    known = {row["day"]: row for row in books.days}
    empty = ByDay(day="", calls=0, prompt_tokens=0, completion_tokens=0, cost=usd9(0))
    start, end = month_bounds(books.budget["period"])
    last = min(now, end - timedelta(days=1))
    days = [rfc3339(start + timedelta(days=day))[:10] for day in range((last - start).days + 1)]
    return [{**known.get(day, empty), "day": day, "left": _left_at_end_of(day, figures)} for day in days]


def _left_at_end_of(day: str, figures: Figures) -> str | None:
    last = max((hour for hour in figures.balances if hour.startswith(day)), default=None)
    return None if last is None else usd9(figures.balances[last][1])


def by_tier(books: MonthFigures) -> list[dict[str, Any]]:
    """Return what each tier of models cost, dearest first; posts and models no longer known stand by themselves."""
    tiers = {row["id"]: row["tier"] for row in books.models}
    found: dict[str, tuple[int, Decimal]] = {}
    for row in books.budget["by_model"]:
        tier = "post" if row["model"] in POST_SUBJECTS else tiers.get(row["model"], "no longer listed")
        calls, cost = found.get(tier, (0, Decimal(0)))
        found[tier] = (calls + row["calls"], cost + Decimal(row["cost"]))
    ordered = sorted(found.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))
    return [{"tier": tier, "calls": calls, "cost": f"{cost:.9f}"} for tier, (calls, cost) in ordered]


def even_pace(whole: Decimal, now: datetime, start: datetime, end: datetime) -> Decimal:
    """Return what would be left now if the month's money were spent evenly."""
    gone = Decimal(str((now - start) / (end - start)))
    return whole * (1 - min(Decimal(1), max(Decimal(0), gone)))


def month_words(budget: Budget, now: datetime) -> str:
    """Say in one or two sentences what the balance's chart shows."""
    start, end = month_bounds(budget["period"])
    even = even_pace(given(budget), now, start, end)
    left = usd(budget["available"])
    return f"{left} left; an even pace would have {usd(even)}. {sentence(runway_words(budget, now))}."


def days_words(days: Sequence[ByDay], now: datetime) -> str:
    """Say in one sentence what the chart of days shows."""
    costs = {row["day"]: Decimal(row["cost"]) for row in days}
    if not any(costs.values()):
        return "Nothing was spent this month."
    most = max(costs, key=lambda day: costs[day])
    when = f"{int(most[8:])} {datetime.fromisoformat(most):%B}"
    today, mean = costs.get(rfc3339(now)[:10], Decimal(0)), sum(costs.values(), Decimal(0)) / len(costs)
    usual = f"{usd(today, 4)} today, {usd(mean, 4)} on a day with spending"
    return f"{usual}, most on {when}: {usd(costs[most], 4)}."
