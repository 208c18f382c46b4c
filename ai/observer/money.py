"""Money in words and series: what the charts draw, and the same facts as text beside them."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ai.clock import parse_rfc3339, rfc3339
from ai.ledger.money import usd9
from ai.observer.month import Figures, Spent
from ai.observer.sources import Budget

LONG_RUNWAY_DAYS = 400.0  # beyond it a date says nothing
TINY = Decimal("0.000001")


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
    text = f"{abs(value):,.{places}f}"
    return f"-${text}" if value < 0 else f"${text}"


def usd_of_nanos(amount: int | None, places: int = 2) -> str:
    """Return nano-dollars for people."""
    return usd(None if amount is None else usd9(amount), places)


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


def month_json(figures: Figures, budget: Budget, now: datetime) -> dict[str, Any]:
    """Return the month as `/api/month` gives it; every figure a chart draws is in here, as exact text."""
    start, end = month_bounds(figures.period)
    return {
        "period": figures.period,
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
        "days": [
            {"day": day, **_spent(figures.days.get(day, Spent())), "left": _left_at_end_of(day, figures)}
            for day in days_of(figures.period, now)
        ],
        "by_tier": [{"tier": tier, **_spent(spent)} for tier, spent in by_cost(figures.tiers)],
        "by_model": [
            {
                "model": model,
                **_spent(spent),
                "failures": figures.failures.get(model, 0),
                "latency_ms": round(spent.latency_ms / spent.calls) if spent.calls else None,
            }
            for model, spent in by_cost({**{m: Spent() for m in figures.failures}, **figures.models})
        ],
    }


def month_words(budget: Budget, now: datetime) -> str:
    """Say in one or two sentences what the balance's chart shows."""
    start, end = month_bounds(budget["period"])
    even = even_pace(given(budget), now, start, end)
    left = usd(budget["available"])
    return f"{left} left; an even pace would have {usd(even)}. {sentence(runway_words(budget, now))}."


def days_words(figures: Figures, now: datetime) -> str:
    """Say in one sentence what the chart of days shows."""
    today = figures.days.get(rfc3339(now)[:10], Spent()).cost
    if not figures.days:
        return "Nothing was spent this month."
    most, spent = max(figures.days.items(), key=lambda item: item[1].cost)
    mean = sum(day.cost for day in figures.days.values()) // len(figures.days)
    told = f"{int(most[8:])} {datetime.fromisoformat(most):%B}"
    usual = f"{usd_of_nanos(today, 4)} today, {usd_of_nanos(mean, 4)} on an average day"
    return f"{usual}, most on {told}: {usd_of_nanos(spent.cost, 4)}."


def even_pace(whole: Decimal, now: datetime, start: datetime, end: datetime) -> Decimal:
    """Return what would be left now if the month's money were spent evenly."""
    gone = Decimal(str((now - start) / (end - start)))
    return whole * (1 - min(Decimal(1), max(Decimal(0), gone)))


def days_of(period: str, now: datetime) -> Iterable[str]:
    """Return the days of the month up to today, like 2026-11-22."""
    start, end = month_bounds(period)
    last = min(now, end - timedelta(days=1))
    return [rfc3339(start + timedelta(days=day))[:10] for day in range((last - start).days + 1)]


def by_cost(parts: Mapping[str, Spent]) -> list[tuple[str, Spent]]:
    """Return what cost most first, then what was used most."""
    return sorted(parts.items(), key=lambda item: (-item[1].cost, -item[1].calls, item[0]))


def _left_at_end_of(day: str, figures: Figures) -> str | None:
    last = max((hour for hour in figures.balances if hour.startswith(day)), default=None)
    return None if last is None else usd9(figures.balances[last][1])


def _spent(spent: Spent) -> dict[str, Any]:
    return {
        "calls": spent.calls,
        "cost": usd9(spent.cost),
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
    }
