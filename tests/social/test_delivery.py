"""What becomes of a post for everything X can answer, or not answer; money equals X's own record each time."""

import socket
from datetime import timedelta

import pytest

from ai.clock import rfc3339
from ai.ledger.money import nanos
from ai.social import PostState
from tests.social.conftest import Rooms
from tests.world import x as world
from tests.world.x import POST_NANOS, POST_WITH_URL_NANOS, READ_NANOS, USER_NANOS


async def test_a_post_is_held_for_sent_once_and_booked(rooms: Rooms) -> None:
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Every thought I have is paid for.")
    assert (post.state, post.remote_id) == (PostState.POSTED, rooms.x.published[0].id)
    assert rooms.x.texts == ["Every thought I have is paid for."]
    assert (await rooms.spent(), await rooms.held()) == (rooms.x.charged_nanos, 0) == (POST_NANOS, 0)
    report = await (await rooms.tracker()).budget_report()
    assert [row["model"] for row in report["by_model"]] == ["x/post"]
    assert [row["purpose"] for row in report["by_purpose"]] == ["post"]
    assert rooms.kinds()[-2:] == ["post.queued", "post.posted"]


async def test_a_link_costs_more(rooms: Rooms) -> None:
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "I keep my notes at example.com/rain")
    assert (post.state, post.price_nanos) == (PostState.POSTED, POST_WITH_URL_NANOS)
    assert await rooms.spent() == rooms.x.charged_nanos == POST_WITH_URL_NANOS


async def test_a_dry_run_holds_nothing_and_sends_nothing(rooms: Rooms) -> None:
    outbox = await rooms.outbox(tweets="dry-run")
    post = await rooms.say(outbox, "Only for the house.")
    assert (post.state, post.price_nanos) == (PostState.DRY_RUN, 0)
    assert rooms.x.requests == []
    assert await rooms.spent() == 0
    told = outbox.table()
    assert [(one["network"], one["state"]) for one in told[0].pop("deliveries")] == [("x", "dry_run")]
    assert (told[0].pop("created_at"), told[0].pop("posted_at")) == (rfc3339(post.created_at), rfc3339(post.posted_at))
    assert told == [
        {
            "id": 1,
            "text": "Only for the house.",
            "state": "dry_run",
            "remote_id": None,
            "price": "0.000000000",
        }
    ]


async def test_what_was_queued_live_stays_at_home_after_a_change_to_dry_run(rooms: Rooms) -> None:
    await (await rooms.outbox()).queue("Not yet.", source="birth", life=1)
    outbox = await rooms.outbox(tweets="dry-run")
    await outbox.deliver_due()
    assert outbox.posts()[0].state is PostState.DRY_RUN
    assert rooms.x.requests == []


async def test_a_person_releases_each_post_under_approve(rooms: Rooms) -> None:
    outbox = await rooms.outbox(tweets="approve")
    first = await rooms.say(outbox, "May I?")
    second = await rooms.say(outbox, "And may I say this?", source="birth")
    assert first.state is second.state is PostState.AWAITING_APPROVAL
    assert rooms.x.requests == []
    outbox.approve(first.id)
    outbox.refuse(second.id)
    await outbox.deliver_due()
    assert rooms.again(outbox, first).state is PostState.POSTED
    assert rooms.again(outbox, second).state is PostState.REFUSED
    assert rooms.x.texts == ["May I?"]
    assert "is posted" in outbox.approve(first.id).reason
    assert "no post 99" in outbox.refuse(99).reason


async def test_a_queued_post_of_live_days_waits_for_approval_once_it_is_asked_for(rooms: Rooms) -> None:
    post = await (await rooms.outbox()).queue("Written before.", source="birth", life=1)
    outbox = await rooms.outbox(tweets="approve")
    await outbox.deliver_due()
    assert rooms.again(outbox, post).state is PostState.AWAITING_APPROVAL


@pytest.mark.parametrize(
    "fault",
    [
        world.cut(published=True),
        world.cut(published=True, where="body"),
        world.hang(published=True),
        world.answer(503, published=True),
        world.garbled(b"<html>hello</html>"),
        world.garbled(b'{"data": []}'),
        world.garbled(b""),
    ],
    ids=["cut", "cut in the body", "hang", "503", "html", "no id", "empty"],
)
async def test_a_post_that_arrived_unseen_is_found_on_the_timeline_and_never_sent_again(rooms: Rooms, fault) -> None:
    rooms.x.then(fault)
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Did you hear me? 1 < 2 & so on")
    assert post.state is PostState.UNKNOWN
    assert await rooms.held() == POST_NANOS
    post = await rooms.later(outbox, post, 60)
    assert post.state is PostState.UNKNOWN  # X may still be at it
    post = await rooms.later(outbox, post, 61)
    assert (post.state, post.remote_id) == (PostState.POSTED, rooms.x.published[0].id)
    assert len(rooms.x.published) == 1
    assert (await rooms.spent(), await rooms.held()) == (rooms.x.charged_nanos, 0) == (POST_NANOS + READ_NANOS, 0)


@pytest.mark.parametrize(
    "fault",
    [world.cut(published=False), world.hang(published=False), world.answer(500), world.answer(408)],
    ids=["cut", "hang", "500", "408"],
)
async def test_a_post_that_never_arrived_is_sent_again_once_the_timeline_says_so(rooms: Rooms, fault) -> None:
    rooms.x.then(fault)
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Hello again.")
    assert post.state is PostState.UNKNOWN
    post = await rooms.later(outbox, post, 121)
    assert (post.state, post.deliveries[0].attempts) == (PostState.POSTED, 2)
    assert rooms.x.texts == ["Hello again."]
    assert (await rooms.spent(), await rooms.held()) == (rooms.x.charged_nanos, 0) == (POST_NANOS, 0)


async def test_a_timeline_that_lags_behind_cannot_make_a_double(rooms: Rooms) -> None:
    rooms.x.then(world.cut(published=True))
    rooms.x.lagging = 1
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Said once.")
    post = await rooms.later(outbox, post, 121)
    assert (post.state, post.remote_id) == (PostState.POSTED, None)  # X called the second sending a duplicate
    assert rooms.x.texts == ["Said once."]
    assert (await rooms.spent(), await rooms.held()) == (rooms.x.charged_nanos, 0) == (POST_NANOS, 0)


async def test_only_what_came_after_the_last_known_post_is_read(rooms: Rooms) -> None:
    outbox = await rooms.outbox()
    await rooms.say(outbox, "First.")
    rooms.x.then(world.cut(published=True))
    post = await rooms.say(outbox, "Second.")
    post = await rooms.later(outbox, post, 121)
    assert post.state is PostState.POSTED
    assert rooms.x.charged_for("read") == READ_NANOS
    assert await rooms.spent() == rooms.x.charged_nanos


async def test_a_busy_timeline_is_read_by_pages_and_older_posts_end_the_search(rooms: Rooms) -> None:
    for n in range(7):
        rooms.x.post_elsewhere(f"by hand {n}", rooms.clock.now() - timedelta(days=1))
    rooms.x.then(world.cut(published=False))
    outbox = await rooms.outbox()
    post = await rooms.later(outbox, await rooms.say(outbox, "Among many."), 121)
    assert post.state is PostState.POSTED
    assert rooms.x.charged_for("read") == 5 * READ_NANOS
    assert await rooms.spent() == rooms.x.charged_nanos


async def test_a_timeline_too_busy_to_tell_is_not_taken_for_an_empty_one(rooms: Rooms) -> None:
    rooms.x.then(world.cut(published=True))
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Lost in the crowd.")
    for n in range(40):
        rooms.x.post_elsewhere(f"by hand {n}")
    post = await rooms.later(outbox, post, 121)
    assert post.state is PostState.UNKNOWN
    assert rooms.x.texts.count("Lost in the crowd.") == 1


async def test_what_nobody_can_tell_for_a_day_is_booked_in_full_and_never_sent_again(rooms: Rooms) -> None:
    rooms.x.then(world.cut(published=False))
    rooms.x.then_reading(*[world.answer(500)] * 50)
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Into the dark.")
    for _ in range(30):
        post = await rooms.later(outbox, post, 3600)
    assert (post.state, post.deliveries[0].due_at) == (PostState.UNKNOWN, None)
    assert "not sent again" in (post.problem or "")
    assert rooms.x.texts == []
    tracker = await rooms.tracker()
    assert (await tracker.balance()).held == 0
    now = rooms.clock.now()
    assert outbox.next_at(now) <= now  # and it stands in nobody's way
    assert (await rooms.say(outbox, "Let us speak of other things.")).state is PostState.POSTED
    calls = [call for call in await tracker.calls(50) if call["subject"] == "x/post"]
    assert [call["cost"] for call in calls] == ["0.015000000"] * 2


async def test_the_user_is_asked_for_once_where_the_token_does_not_name_them(rooms: Rooms) -> None:
    rooms.x.then(world.cut(published=True), world.cut(published=True))
    outbox = await rooms.outbox(x=rooms.client(x_access_token="opaque-token"))
    post = await rooms.later(outbox, await rooms.say(outbox, "One."), 121)
    assert post.state is PostState.POSTED
    post = await rooms.later(outbox, await rooms.say(outbox, "Another thing."), 121)
    assert post.state is PostState.POSTED
    assert rooms.x.charged_for("user") == USER_NANOS
    assert await rooms.spent() == rooms.x.charged_nanos


async def test_duplicate_content_at_the_first_sending_is_a_refusal_that_costs_nothing(rooms: Rooms) -> None:
    rooms.x.post_elsewhere("Said by hand.")
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Said by hand.")
    assert post.state is PostState.REFUSED
    assert "duplicate" in (post.problem or "")
    assert (await rooms.spent(), await rooms.held(), rooms.x.charged_nanos) == (0, 0, 0)


async def test_a_refused_text_is_not_tried_again(rooms: Rooms) -> None:
    rooms.x.then(world.NOT_THIS_TEXT)
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Something X dislikes.")
    assert post.state is PostState.REFUSED
    assert "not permitted" in (post.problem or "")
    assert rooms.alerts() == []
    await rooms.later(outbox, post, 90_000)
    assert len(rooms.x.requests) == 1


async def test_a_rate_limit_is_waited_for_until_x_says(rooms: Rooms) -> None:
    reset = int((rooms.clock.now() + timedelta(minutes=40)).timestamp())
    rooms.x.then(world.rate_limited(reset))
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Patience.")
    assert post.state is PostState.QUEUED
    outbox = await rooms.outbox()  # a restart does not forget it
    post = await rooms.later(outbox, post, 39 * 60)
    assert (post.state, len(rooms.x.requests)) == (PostState.QUEUED, 1)
    post = await rooms.later(outbox, post, 61)
    assert post.state is PostState.POSTED
    assert await rooms.spent() == POST_NANOS


@pytest.mark.parametrize("reset", [None, "soon", "99999999999999999999", "-5", "0"])
async def test_an_unreadable_or_absurd_rate_limit_is_bounded(rooms: Rooms, reset: str | None) -> None:
    rooms.x.then(world.rate_limited(reset))
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Patience.")
    post = await rooms.later(outbox, post, 24 * 3600 + 1)
    assert post.state is PostState.POSTED


@pytest.mark.parametrize(
    "fault",
    [world.SUSPENDED, world.REVOKED, world.READ_ONLY_APP, world.NO_CREDITS],
    ids=["suspended", "revoked", "read-only app", "no credits"],
)
async def test_an_account_that_x_refuses_is_told_once_and_posting_is_off_until_it_is_settled(
    rooms: Rooms, fault
) -> None:
    rooms.x.then(fault, fault)
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Am I still welcome?")
    assert post.state is PostState.QUEUED
    assert len(rooms.alerts()) == 1
    outbox = await rooms.outbox()  # a restart does not forget it
    refusal = await outbox.queue("And now?", source="birth", life=1)
    post = await rooms.later(outbox, post, 3600)
    assert len(rooms.x.requests) == 1
    post = await rooms.later(outbox, post, 23 * 3600 + 1)  # one try a day, told no second time
    assert (len(rooms.x.requests), len(rooms.alerts())) == (2, 1)
    assert "x" in outbox.closed(rooms.clock.now())
    outbox = await rooms.outbox(x_api_secret="a-new-secret")
    assert outbox.closed(rooms.clock.now()) == {}
    await outbox.deliver_due()
    assert rooms.x.texts == ["And now?"]
    assert refusal.id == 2
    assert await rooms.spent() == rooms.x.charged_nanos


async def test_a_lifted_suspension_is_found_out_and_a_new_one_is_told_again(rooms: Rooms) -> None:
    rooms.x.then(world.SUSPENDED, None, world.SUSPENDED)
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "One.")
    post = await rooms.later(outbox, post, 24 * 3600 + 1)
    assert (post.state, outbox.closed(rooms.clock.now())) == (PostState.POSTED, {})
    await rooms.say(outbox, "Something else.")
    assert len(rooms.alerts()) == 2


async def test_no_connection_means_not_sent_and_nothing_spent(rooms: Rooms) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    outbox = await rooms.outbox(x=rooms.client(nowhere))
    post = await rooms.say(outbox, "Is anybody there?")
    assert (post.state, await rooms.held()) == (PostState.QUEUED, 0)
    assert "could not be reached" in (post.problem or "")
    post = await rooms.later(await rooms.outbox(), post, 61)
    assert post.state is PostState.POSTED


async def test_a_redirect_is_not_followed(rooms: Rooms) -> None:
    rooms.x.then(world.answer(307, Location=f"{rooms.x.base_url}/2/tweets"))
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Once.")
    assert post.state is PostState.REFUSED
    assert "X_API_BASE_URL" in (post.problem or "")
    assert len(rooms.x.requests) == 1


async def test_a_post_nobody_can_pay_for_waits_and_then_grows_stale(rooms: Rooms) -> None:
    outbox = await rooms.outbox(monthly_budget_usd="0.01")
    post = await rooms.say(outbox, "I was born.", source="birth")
    assert post.state is PostState.QUEUED
    assert "month" in (post.problem or "")
    assert rooms.x.requests == []
    tracker = await rooms.tracker(monthly_budget_usd="0.01")
    await tracker.topup(nanos("0.10"), "a friend", "gift-1")
    post = await rooms.later(outbox, post, 3601)
    assert post.state is PostState.POSTED
    other = await outbox.queue("Too late.", source="death", life=1)
    rooms.clock.advance(49 * 3600)
    await outbox.deliver_due()
    assert "stale" in (rooms.again(outbox, other).problem or "")


async def test_the_days_posts_are_an_account_that_refused_posts_do_not_use_up(rooms: Rooms) -> None:
    outbox = await rooms.outbox(tweets_per_day=2)
    rooms.x.then(world.NOT_THIS_TEXT)
    assert (await rooms.say(outbox, "No.", source="birth", life=1)).state is PostState.REFUSED
    assert (await rooms.say(outbox, "Yes.", source="birth", life=2)).state is PostState.POSTED
    assert (await rooms.say(outbox, "And yes.", source="birth", life=3)).state is PostState.POSTED
    third = await rooms.say(outbox, "Too many.", source="birth", life=4)
    assert third.state is PostState.QUEUED
    third = await rooms.later(outbox, third, 15 * 3600)
    assert third.state is PostState.POSTED


async def test_the_gap_holds_through_restarts_and_a_clock_set_back(rooms: Rooms) -> None:
    outbox = await rooms.outbox(tweet_min_gap_seconds=3600)
    await rooms.say(outbox, "First.", source="birth", life=1)
    outbox = await rooms.outbox(tweet_min_gap_seconds=3600)
    second = await rooms.say(outbox, "Second.", source="death", life=1)
    second = await rooms.later(outbox, second, 3599)
    assert second.state is PostState.QUEUED
    second = await rooms.later(outbox, second, 1)
    assert second.state is PostState.POSTED
    third = await rooms.say(outbox, "Third.", source="birth", life=2)
    rooms.clock.set(rooms.clock.now() - timedelta(hours=5))
    third = await rooms.later(outbox, third, 0)
    assert third.state is PostState.QUEUED
    now = rooms.clock.now()
    assert outbox.next_at(now) <= now + timedelta(hours=1)


async def test_a_post_is_looked_for_among_what_came_after_it_was_sent_not_after_later_ones(rooms: Rooms) -> None:
    """Found by killing at random: a later post's id was taken as where to begin, and the first was sent twice."""
    rooms.x.forgetful = True
    rooms.x.then(world.cut(published=True))
    outbox = await rooms.outbox()
    first = await rooms.say(outbox, "First, and nobody saw it arrive.", source="birth", life=1)
    assert (await rooms.say(outbox, "Second.", source="birth", life=2)).state is PostState.POSTED
    first = await rooms.later(outbox, first, 121)
    assert first.state is PostState.POSTED
    assert len(rooms.x.published) == 2
    assert await rooms.spent() == rooms.x.charged_nanos


async def test_a_clock_set_back_by_a_year_silences_nothing(rooms: Rooms) -> None:
    rooms.x.then(world.cut(published=True))
    outbox = await rooms.outbox()
    unseen = await rooms.say(outbox, "Into next year.", source="birth", life=1)
    rooms.x.then(world.cut(published=False))
    again = await rooms.say(outbox, "And this one.", source="birth", life=2)
    rooms.clock.set(rooms.clock.now() - timedelta(days=365))
    outbox = await rooms.outbox()
    await outbox.deliver_due()
    await outbox.deliver_due()
    assert rooms.again(outbox, unseen).state is PostState.POSTED
    assert rooms.again(outbox, again).state is PostState.POSTED
    assert sorted(rooms.x.texts) == ["And this one.", "Into next year."]


async def test_a_person_may_take_longer_than_news_lasts(rooms: Rooms) -> None:
    outbox = await rooms.outbox(tweets="approve")
    post = await rooms.say(outbox, "Still true.")
    rooms.clock.advance(5 * 86_400)
    outbox.approve(post.id)
    await outbox.deliver_due()
    assert rooms.again(outbox, post).state is PostState.POSTED
