"""What a person sees of the gateway's keys and runs at one instant: their caps, what is under way, what they spent."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from ai.credit_tracker import keys as key_rows
from ai.credit_tracker import runs as run_rows
from ai.credit_tracker.balances import cap_states
from ai.credit_tracker.keys import Key
from ai.credit_tracker.periods import month_of
from ai.credit_tracker.records import CapState
from ai.credit_tracker.runs import Run
from ai.credit_tracker.statement import spending_by_caller, under_way_by_caller
from ai.ledger.transaction import Transaction

CALLERS = 1_000  # keys and runs whose sums of the month are read, the dearest


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
class KeyLook:
    """A key, its cap (None: no budget of its own) and its use."""

    key: Key
    cap: CapState | None
    use: Use


@dataclass(frozen=True, slots=True)
class RunLook:
    """A run, its cap (None: none was given) and its use."""

    run: Run
    cap: CapState | None
    use: Use


def look_at_callers(tx: Transaction, now: datetime, limit: int) -> tuple[list[KeyLook], list[RunLook]]:
    """Return keys (good ones first) and runs (busy ones first, then the newest and the dearest), `limit` of each."""
    by_key, by_run = _uses(tx, month_of(now))
    keys = [_key_look(tx, key, by_key, now) for key in key_rows.newest_keys(tx, limit)]
    keys.sort(key=lambda look: (look.key.ended(now) is not None, -look.use.under_way, -look.use.cost, look.key.name))
    runs = [_run_look(tx, run, by_run) for run in _runs(tx, by_run, limit)]
    return keys, runs


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
    newest = {run.name: run for run in run_rows.newest_runs(tx, limit)}
    dearest = sorted(uses, key=lambda name: -uses[name].cost)
    busy = [name for name in dearest if uses[name].under_way]
    chosen = [name for name in dict.fromkeys([*busy, *newest, *dearest]) if name][:limit]
    found = [newest.get(name) or run_rows.find_run(tx, name) for name in chosen]
    return [run for run in found if run is not None]


def _key_look(tx: Transaction, key: Key, uses: Mapping[str, Use], now: datetime) -> KeyLook:
    cap = key_rows.foreseen(tx, key, now) if key.ended(now) is None else None
    return KeyLook(key, cap_states(tx, [cap])[0] if cap else None, uses.get(key.name, Use()))


def _run_look(tx: Transaction, run: Run, uses: Mapping[str, Use]) -> RunLook:
    cap = run_rows.run_limit(run)
    return RunLook(run, cap_states(tx, [cap])[0] if cap else None, uses.get(run.name, Use()))
