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
    portal,
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
    *((status(code, headers={"Location": "http://127.0.0.1:1/"}), Failure.WRONG_ADDRESS) for code in (301, 302, 308)),
    (status(405), Failure.WRONG_ADDRESS),
    (status(409), Failure.BROKEN),
    (status(410), Failure.NOT_FOUND),
    (status(412, error_type="precondition_failed"), Failure.BAD_REQUEST),
    (status(400, "No such model", error_type="model_not_found"), Failure.NOT_FOUND),
    (status(400, "Not for chat", error_type="wrong_endpoint"), Failure.NOT_FOUND),
    (status(400, error_type="string_too_long"), Failure.TOO_LONG),
    (status(400, error_type="token_limit_exceeded"), Failure.TOO_LONG),
    (status(400, "Try a larger thinking budget"), Failure.BAD_REQUEST),
    (status(403, "Workspace monthly budget of $5 exceeded", error_type="permission_denied"), Failure.BUDGET),
    (status(403, "Guardrail budget exceeded"), Failure.BUDGET),
    (status(403, "Blocked by a guardrail: not among its allowed models"), Failure.NOT_ALLOWED),
    (status(403, "No", error_type="permission_denied"), Failure.NOT_ALLOWED),
    (status(403, "Key limit exceeded", error_type="permission_denied"), Failure.KEY_LIMIT),
    (status(403, "This model is flagged", availability="region_restricted"), Failure.REGION),
    (status(403, "It is not available in your region"), Failure.REGION),
    (status(451), Failure.REGION),
    (status(403, availability="capacity_exhausted"), Failure.OVERLOADED),
    (status(403, "Key limit exceeded? No: moderation", error_type="content_policy_violation"), Failure.MODERATION),
    (status(401, error_type="authentication"), Failure.KEY_WRONG),
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
    if following in (Next.NEXT_TIER, Next.NEXT_MAKER, Next.PROVIDER_OFF):
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
    assert timedelta(seconds=3) < quick.clock.now() - NOW < timedelta(seconds=3.1)
    assert quick.events("call.fallback")[0]["next"] == FIRST


async def test_a_model_asks_for_patience_once_only(quick):
    quick.provider.then(status(429, retry_after="1"), status(429, retry_after="1"))
    answer = await quick.ask(FIRST, SECOND)
    assert answer.model.id == SECOND
    assert not quick.health.available(quick.models[FIRST], quick.clock.now())
    quick.clock.advance(58)  # longer than it asked for: its second refusal says that a second was too little
    assert not quick.health.available(quick.models[FIRST], quick.clock.now())
    quick.clock.advance(2)
    assert quick.health.available(quick.models[FIRST], quick.clock.now())


async def test_a_wait_of_nothing_is_no_leave_to_go_on_at_once(quick):
    quick.provider.fault_for = lambda _: status(429, "Rate limit exceeded", retry_after="0")
    began = quick.clock.now()
    with pytest.raises(NoAnswer):
        await quick.ask(FREE)
    assert quick.clock.now() - began >= timedelta(seconds=1)
    for _ in range(5):
        with pytest.raises(NoAnswer):
            await quick.ask(FREE)
        quick.clock.advance(9)
    assert len(quick.provider.calls) == 2


async def test_a_region_closes_its_maker_for_hours_and_is_told_once(quick):
    restricted = status(403, "Not offered there", availability="region_restricted")
    quick.provider.fault_for = lambda request: restricted if request.json["model"].startswith("acme") else None
    for _ in range(30):  # five hours of thoughts
        assert (await quick.ask(FIRST, SECOND, "openai/gpt-4o-mini")).model.id == "openai/gpt-4o-mini"
        quick.clock.advance(600)
    refused = [request for request in quick.provider.calls if request.json["model"].startswith("acme")]
    assert len(refused) == 1
    assert [alert["kind"] for alert in quick.events("alert")] == ["region"]


async def test_a_workspaces_budget_stops_paid_asking_for_as_long_as_it_holds_and_is_told_once(quick):
    spent = status(403, "Workspace monthly budget of $5.00 exceeded")
    quick.provider.fault_for = lambda request: None if request.json["model"].endswith(":free") else spent
    for _ in range(40):  # a day of thoughts
        assert (await quick.ask(FIRST, SECOND, FREE)).model.id == FREE
        quick.clock.advance(2160)
    paid = [request for request in quick.provider.calls if not request.json["model"].endswith(":free")]
    assert len(paid) <= 7  # at once, and one probe each after 1, 2, 4, then every 6 hours
    assert [alert["kind"] for alert in quick.events("alert")] == ["budget"]


async def test_an_allow_list_is_told_once_for_all_the_models_that_it_refuses(quick):
    quick.provider.fault_for = lambda _: status(403, "Blocked by a guardrail: not among its allowed models")
    with pytest.raises(NoAnswer):
        await quick.ask(FIRST, SECOND, "acme/small-3")
    assert len(quick.provider.calls) == 3
    assert [alert["kind"] for alert in quick.events("alert")] == ["not_allowed"]


async def test_an_address_that_has_moved_names_its_setting_and_where_to(quick):
    quick.provider.then(status(308, headers={"Location": "https://openrouter.example/api/v1/chat/completions"}))
    with pytest.raises(NoAnswer):
        await quick.ask(FIRST, SECOND, FREE)
    assert len(quick.provider.calls) == 1
    problem = quick.events("alert")[0]["problem"]
    assert "OPENROUTER_BASE_URL" in problem
    assert "https://openrouter.example/api/v1" in problem


async def test_a_page_instead_of_an_api_is_a_wrong_address_and_rests_no_model(build, quick):
    rooms = await build(base_url=quick.provider.base_url.replace("/api/v1", "/nothing"), folder=quick.folder)
    quick.provider.lost = b"<html>404 Not Found</html>"
    with pytest.raises(NoAnswer):
        await rooms.ask(FIRST, SECOND)
    assert len(rooms.provider.calls) == 1
    assert "OPENROUTER_BASE_URL" in rooms.events("alert")[0]["problem"]


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
    rooms = await build(monthly_budget_usd="0.001")
    answer = await rooms.ask("anthropic/claude-sonnet-4.5", "acme/tiny-1", FREE)
    assert answer.model.id == "acme/tiny-1"
    assert answer.attempts[0].kind == "not_affordable"
    assert "month: $" in answer.attempts[0].problem
    assert tier_subject(rooms.models[FREE]) == "tier:openrouter/free"


async def test_free_requests_keep_to_the_limit_of_a_minute(build):
    rooms = await build(limits=Limits(free_requests_per_minute=2))
    for _ in range(2):
        await rooms.ask(FREE)
    assert (await rooms.ask(FREE, "acme/tiny-1")).model.id == "acme/tiny-1"
    rooms.clock.advance(61)
    assert (await rooms.ask(FREE, "acme/tiny-1")).model.id == FREE


async def test_a_barred_model_is_never_asked(build):
    rooms = await build()
    rooms.models[FIRST] = replace(rooms.models[FIRST], barred="its price is dynamic")
    with pytest.raises(NoAnswer, match="never asked: its price is dynamic"):
        await rooms.ask(FIRST)
    assert rooms.provider.calls == []


async def test_a_sign_in_page_is_told_as_one_and_nobody_is_asked_through_it_for_a_minute(quick):
    """Each model was asked in turn, each was rested for two minutes, and the log showed the page's first letters."""
    quick.provider.then(portal(), portal())
    with pytest.raises(NoAnswer) as raised:
        await quick.ask(FIRST, SECOND)
    assert [attempt.kind for attempt in raised.value.attempts if attempt.sent] == [Failure.REFUSED_CONNECTION] * 2
    assert "sign in, or use another network" in str(raised.value)
    assert len(quick.provider.calls) == 2  # once more after half a second, as where nobody listens
    quick.clock.advance(61)
    assert (await quick.ask(FIRST, SECOND)).model.id == FIRST
