"""A whole purse copied row by row from one store to another: how PostgreSQL is backed up, and how a purse moves."""

from collections.abc import Iterator

from ai.ledger.ledger import Ledger
from ai.ledger.store import Row
from ai.ledger.transaction import Transaction

PAGE = 5_000  # rows read at once; few enough to stay small in memory
# table → its columns and what its rows are read in the order of; transfers are counted again as they are written
TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "accounts": (("id", "unit", "may_go_negative"), ("id",)),
    "transfers": (("id", "kind", "debit", "credit", "pending", "posted", "hold", "memo", "at"), ("seq",)),
    "months": (
        ("period", "granted", "donated", "rolled", "expired", "repaid", "moves", "opened_at", "closed_at", "lived"),
        ("period",),
    ),
    "caps": (("account", "name", "unit", "filled", "moves", "resets_at"), ("account",)),
    "topups": (("id", "donor", "amount", "at"), ("id",)),
    "calls": (
        (
            *("seq", "id", "mind", "life", "beat", "client", "purpose", "subject", "remote_id", "state", "period"),
            *("day", "legs", "held", "cost", "prompt_tokens", "completion_tokens", "cached_tokens"),
            *("reasoning_tokens", "estimated", "corrections", "problem", "held_at", "sent_at", "unknown_since"),
            *("settled_at", "key", "run", "category"),
        ),
        ("seq",),
    ),
    "reserves": (("mind", "period", "words", "post", "placed", "spent_at"), ("mind", "period")),
    "rollups": (
        (
            *("dimension", "day", "mind", "key", "calls", "measured"),
            *("prompt_tokens", "completion_tokens", "cost"),
        ),
        ("dimension", "day", "mind", "key"),
    ),
    "reconciliations": (
        (
            *("seq", "at", "period", "mind", "provider", "booked", "pending", "doubtful", "others", "highest"),
            *("cause", "warn"),
        ),
        ("seq",),
    ),
    "keys": (
        (
            *("name", "secret_hash", "budget", "per", "times", "account", "model", "models", "max_call"),
            *("requests_per_minute", "created_at", "expires_at", "revoked_at"),
        ),
        ("name",),
    ),
    "key_topups": (("id", "name", "account", "amount", "at"), ("id",)),
    "runs": (("name", "budget", "times", "account", "created_at"), ("name",)),
    "caller_rollups": (
        ("key", "run", "period", "model", "calls", "prompt_tokens", "completion_tokens", "cost"),
        ("key", "run", "period", "model"),
    ),
    "requests": (("key", "name", "fingerprint", "token", "calls", "at", "answer"), ("key", "name")),
    "restores": (("id", "backup_at", "restored_at", "booked_at", "gap"), ("id",)),
}
NUMBERED = ("calls", "reconciliations")  # their numbers go on behind the highest that was copied


def transfers_in(tx: Transaction) -> int:
    """Return how many transfers a purse has: 0 means that nothing ever happened in it."""
    return int(tx.execute("SELECT COUNT(*) AS transfers FROM transfers")[0]["transfers"])


def copy_purse(source: Ledger, target: Ledger, *, target_is_postgres: bool) -> None:
    """Copy every row of `source`, as it is at one moment, into the empty `target`, in one transaction.

    Both stores must be at this program's version. Raises what the stores raise; then the target is still empty.
    """

    def copy(tx: Transaction, into: Transaction) -> None:
        for table, (columns, order) in TABLES.items():
            for page in _pages(tx, table, columns, order):
                _write(into, table, columns, page)
        for table in NUMBERED if target_is_postgres else ():
            _continue_numbers(into, table)

    target.transact_now(lambda into: source.read_now(lambda tx: copy(tx, into)))


def _pages(tx: Transaction, table: str, columns: tuple[str, ...], order: tuple[str, ...]) -> Iterator[list[Row]]:
    """Yield the rows in pages, each found by the key of the last row before it."""
    keys = ", ".join(order)
    wanted = ", ".join(dict.fromkeys((*columns, *order)))
    after: tuple[object, ...] | None = None
    while True:
        marks = ", ".join("?" * len(order))
        where = f"WHERE ({keys}) > ({marks})" if after is not None else ""
        rows = tx.execute(f"SELECT {wanted} FROM {table} {where} ORDER BY {keys} LIMIT ?", (*(after or ()), PAGE))
        if rows:
            yield list(rows)
        if len(rows) < PAGE:
            return
        after = tuple(rows[-1][name] for name in order)


def _write(tx: Transaction, table: str, columns: tuple[str, ...], rows: list[Row]) -> None:
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    for row in rows:
        tx.execute(sql, tuple(row[name] for name in columns))


def _continue_numbers(tx: Transaction, table: str) -> None:
    tx.execute(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'seq'), (SELECT COALESCE(MAX(seq), 0) + 1 FROM {table}), "
        "false)"
    )
