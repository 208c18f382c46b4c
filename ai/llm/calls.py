"""What goes into one call to a model and what comes out of it, the same for every provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from decimal import Decimal

    from ai.asking import Message
    from ai.credit_tracker import Usage
    from ai.model_config import Model


@dataclass(slots=True)
class Wire:
    """How far a call got, kept where a cancelled caller still finds it; `call_id` is its hold's.

    Whoever sends sets `sent` before the first byte of the request leaves (until then nothing can have been billed), and
    calls `named` as soon as the provider's headers are there, whether or not they name a generation, and has awaited it
    when it returns. Where the whole answer is there with its headers, `generation_id` alone may be set: it is committed
    with the end of the call then (`recorded` is still False).
    """

    call_id: str = ""
    sent: bool = False
    generation_id: str | None = None
    recorded: bool = False
    record: Callable[[str | None], Awaitable[None]] | None = None  # commits the id, so that a crash can ask for it

    def named(self, generation_id: str | None) -> Awaitable[None]:
        """Keep the generation's id, and return what commits it: from then on a crash can be asked about."""
        self.generation_id = generation_id
        return self._recorded(generation_id)

    async def _recorded(self, generation_id: str | None) -> None:
        if self.record is not None:
            await self.record(generation_id)
            self.recorded = True


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call: to which model, with what, and how long it may take.

    `schema` is a JSON schema that the reply must meet, `seed` what its sampling starts from; each is sent only where
    it is given and the model supports it.
    """

    model: Model
    messages: Sequence[Message]
    max_tokens: int
    schema: Mapping[str, Any] | None = None
    temperature: float | None = None
    timeout_seconds: float = 60.0
    wire: Wire = field(default_factory=Wire)
    seed: int | None = None


class Shape(StrEnum):
    """Where an error stood: OpenRouter has four places, and two are ours."""

    STATUS = "status"  # the HTTP status
    BODY = "body"  # HTTP 200 with a top-level `error`
    CHOICE = "choice"  # `choices[0].error`
    STREAM = "stream"  # a chunk of a stream with `error`
    CONNECTION = "connection"  # no answer: refused, cut or timed out
    READING = "reading"  # an answer that cannot be read


@dataclass(frozen=True, slots=True)
class ProviderError:
    """What went wrong, as the provider (or the connection) said it; `message` is one line without secrets.

    `code` is a status code, `type` OpenRouter's `error_type` (OpenAI's `code`) or, for our own shapes, one of
    `refused`, `cut`, `timeout`, `broken`, `too_large`, `unsendable`, `elsewhere`. `limit_source` says which limit a 402
    means, `availability` is OpenRouter's stable code of why a model cannot be had. `retry_after_seconds` is what the
    provider asked to wait.
    """

    shape: Shape
    code: int | None
    type: str | None
    message: str
    retry_after_seconds: float | None = None
    limit_source: str | None = None
    provider_name: str | None = None
    availability: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one call ended; never an exception, so that its money is always decided.

    `cost` is what the provider says it billed, in USD; None where it did not say. `status` is None where no
    answer came. `date` is the provider's Date header. `beyond_text`: it holds an answer that is no text (calls of
    tools, vectors, bytes that were passed on). `usage` and `cost` are the bill: what was counted before an error or a
    cut is left out. `began`: some of the answer itself may have come, thoughts too. `images`: some may have been
    sent with it.
    """

    sent: bool
    status: int | None
    text: str
    finish_reason: str
    usage: Usage | None
    cost: Decimal | None
    generation_id: str | None
    answered_by: str | None
    error: ProviderError | None
    latency_seconds: float
    date: str | None = None
    beyond_text: bool = False
    began: bool = True
    images: bool = False

    @property
    def answered(self) -> bool:
        """Whether there is anything in it for whoever asked."""
        return self.beyond_text or bool(self.text.strip())


class Endpoint(Protocol):
    """A provider of models. `paid`: its calls are held for; the embedded model's are not."""

    name: str
    paid: bool

    async def complete(self, request: ModelRequest) -> Outcome:
        """Make one attempt; `request.wire` is told how far it got.

        Never raises for the provider's trouble; cancellation alone passes through.
        """
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...
