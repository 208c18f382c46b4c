"""What a person reads at a terminal of 80 columns must be readable, and mean what the books say."""

from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from ai.cli.tables import calls_table, models_table, posts_table
from ai.credit_tracker.reconciliation_words import reconciliation_lines
from ai.ledger.money import price9
from ai.observer.money import exact

MODEL = {
    "id": "qwen/qwen3-235b-a22b-instruct", "tier": "ultra_cheap", "intelligence": 7, "price_prompt": "0.071000000",
    "price_completion": "0.463000000", "affordable": True, "available": True, "barred": None, "cooldown_until": None,
}  # fmt: skip
CALL = {
    "held_at": "2026-11-27T10:04:38.000000Z", "purpose": "thought", "subject": "anthropic/claude-haiku-4.5",
    "prompt_tokens": 1023, "completion_tokens": 297, "state": "captured", "held": "0.005000000",
    "cost": "0.000950000", "estimated": False,
}  # fmt: skip
FOUND = {
    "period": "2026-11", "provider": "0.012000000", "booked": "0.012000000", "drift": "0.000000000",
    "pending": "0.000000000", "doubtful": "0.000000000", "others": "0.000000000", "cause": "in step with the provider",
    "warn": False, "settled": 0, "lost": [], "gap_booked": None,
}  # fmt: skip


def lines(table: object) -> list[str]:
    """Return what a terminal of 80 columns shows, the head first."""
    console = Console(width=80, color_system=None)
    with console.capture() as shown:
        console.print(table)
    return [line.rstrip() for line in shown.get().splitlines()]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "yes"),
        ({"affordable": False}, "not affordable"),
        ({"available": False, "cooldown_until": "2026-11-27T11:20:00Z"}, "rests until 11:20"),
        ({"available": False, "affordable": False, "barred": "its price is not known"}, "its price is not known"),
    ],
)
def test_a_model_is_one_line_and_says_whether_it_may_think_now(state: dict[str, Any], said: str) -> None:
    _, row, *rest = lines(models_table([MODEL | state]))
    assert row.startswith("qwen/qwen3-235b-a22b-instruct   ultra cheap    7  0.071→0.463  ")
    assert said in " ".join([row, *(line.strip() for line in rest)])
    assert len(rest) == (1 if "barred" in state else 0)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "$0.000950"),
        ({"estimated": True}, "≈ $0.000950"),
        ({"state": "sent", "cost": None}, "held $0.005000"),
        ({"state": "unknown", "cost": None, "prompt_tokens": None}, "unknown $0.005000"),
        ({"state": "refused", "cost": "0.000000000"}, "refused"),
    ],
)
def test_a_call_says_what_it_cost_or_what_it_still_holds(state: dict[str, Any], said: str) -> None:
    row = lines(calls_table([CALL | state]))[1]
    assert row.startswith("11-27 10:04  thought  anthropic/claude-haiku-4.5")
    assert said in row
    assert ("1,023→297" in row) == ("prompt_tokens" not in state)


def test_a_post_is_shown_as_it_is_and_never_read_as_markup() -> None:
    post = {"id": 3, "created_at": "2026-11-27T10:04:37Z", "posted_at": None, "state": "awaiting_approval",
            "price": "0.015000000", "text": "[bold red]not[/bold red] \x1b[31mmarkup"}  # fmt: skip
    shown = " ".join(" ".join(lines(posts_table([post]))).split())
    assert "3 11-27 10:04 awaiting approval $0.0150 [bold red]not[/bold red]" in shown
    assert "\x1b" not in shown


def test_a_reconciliation_says_what_matters_and_leaves_out_what_is_nothing() -> None:
    assert reconciliation_lines(FOUND) == [
        "2026-11: $0.0120 are booked for models, the provider says $0.0120: in step with the provider"
    ]
    assert reconciliation_lines(FOUND | {"provider": None, "drift": None, "cause": "it is silent"}) == [
        "2026-11: $0.0120 are booked for models: it is silent"
    ]
    told = reconciliation_lines(
        FOUND | {"provider": "1.012000000", "drift": "1.000000000", "others": "0.900000000", "pending": "0.000100000",
                 "settled": 2, "lost": ["call-9"], "gap_booked": "0.500000000", "warn": True}
    )  # fmt: skip
    assert told[1:] == [
        "drift: $1.00 (the provider's figure less the books')",
        "pending: $0.000100 held by calls that have not ended",
        "others: $0.9000 spent with this key by others",
        "gap booked: $0.5000 booked as spent since the backup",
        "settled: 2 calls, whose true cost was learnt just now",
        "lost: call-9 were billed although booked at nothing",
        "this is more than should pass unseen: look at the key's activity page, and for other users of it",
    ]


def test_a_price_in_json_has_nine_places_and_in_a_table_those_that_say_something() -> None:
    """It was the one amount without them: `"0.15"`, or `"5"`."""
    assert [price9(Decimal(price)) for price in ("0.15", "5", "0", "0.0000000001")] == [
        "0.150000000", "5.000000000", "0.000000000", "0.000000001",
    ]  # fmt: skip
    assert "0.071→0.463" in lines(models_table([MODEL]))[1]
    assert exact("0.000000001") == "$0.000000001"
