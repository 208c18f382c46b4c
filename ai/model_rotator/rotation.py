"""The rotator's hands: gathers what the choice depends on, remembers who thought, and tells why it switched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ai.asking import Purpose
from ai.clock import Clock
from ai.ledger.errors import StoreUnavailable
from ai.ledger.money import nanos
from ai.llm.health import subjects
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.model_config import Model, Tier
from ai.model_config.bound import CALL_TOKENS, MESSAGE_TOKENS, input_bound, least_size_bound, size_bound
from ai.model_config.holds import paid_models, smallest_hold
from ai.model_config.row import ModelRow
from ai.model_rotator.memory import LearnedPace, RotationMemory, Use, Wish, by_purpose
from ai.model_rotator.policy import (
    DEFAULT_RATES,
    DEFAULT_TOKENS,
    Choice,
    RotatorState,
    learned,
    price_of_money,
    quality_in,
    rank,
    weight_to_come,
    worth_posting,
)
from ai.model_rotator.reasons import granted, why_nobody, why_not, why_unknown
from ai.model_rotator.table import model_row
from ai.settings import Settings

if TYPE_CHECKING:
    from ai.asking import Message
    from ai.credit_tracker import CreditTracker
    from ai.llm.health import ModelHealth
    from ai.model_config.catalogue import Catalogue

LEARN_EVERY = timedelta(hours=1)  # the step that LEARNING_RATE was measured with
USUAL_MESSAGES = 8  # a beat's last step has a system prompt, a scene and two messages for each step before it
MOST_BYTES_PER_TOKEN = 5  # more than English has on average: without the messages at hand the bound is guessed high
ROTATE_AGAIN = frozenset({"auto", "rotate", "any", "none"})  # ways in which a model may ask to end its wish
LAST_WORDS_INPUT = 10_000  # tokens at most: a page of 2,000 signs and twelve memories of 160, nearly two bytes each
TYPICAL_QUALITY = 7.0  # of a draft whose model is not listed any more
DAY_SECONDS = 86_400.0


class Rotation:
    """Who thinks next, with its memory. Deterministic given the clock, the catalogue and the books."""

    def __init__(  # noqa: PLR0913, PLR0917 - the choice looks into every room that has a say in it
        self,
        mind: MindDatabase,
        catalogue: Catalogue,
        tracker: CreditTracker,
        health: ModelHealth,
        settings: Settings,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._memory = RotationMemory(mind)
        self._catalogue = catalogue
        self._tracker = tracker
        self._health = health
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._on_hold: str | None = None
        self._reasons: dict[str, str] = {}
        self._size: int | None = None  # the most input tokens of the thought that was last asked for
        self.why_nobody = "nobody was asked for yet"  # one line, of the last time that `candidates` found none

    async def candidates(  # noqa: PLR0913 - each is one thing that is known of the call; only the purpose is required
        self,
        purpose: Purpose,
        *,
        life: int | None = None,
        beat: int | None = None,
        idle: bool = False,
        messages: Sequence[Message] | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> list[Choice]:
        """Return who may answer, best first; empty where nobody can, and then `why_nobody` says why.

        With `life` and `beat` a beat keeps the model that it began with; an `idle` one takes a cheaper tier. With
        `messages` (and `schema`) what is affordable is known as exactly as by the hold, otherwise it is guessed from
        the usual size.
        """
        bound = None if messages is None else input_bound(messages, schema)
        state = replace(await self._state(purpose, bound), idle=idle)
        last = self._memory.last()
        if beat is not None and last is not None and (last.life, last.beat) == (life, beat):
            state = replace(state, current=last.model)
        elif purpose is Purpose.THOUGHT and bound is not None:  # a beat's first step: less pays for no thought at all
            self._size = bound
            self._tell_smallest_hold(bound)
        choices = rank(purpose, state)
        if not choices:
            self.why_nobody = why_nobody(state)
        self._reasons = {choice.model.id: choice.reason for choice in choices}
        named, self._on_hold = state.pinned or state.wished, None
        if named is not None and choices and choices[0].model.id not in {named, state.current}:
            why = self._why_passed_over(named, state)
            self._reasons[choices[0].model.id] = why
            if named == state.wished:
                self._on_hold = f"You asked to think with {named}, and that wish waits: {why}"
        return choices

    def wish_on_hold(self) -> str | None:
        """Return one line for the mind on its wish that the last look could not grant, or None."""
        return self._on_hold

    def _why_passed_over(self, model_id: str, state: RotatorState) -> str:
        """Return why the model that was pinned or wished for does not come first."""
        model = self._catalogue.models().get(model_id)
        if model is None:
            return why_unknown(model_id, self._catalogue.models())
        why = why_not(model, state, self._health.snapshot().get(model_id))
        return why or f"{model_id} waits: a thought takes a free request only on an even plan for the day"

    def used(self, model_id: str, life: int | None = None, beat: int | None = None) -> None:
        """Note who answered; the steps of one beat are one use. A new model is told with the reason."""
        last = self._memory.last()
        use = Use(model_id, life, beat)
        if beat is not None and use == last:
            return
        with self._memory.together():
            wish = self._memory.wish()
            if wish is not None and life is not None and wish.life is not None and wish.life != life:
                self._memory.keep_wish(None)  # a wish dies with the life that made it
            self._memory.add_use(use, self._clock.now())
            if self._size is not None:
                self._memory.keep_thought_size(self._size)
            if last is None or last.model != model_id:
                reason = self._reasons.get(model_id, "those before it did not answer")
                self._journal.append(
                    "model.switched",
                    from_model="nobody" if last is None else last.model,
                    to_model=model_id,
                    reason=reason,
                )

    def observed(self, model_id: str, *, good: bool) -> None:
        """Count an answer towards the model's quality; good is one that could be read and said something new."""
        self._memory.add_answer(model_id, good=good)

    def current(self) -> str | None:
        """Return the id of who thought last; None before the first thought."""
        last = self._memory.last()
        return None if last is None else last.model

    async def wish(self, model_id: str) -> str:
        """Take the AI's wish for a model, or refuse it; the answer is one line. `auto` ends a wish.

        It holds for the next beats of this life for as long as it can be afforded. What is dearer than the rule's
        choice is paid from the wishes' tenth of the month's grant.
        """
        pin = self._settings.pinned_model
        if pin is not None:
            return f"refused: your caretaker has pinned {pin} ({self._settings.pinned_by}), so the rotation is off"
        if model_id.strip().lower() in ROTATE_AGAIN:
            self._memory.keep_wish(None)
            return "the rotation chooses again from your next beat"
        models = self._catalogue.models()
        model = models.get(model_id.strip())
        if model is None:
            return f"refused: {why_unknown(model_id, models)}"
        state = await self._state(Purpose.THOUGHT, None)
        refusal = why_not(model, state, self._health.snapshot().get(model.id))
        if refusal is not None:
            return f"refused: {refusal}"
        last = self._memory.last()
        self._memory.keep_wish(Wish(model.id, None if last is None else last.life))
        return granted(model, state)

    async def worth_posting(self, price_nanos: int, model_id: str | None = None, appeal: float = 1.0) -> bool:
        """Return whether a draft by `model_id` (None: the current model) is worth the price of posting it."""
        state = await self._state(Purpose.SOCIAL, None)
        model = self._catalogue.models().get(model_id or self.current() or "")
        quality = TYPICAL_QUALITY if model is None else quality_in(state, model)
        lambda_ = price_of_money(state.b, state.weight_to_come, state.balance)
        return worth_posting(quality, price_nanos, lambda_, appeal)

    async def table(self, others: Sequence[Model] = ()) -> list[ModelRow]:
        """Return every model with tier, prices, intelligence and health, and whether it could be asked now.

        Those that would think the next thought come first, in their order; then by quality. `others` are shown beside
        those that may be chosen.
        """
        state = await self._state(Purpose.THOUGHT, None, looking=True)
        preferred = {choice.model.id: n for n, choice in enumerate(rank(Purpose.THOUGHT, state), 1)}
        health = self._health.snapshot()
        rows = [
            model_row(model, state, health.get(model.id), preferred.get(model.id)) for model in (*state.models, *others)
        ]
        return sorted(rows, key=lambda row: (row["preferred"] or len(rows) + 1, -row["quality"], row["id"]))

    # --- what is learned ---------------------------------------------------------------------------------------

    async def learn(self) -> None:
        """Before a beat: tell the purse what thoughts hold now, and once an hour look at how fast money goes.

        And at what calls are like; a longer sleep is one look.
        """
        for model_id in self._health.unbar_where_explained(self._catalogue.models()):
            self._journal.append("model.unbarred", model=model_id, by="its listed price")
        self.tell_holds()
        pace, now = self._memory.pace(), self._clock.now()
        if pace.at is not None and timedelta(0) <= now - pace.at < LEARN_EVERY:
            return
        balance = await self._tracker.balance()
        try:
            moments, tokens = await self._tracker.moments(), await self._tracker.averages()
        except StoreUnavailable:
            return
        b, speed = pace.b, pace.speed
        if pace.at is not None and pace.at < now and pace.period == balance.period and balance.away is None:
            spent = balance.spent - pace.spent
            elapsed = (now - pace.at).total_seconds()
            left = (balance.resets_at - pace.at).total_seconds()
            b, speed = learned(b, speed, spent, (balance.available + spent) * elapsed / left)
        self._memory.keep_pace(
            LearnedPace(b, speed, now, balance.period, balance.spent, by_purpose(moments), by_purpose(tokens))
        )

    def tell_holds(self) -> None:
        """Tell the purse what a paid thought must hold at least: with less than that the mind is bankrupt.

        And what last words must hold, on the cheapest model and on the best that is not premium: for the reserve.
        Writes nothing, so that whoever only looks sees the same band as the daemon.
        """
        self._tell_smallest_hold(self._memory.thought_size())
        paid, most = paid_models(self._catalogue.models().values(), self._settings), self._settings.max_output_tokens
        least = least_size_bound(paid, LAST_WORDS_INPUT, most)
        if least is not None:
            cheap = [model for model in paid if model.tier is not Tier.PREMIUM]
            best = max(cheap, key=lambda model: (model.quality, model.id), default=None)
            self._tracker.set_last_words(least, least if best is None else size_bound(best, LAST_WORDS_INPUT, most))

    def _tell_smallest_hold(self, input_bound: int | None) -> None:
        hold = smallest_hold(self._catalogue.models().values(), self._settings, input_bound)
        if hold is not None:
            self._tracker.set_smallest_hold(hold)

    # --- what the choice depends on ------------------------------------------------------------------------

    async def _state(self, purpose: Purpose, bound: int | None, *, looking: bool = False) -> RotatorState:
        now = self._clock.now()
        models = list(self._catalogue.models().values())
        balance = await self._tracker.balance()
        spendable, wishes, unpaid = await self._spendable(purpose, looking=looking)
        pace = self._memory.pace()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        days_left = max(0.0, (balance.resets_at - now).total_seconds() / DAY_SECONDS)
        wish = self._memory.wish()
        trust = self._memory.trust()
        money, to_come = self._reachable(balance.available, days_left), weight_to_come(self._rates(pace), days_left)
        if purpose is Purpose.DEATH and balance.band == "bankrupt":  # what the reserve keeps can buy nothing later
            money, to_come = spendable, 1.0
        return RotatorState(
            models=models,
            balance=money,
            spendable=spendable,
            wishes_left=wishes,
            b=pace.b,
            weight_to_come=to_come,
            tokens=pace.tokens,
            input_bound=_usual_bound(pace, purpose) if bound is None else bound,
            max_tokens=self._settings.max_output_tokens,
            free_left=balance.free_left,
            free_quota=balance.free_quota,
            day_left=1.0 - (now - midnight).total_seconds() / DAY_SECONDS,
            resting=self._resting(models, now),
            history=self._memory.models_used(),
            quality={model.id: model.quality * trust[model.id] for model in models if model.id in trust},
            pinned=self._settings.pinned_model,
            pinned_by=self._settings.pinned_by,
            why_no_others=self._catalogue.problem or "",
            why_unpaid=unpaid,
            wished=None if wish is None else wish.model,
        )

    async def _spendable(self, purpose: Purpose, *, looking: bool) -> tuple[int, int, str]:
        """Return what a paid hold may take now, what of it the AI's wishes, and why nothing where that is so.

        Who is only `looking` does not ask whether paying is allowed: that may open a month, which is a write.
        """
        try:
            if not looking and (why := await self._tracker.may_pay()) is not None:
                return 0, 0, why
            return await self._tracker.room(purpose.value), await self._tracker.wishes_left(), ""
        except StoreUnavailable as error:
            return 0, 0, f"the purse is away: {error}"

    def _resting(self, models: Sequence[Model], now: datetime) -> frozenset[str]:
        """Return the ids that cool down by themselves, with their provider's tier, or with their provider."""
        down = {subject for subject in self._health.snapshot() if not self._health.available(subject, now)}
        if not down:
            return frozenset()
        return frozenset(m.id for m in models if down.intersection(subjects(m)))

    def _reachable(self, available: int, days_left: float) -> int:
        """Return what of the month's money a cap on the day lets be spent before the month ends."""
        daily = self._settings.daily_budget_usd
        return available if daily is None else min(available, round(nanos(daily) * max(1.0, days_left)))

    def _rates(self, pace: LearnedPace) -> dict[Purpose, float]:
        beats = DAY_SECONDS / self._settings.think_interval_seconds
        return {**DEFAULT_RATES, Purpose.THOUGHT: beats, **pace.moments}


def _usual_bound(pace: LearnedPace, purpose: Purpose) -> int:
    """Return the most input tokens that a call of this purpose usually has, where its messages are not at hand."""
    prompt, _ = pace.tokens.get(purpose, DEFAULT_TOKENS)
    return round(prompt * MOST_BYTES_PER_TOKEN) + USUAL_MESSAGES * MESSAGE_TOKENS + CALL_TOKENS
