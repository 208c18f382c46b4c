"""One model as people see it: the row that `models --json`, the API and the page share."""

from typing import NotRequired

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on only


class ModelRow(TypedDict):
    """One model as `models --json` and the page show it.

    Prices are USD per million tokens, `bound` USD: decimal strings with nine places.
    """

    id: str
    name: str
    tier: str
    intelligence: int | None
    quality: NotRequired[float]  # intelligence with its fraction
    price_prompt: str | None
    price_completion: str | None
    bound: NotRequired[str | None]  # the most that a usual thought may cost, USD
    affordable: bool
    available: bool
    cooldown_until: NotRequired[str | None]
    cooldown_reason: NotRequired[str | None]
    preferred: NotRequired[int | None]  # 1: who would think the next thought
    context_length: NotRequired[int | None]
    barred: NotRequired[str | None]  # why it may never be paid
