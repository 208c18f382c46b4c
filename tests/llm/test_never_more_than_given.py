"""What a purse is for: however many ask at once, for however long, no more is spent than was given."""

import asyncio
from collections import Counter

import pytest

from ai.credit_tracker import Category, Expense
from ai.llm import Completion, Limits, NoAnswer
from tests.world import openrouter_faults as faults
from tests.world.openrouter_answers import Answer

SONNET = "anthropic/claude-sonnet-4.5"
FREE = [f"acme/free-{n}:free" for n in range(1, 13)]
CHEAP = [f"acme/tiny-{n}" for n in range(1, 13)]
EVERY_WAY = [
    faults.status(429),
    faults.status(500),
    faults.status(404),
    faults.error_200(502),
    faults.choice_error(502),
    faults.stream_error(502),
    faults.cut(billed=True),
    faults.bad_json(),
    faults.html(),
    faults.empty(),
]


@pytest.mark.parametrize("budget_calls", [1, 7, 49])
async def test_fifty_at_once_never_overspend(build, budget_calls):
    rooms = await build(limits=Limits(max_output_tokens=100), monthly_budget_usd="1.00")
    await rooms.ask(SONNET)
    bound = rooms.calls()[0].held
    budget = budget_calls * bound
    rooms.provider.reply = lambda _: Answer("x" * 400, prompt_tokens=1090, completion_tokens=100)
    left = await rooms.available()
    await rooms.tracker.hold(_reserve(left - budget))
    spent_before = rooms.provider.billed_nanos
    asked = await asyncio.gather(*(rooms.ask(SONNET) for _ in range(50)), return_exceptions=True)
    answers = [each for each in asked if isinstance(each, Completion)]
    assert all(isinstance(each, Completion | NoAnswer) for each in asked)
    assert len(answers) >= budget_calls
    assert rooms.provider.billed_nanos - spent_before <= budget
    assert await rooms.spent() == rooms.provider.billed_nanos
    assert (await rooms.tracker.balance()).overrun == 0


def _reserve(amount):
    return Expense("reserve", "x/post", "post", amount, None, None, category=Category.POST)


async def test_twenty_steps_of_which_every_second_call_fails_another_way(build):
    rooms = await build()
    counter = iter(range(10_000))

    def every_second(_request):
        number = next(counter)
        return EVERY_WAY[number // 2 % len(EVERY_WAY)] if number % 2 == 0 else None

    rooms.provider.fault_for = every_second
    answered = []
    for step in range(20):
        ring = CHEAP[step % 12 :] + CHEAP[: step % 12]
        answered.append(await rooms.ask(*ring[:3], *FREE[step % 6 :]))
        rooms.clock.advance(600)
        await rooms.client.settle_unknowns()
    assert len(answered) == 20
    assert sum(len(each.attempts) > 0 for each in answered) >= 10
    rooms.clock.advance(86_400)
    rooms.provider.fault_for = None
    await rooms.client.settle_unknowns()
    known = {call.remote_id: call for call in rooms.calls() if call.remote_id}
    for bill in rooms.provider.bills:
        assert bill.id in known or any(call.estimated for call in rooms.calls())
        if bill.id in known:
            assert known[bill.id].cost == bill.nanos
    assert (await rooms.tracker.balance()).held == 0
    assert await rooms.spent() >= rooms.provider.billed_nanos


async def test_a_month_of_ten_cents_with_a_pinned_model_of_the_sonnet_class(build):
    rooms = await build(monthly_budget_usd="0.10", free_requests_per_day=50)
    rooms.provider.reply = lambda _: Answer("A thought of some length. " * 20, prompt_tokens=900)
    rooms.provider.date = rooms.clock.now
    used = Counter()
    for _ in range(160):  # twenty days from the 10th of November on, three hours a step
        answer = await rooms.ask(SONNET, *FREE)
        used[answer.model.free] += 1
        rooms.clock.advance(3 * 3600)
    bound = rooms.calls()[0].held
    balance = await rooms.tracker.balance()
    assert balance.period == "2026-11"
    assert 100_000_000 - bound < balance.spent == rooms.provider.billed_nanos <= 100_000_000
    assert used[False] > 5
    assert used[True] + used[False] == 160
    assert [call.subject for call in rooms.calls()][: used[False]] == [SONNET] * used[False]
