"""A circuit breaker for all connections to one server: its silence is waited for once, and not at every question."""

from collections.abc import Callable

from ai.ledger.errors import StoreUnavailable

# A beat asks the purse a dozen times, and each would wait out its own time limit. Long enough that a beat without
# its purse ends in seconds, short enough that the next beat finds a purse that is back.
QUIET_SECONDS = 15.0


class CircuitBreaker:
    """Open for a while after a server gave no answer in time, and then refuses at once; `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._closes_at: float | None = None
        self._said = ""

    def trip(self, problem: StoreUnavailable) -> None:
        """Open it, because the server did not answer; `problem` is what those who ask meanwhile are told."""
        self._closes_at, self._said = self._monotonic() + QUIET_SECONDS, str(problem)

    def reset(self) -> None:
        """Close it, because the server answered."""
        self._closes_at = None

    def refuse_while_open(self) -> None:
        """Raise StoreUnavailable where nobody need wait for an answer yet again."""
        closes_at = self._closes_at
        if closes_at is not None and self._monotonic() < closes_at:
            raise StoreUnavailable(self._said)
