"""Answers in every shape that servers give them: cut anywhere, ended by any line end, packed, half told."""

import gzip
import json
import zlib
from time import process_time

import pytest

from ai.credit_tracker import CallState
from ai.llm import Limits, NoAnswer, Payer
from ai.llm.reading import Reply, ReplyReader
from tests.world.openrouter_faults import body, cut, half_letters, late_error, no_done

MODEL = "acme/small-1"
EMBEDDING = "openai/text-embedding-3-small"
WORDS = "Grüße, 心 – and a bird: 🐦."
EVENT_STREAM = "text/event-stream"


def _chunks(*, usage=True):
    said = [{"choices": [{"delta": {"content": letter}}]} for letter in WORDS]
    said.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    return said + ([{"choices": [], "usage": FIGURES}] if usage else [])


FIGURES = {"prompt_tokens": 9, "completion_tokens": 12, "cost": 0.0001}
WHOLE = {"choices": [{"message": {"content": WORDS}, "finish_reason": "stop"}], "usage": FIGURES}


def _stream(end, *, between, bom=b"", done=True, pretty=False):
    events = []
    for chunk in _chunks():
        text = json.dumps(chunk, ensure_ascii=False, indent=1 if pretty else None).encode()
        events.append(end.join(b"data: " + line for line in text.split(b"\n")))
    return bom + between.join([*events, b"data: [DONE]"] if done else events) + between


FORMS = {
    "plain": _stream(b"\n", between=b"\n\n"),
    "bom": _stream(b"\n", between=b"\n\n", bom=b"\xef\xbb\xbf"),
    "carriage returns": _stream(b"\r", between=b"\r\r"),
    "both": _stream(b"\r\n", between=b"\r\n\r\n"),
    "bom and carriage returns": _stream(b"\r", between=b"\r\r", bom=b"\xef\xbb\xbf"),
    "many lines an event": _stream(b"\n", between=b"\n\n", pretty=True),
    "many lines, carriage returns": _stream(b"\r\n", between=b"\r\n\r\n", pretty=True),
    "no blank lines": _stream(b"\n", between=b"\n"),
    "no end": _stream(b"\n", between=b"\n\n", done=False),
    "no end, no blank lines": _stream(b"\n", between=b"\n", done=False),
    "whole": json.dumps(WHOLE).encode(),
    "whole, pretty, bom": b"\xef\xbb\xbf" + json.dumps(WHOLE, indent=2).encode(),
}


def _read(pieces):
    reply = Reply()
    reader = ReplyReader(reply, 1_000_000)
    for piece in pieces:
        reader.feed(piece)
    reader.close()
    return reply


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_an_answer_is_read_however_its_lines_end_and_wherever_it_is_cut(form, size):
    data = FORMS[form]
    reply = _read(data[at : at + size] for at in range(0, len(data), size))
    assert (reply.text, reply.complete, reply.broken) == (WORDS, True, None)
    assert (reply.usage.completion_tokens, str(reply.cost)) == (12, "0.0001")


@pytest.mark.parametrize("form", ["bom", "carriage returns", "many lines an event", "no blank lines"])
async def test_it_is_so_over_the_wire(rooms, form):
    rooms.provider.then(body(FORMS[form], content_type=EVENT_STREAM))
    answer = await rooms.ask(MODEL)
    assert (answer.text, answer.cost_nanos) == (WORDS, 100_000)


@pytest.mark.parametrize("packed", ["gzip", "deflate"])
@pytest.mark.parametrize("form", ["plain", "whole"])
async def test_an_answer_that_is_packed_although_nobody_asked_is_read(rooms, packed, form):
    data = gzip.compress(FORMS[form]) if packed == "gzip" else zlib.compress(FORMS[form])
    fault = body(data, content_type=EVENT_STREAM)
    fault.headers["Content-Encoding"] = packed
    rooms.provider.then(fault)
    assert (await rooms.ask(MODEL)).text == WORDS


async def test_what_is_packed_small_and_is_large_is_not_unpacked_whole(build):
    rooms = await build(limits=Limits(max_attempts=1))
    fault = body(gzip.compress(b" " * 300_000_000), content_type=EVENT_STREAM)
    fault.headers["Content-Encoding"] = "gzip"
    rooms.provider.then(fault)
    with pytest.raises(NoAnswer, match="larger than"):
        await rooms.ask(MODEL)


@pytest.mark.parametrize(
    "fault",
    [
        cut(where="after_finish", billed=True),
        cut(where="after_usage", billed=True),
        no_done(),
        late_error(),
        half_letters(),
    ],
    ids=lambda fault: fault.kind,
)
async def test_what_is_whole_is_used_and_its_model_does_not_rest(build, fault):
    rooms = await build(limits=Limits(max_attempts=1))
    rooms.provider.then(fault)
    answer = await rooms.ask(MODEL)
    assert answer.text.startswith('{"thought"')
    assert rooms.health.available(rooms.models[MODEL], rooms.clock.now())
    rooms.clock.advance(60)
    await rooms.client.settle_unknowns()
    assert await rooms.spent() == rooms.provider.billed_nanos > 0
    assert rooms.events("call.completed")[0]["finish_reason"].startswith("stop")


async def test_a_first_count_at_no_cost_is_not_the_bill(build):
    rooms = await build(limits=Limits(max_attempts=1))
    rooms.provider.then(cut(where="mid_stream", billed=True))
    with pytest.raises(NoAnswer):
        await rooms.ask(MODEL)
    assert rooms.calls()[0].state is CallState.UNKNOWN
    rooms.clock.advance(60)
    await rooms.client.settle_unknowns()
    assert await rooms.spent() == rooms.provider.billed_nanos > 0


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 9},
        {"completion_tokens": 9},
        {"prompt_tokens": 9, "completion_tokens": None},
        {"prompt_tokens": 9, "completion_tokens": 1},  # for three thousand letters
        {"prompt_tokens": 9, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 5}},
    ],
)
async def test_counts_that_are_left_out_or_too_small_are_not_believed(build, usage):
    rooms = await build(limits=Limits(max_attempts=1))
    said = {"content": "Yes. " * 100, "reasoning": "Hmm. " * 500}
    document = {"choices": [{"message": said, "finish_reason": "stop"}], "usage": usage}
    rooms.provider.then(body(json.dumps(document).encode()))
    await rooms.ask(MODEL)
    assert rooms.calls()[0].state is CallState.UNKNOWN


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 114},  # thinking in the total alone
        {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 100}},
        {"prompt_tokens": 9, "completion_tokens": 105, "completion_tokens_details": {"reasoning_tokens": 100}},
        {"prompt_tokens": 9, "total_tokens": 114},
    ],
)
async def test_thinking_that_stands_elsewhere_is_paid_for_as_completion(build, usage):
    rooms = await build(limits=Limits(max_attempts=1))
    document = {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}], "usage": usage}
    rooms.provider.then(body(json.dumps(document).encode()))
    cost = (await rooms.ask(MODEL)).cost_nanos
    assert (cost, rooms.calls()[0].estimated) == (9 * 800 + 105 * 4000, True)


@pytest.mark.parametrize("places", [(None, None, None), (2, 0, 1), (0, 0, 0), (None, 1, 2)])
async def test_embeddings_without_places_stand_as_they_came(rooms, places):
    rows = [{"embedding": [float(number)]} for number in range(3)]
    for row, place in zip(rows, places, strict=True):
        if place is not None:
            row["index"] = place
    document = {"data": rows, "usage": {"prompt_tokens": 3, "total_tokens": 3, "cost": 0.000001}}
    rooms.provider.then(body(json.dumps(document).encode()))
    vectors = await rooms.client.embed(rooms.models[EMBEDDING], ["a", "b", "c"], payer=Payer("embedding"))
    assert [vector[0] for vector in vectors] == ([1.0, 2.0, 0.0] if places == (2, 0, 1) else [0.0, 1.0, 2.0])


HOSTILE = {
    "blanks": lambda size: b" " * size,
    "newlines": lambda size: b"\n" * size,
    "carriage returns": lambda size: b"\r" * size,
    "one line": lambda size: b"data: " + b"x" * size,
    "lines of one event": lambda size: b"data: {\n" * (size // 8),
    "small events": lambda size: b"data: {}\n\n" * (size // 10),
    "nested": lambda size: b"[" * size,
    "digits": lambda size: b'{"usage": {"cost": ' + b"9" * size + b"}}",
    "fractions": lambda size: b'{"usage": {"cost": 0.' + b"9" * size + b"}}",
    "surrogates": lambda size: b'{"choices": [{"message": {"content": "' + rb"\ud800" * (size // 6) + b'"}}]}',
    "error words": lambda size: b'{"error": {"message": "' + b"sk-" * (size // 3) + b'"}}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_to_read_grows_as_the_bytes_do(name):
    """Eight times as much takes about eight times as long, in time of this process: others may be busy."""

    def seconds(size):
        data = HOSTILE[name](size)
        best = 1e9
        for _ in range(2):
            reply, started = Reply(), process_time()
            reader = ReplyReader(reply, 2 * size + 100)
            for at in range(0, len(data), 4096):
                reader.feed(data[at : at + 4096])
            reader.close()
            best = min(best, process_time() - started)
        return best

    small, large = seconds(64 * 1024), seconds(512 * 1024)
    assert large < 8 * 3 * small + 0.3
