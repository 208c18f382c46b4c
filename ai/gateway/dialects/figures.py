"""What an answer says of itself: tokens, cost, who gave it, how it ended; grows as a stream comes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ai.llm.figures import as_mapping, read_cost

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from ai.credit_tracker import Usage


@dataclass(slots=True)
class Figures:
    """What has been read so far, so that a cut leaves what was known.

    `usage` is what the answer says in the end, `partial` the tokens that a stream told of before, which grow with it.
    `streamed`: it came as a stream. `ended`: the answer came to its own end. `said`: it holds words or a call of a
    tool. `error` is the provider's error object, `broken` why the answer could not be read.
    """

    usage: Usage | None = None
    partial: Usage | None = None
    streamed: bool = False
    cost: Decimal | None = None
    id: str | None = None
    model: str | None = None
    finish: str = ""
    error: Any = None
    ended: bool = False
    said: bool = False
    broken: str | None = None

    @property
    def final_usage(self) -> Usage | None:
        """The token counts that a bill can be made of: those of a stream that broke may have gone on growing."""
        return self.usage if self.ended or self.cost is not None or not self.streamed else None

    def named(self, document: Any) -> None:
        """Take in the id and the model of an answer or of a chunk of it."""
        fields = as_mapping(document)
        if self.id is None and isinstance(fields.get("id"), str):
            self.id = fields["id"]
        if isinstance(fields.get("model"), str):
            self.model = fields["model"]

    def counted(self, usage: Any, read: Callable[[Any], Usage | None]) -> None:
        """Take in a `usage` object with the dialect's own reading of its token counts; a later one takes its place."""
        fields = as_mapping(usage)
        if not fields:
            return
        self.usage = read(fields) or self.usage
        cost = read_cost(fields)
        self.cost = self.cost if cost is None else cost
