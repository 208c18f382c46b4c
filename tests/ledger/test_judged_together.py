"""Works that wait are judged in one go: each caller is told what it would be told alone, whoever is beside it."""

import asyncio
from contextlib import asynccontextmanager, closing
from urllib.parse import urlsplit

import pytest

from ai.ledger import Leg, audit, open_ledger
from ai.ledger.errors import (
    ConstraintBroken,
    HoldEnded,
    InsufficientFunds,
    InvalidTransfer,
    StoreUnavailable,
    TransferConflict,
    UnknownAccount,
    UnknownHold,
)
from ai.ledger.store import BulkStatement
from tests.ledger.conftest import SlowWork, begin
from tests.world.road import Road


@pytest.fixture
def ledger(ledger):
    ledger.transact_now(lambda tx: tx.open_account("poor", "usd"))
    return ledger


def hold(call, amount=1, account="month"):
    return lambda tx: tx.hold(call, [Leg(account, "spent", amount)])


def capture(call, *amounts):
    return lambda tx: tx.capture(call, amounts)


def left(ledger):
    return ledger.read_now(lambda tx: tx.account("month").available)


@asynccontextmanager
async def writer_busy(ledger):
    """Keep the writer at work meanwhile, so that whatever asks for it is in one batch afterwards."""
    slow = SlowWork(asks=True)
    first = asyncio.ensure_future(ledger.transact(slow))
    await slow.begun()
    try:
        yield
    finally:
        slow.go_on()
        await asyncio.gather(first, return_exceptions=True)


async def together(ledger, *works):
    """Return what the works return or raise where all of them wait at the same time."""
    async with writer_busy(ledger):
        waiting = [asyncio.ensure_future(ledger.transact(work)) for work in works]
        await asyncio.sleep(0)
    return await asyncio.gather(*waiting, return_exceptions=True)


def told(answer):
    return (type(answer), str(answer)) if isinstance(answer, Exception) else answer


REFUSED = [
    hold("dear", 101, "poor"),
    hold("nowhere", 1, "nobody"),
    hold("taken", 2),
    hold("negative", -1),
    capture("unheard of", 1),
    capture("ended", 4),
    capture("taken", 2),
    capture("taken", 1, 1),
    lambda tx: tx.transfer("grant", debit="treasury", credit="month", amount=7),
    lambda tx: tx.void("ended"),
]
KINDS = [
    InsufficientFunds,
    UnknownAccount,
    TransferConflict,
    InvalidTransfer,
    UnknownHold,
    HoldEnded,
    InvalidTransfer,
    InvalidTransfer,
    TransferConflict,
    HoldEnded,
]


@pytest.mark.parametrize("crowd", [0, 3, 60])
async def test_who_is_refused_is_told_why_and_nobody_beside_him_is(ledger, crowd):
    """Somebody else's mistake must cost no caller its call, nor change what its own mistake is called."""
    for work in (hold("taken"), hold("ended", 5), capture("ended", 5)):
        ledger.transact_now(work)
    alone = []
    for work in REFUSED:
        with pytest.raises(tuple(KINDS)) as caught:
            ledger.transact_now(work)
        alone.append(told(caught.value))
    assert [kind for kind, _ in alone] == KINDS

    good = [hold(f"good-{n}") for n in range(crowd)]
    answers = await together(ledger, *[work for pair in zip(good, REFUSED, strict=False) for work in pair],
                             *good[len(REFUSED):], *REFUSED[len(good):])  # fmt: skip
    assert sorted(map(str, map(told, answers))) == sorted(map(str, [None] * crowd + alone))
    assert left(ledger) == 100 - 1 - 5 - crowd
    assert ledger.read_now(audit).ok


async def test_the_same_id_twice_among_those_who_wait_is_one_hold(ledger):
    answers = await together(
        ledger,
        hold("same", 5),
        hold("same", 5),
        hold("same", 6),
        hold("other", 1),
        lambda tx: tx.transfer("moved", debit="month", credit="spent", amount=3),
        lambda tx: tx.transfer("moved", debit="month", credit="spent", amount=3),
    )
    assert answers[:2] == [None, None]
    assert told(answers[2]) == (TransferConflict, "same/0 exists with amount 5; 6 was given now")
    assert answers[4] == answers[5]  # down to the time
    assert left(ledger) == 100 - 5 - 1 - 3


async def test_the_same_capture_twice_among_those_who_wait_is_one_capture(ledger):
    ledger.transact_now(hold("call", 9))
    answers = await together(ledger, capture("call", 4), capture("call", 4), capture("call", 5), hold("good"))
    assert answers[:2] == [None, None]
    assert told(answers[2]) == (HoldEnded, "hold call has ended already: captured 4")
    assert answers[3] is None
    assert left(ledger) == 100 - 4 - 1


@pytest.mark.parametrize("beside", [0, 20])
async def test_what_an_end_releases_is_there_for_the_hold_behind_it(ledger, beside):
    ledger.transact_now(hold("most", 100 - beside))
    others = [hold(f"small-{n}") for n in range(beside)]
    answers = await together(ledger, *others, capture("most", 10), hold("next", 100 - beside - 10))
    assert answers == [None] * (beside + 2)
    assert left(ledger) == 0


async def test_what_a_later_hold_would_need_is_never_lent_to_an_earlier_one(ledger):
    """Funds are judged after every single transfer: what comes in later covers nothing that went out before."""
    bring = BulkStatement(
        "INSERT INTO transfers (id, kind, debit, credit, pending, posted, hold, memo, at) "
        "SELECT :id, 'post', :debit, :credit, 0, 150, NULL, '', 0 {rows}",
        {"id": "TEXT", "debit": "TEXT", "credit": "TEXT"},
    )
    out, back = ("out", "month", "spent"), ("back", "spent", "month")
    with pytest.raises(ConstraintBroken):
        ledger.transact_now(lambda tx: tx.write(bring, out, back))
    assert left(ledger) == 100
    ledger.transact_now(lambda tx: tx.write(bring, ("more", "treasury", "month"), out, back))
    assert left(ledger) == 250
    assert ledger.read_now(audit).ok


async def test_who_reads_sees_what_those_before_him_wrote_and_nothing_else(ledger):
    count = "SELECT count(*) FROM transfers WHERE kind = 'hold'"
    answers = await together(
        ledger, hold("a"), hold("b"), lambda tx: tx.execute(count)[0][0], hold("c"), lambda tx: tx.execute(count)[0][0]
    )
    assert answers == [None, None, 2, None, 3]


async def test_a_work_of_several_verbs_is_done_whole_or_not_at_all(ledger):
    def both(tx):
        tx.transfer("first", debit="month", credit="spent", amount=10)
        tx.hold("second", [Leg("month", "spent", 91)])

    answers = await together(ledger, hold("a"), both, hold("b"))
    assert (answers[0], type(answers[1]), answers[2]) == (None, InsufficientFunds, None)
    assert left(ledger) == 98


async def test_a_mistake_of_the_works_own_undoes_what_it_wrote(ledger):
    def changes_its_mind(tx):
        tx.hold("second thoughts", [Leg("month", "spent", 5)])
        raise KeyError("elsewhere")

    answers = await together(ledger, hold("a"), changes_its_mind, hold("b"))
    assert (answers[0], type(answers[1]), answers[2]) == (None, KeyError, None)
    assert left(ledger) == 98


async def test_where_the_straight_way_is_refused_the_careful_one_is_gone(ledger):
    async with writer_busy(ledger):
        waiting = [
            asyncio.ensure_future(ledger.transact(hold("dear", 200), careful=lambda _: "asked")),
            asyncio.ensure_future(ledger.transact(hold("good", 1), careful=lambda _: "asked")),
        ]
        await asyncio.sleep(0)
    assert await asyncio.gather(*waiting) == ["asked", None]
    assert await ledger.transact(hold("alone", 200), careful=lambda _: "asked") == "asked"
    assert left(ledger) == 99


async def test_letters_that_the_store_cannot_take_are_their_callers_trouble_alone(ledger):
    answers = await together(ledger, hold("good-1"), hold("zero\0byte"), hold("half \ud83d"), hold("good-2"))
    assert (answers[0], answers[3]) == (None, None)
    assert left(ledger) == 98 - sum(answer is None for answer in answers[1:3])
    for odd in ('quo"te', "apo'strophe", "back\\slash", "per%scent", "smile 🐣", "{brace}", ":leg", "$1"):
        await together(ledger, hold(odd), hold(f"beside {odd}"))
        await together(ledger, capture(odd, 0), capture(f"beside {odd}", 0))
    assert ledger.read_now(audit).ok


@pytest.fixture
def road(postgres_server):
    with closing(Road(postgres_server.port)) as road:
        yield road


def through(road, url):
    """Return the URL of the same purse at the end of the road."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"genesis@127.0.0.1:{road.port}").geturl()


@pytest.mark.postgres
async def test_many_who_wait_send_no_more_messages_than_few(postgres_server, road):
    ledger = open_ledger(through(road, postgres_server.purse("one_trip")), lambda: 1)
    ledger.transact_now(begin)
    sent = []
    for callers in (2, 64):
        await together(ledger, *[hold(f"warm {callers} {n}", 0) for n in range(callers)])
        before = road.asked
        await together(ledger, *[hold(f"{callers} {n}") for n in range(callers)])
        sent.append(road.asked - before)
    ledger.close()
    assert sent[0] == sent[1]


@pytest.mark.postgres
@pytest.mark.parametrize("cut_at", [b"EXECUTE", b"COMMIT\x00"])
@pytest.mark.parametrize("cut_after", ["request", "nothing"])
async def test_a_connection_cut_amid_a_batch_loses_and_doubles_nothing(postgres_server, road, cut_at, cut_after):
    url = postgres_server.purse(f"cut_{cut_at[0]}_{cut_after}")
    ledger = open_ledger(through(road, url), lambda: 1)
    ledger.transact_now(begin)
    works = [hold(f"call-{n}", 2) for n in range(20)] + [hold("dear", 1000)]
    async with writer_busy(ledger):
        waiting = [asyncio.ensure_future(ledger.transact(work)) for work in works]
        await asyncio.sleep(0)
        road.cut_at, road.cut_after = cut_at, cut_after
        if cut_at != b"EXECUTE":
            road.cut_after = None  # not at the commit of who keeps the writer busy, which comes first
            await asyncio.sleep(0)
    if cut_at != b"EXECUTE":
        await asyncio.gather(*waiting, return_exceptions=True)
        road.cut_after = cut_after
        waiting = [asyncio.ensure_future(ledger.transact(hold(f"again-{n}"))) for n in range(20)]
        works = [hold(f"again-{n}") for n in range(20)]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    broken = [answer for answer in answers if isinstance(answer, StoreUnavailable)]
    assert broken
    assert all(answer.outcome_unknown is (cut_at != b"EXECUTE") for answer in broken)
    answers = await together(ledger, *works)
    assert [type(answer) for answer in answers if answer is not None] == [InsufficientFunds] * (len(works) - 20)
    report = ledger.read_now(audit)
    ledger.close()
    assert report.ok
    assert report.holds_open == (20 if cut_at == b"EXECUTE" else 40)


async def test_a_work_that_passes_over_every_error_still_gets_its_answer_from_the_store(ledger):
    """What is only taken down has no answers yet: who hides that it asked is not believed to have written."""

    def sly(tx):
        try:
            left = tx.account("month").available
        except BaseException:  # noqa: BLE001 - that is the case
            left = None
        tx.transfer("sly", debit="month", credit="spent", amount=1)
        return left

    before, after = await together(ledger, sly, lambda tx: tx.account("month"))
    assert before == after.available + 1
