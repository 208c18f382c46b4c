"""What an answer says of itself: tokens, cost, who gave it, how it ended; grows as a stream comes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ai.llm.figures import as_mapping, one_line, read_cost
from ai.llm.reading import believable, differs

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from ai.credit_tracker import Usage

FAILED = "error"  # the finish reason of an answer that its provider gave up
# What stands around the words of an answer and is no output: a stream repeats some of it, a quotation is long.
SEALED = frozenset(
    "encrypted_content signature data id call_id type name status role logprobs citations citation annotations".split()
)
INPUT = "input"  # of a tool, in which every field is the model's own
MAX_NAME_CHARS = 200  # of a model; those seen have 60


@dataclass(slots=True)
class Figures:
    """What has been read so far, so that a cut leaves what was known.

    `usage` and `cost` are the bill only where they came with the end of the answer, or after it (`billed`); what a
    stream tells before is `partial`, a first count. `doubted`: two that came so differ, so neither is the bill.
    `ended`: the answer came to its own end, `finish`: how. `said`: it holds words or a call of a tool; `said_bytes`:
    how much of it, thoughts too. `error` is the provider's error object, `broken` why it could not be read.
    """

    usage: Usage | None = None
    cost: Decimal | None = None
    billed: bool = False
    doubted: bool = False
    partial: Usage | None = None
    id: str | None = None
    model: str | None = None
    finish: str = ""
    error: Any = None
    ended: bool = False
    said: bool = False
    said_bytes: int = 0
    broken: str | None = None

    @property
    def complete(self) -> bool:
        """Whether all of the answer is there, so that no later fault of the transport matters."""
        return (self.ended or self.finish not in ("", FAILED)) and self.error is None and self.broken is None

    @property
    def bill(self) -> tuple[Usage | None, Decimal | None]:
        """The tokens and the cost that may be booked; counts without a cost only where what came can be that little."""
        if self.doubted or (self.cost is None and not believable(self.usage, self.said_bytes)):
            return None, None
        return self.usage, self.cost

    def says(self, words: Any) -> None:
        """Take in words, thoughts or calls of tools, in whatever form they come."""
        if not words:
            return
        self.said = True
        self.said_bytes += _letters(words)

    def thinks(self, words: Any) -> None:
        """Take in thoughts beside the answer, which are billed as it is."""
        self.said_bytes += _letters(words)

    def named(self, document: Any) -> None:
        """Take in the id and the model of an answer or of a chunk of it."""
        fields = as_mapping(document)
        if self.id is None and isinstance(fields.get("id"), str):
            self.id = fields["id"]
        if isinstance(fields.get("model"), str):
            self.model = one_line(fields["model"][:MAX_NAME_CHARS])

    def failed(self, error: Any) -> None:
        """Take in an error; after a whole and billed answer it changes nothing, else what was counted is no bill."""
        if error and not (self.billed and self.complete):
            self.error = error
            self.usage, self.cost, self.billed = None, None, False

    def spoilt(self, problem: str) -> None:
        """Note that a part of the answer cannot be read; after its end nothing of it is missing."""
        if not self.finish:
            self.broken = problem

    def counted(
        self, usage: Any, read: Callable[[Any], Usage | None], *, at_the_end: bool, cumulative: bool = False
    ) -> None:
        """Take in a `usage` object with the dialect's own reading of its token counts; a later one takes its place.

        A later one that tells another cost, or other counts where neither tells a cost, leaves both in doubt; counts
        that are `cumulative` only where they fall.
        """
        fields = as_mapping(usage)
        if not fields:
            return
        found = read(fields)
        if not at_the_end:
            self.partial = found or self.partial
            return
        cost = read_cost(fields)
        told, again = (self.usage, self.cost), (found, cost)
        self.doubted = self.doubted or (self.billed and differs(told, again, cumulative=cumulative))
        self.usage = found or self.usage
        self.cost = self.cost if cost is None else cost
        self.billed = True


def _letters(words: Any, sealed: frozenset[str] = SEALED) -> int:
    """Return how many bytes of text there are, however deep; what was read as JSON is not nested beyond reading."""
    if isinstance(words, str):
        return len(words.encode("utf-8", "replace"))
    if isinstance(words, dict):
        said = ((name, value) for name, value in words.items() if name not in sealed)
        return sum(_letters(value, frozenset() if name == INPUT else sealed) for name, value in said)
    return sum(_letters(one, sealed) for one in words) if isinstance(words, list) else 0
