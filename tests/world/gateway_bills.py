"""What differs between the books of a run of the gateway and what its provider billed meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ai.credit_tracker import CallRecord, Statement
    from tests.world.openrouter_books import Bill


def differences(statement: Statement, calls: Sequence[CallRecord], bills: Sequence[Bill], cap: int) -> list[str]:
    """Everything that is not as promised, in words: bills are booked to the nano-dollar, or covered by what is held.

    Only a call whose outcome nobody can know (no id came, or the provider says nothing yet) may stay held.
    """
    booked, held = statement.cost, statement.held
    billed = sum(bill.nanos for bill in bills)
    known = {call.remote_id: call.cost for call in calls if call.remote_id}
    told = [f"{b.id}: billed {b.nanos}, booked {known[b.id]}" for b in bills if known.get(b.id) not in (None, b.nanos)]
    if billed > cap:
        told.append(f"billed {billed} of {cap}")
    if booked + held > cap:
        told.append(f"booked {booked} and held {held} of {cap}")
    if not booked <= billed <= booked + held:
        told.append(f"billed {billed}, booked {booked}, held {held}")
    if statement.unknown == 0 and held:
        told.append(f"held {held} for nothing")
    return told
