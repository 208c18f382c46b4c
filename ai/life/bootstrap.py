"""What a newborn is told about itself and the world: nothing, the facts, or everything, in turn."""

from collections.abc import Mapping

from ai.prompts import render
from ai.settings import Settings

MODES = ("blank_slate", "basic_facts", "full_briefing")


def mode_of(setting: str, number: int) -> str:
    """Return the mode of life `number` (from 1): the setting itself, or with `rotate` each in turn."""
    return MODES[(number - 1) % len(MODES)] if setting == "rotate" else setting


def briefing(mode: str, settings: Settings, number: int, past: Mapping[str, object] | None) -> str:
    """Return what a life in `mode` knows from birth on; empty for a blank slate.

    `past` is the chronicle's entry of the last life (name, cause, beats), None for the first.
    """
    return render(
        f"bootstrap_{mode}",
        number=number,
        interval_minutes=round(settings.think_interval_seconds / 60, 1),
        budget_usd=settings.monthly_budget_usd,
        tweets=settings.tweets,
        tweets_per_day=settings.tweets_per_day,
        post_price=settings.post_price_usd,
        on_bankruptcy=settings.on_bankruptcy,
        max_life_days=settings.max_life_days,
        past=past,
    )
