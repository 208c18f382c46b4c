"""What comes next when a call fails: every row of the failure table, against the real server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ai.llm import Limits, NoAnswer
from ai.llm.failures import TABLE, Failure, Next
from ai.llm.health import tier_subject
from tests.world.openrouter_faults import (
    bad_json,
    choice_error,
    cut,
    empty,
    error_200,
    hang,
    html,
    status,
    stream_error,
)

FIRST, SECOND, FREE = "acme/small-1", "acme/small-2", "acme/free-1:free"
NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)

# what the provider does, the kind it is read as
KINDS = [
    (status(400, "Provider returned error"), Failure.BAD_REQUEST),
    (status(400, "This endpoint's maximum context length is 4096 tokens"), Failure.TOO_LONG),
    (status(400, error_type="content_policy_violation"), Failure.MODERATION),
    (status(401, "User not found."), Failure.KEY_WRONG),
    (status(402, "Insufficient credits"), Failure.NO_CREDITS),
    (status(402, metadata={"limit_source": "openrouter_key_limit"}), Failure.KEY_LIMIT),
    (status(402, metadata={"limit_source": "openrouter_in_flight_budget"}, retry_after="90"), Failure.IN_FLIGHT),
    (status(403, "Your input was flagged"), Failure.MODERATION),
    (status(403, "Key limit exceeded (total limit)"), Failure.KEY_LIMIT),
    (status(404, "No endpoints found for it"), Failure.NOT_FOUND),
    (status(404, "No endpoints found matching your data policy"), Failure.NOT_FOUND),
    (status(408, "Request timeout"), Failure.TIMEOUT),
    (status(413, "Payload too large"), Failure.TOO_LONG),
    (status(422, "Unprocessable"), Failure.BAD_REQUEST),
    (status(429, "Rate limit exceeded", retry_after="90"), Failure.RATE_LIMITED),
    (status(429, "Rate limit exceeded: free-models-per-day"), Failure.FREE_QUOTA),
    (status(500), Failure.SERVER),
    (status(502, "Bad gateway"), Failure.SERVER),
    (status(503), Failure.OVERLOADED),
    (status(504), Failure.TIMEOUT),
    (status(524), Failure.TIMEOUT),
    (status(529), Failure.OVERLOADED),
    (status(302, headers={"Location": "http://127.0.0.1:1/"}), Failure.BROKEN),
    (error_200(429), Failure.RATE_LIMITED),
    (error_200(502), Failure.SERVER),
    (choice_error(502), Failure.SERVER),
    (choice_error(429), Failure.RATE_LIMITED),
    (stream_error(503), Failure.OVERLOADED),
    (cut(), Failure.CUT),
    (cut(where="mid_stream"), Failure.CUT),
    (bad_json(), Failure.BROKEN),
    (html(), Failure.BROKEN),
    (empty(), Failure.EMPTY),
]


@pytest.fixture
async def quick(build):
    return await build(limits=Limits(max_attempts=6))


def test_every_kind_has_a_row():
    assert set(TABLE) == set(Failure)


@pytest.mark.parametrize(("fault", "kind"), KINDS, ids=lambda value: getattr(value, "kind", value))
async def test_a_failure_is_read_for_what_it_is_and_its_step_is_taken(quick, fault, kind):
    quick.provider.then(fault)
    following = TABLE[kind].following
    if following in (Next.NEXT_TIER, Next.PROVIDER_OFF):
        with pytest.raises(NoAnswer) as raised:
            await quick.ask(FIRST, SECOND)
        attempts, reached = raised.value.attempts, 1
    else:
        answer = await quick.ask(FIRST, SECOND)
        attempts, reached = answer.attempts, 2
        assert answer.model.id == SECOND
    assert attempts[0].kind == kind
    assert len(quick.provider.calls) == reached
    fallback = quick.events("call.fallback")[0]
    assert fallback["failed"] == FIRST
    assert fallback["next"] == (SECOND if reached == 2 else "nobody")
    assert fallback["problem"] == attempts[0].problem


async def test_a_model_that_hangs_rests_and_the_next_one_is_asked(quick):
    quick.provider.then(hang())
    patient = quick.client.limits
    quick.impatient()
    with pytest.raises(NoAnswer) as raised:
        await quick.ask(FIRST)
    assert raised.value.attempts[0].kind == Failure.TIMEOUT
    quick.client.limits = patient
    answer = await quick.ask(FIRST, SECOND)
    assert (answer.model.id, answer.attempts[0].kind) == (SECOND, "resting")


async def test_a_short_retry_after_is_waited_for_and_the_same_model_asked(quick):
    quick.provider.then(status(429, retry_after="3"))
    answer = await quick.ask(FIRST, SECOND)
    assert answer.model.id == FIRST
    assert quick.clock.now() - NOW == timedelta(seconds=3)
    assert quick.events("call.fallback")[0]["next"] == FIRST


async def test_a_model_asks_for_patience_once_only(quick):
    quick.provider.then(status(429, retry_after="1"), status(429, retry_after="1"))
    answer = await quick.ask(FIRST, SECOND)
    assert answer.model.id == SECOND
    assert not quick.health.available(quick.models[FIRST], quick.clock.now())
    quick.clock.advance(2)
    assert quick.health.available(quick.models[FIRST], quick.clock.now())


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "600"},
        {"Retry-After": format_datetime(NOW + timedelta(seconds=600), usegmt=True)},
        {"X-RateLimit-Reset": str(int((NOW.timestamp() + 600) * 1000))},
    ],
)
async def test_a_long_retry_after_rests_the_model_for_that_long(quick, headers):
    quick.provider.then(status(429, headers=headers))
    assert (await quick.ask(FIRST, SECOND)).model.id == SECOND
    quick.clock.advance(595)
    assert not quick.health.available(FIRST, quick.clock.now())
    quick.clock.advance(10)
    assert quick.health.available(FIRST, quick.clock.now())


async def test_the_reset_of_a_limit_that_was_not_reached_is_no_wish(quick):
    reset = {"X-RateLimit-Reset": str(int((NOW.timestamp() + 3000) * 1000))}
    quick.provider.then(status(503, headers=reset))
    assert (await quick.ask(FIRST, SECOND)).model.id == SECOND
    quick.clock.advance(121)
    assert quick.health.available(FIRST, quick.clock.now())


async def test_a_restart_asks_a_provider_again_whose_key_was_wrong(build, quick):
    quick.provider.key = "sk-or-v1-another"
    with pytest.raises(NoAnswer):
        await quick.ask(FIRST)
    quick.provider.key = "sk-or-v1-test"
    with pytest.raises(NoAnswer, match="resting"):
        await quick.ask(FIRST)
    again = await build(folder=quick.folder, clock=quick.clock)
    await again.client.resolve_open()
    assert (await again.ask(FIRST)).model.id == FIRST


@pytest.mark.parametrize("asked", ["-5", "1e99", "soon", "99999999999999999999", "NaN", ""])
async def test_an_absurd_retry_after_is_bounded(quick, asked):
    limited = status(429, headers={"Retry-After": asked})
    quick.provider.fault_for = lambda request: limited if request.json["model"] == FIRST else None
    assert (await quick.ask(FIRST, SECOND)).model.id == SECOND
    quick.clock.advance(3600)
    assert quick.health.available(FIRST, quick.clock.now())


async def test_the_free_tier_gone_goes_on_with_paid_models_until_its_reset(quick):
    reset = str(int((NOW.timestamp() + 12 * 3600) * 1000))
    quick.provider.then(status(429, "Rate limit exceeded: free-models-per-day", headers={"X-RateLimit-Reset": reset}))
    answer = await quick.ask(FREE, "acme/free-2:free", "acme/free-3:free", "acme/tiny-1")
    assert answer.model.id == "acme/tiny-1"
    assert len(quick.provider.calls) == 2
    quick.clock.advance(11 * 3600)
    assert (await quick.ask(FREE, "acme/tiny-1")).model.id == "acme/tiny-1"
    quick.clock.advance(2 * 3600)
    assert (await quick.ask(FREE, "acme/tiny-1")).model.id == FREE


async def test_a_privacy_setting_that_hides_free_models_is_told_once_and_closes_their_tier(quick):
    quick.provider.then(status(404, "No endpoints found matching your data policy (Free model training)"))
    assert (await quick.ask(FREE, "acme/free-2:free", "acme/tiny-1")).model.id == "acme/tiny-1"
    assert (await quick.ask(FREE, "acme/free-2:free", "acme/tiny-1")).model.id == "acme/tiny-1"
    assert len(quick.provider.calls) == 3
    assert [alert["kind"] for alert in quick.events("alert")] == ["data_policy"]


async def test_out_of_credits_goes_on_with_free_models_and_is_told_once(quick):
    quick.provider.then(status(402, "Insufficient credits"))
    assert (await quick.ask(FIRST, SECOND, FREE)).model.id == FREE
    quick.provider.then(status(402, "Insufficient credits"))
    quick.clock.advance(3600)
    assert (await quick.ask(FIRST, SECOND, FREE)).model.id == FREE
    assert [alert["kind"] for alert in quick.events("alert")] == ["no_credits"]


async def test_a_wrong_key_turns_the_provider_off_and_is_told_once(quick):
    quick.provider.key = "sk-or-v1-another"
    for _ in range(4):
        with pytest.raises(NoAnswer):
            await quick.ask(FIRST, SECOND, FREE)
        quick.clock.advance(60)
    assert len(quick.provider.calls) == 1
    quick.clock.advance(3600)  # a probe, refused again
    with pytest.raises(NoAnswer):
        await quick.ask(FIRST, SECOND, FREE)
    assert len(quick.provider.calls) == 2
    assert len(quick.events("alert")) == 1
    quick.provider.key = "sk-or-v1-test"
    quick.clock.advance(6 * 3600)
    assert (await quick.ask(FIRST)).model.id == FIRST
    assert quick.health.available(quick.models[SECOND], quick.clock.now())


async def test_never_more_than_six_attempts(quick):
    quick.provider.then(*[status(404)] * 12)
    with pytest.raises(NoAnswer) as raised:
        await quick.ask(*(f"acme/tiny-{n}" for n in range(1, 13)))
    assert len(quick.provider.calls) == 6
    assert len([attempt for attempt in raised.value.attempts if attempt.sent]) == 6


async def test_an_unusable_reply_is_paid_for_and_the_next_model_asked(quick):
    problems = ["there is no name in it", None]
    answer = await quick.ask(FIRST, SECOND, accept=lambda _: problems.pop(0))
    assert [attempt.problem for attempt in answer.attempts] == ["there is no name in it"]
    assert answer.model.id == SECOND
    assert len(quick.provider.bills) == 2
    assert await quick.spent() == quick.provider.billed_nanos
    assert quick.health.available(FIRST, quick.clock.now())


async def test_a_deadline_that_has_passed_asks_nobody(quick):
    with pytest.raises(NoAnswer, match="no time is left"):
        await quick.ask(FIRST, deadline=quick.clock.monotonic())
    assert quick.provider.calls == []


async def test_a_model_at_fault_rests_longer_each_time_and_is_probed_between(quick):
    model = quick.models[FIRST]
    for minutes in (1, 2, 4):
        quick.provider.then(status(429))
        assert (await quick.ask(FIRST, SECOND)).model.id == SECOND
        quick.clock.advance(minutes * 60 - 1)
        assert not quick.health.available(model, quick.clock.now())
        quick.clock.advance(1)
        assert quick.health.available(model, quick.clock.now())
    assert (await quick.ask(FIRST)).model.id == FIRST
    assert quick.health.snapshot()[FIRST].failures == 0


async def test_the_purse_refuses_what_does_not_fit_and_cheaper_models_serve(build):
    house = await build(monthly_budget_usd="0.001")
    answer = await house.ask("anthropic/claude-sonnet-4.5", "acme/tiny-1", FREE)
    assert answer.model.id == "acme/tiny-1"
    assert answer.attempts[0].kind == "not_affordable"
    assert "month: $" in answer.attempts[0].problem
    assert tier_subject(house.models[FREE]) == "tier:openrouter/free"


async def test_free_requests_keep_to_the_limit_of_a_minute(build):
    house = await build(limits=Limits(free_requests_per_minute=2))
    for _ in range(2):
        await house.ask(FREE)
    assert (await house.ask(FREE, "acme/tiny-1")).model.id == "acme/tiny-1"
    house.clock.advance(61)
    assert (await house.ask(FREE, "acme/tiny-1")).model.id == FREE


async def test_a_barred_model_is_never_asked(build):
    house = await build()
    house.models[FIRST] = replace(house.models[FIRST], barred="its price is dynamic")
    with pytest.raises(NoAnswer, match="never asked: its price is dynamic"):
        await house.ask(FIRST)
    assert house.provider.calls == []
