"""A server that says nothing is waited for once and then left alone for a while, so that a beat ends in time."""

import pytest

from ai.ledger.circuit_breaker import QUIET_SECONDS, CircuitBreaker
from ai.ledger.errors import StoreUnavailable


def test_nobody_is_refused_before_a_silence_after_it_or_once_an_answer_came():
    now = 100.0
    breaker = CircuitBreaker(lambda: now)
    breaker.refuse_while_open()
    breaker.trip(StoreUnavailable("no answer within 3 s"))
    now += QUIET_SECONDS - 0.001
    with pytest.raises(StoreUnavailable, match=r"^no answer within 3 s$"):
        breaker.refuse_while_open()
    now += 0.001
    breaker.refuse_while_open()
    breaker.trip(StoreUnavailable("still none"))
    with pytest.raises(StoreUnavailable, match=r"^still none$"):
        breaker.refuse_while_open()
    breaker.reset()
    breaker.refuse_while_open()
