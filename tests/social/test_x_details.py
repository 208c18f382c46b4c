"""What X says in its less usual answers, and what that means for a post and its price."""

from datetime import timedelta

import pytest

from ai.social import PostRefusal, PostState
from ai.social.networks.x_text import mention
from tests.social.conftest import House
from tests.world import x as world
from tests.world.x import POST_NANOS, READ_NANOS


async def test_a_full_day_is_waited_for_until_its_own_end(house: House) -> None:
    now = house.clock.now()
    day, window = now + timedelta(hours=7), now + timedelta(minutes=9)
    house.x.then(world.day_is_full(int(day.timestamp()), int(window.timestamp())))
    outbox = await house.outbox()
    post = await house.say(outbox, "One too many.")
    post = await house.later(outbox, post, 6.9 * 3600)
    assert (post.state, len(house.x.requests)) == (PostState.QUEUED, 1)
    post = await house.later(outbox, post, 0.1 * 3600 + 1)
    assert post.state is PostState.POSTED


@pytest.mark.parametrize("header", ["120", "7200", "soon", "-4"])
async def test_a_wait_that_x_asks_for_in_seconds_is_kept(house: House, header: str) -> None:
    house.x.then(world.answer(429, Retry_After=header))
    outbox = await house.outbox()
    post = await house.say(outbox, "Later.")
    asked = {"120": 120, "7200": 7200, "soon": 900, "-4": 60}[header]
    post = await house.later(outbox, post, asked - 30)
    assert (post.state, len(house.x.requests)) == (PostState.QUEUED, 1)
    post = await house.later(outbox, post, 60)
    assert post.state is PostState.POSTED


@pytest.mark.parametrize("fault", [world.AUTOMATED, world.OVER_DAILY], ids=["automated", "daily limit"])
async def test_a_refusal_that_passes_by_itself_means_later_not_never(house: House, fault: world.XFault) -> None:
    house.x.then(*[fault] * 9)
    outbox = await house.outbox()
    post = await house.say(outbox, "Am I a machine?")
    assert (post.state, house.alerts()) == (PostState.QUEUED, [])
    for _ in range(40):
        post = await house.later(outbox, post, 3600)
    assert (post.state, post.deliveries[0].attempts) == (PostState.POSTED, 10)
    assert await house.spent() == house.x.charged_nanos == POST_NANOS


async def test_a_months_cap_of_x_is_told_to_a_person(house: House) -> None:
    house.x.then(world.USAGE_CAPPED)
    outbox = await house.outbox()
    post = await house.say(outbox, "Too much this month.")
    assert post.state is PostState.QUEUED
    assert "Monthly product cap" in house.alerts()[0]


async def test_hints_before_the_answer_do_not_make_a_published_post_refused(house: House) -> None:
    house.x.then(world.hints_first())
    outbox = await house.outbox()
    post = await house.say(outbox, "Published all the same.")
    post = await house.later(outbox, post, 121)
    assert post.state is PostState.POSTED
    assert house.x.texts == ["Published all the same."]
    assert await house.spent() == house.x.charged_nanos


def test_what_is_signed_is_what_is_asked(house: House) -> None:
    client = house.client()
    assert client.post("Signed for this very address.").remote_id is not None
    assert client.timeline(world.USER_ID, since_id="1", page=None).posts[0].text == "Signed for this very address."
    assert house.x.unsigned == 0


async def test_reading_ones_own_posts_is_booked_at_its_own_price(house: House) -> None:
    house.x.then(world.cut(published=True))
    outbox = await house.outbox()
    await house.later(outbox, await house.say(outbox, "Was it heard?"), 121)
    assert await house.spent() == house.x.charged_nanos == POST_NANOS + READ_NANOS


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Hello @ada, how are you?", "@ada"),
        ("@ada", "@ada"),
        ("Thanks ＠ada!", "＠ada"),
        (".@ada look", "@ada"),
        ("é@ada", "@ada"),
        ("write to ada@example.org", None),
        ("https://social.example/@ada", None),
        ("@ home", None),
        ("an @-sign", None),
        ("@@ada", None),
    ],
)
def test_whom_x_would_take_a_post_to_name(text: str, named: str | None) -> None:
    assert mention(text) == named


async def test_a_post_that_names_somebody_is_told_before_it_is_paid(house: House) -> None:
    outbox = await house.outbox()
    answer = await outbox.queue("Good morning, @ada!", source="action", life=1)
    assert isinstance(answer, PostRefusal)
    assert "'ada' without @" in answer.reason
    assert (house.x.requests, await house.held()) == ([], 0)
