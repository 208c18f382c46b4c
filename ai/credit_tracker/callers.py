"""Keys and runs: those for whom the gateway spends, what each may do, and the account that its budget is."""

import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from ai.clock import instant, instant_or_none, microseconds
from ai.credit_tracker.accounts import USD, key_account, run_account
from ai.credit_tracker.limits import Limit, fill
from ai.credit_tracker.periods import period_end, period_of
from ai.ledger.errors import TransferConflict
from ai.ledger.store import Row
from ai.ledger.transaction import Transaction

Per = Literal["day", "week", "month", "ever"]
PERIODS: tuple[Per, ...] = ("day", "week", "month", "ever")
SECRET_PREFIX = "gk-"  # noqa: S105 - how every secret begins, so that one is known where it leaks
SECRET_BYTES = 32  # nobody guesses so many, so that a plain hash of them may be kept
# Where a key may spend at the time that is its one parameter.
IS_GOOD = "revoked_at IS NULL AND COALESCE(expires_at > ?, 1 = 1)"
AT_ONCE = 500  # names or accounts in one statement: both stores take many more
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What a key may do: nano-dollars a period and a call, one model or globs of models, calls a minute, until when."""

    budget: int | None = None
    per: Per = "month"
    model: str | None = None
    models: tuple[str, ...] = ()
    max_call: int | None = None
    requests_per_minute: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One key; `secret_hash` tells it from an earlier one of the same name, `account` is '' where it has no budget."""

    name: str
    secret_hash: str
    terms: KeyTerms
    times: int
    account: str
    created_at: datetime
    revoked_at: datetime | None

    def ended(self, now: datetime) -> str | None:
        """Return why the key is no longer good, or None."""
        if self.revoked_at is not None:
            return f"was revoked on {self.revoked_at:%Y-%m-%d %H:%M} UTC"
        expires = self.terms.expires_at
        return f"expired on {expires:%Y-%m-%d %H:%M} UTC" if expires is not None and expires <= now else None


class KeyEnded(Exception):
    """The key is unknown, revoked or has expired: nothing is spent with it. The message is one line."""

    def __init__(self, name: str, how: str) -> None:
        super().__init__(f"key {name} {how}")


def check_name(name: str, what: str) -> None:
    """Raise ValueError unless `name` can name a key or a run: it stands in addresses, headers and accounts."""
    if NAME.fullmatch(name) is None:
        raise ValueError(f"{what} {name!r} is no name; write 1 to 64 letters, digits, `.`, `_` or `-`")


def new_secret() -> str:
    """Return a new secret, to be shown once."""
    return SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def create_key(tx: Transaction, name: str, secret_hash: str, terms: KeyTerms, now: datetime) -> Key:
    """Write a new key and fill its account; one that has ended makes room for a new one of its name.

    Raises ValueError for a name that is none or belongs to a key that is good.
    """
    check_name(name, "key")
    before = find_key(tx, name)
    if before is not None and before.ended(now) is None:
        raise ValueError(f"there is a key {name} already; revoke it first, or choose another name")
    if before is not None and before.account:
        _fill_key(tx, before, before.account, 0, now)
    values = (
        secret_hash, terms.budget, terms.per, 1 if before is None else before.times + 1, terms.model,
        json.dumps(terms.models), terms.max_call, terms.requests_per_minute, tx.at,
        None if terms.expires_at is None else microseconds(terms.expires_at),
    )  # fmt: skip
    tx.execute("DELETE FROM keys WHERE name = ?", (name,))
    tx.execute(
        "INSERT INTO keys (name, secret_hash, budget, per, times, model, models, max_call, requests_per_minute, "
        "created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (name, *values),
    )
    return turned(tx, get_key(tx, name), now)


def find_key(tx: Transaction, name: str) -> Key | None:
    """Return the key of that name, ended or not, or None."""
    rows = tx.execute("SELECT * FROM keys WHERE name = ?", (name,))
    return _key(rows[0]) if rows else None


def key_of_secret(tx: Transaction, secret_hash: str) -> Key | None:
    """Return the key that a secret belongs to, ended or not, or None."""
    rows = tx.execute("SELECT * FROM keys WHERE secret_hash = ?", (secret_hash,))
    return _key(rows[0]) if rows else None


def get_key(tx: Transaction, name: str) -> Key:
    """Return the key of that name; raises KeyEnded where there never was one."""
    key = find_key(tx, name)
    if key is None:
        raise KeyEnded(name, "is unknown; `genesis keys list` shows which there are")
    return key


def all_keys(tx: Transaction) -> list[Key]:
    """Return every key, by name."""
    return [_key(row) for row in tx.execute("SELECT * FROM keys ORDER BY name")]


def newest_keys(tx: Transaction, limit: int, now: datetime) -> list[Key]:
    """Return up to `limit` keys: those that are good at `now` before the ended ones, the newest first."""
    newest = f"SELECT * FROM keys ORDER BY CASE WHEN {IS_GOOD} THEN 0 ELSE 1 END, created_at DESC, name LIMIT ?"
    return [_key(row) for row in tx.execute(newest, (microseconds(now), limit))]


def keys_named(tx: Transaction, names: Sequence[str]) -> dict[str, Key]:
    """Return by name those of these keys that there are, ended or not, in few reads for however many."""
    return {row["name"]: _key(row) for row in rows_in(tx, "SELECT * FROM keys WHERE name IN ({})", names)}


def revoke_key(tx: Transaction, name: str, now: datetime) -> Key:
    """End a key at once and empty its account; the same again changes nothing. Raises KeyEnded for an unknown one."""
    key = get_key(tx, name)
    if key.revoked_at is None:
        tx.execute("UPDATE keys SET revoked_at = ? WHERE name = ?", (tx.at, name))
        if key.account:
            _fill_key(tx, key, key.account, 0, now)
    return get_key(tx, name)


def renew_key(tx: Transaction, name: str, until: datetime) -> Key:
    """Let a key be good until then, also one that has expired; raises KeyEnded for one unknown or revoked."""
    key = get_key(tx, name)
    if key.revoked_at is not None:
        raise KeyEnded(name, str(key.ended(until)))
    tx.execute("UPDATE keys SET expires_at = ? WHERE name = ?", (microseconds(until), name))
    return get_key(tx, name)


def topup_key(tx: Transaction, name: str, amount: int, topup_id: str, now: datetime) -> Key:
    """Raise what a key may spend in its current period; the same id again is the same top-up.

    Raises ValueError where the key has no budget or the amount is not positive, KeyEnded, and TransferConflict where
    the id was used for another key or amount.
    """
    if amount <= 0:
        raise ValueError(f"a top-up of {amount} nano-dollars is not positive; give an amount above 0")
    key = get_key(tx, name)
    ended = key.ended(now)
    if ended is not None:
        raise KeyEnded(name, ended)
    if key.terms.budget is None:
        raise ValueError(f"key {name} has no budget of its own, so there is nothing to add to")
    key = turned(tx, key, now)
    known = tx.execute("SELECT name, amount FROM key_topups WHERE id = ?", (topup_id,))
    if known:
        for field, given in (("name", name), ("amount", amount)):
            if known[0][field] != given:
                raise TransferConflict(f"topup {topup_id}", field, known[0][field], given)
        return key
    tx.execute(
        "INSERT INTO key_topups (id, name, account, amount, at) VALUES (?, ?, ?, ?, ?)",
        (topup_id, name, key.account, amount, tx.at),
    )
    _fill_key(tx, key, key.account, _level(tx, key, key.account), now)
    return key


def turned(tx: Transaction, key: Key, now: datetime) -> Key:
    """Return the key with the account of the period of `now`, filled; the account of another period is emptied."""
    if key.terms.budget is None:
        return key
    account = _account(key, now)
    if account == key.account:
        return key
    if key.account:
        _fill_key(tx, key, key.account, 0, now)
    _fill_key(tx, key, account, _level(tx, key, account), now)
    tx.execute("UPDATE keys SET account = ? WHERE name = ?", (account, key.name))
    return get_key(tx, key.name)


def key_limit(key: Key, now: datetime) -> Limit | None:
    """Return the cap that a key's budget is, or None where it has none; `key` is turned to the period of `now`."""
    return _key_limit(key, key.account, 0, now) if key.account else None


def foreseen(tx: Transaction, key: Key, now: datetime) -> Limit | None:
    """Return the cap that a key's budget is or will be at `now`, with its level: for those who only look."""
    return foreseen_of(tx, [key], now).get(key.name)


def foreseen_of(tx: Transaction, keys: Sequence[Key], now: datetime) -> dict[str, Limit]:
    """Return by name the caps that these keys' budgets are or will be at `now`, in few reads for however many."""
    accounts = {key.name: _account(key, now) for key in keys if key.terms.budget is not None}
    added = _added(tx, list(accounts.values()))
    return {
        key.name: _key_limit(key, account, (key.terms.budget or 0) + added.get(account, 0), now)
        for key in keys
        if (account := accounts.get(key.name)) is not None
    }


def parts_of(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield so many of the names at a time as one statement may ask for."""
    return (names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE))


def rows_in(tx: Transaction, sql: str, names: Sequence[str], *others: object) -> Iterator[Row]:
    """Yield the rows of `sql`, where `{}` stands for the names, so many at a time, and `others` come after them."""
    for part in parts_of(names):
        yield from tx.execute(sql.format(",".join("?" * len(part))), (*part, *others))


def _account(key: Key, now: datetime) -> str:
    per = key.terms.per
    return key_account(key.name, key.times, per if per == "ever" else period_of(per, now))


def _level(tx: Transaction, key: Key, account: str) -> int:
    return (key.terms.budget or 0) + _added(tx, [account]).get(account, 0)


def _added(tx: Transaction, accounts: Sequence[str]) -> dict[str, int]:
    """Return what was added to each of these accounts by top-ups; those without one are left out."""
    added = "SELECT account, SUM(amount) AS added FROM key_topups WHERE account IN ({}) GROUP BY account"
    return {row["account"]: int(row["added"]) for row in rows_in(tx, added, accounts)}


def _fill_key(tx: Transaction, key: Key, account: str, level: int, now: datetime) -> None:
    fill(tx, [_key_limit(key, account, level, now)])


def _key_limit(key: Key, account: str, level: int, now: datetime) -> Limit:
    per = key.terms.per
    resets_at = None if per == "ever" else period_end(per, now)
    return Limit(account, f"key {key.name}", "money", USD, level, resets_at, of_caller=True)


def _key(row: Row) -> Key:
    terms = KeyTerms(
        budget=row["budget"],
        per=cast("Per", row["per"]),
        model=row["model"],
        models=tuple(json.loads(row["models"])),
        max_call=row["max_call"],
        requests_per_minute=row["requests_per_minute"],
        expires_at=instant_or_none(row["expires_at"]),
    )
    return Key(
        row["name"], row["secret_hash"], terms, row["times"], row["account"],
        instant(row["created_at"]), instant_or_none(row["revoked_at"]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """One run; `budget` in nano-dollars, None where it has no cap; its account is another each time it is set."""

    name: str
    budget: int | None
    times: int
    account: str


def find_run(tx: Transaction, name: str) -> Run | None:
    """Return the run of that name, or None."""
    rows = tx.execute("SELECT name, budget, times, account FROM runs WHERE name = ?", (name,))
    return Run(*rows[0]) if rows else None


def newest_runs(tx: Transaction, limit: int) -> list[Run]:
    """Return the runs that were made last, `limit` at most, the newest first."""
    rows = tx.execute("SELECT name, budget, times, account FROM runs ORDER BY created_at DESC, name LIMIT ?", (limit,))
    return [Run(*row) for row in rows]


def ensure_run(tx: Transaction, name: str) -> Run:
    """Return the run of that name, made without a budget where there is none. Raises ValueError for no name."""
    found = find_run(tx, name)
    if found is not None:
        return found
    check_name(name, "run")
    tx.execute("INSERT INTO runs (name, created_at) VALUES (?, ?)", (name, tx.at))
    return Run(name, None, 0, "")


def set_run_budget(tx: Transaction, name: str, budget: int | None) -> Run:
    """Give a run this budget (nano-dollars, None: no cap) from now on, whatever it spent before.

    Calls that are under way stay with the budget that they were held on. Raises ValueError for a negative budget.
    """
    if budget is not None and budget < 0:
        raise ValueError(f"a budget of {budget} nano-dollars is negative; give 0 or more")
    run = ensure_run(tx, name)
    if run.account:
        fill(tx, [_run_limit(run, 0)])
    if budget is None:
        fresh = Run(name, None, run.times, "")
    else:
        fresh = Run(name, budget, run.times + 1, run_account(name, run.times + 1))
        fill(tx, [_run_limit(fresh, budget)])
    tx.execute(
        "UPDATE runs SET budget = ?, times = ?, account = ? WHERE name = ?", (budget, fresh.times, fresh.account, name)
    )
    return fresh


def run_limit(run: Run) -> Limit | None:
    """Return the cap that a run's budget is, or None where it has none."""
    return _run_limit(run, run.budget or 0) if run.account else None


def _run_limit(run: Run, level: int) -> Limit:
    return Limit(run.account, f"run {run.name}", "money", USD, level, None, of_caller=True)
