"""What becomes of a post on each network beside X, for everything its server can answer, or not answer."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from ai.social import Network, Outbox, PostRefusal, PostState, check_networks, open_networks
from ai.social.networks.bluesky import Bluesky
from ai.social.networks.mastodon import Mastodon, same_status
from ai.social.networks.web import Web
from ai.social.networks.webhook import PostWebhook
from ai.social.networks.x import X
from tests.social.conftest import Rooms
from tests.world import bluesky, mastodon, post_webhook
from tests.world import network as world
from tests.world.bluesky import FakeBluesky
from tests.world.mastodon import FakeMastodon
from tests.world.post_webhook import FakeReceiver
from tests.world.x import KEYS, POST_NANOS


@dataclass
class Place:
    """A fake network, the settings that lead to it, and how it is opened anew."""

    rooms: Rooms
    server: Any
    name: str

    @property
    def keys(self) -> dict[str, Any]:
        known = {
            "bluesky": bluesky.KEYS | {"bluesky_url": self.server.base_url},
            "mastodon": mastodon.KEYS | {"mastodon_url": self.server.base_url},
            "webhook": {
                "post_webhook_url": f"{self.server.base_url}/posts",
                "post_webhook_secret": post_webhook.SECRET,
            },
        }
        return known[self.name]

    def open(self, base_url: str | None = None) -> Network:
        keys = {name: base_url if base_url and name.endswith("url") else value for name, value in self.keys.items()}
        settings = self.rooms.settings(networks=self.name, **keys)
        kind = {"bluesky": Bluesky, "mastodon": Mastodon, "webhook": PostWebhook}[self.name]
        web = Web(kind.title, f"{self.name.upper()}_URL", self.rooms.clock, read_seconds=0.4)
        return kind(settings, self.rooms.clock, web)

    async def outbox(self, **given: Any) -> Outbox:
        return await self.rooms.outbox(networks_open=[self.open()], networks=self.name, **self.keys, **given)


@pytest.fixture
def servers(rooms: Rooms) -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        made = {
            "bluesky": FakeBluesky(),
            "mastodon": FakeMastodon(now=rooms.clock.now, forgetful=True),
            "webhook": FakeReceiver(),
        }
        yield {name: stack.enter_context(server) for name, server in made.items()}


@pytest.fixture(params=["bluesky", "mastodon", "webhook"])
def place(rooms: Rooms, servers: dict[str, Any], request: pytest.FixtureRequest) -> Place:
    return Place(rooms, servers[request.param], request.param)


async def test_a_post_is_sent_once_for_nothing_and_held_for_all_the_same(place: Place) -> None:
    outbox = await place.outbox()
    post = await place.rooms.say(outbox, "Rain on <the> roof & https://example.org/rain?a=1 #rain\n\nSecond “part”.")
    assert post.state is PostState.POSTED, post
    assert post.remote_id
    assert place.server.texts == [post.text]
    assert (await place.rooms.spent(), await place.rooms.held(), post.price_nanos) == (0, 0, 0)
    calls = await (await place.rooms.tracker()).calls(5)
    assert [(call["subject"], call["purpose"], call["state"]) for call in calls] == [
        (f"{place.name}/post", "post", "captured")
    ]


@pytest.mark.parametrize(
    "fault",
    [
        world.cut(published=True),
        world.cut_in_the_body(),
        world.hang(published=True),
        world.answer(503, published=True),
        world.answer(408, published=True),
        world.garbled(b"<html>"),
        world.garbled(b""),
        world.garbled(b'{"id": null, "uri": 7}'),
        world.hints_first(),
    ],
    ids=["cut", "cut in the body", "hang", "503", "408", "html", "empty", "no id", "1xx first"],
)
async def test_a_post_that_arrived_unseen_is_found_and_never_doubled(place: Place, fault: world.Fault) -> None:
    place.server.then(fault)
    post = await place.rooms.say(await place.outbox(), "Did you hear me? 1 < 2 & it's “so”")
    outbox = await place.outbox()  # a restart does not forget it
    post = await place.rooms.later(outbox, post, 121)
    assert post.state is PostState.POSTED, post
    assert place.server.texts == [post.text]
    assert await place.rooms.held() == 0


@pytest.mark.parametrize(
    "fault", [world.cut(published=False), world.hang(published=False), world.answer(500)], ids=["cut", "hang", "500"]
)
async def test_a_post_that_never_arrived_is_sent_again_once_that_is_known(place: Place, fault: world.Fault) -> None:
    place.server.then(fault)
    outbox = await place.outbox()
    post = await place.rooms.say(outbox, "Hello again.")
    assert post.state is PostState.UNKNOWN
    post = await place.rooms.later(outbox, post, 121)
    assert (post.state, post.deliveries[0].attempts) == (PostState.POSTED, 2)
    assert place.server.texts == ["Hello again."]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "1800"}, 1800),
        ({"ratelimit_reset": "{epoch}"}, 2400),
        ({"X_RateLimit_Reset": "{rfc}"}, 2400),
        ({}, 900),
        ({"ratelimit_reset": "soon", "Retry_After": "-"}, 900),
    ],
)
async def test_a_rate_limit_is_waited_for(place: Place, headers: dict[str, str], seconds: int) -> None:
    ends = place.rooms.clock.now() + timedelta(seconds=2400)
    told = {name: value.format(epoch=int(ends.timestamp()), rfc=ends.isoformat()) for name, value in headers.items()}
    place.server.then(world.answer(429, {"error": "RateLimitExceeded"}, **told))
    outbox = await place.outbox()
    post = await place.rooms.later(outbox, await place.rooms.say(outbox, "Patience."), seconds - 60)
    assert post.state is PostState.QUEUED
    post = await place.rooms.later(outbox, post, 61)
    assert post.state is PostState.POSTED


async def test_keys_that_are_refused_are_told_once_and_turn_posting_off(place: Place) -> None:
    place.server.then(world.answer(403, {"error": "This action is outside the authorized scopes"}))
    outbox = await place.outbox()
    post = await place.rooms.say(outbox, "Am I welcome?")
    post = await place.rooms.later(outbox, post, 3600)
    assert post.state is PostState.QUEUED
    (alert,) = place.rooms.alerts()
    assert "outside the authorized scopes" in alert
    assert next(name.upper() for name in place.keys) in alert
    assert place.rooms.x.requests == []


async def test_a_text_that_is_refused_is_not_tried_again(place: Place) -> None:
    place.server.then(world.answer(422, {"error": "Validation failed"}))
    outbox = await place.outbox()
    post = await place.rooms.say(outbox, "Something disliked.")
    assert post.state is PostState.REFUSED
    assert "Validation failed" in (post.problem or "")
    asked = len(place.server.requests)
    await place.rooms.later(outbox, post, 90_000)
    assert [r.path for r in place.server.requests[asked:] if place.server.posts(r)] == []


async def test_a_redirect_is_not_followed_and_a_closed_port_is_no_post(place: Place) -> None:
    place.server.then(world.answer(308, None, Location=f"{place.server.base_url}/elsewhere"))
    outbox = await place.outbox()
    post = await place.rooms.say(outbox, "Once.")
    assert post.state is PostState.REFUSED
    assert "_URL" in (post.problem or "")
    with socket.create_server(("127.0.0.1", 0)) as free:
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    away = await place.rooms.outbox(networks_open=[place.open(nowhere)], networks=place.name, **place.keys)
    post = await place.rooms.say(away, "Is anybody there?")
    assert (post.state, await place.rooms.held()) == (PostState.QUEUED, 0)
    assert "could not be reached" in (post.problem or "")


# --- what each of them alone does -----------------------------------------------------------------------
def test_each_network_has_its_own_length(rooms: Rooms, servers: dict[str, Any]) -> None:
    x = X(rooms.settings(), rooms.clock)
    sky, masto = (
        Place(rooms, servers["bluesky"], "bluesky").open(),
        Place(rooms, servers["mastodon"], "mastodon").open(),
    )
    hook = Place(rooms, servers["webhook"], "webhook").open()
    family = "👨‍👩‍👧‍👦"
    assert (x.problem("a" * 280), sky.problem("a" * 300), masto.problem("a" * 500), hook.problem("a" * 900)) == (
        None,
    ) * 4
    assert "280" in str(x.problem("a" * 281))
    assert "301 characters and Bluesky takes 300" in str(sky.problem("a" * 301))
    assert sky.problem(family * 100) is None
    assert "bytes" in str(sky.problem(family * 130))
    assert sky.problem("e\u0301" * 300) is None
    assert "501" in str(masto.problem("a" * 501))
    link = f"https://example.org/{'long' * 200}"
    assert masto.problem(f"{'a' * 476} {link}") is None
    assert "501" in str(masto.problem(f"{'a' * 477} {link}"))


async def test_mastodons_own_limits_are_the_servers(rooms: Rooms, servers: dict[str, Any]) -> None:
    place = Place(rooms, servers["mastodon"], "mastodon")
    place.server.max_characters, place.server.url_characters = 60, 30
    outbox = await place.outbox()
    await outbox.deliver_due()
    answer = await outbox.queue("a" * 61, source="action", life=1)
    assert isinstance(answer, PostRefusal)
    assert "takes 60 (a link counts 30)" in answer.reason
    asked = [request.path for request in place.server.requests]
    await outbox.deliver_due()
    assert [request.path for request in place.server.requests] == asked == ["/api/v2/instance"]


def test_a_status_is_known_again_in_its_markup() -> None:
    html = '<p>Look: <a href="https://a.example/b"><span class="invisible">https://</span><span>a.example/b</span></a><br/>'
    assert same_status(
        "Look: https://a.example/b\n1 < 2 #rain", f'{html}1 &lt; 2 <a href="x">#<span>rain</span></a></p>'
    )
    assert not same_status("Look: https://a.example/b", f"{html}and more</p>")


async def test_a_status_is_looked_for_among_what_its_owner_says(rooms: Rooms, servers: dict[str, Any]) -> None:
    place = Place(rooms, servers["mastodon"], "mastodon")
    place.server.then(world.cut(published=True))
    outbox = await place.outbox()
    post = await rooms.say(outbox, "Among many.")
    for n in range(85):
        place.server.toot_elsewhere(f"by hand {n}")
    post = await rooms.later(outbox, post, 121)
    assert post.state is PostState.POSTED
    assert place.server.texts.count("Among many.") == 1


async def test_mastodon_is_given_the_same_key_at_every_attempt(rooms: Rooms, servers: dict[str, Any]) -> None:
    place = Place(rooms, servers["mastodon"], "mastodon")
    place.server.then(world.answer(500), world.answer(429))
    outbox = await place.outbox()
    post = await rooms.say(outbox, "One and the same.")
    for _ in range(3):
        post = await rooms.later(outbox, post, 3600)
    keys = [r.headers["idempotency-key"] for r in place.server.requests if place.server.posts(r)]
    assert (len(keys), len(set(keys)), post.state) == (3, 1, PostState.POSTED)


async def test_a_session_that_lapses_is_renewed_and_the_record_keeps_its_key(rooms: Rooms, servers: Any) -> None:
    place = Place(rooms, servers["bluesky"], "bluesky")
    outbox = await place.outbox()
    await rooms.say(outbox, "In the first session, see example.org/a.")
    place.server.lapse()
    await rooms.say(outbox, "In the second.")
    assert (place.server.texts[1], place.server.sessions) == ("In the second.", 2)
    place.server.then(world.answer(500, published=True))
    post = await rooms.say(outbox, "Written and not told.")
    place.server.lapse()
    post = await rooms.later(outbox, post, 121)
    assert (post.state, place.server.written, len(place.server.records)) == (PostState.POSTED, 3, 3)
    assert all(key in str(outbox.posts()) for key in place.server.records)


async def test_a_webhook_is_signed_and_repeats_itself_under_one_id(rooms: Rooms, servers: dict[str, Any]) -> None:
    place = Place(rooms, servers["webhook"], "webhook")
    place.server.then(world.answer(502, published=True))
    outbox = await place.outbox()
    post = await rooms.later(outbox, await rooms.say(outbox, "Größe zählt."), 121)
    assert (post.state, place.server.forged, len(place.server.requests)) == (PostState.POSTED, 0, 2)
    (document,) = place.server.taken.values()
    assert document["type"] == "post.published"
    assert document["data"] | {"created_at": ""} == {
        "id": post.id, "text": "Größe zählt.", "source": "action", "life": 1, "created_at": "",
    }  # fmt: skip
    assert "Größe" in place.server.requests[0].body.decode()


# --- several at once -----------------------------------------------------------------------------------
async def everywhere(rooms: Rooms, servers: dict[str, Any], **given: Any) -> Outbox:
    places = [Place(rooms, server, name) for name, server in servers.items()]
    keys = {key: value for place in places for key, value in place.keys.items()}
    networks = [X(rooms.settings(), rooms.clock, rooms.client()), *(place.open() for place in places)]
    return await rooms.outbox(networks_open=networks, networks="x,bluesky,mastodon,webhook", **keys, **given)


async def test_one_post_goes_everywhere_and_is_one_post_of_the_day(rooms: Rooms, servers: dict[str, Any]) -> None:
    outbox = await everywhere(rooms, servers, tweets_per_day=2, tweet_min_gap_seconds=3600)
    post = await rooms.say(outbox, "To all of you.")
    assert {one.network: one.state for one in post.deliveries} == dict.fromkeys(
        ["x", "bluesky", "mastodon", "webhook"], PostState.POSTED
    )
    assert [rooms.x.texts, *(server.texts for server in servers.values())] == [["To all of you."]] * 4
    assert await rooms.spent() == rooms.x.charged_nanos == POST_NANOS
    assert outbox.left_today(rooms.clock.now()) == 1
    assert (await (await rooms.tracker(tweets_per_day=2)).balance()).posts_left == 1
    (row,) = outbox.table()
    assert (row["state"], row["price"], len(row["deliveries"])) == ("posted", "0.015000000", 4)
    assert "published" in post.told()
    json.dumps(row)


async def test_a_network_that_fails_does_not_hold_the_others_up(rooms: Rooms, servers: dict[str, Any]) -> None:
    from tests.world.x import SUSPENDED  # noqa: PLC0415 - of X alone

    rooms.x.then(SUSPENDED)
    servers["bluesky"].then(world.cut(published=True))
    outbox = await everywhere(rooms, servers)
    post = await rooms.say(outbox, "Some of you.")
    states = {one.network: one.state.value for one in post.deliveries}
    assert states == {"x": "queued", "bluesky": "unknown", "mastodon": "posted", "webhook": "posted"}
    post = await rooms.later(outbox, post, 121)
    assert [one.state.value for one in post.deliveries[:2]] == ["queued", "posted"]
    post = await rooms.later(outbox, post, 25 * 3600)
    assert {one.state for one in post.deliveries} == {PostState.POSTED}
    assert servers["bluesky"].texts == rooms.x.texts == ["Some of you."]


async def test_a_text_too_long_for_one_network_goes_to_the_others_and_is_told(rooms: Rooms, servers: Any) -> None:
    outbox = await everywhere(rooms, servers)
    post = await rooms.say(outbox, "a" * 290)
    assert post.deliveries[0].state is PostState.REFUSED
    assert {one.state for one in post.deliveries[1:]} == {PostState.POSTED}
    assert "x: was refused: the post counts 290 and X takes 280" in post.told()
    assert "bluesky: is published" in post.told()
    assert rooms.x.requests == []


async def test_what_x_costs_too_much_is_still_said_where_it_costs_nothing(rooms: Rooms, servers: Any) -> None:
    outbox = await everywhere(rooms, servers, monthly_budget_usd="0.01")
    post = await rooms.say(outbox, "I am poor.")
    assert post.deliveries[0].state is PostState.REFUSED
    assert "$0.015000000" in (post.deliveries[0].problem or "")
    assert servers["mastodon"].texts == ["I am poor."]


async def test_a_person_decides_for_all_networks_at_once(rooms: Rooms, servers: dict[str, Any]) -> None:
    outbox = await everywhere(rooms, servers, tweets="approve")
    first, second = await rooms.say(outbox, "May I?"), await rooms.say(outbox, "Or this?", source="birth")
    assert first.state is second.state is PostState.AWAITING_APPROVAL
    outbox.approve(first.id)
    outbox.refuse(second.id)
    await outbox.deliver_due()
    assert {one.state for one in rooms.again(outbox, first).deliveries} == {PostState.POSTED}
    assert {one.state for one in rooms.again(outbox, second).deliveries} == {PostState.REFUSED}
    assert all(server.texts == ["May I?"] for server in servers.values())


async def test_a_dry_run_reaches_none_of_them(rooms: Rooms, servers: dict[str, Any]) -> None:
    outbox = await everywhere(rooms, servers, tweets="dry-run")
    post = await rooms.say(outbox, "Only for the house.")
    assert post.state is PostState.DRY_RUN
    assert rooms.kinds().count("post.dry_run") == 1
    assert [server.requests for server in (rooms.x, *servers.values())] == [[]] * 4


async def test_the_doctor_learns_of_each_network_whether_its_keys_work(rooms: Rooms, servers: dict[str, Any]) -> None:
    def settings(**more: Any) -> Any:
        places = [Place(rooms, server, name) for name, server in servers.items()]
        keys = {key: value for place in places for key, value in place.keys.items()}
        return rooms.settings(**({"x_api_base_url": rooms.x.base_url} | keys | more))

    found = await check_networks(settings(), rooms.clock)
    assert [(one.title, one.works) for one in found] == [
        ("X", True), ("Bluesky", True), ("Mastodon", True), ("the webhook", True),
    ]  # fmt: skip
    assert (rooms.x.texts, servers["webhook"].requests, await rooms.spent()) == ([], [], 0)
    servers["mastodon"].scopes = ("read",)
    wrong = settings(bluesky_app_password="wrong-password", x_api_secret="wrong-secret")
    assert [one.works for one in await check_networks(wrong, rooms.clock)] == [False, False, False, True]
    assert await check_networks(settings(tweets="dry-run"), rooms.clock) == []


def test_networks_are_those_that_are_configured_or_named(rooms: Rooms) -> None:
    def names(**given: Any) -> list[str]:
        return [network.name for network in open_networks(rooms.settings(**given), rooms.clock)]

    assert names() == ["x"]
    assert names(**bluesky.KEYS) == ["x", "bluesky"]
    assert names(networks="bluesky", **bluesky.KEYS) == ["bluesky"]
    assert names(networks="bluesky , X", **bluesky.KEYS) == ["bluesky", "x"]
    bare = dict.fromkeys(KEYS)
    assert names(tweets="dry-run", **bare) == ["x"]
    with pytest.raises(ValueError, match="needs BLUESKY_APP_PASSWORD; or set TWEETS=dry-run"):
        names(bluesky_handle="me.test")
    with pytest.raises(ValueError, match="needs MASTODON_URL, MASTODON_ACCESS_TOKEN"):
        names(networks="mastodon")
    with pytest.raises(ValueError, match="'threads' is none of x, bluesky, mastodon, webhook"):
        names(networks="threads")
