"""The balance of the purse at an instant: read from the accounts, or foretold for a month not opened yet."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from ai.credit_tracker.bands import band_of
from ai.credit_tracker.calls import unknown_sums
from ai.credit_tracker.limits import Limit
from ai.credit_tracker.months import DONATIONS, OVERRUN, find_month, month_account, open_months, spent_account
from ai.credit_tracker.periods import month_end, month_of
from ai.credit_tracker.records import Balance, CapLeft, CapState
from ai.credit_tracker.reserve_rows import reserved_in
from ai.credit_tracker.rollups import burn_per_day
from ai.ledger.errors import UnknownAccount
from ai.ledger.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a balance is judged by beside the books: the grant in nano-dollars, the provider, the smallest hold."""

    grant: int
    paid_provider: bool
    smallest_hold: int
    free: Limit
    posts: Limit


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


def spent_in(tx: Transaction, period: str) -> int:
    """Return what was spent in a month, in nano-dollars; calls above all cover are in it."""
    try:
        account = tx.account(spent_account(period))
    except UnknownAccount:
        return 0
    return account.credits_posted - account.debits_posted


def read_balance(tx: Transaction, now: datetime, outlook: Outlook) -> Balance:
    """Return the balance of the month of `now`.

    A month that was not opened yet is shown as it would be: its grant, the donations that will roll into it, less
    the overrun it will repay. So a first look, or a look with an untrusted clock, never shows a bankrupt.
    """
    period = month_of(now)
    month = find_month(tx, period)
    overrun = min(0, available(tx, OVERRUN))
    held = 0
    if month is None:
        granted = outlook.grant
        donated = available(tx, DONATIONS) + sum(
            min(other.donated - other.rolled, tx.account(month_account(other.period)).available)
            for other in open_months(tx, but=period)
        )
        left = max(0, granted + donated + overrun)
    else:
        account = tx.account(month_account(period))
        granted, donated, held = month.granted, month.donated - month.rolled, account.debits_pending
        left = account.available + month.expired  # entering a closed month gives it back; an open one has none
    _, held_unknown = unknown_sums(tx, period)
    burn = burn_per_day(tx, now)
    free_level = filled_level(tx, outlook.free)
    return Balance(
        period=period,
        granted=granted,
        donated=donated,
        spent=spent_in(tx, period),
        held=held,
        held_unknown=held_unknown,
        available=left,
        band=band_of(
            available=left,
            given=granted + donated,
            held_unknown=held_unknown,
            paid_provider=outlook.paid_provider,
            smallest_hold=outlook.smallest_hold,
        ),
        resets_at=month_end(period),
        runway_days=left / burn if burn else None,
        free_left=available(tx, outlook.free.account, outlook.free.level),
        free_quota=free_level,
        posts_left=available(tx, outlook.posts.account, outlook.posts.level),
        overrun=overrun,
        reserved=reserved_in(tx, period),
    )


def caps_left(tx: Transaction, limits: Sequence[Limit]) -> tuple[CapLeft, ...]:
    """Return what every cap on money among `limits` has left; one not filled yet has what it will be filled with."""
    return tuple(
        CapLeft(
            limit.name,
            available(tx, limit.account, limit.level),
            filled_level(tx, limit),
            limit.resets_at,
            limit.own is not None,
        )
        for limit in limits
        if limit.kind == "money"
    )


def cap_states(tx: Transaction, limits: Sequence[Limit]) -> tuple[CapState, ...]:
    """Return how each cap stands; one that is not filled yet as it will be then."""
    marks = ",".join("?" * len(limits)) or "NULL"
    rows = tx.execute(
        "SELECT accounts.id AS account, debits_pending AS held, "
        "credits_posted - debits_posted - debits_pending AS free, "
        "COALESCE(caps.filled, months.granted + months.donated - months.rolled) AS filled FROM accounts "
        "LEFT JOIN caps ON caps.account = accounts.id LEFT JOIN months ON accounts.id = 'month:' || months.period "
        f"WHERE accounts.id IN ({marks})",
        [limit.account for limit in limits],
    )
    found = {row["account"]: (int(row["filled"]), int(row["held"]), int(row["free"])) for row in rows}
    states = []
    for limit in limits:
        filled, held, left = found.get(limit.account, (limit.level, 0, limit.level))
        states.append(CapState(limit.name, left, held, filled - held - left, limit.resets_at))
    return tuple(states)


def filled_level(tx: Transaction, limit: Limit) -> int:
    """Return how far a limit was filled for its period, or would be where that is still to come."""
    rows = list(tx.execute("SELECT filled FROM caps WHERE account = ?", (limit.account,)))
    return int(rows[0]["filled"]) if rows else limit.level
