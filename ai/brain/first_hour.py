"""How soon a newborn's next beat comes: who started it should see it live, where that costs next to nothing; pure."""

from collections.abc import Sequence

from ai.llm import Completion

FIRST_HOUR_SECONDS = 3_600.0
QUICK_SECONDS = 120.0  # thirty beats in the first hour instead of six
SHARE_OF_BUDGET = 0.01  # of what the month has left, for all the quick beats that may still come
SHARE_OF_QUOTA = 0.5  # of the day's free requests, which are to last until midnight


def quick_beat_seconds(age_seconds: float, answers: Sequence[Completion]) -> float | None:
    """Return after how many seconds the next beat of a newborn may come, None where the usual interval counts.

    `answers` are those of the beat that ends. Thirty beats as dear as this one must fit a hundredth of what is left,
    and where they need free requests half of the day's must be left.
    """
    if age_seconds >= FIRST_HOUR_SECONDS or not answers:
        return None
    balance = answers[-1].balance
    to_come = (FIRST_HOUR_SECONDS - age_seconds) / QUICK_SECONDS
    cost_nanos = sum(answer.cost_nanos for answer in answers)
    if cost_nanos and cost_nanos * to_come > balance.available * SHARE_OF_BUDGET:
        return None
    if any(answer.model.free for answer in answers) and balance.free_left < balance.free_quota * SHARE_OF_QUOTA:
        return None
    return QUICK_SECONDS
