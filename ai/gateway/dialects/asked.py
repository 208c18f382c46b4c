"""What the budget needs to know of a request's body, the same for every dialect; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ai.gateway.dialects.events import Event
    from ai.gateway.dialects.figures import Figures
    from ai.gateway.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the budget sees it.

    `input_tokens` is the most that its texts, tools and schemas can be counted as; `images` how many images there may
    be at most, None where nobody can know (a conversation kept by the provider): either counts as the whole context.
    `max_output` is the output limit that it states; `extra_output` may be billed beside it (a reasoning allowance, a
    prediction); `times` is how many answers it asks for. `needs` are the parameters a model must support to serve it.
    """

    model: str
    input_tokens: int
    also: tuple[str, ...] = ()
    stream: bool = False
    usage_wanted: bool = True
    images: int | None = 0
    max_output: int | None = None
    extra_output: int = 0
    times: int = 1
    needs: frozenset[str] = field(default_factory=frozenset)
    output: bool = True  # False: embeddings, which have none

    @property
    def whole_context(self) -> bool:
        """Whether it holds something that counts as the model's whole context, whatever its texts are."""
        return self.images != 0


Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One dialect: pure functions from bodies to what they can cost, from answers to what they did cost.

    `outgoing(body, model_id, max_output)` is the body to send; `take` and `take_event` read a whole answer and one
    event of a stream; `error` is a refusal's body, `error_event` what ends a stream that broke.
    """

    name: str
    path: str
    read: Callable[[Body], Asked]
    outgoing: Callable[[Body, str, int | None], dict[str, Any]]
    take: Callable[[Figures, Any], None]
    take_event: Callable[[Figures, Event], None]
    error: Callable[[Refusal], dict[str, Any]]
    error_event: Callable[[Refusal], bytes]
    end: bytes = b""
