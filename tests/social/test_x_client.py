"""The client reads whatever a server says into a plain outcome, and signs, bounds and aims each request."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai.social.network import Answer, Result
from ai.social.networks.x_client import Timeline
from tests.social.conftest import MORNING, Rooms
from tests.world import x as world
from tests.world.x import USER_ID


def test_requests_are_signed_and_say_who_asks(rooms: Rooms) -> None:
    answer = rooms.client().post("Hello.")
    request = rooms.x.requests[0]
    assert (answer.result, answer.remote_id) == (Result.DONE, rooms.x.published[0].id)
    assert request.headers["authorization"].startswith("OAuth ")
    assert request.json == {"text": "Hello."}
    assert "access-secret-0004" not in str(request.headers)


def test_a_base_url_may_have_a_path(rooms: Rooms) -> None:
    answer = rooms.client(f"{rooms.x.base_url}/mirror").post("Hello.")
    assert answer.result is Result.REFUSED
    assert rooms.x.requests[0].path == "/mirror/2/tweets"


def test_a_timeline_is_read_with_ids_times_and_pages(rooms: Rooms) -> None:
    for n in range(6):
        rooms.x.post_elsewhere(f"number {n}")
    client = rooms.client()
    page = client.timeline(USER_ID, since_id=None, page=None)
    assert [post.text for post in page.posts] == [f"number {n}" for n in (5, 4, 3, 2, 1)]
    assert page.posts[0].created_at == MORNING
    rest = client.timeline(USER_ID, since_id=None, page=page.next_page)
    assert ([post.text for post in rest.posts], rest.next_page) == (["number 0"], None)
    since = client.timeline(USER_ID, since_id=page.posts[1].id, page=None)
    assert [post.text for post in since.posts] == ["number 5"]
    assert client.me().remote_id == USER_ID


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b'{"data": {"id": "17", "text": "x"}}', Result.DONE),
        (b'{"data": {"id": 17}}', Result.DONE),
        (b'{"data": {"id": ""}}', Result.UNKNOWN),
        (b'{"data": {"id": null}}', Result.UNKNOWN),
        (b'{"data": "17"}', Result.UNKNOWN),
        (b"[1]", Result.UNKNOWN),
        (b"null", Result.UNKNOWN),
        (b"\xff\xfe", Result.UNKNOWN),
        (b"[" * 100_000, Result.UNKNOWN),
    ],
)
def test_only_an_answer_with_an_id_is_a_success(rooms: Rooms, body: bytes, outcome: Result) -> None:
    rooms.x.then(world.garbled(body))
    assert rooms.client().post("Hello.").result is outcome


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    status=st.integers(200, 599).filter(lambda status: status not in {204, 304}),
    body=st.binary(max_size=60),
    reset=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12),
)
def test_no_answer_raises(rooms: Rooms, status: int, body: bytes, reset: str) -> None:
    rooms.x.then(world.XFault("answer", status, headers={"x-rate-limit-reset": reset}, body=body))
    rooms.x.then_reading(world.XFault("answer", status, headers={"x-rate-limit-reset": reset}, body=body))
    client = rooms.client()
    for answer in (client.post("Hello."), client.timeline(USER_ID, since_id=None, page=None)):
        if isinstance(answer, Timeline):
            continue
        assert isinstance(answer, Answer)
        assert len(answer.detail) < 400
        if status >= 500:
            assert answer.result is Result.UNKNOWN
