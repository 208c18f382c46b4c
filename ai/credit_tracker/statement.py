"""What a key or a run spent, exact at any number of calls, and how all of them stand."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any, Generic, TypeVar

from ai.clock import microseconds
from ai.credit_tracker.callers import (
    IS_GOOD,
    Key,
    Run,
    all_keys,
    find_run,
    foreseen_of,
    keys_named,
    newest_keys,
    newest_runs,
    parts_of,
    rows_in,
    run_limit,
)
from ai.credit_tracker.calls import IS_OPEN, OF_A_CALLER, call_record
from ai.credit_tracker.limits import Limit, cap_states
from ai.credit_tracker.periods import month_of
from ai.credit_tracker.records import CallRecord, CapState
from ai.credit_tracker.spending import Line, call_figures, line_json, line_of
from ai.ledger.money import usd9
from ai.ledger.transaction import Transaction

Who = TypeVar("Who", Key, Run)
OTHERS = "(others)"  # who stands for all that are not listed one by one; no key or run can be called so


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
    """Return who spent what through the gateway in a month like `2026-11`, the dearest first, `limit` at most.

    Where there are more, a last row in the name of OTHERS has what they spent, so that the sum is the month's.
    """
    rows = tx.execute(
        "SELECT key, run, SUM(calls) AS calls, SUM(cost) AS cost FROM caller_rollups WHERE period = ? "
        "GROUP BY key, run ORDER BY SUM(cost) DESC, key, run LIMIT ?",
        (period, limit),
    )
    found = [CallerSpending(row["key"], row["run"], int(row["calls"]), int(row["cost"])) for row in rows]
    if len(found) == limit:
        whole = tx.execute(
            "SELECT SUM(calls) AS calls, SUM(cost) AS cost FROM caller_rollups WHERE period = ?", (period,)
        )
        calls = int(whole[0]["calls"] or 0) - sum(one.calls for one in found)
        cost = int(whole[0]["cost"] or 0) - sum(one.cost for one in found)
        found += [CallerSpending(OTHERS, OTHERS, calls, cost)] if calls else []
    return found


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
    """Return keys (good ones first) and runs, `limit` of each: the busy, then the newest and the month's dearest."""
    period, open_calls = month_of(now), under_way_by_caller(tx)
    by_key = _busy([(key, Use(0, 0, *use)) for key, _, *use in open_calls])
    newest = [key.name for key in newest_keys(tx, limit, now)]
    in_turn = _in_turn(by_key, newest, _dearest(tx, "key", period, limit))
    named = keys_named(tx, in_turn)
    found = [named[name] for name in in_turn if name in named]
    known = sorted(found, key=lambda key: key.ended(now) is not None)[:limit]  # those of one kind stay as they stand
    names = [key.name for key in known]
    caps = foreseen_of(tx, [key for key in known if key.ended(now) is None], now)
    keys = _look_at(tx, known, caps, _used(tx, "key", period, names), by_key)
    keys.sort(key=lambda look: (look.who.ended(now) is not None, -look.use.under_way, -look.use.cost, look.who.name))
    return keys, _look_at_runs(tx, _busy([(run, Use(0, 0, *use)) for _, run, *use in open_calls]), period, limit)


def _look_at_runs(tx: Transaction, busy: Mapping[str, Use], period: str, limit: int) -> list[Look[Run]]:
    newest = {run.name: run for run in newest_runs(tx, limit)}
    names = _in_turn(busy, newest, _dearest(tx, "run", period, limit))[:limit]
    known = [run for run in (newest.get(name) or find_run(tx, name) for name in names) if run is not None]
    caps = {run.name: cap for run in known if (cap := run_limit(run)) is not None}
    runs = _look_at(tx, known, caps, _used(tx, "run", period, names), busy)
    runs.sort(key=lambda look: (0, -look.use.cost) if look.use.under_way else (1, 0))  # the others stay as they stand
    return runs


@dataclass(frozen=True, slots=True)
class Callers:
    """How many keys there are and how many are good, how many runs, and how many of these have open calls."""

    keys: int
    good: int
    runs: int
    live: int


def count_callers(tx: Transaction, now: datetime) -> Callers:
    """Return how many keys and runs there are."""
    keys = tx.execute(
        f"SELECT COUNT(*) AS keys, COALESCE(SUM(CASE WHEN {IS_GOOD} THEN 1 ELSE 0 END), 0) AS good FROM keys",
        (microseconds(now),),
    )[0]
    runs = tx.execute("SELECT COUNT(*) AS runs FROM runs")[0]
    live = {run for _, run, *_ in under_way_by_caller(tx) if run}
    return Callers(int(keys["keys"]), int(keys["good"]), int(runs["runs"]), len(live))


def look_at_all_keys(tx: Transaction, now: datetime) -> list[tuple[Key, CapState | None, int]]:
    """Return every key by name with its cap (None: no budget of its own) and what was ever spent with it."""
    keys = all_keys(tx)
    rows = tx.execute("SELECT key, SUM(cost) AS cost FROM caller_rollups GROUP BY key")
    spent = {row["key"]: int(row["cost"]) for row in rows}
    caps = _caps(tx, foreseen_of(tx, keys, now))
    return [(key, caps.get(key.name), spent.get(key.name, 0)) for key in keys]


def _caps(tx: Transaction, limits: Mapping[str, Limit]) -> dict[str, CapState]:
    """Return how each cap stands, by the name that its limit is under."""
    names = list(limits)
    return {
        name: state
        for part in parts_of(names)
        for name, state in zip(part, cap_states(tx, [limits[name] for name in part]), strict=True)
    }


def _look_at(
    tx: Transaction, them: Sequence[Who], limits: Mapping[str, Limit], used: Mapping[str, Use], busy: Mapping[str, Use]
) -> list[Look[Who]]:
    caps = _caps(tx, limits)
    return [Look(who, caps.get(who.name), used.get(who.name, Use()) + busy.get(who.name, Use())) for who in them]


def _used(tx: Transaction, kind: str, period: str, names: Sequence[str]) -> dict[str, Use]:
    """Return what these keys or runs spent in a month, whoever else there is."""
    spent = (
        f"SELECT {kind} AS name, SUM(calls) AS calls, SUM(cost) AS cost FROM caller_rollups "
        f"WHERE {kind} IN ({{}}) AND period = ? GROUP BY {kind}"
    )
    rows = rows_in(tx, spent, names, period)
    return {row["name"]: Use(calls=int(row["calls"]), cost=int(row["cost"])) for row in rows}


def _dearest(tx: Transaction, kind: str, period: str, limit: int) -> list[str]:
    rows = tx.execute(
        f"SELECT {kind} AS name FROM caller_rollups WHERE period = ? AND {kind} <> '' "
        f"GROUP BY {kind} ORDER BY SUM(cost) DESC, {kind} LIMIT ?",
        (period, limit),
    )
    return [row["name"] for row in rows]


def _busy(open_calls: Iterable[tuple[str, Use]]) -> Mapping[str, Use]:
    found: defaultdict[str, Use] = defaultdict(Use)
    for name, use in open_calls:
        if name:
            found[name] += use
    return found


def _in_turn(busy: Mapping[str, Use], newest: Iterable[str], dearest: Iterable[str]) -> list[str]:
    """Return the names of those worth a look: who holds most first, then the newest and the dearest in turn."""
    held = sorted(busy, key=lambda name: (-busy[name].held, name))
    in_turn = (name for pair in zip_longest(newest, dearest) for name in pair if name is not None)
    return list(dict.fromkeys([*held, *in_turn]))
