"""What is told of the gateway's calls: a line a minute for each key and run, refusals once, never a line a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ai.clock import Clock
    from ai.credit_tracker import Caller
    from ai.gateway.refusals import Refusal
    from ai.llm.payment import Paid
    from ai.mind.journal import Journal
    from ai.model_config import Model

TOLD_EVERY_SECONDS = 60.0
MOST_WAITING = 1_000  # keys and runs with news between two tellings
MAX_REASON_CHARS = 300


@dataclass(slots=True)
class News:
    """What one key and run did since it was last told; the cost in nano-dollars, seconds of all answers together."""

    calls: int = 0
    failed: int = 0
    cost: int = 0
    seconds: float = 0.0
    model: str = ""


class Telling:
    """Collects what happened and writes it to the journal once a minute, so that no call waits for a row of it."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._news: dict[tuple[str, str], News] = {}
        self._told_at = clock.monotonic()
        self._refused: dict[tuple[str, str, str], float] = {}

    def serving(self, url: str) -> None:
        """Tell where programs find the gateway."""
        self._journal.append("gateway.serving", url=url)

    def called(self, model: Model, paid: Paid, caller: Caller) -> None:
        """Take in one call that has ended."""
        if len(self._news) >= MOST_WAITING:
            self.tell()
        news = self._news.setdefault((caller.key, caller.run), News())
        news.calls += 1
        news.failed += paid.outcome.error is not None
        news.cost += paid.cost_nanos
        news.seconds += paid.outcome.latency_seconds
        news.model = model.id

    def refused(self, key: str, run: str | None, refusal: Refusal) -> None:
        """Tell a refusal for want of money or right; the same one once a minute at most."""
        now = self._clock.monotonic()
        subject = (key, run or "", refusal.code or refusal.type)
        if now - self._refused.get(subject, -TOLD_EVERY_SECONDS) < TOLD_EVERY_SECONDS:
            return
        if len(self._refused) >= MOST_WAITING:
            self._refused.clear()
        self._refused[subject] = now
        self._journal.append(
            "gateway.refused", key=key, run=run or "", status=refusal.status, problem=refusal.message[:MAX_REASON_CHARS]
        )

    def tell_if_due(self) -> None:
        """Write the news where a minute has passed."""
        if self._clock.monotonic() - self._told_at >= TOLD_EVERY_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Write the news."""
        self._told_at = self._clock.monotonic()
        told, self._news = self._news, {}
        for (key, run), news in told.items():
            self._journal.append(
                "gateway.calls",
                key=key,
                run=run,
                calls=news.calls,
                failed=news.failed,
                cost_nanos=news.cost,
                latency_ms=round(1000 * news.seconds / news.calls),
                model=news.model,
            )
