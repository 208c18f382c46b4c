"""Whether a caller's call may be held for: its key is good, the request was not made before, and which caps bind it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from ai.credit_tracker.callers import KeyEnded, ensure_run, get_key, key_limit, run_limit, turned
from ai.credit_tracker.limits import Limit
from ai.credit_tracker.periods import month_of
from ai.credit_tracker.records import OPEN_STATES, Caller, CallState, NamedRequest, NotAffordable
from ai.ledger.transaction import Transaction

KEPT = timedelta(days=1)  # CONTRACT §7: the same key and body again within a day
FORGOTTEN_AT_ONCE = 20  # old ones that go as a new one comes: more than come, so that none pile up
MINUTE = timedelta(minutes=1)


class RequestKnown(Exception):
    """This request was made before, so nothing was held for it now. The message is one line."""


class OtherBody(RequestKnown):
    """The name was used for a request with another body."""


class UnderWay(RequestKnown):
    """The same request is being served, or its outcome is not known yet: ask again later."""


class Answered(RequestKnown):
    """The same request was answered; `answer` is what was kept of it."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("this request was answered before; the answer is given again")
        self.answer = answer


class AnswerLost(RequestKnown):
    """The same request was billed (`cost` in nano-dollars) and its answer was lost: it is never sent again."""

    def __init__(self, cost: int) -> None:
        super().__init__("this request was sent and billed before, and its answer was lost")
        self.cost = cost


def begin_request(tx: Transaction, key: str, request: NamedRequest, call_id: str) -> None:
    """Note, in the transaction that holds for it, that `call_id` serves this request.

    Raises OtherBody, UnderWay, Answered or AnswerLost where it was made before; where nothing of it was billed it is
    free again.
    """
    calls = [call_id]
    row = _known(tx, key, request)
    if row is not None:
        calls = [*row, call_id]
    else:
        old = tx.at - KEPT // timedelta(microseconds=1)
        gone = tx.execute("SELECT key, name FROM requests WHERE at <= ? ORDER BY at LIMIT ?", (old, FORGOTTEN_AT_ONCE))
        for other in gone:
            tx.execute("DELETE FROM requests WHERE key = ? AND name = ?", (other["key"], other["name"]))
    tx.execute(
        "INSERT INTO requests (key, name, fingerprint, token, calls, at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (key, name) DO UPDATE SET fingerprint = excluded.fingerprint, token = excluded.token, "
        "calls = excluded.calls, at = excluded.at, answer = NULL",
        (key, request.name, request.fingerprint, request.token, json.dumps(calls), tx.at),
    )


def keep_answer(tx: Transaction, key: str, request: NamedRequest, answer: bytes) -> None:
    """Keep the answer of a request; call it before its call is settled, so that no crash comes between."""
    tx.execute(
        "UPDATE requests SET answer = ? WHERE key = ? AND name = ? AND token = ?",
        (answer, key, request.name, request.token),
    )


def _known(tx: Transaction, key: str, request: NamedRequest) -> list[str] | None:
    """Return the calls that this very try made before; None where the request is new or free again."""
    rows = tx.execute("SELECT * FROM requests WHERE key = ? AND name = ?", (key, request.name))
    if not rows or rows[0]["at"] <= tx.at - KEPT // timedelta(microseconds=1):
        return None
    row = rows[0]
    calls: list[str] = json.loads(row["calls"])
    if row["token"] == request.token:
        return calls
    if row["fingerprint"] != request.fingerprint:
        raise OtherBody(f"the idempotency key {request.name!r} was used for another request")
    if row["answer"] is not None:
        raise Answered(bytes(row["answer"]))
    marks = ",".join("?" * len(calls))
    ends = tx.execute(f"SELECT state, COALESCE(cost, 0) AS cost FROM calls WHERE id IN ({marks})", calls)
    if any(CallState(end["state"]) in OPEN_STATES for end in ends):
        raise UnderWay("the same request is under way, or its outcome is not known yet")
    cost = sum(int(end["cost"]) for end in ends)
    if cost > 0:
        raise AnswerLost(cost)
    return None


class TooManyRequests(NotAffordable):
    """The key made as many calls in the last minute as it may; `resets_at` says when the next one fits."""


@dataclass(frozen=True, slots=True)
class CallerCaps:
    """What a caller's hold touches beside the purse's own limits, and the most that this one call may cost."""

    limits: tuple[Limit, ...]
    most: int | None


def admit(tx: Transaction, caller: Caller, call_id: str, now: datetime) -> CallerCaps:
    """Return the caps of a call that is about to be held for: its key's, its run's, its own.

    Makes the run where it is new and turns the key's budget to its period. Raises KeyEnded, TooManyRequests, and what
    `begin_request` raises for a request that was made before.
    """
    if caller.request is not None:
        begin_request(tx, caller.key, caller.request, call_id)
    limits: list[Limit | None] = []
    most = [caller.max_cost]
    if caller.key:
        key = get_key(tx, caller.key)
        ended = key.ended(now)
        if ended is not None:
            raise KeyEnded(key.name, ended)
        if caller.secret_hash not in {"", key.secret_hash}:
            raise KeyEnded(key.name, "was revoked; another key has its name now")
        if key.terms.requests_per_minute is not None:
            _refuse_above(tx, key.name, key.terms.requests_per_minute, now)
        limits.append(key_limit(turned(tx, key, now), now))
        most.append(key.terms.max_call)
    if caller.run:
        limits.append(run_limit(ensure_run(tx, caller.run)))
    bounds = [bound for bound in most if bound is not None]
    return CallerCaps(tuple(limit for limit in limits if limit is not None), min(bounds) if bounds else None)


def _refuse_above(tx: Transaction, key: str, most: int, now: datetime) -> None:
    """Raise TooManyRequests where the key made `most` calls in the last minute; those never sent do not count."""
    since = tx.at - MINUTE // timedelta(microseconds=1)
    rows = tx.execute(
        "SELECT held_at FROM calls WHERE key = ? AND key <> '' AND period IN (?, ?) AND held_at > ? AND held_at <= ? "
        "AND state <> 'voided' ORDER BY held_at DESC LIMIT ?",
        (key, month_of(now), month_of(now - MINUTE), since, tx.at, most),
    )
    if len(rows) >= most:
        wait = timedelta(microseconds=rows[-1]["held_at"] - since)
        raise TooManyRequests(
            f"key {key}",
            needed=1,
            available=0,
            resets_at=now + wait,
            reason=f"{most} calls a minute are allowed, and as many were made in the last one",
        )
