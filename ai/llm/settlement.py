"""Finds out what became of calls of unknown outcome: asks by generation id, ever more rarely, for a day."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from ai.credit_tracker import CallState, Category
from ai.ledger.errors import StoreUnavailable
from ai.llm.account import Generation, generation
from ai.llm.endpoint import OpenAIEndpoint
from ai.llm.fate import End, Fate

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
                self._journal.append(
                    "call.unknown", call_id=call.id, model=call.subject, held_nanos=call.held, reason=CRASHED
                )
        self._orphaned_before = None

    async def settle(self) -> None:
        """Ask for each unknown outcome whose time has come, then capture in full what is a day old.

        Raises StoreUnavailable where the purse is away.
        """
        await self._adopt()
        now = self._clock.now()
        unknowns = [call for call in await self._payments.tracker.unknowns() if self._a_models(call)]
        self._asked = {call.id: self._asked[call.id] for call in unknowns if call.id in self._asked}
        due = [call for call in unknowns if call.remote_id is not None and self._due(call, now)]
        for call in due[:MAX_ASKED_AT_ONCE]:
            times, _ = self._asked.get(call.id, (0, now))
            self._asked[call.id] = (times + 1, now)
            known = await self._ask(call)
            if known is not None:
                await self._book(call, known)
        for call in await self._payments.tracker.capture_overdue():
            self._journal.append(
                "call.settled", call_id=call.id, model=call.subject, cost_nanos=call.held, how="in full after a day"
            )

    def _a_models(self, call: CallRecord) -> bool:
        return call.category is Category.MODEL  # requests to networks are settled by the outbox

    def _due(self, call: CallRecord, now: datetime) -> bool:
        times, last = self._asked.get(call.id, (0, call.unknown_since or call.held_at))
        wait = min(FIRST_ASK_SECONDS * GROWTH**times, LONGEST_WAIT_SECONDS)
        return not timedelta(0) <= now - last < timedelta(seconds=wait)  # a clock set back asks at once

    async def _ask(self, call: CallRecord) -> Generation | None:
        for endpoint in self._endpoints.values():
            if isinstance(endpoint, OpenAIEndpoint) and call.remote_id is not None:
                known = await generation(endpoint, call.remote_id)
                if known is not None:
                    return known
        return None

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
