"""The ways in which the tests' provider can fail a call, one constructor each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

CUTS = ("before", "after_headers", "mid_stream", "after_finish", "after_usage")


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call; `billed` says whether the provider books it all the same."""

    kind: str
    billed: bool = False
    code: int | None = None
    message: str = ""
    error_type: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    availability: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    figure: Decimal = Decimal(0)
    model: str = ""


def status(code: int, message: str = "", *, error_type: str | None = None, retry_after: str | None = None,
           metadata: dict[str, Any] | None = None, headers: dict[str, str] | None = None,
           availability: str | None = None, billed: bool = False) -> Fault:  # fmt: skip
    """An HTTP status with OpenRouter's error body."""
    named = dict(headers or {})
    if retry_after is not None:
        named["Retry-After"] = retry_after
    had = {"code": availability, "retryable": False} if availability else {}
    return Fault("status", billed, code, message or f"status {code}", error_type, metadata or {}, had, named)


def error_200(code: int, message: str = "provider error", *, billed: bool = False) -> Fault:
    """HTTP 200 whose body is a top-level `error`, with no `choices`."""
    return Fault("error_200", billed, code, message)


def choice_error(code: int, message: str = "provider error", *, billed: bool = False) -> Fault:
    """`choices[0].error` with `finish_reason: "error"`; with usage only where billed."""
    return Fault("choice_error", billed, code, message)


def stream_error(code: int, message: str = "provider error", *, billed: bool = False) -> Fault:
    """Some deltas, then an SSE chunk with `error`."""
    return Fault("stream_error", billed, code, message)


def hang(*, billed: bool = False, after_headers: bool = False) -> Fault:
    """Nothing more comes until the client cuts."""
    return Fault("hang_after_headers" if after_headers else "hang", billed)


def cut(*, billed: bool = False, where: str = "before") -> Fault:
    """The connection breaks: `before` any byte, `after_headers`, `mid_stream`, `after_finish` or `after_usage`."""
    return Fault(f"cut_{where}", billed)


def no_done() -> Fault:
    """A whole answer with its usage, whose stream ends without `[DONE]`."""
    return Fault("no_done", billed=True)


def late_error(code: int = 502) -> Fault:
    """A whole answer with its usage, and then an error after all."""
    return Fault("late_error", billed=True, code=code, message="the provider went away")


def half_letters() -> Fault:
    """A whole answer whose model and finish reason hold halves of letters, which no file takes."""
    return Fault("half_letters", billed=True, model="acme/small-1\ud800")


def no_usage() -> Fault:
    """A whole answer, billed, that never says its usage."""
    return Fault("no_usage", billed=True)


def null_cost() -> Fault:
    """A whole answer, billed, whose `usage.cost` is null."""
    return Fault("null_cost", billed=True)


def wrong_model(model: str) -> Fault:
    """A whole answer that another model gave."""
    return Fault("wrong_model", billed=True, model=model)


def empty(*, billed: bool = True) -> Fault:
    """A whole answer with no content."""
    return Fault("empty", billed)


def tool_calls() -> Fault:
    """A whole answer without a word: it calls a tool."""
    return Fault("tool_calls", billed=True)


def above_bound(figure: str) -> Fault:
    """A whole answer that costs this many USD, whatever was asked."""
    return Fault("above_bound", billed=True, figure=Decimal(figure))


def byok(upstream: str) -> Fault:
    """A whole answer through the user's own key: the upstream's cost comes on top."""
    return Fault("byok", billed=True, figure=Decimal(upstream))


def body(data: bytes, *, content_type: str = "application/json", billed: bool = False) -> Fault:
    """HTTP 200 with these bytes, whatever they are."""
    return Fault("body", billed, headers={"Content-Type": content_type}, body=data)


def bad_json(*, billed: bool = False) -> Fault:
    """A stream of `data:` lines that are no JSON."""
    return body(b'data: {"choices": [{"delta": {"con\n\n', content_type="text/event-stream", billed=billed)


def html() -> Fault:
    """A captive portal's page with status 200."""
    return body(b"<html><body>Welcome to the hotel</body></html>", content_type="text/html")


def portal() -> Fault:
    """A network's sign-in page with the status that says so, in the provider's place: it never saw the call."""
    page = b"<html><body>Please sign in to the network</body></html>"
    return Fault("status", code=511, headers={"Content-Type": "text/html"}, body=page)


def in_front(code: int) -> Fault:
    """What a server in front of the provider answers by itself: a page, and no generation's id."""
    return Fault("status", code=code, headers={"Content-Type": "text/html"}, body=b"<html>error code: %d</html>" % code)


def told_stream(*chunks: dict[str, Any] | bytes) -> Fault:
    """A billed stream of these chunks, whatever they say of their usage; its record is the provider's own."""
    fixed = {"id": "gen-00000001", "model": "acme/small-1"}
    events = (one if isinstance(one, bytes) else b"data: " + json.dumps({**fixed, **one}).encode() for one in chunks)
    return body(b"".join(b"%s\n\n" % event for event in events), content_type="text/event-stream", billed=True)


def endless(piece: bytes) -> Fault:
    """An event stream that repeats this piece until the client cuts."""
    return Fault("endless", body=piece)


def sse_prefix(piece: bytes) -> Fault:
    """A whole answer whose stream begins with these bytes."""
    return Fault("sse_prefix", billed=True, body=piece)


# Streams that tell their usage oddly. The provider's own record (`BILL`) is what is owed, whichever figure came when.
BILL = Decimal("0.000321")
_OTHER = Decimal("0.000123")
_WORDS: dict[str, Any] = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "word " * 20}}]}
_AT_ONCE: dict[str, Any] = {"choices": [{**_WORDS["choices"][0], "finish_reason": "stop"}]}
_FINISH: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
_DONE = b"data: [DONE]"
_FAILED: dict[str, Any] = {"error": {"code": 402, "message": "Insufficient credits"}, "choices": []}
_CHOICE_FAILED: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", **_FAILED}]}


def _usage(cost: Decimal | None = None, *, prompt: int = 9, completion: int = 40) -> dict[str, Any]:
    told = {} if cost is None else {"cost": float(cost)}
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": completion, **told}}


def _bill(cost: Decimal | None = None, **counts: int) -> dict[str, Any]:
    return {"choices": [], **_usage(cost, **counts)}


ODDLY_TOLD: dict[str, Fault] = {
    "usage in the first chunk alone": told_stream({**_WORDS, **_usage(BILL)}, _FINISH, _DONE),
    "another usage in the first chunk": told_stream({**_WORDS, **_usage(_OTHER)}, _FINISH, _bill(BILL), _DONE),
    "usage with the words and none after": told_stream({**_AT_ONCE, **_usage(BILL)}, _DONE),
    "two bills, the true one last": told_stream(_WORDS, _FINISH, _bill(_OTHER), _bill(BILL), _DONE),
    "two bills, the true one first": told_stream(_WORDS, _FINISH, _bill(BILL), _bill(_OTHER), _DONE),
    "two bills, the last of nothing": told_stream(_WORDS, _FINISH, _bill(BILL), _bill(Decimal(0)), _DONE),
    "two bills, the first of nothing": told_stream(_WORDS, _FINISH, _bill(Decimal(0)), _bill(BILL), _DONE),
    "a bill with the finish and another after": told_stream(_WORDS, {**_FINISH, **_usage(_OTHER)}, _bill(BILL), _DONE),
    "the same bill twice": told_stream(_WORDS, {**_FINISH, **_usage(BILL)}, _bill(BILL), _DONE),
    "a bill, and counts after it": told_stream(_WORDS, _FINISH, _bill(BILL), _bill(completion=41), _DONE),
    "two counts without a cost": told_stream(_WORDS, _FINISH, _bill(), _bill(completion=90), _DONE),
    "a bill and no [DONE]": told_stream(_WORDS, _FINISH, _bill(BILL)),
    "a bill without a finish": told_stream(_WORDS, _bill(BILL), _DONE),
    "a bill with neither": told_stream(_WORDS, _bill(BILL)),
    "402 amid its words": told_stream(_WORDS, _FAILED, _DONE),
    "402 amid its words, and its bill": told_stream(_WORDS, _FAILED, _bill(BILL), _DONE),
    "402 in the choice, and its bill": told_stream(_WORDS, _CHOICE_FAILED, _bill(BILL), _DONE),
    "a bill amid its words, then 402": told_stream(_WORDS, _bill(_OTHER), _FAILED, _DONE),
    "402, and two bills": told_stream(_WORDS, _FAILED, _bill(_OTHER), _bill(BILL), _DONE),
    "402, and two bills, the true one first": told_stream(_WORDS, _FAILED, _bill(BILL), _bill(_OTHER), _DONE),
    "a whole answer with its bill, then 402": told_stream(_WORDS, _FINISH, _bill(BILL), _FAILED),
}

# Every kind of failure that keeps the price of the listing, by name. `above_bound` and `byok` are not among them: they
# are providers that charge more than they list, against which no hold can be made.
EVERY_FAULT: dict[str, Fault] = {
    **{f"status {code}": status(code) for code in (400, 401, 402, 403, 404, 408, 413, 429, 499, 500, 502, 503, 529)},
    **{f"status {code} but billed": status(code, billed=True) for code in (408, 500, 501, 502, 521)},
    "200 with an error": error_200(502),
    "200 with an error but billed": error_200(502, billed=True),
    "error in the choice": choice_error(502),
    "error in the choice but billed": choice_error(502, billed=True),
    "error in the stream": stream_error(502),
    "error in the stream but billed": stream_error(502, billed=True),
    "hangs": hang(),
    "hangs but billed": hang(billed=True),
    "hangs after its headers": hang(after_headers=True),
    "hangs after its headers but billed": hang(after_headers=True, billed=True),
    **{f"cut {where}": cut(where=where) for where in CUTS},
    **{f"cut {where} but billed": cut(where=where, billed=True) for where in CUTS},
    "no [DONE]": no_done(),
    "late error": late_error(),
    "half letters": half_letters(),
    "no usage": no_usage(),
    "no cost": null_cost(),
    "another model": wrong_model("acme/tiny-1"),
    "empty": empty(),
    "empty and not billed": empty(billed=False),
    "a tool": tool_calls(),
    "no JSON": bad_json(),
    "no JSON but billed": bad_json(billed=True),
    "a page": html(),
    "a sign-in page": portal(),
    "nobody behind its delivery network": in_front(521),
    "endless": endless(b": still here\n\n" * 1000),
    "endless line": endless(b"data: " + b"x" * 1_000_000),
    "comments first": sse_prefix(b": hello\n\n" * 3),
    "a mark first": sse_prefix(b"\xef\xbb\xbf"),
}
