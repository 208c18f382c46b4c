"""How a mind feels today: a word and a temperature, drifting with model, money and life; pure."""

import hashlib
from dataclasses import dataclass

# Moods a band allows, from the calm to the restless; a life leans to some of them, and each day moves on.
MOODS = {
    "comfortable": ("curious", "playful", "serene", "expansive", "mischievous", "tender"),
    "moderate": ("attentive", "dry", "thoughtful", "wry", "patient", "observant"),
    "cautious": ("frugal", "wary", "terse", "sober", "watchful", "dry"),
    "critical": ("urgent", "anxious", "bare", "defiant", "solemn", "tired"),
    "bankrupt": ("hollow", "quiet", "stubborn", "dreamy", "tired", "resigned"),
}
BASE_TEMPERATURE = {"local": 0.7, "free": 0.8, "ultra_cheap": 0.8, "cheap": 0.9, "premium": 0.9}
BAND_TEMPERATURE = {"comfortable": 0.1, "moderate": 0.0, "cautious": -0.1, "critical": -0.15, "bankrupt": 0.0}
SWING = 0.1  # how far a life and a day move it; beyond it small models lose their grammar
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.2, 1.1


@dataclass(frozen=True, slots=True)
class Mood:
    """A word for people and prompts, and a sampling temperature."""

    word: str
    temperature: float


def mood(life: int, day: int, tier: str, band: str) -> Mood:
    """Return the mood of life number `life` on the `day`th day of it, thought by a model of `tier`, purse in `band`.

    The same arguments always give the same mood; an unknown tier or band counts as free and moderate.
    """
    words = MOODS.get(band, MOODS["moderate"])
    leaning = _draw(f"life {life}")
    today = _draw(f"life {life} day {day} {band}")
    word = words[int((leaning + today) * len(words)) % len(words)]
    temperature = (
        BASE_TEMPERATURE.get(tier, BASE_TEMPERATURE["free"])
        + BAND_TEMPERATURE.get(band, 0.0)
        + SWING * (leaning + today - 1)
    )
    return Mood(word, round(min(MOST_TEMPERATURE, max(LEAST_TEMPERATURE, temperature)), 2))


def _draw(name: str) -> float:
    """Return a number in [0, 1) that `name` always gets."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48
