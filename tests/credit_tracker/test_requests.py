"""Requests that a caller may repeat: paid once, answered again, and never sent anew where something may be owed."""

import secrets

import pytest

from ai.credit_tracker import (
    Answered,
    AnswerLost,
    Caller,
    CallerBooks,
    Expense,
    KeyTerms,
    NamedRequest,
    NotAffordable,
    OtherBody,
    UnderWay,
)
from ai.settings import Settings
from tests.credit_tracker.conftest import BOTH_STORES, CENT

pytestmark = BOTH_STORES
DAY = 86_400


@pytest.fixture
async def books(purse, tracker):
    made = CallerBooks(purse.ledger, Settings(), purse.clock)
    for name in ("bob", "ada"):
        await made.create_key(name, KeyTerms(budget=10 * CENT))
    return made


def request(name="mine", body="abc"):
    return NamedRequest(name, body, secrets.token_hex(4))


def call(named, *, key="bob", amount=CENT):
    return Expense(secrets.token_hex(8), "lab/model", "gateway", amount, None, None, caller=Caller(key, request=named))


async def test_a_request_under_way_is_not_paid_a_second_time(tracker, books):
    first = call(request())
    await tracker.hold(first)
    with pytest.raises(UnderWay, match=r"^the same request is under way, or its outcome is not known yet$"):
        await tracker.hold(call(request()))
    with pytest.raises(OtherBody, match="'mine'"):
        await tracker.hold(call(request(body="other")))
    await tracker.hold(call(request(), key="ada"))
    await tracker.leave_unknown(first.id, "cut")
    with pytest.raises(UnderWay):
        await tracker.hold(call(request()))
    assert (await books.statement(key="bob")).held == CENT


async def test_an_answer_is_given_again_for_a_day(tracker, books, purse):
    named = request()
    first = call(named)
    await tracker.hold(first)
    await books.keep_answer("bob", named, b"\x00all of it")
    with pytest.raises(Answered) as again:  # though its call was never settled: the crash came between
        await tracker.hold(call(request()))
    assert again.value.answer == b"\x00all of it"
    await tracker.settle(first.id, CENT)
    purse.clock.advance(DAY - 1)
    with pytest.raises(Answered, match=r"^this request was answered before; the answer is given again$"):
        await tracker.hold(call(request()))
    purse.clock.advance(1)
    await tracker.hold(call(request(body="another day, another body")))


async def test_what_was_billed_and_lost_is_never_sent_again(tracker, books):
    first = call(request())
    await tracker.hold(first)
    await tracker.settle(first.id, CENT // 2)
    for _ in range(2):
        with pytest.raises(
            AnswerLost, match=r"^this request was sent and billed before, and its answer was lost$"
        ) as lost:
            await tracker.hold(call(request()))
    assert lost.value.cost == CENT // 2


@pytest.mark.parametrize("end", ["void", "refuse"])
async def test_what_was_not_billed_is_free_again(tracker, books, end):
    named = request()
    first = call(named)
    await tracker.hold(first)
    await getattr(tracker, end)(first.id)
    await tracker.hold(call(request()))
    await books.keep_answer("bob", named, b"too late: another try serves it now")
    with pytest.raises(UnderWay):
        await tracker.hold(call(request()))


async def test_one_try_may_go_from_model_to_model(tracker, books):
    named = request()
    first, second = call(named), call(named)
    await tracker.hold(first)
    await tracker.leave_unknown(first.id, "cut")
    await tracker.hold(second)
    await tracker.refuse(second.id)
    with pytest.raises(UnderWay):  # its first call may still be billed
        await tracker.hold(call(request()))
    await tracker.settle(first.id, 1)
    with pytest.raises(AnswerLost):
        await tracker.hold(call(request()))


async def test_a_request_that_no_cap_had_room_for_was_never_made(tracker, books):
    with pytest.raises(NotAffordable):
        await tracker.hold(call(request(), amount=11 * CENT))
    await tracker.hold(call(request(body="smaller")))


async def test_old_requests_are_forgotten(tracker, books, purse):
    for n in range(3):
        await tracker.hold(call(request(f"old-{n}")))
    purse.clock.advance(DAY - 1)
    await tracker.hold(call(request("new")))
    assert len(purse.ledger.read_now(lambda tx: tx.execute("SELECT name FROM requests"))) == 4, (
        "not before a day is over"
    )
    purse.clock.advance(1)
    await tracker.hold(call(request("newer")))
    rows = purse.ledger.read_now(lambda tx: tx.execute("SELECT name FROM requests"))
    assert [row["name"] for row in rows] == ["new", "newer"]
