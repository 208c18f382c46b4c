"""The ledger's verbs inside one durable transaction: open, transfer, hold, capture, void; on either store.

The schema decides: a verb writes all its rows in one statement, which it takes whole or refuses whole. Only
after a refusal does Python look why, and names it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ai.ledger.errors import (
    ConstraintBroken,
    CorruptStore,
    HoldEnded,
    InsufficientFunds,
    InvalidTransfer,
    StoreUnavailable,
    TransferConflict,
    UnknownAccount,
    UnknownHold,
)
from ai.ledger.store import BulkStatement, Row, Rows, Statements, Written

MAX_AMOUNT = 10**18  # a billion dollars in nano-dollars: nine such transfers still fit in 64 bits
MAX_LEGS = 16  # month, day, two quotas, a wish, reflection and ten named caps; a hold of more is a mistake
MAX_ID = 200  # characters; ids are written in every row and index
ENDED = "/ended"  # a capture or a void of leg L has the id L/ended; the schema holds to it

_ACCOUNT = (
    "SELECT id, unit, may_go_negative, debits_pending, debits_posted, credits_pending, credits_posted "
    "FROM accounts WHERE id IN "
)
_STORED = "SELECT id, kind, debit, credit, pending, posted, memo, at FROM transfers WHERE id IN "
_MARKS = tuple("(" + ", ".join("?" * count) + ")" for count in range(2 * MAX_LEGS + 1))
_INTO = "INSERT INTO transfers (id, kind, debit, credit, pending, posted, hold, memo, at) "
TRANSFERS = BulkStatement(
    _INTO + "SELECT :id, :kind, :debit, :credit, :pending, :posted, :hold, :memo, :at {rows}",
    {
        "id": "TEXT",
        "kind": "TEXT",
        "debit": "TEXT",
        "credit": "TEXT",
        "pending": "BIGINT",
        "posted": "BIGINT",
        "hold": "TEXT",
        "memo": "TEXT",
        "at": "BIGINT",
    },
)
# Captures a hold's legs without reading them first. A leg that is not there, or one more than was asked for (`beyond`,
# which the last leg brings), makes a row that the schema refuses, and with it the whole statement.
_OF_LEG = "(SELECT {} FROM transfers WHERE id = :leg)".format
CAPTURES = BulkStatement(
    _INTO + f"SELECT :leg || '{ENDED}', 'capture', {_OF_LEG('debit')}, {_OF_LEG('credit')}, -{_OF_LEG('pending')}, "
    ":amount, :leg, (SELECT '' WHERE NOT EXISTS (SELECT 1 FROM transfers WHERE id = :beyond)), :at {rows}",
    {"leg": "TEXT", "amount": "BIGINT", "beyond": "TEXT", "at": "BIGINT"},
)


@dataclass(frozen=True, slots=True)
class Account:
    """One account's counters, in whole units (nano-dollars where the unit is usd)."""

    id: str
    unit: str
    may_go_negative: bool
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int

    @property
    def available(self) -> int:
        """Return what may still be held or spent; below zero only where `may_go_negative`."""
        return self.credits_posted - self.debits_posted - self.debits_pending


@dataclass(frozen=True, slots=True)
class Leg:
    """One part of a hold: `amount` whole units that may move from account `debit` to account `credit`."""

    debit: str
    credit: str
    amount: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer that was posted at once; `at` in microseconds since 1970, UTC."""

    id: str
    debit: str
    credit: str
    amount: int
    memo: str
    at: int


class Looks:
    """What is to be looked at when a transaction ends, and where that is waited for."""

    def __init__(self) -> None:
        self._asked: list[tuple[Collection[str], dict[str, int]]] = []

    def at(self, accounts: Collection[str]) -> dict[str, int]:
        """Return where it will stand what these accounts have available."""
        found: dict[str, int] = {}
        self._asked.append((accounts, found))
        return found

    @property
    def accounts(self) -> frozenset[str]:
        """All that is to be looked at."""
        return frozenset(account for accounts, _ in self._asked for account in accounts)

    def fill(self, available: Mapping[str, int]) -> None:
        """Give everybody what was seen."""
        for accounts, found in self._asked:
            found.update((account, available[account]) for account in accounts if account in available)


class Transaction:
    """The verbs; `at` is this transaction's time in microseconds since 1970, UTC."""

    __slots__ = ("_looks", "_store", "at", "failed")

    def __init__(self, store: Statements, at: int, looks: Looks | None = None) -> None:
        self.at = at
        self._looks = looks
        self._store = store
        self.failed: Exception | None = None

    def execute(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run other rooms' SQL in this transaction: `?` placeholders, no literal `?`, the same text on both stores.

        Raises ConstraintBroken, StoreUnavailable or CorruptStore, and the driver's own error for wrong SQL. After
        any of them the work is undone, even where it catches the error, because PostgreSQL does not go on.
        """
        if self.failed is not None:
            raise self.failed
        try:
            return self._store.execute(sql, params)
        except Exception as error:
            self.failed = error
            raise

    def write(self, statement: BulkStatement, *rows: Sequence[object]) -> None:
        """Write other rooms' rows; those of all callers that wait go to the store together.

        Raises ConstraintBroken where the schema refuses one of them, having written none of these; the work may go on.
        """
        self._write([(statement, rows)])

    def check(self) -> str | None:
        """Return what the database itself finds damaged in its file, or None; reads the whole file."""
        return self._store.check()

    def open_account(self, account_id: str, unit: str, *, may_go_negative: bool = False) -> None:
        """Open an empty account; the same call again does nothing. Raises TransferConflict, InvalidTransfer."""
        _check_id(account_id)
        if not unit:
            raise InvalidTransfer(f"account {account_id} needs a unit, such as usd or posts")
        for stored in self._accounts([account_id]).values():
            if stored.unit != unit:
                raise TransferConflict(account_id, "unit", stored.unit, unit)
            if stored.may_go_negative != may_go_negative:
                raise TransferConflict(account_id, "may_go_negative", stored.may_go_negative, may_go_negative)
            return
        self.execute(
            "INSERT INTO accounts (id, unit, may_go_negative) VALUES (?, ?, ?)",
            (account_id, unit, int(may_go_negative)),
        )

    def left_then(self, accounts: Collection[str]) -> dict[str, int]:
        """Return what fills up at the commit: what each account has available then, without those never opened.

        It goes with the commit, where `account` would ask the store on its own, after all that waits was written.
        """
        assert self._looks is not None, "a query has no commit"  # noqa: S101 - of a writer alone
        return self._looks.at(accounts)

    def account(self, account_id: str) -> Account:
        """Return the account. Raises UnknownAccount."""
        found = self._accounts([account_id])
        if account_id not in found:
            raise UnknownAccount(account_id)
        return found[account_id]

    def transfer(self, transfer_id: str, *, debit: str, credit: str, amount: int, memo: str = "") -> Transfer:
        """Move `amount` from `debit` to `credit` at once; the same call again returns the same transfer.

        Raises InvalidTransfer, TransferConflict, UnknownAccount, InsufficientFunds, having written nothing.
        """
        leg = Leg(debit, credit, amount)
        _check_id(transfer_id)
        _check_leg(leg)
        try:
            self._write([(TRANSFERS, [(transfer_id, "post", debit, credit, 0, amount, None, memo, self.at)])])
        except ConstraintBroken:
            stored = self._stored([transfer_id]).get(transfer_id)
            if stored is None:
                self._name_the_refusal([leg])
                raise
            _check_same(stored, "post", leg, memo)
            return Transfer(transfer_id, debit, credit, amount, memo, stored["at"])
        return Transfer(transfer_id, debit, credit, amount, memo, self.at)

    def hold(self, hold_id: str, legs: Sequence[Leg], *, memo: str = "") -> None:
        """Set aside every leg's amount, all or nothing; the same call again does nothing, even after the hold ended.

        Leg n is the transfer `{hold_id}/{n}`. Raises InvalidTransfer, TransferConflict, UnknownAccount,
        InsufficientFunds, having written nothing.
        """
        _check_id(hold_id)
        if not 1 <= len(legs) <= MAX_LEGS:
            raise InvalidTransfer(f"hold {hold_id} has {len(legs)} legs; it needs 1 to {MAX_LEGS}")
        rows = []
        for n, leg in enumerate(legs):
            _check_leg(leg)
            rows.append((f"{hold_id}/{n}", "hold", leg.debit, leg.credit, leg.amount, 0, None, memo, self.at))
        try:
            self._write([(TRANSFERS, rows)])
        except ConstraintBroken:
            stored = self._stored([f"{hold_id}/{n}" for n in range(MAX_LEGS)])
            if not stored:
                self._name_the_refusal(legs)
                raise
            ids = [f"{hold_id}/{n}" for n in range(len(legs))]
            if stored.keys() != set(ids):
                raise TransferConflict(hold_id, "legs", len(stored), len(legs)) from None
            for leg_id, leg in zip(ids, legs, strict=True):
                _check_same(stored[leg_id], "hold", leg, memo)

    def capture(self, hold_id: str, amounts: Sequence[int]) -> None:
        """Post one amount a leg (0 ≤ amount ≤ held), release the rest and end the hold; the same again does nothing.

        Raises InvalidTransfer, UnknownHold, or HoldEnded where it was voided or captured with other amounts.
        """
        if not (1 <= len(amounts) <= MAX_LEGS and all(map(_is_amount, amounts))):
            return self._end(hold_id, "capture", amounts)
        last = len(amounts) - 1
        beyond = f"{hold_id}/{len(amounts)}"
        rows = [(f"{hold_id}/{n}", amount, beyond if n == last else None, self.at) for n, amount in enumerate(amounts)]
        try:
            self._write([(CAPTURES, rows)])
        except ConstraintBroken:  # now its legs are read, to name what is wrong: often nothing, it was captured before
            self._end(hold_id, "capture", amounts)

    def void(self, hold_id: str) -> None:
        """Release every leg and end the hold; the same again does nothing. Raises UnknownHold, HoldEnded."""
        self._end(hold_id, "void", None)

    def _end(self, hold_id: str, kind: str, amounts: Sequence[int] | None) -> None:
        held, ends = self._legs(hold_id, MAX_LEGS if amounts is None else len(amounts) + 1)
        posted = [0] * len(held) if amounts is None else list(amounts)
        if len(posted) != len(held):
            raise InvalidTransfer(f"hold {hold_id} has {len(held)} legs and {len(posted)} amounts were given")
        if ends:
            same = len(ends) == len(held) and all(
                end["kind"] == kind and end["posted"] == amount for end, amount in zip(ends, posted, strict=True)
            )
            if same:
                return
            raise HoldEnded(hold_id, _how(ends))
        for leg, amount in zip(held, posted, strict=True):
            _check_amount(leg["id"], amount)
            if amount > leg["pending"]:
                raise InvalidTransfer(
                    f"{leg['id']} holds {leg['pending']:,}; at most that can be captured, not {amount:,}"
                )
        rows = [
            # its two accounts, what it takes back, what it posts, and the hold that it ends
            (leg[0] + ENDED, kind, leg[2], leg[3], -leg[4], amount, leg[0], "", self.at)
            for leg, amount in zip(held, posted, strict=True)
        ]
        self._write([(TRANSFERS, rows)])

    def _legs(self, hold_id: str, most: int) -> tuple[list[Row], list[Row]]:
        """Return the hold's first legs, up to `most`, and what ended them, both in order. Raises UnknownHold."""
        legs = [f"{hold_id}/{n}" for n in range(min(most, MAX_LEGS))]
        stored = self._stored(legs + [leg + ENDED for leg in legs])
        held = [stored[leg] for leg in legs if leg in stored and stored[leg]["kind"] == "hold"]
        if not held:
            raise UnknownHold(hold_id)
        return held, [stored[leg["id"] + ENDED] for leg in held if leg["id"] + ENDED in stored]

    def _write(self, written: Written) -> None:
        """Write rows, all or none. Raises ConstraintBroken, after which the transaction goes on."""
        if self.failed is not None:
            raise self.failed
        try:
            self._store.judge(written)
        except (StoreUnavailable, CorruptStore) as error:
            self.failed = error
            raise

    def _accounts(self, ids: Sequence[str]) -> dict[str, Account]:
        rows = self.execute(_ACCOUNT + _MARKS[len(ids)], ids)
        return {row[0]: Account(row[0], row[1], bool(row[2]), *list(row)[3:]) for row in rows}

    def _stored(self, ids: Sequence[str]) -> dict[str, Row]:
        return {row[0]: row for row in self.execute(_STORED + _MARKS[len(ids)], ids)}

    def _name_the_refusal(self, legs: Sequence[Leg]) -> None:
        """Raise what is wrong with legs that were to move together: accounts, units or funds."""
        needed: dict[str, int] = {}
        for leg in legs:
            needed[leg.debit] = needed.get(leg.debit, 0) + leg.amount
        ids = list(dict.fromkeys(account for leg in legs for account in (leg.debit, leg.credit)))
        accounts = self._accounts(ids)
        for account_id in ids:
            if account_id not in accounts:
                raise UnknownAccount(account_id)
        for leg in legs:
            units = accounts[leg.debit].unit, accounts[leg.credit].unit
            if units[0] != units[1]:
                raise InvalidTransfer(f"{leg.debit} is in {units[0]} and {leg.credit} in {units[1]}")
        for account_id, amount in needed.items():
            account = accounts[account_id]
            if not account.may_go_negative and account.available < amount:
                raise InsufficientFunds(account_id, amount, account.available)


def _check_id(given: str) -> None:
    if not given or len(given) > MAX_ID or given.endswith(ENDED):
        raise InvalidTransfer(f"id {given!r} must have 1 to {MAX_ID} characters and not end in {ENDED}")


def _is_amount(given: object) -> bool:
    return isinstance(given, int) and 0 <= given <= MAX_AMOUNT and not isinstance(given, bool)


def _check_amount(of: str, amount: int) -> None:
    if not _is_amount(amount):
        raise InvalidTransfer(f"amount of {of} is {amount!r}; it must be an int from 0 to {MAX_AMOUNT:,}")


def _check_leg(leg: Leg) -> None:
    if not _is_amount(leg.amount):  # asked at each leg: the words are made only where they are needed
        _check_amount(f"{leg.debit} → {leg.credit}", leg.amount)
    if leg.debit == leg.credit:
        raise InvalidTransfer(f"debit and credit are both {leg.debit}; a transfer needs two accounts")


def _check_same(stored: Row, kind: str, leg: Leg, memo: str) -> None:
    amount = "pending" if kind == "hold" else "posted"
    given = {"kind": kind, "debit": leg.debit, "credit": leg.credit, amount: leg.amount, "memo": memo}
    for field, value in given.items():
        if stored[field] != value:
            name = "amount" if field == amount else field
            raise TransferConflict(stored["id"], name, stored[field], value)


def _how(ends: Sequence[Row]) -> str:
    if all(end["kind"] == "void" for end in ends):
        return "voided"
    return "captured " + ", ".join(f"{end['posted']:,}" for end in ends)
