"""What a key or a run spent, exact at any number of calls, and how all of them stand."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from ai.credit_tracker.callers import Key, Run, find_run, foreseen, newest_keys, newest_runs, run_limit
from ai.credit_tracker.calls import IS_OPEN, OF_A_CALLER, call_record
from ai.credit_tracker.limits import Limit, cap_states
from ai.credit_tracker.periods import month_of
from ai.credit_tracker.records import CallRecord, CapState
from ai.credit_tracker.spending import Line, call_figures, line_json, line_of
from ai.ledger.money import usd9
from ai.ledger.transaction import Transaction

Who = TypeVar("Who", Key, Run)
CALLERS = 1_000  # keys and runs whose sums of the month are read, the dearest


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
    by_model: tuple[Line, ...]

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


def read_statement(tx: Transaction, *, run: str | None, key: str | None, period: str | None) -> Statement:
    """Return the statement of a key, a run, both, or (neither) of all that callers of the gateway spent."""
    chosen, values = _chosen(run, key, period)
    rows = tx.execute(
        "SELECT model AS key, '' AS mind, SUM(calls) AS calls, SUM(prompt_tokens) AS prompt, "
        "SUM(completion_tokens) AS completion, SUM(cost) AS cost FROM caller_rollups "
        f"WHERE {chosen} GROUP BY model ORDER BY SUM(cost) DESC, model",
        values,
    )
    # `COALESCE` keeps it to the index of the open calls, which are few; those of the key or run are not
    among = "".join(f" AND COALESCE({name}, '') = ?" for name in _given(run, key, period))
    under_way = tx.execute(
        "SELECT COALESCE(SUM(held), 0) AS held, COALESCE(SUM(CASE state WHEN 'unknown' THEN 1 ELSE 0 END), 0) "
        f"AS unknown FROM calls WHERE {IS_OPEN} AND {OF_A_CALLER}{among}",
        values,
    )[0]
    return Statement(period, run, key, int(under_way["held"]), int(under_way["unknown"]), tuple(map(line_of, rows)))


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
        f"AS unknown FROM calls WHERE {IS_OPEN} AND {OF_A_CALLER} GROUP BY key, run"
    )
    return [(row["key"], row["run"], int(row["calls"]), int(row["held"]), int(row["unknown"])) for row in rows]


def statement_calls(  # noqa: PLR0913 - what is chosen, and which page of it
    tx: Transaction, *, run: str | None, key: str | None, period: str | None, limit: int, after_seq: int
) -> list[CallRecord]:
    """Return the calls behind a statement, oldest first, in pages: those with a number above `after_seq`."""
    chosen, values = _chosen(run, key, period)
    rows = tx.execute(
        f"SELECT * FROM calls WHERE {chosen} AND {OF_A_CALLER} AND seq > ? ORDER BY seq LIMIT ?",
        (*values, after_seq, limit),
    )
    return [call_record(row) for row in rows]


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
        "by_model": [line_json("model", line) for line in found.by_model],
    }
    return figures if calls is None else figures | {"rows": [_call_row(call) for call in calls]}


def _call_row(call: CallRecord) -> dict[str, Any]:
    row = {"id": call.id, "key": call.key, "run": call.run, "model": call.subject, "provider_id": call.remote_id}
    return row | call_figures(call)


def _chosen(run: str | None, key: str | None, period: str | None) -> tuple[str, tuple[str, ...]]:
    given = _given(run, key, period)
    # `<> ''` as the indexes of `calls` say it; neither key nor run given: all of both
    terms = [f"{name} = ?" + ("" if name == "period" else f" AND {name} <> ''") for name in given]
    return " AND ".join(terms) or "1 = 1", tuple(given.values())


def _given(run: str | None, key: str | None, period: str | None) -> dict[str, str]:
    return {name: value for name, value in (("key", key), ("run", run), ("period", period)) if value is not None}


@dataclass(frozen=True, slots=True)
class Use:
    """What was captured this month, and what has not ended: calls of both, nano-dollars of both, unknown outcomes."""

    calls: int = 0
    cost: int = 0
    under_way: int = 0
    held: int = 0
    unknown: int = 0

    def __add__(self, other: "Use") -> "Use":
        """Return both together."""
        return Use(
            self.calls + other.calls,
            self.cost + other.cost,
            self.under_way + other.under_way,
            self.held + other.held,
            self.unknown + other.unknown,
        )


@dataclass(frozen=True, slots=True)
class Look(Generic[Who]):
    """A key or a run, its cap (None: no budget of its own) and its use."""

    who: Who
    cap: CapState | None
    use: Use


def look_at_callers(tx: Transaction, now: datetime, limit: int) -> tuple[list[Look[Key]], list[Look[Run]]]:
    """Return keys (good ones first) and runs (busy ones first, then the newest and the dearest), `limit` of each."""
    by_key, by_run = _uses(tx, month_of(now))
    caps = {key: foreseen(tx, key, now) if key.ended(now) is None else None for key in newest_keys(tx, limit)}
    keys = [_look(tx, key, cap, by_key) for key, cap in caps.items()]
    keys.sort(key=lambda look: (look.who.ended(now) is not None, -look.use.under_way, -look.use.cost, look.who.name))
    return keys, [_look(tx, run, run_limit(run), by_run) for run in _runs(tx, by_run, limit)]


def _look(tx: Transaction, who: Who, cap: Limit | None, uses: Mapping[str, Use]) -> Look[Who]:
    return Look(who, cap_states(tx, [cap])[0] if cap else None, uses.get(who.name, Use()))


def _uses(tx: Transaction, period: str) -> tuple[Mapping[str, Use], Mapping[str, Use]]:
    by_key: defaultdict[str, Use] = defaultdict(Use)
    by_run: defaultdict[str, Use] = defaultdict(Use)
    for row in spending_by_caller(tx, period, CALLERS):
        by_key[row.key] += Use(calls=row.calls, cost=row.cost)
        by_run[row.run] += Use(calls=row.calls, cost=row.cost)
    for key, run, calls, held, unknown in under_way_by_caller(tx):
        by_key[key] += Use(under_way=calls, held=held, unknown=unknown)
        by_run[run] += Use(under_way=calls, held=held, unknown=unknown)
    return by_key, by_run


def _runs(tx: Transaction, uses: Mapping[str, Use], limit: int) -> Collection[Run]:
    newest = {run.name: run for run in newest_runs(tx, limit)}
    dearest = sorted(uses, key=lambda name: -uses[name].cost)
    busy = [name for name in dearest if uses[name].under_way]
    chosen = [name for name in dict.fromkeys([*busy, *newest, *dearest]) if name][:limit]
    found = [newest.get(name) or find_run(tx, name) for name in chosen]
    return [run for run in found if run is not None]
