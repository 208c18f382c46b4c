"""A daemon that shuts down cancels a call at any point: no hold is lost, and nothing billed goes unbooked."""

import asyncio
from contextlib import suppress

import pytest

from ai.credit_tracker import CallState
from ai.llm import Limits

MODEL = "acme/small-1"
ENDED = {CallState.VOIDED, CallState.UNKNOWN, CallState.CAPTURED}


@pytest.fixture
async def rooms(build):
    made = await build(limits=Limits(max_attempts=1), monthly_budget_usd="50")
    made.provider.date = made.clock.now
    return made


async def _settle(rooms):
    for _ in range(2):
        rooms.clock.advance(43_201)
        await rooms.client.settle_unknowns()


def _nothing_lost(rooms):
    calls = rooms.calls()
    assert {call.state for call in calls} <= {CallState.VOIDED, CallState.CAPTURED}
    by_id = {call.remote_id: call for call in calls if call.remote_id}
    for bill in rooms.provider.bills:
        if bill.id in by_id:
            assert by_id[bill.id].cost == bill.nanos
    nameless = [bill for bill in rooms.provider.bills if bill.id not in by_id]
    in_full = [call for call in calls if call.remote_id is None and call.estimated]
    assert len(nameless) <= len(in_full)


async def test_at_any_turn_of_the_loop(rooms):
    for turns in range(0, 60, 2):
        task = asyncio.create_task(rooms.ask(MODEL))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert {call.state for call in rooms.calls()} <= ENDED
        await _settle(rooms)
    _nothing_lost(rooms)


async def test_at_any_stage_of_the_answer(rooms):
    loop = asyncio.get_running_loop()
    for stage in range(1, 12):
        left = [stage]
        task = asyncio.create_task(rooms.ask(MODEL))

        def cancel(_name, left=left, task=task):
            left[0] -= 1
            if left[0] == 0:
                loop.call_soon_threadsafe(task.cancel)

        rooms.provider.stage = cancel
        with suppress(asyncio.CancelledError):
            await task
        assert {call.state for call in rooms.calls()} <= ENDED
        await _settle(rooms)
    _nothing_lost(rooms)
    assert len(rooms.provider.bills) == 11
