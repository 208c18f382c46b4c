"""Which candidate is asked next within one step, given what failed before; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ai.llm.failures import Next
from ai.llm.health import maker_subject, tier_subject

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ai.model_config import Model

MAX_ATTEMPTS = 6  # DESIGN, "Models": at most 6 attempts a step


@dataclass(frozen=True, slots=True)
class Attempt:
    """One candidate that did not answer, and why; `sent` tells whether a call was made at all."""

    model: str
    kind: str
    problem: str
    sent: bool = True


@dataclass(slots=True)
class Candidates:
    """The candidates of one step, best first. `unpaid`: the endpoints whose calls cost nothing (the embedded model).

    The last attempt is kept for an unpaid candidate where there is one: however many providers fail, the embedded
    model is asked.
    """

    candidates: Sequence[Model]
    unpaid: Collection[str]
    max_attempts: int = MAX_ATTEMPTS
    made: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    _closed: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[Model]:
        """Yield the next candidate that may be asked; ends when none is left or the attempts are used up."""
        for model in self.candidates:
            if self.made >= self.max_attempts:
                return
            if self._skipped(model):
                continue
            yield model

    def close(self, subject: str) -> None:
        """Ask none of these any more in this step: an endpoint's name or a tier's subject."""
        self._closed.add(subject)

    def may_go_on(self, model: Model) -> bool:
        """Return whether `model` may be asked once more in this step."""
        return self.made < self.max_attempts and not self._skipped(model)

    def close_for(self, following: Next, model: Model) -> None:
        """Take the consequence of a failure of `model` for the candidates after it."""
        if following is Next.NEXT_MAKER:
            self.close(maker_subject(model))
        elif following is Next.NEXT_TIER:
            self.close(tier_subject(model))
        elif following is Next.PROVIDER_OFF:
            self.close(model.endpoint)

    def close_paid(self) -> None:
        """Ask nobody any more whose calls need the purse."""
        for model in self.candidates:
            if model.endpoint not in self.unpaid and not model.unmetered:
                self.close(tier_subject(model))

    def _skipped(self, model: Model) -> bool:
        if self._closed & {model.endpoint, tier_subject(model), maker_subject(model)}:
            return True
        if model.endpoint in self.unpaid:
            return False
        last_one = self.made == self.max_attempts - 1
        return last_one and any(other.endpoint in self.unpaid for other in self.candidates)
