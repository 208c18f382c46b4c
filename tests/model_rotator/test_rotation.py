"""The rotation remembers who thought, keeps one model a beat, grants wishes it can pay, and learns by the hour."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from ai.asking import Purpose
from ai.credit_tracker import Band, Expense
from ai.mind.database import open_mind
from ai.model_config import Tier
from ai.model_config.bound import call_bound
from ai.model_rotator.memory import PACE, USES_KEPT, RotationMemory, Use
from ai.model_rotator.policy import NO_REPEAT, START_B
from tests.model_rotator.conftest import NOON, USD, a_model


async def first(rooms, purpose=Purpose.THOUGHT, **beat):
    choices = await rooms.rotation.candidates(purpose, **beat)
    return choices[0].model.id


async def test_a_month_of_beats_never_repeats_a_model_within_ten(rooms):
    history = []
    for beat in range(1, 40):
        chosen = await first(rooms, life=1, beat=beat)
        assert chosen not in history[-NO_REPEAT:]
        rooms.rotation.used(chosen, 1, beat)
        history.append(chosen)
        rooms.clock.advance(600)


async def test_the_steps_of_a_beat_keep_its_model_and_are_one_use(rooms):
    chosen = await first(rooms, life=1, beat=7)
    for _ in range(3):
        rooms.rotation.used(chosen, 1, 7)
        assert await first(rooms, life=1, beat=7) == chosen
    assert rooms.rotation.current() == chosen
    assert len(rooms.events("model.switched")) == 1
    assert await first(rooms, life=1, beat=8) != chosen
    assert await first(rooms, life=2, beat=7) != chosen


async def test_a_switch_is_told_with_its_reason(rooms):
    choices = await rooms.rotation.candidates(Purpose.THOUGHT, life=1, beat=1)
    rooms.rotation.used(choices[1].model.id, 1, 1)
    (told,) = rooms.events("model.switched")
    assert told == {"from_model": "nobody", "to_model": choices[1].model.id, "reason": "next best, standing in"}


async def test_everything_is_remembered_across_a_restart(rooms, tmp_path):
    for beat in range(1, 4):
        rooms.rotation.used(await first(rooms, life=1, beat=beat), 1, beat)
    expected = await first(rooms, life=1, beat=4)
    rooms.mind.close()
    rooms.mind = open_mind(tmp_path / "mind-0.db")
    rooms.rotation = rooms.again()
    assert await first(rooms, life=1, beat=4) == expected


async def test_a_model_that_cools_down_or_is_barred_is_not_offered(rooms):
    chosen = await first(rooms)
    rooms.health.cooldown(chosen, 60, "status 502")
    assert await first(rooms) != chosen
    rooms.clock.advance(61)
    assert await first(rooms) == chosen
    rooms.health.bar(chosen, "it billed more than its bound")
    assert await first(rooms) != chosen


async def test_with_its_messages_at_hand_a_pinned_model_is_offered_until_its_bound_no_longer_fits(build):
    rooms = await build(openrouter_model="acme/sonnet-00", monthly_budget_usd=Decimal("0.10"))
    messages = [{"role": "user", "content": "é" * 900}]
    pinned = rooms.listed.models()["acme/sonnet-00"]
    bound = call_bound(pinned, messages, {"type": "object"}, rooms.settings.max_output_tokens)
    await rooms.spend(USD // 10 - bound - 1)
    choices = await rooms.rotation.candidates(Purpose.THOUGHT, messages=messages, schema={"type": "object"})
    assert choices[0].model is pinned
    await rooms.spend(2)
    choices = await rooms.rotation.candidates(Purpose.THOUGHT, messages=messages, schema={"type": "object"})
    assert {choice.model.tier.value for choice in choices} == {"free", "local"}
    rooms.rotation.used(choices[0].model.id, 1, 1)
    (told,) = rooms.events("model.switched")
    assert "acme/sonnet-00 may cost $" in told["reason"]


async def test_a_day_cap_counts_before_the_hold_does(build):
    rooms = await build(daily_budget_usd=Decimal("0.000001"), monthly_budget_usd=Decimal(50))
    choices = await rooms.rotation.candidates(Purpose.CRISIS)
    assert {choice.model.tier.value for choice in choices} == {"free", "local"}


async def test_where_paying_is_stopped_free_and_local_models_think(rooms):
    for n in range(3):
        await rooms.tracker.hold(expense(f"u{n}"))
        await rooms.tracker.sent(f"u{n}", None)
        await rooms.tracker.leave_unknown(f"u{n}", "cut")
    choices = await rooms.rotation.candidates(Purpose.CRISIS)
    assert {choice.model.tier.value for choice in choices} == {"free", "local"}


def expense(call_id):
    return Expense(call_id, "acme/haiku-00", "thought", 1000, 1, 1)


async def test_where_nobody_can_be_asked_it_says_why(build):
    rooms = await build(monthly_budget_usd=Decimal(0))
    rooms.listed.known = [model for model in rooms.listed.known if model.tier is not Tier.LOCAL]
    rooms.health.cooldown("tier:openrouter/free", 600, "the account's privacy settings")
    assert await rooms.rotation.candidates(Purpose.IMPORTANT) == []
    assert rooms.rotation.why_nobody == (
        "nobody can be asked: 12 of 30 models rest after failures; $0.000000000 can be spent now; 50 of 50 free "
        "requests are left, and thoughts take them evenly over the day; no local model runs here (LOCAL_MODEL)"
    )


# --- wishes ------------------------------------------------------------------------------------------------


async def test_a_wish_holds_for_the_next_beats_and_is_marked_to_be_paid_from_the_wishes(rooms):
    answer = await rooms.rotation.wish("acme/sonnet-01")
    assert answer.startswith("granted: acme/sonnet-01")
    for beat in range(1, 4):
        choices = await rooms.rotation.candidates(Purpose.THOUGHT, life=1, beat=beat)
        assert (choices[0].model.id, choices[0].wish) == ("acme/sonnet-01", True)
        rooms.rotation.used("acme/sonnet-01", 1, beat)
    assert (await rooms.rotation.wish("auto")).startswith("the rotation chooses again")
    assert await first(rooms, life=1, beat=4) != "acme/sonnet-01"


async def test_a_wish_ends_with_what_wishes_may_take(rooms):
    await rooms.rotation.wish("acme/sonnet-01")
    await rooms.spend(USD // 2 - 1000, wish=True)
    choices = await rooms.rotation.candidates(Purpose.THOUGHT)
    assert choices[0].model.id != "acme/sonnet-01"
    assert not any(choice.wish for choice in choices)
    rooms.rotation.used(choices[0].model.id, 1, 1)
    assert "your wishes have $0.000001000 left" in rooms.events("model.switched")[-1]["reason"]
    assert "your wishes have $0.000001000 left" in await rooms.rotation.wish("acme/sonnet-01")


async def test_a_wish_dies_with_the_life_that_made_it(rooms):
    rooms.rotation.used("acme/free-01:free", 1, 1)
    await rooms.rotation.wish("acme/sonnet-01")
    rooms.rotation.used("acme/sonnet-01", 2, 1)
    assert await first(rooms, life=2, beat=2) != "acme/sonnet-01"


@pytest.mark.parametrize(
    ("wished", "said"),
    [
        ("acme/sonet-01", "near are acme/sonnet-01"),
        ("nobody", "no model 'nobody' is known"),
        ("acme/oracle", "never asked: its reasoning cannot be switched off"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_with_what_would_be_right(rooms, wished, said):
    answer = await rooms.rotation.wish(wished)
    assert answer.startswith("refused: ")
    assert said in answer
    assert "\n" not in answer


async def test_a_resting_a_dear_and_a_pinned_wish_are_refused(build):
    rooms = await build(monthly_budget_usd=Decimal("0.005"))
    rooms.health.cooldown("acme/tiny-01", 600, "status 502")
    assert "rests until 12:10 UTC" in await rooms.rotation.wish("acme/tiny-01")
    assert "can be spent now" in await rooms.rotation.wish("acme/sonnet-01")
    pinned = await build(openrouter_model="acme/haiku-01")
    assert "pinned acme/haiku-01" in await pinned.rotation.wish("acme/sonnet-01")


# --- what is observed --------------------------------------------------------------------------------------


async def test_answers_that_cannot_be_read_cost_a_model_its_place(rooms):
    best = await first(rooms)
    for _ in range(10):
        rooms.rotation.observed(best, good=False)
    assert await first(rooms) != best


async def test_thoughts_that_say_nothing_new_cost_trust_and_new_ones_do_not(rooms):
    memory = RotationMemory(rooms.mind)
    for n in range(8):
        memory.add_answer("acme/parrot", good=n == 0)
        memory.add_answer("acme/poet", good=True)
    trust = memory.trust()
    assert trust["acme/poet"] == 1.0
    assert trust["acme/parrot"] < 0.65


async def test_a_model_that_got_better_is_trusted_again(rooms):
    memory = RotationMemory(rooms.mind)
    for _ in range(100):
        memory.add_answer("acme/one", good=False)
    low = memory.trust()["acme/one"]
    for _ in range(200):
        memory.add_answer("acme/one", good=True)
    assert low < 0.2
    assert memory.trust()["acme/one"] > 0.9


async def test_history_is_bounded(rooms):
    memory = RotationMemory(rooms.mind)
    with rooms.mind.transaction():
        for beat in range(USES_KEPT + 50):
            memory.add_use(Use("acme/one", 1, beat), NOON)
    assert rooms.mind.connection.execute("SELECT COUNT(*) FROM rotation_uses").fetchone()[0] == USES_KEPT


# --- the pace ----------------------------------------------------------------------------------------------


async def test_b_falls_while_money_lies_idle_and_rises_while_it_flies_once_an_hour(rooms):
    await rooms.rotation.learn()
    kept = [rooms.mind.recall(PACE)["b"]]
    assert kept == [START_B]
    for _ in range(6):
        rooms.clock.advance(1800)
        await rooms.rotation.learn()
        kept.append(rooms.mind.recall(PACE)["b"])
    assert kept[1] == START_B
    assert kept == sorted(kept, reverse=True)
    assert len(set(kept)) == 4
    slow = rooms.mind.recall(PACE)["speed"]
    await rooms.spend(2 * USD)
    rooms.clock.advance(3600)
    await rooms.rotation.learn()
    assert rooms.mind.recall(PACE)["speed"] > slow


async def test_a_new_month_and_a_clock_set_back_teach_nothing(rooms):
    await rooms.rotation.learn()
    rooms.clock.set(NOON - timedelta(hours=5))
    await rooms.rotation.learn()
    assert rooms.mind.recall(PACE)["b"] == START_B


async def test_what_calls_are_like_is_learned_from_the_books(rooms):
    await rooms.spend(USD // 100)
    rooms.clock.advance(86_400)
    await rooms.rotation.learn()
    assert rooms.mind.recall(PACE)["moments"]["thought"] == pytest.approx(1.0, rel=0.01)


async def test_the_purse_is_told_what_a_paid_thought_must_hold_at_least(build):
    rooms = await build(monthly_budget_usd=Decimal("0.0001"), openrouter_model="acme/haiku-00")
    assert (await rooms.tracker.balance()).band is Band.COMFORTABLE
    rooms.rotation.tell_holds()
    assert (await rooms.tracker.balance()).band is Band.BANKRUPT
    rich = await build(monthly_budget_usd=Decimal("0.01"))
    rich.rotation.tell_holds()
    assert (await rich.tracker.balance()).band is Band.COMFORTABLE


def paid(choices):
    return [choice.model.id for choice in choices if choice.cost_nanos > 0]


async def test_a_month_that_pays_for_no_thought_any_more_is_bankrupt(build):
    """Else a mind would sit on money that is too little to think with, and never be seen to be bankrupt."""
    rooms = await build()
    scene = [{"role": "user", "content": "x" * 8_000}]
    await rooms.rotation.candidates(Purpose.THOUGHT, life=1, beat=1, messages=scene)
    dearest_left = 9_000 * 50 + 700 * 200  # of a tiny model, in nano-dollars; the scene's bound is a little more
    await rooms.spend((await rooms.tracker.balance()).available - dearest_left)
    assert paid(await rooms.rotation.candidates(Purpose.THOUGHT, life=1, beat=2, messages=scene)) == []
    assert (await rooms.tracker.balance()).band == "bankrupt"
    rooms.rotation.used("local/small", 1, 2)
    rooms.tracker.set_smallest_hold(1)
    rooms.again().tell_holds()
    assert (await rooms.tracker.balance()).band == "bankrupt", "a restart has not forgotten it"


async def test_who_dies_bankrupt_is_offered_the_best_that_the_reserve_pays_for(build):
    rooms = await build(on_bankruptcy="die")
    rooms.rotation.tell_holds()
    scene, words = [{"role": "user", "content": "x" * 8_000}], [{"role": "user", "content": "x" * 5_000}]
    await rooms.rotation.candidates(Purpose.THOUGHT, life=1, beat=1, messages=scene)
    await rooms.spend((await rooms.tracker.balance()).available - 1_000)
    assert paid(await rooms.rotation.candidates(Purpose.THOUGHT, life=1, beat=2, messages=scene)) == []
    dying = await rooms.rotation.candidates(Purpose.DEATH, messages=words)
    assert dying[0].model.id == "acme/haiku-03"
    assert any(choice.model.free for choice in dying), "and who costs nothing may stand in"
    assert dying[-1].model.id == "local/small"
    await rooms.tracker.hold(
        replace(expense("words"), purpose="death", last=True, amount_nanos=await rooms.tracker.room("death"))
    )
    assert paid(await rooms.rotation.candidates(Purpose.DEATH, messages=words)) == []


async def test_with_its_cap_used_up_reflection_goes_on_on_free_and_local_models(rooms):
    assert paid(await rooms.rotation.candidates(Purpose.REFLECTION))
    await rooms.spend(5 * USD // 4, purpose="reflection")
    choices = await rooms.rotation.candidates(Purpose.REFLECTION)
    assert {choice.model.tier.value for choice in choices} == {"free", "local"}
    assert paid(await rooms.rotation.candidates(Purpose.IMPORTANT)), "and thoughts keep their money"


async def test_a_cap_on_the_day_makes_a_dollar_dearer(build):
    free, capped = await build(monthly_budget_usd=Decimal(100)), await build(
        monthly_budget_usd=Decimal(100), daily_budget_usd=Decimal("0.1")
    )  # fmt: skip
    assert await free.rotation.worth_posting(50_000_000, "acme/haiku-01")
    assert not await capped.rotation.worth_posting(50_000_000, "acme/haiku-01")


# --- posts and the table -----------------------------------------------------------------------------------


async def test_a_post_is_worth_its_price_while_there_is_money(build):
    rich = await build(monthly_budget_usd=Decimal(100))
    poor = await build(monthly_budget_usd=Decimal("0.5"))
    assert await rich.rotation.worth_posting(15_000_000, "acme/haiku-01")
    assert not await poor.rotation.worth_posting(15_000_000, "acme/haiku-01")
    assert await poor.rotation.worth_posting(0)


async def test_the_table_says_what_each_model_is_and_whether_it_could_be_asked(rooms):
    rooms.health.cooldown("acme/tiny-01", 600, "status 502")
    rooms.listed.known.append(a_model("acme/unpriced", "1000000", "1000000"))
    rows = await rooms.rotation.table()
    assert json.loads(json.dumps(rows)) == rows
    assert [row["preferred"] for row in rows[:3]] == [1, 2, 3]
    assert rows[0]["id"] == await first(rooms)
    by_id = {row["id"]: row for row in rows}
    assert by_id["acme/haiku-00"] | {"preferred": None} == {
        "id": "acme/haiku-00", "name": "acme/haiku-00", "tier": "cheap", "intelligence": 8, "quality": 8.0,
        "price_prompt": "1.000000000", "price_completion": "5.000000000", "bound": by_id["acme/haiku-00"]["bound"],
        "affordable": True, "available": True, "cooldown_until": None, "cooldown_reason": None, "preferred": None,
        "context_length": 131_072, "barred": None,
    }  # fmt: skip
    assert Decimal(by_id["acme/haiku-00"]["bound"]) > Decimal("0.01")
    assert by_id["acme/tiny-01"]["cooldown_until"].startswith("2026-11-10T12:10:00")
    assert not by_id["acme/tiny-01"]["available"]
    assert not by_id["acme/oracle"]["affordable"]
    assert not by_id["acme/unpriced"]["affordable"]
    assert by_id["local/small"]["affordable"]
