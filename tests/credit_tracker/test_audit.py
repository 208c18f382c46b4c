"""Records beside the ledger that were tampered with are named by month."""

import pytest

from ai.credit_tracker import Usage
from ai.credit_tracker.audit import check_records

USD = 1_000_000_000


@pytest.mark.parametrize(
    ("sql", "problems"),
    [
        (
            "UPDATE calls SET cost = cost + 1 WHERE state = 'captured'",
            ("account spent:2026-11: has $1.000000000 and its calls cost $1.000000001",),
        ),
        (
            "UPDATE calls SET held = held + 1 WHERE state = 'held'",
            ("account month:2026-11: $0.000000005 is pending and calls hold $0.000000006",),
        ),
        (
            "UPDATE rollups SET cost = cost - 1 WHERE dimension = 'life'",
            ("account spent:2026-11: has $1.000000000 and the sums by life say $0.999999999",),
        ),
        (
            "DELETE FROM rollups WHERE dimension = 'model'",
            ("account spent:2026-11: has $1.000000000 and the sums by model say $0.000000000",),
        ),
        (
            "UPDATE calls SET period = '2027-01'",
            (
                "account spent:2026-11: has $1.000000000 and its calls cost $0.000000000",
                "account month:2026-11: $0.000000005 is pending and calls hold $0.000000000",
                "account spent:2027-01: has $0.000000000 and its calls cost $1.000000000",
                "account month:2027-01: $0.000000000 is pending and calls hold $0.000000005",
            ),
        ),
        (
            "UPDATE calls SET period = '2027-01', cost = 0 WHERE state = 'captured'",
            ("account spent:2026-11: has $1.000000000 and its calls cost $0.000000000",),
        ),
        (
            "UPDATE month_rollups SET cost = cost + 7 WHERE dimension = 'purpose'",
            ("month 2026-11: its days by purpose say $1.000000000 and its sum $1.000000007",),
        ),
    ],
)
async def test_what_does_not_add_up_is_named(purse, sql, problems):
    tracker = await purse.tracker()
    expense = purse.expense(USD)
    await tracker.hold(expense)
    await tracker.settle(expense.id, USD, Usage(1, 1))
    await tracker.hold(purse.expense(5))
    assert purse.ledger.read_now(check_records) == ()

    class Undone(Exception):
        pass

    def tamper(tx):
        tx.execute(sql)
        raise Undone(check_records(tx))

    with pytest.raises(Undone) as found:
        purse.ledger.transact_now(tamper)
    assert found.value.args[0] == problems


async def test_what_minds_keep_is_named_beside_what_calls_hold(purse):
    tracker = await purse.tracker(on_bankruptcy="die", tweets="dry-run")
    tracker.set_last_words(1, 7)
    await tracker.hold(purse.expense(5))
    purse.ledger.transact_now(lambda tx: tx.execute("UPDATE calls SET held = held + 1"))
    assert purse.ledger.read_now(check_records) == (
        "account month:2026-11: $0.000000012 is pending and calls hold $0.000000006 and reserves $0.000000007",
    )
    purse.ledger.transact_now(lambda tx: tx.execute("UPDATE calls SET held = held - 1"))
