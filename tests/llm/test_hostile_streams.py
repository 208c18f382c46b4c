"""Answers that mean harm: without end, too large, in no encoding, or with absurd figures. None of them hurts."""

import pytest

from ai.credit_tracker import CallState
from ai.llm import Limits, NoAnswer
from ai.llm.figures import as_cost, as_count, one_line, parse_json, read_cost
from tests.world.openrouter_faults import body, endless, sse_prefix, status

MODEL = "acme/small-1"
DELTA = b'data: {"choices": [{"delta": {"content": "' + b"a" * 60_000 + b'"}}]}\n\n'


@pytest.fixture
async def quick(build):
    return await build(limits=Limits(max_attempts=1))


@pytest.mark.parametrize(
    "piece",
    [b" " * 65_536, b"\n" * 65_536, b": OPENROUTER PROCESSING\n\n" * 3000, DELTA, b"data: " + b"x" * 65_536,
     b"\xff\xfe" * 32_768, b"data: {}\n\n" * 6000],
    ids=["spaces", "newlines", "comments", "deltas", "one-line", "garbage", "empty-objects"],
)  # fmt: skip
async def test_a_stream_without_end_is_cut_and_its_call_stays_held(quick, piece):
    quick.provider.then(endless(piece))
    with pytest.raises(NoAnswer, match=r"larger than|within|no JSON"):
        await quick.ask(MODEL)
    assert quick.calls()[0].state is CallState.UNKNOWN


async def test_a_slow_stream_ends_with_its_time(build):
    rooms = await build(limits=Limits(timeout_seconds=0.3, max_attempts=1))
    rooms.provider.then(endless(b""))  # headers, then nothing but empty writes
    with pytest.raises(NoAnswer):
        await rooms.ask(MODEL)


@pytest.mark.parametrize("size", [10 * 1024 * 1024])
@pytest.mark.parametrize("code", [200, 500])
async def test_a_huge_body_is_not_read_to_its_end(quick, size, code):
    page = b"<" * size
    quick.provider.then(body(page) if code == 200 else status(500, "x" * size))
    with pytest.raises(NoAnswer, match="larger than"):
        await quick.ask(MODEL)


@pytest.mark.parametrize(
    "prefix",
    [b"\xef\xbb\xbf\n", b"event: ping\nid: 7\nretry: 10\n\n", b"data:\n\n", b"\r\n\r\n", b": \xff\xfe\n\n",
     b'data: {"choices": [{"delta": {"content": null}}]}\n\n', b'data: {"choices": []}\n\n',
     b'data: {"choices": [{"delta": {"content": [{"type": "text", "text": ""}]}}]}\n\n',
     b'data: {"choices": "none", "usage": 7, "id": 5, "model": {}}\n\n'],
)  # fmt: skip
async def test_noise_before_an_answer_does_no_harm(quick, prefix):
    quick.provider.then(sse_prefix(prefix))
    answer = await quick.ask(MODEL)
    assert answer.text.startswith('{"thought"')
    assert answer.cost_nanos == quick.provider.billed_nanos


@pytest.mark.parametrize(
    "document",
    [b'{"usage": {"cost": 1e999999999}}', b'{"usage": {"cost": -5, "prompt_tokens": -1}}', b"[" * 100_000,
     b'{"usage": {"cost": NaN}}', b'{"usage": {"cost": "1.5.2"}}', b'{"usage": {"cost": true}}',
     b'{"choices": [{"message": {"content": "hi"}}], "usage": {"cost": 1e-9999999999999999999}}',
     b'{"usage": {"prompt_tokens": 1e400, "completion_tokens": 5}}', b'{"usage": {"cost": ' + b"9" * 5000 + b"}}",
     b'{"choices": [[]]}', b"null", b'"text"', b"\xff\xfe\x00"],
)  # fmt: skip
async def test_absurd_figures_are_no_figures(quick, document):
    quick.provider.then(body(document))
    with pytest.raises(NoAnswer):
        await quick.ask(MODEL)
    assert quick.calls()[0].state is CallState.UNKNOWN


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", "text/plain"])
async def test_an_answer_that_comes_whole_though_a_stream_was_asked_for_is_taken(quick, content_type):
    document = (
        b'\xef\xbb\xbf\n {"id": "gen-x", "choices": [{"message": {"content": "Whole."}, "finish_reason": "stop"}],'
        b' "usage": {"prompt_tokens": 9, "completion_tokens": 2, "cost": 0.0000123456789}}\n'
    )
    quick.provider.then(body(document, content_type=content_type))
    answer = await quick.ask(MODEL)
    assert (answer.text, answer.cost_nanos, answer.finish_reason) == ("Whole.", 12_346, "stop")


async def test_a_long_honest_answer_is_read_whole(build):
    rooms = await build(limits=Limits(max_output_tokens=8000))
    rooms.provider.reply = "word " * 6000
    assert (await rooms.ask(MODEL)).text == "word " * 6000


async def test_headers_that_lie_are_not_believed(quick):
    lie = body(b"{}", content_type="text/event-stream")
    quick.provider.then(lie)
    with pytest.raises(NoAnswer):
        await quick.ask(MODEL)


def test_costs_and_counts_are_taken_only_as_what_they_are():
    assert as_cost("0.1") == parse_json("0.1")
    for value in (True, None, 0.5, "x", -1, "1e99", "Infinity", [], {}):
        assert as_cost(value) is None
    for value in (True, None, "5", -1, 10**12, 0.5):
        assert as_count(value) is None
    assert read_cost({"cost": 0, "is_byok": True}) is None
    assert read_cost({"cost": 0, "is_byok": False, "cost_details": {"upstream_inference_cost": 5}}) == 0


@pytest.mark.parametrize(
    "said",
    ["Incorrect API key provided: sk-or-v1-0123456789abcdef", "bad Authorization: Bearer abc.def", "key my-own-secret"],
)
def test_a_key_in_a_providers_words_is_struck_out(said):
    told = one_line(said, ("my-own-secret",))
    assert "0123456789" not in told
    assert "abc.def" not in told
    assert "my-own" not in told
    assert "[key]" in told


async def test_a_key_that_is_echoed_reaches_no_log_and_no_exception(quick):
    key = quick.provider.key
    quick.provider.then(status(401, f"Incorrect API key provided: {key}. Bearer {key}", metadata={"raw": key}))
    with pytest.raises(NoAnswer) as raised:
        await quick.ask(MODEL)
    told = repr(quick.endpoint) + str(raised.value) + repr(raised.value.attempts)
    told += str([event.data for event in quick.journal.after(0, 100)]) + str(quick.health.snapshot())
    assert key not in told
    assert "[key]" in told
