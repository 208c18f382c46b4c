"""Everything that can go wrong with money, each by its name and as one line a person can act on."""

from collections.abc import Callable
from typing import Any


class LedgerError(Exception):
    """The base of all errors of this room; copies and pickles keep the message and every field."""

    def __reduce__(self) -> tuple[Callable[..., "LedgerError"], tuple[Any, ...]]:
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[LedgerError], args: tuple[Any, ...], fields: dict[str, Any]) -> LedgerError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


class InvalidTransfer(LedgerError):
    """What was asked for is no transfer at all: an amount, a unit or an account that cannot be right."""


class InsufficientFunds(LedgerError):
    """An account may not go below zero, and this would take it there. Nothing was written."""

    def __init__(self, account: str, needed: int, available: int) -> None:
        super().__init__(f"account {account} has {available:,} available and {needed:,} is needed")
        self.account = account
        self.needed = needed
        self.available = available


class TransferConflict(LedgerError):
    """The id is taken by a transfer (or an account) with another value in `field`. Nothing was written."""

    def __init__(self, transfer_id: str, field: str, stored: object, given: object) -> None:
        super().__init__(f"{transfer_id} exists with {field} {stored!r}; {given!r} was given now")
        self.transfer_id = transfer_id
        self.field = field
        self.stored = stored
        self.given = given


class HoldEnded(LedgerError):
    """A hold ends once, and this one ended already, in another way than asked for now (`how`)."""

    def __init__(self, hold_id: str, how: str) -> None:
        super().__init__(f"hold {hold_id} has ended already: {how}")
        self.hold_id = hold_id
        self.how = how


class UnknownHold(LedgerError):
    """No hold was made under this id."""

    def __init__(self, hold_id: str) -> None:
        super().__init__(f"there is no hold {hold_id}")
        self.hold_id = hold_id


class UnknownAccount(LedgerError):
    """No account was opened under this id."""

    def __init__(self, account: str) -> None:
        super().__init__(f"there is no account {account}; open it before it is used")
        self.account = account


class ConstraintBroken(LedgerError):
    """The database's own rules refused a statement; the work that ran it is undone whole."""


class NewerSchema(LedgerError):
    """The database was written by a newer version of this program; it was not touched."""

    def __init__(self, component: str, found: int, known: int) -> None:
        super().__init__(
            f"the database has version {found} of its {component!r} tables and this program knows {known}: "
            "start the newer program, or restore a backup made before the upgrade"
        )
        self.component = component
        self.found = found
        self.known = known


class StoreUnavailable(LedgerError):
    """The store cannot be read or written now: disk full, read-only, server away, locked for too long.

    `transient`: trying again later may work without a person's help. `outcome_unknown`: the connection or
    the disk failed while committing, so the work may have been done; the same ids again tell.
    """

    def __init__(self, reason: str, *, transient: bool = True, outcome_unknown: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient
        self.outcome_unknown = outcome_unknown


class CorruptStore(LedgerError):
    """The database is damaged. The file was left as it is; nothing new was written over it."""


class OlderSchema(StoreUnavailable):
    """The database is of an older version of this program, and who only reads cannot bring it up to date."""

    def __init__(self, component: str, found: int, known: int) -> None:
        super().__init__(
            f"the database has version {found} of its {component!r} tables and this program writes {known}: "
            "`genesis up` or `genesis run 1` brings it up to date"
        )
