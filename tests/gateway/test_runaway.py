"""Sixty-four callers that stop for nothing, beside a provider that fails in one way: no cap is passed, no bill is lost.

`python -m benchmarks.gateway_runaway` runs each under `genesis exec`, with one thread as well.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ai.credit_tracker.callers import KeyTerms
from ai.gateway.attempt import CallLimits
from ai.ledger.money import nanos
from tests.gateway.conftest import Open, serving
from tests.world.gateway_bills import differences
from tests.world.openrouter import FakeOpenRouter
from tests.world.openrouter_faults import EVERY_FAULT

CAP, CALLERS = nanos("0.02"), 64
BODY = {"model": "acme/small-1", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 400}
WORDS = "word " * 400  # an answer costs a twelfth of the cap
PATIENCE = CallLimits(call_seconds=0.5, silence_seconds=0.3, linger_seconds=0.5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    """One gateway for every fault, each on a run of its own."""
    with FakeOpenRouter(reply=WORDS) as provider:
        async with serving(tmp_path_factory.mktemp("runaway"), provider, monthly_budget_usd=100) as gateway:
            gateway.alone.gateway.limits = PATIENCE
            yield gateway


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", EVERY_FAULT)
async def test_a_runaway_program_stays_below_its_cap_however_its_provider_fails(one_gateway: Open, name: str) -> None:
    gateway, provider, run = one_gateway, one_gateway.provider, f"loop-{list(EVERY_FAULT).index(name)}"
    before, calls = len(provider.bills), itertools.count()
    await gateway.books.set_run_budget(run, CAP)
    _, secret = await gateway.books.create_key(run, KeyTerms())
    provider.fault_for = lambda _request: EVERY_FAULT[name] if next(calls) % 2 else None

    async def call(number: int) -> None:
        for stream in (number % 2 == 0, number % 2 == 1):
            await gateway.post(f"/runs/{run}/v1/chat/completions", secret, {**BODY, "stream": stream})

    await asyncio.gather(*(call(number) for number in range(CALLERS)))
    await gateway.settled()

    bills = provider.bills[before:]
    statement, booked = await gateway.books.statement(run=run), await gateway.books.statement_calls(run=run)
    assert bills
    assert not differences(statement, booked, bills, CAP)
