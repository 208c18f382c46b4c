"""The ledger's verbs: what each does to the balances, and what each refuses by name, on both stores."""

import pytest

from ai.ledger import Leg, audit, open_ledger
from ai.ledger.errors import (
    HoldEnded,
    InsufficientFunds,
    InvalidTransfer,
    TransferConflict,
    UnknownAccount,
    UnknownHold,
)
from ai.ledger.transaction import Transfer


@pytest.fixture
def ledger(store_url):
    ledger = open_ledger(store_url, lambda: 1_700_000_000_000_000)

    def begin(tx):
        tx.open_account("treasury", "usd", may_go_negative=True)
        tx.open_account("posts-treasury", "posts", may_go_negative=True)
        for account in ("month", "day", "spent"):
            tx.open_account(account, "usd")
        tx.open_account("posts", "posts")
        tx.transfer("grant", debit="treasury", credit="month", amount=100, memo="November")

    ledger.transact_now(begin)
    yield ledger
    report = ledger.read_now(audit)
    ledger.close()
    assert report.ok, report.mismatches


def available(ledger, account="month"):
    return ledger.read_now(lambda tx: tx.account(account)).available


def test_a_transfer_moves_money_at_once(ledger):
    done = ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=30, memo="m"))
    assert done == Transfer("t", "month", "spent", 30, "m", 1_700_000_000_000_000)
    again = ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=30, memo="m"))
    assert again == done
    assert (available(ledger), available(ledger, "spent")) == (70, 30)


def test_the_same_id_again_is_the_same_transfer(ledger):
    for _ in range(2):
        ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=30))
    assert available(ledger) == 70


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("amount", {"amount": 31}),
        ("debit", {"debit": "day"}),
        ("credit", {"credit": "day"}),
        ("memo", {"memo": "x"}),
    ],
)
def test_the_same_id_with_another_value_names_the_field(ledger, field, change):
    same = {"debit": "month", "credit": "spent", "amount": 30, "memo": ""}
    ledger.transact_now(lambda tx: tx.transfer("t", **same))
    with pytest.raises(TransferConflict, match=f"t exists with {field} ") as caught:
        ledger.transact_now(lambda tx: tx.transfer("t", **(same | change)))
    stored, given = same[field], change[field]
    assert vars(caught.value) == {"transfer_id": "t", "field": field, "stored": stored, "given": given}
    assert str(caught.value) == f"t exists with {field} {stored!r}; {given!r} was given now"
    assert available(ledger) == 70


def test_a_hold_and_a_post_do_not_share_an_id(ledger):
    ledger.transact_now(lambda tx: tx.transfer("h/0", debit="month", credit="spent", amount=1))
    with pytest.raises(TransferConflict, match="h/0 exists with kind 'post'; 'hold' was given now"):
        ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 1)]))


def test_the_account_that_lacks_is_named_not_one_that_has_just_enough(ledger):
    with pytest.raises(InsufficientFunds, match="account day has 0 available and 1 is needed"):
        ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 100), Leg("day", "spent", 1)]))


def test_nothing_is_spent_that_is_not_there(ledger):
    with pytest.raises(InsufficientFunds, match="account month has 100 available and 101 is needed") as caught:
        ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=101))
    assert (caught.value.account, caught.value.needed, caught.value.available) == ("month", 101, 100)
    ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=100))
    assert available(ledger) == 0


def test_a_hold_sets_aside_on_every_leg_and_capture_releases_the_rest(ledger):
    ledger.transact_now(lambda tx: tx.transfer("day", debit="treasury", credit="day", amount=50))
    ledger.transact_now(lambda tx: tx.hold("call", [Leg("month", "spent", 40), Leg("day", "treasury", 40)]))
    assert (available(ledger), available(ledger, "day")) == (60, 10)
    ledger.transact_now(lambda tx: tx.capture("call", [25, 0]))
    assert (available(ledger), available(ledger, "day"), available(ledger, "spent")) == (75, 50, 25)


def test_legs_on_one_account_count_together(ledger):
    with pytest.raises(InsufficientFunds, match="120 is needed"):
        ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 60), Leg("month", "treasury", 60)]))
    assert available(ledger) == 100


def test_a_hold_is_all_or_nothing(ledger):
    with pytest.raises(InsufficientFunds, match="account day has 0"):
        ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 60), Leg("day", "spent", 1)]))
    assert available(ledger) == 100


def test_zero_amounts_are_legal_and_have_their_rows(ledger):
    ledger.transact_now(lambda tx: tx.hold("free", [Leg("month", "spent", 0)]))
    ledger.transact_now(lambda tx: tx.capture("free", [0]))
    report = ledger.read_now(audit)
    assert (report.transfers, report.holds_open) == (3, 0)


def test_a_hold_ends_once(ledger):
    ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 40)]))
    assert ledger.read_now(audit).holds_open == 1
    ledger.transact_now(lambda tx: tx.capture("h", [10]))
    ledger.transact_now(lambda tx: tx.capture("h", [10]))
    with pytest.raises(HoldEnded, match="hold h has ended already: captured 10"):
        ledger.transact_now(lambda tx: tx.capture("h", [11]))
    with pytest.raises(HoldEnded, match="captured 10"):
        ledger.transact_now(lambda tx: tx.void("h"))
    ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 40)]))
    assert available(ledger) == 90


def test_how_a_hold_ended_is_told_leg_by_leg(ledger):
    ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 1), Leg("month", "spent", 2)]))
    ledger.transact_now(lambda tx: tx.capture("h", [1, 0]))
    with pytest.raises(HoldEnded) as caught:
        ledger.transact_now(lambda tx: tx.capture("h", [0, 1]))
    assert (caught.value.hold_id, caught.value.how) == ("h", "captured 1, 0")
    assert str(caught.value) == "hold h has ended already: captured 1, 0"


def test_a_voided_hold_stays_void(ledger):
    ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 40)]))
    ledger.transact_now(lambda tx: tx.void("h"))
    ledger.transact_now(lambda tx: tx.void("h"))
    with pytest.raises(HoldEnded, match=r"ended already: voided$"):
        ledger.transact_now(lambda tx: tx.capture("h", [0]))
    assert available(ledger) == 100


@pytest.mark.parametrize(
    ("field", "legs"),
    [
        ("legs", [Leg("month", "spent", 1)]),
        ("legs", [Leg("month", "spent", 1)] * 3),
        ("amount", [Leg("month", "spent", 1), Leg("month", "spent", 3)]),
        ("credit", [Leg("month", "day", 1), Leg("month", "spent", 2)]),
    ],
)
def test_the_same_hold_with_other_legs_names_the_field(ledger, field, legs):
    ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 1), Leg("month", "spent", 2)]))
    with pytest.raises(TransferConflict) as caught:
        ledger.transact_now(lambda tx: tx.hold("h", legs))
    assert caught.value.field == field
    if field == "legs":
        assert str(caught.value) == f"h exists with legs 2; {len(legs)} was given now"


@pytest.mark.parametrize("amounts", [[41], [-1], [1, 1], [], [True], [1.0]])
def test_a_capture_takes_what_was_held_at_most(ledger, amounts):
    ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 40)]))
    with pytest.raises(InvalidTransfer):
        ledger.transact_now(lambda tx: tx.capture("h", amounts))
    assert available(ledger) == 60


def test_memos_are_kept_and_empty_where_none_was_given(ledger):
    ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 1)], memo="why"))
    ledger.transact_now(lambda tx: tx.capture("h", [1]))
    ledger.transact_now(lambda tx: tx.hold("i", [Leg("month", "spent", 1)]))
    ledger.transact_now(lambda tx: tx.void("i"))
    ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=1))
    rows = ledger.read_now(lambda tx: tx.execute("SELECT id, memo FROM transfers ORDER BY seq"))
    assert [tuple(row) for row in rows] == [
        ("grant", "November"),
        ("h/0", "why"),
        ("h/0/ended", ""),
        ("i/0", ""),
        ("i/0/ended", ""),
        ("t", ""),
    ]


def test_a_hold_of_which_somebody_ended_one_leg_by_hand_has_ended(ledger):
    ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 1), Leg("month", "spent", 2)]))
    by_hand = (
        "INSERT INTO transfers (id, kind, debit, credit, pending, posted, hold, memo, at) "
        "VALUES ('h/1/ended', 'void', 'month', 'spent', -2, 0, 'h/1', '', 0)"
    )
    ledger.transact_now(lambda tx: tx.execute(by_hand))
    for end in (lambda tx: tx.capture("h", [1, 0]), lambda tx: tx.void("h")):
        with pytest.raises(HoldEnded, match="voided"):
            ledger.transact_now(end)


def test_a_transfer_that_is_named_like_one_more_leg_is_none(ledger):
    ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 40)]))
    ledger.transact_now(lambda tx: tx.transfer("h/1", debit="month", credit="spent", amount=1))
    ledger.transact_now(lambda tx: tx.capture("h", [30]))
    assert available(ledger) == 100 - 30 - 1
    with pytest.raises(HoldEnded, match="captured 30"):
        ledger.transact_now(lambda tx: tx.capture("h", [31]))


def test_a_post_that_is_named_like_a_hold_cannot_be_captured(ledger):
    ledger.transact_now(lambda tx: tx.transfer("h/0", debit="month", credit="spent", amount=40))
    with pytest.raises(UnknownHold):
        ledger.transact_now(lambda tx: tx.capture("h", [0]))


def test_a_capture_names_each_leg(ledger):
    ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 1), Leg("month", "spent", 2)]))
    for amounts in ([1], [1, 1, 1]):
        with pytest.raises(InvalidTransfer, match=f"hold h has 2 legs and {len(amounts)} amounts were given"):
            ledger.transact_now(lambda tx, given=amounts: tx.capture("h", given))
    with pytest.raises(InvalidTransfer, match="h/1 holds 2; at most that can be captured, not 3"):
        ledger.transact_now(lambda tx: tx.capture("h", [1, 3]))
    with pytest.raises(InvalidTransfer, match="amount of h/0 is -1; it must be an int from 0 to"):
        ledger.transact_now(lambda tx: tx.capture("h", [-1, 2]))
    assert available(ledger) == 97


def test_what_does_not_exist_is_named(ledger):
    with pytest.raises(UnknownAccount, match="there is no account nobody; open it before it is used") as caught:
        ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="nobody", amount=1))
    with pytest.raises(UnknownAccount, match="nobody"):
        ledger.read_now(lambda tx: tx.account("nobody"))
    assert caught.value.account == "nobody"
    with pytest.raises(UnknownHold, match="there is no hold h") as missed:
        ledger.transact_now(lambda tx: tx.void("h"))
    assert missed.value.hold_id == "h"


@pytest.mark.parametrize("amount", [-1, True, 1.5, "1", 10**18 + 1, None])
def test_an_amount_is_a_whole_number_within_bounds(ledger, amount):
    with pytest.raises(InvalidTransfer, match="must be an int from 0 to"):
        ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="spent", amount=amount))


def test_an_amount_that_cannot_be_is_named_with_its_leg(ledger):
    with pytest.raises(InvalidTransfer, match="amount of day → spent is -7; it must be"):
        ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 1), Leg("day", "spent", -7)]))


def test_an_account_answers_to_its_id_and_an_id_may_be_long(ledger):
    assert ledger.read_now(lambda tx: tx.account("day")).id == "day"
    longest = "x" * 200
    ledger.transact_now(lambda tx: tx.transfer(longest, debit="month", credit="spent", amount=1))
    assert available(ledger) == 99


def test_units_do_not_mix(ledger):
    with pytest.raises(InvalidTransfer, match="treasury is in usd and posts in posts"):
        ledger.transact_now(lambda tx: tx.transfer("t", debit="treasury", credit="posts", amount=1))


def test_a_transfer_needs_two_accounts(ledger):
    with pytest.raises(InvalidTransfer, match="both month"):
        ledger.transact_now(lambda tx: tx.transfer("t", debit="month", credit="month", amount=1))


@pytest.mark.parametrize("bad", ["", "x" * 201, "h/0/ended"])
def test_an_id_that_cannot_be_is_refused(ledger, bad):
    with pytest.raises(InvalidTransfer, match="id "):
        ledger.transact_now(lambda tx: tx.transfer(bad, debit="month", credit="spent", amount=1))


def test_a_hold_needs_legs_and_not_too_many(ledger):
    for count in (0, 17):
        with pytest.raises(InvalidTransfer, match=f"has {count} legs"):
            ledger.transact_now(lambda tx, n=count: tx.hold("h", [Leg("month", "spent", 1)] * n))
    ledger.transact_now(lambda tx: tx.hold("h", [Leg("month", "spent", 1)] * 16))
    ledger.transact_now(lambda tx: tx.capture("h", [1] * 16))


def test_an_account_opens_once_and_as_it_was(ledger):
    ledger.transact_now(lambda tx: tx.open_account("month", "usd"))
    with pytest.raises(TransferConflict, match="month exists with unit 'usd'; 'posts' was given now"):
        ledger.transact_now(lambda tx: tx.open_account("month", "posts"))
    with pytest.raises(TransferConflict, match="month exists with may_go_negative False; True was given now"):
        ledger.transact_now(lambda tx: tx.open_account("month", "usd", may_go_negative=True))
    with pytest.raises(InvalidTransfer, match="needs a unit"):
        ledger.transact_now(lambda tx: tx.open_account("other", ""))


def test_only_those_may_go_negative_that_say_so(ledger):
    assert available(ledger, "treasury") == -100
