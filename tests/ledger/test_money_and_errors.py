"""Dollars become whole nano-dollars in one place, against us; errors keep what they say when they are copied."""

import copy
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.ledger import errors
from ai.ledger.money import NANOS_PER_USD, nanos, usd9


@pytest.mark.parametrize(
    ("usd", "expected"),
    [
        ("4.99", 4_990_000_000),
        ("0.0000000001", 1),
        ("-0.0000000019", -1),
        (Decimal("1e-9"), 1),
        (5, 5_000_000_000),
        ("0", 0),
        ("1e-99999999", 1),
        ("1e12", 10**21),
        ("-1e12", -(10**21)),
        ("1E+2", 100_000_000_000),
        (" 2.5 ", 2_500_000_000),
        (Decimal("0.000000001000000000000000000000000000000000000001"), 2),
    ],
)
def test_dollars_become_nano_dollars_rounded_up_against_us(usd, expected):
    assert nanos(usd) == expected


@pytest.mark.parametrize("usd", [1.5, True, None, b"1", [1]])
def test_what_is_not_exact_is_no_money(usd):
    with pytest.raises(TypeError, match=rf"an int, not .*\({type(usd).__name__}\)"):
        nanos(usd)


@pytest.mark.parametrize(
    "usd",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "sNaN",
        "five",
        "",
        "1,5",
        "1e999",
        "1000000000000.000000001",
        "-1000000000001",
        "1e999999999",
    ],
)
def test_what_is_no_amount_is_refused(usd):
    with pytest.raises(ValueError, match="dollars"):
        nanos(usd)


@given(st.integers(-(10**19), 10**19))
def test_nine_places_say_it_exactly(amount):
    assert nanos(usd9(amount)) == amount


@given(st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, places=14))
def test_rounding_is_up_and_by_less_than_one(usd):
    exact = usd * NANOS_PER_USD
    assert 0 <= nanos(usd) - exact < 1


def test_text_has_nine_places():
    assert usd9(4_999_876_500) == "4.999876500"
    assert usd9(-1) == "-0.000000001"
    assert usd9(0) == "0.000000000"


def test_errors_survive_copies_whole():
    for error in (
        errors.InsufficientFunds("month", 5, 3),
        errors.TransferConflict("t", "amount", 1, 2),
        errors.HoldEnded("h", "voided"),
        errors.NewerSchema("ledger", 9, 1),
        errors.StoreUnavailable("away", transient=False, outcome_unknown=True),
    ):
        for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - made in this line
            assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
