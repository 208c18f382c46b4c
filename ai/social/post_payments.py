"""The money of requests to networks: held before, booked after, and put right after a crash or a purse away."""

import logging
from collections.abc import Callable

from ai.credit_tracker import CreditTracker
from ai.credit_tracker.records import CallRecord, CallState, Category, Expense, NotAffordable
from ai.ledger.errors import HoldEnded, LedgerError, TransferConflict
from ai.social.post import Delivery, Post
from ai.social.request_rows import NetworkRequest, RequestEnd, RequestRows

PURPOSE = "post"
LAST_POST = "death"  # the source of a post that a life ends with: it may draw on the reserve

_log = logging.getLogger(__name__)


class PostPayments:
    """Holds for a request before it is made, and tells the purse how it ended, however often that takes."""

    def __init__(self, requests: RequestRows, tracker: CreditTracker, new_id: Callable[[], str]) -> None:
        self._requests = requests
        self._tracker = tracker
        self._new_id = new_id
        self.settled = False  # whether the purse is known to agree with the outbox; not so after a start

    async def hold(self, post: Post, delivery: Delivery, kind: str, amount_nanos: int) -> str:
        """Hold for one request about `post` (`kind`: "post" or "read"); return its id.

        A post counts against the day's posts once, however many networks it goes to.

        Raises NotAffordable or LedgerError; nothing is held then, or what is will be given back.
        """
        call_id = f"{delivery.network}-{self._new_id()}"
        counted = kind == "post" and not self._requests.counts_today(post.id)
        self._requests.begin(call_id, delivery.id, kind, amount_nanos, counted=counted)
        expense = Expense(
            id=call_id,
            subject=f"{delivery.network}/{kind}",
            purpose=PURPOSE,
            amount_nanos=amount_nanos,
            category=Category.POST,
            life=post.life,
            beat=post.beat,
            posts=int(counted),
            last=kind == "post" and post.source == LAST_POST,
        )
        try:
            await self._tracker.hold(expense)
        except NotAffordable:
            self._requests.end(call_id, RequestEnd.VOID)
            raise
        except LedgerError:  # the purse is away, and may have held all the same
            self._requests.end(call_id, RequestEnd.VOID)
            self.settled = False
            raise
        return call_id

    async def leaving(self, call_id: str) -> None:
        """Let the purse know, before a request leaves, that it does. Raises LedgerError."""
        await self._tracker.sent(call_id, None)

    async def book(self, call_id: str) -> None:
        """Tell the purse how a request ended, as the outbox has it; what it cannot take now it gets later."""
        call = self._requests.get(call_id)
        if call is None or call.fate is None:
            return
        try:
            await self._tell(call)
        except KeyError:
            return  # nothing was ever held under this id
        except (HoldEnded, TransferConflict) as error:
            await self._correct(call, error)
        except LedgerError as error:
            _log.warning("the purse could not take how %s ended: %s; it is told again", call_id, error)
            self.settled = False

    async def agree(self) -> None:
        """After a start, and after the purse was away: tell it of every open hold what the outbox knows."""
        if self.settled:
            return
        try:
            held = await self._tracker.open_holds()
        except LedgerError:
            return
        self.settled = True
        for record in held:
            if record.category is Category.POST:
                await self._agree_on(record)

    async def _agree_on(self, record: CallRecord) -> None:
        call = self._requests.get(record.id)
        if call is not None:
            if call.fate is not None and (call.fate is not RequestEnd.UNKNOWN or record.state is not CallState.UNKNOWN):
                await self.book(record.id)
            return
        try:  # an outbox that was lost or restored from a backup knows nothing of it
            if record.state is CallState.HELD:
                await self._tracker.void(record.id)
            elif record.state is CallState.SENT:
                await self._tracker.leave_unknown(record.id, "the outbox has no record of this request")
        except LedgerError:
            self.settled = False

    async def _tell(self, call: NetworkRequest) -> None:
        if call.fate is RequestEnd.CAPTURED:
            await self._tracker.settle(call.id, call.cost_nanos or 0)
        elif call.fate is RequestEnd.REFUSED:
            await self._tracker.refuse(call.id)
        elif call.fate is RequestEnd.VOID:
            await self._tracker.void(call.id)
        else:
            await self._tracker.leave_unknown(call.id, "the network did not say whether it was published")

    async def _correct(self, call: NetworkRequest, error: LedgerError) -> None:
        """The purse ended it by itself after a day, in full and as an estimate: better news corrects that."""
        try:
            await self._tracker.settle(call.id, call.cost_nanos or 0)
        except LedgerError:
            _log.warning("the purse has ended %s in another way: %s", call.id, error)
