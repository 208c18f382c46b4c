"""A simulated month of moments, the purse it is lived on, and rules that choose who thinks: for the pacing bench."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ai.asking import Purpose
from ai.ledger.money import NANOS_PER_USD
from ai.model_config import FREE_PRICES, Model, Tier
from ai.model_config.bound import rough_size_bound
from ai.model_config.catalogue import shipped_models
from ai.model_rotator.hindsight import Means
from ai.model_rotator.policy import (
    DEFAULT_RATES,
    DEFAULT_TOKENS,
    NO_REPEAT,
    START_B,
    WEIGHTS,
    RotatorState,
    learned,
    price_of_money,
    rank,
    weight_to_come,
    worth_posting,
)

DAY, HOUR = 86_400.0, 3_600.0
FREE_PER_DAY, POSTS_PER_DAY = 50, 4
POST_NANOS = 15_000_000  # what X charges a post
FAILURES = 0.15
ATTEMPTS = 6
MAX_TOKENS = 700
BYTES_PER_TOKEN, FRAME_TOKENS = 4, 1_600  # a call's bound is made of bytes, and of what surrounds the messages
TOKEN_SPREAD, APPEAL_SPREAD = 0.4, 0.5  # of the logarithm
LIVED = (Purpose.THOUGHT, Purpose.SOCIAL, Purpose.IMPORTANT, Purpose.REFLECTION, Purpose.CRISIS)
LOCAL = Model(
    id="local/embedded", name="embedded", endpoint="local", tier=Tier.LOCAL, prices=FREE_PRICES, quality=2.0,
    context_length=4096, max_completion_tokens=None, parameters=frozenset(), created=None, expires=None, barred=None,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of the month: when (seconds from its start), what for, how long, and which attempts fail."""

    at: float
    purpose: Purpose
    prompt: int
    completion: int
    appeal: float
    fails: tuple[bool, ...]


def catalogue() -> list[Model]:
    """Return the shipped catalogue's usable models and an embedded one of quality 2."""
    return [*(model for model in shipped_models() if model.barred is None), LOCAL]


def means(budget: int, days: int) -> Means:
    """Return what a month of this bench is lived on; `budget` in nano-dollars."""
    return Means(budget, days, FREE_PER_DAY, POSTS_PER_DAY, POST_NANOS, LOCAL.quality)


def moments(seed: int, days: int) -> list[Moment]:
    """Return a month's moments in order: a thought every ten minutes, the others at random times at their rates."""
    rng = random.Random(seed)  # noqa: S311 - a simulation
    times = [(n * 600.0, Purpose.THOUGHT) for n in range(int(days * 144))]
    for purpose in LIVED[1:]:
        expected = DEFAULT_RATES[purpose] * days
        count = int(expected) + (rng.random() < expected % 1)
        times += [(rng.random() * days * DAY, purpose) for _ in range(count)]
    return [
        Moment(
            at,
            purpose,
            round(rng.lognormvariate(math.log(DEFAULT_TOKENS[0]), TOKEN_SPREAD)),
            min(MAX_TOKENS, round(rng.lognormvariate(math.log(DEFAULT_TOKENS[1]), TOKEN_SPREAD))),
            rng.lognormvariate(-(APPEAL_SPREAD**2) / 2, APPEAL_SPREAD),
            tuple(rng.random() < FAILURES for _ in range(ATTEMPTS)),
        )
        for at, purpose in sorted(times)
    ]


@dataclass(slots=True)
class Purse:
    """What is left, and what a rule may look at; amounts in nano-dollars."""

    models: Sequence[Model]
    budget: int
    days: int
    spent: int = 0
    now: float = 0.0
    free_left: int = FREE_PER_DAY
    posts_left: int = POSTS_PER_DAY
    history: list[str] = field(default_factory=list)
    b: float = START_B
    speed: float = 1.0
    seen: dict[Purpose, tuple[int, float, float]] = field(default_factory=dict)

    @property
    def balance(self) -> int:
        """What the month has left."""
        return self.budget - self.spent

    @property
    def to_come(self) -> float:
        """The weight still expected this month."""
        return weight_to_come({purpose: DEFAULT_RATES[purpose] for purpose in LIVED}, self.days - self.now / DAY)

    def tokens(self) -> dict[Purpose, tuple[float, float]]:
        """Running averages of prompt and completion tokens by purpose."""
        return {purpose: (p / n, c / n) for purpose, (n, p, c) in self.seen.items()}

    def tell(self, at: float) -> float:
        """Move to `at`; a new day fills the quotas. Return the seconds that passed."""
        if at // DAY > self.now // DAY:
            self.free_left, self.posts_left = FREE_PER_DAY, POSTS_PER_DAY
        passed, self.now = at - self.now, at
        return passed

    def holds(self, model: Model, moment: Moment) -> bool:
        """Whether the call's bound is covered: what cannot be held for is not asked."""
        if model.tier is Tier.LOCAL:
            return True
        if model.free:
            return self.free_left >= 1
        return rough_size_bound(model, input_bound(moment), MAX_TOKENS) <= self.balance

    def recent(self) -> list[str]:
        """The last ten different models, newest first."""
        found: dict[str, None] = {}
        for model_id in reversed(self.history):
            found[model_id] = None
            if len(found) == NO_REPEAT:
                break
        return list(found)


Choose = Callable[[Purse, Moment], Sequence[Model]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to choose: candidates for a moment, best first. Posts go out where they are worth it, or `always_posts`."""

    name: str
    choose: Choose
    always_posts: bool = False


@dataclass(frozen=True, slots=True)
class Lived:
    """What a month came to: utility, nano-dollars spent, posts, answers by tier."""

    utility: float
    spent: int
    posts: int
    tiers: dict[str, int]


def live(rule: Rule, models: Sequence[Model], month: Sequence[Moment], budget: int, days: int) -> Lived:
    """Live a month by one rule. Raises AssertionError should it ever spend more than there was."""
    purse = Purse(models, budget, days)
    utility, posts, hour, hour_spent = 0.0, 0, 0.0, 0
    tiers: dict[str, int] = {}
    for moment in month:
        purse.tell(moment.at)
        if moment.at - hour >= HOUR:  # b learns by the hour, as the daemon has it
            left = days * DAY - hour
            planned = (purse.balance + purse.spent - hour_spent) * (moment.at - hour) / left
            purse.b, purse.speed = learned(purse.b, purse.speed, purse.spent - hour_spent, planned)
            hour, hour_spent = moment.at, purse.spent
        model = _answer(purse, rule.choose(purse, moment), moment)
        if model is None:
            continue
        tiers[model.tier.value] = tiers.get(model.tier.value, 0) + 1
        weight = WEIGHTS[moment.purpose]
        if moment.purpose is Purpose.SOCIAL:
            published = purse.posts_left > 0 and purse.balance >= POST_NANOS
            published = published and (rule.always_posts or _worth_posting(purse, model, moment))
            weight = 1.0 + (WEIGHTS[Purpose.SOCIAL] - 1.0) * moment.appeal * published
            if published:
                purse.spent += POST_NANOS
                purse.posts_left -= 1
                posts += 1
        utility += weight * model.quality
        assert 0 <= purse.spent <= budget
    return Lived(utility, purse.spent, posts, tiers)


def _answer(purse: Purse, candidates: Sequence[Model], moment: Moment) -> Model | None:
    """Try the candidates in turn, as the paid client does; a failed free request counts against the quota."""
    attempts = 0
    for model in candidates:
        if attempts == ATTEMPTS or not purse.holds(model, moment):
            continue
        fails = moment.fails[attempts] and model.tier is not Tier.LOCAL
        attempts += 1
        purse.free_left -= model.free
        if fails:
            continue
        purse.spent += model.prices.cost(moment.prompt, moment.completion)
        purse.history.append(model.id)
        n, prompt, completion = purse.seen.get(moment.purpose, (0, 0.0, 0.0))
        purse.seen[moment.purpose] = (n + 1, prompt + moment.prompt, completion + moment.completion)
        return model
    return None


def input_bound(moment: Moment) -> int:
    """The most input tokens that a call of this moment could have, as far as its bytes say."""
    return moment.prompt * BYTES_PER_TOKEN + FRAME_TOKENS


def _worth_posting(purse: Purse, model: Model, moment: Moment) -> bool:
    money = price_of_money(purse.b, purse.to_come, purse.balance)
    return worth_posting(model.quality, POST_NANOS, money, moment.appeal)


# --- rules -------------------------------------------------------------------------------------------------


def by_worth(purse: Purse, moment: Moment) -> Sequence[Model]:
    """The rule of this project: `ai.model_rotator.policy.rank`, with the state that the daemon hands it."""
    state = RotatorState(
        models=purse.models,
        balance=purse.balance,
        spendable=purse.balance,
        b=purse.b,
        weight_to_come=purse.to_come,
        tokens=purse.tokens(),
        input_bound=input_bound(moment),
        max_tokens=MAX_TOKENS,
        free_left=purse.free_left,
        free_quota=FREE_PER_DAY,
        day_left=1.0 - purse.now % DAY / DAY,
        history=purse.history[-100:],
    )
    return [choice.model for choice in rank(moment.purpose, state)]


def by_fixed_tiers(purse: Purse, _moment: Moment) -> Sequence[Model]:
    """Ultra-cheap while more than $3 (of a whole month) is left, else free."""
    rich = purse.balance > 3 * NANOS_PER_USD * purse.days / 30
    return _by_tier(purse, [Tier.ULTRA_CHEAP, Tier.FREE] if rich else [Tier.FREE])


def by_bands(purse: Purse, moment: Moment) -> Sequence[Model]:
    """Bands of the balance mapped to tiers, dearer ones for what matters; free where that fails."""
    share = purse.balance / purse.budget if purse.budget else 0.0
    band = sum(share >= least for least in (0.1, 0.2, 0.6))
    step = {Purpose.THOUGHT: -2, Purpose.SOCIAL: -1}.get(moment.purpose, 0)
    tier = (Tier.FREE, Tier.ULTRA_CHEAP, Tier.CHEAP, Tier.PREMIUM)[max(0, band + step)]
    return _by_tier(purse, list(dict.fromkeys([tier, Tier.FREE])))


def by_ceiling(purse: Purse, moment: Moment) -> Sequence[Model]:
    """Even pacing: the best model whose cost is within the moment's share of what is left."""
    ceiling = purse.balance * WEIGHTS[moment.purpose] / purse.to_come
    expected = purse.tokens().get(moment.purpose, DEFAULT_TOKENS)
    remote = [model for model in purse.models if model.tier is not Tier.LOCAL]
    within = [model for model in remote if model.prices.expected(*expected) <= ceiling]
    paced = [model for model in within if not model.free or _even(purse, moment)]
    return [*_rotated(purse, paced)[:3], *_by_tier(purse, [Tier.FREE])]


def _even(purse: Purse, moment: Moment) -> bool:
    day_left = 1.0 - purse.now % DAY / DAY
    return moment.purpose is not Purpose.THOUGHT or purse.free_left > FREE_PER_DAY * day_left - 1


def _by_tier(purse: Purse, tiers: Sequence[Tier]) -> list[Model]:
    found: list[Model] = []
    for tier in tiers:
        found += _rotated(purse, [model for model in purse.models if model.tier is tier])[:3]
    return [*found, LOCAL]


def _rotated(purse: Purse, models: Sequence[Model]) -> list[Model]:
    """Best first among those not used for ten models; where there are none, the one used longest ago."""
    recent = purse.recent()
    best = sorted(models, key=lambda model: (-model.quality, model.id))
    fresh = [model for model in best if model.id not in recent]
    return fresh or sorted(best, key=lambda model: -recent.index(model.id))


OURS, FIXED = "price of money", "fixed tiers"
RULES = (
    Rule(FIXED, by_fixed_tiers),
    Rule("bands to tiers", by_bands),
    Rule("price ceiling", by_ceiling),
    Rule(OURS, by_worth),
    Rule("the same, always posting", by_worth, always_posts=True),
)
