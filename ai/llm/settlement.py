"""Finds out what became of calls of unknown outcome: asks by generation id, ever more rarely, for a day."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from ai.credit_tracker import CallState, Category
from ai.ledger.errors import StoreUnavailable
from ai.llm.account import Account, Generation, NotTold, look_up
from ai.llm.fate import GIVEN_UP, SILENT, End, Fate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ai.clock import Clock
    from ai.credit_tracker import CallRecord
    from ai.llm.calls import Endpoint
    from ai.llm.payment import Payments
    from ai.mind.journal import Journal

# A generation is known to the provider after seconds, or two minutes at most as reported; beyond that something is
# wrong there, and asking every few hours is enough. Each wait is three times the one before.
FIRST_ASK_SECONDS = 5.0
GROWTH = 3.0
LONGEST_WAIT_SECONDS = 3 * 3600.0
MAX_ASKED_AT_ONCE = 20  # a beat must not wait for more; the others come next time
CRASHED = "the program ended before the answer came"
# A call of which no content came, and whose generation the provider still does not know by then, was never billed: it
# knows those that it bills after two minutes (reported). One that broke off in silence may have gone on behind it.
NEVER_BILLED_AFTER = {GIVEN_UP: timedelta(minutes=5), SILENT: timedelta(minutes=30)}


class Settler:
    """Settles unknown outcomes; call `settle` between beats, as often as one likes."""

    def __init__(self, endpoints: Mapping[str, Endpoint], payments: Payments, journal: Journal, clock: Clock) -> None:
        self._endpoints = endpoints
        self._payments = payments
        self._journal = journal
        self._clock = clock
        self._asked: dict[str, tuple[int, datetime]] = {}
        self._orphaned_before: datetime | None = None

    async def adopt_open(self, older_than_seconds: float) -> None:
        """Make every hold that an earlier process left open one of unknown outcome; later, if the purse is away now.

        Calls of this mind that are under way must be younger than `older_than_seconds`. A hold whose request never
        left is of unknown outcome too: the crash may have come between the sending and its record.
        """
        self._orphaned_before = self._clock.now() - timedelta(seconds=older_than_seconds)
        with suppress(StoreUnavailable):
            await self._adopt()
            await self._ask_for_due()

    async def _adopt(self) -> None:
        if self._orphaned_before is None:
            return
        tracker = self._payments.tracker
        for call in await tracker.open_holds():
            if call.state is CallState.UNKNOWN or not self._a_models(call) or call.held_at > self._orphaned_before:
                continue
            if call.held == 0:
                await tracker.settle(call.id, 0, estimated=True)
            else:
                await tracker.leave_unknown(call.id, CRASHED)
                self._asked[call.id] = (0, call.held_at - timedelta(seconds=FIRST_ASK_SECONDS))  # at once
                self._journal.append(
                    "call.unknown", call_id=call.id, model=call.subject, held_nanos=call.held, reason=CRASHED
                )
        self._orphaned_before = None

    async def settle(self) -> None:
        """Ask for each unknown outcome whose time has come, then capture in full what is a day old.

        Raises StoreUnavailable where the purse is away.
        """
        await self._adopt()
        await self._ask_for_due()
        for call in await self._payments.tracker.capture_overdue():
            self._journal.append(
                "call.settled", call_id=call.id, model=call.subject, cost_nanos=call.held, how="in full after a day"
            )

    async def _ask_for_due(self) -> None:
        now = self._clock.now()
        unknowns = [call for call in await self._payments.tracker.unknowns() if self._a_models(call)]
        self._asked = {call.id: self._asked[call.id] for call in unknowns if call.id in self._asked}
        due = [call for call in unknowns if call.remote_id is not None and self._due(call, now)]
        for call in due[:MAX_ASKED_AT_ONCE]:
            times, _ = self._asked.get(call.id, (0, now))
            self._asked[call.id] = (times + 1, now)
            if await self._payments.tracker.shares_its_id(call):  # what is told of that id may be the other's
                continue
            known = await self._ask(call)
            if isinstance(known, Generation):
                await self._book(call, known)
            elif known is NotTold.NO_WORD:
                return  # nor of the others: a provider that is away must not be waited for twenty times
            elif known is NotTold.NOT_KNOWN and (by := _never_billed_by(call)) is not None and by <= now:
                await self._book_nothing(call)

    def _a_models(self, call: CallRecord) -> bool:
        return call.category is Category.MODEL  # requests to networks are settled by the outbox

    def _due(self, call: CallRecord, now: datetime) -> bool:
        times, last = self._asked.get(call.id, (0, call.unknown_since or call.held_at))
        if call.key:  # whoever called through the gateway waits for what it holds: asked at once, then as others
            times -= 1
        wait = min(FIRST_ASK_SECONDS * GROWTH**times, LONGEST_WAIT_SECONDS) if times >= 0 else 0.0
        by = _never_billed_by(call)
        if by is not None and last < by <= now:
            return True
        return not timedelta(0) <= now - last < timedelta(seconds=wait)  # a clock set back asks at once

    async def _ask(self, call: CallRecord) -> Generation | NotTold:
        for endpoint in self._endpoints.values():
            if isinstance(endpoint, Account) and call.remote_id is not None:
                return await look_up(endpoint, call.remote_id)
        return NotTold.NO_WORD

    async def _book_nothing(self, call: CallRecord) -> None:
        """Capture 0 as an estimate: `reconcile` asks once more, and holds the month to the provider's own sum."""
        await self._payments.tracker.settle(call.id, 0, estimated=True)
        how = "at nothing: the provider knows no such generation"
        self._journal.append("call.settled", call_id=call.id, model=call.subject, cost_nanos=0, how=how)

    async def _book(self, call: CallRecord, known: Generation) -> None:
        fate = Fate(End.CAPTURE, known.cost_nanos)
        await self._payments.capture(call.id, call.subject, call.held, fate, known.usage)
        self._journal.append(
            "call.settled",
            call_id=call.id,
            model=call.subject,
            cost_nanos=known.cost_nanos,
            how="the provider told what it billed",
        )


def _never_billed_by(call: CallRecord) -> datetime | None:
    """Return when a call that the provider still does not know was never billed, or None where that cannot be told."""
    since, why = call.unknown_since or call.held_at, call.problem or ""
    return next((since + wait for words, wait in NEVER_BILLED_AFTER.items() if why.endswith(words)), None)
