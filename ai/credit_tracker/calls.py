"""The calls table: one row for each expense from its hold to its end, written in the ledger's own transactions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ai.clock import instant, instant_or_none
from ai.credit_tracker.periods import day_of, month_of
from ai.credit_tracker.records import Bill, Caller, CallRecord, CallState, Category, Expense, RunUsage, Usage
from ai.ledger.errors import TransferConflict
from ai.ledger.store import BulkStatement, Row
from ai.ledger.transaction import Transaction

_PACKED = json.JSONEncoder(separators=(",", ":")).encode  # `dumps` makes an encoder for each call
NOBODY = Caller()  # whose calls the mind's own are
# as the indexes of the open calls say it, so that they are used
IS_OPEN = "state IN ('held', 'sent', 'unknown')"
NEAR_CALLS = 10_000  # looked at for an id that was given twice
OF_A_CALLER = "(key <> '' OR run <> '')"


_SENT = BulkStatement(
    "UPDATE calls SET remote_id = COALESCE(:remote_id, calls.remote_id), sent_at = COALESCE(calls.sent_at, :at), "
    "state = CASE calls.state WHEN 'held' THEN 'sent' ELSE calls.state END {rows} WHERE calls.id = :id",
    {"id": "TEXT", "remote_id": "TEXT", "at": "BIGINT"},
    once="id",
)


@dataclass(frozen=True, slots=True)
class CallLeg:
    """One leg of a call's hold: `kind` says whether the cost (money) or the whole amount (free, posts) is captured."""

    kind: str
    debit: str
    credit: str
    amount: int


@dataclass(frozen=True, slots=True)
class HeldCall:
    """What is held for a call and where it belongs: enough to settle it without asking."""

    expense: Expense
    mind: str
    period: str
    day: str
    legs: tuple[CallLeg, ...]


def insert_call(tx: Transaction, expense: Expense, mind: str, now: datetime, legs: Sequence[CallLeg]) -> None:
    """Write the row of a call that was just held for."""
    tx.execute(
        "INSERT INTO calls (id, mind, life, beat, client, purpose, subject, category, key, run, state, period, day, "
        "legs, held, held_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'held', ?, ?, ?, ?, ?)",
        (*call_row(expense, mind, month_of(now), day_of(now), legs), tx.at),
    )


def call_row(expense: Expense, mind: str, period: str, day: str, legs: Sequence[CallLeg]) -> tuple[object, ...]:
    """Return what is written of a call as it is held for, but its state and the time, in the order of the columns."""
    caller = expense.caller or NOBODY
    packed = _PACKED([[leg.kind, leg.debit, leg.credit, leg.amount] for leg in legs])
    return (
        expense.id,
        mind,
        expense.life,
        expense.beat,
        expense.client,
        expense.purpose,
        expense.subject,
        expense.category.value,
        caller.key,
        caller.run,
        period,
        day,
        packed,
        expense.amount_nanos,
    )


def find_call(tx: Transaction, call_id: str) -> CallRecord | None:
    """Return the call of that id, or None."""
    rows = tx.execute("SELECT * FROM calls WHERE id = ?", (call_id,))
    return call_record(rows[0]) if rows else None


def get_call(tx: Transaction, call_id: str) -> CallRecord:
    """Return the call of that id; raises KeyError where nothing was ever held under it."""
    call = find_call(tx, call_id)
    if call is None:
        raise KeyError(f"no call {call_id!r} was held for")
    return call


def legs_of(tx: Transaction, call_id: str) -> list[CallLeg]:
    """Return the legs of a call's hold, in the hold's order."""
    rows = tx.execute("SELECT legs FROM calls WHERE id = ?", (call_id,))
    return [CallLeg(*leg) for leg in json.loads(rows[0]["legs"])]


def check_same(call: CallRecord, expense: Expense, mind: str) -> None:
    """Raise TransferConflict, naming the field, where the same id was held for something else."""
    caller = expense.caller or NOBODY
    pairs = (
        ("mind", call.mind, mind),
        ("subject", call.subject, expense.subject),
        ("category", call.category, expense.category),
        ("purpose", call.purpose, expense.purpose),
        ("amount_nanos", call.held, expense.amount_nanos),
        ("life", call.life, expense.life),
        ("beat", call.beat, expense.beat),
        ("client", call.client, expense.client),
        ("key", call.key, caller.key),
        ("run", call.run, caller.run),
    )
    for field, stored, given in pairs:
        if stored != given:
            raise TransferConflict(call.id, field, stored, given)


def mark_sent(tx: Transaction, call_id: str, remote_id: str | None) -> None:
    """Note that the request left and under which id the provider knows it; an ended call only gains the id."""
    tx.write(_SENT, (call_id, remote_id, tx.at))


def mark_unknown(tx: Transaction, call_id: str, reason: str) -> None:
    """Note that nobody knows how an open call ended; its hold stays."""
    tx.execute(
        "UPDATE calls SET state = 'unknown', problem = ?, unknown_since = COALESCE(unknown_since, ?) "
        f"WHERE id = ? AND {IS_OPEN}",
        (reason, tx.at, call_id),
    )


def mark_ended(tx: Transaction, call_id: str, state: CallState, bill: Bill) -> None:
    """Note how an open call ended; a problem noted before stays where the bill names none."""
    tx.execute(
        "UPDATE calls SET state = ?, cost = ?, prompt_tokens = ?, completion_tokens = ?, cached_tokens = ?, "
        "reasoning_tokens = ?, estimated = ?, problem = COALESCE(?, problem), remote_id = COALESCE(?, remote_id), "
        "settled_at = ? WHERE id = ?",
        (
            *(state.value, bill.cost, *tokens_of(bill.usage), int(bill.estimated), bill.problem),
            *(bill.remote_id, tx.at, call_id),
        ),
    )


def tokens_of(usage: Usage | None) -> tuple[int | None, ...]:
    """Return prompt, completion, cached and reasoning tokens, as the columns stand."""
    if usage is None:
        return (None,) * 4
    return (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens)


def mark_corrected(tx: Transaction, call_id: str, bill: Bill) -> int:
    """Note the true cost of a call that was booked on an estimate; return the number of this correction."""
    rows = tx.execute(
        "UPDATE calls SET cost = ?, estimated = ?, corrections = corrections + 1, "
        "prompt_tokens = COALESCE(?, prompt_tokens), completion_tokens = COALESCE(?, completion_tokens), "
        "cached_tokens = COALESCE(?, cached_tokens), reasoning_tokens = COALESCE(?, reasoning_tokens) "
        "WHERE id = ? RETURNING corrections",
        (bill.cost, int(bill.estimated), *tokens_of(bill.usage), call_id),
    )
    return int(rows[0]["corrections"])


def note_problem(tx: Transaction, call_id: str, problem: str) -> None:
    """Note what a person should know of a call."""
    tx.execute("UPDATE calls SET problem = ? WHERE id = ?", (problem, call_id))


def calls_above_their_hold(tx: Transaction, limit: int) -> list[CallRecord]:
    """Return the latest calls that cost more than was held for them, newest first; reads every call."""
    rows = tx.execute("SELECT * FROM calls WHERE cost > held ORDER BY seq DESC LIMIT ?", (limit,))
    return [call_record(row) for row in rows]


def open_calls(tx: Transaction, mind: str, states: Sequence[CallState], limit: int) -> list[CallRecord]:
    """Return a mind's calls that have not ended and are in one of `states`, oldest first."""
    marks = ",".join("?" * len(states))
    rows = tx.execute(
        f"SELECT * FROM calls WHERE mind = ? AND state IN ({marks}) AND {IS_OPEN} ORDER BY seq LIMIT ?",
        (mind, *(state.value for state in states), limit),
    )
    return [call_record(row) for row in rows]


def shares_its_id(tx: Transaction, call: CallRecord) -> bool:
    """Say whether another call near it bears the id that the provider knows it by: what is told of it may be either's.

    Looks so far as an id is likely to be given again, so that it takes no longer however many calls there were.
    """
    near = (call.seq - NEAR_CALLS, call.seq + NEAR_CALLS)
    rows = tx.execute(
        "SELECT id FROM calls WHERE seq BETWEEN ? AND ? AND remote_id = ? AND id <> ? LIMIT 1",
        (*near, call.remote_id, call.id),
    )
    return bool(rows)


def overdue_calls(tx: Transaction, age: timedelta, limit: int) -> list[CallRecord]:
    """Return the calls of every mind whose outcome has been unknown for `age` or longer, oldest first."""
    rows = tx.execute(
        "SELECT * FROM calls WHERE state = 'unknown' AND unknown_since <= ? ORDER BY seq LIMIT ?",
        (tx.at - age // timedelta(microseconds=1), limit),
    )
    return [call_record(row) for row in rows]


def unknown_sums(tx: Transaction, period: str, *, of_callers: bool = True) -> tuple[int, int]:
    """Return how many calls are of unknown outcome, and how many nano-dollars of `period` they hold.

    `of_callers`: those of the gateway's callers are counted as well.
    """
    only = "" if of_callers else " AND key = '' AND run = ''"
    rows = tx.execute(
        "SELECT COUNT(*) AS calls, COALESCE(SUM(CASE WHEN period = ? THEN held ELSE 0 END), 0) AS held "
        f"FROM calls WHERE state = 'unknown'{only}",
        (period,),
    )
    row = rows[0]
    return int(row["calls"]), int(row["held"])


def last_calls(tx: Transaction, limit: int) -> list[CallRecord]:
    """Return the latest calls of every mind, newest first."""
    return [call_record(row) for row in tx.execute("SELECT * FROM calls ORDER BY seq DESC LIMIT ?", (limit,))]


def last_seq(tx: Transaction) -> int:
    """Return the number of the latest call, 0 where there is none: a marker for `usage_after`."""
    rows = tx.execute("SELECT seq FROM calls ORDER BY seq DESC LIMIT 1")
    return int(rows[0]["seq"]) if rows else 0


def usage_after(tx: Transaction, mind: str, seq: int) -> RunUsage:
    """Return what a mind's model calls after number `seq` used.

    Requests are the answers that were billed or could have been: captured, sent or of unknown outcome; never
    refused or unsent ones. Tokens of embeddings stand apart.
    """
    return _usage(tx, "mind = ? AND seq > ? AND category = ?", (mind, seq, Category.MODEL.value))


def usage_of_run(tx: Transaction, run: str, since_us: int) -> RunUsage:
    """Return what a run's calls since `since_us` (microseconds) used; requests as in `usage_after`."""
    return _usage(tx, "run = ? AND run <> '' AND held_at >= ?", (run, since_us))


def _usage(tx: Transaction, chosen: str, values: Sequence[object]) -> RunUsage:
    row = tx.execute(
        "SELECT COUNT(*) AS requests, COALESCE(SUM(cost), 0) AS cost, "
        "COALESCE(SUM(CASE WHEN purpose = 'embedding' THEN 0 ELSE prompt_tokens END), 0) AS input, "
        "COALESCE(SUM(completion_tokens), 0) AS output, "
        "COALESCE(SUM(CASE WHEN purpose = 'embedding' THEN prompt_tokens ELSE 0 END), 0) AS embedding "
        f"FROM calls WHERE {chosen} AND state IN ('sent', 'unknown', 'captured')",
        values,
    )[0]
    return RunUsage(*(int(row[part]) for part in ("requests", "input", "output", "embedding", "cost")))


def call_record(row: Row) -> CallRecord:
    """Return a row of `calls` as a record."""
    return CallRecord(
        seq=row["seq"],
        id=row["id"],
        mind=row["mind"],
        life=row["life"],
        beat=row["beat"],
        client=row["client"],
        purpose=row["purpose"],
        subject=row["subject"],
        category=Category(row["category"]),
        remote_id=row["remote_id"],
        state=CallState(row["state"]),
        period=row["period"],
        day=row["day"],
        held=row["held"],
        cost=row["cost"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        cached_tokens=row["cached_tokens"],
        reasoning_tokens=row["reasoning_tokens"],
        estimated=bool(row["estimated"]),
        problem=row["problem"],
        held_at=instant(row["held_at"]),
        sent_at=instant_or_none(row["sent_at"]),
        unknown_since=instant_or_none(row["unknown_since"]),
        settled_at=instant_or_none(row["settled_at"]),
        key=row["key"],
        run=row["run"],
    )
