"""Whether a model that is to serve every call is one: told where it is given, before any call is refused for it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ai.gateway.names import CHOICES, named
from ai.gateway.refusals import Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from ai.model_config.catalogue import Catalogue

FRESH = timedelta(days=1)  # an older listing may lack a model that came since; whoever serves fetches every six hours


def pin_problem(pin: str, catalogue: Catalogue, now: datetime) -> str | None:
    """Return in one line why every call with this pin would be refused, None where a fresh listing does not say so."""
    if pin in CHOICES or pin.startswith("local/"):  # which of those can be had is known once they are asked
        return None
    if catalogue.fetched_at is None or not timedelta(0) <= now - catalogue.fetched_at < FRESH:
        return None
    try:
        named(pin, catalogue.models())
    except Refusal as refusal:
        return f"--model: {refusal.message}"
    return None
