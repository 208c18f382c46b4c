"""The embedded models as those see them who only look: every one that LOCAL_MODEL allows, and whether it fits here."""

from decimal import Decimal
from pathlib import Path

from ai.llm.local.child import CONTEXT_TOKENS
from ai.llm.local.machine import Machine
from ai.llm.local.model_store import OWN_QUALITY, RESERVE_BYTES
from ai.llm.local.table import LANGUAGE_MODELS, MEGABYTE
from ai.model_config import Model, Prices, Tier

PARAMETERS = frozenset({"max_tokens", "temperature", "top_p", "stop", "seed", "response_format", "structured_outputs"})


def embedded_model(model_id: str, title: str, quality: float, *, barred: str | None = None) -> Model:
    """Return an embedded model as the catalogue has it."""
    nothing = Decimal(0)
    return Model(
        id=model_id,
        name=title,
        endpoint="local",
        tier=Tier.LOCAL,
        prices=Prices(prompt=nothing, completion=nothing),
        quality=quality,
        context_length=CONTEXT_TOKENS,
        max_completion_tokens=None,
        parameters=PARAMETERS,
        created=None,
        expires=None,
        barred=barred,
    )


def embedded_models(choice: str, machine: Machine) -> list[Model]:
    """Return the models that `choice` (LOCAL_MODEL) allows, the largest first; none where it is `off`.

    One that cannot run on this machine is barred with the reason.
    """
    if choice == "off":
        return []
    problem = machine.problem()
    own = Path(choice).expanduser()
    if own.suffix.lower() == ".gguf":
        return [embedded_model(f"local/{own.stem.lower()}", f"{own.stem} (embedded)", OWN_QUALITY, barred=problem)]
    found: dict[str, Model] = {}
    for weight in LANGUAGE_MODELS:
        if choice == weight.name or (choice == "auto" and weight.auto):
            why = problem or _too_large(weight.memory_bytes + RESERVE_BYTES, machine.memory_bytes)
            listed = embedded_model(weight.model_id, weight.title, weight.quality, barred=why)
            found.setdefault(weight.model_id, listed)
    return list(found.values())


def _too_large(need: int, room: int | None) -> str | None:
    if room is None or need <= room:
        return None
    return f"it needs {need // MEGABYTE:,} MB of memory, {room // MEGABYTE:,} MB are free"
