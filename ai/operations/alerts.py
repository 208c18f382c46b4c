"""What a person should know of the purse, told once each: thresholds, overrun, old unknowns, drift."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ai.clock import Clock
from ai.credit_tracker.accounts import available, day_account
from ai.credit_tracker.books import Books
from ai.credit_tracker.calls import overdue_calls
from ai.credit_tracker.months import find_month
from ai.credit_tracker.periods import day_of, month_of, period_end
from ai.credit_tracker.reconciliation import Reconciliation, latest_reconciliation
from ai.credit_tracker.records import Balance, Band, CallRecord
from ai.ledger.errors import StoreUnavailable
from ai.ledger.money import usd9
from ai.ledger.transaction import Transaction
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal

THRESHOLDS = (50, 80, 100)  # per cent of the month and of the day
OLD_UNKNOWN = timedelta(hours=1)  # the provider knows a call after minutes; an hour is a sign of trouble
MAX_OLD_UNKNOWNS = 100  # unknown calls looked at; three of them stop paid thinking already
STATE = "alerts"  # where mind.db keeps what was told


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell: `key` is what it is told once for, `about` its kind, `data` its figures."""

    key: str
    about: str
    problem: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DayCap:
    """The day's dollars where a cap is set: how far it was filled and what is neither spent nor held, in nanos."""

    level: int
    left: int
    held: int

    @property
    def spent(self) -> int:
        """What was spent of it."""
        return self.level - self.left - self.held


class Alerts:
    """Looks at the books and tells what is new; what was told is kept with the telling: a restart tells nothing twice.

    What other rooms find (a suspended X account, a model that overcharged) they tell themselves, as `alert` events
    too: the webhook carries them all.
    """

    def __init__(self, books: Books, mind: MindDatabase, journal: Journal, clock: Clock) -> None:
        self._books = books
        self._mind = mind
        self._journal = journal
        self._clock = clock

    async def look(self) -> list[str]:
        """Tell what is to be told now; return its lines. A purse that is away has nothing to tell."""
        now = self._clock.now()
        balance = await self._books.balance()
        if balance.away is not None:
            return []
        try:
            day, old, found, drift = await self._books.read(lambda tx: _signs(tx, now))
        except StoreUnavailable:
            return []
        alerts = [] if not found else _month_alerts(balance)
        alerts += [] if day is None else _day_alerts(day, now)
        alerts += _overrun_alert(balance) + [_unknown_alert(call, now) for call in old]
        alerts += [] if drift is None else _drift_alert(drift)
        return self._tell(alerts, now)

    def _tell(self, alerts: list[Alert], now: datetime) -> list[str]:
        kept = self._mind.recall(STATE)
        told = set(kept) if isinstance(kept, list) else set()
        present = {alert.key for alert in alerts}
        # a threshold stays told for its period although money came in; a state is told anew when it comes back
        current = {key for key in told if key in present or _of_period(key, now)}
        new = [alert for alert in alerts if alert.key not in told]
        if new or current != told:
            with self._mind.transaction():
                self._mind.remember(STATE, sorted(current | present))
                for alert in new:
                    self._journal.append("alert", about=alert.about, problem=alert.problem, **alert.data)
        return [alert.problem for alert in new]


def _of_period(key: str, now: datetime) -> bool:
    return key.startswith((f"month/{month_of(now)}/", f"day/{day_of(now)}/", f"drift/{month_of(now)}"))


def _signs(tx: Transaction, now: datetime) -> tuple[DayCap | None, list[CallRecord], bool, Reconciliation | None]:
    """Return the day's cap where there is one, the old unknowns, whether the month was opened, its last comparison."""
    rows = tx.execute("SELECT filled FROM caps WHERE account = ?", (day_account(now),))
    day = None
    if rows:
        held = tx.account(day_account(now)).debits_pending
        day = DayCap(int(rows[0]["filled"]), available(tx, day_account(now)), held)
    old = overdue_calls(tx, OLD_UNKNOWN, MAX_OLD_UNKNOWNS)
    month = month_of(now)
    return day, old, find_month(tx, month) is not None, latest_reconciliation(tx, month)


def _month_alerts(balance: Balance) -> list[Alert]:
    given = balance.granted + balance.donated
    if given <= 0:
        return []
    alerts = []
    for percent in THRESHOLDS:
        used_up = percent == 100 and balance.band is Band.BANKRUPT  # noqa: PLR2004 - all of it, said in per cent
        if balance.spent * 100 >= given * percent or used_up:
            alerts.append(
                Alert(
                    f"month/{balance.period}/{percent}",
                    f"month_{percent}",
                    f"{percent} % of the budget of {balance.period} is spent: ${usd9(balance.spent)} of "
                    f"${usd9(given)}, ${usd9(balance.available)} left; "
                    f"it resets {balance.resets_at:%Y-%m-%d %H:%M} UTC",
                    {"percent": percent, "spent_nanos": balance.spent, "given_nanos": given},
                )
            )
    return alerts


def _day_alerts(day: DayCap, now: datetime) -> list[Alert]:
    resets = period_end("day", now)
    return [
        Alert(
            f"day/{day_of(now)}/{percent}",
            f"day_{percent}",
            f"{percent} % of the cap of {day_of(now)} is spent: ${usd9(day.spent)} of ${usd9(day.level)}; "
            f"it resets {resets:%Y-%m-%d %H:%M} UTC",
            {"percent": percent, "spent_nanos": day.spent, "given_nanos": day.level},
        )
        for percent in THRESHOLDS
        if day.level > 0 and day.spent * 100 >= day.level * percent
    ]


def _overrun_alert(balance: Balance) -> list[Alert]:
    if balance.overrun == 0:
        return []
    problem = (
        f"calls cost ${usd9(-balance.overrun)} more than the month had; nothing paid starts until the next grant or "
        "top-up repays it"
    )
    return [Alert("overrun", "overrun", problem, {"overrun_nanos": balance.overrun})]


def _unknown_alert(call: CallRecord, now: datetime) -> Alert:
    since = call.unknown_since or call.held_at
    hours = (now - since).total_seconds() / 3600
    problem = (
        f"the outcome of call {call.id} to {call.subject} is unknown for {hours:.0f} h ({call.problem}); "
        f"${usd9(call.held)} stay held, and are booked in full after a day"
    )
    return Alert(f"unknown/{call.id}", "unknown", problem, {"call_id": call.id, "held_nanos": call.held})


def _drift_alert(found: Reconciliation) -> list[Alert]:
    if not found.warn or found.drift is None:
        return []
    problem = f"the provider's figure for {found.period} is off ours by ${usd9(found.drift)}: {found.cause}"
    return [Alert(f"drift/{found.period}", "drift", problem, {"drift_nanos": found.drift})]
