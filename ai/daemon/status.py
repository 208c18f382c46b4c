"""Who lives and how it goes, as one document: `status --json`, `GET /api/state` and the page say the same."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ai.clock import parse_rfc3339, rfc3339
from ai.credit_tracker import Balance
from ai.ledger.money import usd9
from ai.life.chronicle import Chronicle
from ai.mind.schedule import Schedule
from ai.model_config import Model, Tier


def state(
    chronicle: Chronicle,
    schedule: Schedule,
    thinker: tuple[str | None, Model | None],
    balance: Balance,
    *,
    next_birth_at: datetime | None,
) -> dict[str, Any]:
    """Return the document of CONTRACT §3 (`status`); before the first birth everything unknown is None.

    `thinker` is the id of who thought last, and what the catalogue knows of it (None: it lists it no more).
    """
    facts: Mapping[str, Any] = chronicle.get(chronicle.last()) or {}
    alive = facts.get("state") == "alive"
    last = schedule.last_beat_at()
    model_id, model = thinker
    # Away from the start, nothing is known of a month that was granted and neither spent nor left: null, never 0.
    known = balance.away is None or bool(balance.available or balance.spent or balance.held)
    return {
        "alive": alive,
        "life": facts.get("number"),
        "name": facts.get("name"),
        "pronoun": facts.get("pronoun"),
        "born_at": _seconds(parse_rfc3339(facts["born_at"])) if facts.get("born_at") else None,
        "beats": int(facts.get("beats", 0)),
        "model": model_id,
        "tier": _tier(model_id, model),
        "last_beat_at": None if last is None else _seconds(last),
        "next_beat_at": _seconds(schedule.next_beat_at()) if not schedule.paused else None,
        "paused": schedule.paused,
        "budget": {
            "available": usd9(balance.available) if known else None,
            "granted": usd9(balance.granted) if known else None,
            "band": balance.band.value if known else None,
        },
        "purse_away": balance.away is not None,
        "intelligence": None if model is None else model.intelligence,
        "mood": facts.get("mood"),
        "next_birth_at": None if alive or next_birth_at is None else _seconds(next_birth_at),
        "held_unknown": usd9(balance.held_unknown),
        "free_left": balance.free_left,
        "free_quota": balance.free_quota,
        "posts_left": balance.posts_left,
    }


def _tier(model_id: str | None, model: Model | None) -> str | None:
    """Return the tier; the embedded model's is told by its id, since only the process that runs it lists it."""
    if model is not None:
        return model.tier.value
    return Tier.LOCAL.value if model_id is not None and model_id.startswith(f"{Tier.LOCAL.value}/") else None


def _seconds(when: datetime) -> str:
    return rfc3339(when.replace(microsecond=0)).replace(".000000", "")
