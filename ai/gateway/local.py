"""The embedded model as one who answers: chat in and out, whole or as a stream of one piece; embeddings too."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ai.asking import Message
from ai.credit_tracker import Usage
from ai.gateway.dialects import embeddings
from ai.gateway.refusals import Refusal
from ai.gateway.translate.translation import dumps, sse, text_of
from ai.llm.calls import ModelRequest, Outcome, ProviderError, Shape
from ai.llm.figures import as_mapping

if TYPE_CHECKING:
    from ai.gateway.upstream import Outgoing, Outlet
    from ai.llm.calls import Endpoint, Wire
    from ai.model_config import Model

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
OK, BAD_REQUEST = 200, 400
DEFAULT_TOKENS = 700
MOST_ANSWERS = 4  # of `n`: each is thought anew, one after the other
MOST_TOKENS = 2_048  # half of its context, so that the question has room


class LocalSender:
    """Answers with the embedded model; tools are not called by it, images are not seen."""

    name = "local"

    def __init__(self, endpoint: Endpoint | None, models: Callable[[], Sequence[Model]], embed: Embed | None) -> None:
        self._endpoint = endpoint
        self._models = models
        self._embed = embed
        spoken = {"chat"} if endpoint is not None else set()
        self.speaks = frozenset(spoken | ({"embeddings"} if embed is not None else set()))

    async def send(self, outgoing: Outgoing, wire: Wire, outlet: Outlet) -> Outcome:
        """Answer one request; whatever goes wrong is an Outcome."""
        wire.sent = True
        body = json.loads(outgoing.body)
        await wire.named(None)
        try:
            if outgoing.path == "/embeddings":
                return await self._vectors(body, outlet)
            return await self._chat(body, wire, outlet, outgoing.timeout_seconds)
        except Refusal as refusal:
            error = ProviderError(Shape.STATUS, refusal.status, "invalid_request_error", refusal.message)
            return _outcome(outlet, BAD_REQUEST, error, 0.0)

    async def close(self) -> None:
        """Leave the embedded model to whoever opened it."""

    async def _chat(self, body: Mapping[str, Any], wire: Wire, outlet: Outlet, timeout_seconds: float) -> Outcome:
        assert self._endpoint is not None  # noqa: S101 - who does not speak chat is not asked to
        model = self._models()[0]
        form = as_mapping(as_mapping(body.get("response_format")).get("json_schema"))
        wanted = body.get("max_tokens") or body.get("max_completion_tokens") or DEFAULT_TOKENS
        temperature = body.get("temperature")
        request = ModelRequest(
            model,
            _messages(body),
            min(int(wanted), MOST_TOKENS),
            schema=form.get("schema") if isinstance(form.get("schema"), dict) else None,
            temperature=float(temperature) if isinstance(temperature, int | float) else None,
            timeout_seconds=timeout_seconds,
        )
        answers = []
        for _ in range(min(int(body.get("n") or 1), MOST_ANSWERS)):
            outcome = await self._endpoint.complete(request)
            if outcome.error is not None:
                return replace(outcome, sent=True, status=outcome.status or 503)
            answers.append(outcome)
        await _tell(answers, model.id, wire.call_id, outlet, streamed=bool(body.get("stream")))
        return _outcome(outlet, OK, None, sum(one.latency_seconds for one in answers))

    async def _vectors(self, body: Mapping[str, Any], outlet: Outlet) -> Outcome:
        assert self._embed is not None  # noqa: S101 - who makes no embeddings is not asked to
        texts = [text for text in embeddings.inputs(body) if isinstance(text, str)]
        if len(texts) != len(embeddings.inputs(body)):
            raise Refusal(400, "the embedded model embeds texts, no token ids", param="input")
        try:
            vectors = await self._embed(texts)
        except Exception as failure:  # noqa: BLE001 - whatever keeps it from embedding is told to the client
            return _outcome(outlet, 503, ProviderError(Shape.STATUS, 503, "unavailable", str(failure)), 0.0)
        packed = body.get("encoding_format") == "base64"
        rows = [
            {"object": "embedding", "index": n, "embedding": _packed(vector) if packed else [float(x) for x in vector]}
            for n, vector in enumerate(vectors)
        ]
        tokens = sum(len(text.encode("utf-8", "replace")) // 4 + 1 for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        await outlet.whole(dumps({"object": "list", "model": body.get("model"), "data": rows, "usage": usage}))
        return _outcome(outlet, OK, None, 0.0)


def _messages(body: Mapping[str, Any]) -> list[Message]:
    """Return the conversation as texts. Raises Refusal for images."""
    told: list[Message] = []
    for number, message in enumerate(map(as_mapping, body.get("messages") or [])):
        role = str(message.get("role") or "user")
        text = text_of(message.get("content"), f"messages[{number}].content")
        calls = [as_mapping(as_mapping(call).get("function")) for call in message.get("tool_calls") or []]
        text += "".join(f"\n(called {call.get('name')} with {call.get('arguments')})" for call in calls)
        known = {"developer": "system", "tool": "user", "function": "user"}
        told.append(Message(role=known.get(role, role), content=text))
    return told


async def _tell(answers: Sequence[Outcome], model_id: str, call_id: str, outlet: Outlet, *, streamed: bool) -> None:
    """Give the answers as a chat completion, or as a stream of one."""
    counted = [one.usage or Usage(0, 0) for one in answers]
    prompt, completion = counted[0].prompt_tokens, sum(one.completion_tokens for one in counted)
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    head = {"id": f"chatcmpl-{call_id}", "created": 0, "model": model_id}
    finishes = [one.finish_reason or "stop" for one in answers]
    if not streamed:
        choices = [
            {"index": n, "message": {"role": "assistant", "content": one.text}, "finish_reason": finishes[n]}
            for n, one in enumerate(answers)
        ]
        await outlet.whole(dumps({**head, "object": "chat.completion", "choices": choices, "usage": usage}))
        return

    async def pieces() -> AsyncIterator[bytes]:
        part = {**head, "object": "chat.completion.chunk"}
        for n, one in enumerate(answers):
            delta = {"role": "assistant", "content": one.text}
            yield sse({**part, "choices": [{"index": n, "delta": delta, "finish_reason": None}]})
            yield sse({**part, "choices": [{"index": n, "delta": {}, "finish_reason": finishes[n]}]})
        yield sse({**part, "choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    await outlet.stream(pieces())


def _outcome(outlet: Outlet, status: int, error: ProviderError | None, seconds: float) -> Outcome:
    figures = outlet.figures
    return Outcome(
        True, status, "", figures.finish, figures.usage, figures.cost, None, figures.model, error, seconds,
        beyond_text=figures.said,
    )  # fmt: skip


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
