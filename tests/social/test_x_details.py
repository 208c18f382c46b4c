"""What X says in its less usual answers, and what that means for a post and its price."""

from datetime import timedelta

import pytest

from ai.social import PostRefusal, PostState
from ai.social.networks.x_text import mention
from tests.social.conftest import Rooms
from tests.world import x as world
from tests.world.x import POST_NANOS, READ_NANOS


async def test_a_full_day_is_waited_for_until_its_own_end(rooms: Rooms) -> None:
    now = rooms.clock.now()
    day, window = now + timedelta(hours=7), now + timedelta(minutes=9)
    rooms.x.then(world.day_is_full(int(day.timestamp()), int(window.timestamp())))
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "One too many.")
    post = await rooms.later(outbox, post, 6.9 * 3600)
    assert (post.state, len(rooms.x.requests)) == (PostState.QUEUED, 1)
    post = await rooms.later(outbox, post, 0.1 * 3600 + 1)
    assert post.state is PostState.POSTED


@pytest.mark.parametrize("header", ["120", "7200", "soon", "-4"])
async def test_a_wait_that_x_asks_for_in_seconds_is_kept(rooms: Rooms, header: str) -> None:
    rooms.x.then(world.answer(429, Retry_After=header))
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Later.")
    asked = {"120": 120, "7200": 7200, "soon": 900, "-4": 60}[header]
    post = await rooms.later(outbox, post, asked - 30)
    assert (post.state, len(rooms.x.requests)) == (PostState.QUEUED, 1)
    post = await rooms.later(outbox, post, 60)
    assert post.state is PostState.POSTED


@pytest.mark.parametrize("fault", [world.AUTOMATED, world.OVER_DAILY], ids=["automated", "daily limit"])
async def test_a_refusal_that_passes_by_itself_means_later_not_never(rooms: Rooms, fault: world.XFault) -> None:
    rooms.x.then(*[fault] * 9)
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Am I a machine?")
    assert (post.state, rooms.alerts()) == (PostState.QUEUED, [])
    for _ in range(40):
        post = await rooms.later(outbox, post, 3600)
    assert (post.state, post.deliveries[0].attempts) == (PostState.POSTED, 10)
    assert await rooms.spent() == rooms.x.charged_nanos == POST_NANOS


async def test_a_months_cap_of_x_is_told_to_a_person(rooms: Rooms) -> None:
    rooms.x.then(world.USAGE_CAPPED)
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Too much this month.")
    assert post.state is PostState.QUEUED
    assert "Monthly product cap" in rooms.alerts()[0]


async def test_hints_before_the_answer_do_not_make_a_published_post_refused(rooms: Rooms) -> None:
    rooms.x.then(world.hints_first())
    outbox = await rooms.outbox()
    post = await rooms.say(outbox, "Published all the same.")
    post = await rooms.later(outbox, post, 121)
    assert post.state is PostState.POSTED
    assert rooms.x.texts == ["Published all the same."]
    assert await rooms.spent() == rooms.x.charged_nanos


def test_what_is_signed_is_what_is_asked(rooms: Rooms) -> None:
    client = rooms.client()
    assert client.post("Signed for this very address.").remote_id is not None
    assert client.timeline(world.USER_ID, since_id="1", page=None).posts[0].text == "Signed for this very address."
    assert rooms.x.unsigned == 0


async def test_reading_ones_own_posts_is_booked_at_its_own_price(rooms: Rooms) -> None:
    rooms.x.then(world.cut(published=True))
    outbox = await rooms.outbox()
    await rooms.later(outbox, await rooms.say(outbox, "Was it heard?"), 121)
    assert await rooms.spent() == rooms.x.charged_nanos == POST_NANOS + READ_NANOS


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


async def test_a_post_that_names_somebody_is_told_before_it_is_paid(rooms: Rooms) -> None:
    outbox = await rooms.outbox()
    answer = await outbox.queue("Good morning, @ada!", source="action", life=1)
    assert isinstance(answer, PostRefusal)
    assert "'ada' without @" in answer.reason
    assert (rooms.x.requests, await rooms.held()) == ([], 0)
