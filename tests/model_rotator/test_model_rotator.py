"""The policy: what a dollar is worth decides, and nothing is offered that cannot be asked."""

import itertools
import math
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ai.asking import Purpose
from ai.model_config import Model, Prices, Tier, tier_of
from ai.model_config.bound import call_bound, rough_size_bound
from ai.model_rotator.policy import (
    DEFAULT_RATES,
    LEAST_B,
    MOST_B,
    NO_REPEAT,
    TIERS,
    WEIGHTS,
    RotatorState,
    free_request_due,
    learned,
    price_of_money,
    rank,
    weight_to_come,
    worth_posting,
)

USD = 10**9
MONTH = weight_to_come(DEFAULT_RATES, 30)


def a_model(model_id, usd_in="0", usd_out="0", quality=6.0, **fields):
    """A remote model with prices in USD per million tokens."""
    prices = Prices(Decimal(usd_in) / 10**6, Decimal(usd_out) / 10**6)
    tier = fields.pop("tier", None) or tier_of(prices)
    given_fields = {"context_length": 131_072, "max_completion_tokens": None, "barred": None} | fields
    return Model(
        id=model_id, name=model_id, endpoint="openrouter", tier=tier, prices=prices, quality=quality,
        parameters=frozenset({"max_tokens"}), created=None, expires=None, **given_fields,
    )  # fmt: skip


LOCAL = a_model("local/small", quality=2.0, tier=Tier.LOCAL, context_length=4096)
FREE = [a_model(f"acme/free-{n:02}:free", quality=5 + n / 10) for n in range(14)]
TINY = [a_model(f"acme/tiny-{n:02}", "0.05", "0.2", quality=6 + n / 10) for n in range(12)]
HAIKU = [a_model(f"acme/haiku-{n:02}", "1", "5", quality=8 + n / 10) for n in range(12)]
SONNET = [a_model(f"acme/sonnet-{n:02}", "3", "15", quality=9 + n / 20) for n in range(12)]
ALL = [*FREE, *TINY, *HAIKU, *SONNET, LOCAL]


def a_state(usd=5, models=ALL, **fields):
    given_fields = {
        "balance": usd * USD, "spendable": usd * USD, "wishes_left": usd * USD // 10, "weight_to_come": MONTH,
        "free_left": 50, "free_quota": 50,
    } | fields  # fmt: skip
    return RotatorState(models=models, **given_fields)


def ids(choices):
    return [choice.model.id for choice in choices]


def test_the_more_a_moment_weighs_the_dearer_it_may_be():
    purposes = [Purpose.THOUGHT, Purpose.SOCIAL, Purpose.IMPORTANT, Purpose.CRISIS]
    costs = [rank(purpose, a_state(20))[0].cost_nanos for purpose in purposes]
    assert costs == sorted(costs)
    assert rank(Purpose.THOUGHT, a_state(5))[0].model.tier in {Tier.FREE, Tier.ULTRA_CHEAP}
    assert rank(Purpose.CRISIS, a_state(20))[0].model.tier is Tier.PREMIUM


def test_with_nothing_in_the_purse_free_and_local_models_think():
    choices = rank(Purpose.CRISIS, a_state(0))
    assert choices[0].model.free
    assert {choice.model.tier for choice in choices} == {Tier.FREE, Tier.LOCAL}


def test_the_next_best_stands_in_then_free_ones_then_an_ultra_cheap_one_then_the_local_one():
    choices = rank(Purpose.IMPORTANT, a_state(20))
    assert choices[0].score >= choices[1].score
    assert choices[1].reason == "next best, standing in"
    assert choices[1].model.tier not in {Tier.FREE, Tier.LOCAL}
    tiers = [choice.model.tier for choice in choices]
    assert tiers[2:] == [Tier.FREE, Tier.FREE, Tier.ULTRA_CHEAP, Tier.LOCAL]


def test_no_model_comes_again_until_ten_others_were_used():
    history = []
    for _ in range(60):
        first = rank(Purpose.THOUGHT, a_state(history=history))[0].model.id
        assert first not in history[-NO_REPEAT:]
        history.append(first)


def test_where_fewer_are_worth_it_the_one_used_longest_ago_comes():
    few, history = [*FREE[:3], LOCAL], []
    for _ in range(12):
        history.append(rank(Purpose.THOUGHT, a_state(0, few, history=history))[0].model.id)
    assert sorted(history[:3]) == sorted(ids_of(FREE[:3]))
    assert history[3:] == history[:-3]


def test_of_two_models_the_dear_one_is_not_every_second_thought_unless_there_is_money():
    two = [a_model("gpt-4o-mini", "0.15", "0.6", quality=6.5), a_model("gpt-4o", "2.5", "10", quality=7.7), LOCAL]

    def lived(usd):
        history = []
        for _ in range(6):
            history.append(rank(Purpose.THOUGHT, a_state(usd, two, history=history))[0].model.id)
        return history

    assert lived(5) == ["gpt-4o-mini"] * 6
    assert sorted(lived(100)) == ["gpt-4o"] * 3 + ["gpt-4o-mini"] * 3


def ids_of(models):
    return [model.id for model in models]


def test_thoughts_spread_the_free_quota_over_the_day_and_special_moments_do_not_wait():
    behind = a_state(0, free_left=20, free_quota=50, day_left=0.5)
    assert not free_request_due(Purpose.THOUGHT, behind)
    assert free_request_due(Purpose.IMPORTANT, behind)
    assert ids(rank(Purpose.THOUGHT, behind)) == [LOCAL.id]
    assert free_request_due(Purpose.THOUGHT, replace(behind, free_left=25))
    assert not free_request_due(Purpose.CRISIS, replace(behind, free_left=0))


def test_a_day_of_thoughts_uses_the_quota_evenly():
    left, taken = 50, []
    for beat in range(144):
        state = a_state(0, free_left=left, free_quota=50, day_left=1 - beat / 144)
        if rank(Purpose.THOUGHT, state)[0].model.free:
            left -= 1
            taken.append(beat)
    assert left <= 1
    assert max(b - a for a, b in itertools.pairwise(taken)) <= 4


def test_a_beat_keeps_its_model_even_where_another_thought_would_wait_for_a_free_request():
    state = a_state(0, free_left=10, day_left=0.9, current=FREE[0].id, history=[FREE[0].id])
    choices = rank(Purpose.THOUGHT, state)
    assert choices[0].model.id == FREE[0].id
    assert choices[0].reason == "one model a beat"
    gone = rank(Purpose.THOUGHT, replace(state, resting={FREE[0].id}))
    assert FREE[0].id not in ids(gone)


def test_a_pinned_model_is_first_of_every_call_then_free_then_local():
    state = a_state(5, pinned=SONNET[0].id, history=[SONNET[0].id] * 5, current=FREE[3].id)
    for purpose in WEIGHTS:
        choices = rank(purpose, state)
        assert choices[0].model.id == SONNET[0].id
        assert choices[0].reason == "pinned by OPENROUTER_MODEL"
        assert {choice.model.tier for choice in choices[1:]} == {Tier.FREE, Tier.LOCAL}
    poor = rank(Purpose.THOUGHT, replace(state, spendable=0))
    assert {choice.model.tier for choice in poor} == {Tier.FREE, Tier.LOCAL}
    assert poor[-1].model is LOCAL


def test_where_the_pinned_model_cannot_be_asked_a_beat_keeps_who_stands_in():
    for stand_in in (FREE[3], LOCAL):
        state = a_state(5, pinned="acme/misspelt", current=stand_in.id, history=[stand_in.id])
        assert rank(Purpose.THOUGHT, state)[0].model is stand_in
    dear = rank(Purpose.THOUGHT, a_state(5, pinned="acme/misspelt", current=HAIKU[0].id))
    assert {choice.model.tier for choice in dear} == {Tier.FREE, Tier.LOCAL}


def test_a_wish_holds_while_the_wishes_cover_it_and_is_marked_as_one():
    state = a_state(5, wished=SONNET[3].id, history=[SONNET[3].id])
    first = rank(Purpose.THOUGHT, state)[0]
    assert (first.model.id, first.wish) == (SONNET[3].id, True)
    bound = rough_size_bound(SONNET[3], state.input_bound, state.max_tokens)
    too_dear = rank(Purpose.THOUGHT, replace(state, wishes_left=int(bound) - 1))
    assert not any(choice.wish for choice in too_dear)
    assert too_dear[0].model.id != SONNET[3].id
    in_its_beat = rank(Purpose.THOUGHT, replace(state, wishes_left=0, current=SONNET[3].id))
    assert in_its_beat[0].model.id != SONNET[3].id


def test_a_wish_that_is_no_dearer_than_the_rule_costs_no_wish():
    first = rank(Purpose.CRISIS, a_state(20, wished=TINY[0].id, wishes_left=0))[0]
    assert (first.model.id, first.wish) == (TINY[0].id, False)


def test_an_idle_thought_is_thought_by_a_cheaper_tier():
    bottom_up = [Tier.ULTRA_CHEAP, Tier.CHEAP, Tier.PREMIUM]
    no_free = {"free_left": 0, "weight_to_come": 1.0}
    for models in ([*SONNET, *HAIKU, *TINY, LOCAL], [*SONNET, *TINY, LOCAL], [*TINY, LOCAL], [*SONNET, *HAIKU]):
        state = a_state(20, models, **no_free)
        usual, idle = rank(Purpose.THOUGHT, state)[0], rank(Purpose.THOUGHT, replace(state, idle=True))[0]
        below = [m.tier for m in models if m.tier not in bottom_up[bottom_up.index(usual.model.tier) :]]
        assert idle.model.tier in below
        assert idle.reason == "it idles: nothing new came, so a cheaper mind thinks"
    alone = rank(Purpose.THOUGHT, a_state(20, [SONNET[0]], idle=True, **no_free))[0]
    assert (alone.model, alone.reason) == (SONNET[0], "it idles, and nothing costs less")


def test_an_idle_thought_leaves_the_pin_and_the_wish_as_they_are():
    for named in ({"pinned": SONNET[0].id}, {"wished": SONNET[0].id}, {"current": SONNET[0].id}):
        state = a_state(5, **named)
        usual, idle = rank(Purpose.THOUGHT, state)[0], rank(Purpose.THOUGHT, replace(state, idle=True))[0]
        assert idle == usual
        assert idle.model is SONNET[0]
    no_dearer = a_state(20, [*HAIKU, LOCAL], wished=HAIKU[0].id, wishes_left=0, idle=True, weight_to_come=1.0)
    assert rank(Purpose.THOUGHT, no_dearer)[0].model is HAIKU[0]


def test_observed_quality_counts_instead_of_the_listed_one():
    best = rank(Purpose.THOUGHT, a_state(0))[0].model.id
    assert rank(Purpose.THOUGHT, a_state(0, quality={best: 2.5}))[0].model.id != best


def test_what_is_worse_than_the_local_model_is_not_asked():
    guard = a_model("acme/guard:free", quality=0.0)
    assert ids(rank(Purpose.IMPORTANT, a_state(0, [guard, LOCAL]))) == [LOCAL.id]


def test_without_a_local_model_money_still_thinks_and_nothing_means_nobody():
    assert rank(Purpose.THOUGHT, a_state(1, TINY))[0].model.tier is Tier.ULTRA_CHEAP
    assert rank(Purpose.THOUGHT, a_state(0, TINY)) == []


def test_the_price_of_money_rises_as_the_purse_empties():
    assert price_of_money(0.6, 100.0, USD) < price_of_money(0.6, 100.0, USD // 2)
    assert math.isinf(price_of_money(0.6, 100.0, 0))
    assert weight_to_come({}, 30) == 1.0
    assert weight_to_come({Purpose.IMPORTANT: 2.0, Purpose.POST: 99.0}, 10) == 1 + 8 * 2 * 10


def test_posts_are_published_where_they_are_worth_more_than_their_price():
    rich, poor = price_of_money(0.6, MONTH, 20 * USD), price_of_money(0.6, MONTH, USD)
    assert worth_posting(8.0, 15_000_000, rich)
    assert not worth_posting(8.0, 15_000_000, poor)
    assert worth_posting(8.0, 15_000_000, poor, appeal=20.0)
    assert not worth_posting(8.0, 15_000_000, math.inf)
    assert worth_posting(8.0, 0, math.inf)


def test_b_learns_slowly_within_its_bounds():
    b, speed = 0.6, 1.0
    for _ in range(2000):
        b, speed = learned(b, speed, spent=100.0, planned=1.0)
    assert (b, round(speed, 6)) == (MOST_B, 4.0)
    for _ in range(5000):
        b, speed = learned(b, speed, spent=0.0, planned=1.0)
    assert b == LEAST_B
    assert learned(0.6, 1.0, spent=0.0, planned=0.0) == (0.6, 1.0)


MODELS = st.builds(
    lambda n, usd_in, usd_out, quality, context, most, barred, local: a_model(
        f"m/{n}", usd_in, usd_out, quality, context_length=context, max_completion_tokens=most, barred=barred,
        tier=Tier.LOCAL if local and not usd_in and not usd_out else None,
    ),
    st.integers(0, 10**6),
    st.decimals(0, 100, places=3),
    st.decimals(0, 300, places=3),
    st.floats(0, 10),
    st.none() | st.integers(512, 200_000),
    st.none() | st.integers(16, 4_000),
    st.none() | st.just("barred"),
    st.booleans(),
)  # fmt: skip
CATALOGUES = st.lists(MODELS, max_size=25, unique_by=lambda model: model.id)
STATES = st.builds(
    lambda models, resting, history, **fields: RotatorState(
        models=models,
        resting={models[n % len(models)].id for n in resting} if models else set(),
        history=[models[n % len(models)].id for n in history] if models else [],
        **{
            name: models[value % len(models)].id if name in {"pinned", "wished", "current"} and models and value else
            (None if name in {"pinned", "wished", "current"} else value)
            for name, value in fields.items()
        },
    ),
    CATALOGUES,
    st.sets(st.integers(0, 50), max_size=6),
    st.lists(st.integers(0, 50), max_size=30),
    balance=st.integers(0, 100 * USD),
    spendable=st.integers(0, USD // 10),
    wishes_left=st.integers(0, USD // 100),
    b=st.floats(LEAST_B, MOST_B),
    weight_to_come=st.floats(1, 20_000),
    input_bound=st.integers(1_024, 100_000),
    max_tokens=st.integers(16, 2_000),
    free_left=st.integers(0, 60),
    free_quota=st.integers(0, 60),
    day_left=st.floats(0, 1),
    pinned=st.none() | st.integers(0, 50),
    wished=st.none() | st.integers(0, 50),
    current=st.none() | st.integers(0, 50),
    idle=st.booleans(),
)  # fmt: skip
PURPOSES = st.sampled_from(sorted(WEIGHTS))


@settings(max_examples=150)
@given(PURPOSES, STATES)
def test_nothing_is_offered_that_cannot_be_asked(purpose, state):
    choices = rank(purpose, state)
    assert len(set(ids(choices))) == len(choices)
    for choice in choices:
        model = choice.model
        assert model.barred is None
        assert model.id not in state.resting
        assert choice.reason
        if model.tier is Tier.LOCAL:
            continue
        assert state.input_bound // 3 + state.max_tokens <= (model.context_length or 8192)
        if model.free:
            assert state.free_left >= 1
            held_to = model.id in {state.pinned, state.current}
            assert held_to or free_request_due(purpose, state)
        else:
            assert exact(model, state) <= state.spendable
        if choice.wish:
            assert exact(model, state) <= state.wishes_left
            assert model.id == state.wished


@settings(max_examples=150)
@given(STATES, st.lists(st.sampled_from(ALL), max_size=20, unique_by=lambda model: model.id), st.integers(0, USD))
def test_an_idle_thought_is_never_dearer_and_cheaper_wherever_it_can_be(state, shelf, spendable):
    state = replace(state, models=[*state.models, *shelf], spendable=spendable, idle=False)
    usual = rank(Purpose.THOUGHT, state)
    idle = rank(Purpose.THOUGHT, replace(state, idle=True))
    assert bool(idle) == bool(usual)
    unnamed = replace(state, pinned=None, wished=None, current=None)
    rule, thrifty = rank(Purpose.THOUGHT, unnamed), rank(Purpose.THOUGHT, replace(unnamed, idle=True))
    assert bool(thrifty) == bool(rule)
    if not rule:
        return
    most = rule[0].cost_nanos
    assert max(choice.cost_nanos for choice in thrifty) <= most
    assert thrifty[0].reason.startswith("it idles")
    if any(choice.cost_nanos < most for choice in thrifty[1:]):
        assert thrifty[0].cost_nanos < most
    cheaper = [c for c in rule if c.cost_nanos < most and TIERS.index(c.model.tier) < TIERS.index(rule[0].model.tier)]
    if cheaper:
        assert TIERS.index(thrifty[0].model.tier) < TIERS.index(rule[0].model.tier)
    if idle and idle[0].reason.startswith("it idles"):
        assert idle[0].cost_nanos <= usual[0].cost_nanos
    else:
        assert idle[:1] == usual[:1], "what was named stays"


def exact(model, state):
    """The bound as it is held: made of messages that are as large as the state says."""
    most = model.max_completion_tokens
    output = state.max_tokens if most is None else min(state.max_tokens, most)
    message = {"role": "", "content": "x" * (state.input_bound - 1_024 - 64)}
    return call_bound(model, [message] if state.input_bound >= 1_088 else [], None, output)


@settings(max_examples=50)
@given(PURPOSES, STATES, st.randoms())
def test_the_order_of_the_catalogue_says_nothing(purpose, state, chance):
    shuffled = list(state.models)
    chance.shuffle(shuffled)
    assert rank(purpose, replace(state, models=shuffled)) == rank(purpose, state)


@settings(max_examples=50)
@given(PURPOSES, STATES)
def test_the_local_model_is_always_there_and_nothing_stands_behind_it(purpose, state):
    choices = rank(purpose, replace(state, models=[*state.models, LOCAL], resting=state.resting - {LOCAL.id}))
    tiers = [choice.model.tier for choice in choices]
    assert LOCAL.id in ids(choices)
    assert tiers[-1] is Tier.LOCAL
