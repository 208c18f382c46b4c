"""How well off the purse is: the bands people see, from what is available and what the month was given."""

from enum import StrEnum
from fractions import Fraction

COMFORTABLE_SHARE = Fraction(60, 100)  # DESIGN, "Money": bands as a share of what the month was given
MODERATE_SHARE = Fraction(20, 100)
CAUTIOUS_SHARE = Fraction(10, 100)


class Band(StrEnum):
    """From plenty to nothing; its value stands in `budget --json`."""

    COMFORTABLE = "comfortable"
    MODERATE = "moderate"
    CAUTIOUS = "cautious"
    CRITICAL = "critical"
    BANKRUPT = "bankrupt"

    @property
    def health(self) -> str:
        """The word that log lines use: OK, LOW_BALANCE, CRITICAL or BANKRUPT (CONTRACT §6)."""
        return _HEALTH[self]


_HEALTH = {
    Band.COMFORTABLE: "OK",
    Band.MODERATE: "OK",
    Band.CAUTIOUS: "LOW_BALANCE",
    Band.CRITICAL: "CRITICAL",
    Band.BANKRUPT: "BANKRUPT",
}


def band_of(*, available: int, given: int, held_unknown: int, paid_provider: bool, smallest_hold: int) -> Band:
    """Return the band for amounts in nano-dollars.

    `given` is what the month was granted and donated, `held_unknown` what calls of unknown outcome hold (it may
    come back, so it never makes a bankrupt), `smallest_hold` the least that a paid thought must hold.
    """
    if paid_provider and available + held_unknown < smallest_hold:
        return Band.BANKRUPT
    if given <= 0:
        return Band.CRITICAL
    share = Fraction(available, given)
    if share >= COMFORTABLE_SHARE:
        return Band.COMFORTABLE
    if share >= MODERATE_SHARE:
        return Band.MODERATE
    return Band.CAUTIOUS if share >= CAUTIOUS_SHARE else Band.CRITICAL
