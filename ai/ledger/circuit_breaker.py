"""What all connections to one server know of its silence, so that it is waited for once and not at every question."""

from collections.abc import Callable

from ai.ledger.errors import StoreUnavailable

# A beat asks the purse a dozen times, and each would wait out its own time limit. Long enough that a beat without
# its purse ends in seconds, short enough that the next beat finds a purse that is back.
QUIET_SECONDS = 15.0


class CircuitBreaker:
    """Refuses at once for a while after a server gave no answer in time; `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._ends_at: float | None = None
        self._said = ""

    def heard(self, problem: StoreUnavailable) -> None:
        """Note that the server did not answer, with what is told to those who ask meanwhile."""
        self._ends_at, self._said = self._monotonic() + QUIET_SECONDS, str(problem)

    def broken(self) -> None:
        """Note that the server answered."""
        self._ends_at = None

    def refuse_while_it_lasts(self) -> None:
        """Raise StoreUnavailable where nobody need wait for an answer yet again."""
        ends_at = self._ends_at
        if ends_at is not None and self._monotonic() < ends_at:
            raise StoreUnavailable(self._said)
