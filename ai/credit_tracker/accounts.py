"""The purse's accounts: their names and units, what each has left, and how the ledger that holds them is opened."""

from collections.abc import Collection
from datetime import datetime
from importlib.resources import files

from ai.clock import Clock, microseconds
from ai.credit_tracker.periods import day_of, month_of, period_of
from ai.ledger.errors import UnknownAccount
from ai.ledger.ledger import Ledger, open_ledger
from ai.ledger.transaction import Transaction
from ai.settings import Cap

_FOLDER = files("ai.credit_tracker") / "migrations"
COMPONENT = ("calls", {"sqlite": _FOLDER / "sqlite", "postgres": _FOLDER / "postgres"})


def open_credit_ledger(url: str, clock: Clock, *, read_only: bool = False) -> Ledger:
    """Return the ledger at `url` (`sqlite:///path` or `postgresql://…`) with the purse's tables, migrated.

    Raises StoreUnavailable, CorruptStore, or NewerSchema where a newer program wrote it.
    """
    return open_ledger(
        url,
        lambda: microseconds(clock.now()),
        components=(COMPONENT,),
        read_only=read_only,
        monotonic=clock.monotonic,
    )


USD = "usd"  # the unit: accounts of dollars count nano-dollars
REQUEST = "request"
POST = "post"
TREASURY = "treasury"  # where grants come from and expired ones go back to; may go negative
DONORS = "donors"  # the world outside that tops up; may go negative
DONATIONS = "donations"  # the pot a donation passes through on its way into a month
OVERRUN = "overrun"  # what calls cost above all that was there; the only debt there is


def open_books(tx: Transaction) -> None:
    """Open the accounts that every purse has."""
    tx.open_account(TREASURY, USD, may_go_negative=True)
    tx.open_account(DONORS, USD, may_go_negative=True)
    tx.open_account(OVERRUN, USD, may_go_negative=True)
    tx.open_account(DONATIONS, USD)


def month_account(period: str) -> str:
    """Return the account a month is spent from."""
    return f"month:{period}"


def spent_account(period: str) -> str:
    """Return the account a month's expenses end on."""
    return f"spent:{period}"


def source_of(unit: str) -> str:
    """Return the account that limits of this unit are filled from; it may go negative."""
    return f"allowance:{unit}"


def used_of(unit: str) -> str:
    """Return the account that what was used of limits of this unit ends on."""
    return f"used:{unit}"


def day_account(now: datetime) -> str:
    """Return the account of the day's dollars."""
    return f"day:{day_of(now)}"


def free_account(now: datetime) -> str:
    """Return the account of the day's free requests."""
    return f"free:{day_of(now)}"


def posts_account(mind: str, now: datetime) -> str:
    """Return the account of one mind's posts of the day."""
    return f"posts:{mind}:{day_of(now)}"


def wishes_account(now: datetime) -> str:
    """Return the account of what the AI may spend on its own wishes in the month."""
    return f"wishes:{month_of(now)}"


def reflection_account(now: datetime) -> str:
    """Return the account of what reflections may cost in the month."""
    return f"reflection:{month_of(now)}"


def cap_account(cap: Cap, now: datetime) -> str:
    """Return the account of a named sub-budget in its current period."""
    return f"cap:{cap.name}:{period_of(cap.period, now)}"


def callers_account(period: str) -> str:
    """Return the account of what all callers of the gateway together may spend of a month."""
    return f"callers:{period}"


def key_account(key: str, times: int, period: str) -> str:
    """Return the account of a key's budget in a period (`ever`: of all time); `times`: keys there were of its name."""
    return f"key:{key}:{times}:{period}"


def run_account(run: str, times: int) -> str:
    """Return the account of a run's budget; `times` is how often it was set."""
    return f"run:{run}:{times}"


def available(tx: Transaction, account: str, missing: int = 0) -> int:
    """Return what an account has available, or `missing` where it was not opened yet."""
    try:
        return tx.account(account).available
    except UnknownAccount:
        return missing


def all_available(tx: Transaction, accounts: Collection[str]) -> dict[str, int]:
    """Return what each of the accounts has available, without those that were not opened."""
    if not accounts:
        return {}
    rows = tx.execute(
        "SELECT id, credits_posted - debits_posted - debits_pending AS available FROM accounts "
        f"WHERE id IN ({','.join('?' * len(accounts))})",
        list(accounts),
    )
    return {row["id"]: row["available"] for row in rows}
