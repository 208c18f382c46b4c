"""The most that a call through the gateway can cost, and the output limit that a cap leaves room for; pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ai.gateway.dialects.fields import unbounded
from ai.ledger.money import NANOS_PER_USD, nanos

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ai.gateway.dialects.asked import Asked
    from ai.model_config import Model

USUAL_OUTPUT = 8_192  # where a body states no limit and the model has none of its own, or a larger one
LEAST_OUTPUT = 256  # a limit that nobody stated is not lowered below this: fewer tokens answer nothing
UNSTATED_SHARE = 4  # of an estimate: an answer has about a quarter of its limit where nothing better is known


def input_tokens(asked: Asked, model: Model) -> int:
    """Return the most input tokens that `model` can bill of this body: never more than its context."""
    context = model.context_length
    if asked.whole_context:
        if context is None:
            raise unbounded("model", f"images count as a full context, and {model.id} does not say how large its is")
        return context
    return asked.input_tokens if context is None else min(asked.input_tokens, context)


def images_usd(asked: Asked, model: Model) -> Decimal:
    """Return what the images can cost beside their tokens. Raises Refusal where nobody can know how many there are."""
    each = model.prices.dearest_image()
    if asked.images is None and each:
        why = f"{model.id} bills each image at ${each.normalize():f}, and nobody here knows how many the provider keeps"
        raise unbounded("model", f"{why}: send the conversation whole")
    return (asked.images or 0) * each


def output_limit(asked: Asked, models: Sequence[Model]) -> int | None:
    """Return the output limit to send: what is stated, or what is usual, up to the models' own; None for none."""
    if not asked.output:
        return None
    owns = [model.max_completion_tokens for model in models if model.max_completion_tokens]
    return min([USUAL_OUTPUT if asked.max_output is None else asked.max_output, *owns])


def call_bound(asked: Asked, models: Sequence[Model], max_output: int | None) -> int:
    """Return the bound in nano-dollars, rounded up: the dearest of the models that may answer, times the answers."""
    return nanos(asked.times * max(_usd(asked, model, max_output) for model in models))


def fitting_output(asked: Asked, models: Sequence[Model], room_nanos: int) -> int:
    """Return the largest output limit whose bound `room_nanos` covers, 0 where none does."""
    most = output_limit(asked, models)
    if most is None or call_bound(asked, models, 1) > room_nanos:
        return 0
    fitting = most
    for model in models:
        dearest = model.prices.dearest_completion()
        if dearest > 0:
            left = Decimal(room_nanos) / NANOS_PER_USD / asked.times - _usd(asked, model, 0)
            fitting = min(fitting, max(1, int(left / dearest)))
    while fitting > 1 and call_bound(asked, models, fitting) > room_nanos:  # a rounding apart at most
        fitting -= 1
    return fitting


def lowered(asked: Asked, models: Sequence[Model], room_nanos: int, *, fit: bool) -> int | None:
    """Return the output limit that fits, None where none may be taken.

    A limit that nobody stated is lowered to LEAST_OUTPUT at most, one that was stated only where `fit` allows it.
    """
    if asked.max_output is not None and not fit:
        return None
    fitting = fitting_output(asked, models, room_nanos)
    least = 1 if asked.max_output is not None else LEAST_OUTPUT
    return fitting if fitting >= least else None


def expected_cost(asked: Asked, model: Model, max_output: int | None) -> int:
    """Return nano-dollars to expect: three bytes a token of input, a quarter of the output limit."""
    prompt = asked.input_tokens / 3
    completion = 0 if max_output is None else max_output / UNSTATED_SHARE
    return min(call_bound(asked, [model], max_output), round(asked.times * model.prices.expected(prompt, completion)))


def _usd(asked: Asked, model: Model, max_output: int | None) -> Decimal:
    prices = model.prices
    output = 0 if max_output is None else max_output + asked.extra_output
    if asked.whole_context:
        read = input_tokens(asked, model) * prices.dearest_seen() + images_usd(asked, model)
    else:
        read = input_tokens(asked, model) * prices.dearest_prompt()
    return read + output * prices.dearest_completion() + prices.dearest_request()
