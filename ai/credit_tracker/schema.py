"""Where the purse's own tables are written down, and how a ledger that has them is opened."""

from importlib.resources import files

from ai.clock import Clock, microseconds
from ai.ledger.ledger import Ledger, open_ledger

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
