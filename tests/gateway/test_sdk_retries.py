"""What a program's own error handling meets: the SDK's exception classes, and its retries, which must not pay twice."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from ai.ledger.money import nanos
from tests.gateway.conftest import Open
from tests.world.openrouter_faults import status

HELLO: Any = [{"role": "user", "content": "hello"}]
CALL: dict[str, Any] = {"model": "acme/small-1", "messages": HELLO, "max_tokens": 40}


@pytest.mark.parametrize(
    ("more", "terms", "raised", "code"),
    [
        ({}, {"budget": 0}, openai.APIStatusError, 402),
        ({}, {"models": ("openai/*",)}, openai.PermissionDeniedError, 403),
        ({"model": "acme/smal-1"}, {}, openai.NotFoundError, 404),
        ({"extra_body": {"plugins": [{"id": "web"}]}}, {}, openai.BadRequestError, 400),
        ({"extra_headers": {"X-Genesis-Wait": "soon"}}, {}, openai.BadRequestError, 400),
    ],
)
async def test_a_refusal_is_the_sdks_own_exception_with_what_is_short(
    gateway: Open, more: dict[str, Any], terms: dict[str, Any], raised: type[openai.APIStatusError], code: int
) -> None:
    client = gateway.sdk(await gateway.key(**terms))
    with pytest.raises(raised) as refused:
        await client.chat.completions.create(**{**CALL, **more})
    assert refused.value.status_code == code
    assert refused.value.body["message"]  # type: ignore[index, call-overload]
    assert not gateway.provider.calls


async def test_a_key_that_is_none_and_one_too_many_calls_are_its_own_exceptions(gateway: Open) -> None:
    with pytest.raises(openai.AuthenticationError):
        await gateway.sdk("gk-nobody").chat.completions.create(**CALL)
    client = gateway.sdk(await gateway.key(requests_per_minute=1))
    await client.chat.completions.create(**CALL)
    with pytest.raises(openai.RateLimitError) as early:
        await client.chat.completions.create(**CALL)
    assert int(early.value.response.headers["retry-after"]) > 0


async def test_a_retry_of_the_sdk_is_a_call_of_its_own_and_the_books_know_both(gateway: Open) -> None:
    """OpenAI's SDK sends no Idempotency-Key unless told to: a provider that bills and fails is paid twice."""
    gateway.provider.then(status(500, "after it billed", billed=True))
    client = gateway.sdk(await gateway.key()).with_options(max_retries=2)
    said = await client.chat.completions.create(**CALL)
    assert said.choices[0].message.content
    await gateway.settled()
    assert len(gateway.provider.calls) == len(gateway.provider.bills) == 2
    assert await gateway.spent(key="agent") == gateway.provider.billed_nanos


async def test_with_an_idempotency_key_the_sdks_retries_never_pay_twice(gateway: Open) -> None:
    gateway.provider.then(status(500, "after it billed", billed=True))
    client = gateway.sdk(await gateway.key(budget=nanos("1"))).with_options(max_retries=8)
    with pytest.raises(openai.APIStatusError) as lost:
        await client.chat.completions.create(**CALL, extra_headers={"Idempotency-Key": "step-1"})
    assert (lost.value.status_code, lost.value.code) == (410, "answer_lost")
    await gateway.settled()
    assert len(gateway.provider.calls) == len(gateway.provider.bills) == 1
    assert await gateway.spent(key="agent") == gateway.provider.billed_nanos


async def test_with_an_idempotency_key_what_was_not_billed_is_sent_again(gateway: Open) -> None:
    gateway.provider.then(status(429, "slow down", retry_after="0"))
    client = gateway.sdk(await gateway.key()).with_options(max_retries=4)
    keyed: dict[str, Any] = {**CALL, "extra_headers": {"Idempotency-Key": "step-2"}}
    first = await client.chat.completions.create(**keyed)
    again = await client.chat.completions.create(**keyed)
    assert again.id == first.id
    assert len(gateway.provider.bills) == 1
    assert await gateway.spent(key="agent") == gateway.provider.billed_nanos
