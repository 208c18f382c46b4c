"""What a key or a run spent: exact at any number of calls, because it is summed as the calls are settled."""

from dataclasses import dataclass
from typing import Any

from ai.credit_tracker.calls import HeldCall, call_record
from ai.credit_tracker.records import CallRecord, RunUsage, Usage
from ai.ledger.money import usd9
from ai.ledger.store import BulkStatement
from ai.ledger.transaction import Transaction

# as the index of the open calls of callers says it, so that it is used
_OPEN = "state IN ('held', 'sent', 'unknown') AND (key <> '' OR run <> '')"


@dataclass(frozen=True, slots=True)
class ModelSpending:
    """What calls to one model cost in nano-dollars, and their tokens."""

    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What was spent with a key, a run or both (None: with any), in a month like `2026-11` (None: ever).

    `calls` and the sums are of calls that were captured; `held` is what those that have not ended may still cost, and
    `unknown` how many of these have an outcome that nobody knows yet. Amounts are nano-dollars.
    """

    period: str | None
    run: str | None
    key: str | None
    held: int
    unknown: int
    by_model: tuple[ModelSpending, ...]

    @property
    def calls(self) -> int:
        """How many calls were captured."""
        return sum(line.calls for line in self.by_model)

    @property
    def prompt_tokens(self) -> int:
        """What the calls sent."""
        return sum(line.prompt_tokens for line in self.by_model)

    @property
    def completion_tokens(self) -> int:
        """What the calls brought."""
        return sum(line.completion_tokens for line in self.by_model)

    @property
    def cost(self) -> int:
        """What the calls cost, in nano-dollars."""
        return sum(line.cost for line in self.by_model)


CALLER_ROLLUPS = BulkStatement(
    "INSERT INTO caller_rollups (key, run, period, model, calls, prompt_tokens, completion_tokens, cost) "
    "SELECT :key, :run, :period, :model, SUM(:calls), SUM(:prompt), SUM(:completion), SUM(:cost) {rows} "
    "GROUP BY :key, :run, :period, :model ON CONFLICT (key, run, period, model) DO UPDATE SET "
    "calls = caller_rollups.calls + excluded.calls, "
    "prompt_tokens = caller_rollups.prompt_tokens + excluded.prompt_tokens, "
    "completion_tokens = caller_rollups.completion_tokens + excluded.completion_tokens, "
    "cost = caller_rollups.cost + excluded.cost",
    {
        "key": "TEXT",
        "run": "TEXT",
        "period": "TEXT",
        "model": "TEXT",
        "calls": "BIGINT",
        "prompt": "BIGINT",
        "completion": "BIGINT",
        "cost": "BIGINT",
    },
    sums=4,
)


def add_to_statement(tx: Transaction, call: CallRecord, *, cost: int, calls: int, usage: Usage | None) -> None:
    """Add a settled call, or a correction's difference in `cost`, to what its key and run spent."""
    if call.key or call.run:
        whose = (call.key, call.run, call.period, call.subject)
        tx.write(CALLER_ROLLUPS, (*whose, calls, *_tokens(usage), cost))


def add_fresh(tx: Transaction, held: HeldCall, *, cost: int, usage: Usage | None) -> None:
    """Add a call that is settled for the first time, as `add_to_statement` does."""
    caller = held.expense.caller
    if caller is not None and (caller.key or caller.run):
        whose = (caller.key, caller.run, held.period, held.expense.subject)
        tx.write(CALLER_ROLLUPS, (*whose, 1, *_tokens(usage), cost))


def _tokens(usage: Usage | None) -> tuple[int, int]:
    return (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)


def read_statement(tx: Transaction, *, run: str | None, key: str | None, period: str | None) -> Statement:
    """Return the statement of a key, a run, both, or (neither) of all that callers of the gateway spent."""
    chosen, values = _chosen(run, key, period)
    rows = tx.execute(
        "SELECT model, SUM(calls) AS calls, SUM(prompt_tokens) AS prompt, SUM(completion_tokens) AS completion, "
        f"SUM(cost) AS cost FROM caller_rollups WHERE {chosen} GROUP BY model ORDER BY SUM(cost) DESC, model",
        values,
    )
    # `COALESCE` keeps it to the index of the open calls, which are few; those of the key or run are not
    among = "".join(f" AND COALESCE({name}, '') = ?" for name in _given(run, key, period))
    under_way = tx.execute(
        "SELECT COALESCE(SUM(held), 0) AS held, COALESCE(SUM(CASE state WHEN 'unknown' THEN 1 ELSE 0 END), 0) "
        f"AS unknown FROM calls WHERE {_OPEN}{among}",
        values,
    )[0]
    lines = tuple(
        ModelSpending(row["model"], *(int(row[part]) for part in ("calls", "prompt", "completion", "cost")))
        for row in rows
    )
    return Statement(period, run, key, int(under_way["held"]), int(under_way["unknown"]), lines)


@dataclass(frozen=True, slots=True)
class CallerSpending:
    """What a key spent for a run ('': for none) in a month: calls that were captured, nano-dollars."""

    key: str
    run: str
    calls: int
    cost: int


def spending_by_caller(tx: Transaction, period: str, limit: int) -> list[CallerSpending]:
    """Return who spent what through the gateway in a month like `2026-11`, the dearest first, `limit` at most."""
    rows = tx.execute(
        "SELECT key, run, SUM(calls) AS calls, SUM(cost) AS cost FROM caller_rollups WHERE period = ? "
        "GROUP BY key, run ORDER BY SUM(cost) DESC, key, run LIMIT ?",
        (period, limit),
    )
    return [CallerSpending(row["key"], row["run"], int(row["calls"]), int(row["cost"])) for row in rows]


def under_way_by_caller(tx: Transaction) -> list[tuple[str, str, int, int, int]]:
    """Return key, run, calls that have not ended, what they hold in nano-dollars, and how many of them are unknown."""
    rows = tx.execute(
        "SELECT key, run, COUNT(*) AS calls, SUM(held) AS held, SUM(CASE state WHEN 'unknown' THEN 1 ELSE 0 END) "
        f"AS unknown FROM calls WHERE {_OPEN} GROUP BY key, run"
    )
    return [(row["key"], row["run"], int(row["calls"]), int(row["held"]), int(row["unknown"])) for row in rows]


def statement_calls(  # noqa: PLR0913 - what is chosen, and which page of it
    tx: Transaction, *, run: str | None, key: str | None, period: str | None, limit: int, after_seq: int = 0
) -> list[CallRecord]:
    """Return the calls behind a statement, oldest first, in pages: those with a number above `after_seq`."""
    chosen, values = _chosen(run, key, period)
    rows = tx.execute(
        f"SELECT * FROM calls WHERE {chosen} AND (key <> '' OR run <> '') AND seq > ? ORDER BY seq LIMIT ?",
        (*values, after_seq, limit),
    )
    return [call_record(row) for row in rows]


def usage_of_run(tx: Transaction, run: str, since_us: int) -> RunUsage:
    """Return what a run's calls since `since_us` (microseconds) used; requests as in `usage_after`."""
    row = tx.execute(
        "SELECT COUNT(*) AS requests, COALESCE(SUM(cost), 0) AS cost, "
        "COALESCE(SUM(CASE WHEN purpose = 'embedding' THEN 0 ELSE prompt_tokens END), 0) AS input, "
        "COALESCE(SUM(completion_tokens), 0) AS output, "
        "COALESCE(SUM(CASE WHEN purpose = 'embedding' THEN prompt_tokens ELSE 0 END), 0) AS embedding "
        "FROM calls WHERE run = ? AND run <> '' AND held_at >= ? AND state IN ('sent', 'unknown', 'captured')",
        (run, since_us),
    )[0]
    return RunUsage(*(int(row[part]) for part in ("requests", "input", "output", "embedding", "cost")))


def statement_json(found: Statement, calls: list[CallRecord] | None = None) -> dict[str, Any]:
    """Return a statement as JSON (CONTRACT §7), with `rows` where its calls are given; money as decimal strings."""
    figures: dict[str, Any] = {
        "period": found.period,
        "run": found.run,
        "key": found.key,
        "calls": found.calls,
        "prompt_tokens": found.prompt_tokens,
        "completion_tokens": found.completion_tokens,
        "cost": usd9(found.cost),
        "held": usd9(found.held),
        "unknown": found.unknown,
        "by_model": [
            {
                "model": line.model,
                "calls": line.calls,
                "prompt_tokens": line.prompt_tokens,
                "completion_tokens": line.completion_tokens,
                "cost": usd9(line.cost),
            }
            for line in found.by_model
        ],
    }
    return figures if calls is None else figures | {"rows": [_row(call) for call in calls]}


def _row(call: CallRecord) -> dict[str, Any]:
    return {
        "id": call.id,
        "key": call.key,
        "run": call.run,
        "model": call.subject,
        "provider_id": call.remote_id,
        "state": call.state.value,
        "held": usd9(call.held),
        "cost": None if call.cost is None else usd9(call.cost),
        "prompt_tokens": call.prompt_tokens,
        "completion_tokens": call.completion_tokens,
        "estimated": call.estimated,
        "problem": call.problem,
        "held_at": f"{call.held_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "settled_at": None if call.settled_at is None else f"{call.settled_at:%Y-%m-%dT%H:%M:%S.%fZ}",
    }


def _chosen(run: str | None, key: str | None, period: str | None) -> tuple[str, tuple[str, ...]]:
    given = _given(run, key, period)
    # `<> ''` as the indexes of `calls` say it; neither key nor run given: all of both
    terms = [f"{name} = ?" + ("" if name == "period" else f" AND {name} <> ''") for name in given]
    return " AND ".join(terms) or "1 = 1", tuple(given.values())


def _given(run: str | None, key: str | None, period: str | None) -> dict[str, str]:
    return {name: value for name, value in (("key", key), ("run", run), ("period", period)) if value is not None}
