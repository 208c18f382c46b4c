"""The forms in which providers word an error, old and new, OpenRouter's and OpenAI's, each read for what it is."""

from datetime import UTC, datetime

import pytest

from ai.llm.calls import Outcome, Shape
from ai.llm.failures import Failure, classify, retry_delay
from ai.llm.figures import MAX_MESSAGE_CHARS, read_error

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
FORMS = [
    # OpenAI
    (429, {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"},
     Failure.NO_CREDITS),
    (429, {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}, Failure.RATE_LIMITED),
    (401, {"message": "Incorrect API key", "type": "invalid_request_error", "code": "invalid_api_key"},
     Failure.KEY_WRONG),
    (400, {"message": "This model's maximum context length is 128000 tokens", "type": "invalid_request_error",
           "code": "context_length_exceeded"}, Failure.TOO_LONG),
    (404, {"message": "The model does not exist", "code": "model_not_found"}, Failure.NOT_FOUND),
    # OpenRouter, newer: the type beside the message, no code
    (502, {"message": "Overloaded", "error_type": "provider_overloaded"}, Failure.OVERLOADED),
    (200, {"message": "Too much", "http_status": 429}, Failure.RATE_LIMITED),
    (200, {"message": "Gone", "http_status": 503, "availability": {"code": "provider_unavailable"}},
     Failure.OVERLOADED),
    (200, {"message": "No", "code": "429"}, Failure.RATE_LIMITED),
    (403, {"code": 403, "message": "Refused", "metadata": {"error_type": "refusal"}}, Failure.MODERATION),
    # nothing to go by
    (200, "just words", Failure.BROKEN),
    (200, {}, Failure.BROKEN),
    (200, ["?"], Failure.BROKEN),
    (500, {"message": None, "code": [1]}, Failure.SERVER),
    (418, {"message": "teapot"}, Failure.BROKEN),
]  # fmt: skip


def _read(said, status, headers=None):
    shape = Shape.BODY if status == 200 else Shape.STATUS
    code = None if status == 200 else status
    return read_error(shape, said, status=code, headers=headers or {}, now=NOW)


@pytest.mark.parametrize(("status", "said", "kind"), FORMS, ids=lambda value: str(value)[:40])
def test_an_error_is_read_for_what_it_is(status, said, kind):
    error = _read(said, status)
    assert classify(Outcome(True, status, "", "", None, None, None, None, error, 0.1)) is kind
    assert 0 < len(error.message) <= MAX_MESSAGE_CHARS


def test_what_an_upstream_said_is_told_too_in_one_bounded_line():
    said = {
        "code": 502,
        "message": "Provider returned error",
        "metadata": {"raw": "line one\nline\x00 two " + "x" * 900},
    }
    message = _read(said, 502).message
    assert message.startswith("Provider returned error: line one line two x")
    assert "\n" not in message
    assert len(message) == MAX_MESSAGE_CHARS


@pytest.mark.parametrize(
    "said",
    [
        {"code": 429, "message": "slow down", "metadata": {"headers": {"Retry-After": "2"}}},
        {"code": 429, "message": "slow down", "availability": {"retryable": True, "retry_after": 2}},
    ],
)
def test_a_wait_is_read_wherever_it_stands(said):
    error = _read(said, 429)
    assert error.retry_after_seconds == 2
    assert retry_delay(Failure.RATE_LIMITED, error) == 2


def test_the_header_is_believed_before_the_body():
    said = {"code": 429, "message": "slow down", "availability": {"retry_after": 900}}
    assert _read(said, 429, {"retry-after": "1"}).retry_after_seconds == 1
