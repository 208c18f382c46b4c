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
    """How far a call got, kept where a cancelled caller still finds it.

    `sent` turns true before the first byte leaves; until then nothing can have been billed.
    """

    sent: bool = False
    generation_id: str | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call: to which model, with what, and how long it may take.

    `schema` is a JSON schema that the reply must meet, `seed` what its sampling starts from; each is sent only where
    it is given and the model supports it.
    """

    call_id: str
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

    `code` is a status code, `type` OpenRouter's `error_type` or, for our own shapes, one of `refused`, `cut`,
    `timeout`, `broken`, `too_large`. `limit_source` says which limit a 402 means. `retry_after_seconds` is what
    the provider asked to wait.
    """

    shape: Shape
    code: int | None
    type: str | None
    message: str
    retry_after_seconds: float | None = None
    limit_source: str | None = None
    provider_name: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one call ended; never an exception, so that its money is always decided.

    `cost` is what the provider says it billed, in USD; None where it did not say. `status` is None where no
    answer came. `date` is the provider's Date header.
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


class Endpoint(Protocol):
    """A provider of models. `paid`: its calls are held for; the embedded model's are not."""

    name: str
    paid: bool

    async def complete(self, request: ModelRequest, on_headers: Callable[[str | None], Awaitable[None]]) -> Outcome:
        """Make one attempt. `on_headers` is awaited with the generation id as soon as the headers are there.

        Never raises for the provider's trouble; cancellation alone passes through, with `request.wire` telling
        how far the call got.
        """
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...
