"""What a model costs: exact prices with every rise that may apply, read from a listing's `pricing`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation
from typing import Any

from ai.ledger.money import NANOS_PER_USD, nanos

PER_MILLION = Decimal(1_000_000)
PROMPT_SHARE = Decimal("0.75")  # of a thought's tokens three in four are prompt: 1,023 → 297 in CONTRACT's example
MAX_PRICE_CHARS = 60  # the longest price recorded has 23; a longer one is not a price
TIMES_READ = ("utc_start", "utc_end", "utc_days")  # what makes a rise hold at some hours, or on some days, alone
PRICES_READ = (
    "request", "internal_reasoning", "input_cache_read", "input_cache_write", "input_cache_write_1h", "image",
    "image_token",
)  # fmt: skip
# `image` has been the price of an image (gpt-4o's "0.003613") and of a token of one (Gemini's, the same as of words);
# its name does not tell which. No token is as dear as DEAREST_TOKEN: the dearest of input recorded costs $0.00015
# (openai/o1-pro). And an image is many tokens: the fewest that a price stood for are 258 (gemini-2.0-flash-001's
# "0.0000258" beside "0.0000001"), while a token of an image is at most a few times as dear as one of words.
OF_IMAGES = ("image", "image_token")
DEAREST_TOKEN = Decimal("0.0002")
LEAST_IMAGE_TOKENS = 100
MAX_PROMPT_TOKENS = 1_000_000_000
# 18 places keep prices times tokens exact in Decimal's 28 digits; a finer price is rounded up.
PRICE_STEP = Decimal("1E-18")
_PRICE = Context(prec=40, rounding=ROUND_CEILING)
_ONE, _ZERO = Decimal(1), Decimal(0)


@dataclass(frozen=True, slots=True)
class Override:
    """Prices that hold above strictly more than `min_prompt_tokens`, or (`timed`) at some hours or on some days."""

    min_prompt_tokens: int
    timed: bool
    prompt: Decimal
    completion: Decimal
    internal_reasoning: Decimal
    cache_write: Decimal
    request: Decimal


@dataclass(frozen=True, slots=True)
class Prices:
    """USD per token (`request`: per call), exact; `known` is False where the listing states none that can be relied on.

    Unknown prices stand at a dollar a token, so that no purse covers a bound made of them by mistake.
    """

    prompt: Decimal
    completion: Decimal
    request: Decimal = _ZERO
    internal_reasoning: Decimal = _ZERO
    cache_read: Decimal = _ZERO
    cache_write: Decimal = _ZERO
    image: Decimal = _ZERO  # of an image, or of a token of one: see `dearest_image`
    image_token: Decimal = _ZERO
    overrides: tuple[Override, ...] = ()
    known: bool = True
    dearest: tuple[float, float, float] = field(init=False, repr=False, compare=False)
    _usual: tuple[float, float, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep the floats that estimates are made of; `dearest` is that of an input token, an output token, a call."""
        worst = (self.dearest_prompt(), self.dearest_completion(), self.dearest_request())
        object.__setattr__(self, "dearest", tuple(map(float, worst)))
        object.__setattr__(self, "_usual", (float(self.prompt), float(self.completion), float(self.request)))

    def dearest_prompt(self) -> Decimal:
        """Return the dearest that an input token may cost: any override, or written into a cache."""
        return max([self.prompt, self.cache_write, *(max(o.prompt, o.cache_write) for o in self.overrides)])

    def dearest_seen(self) -> Decimal:
        """Return the dearest that an input token may cost where images are among them."""
        return max(self.dearest_prompt(), self.image_token, _ZERO if self.dearest_image() else self.image)

    def dearest_image(self) -> Decimal:
        """Return the dearest that an image may cost beside its tokens, 0 where the listing's figure is a token's."""
        words = self.dearest_prompt()
        many = self.image >= DEAREST_TOKEN or 0 < LEAST_IMAGE_TOKENS * words <= self.image
        return self.image if many and self.image > words else _ZERO

    @property
    def images_dearer(self) -> bool:
        """Whether images may cost more than their tokens at the price of words, so that counts do not tell a cost."""
        return max(self.image, self.image_token) > self.prompt

    def dearest_completion(self) -> Decimal:
        """Return the dearest that an output token may cost: any override, or as internal reasoning."""
        dearest = (max(o.completion, o.internal_reasoning) for o in self.overrides)
        return max([self.completion, self.internal_reasoning, *dearest])

    def dearest_request(self) -> Decimal:
        """Return the dearest that a call as such may cost."""
        return max([self.request, *(o.request for o in self.overrides)])

    def cost(self, prompt_tokens: int, completion_tokens: int, reasoning_tokens: int = 0) -> int:
        """Return nano-dollars for these counts, rounded up, at the dearest prices that may apply to them.

        `reasoning_tokens` are part of `completion_tokens`; cached input counts in full.
        """
        applying: list[Prices | Override] = [
            self,
            *(o for o in self.overrides if o.timed or prompt_tokens > o.min_prompt_tokens),
        ]
        completion = max(prices.completion for prices in applying)
        reasoning = max(completion, *(prices.internal_reasoning for prices in applying))
        thought = min(reasoning_tokens, completion_tokens)
        return nanos(
            prompt_tokens * max(prices.prompt for prices in applying)
            + (completion_tokens - thought) * completion
            + thought * reasoning
            + max(prices.request for prices in applying)
        )

    def expected(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Return nano-dollars to expect for average counts: an estimate to choose by, never to pay by."""
        prompt, completion, request = self._usual
        for rise in self.overrides:
            if rise.timed or prompt_tokens > rise.min_prompt_tokens:
                prompt, completion = max(prompt, float(rise.prompt)), max(completion, float(rise.completion))
                request = max(request, float(rise.request))
        usd = prompt_tokens * prompt + completion_tokens * completion + request
        return usd * NANOS_PER_USD

    def blended_per_million(self) -> Decimal:
        """Return USD per million tokens, three of input to one of output."""
        return (PROMPT_SHARE * self.prompt + (1 - PROMPT_SHARE) * self.completion) * PER_MILLION


FREE_PRICES = Prices(_ZERO, _ZERO)
UNKNOWN_PRICES = Prices(_ONE, _ONE, request=_ONE, known=False)


def read_prices(pricing: Mapping[str, Any]) -> tuple[Prices, str | None]:
    """Return the prices, or the unknown ones with the reason why these cannot be relied on."""
    if pricing.get("prompt") is None or pricing.get("completion") is None:
        return UNKNOWN_PRICES, "it states no price"
    try:
        _look_at_discount(pricing.get("discount"))
        base = _price_fields(pricing)
        overrides = tuple(_override(o, base) for o in _rises(pricing))
    except ValueError as error:
        return UNKNOWN_PRICES, str(error)
    if base == FREE_PRICES and any(pricing.get(name, _ZERO) is None for name in PRICES_READ):
        return UNKNOWN_PRICES, "it states no price"  # named and left open: that is not free
    risen = {name: max([getattr(base, name), *(_price(o, name) for o in _rises(pricing))]) for name in OF_IMAGES}
    return replace(base, overrides=overrides, **risen), None


def _price_fields(pricing: Mapping[str, Any]) -> Prices:
    return Prices(
        prompt=_price(pricing, "prompt"),
        completion=_price(pricing, "completion"),
        request=_price(pricing, "request"),
        internal_reasoning=_price(pricing, "internal_reasoning"),
        cache_read=_price(pricing, "input_cache_read"),
        cache_write=max(_price(pricing, "input_cache_write"), _price(pricing, "input_cache_write_1h")),
        image=_price(pricing, "image"),
        image_token=_price(pricing, "image_token"),
    )


def _look_at_discount(discount: object) -> None:
    """Raise ValueError where a discount is none: not a share of the price, or one that makes it dearer.

    It lowers nothing here: the day it ends, the listed price is the one that counts.
    """
    if discount is None:
        return
    try:
        share = Decimal(str(discount))
    except InvalidOperation:
        share = _ONE + _ONE
    if isinstance(discount, bool) or not share.is_finite() or not 0 <= share <= 1:
        raise ValueError("its price is dynamic")


def _override(rise: object, base: Prices) -> Override:
    """Return one rise; where it does not say above how many tokens, it may apply to any."""
    if not isinstance(rise, Mapping) or not rise:
        raise ValueError("its price has an override that cannot be read")
    timed = any(rise.get(name) is not None for name in TIMES_READ)
    least = rise.get("min_prompt_tokens")
    above = least if isinstance(least, int) and 0 <= least <= MAX_PROMPT_TOKENS else 0
    changed = _price_fields(rise)
    return Override(
        min_prompt_tokens=above,
        timed=timed,
        prompt=base.prompt if rise.get("prompt") is None else changed.prompt,
        completion=base.completion if rise.get("completion") is None else changed.completion,
        internal_reasoning=changed.internal_reasoning,
        cache_write=changed.cache_write,
        request=changed.request,
    )


def _price(pricing: Mapping[str, Any], name: str) -> Decimal:
    """Return USD per unit, rounded up to 18 places, 0 where it is not listed; raises ValueError with the reason."""
    value = pricing.get(name)
    if value is None:
        return _ZERO
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal) or len(str(value)) > MAX_PRICE_CHARS:
        raise ValueError(f"its {name} price cannot be read")
    try:
        price = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"its {name} price cannot be read") from None
    if not price.is_finite() or price < 0:
        raise ValueError("its price is dynamic")
    if price > 1:
        raise ValueError(f"its {name} price is beyond a dollar a token")
    return price.quantize(PRICE_STEP, context=_PRICE)


def _rises(pricing: Mapping[str, Any]) -> list[Any]:
    rises = pricing.get("overrides")
    if rises is None:
        return []
    if not isinstance(rises, list):
        raise ValueError("its price has overrides that cannot be read")  # noqa: TRY004 - bad data, not a bad caller
    return rises
