"""One beat of a life: perceive, choose, think, act, remember."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ai.actions import ActionContext, ActionResult, Registry, Reply, parse_reply
from ai.asking import Message, Purpose
from ai.brain.drafts import COMPARED, DRAFTS, best, judge, worth_drafting
from ai.brain.first_hour import quick_beat_seconds
from ai.brain.novelty import Novelty
from ai.brain.openings import opening
from ai.brain.scene import Scenes, worded_for
from ai.brain.senses import Senses
from ai.clock import Clock
from ai.credit_tracker import CreditTracker
from ai.life import Accept, Life, Lives
from ai.llm import Completion, NoAnswer, PaidClient, Payer
from ai.memory import Kind, clean, cut
from ai.memory.embeddings import Embedder
from ai.memory.settling import settle
from ai.mind.journal import Journal
from ai.mind.schedule import Schedule
from ai.model_config import Model, Tier
from ai.model_rotator.policy import Choice
from ai.model_rotator.rotation import Rotation
from ai.prompts import render
from ai.settings import Settings
from ai.social import Outbox

SHORTEST_BEAT_SECONDS = 60.0  # a beat may outlast a very short interval: a model needs time to answer
BEAT_SECONDS_AT_MOST = 300.0  # a beat ends by the smaller of its interval and this, so that beats never pile up
NEEDS_EXAMPLES = 6.5  # of 10: a better model keeps to the form of an answer without seeing six of them
THOUGHT_CHARS = 4_000  # of a reply that is no JSON; MAX_OUTPUT_TOKENS bounds it as well
TURNS_A_STEP = 11  # of the first words of a thought: far from those of this beat's drafts and of the next beats
RESULT_CHARS = 1_200  # of an action's result shown to the model; four steps must fit a context of 4,096 tokens


Reader = Callable[[Model, Sequence[Message], Mapping[str, Any]], Awaitable[None]]


class MindAwaited(Exception):
    """Nobody is to be born yet: only the smallest embedded model could be asked, and a larger one is on its way."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What one beat was: its number in its life, how many answers models gave, and why it was empty if it was."""

    number: int
    steps: int
    problem: str | None = None


class Brain:
    """Lives a life one beat at a time; everything it may use is handed in."""

    def __init__(  # noqa: PLR0913 - a mind has many rooms, and this is where they meet
        self,
        *,
        lives: Lives,
        senses: Senses,
        scenes: Scenes,
        rotation: Rotation,
        tracker: CreditTracker,
        client: PaidClient,
        registry: Registry,
        context: Callable[[Life, int, int | None], ActionContext],
        outbox: Outbox,
        schedule: Schedule,
        novelty: Novelty,
        journal: Journal,
        clock: Clock,
        settings: Settings,
        embedder: Embedder | None,
        mind_awaited: Callable[[], Awaitable[str | None]],
    ) -> None:
        self._lives = lives
        self._senses = senses
        self._scenes = scenes
        self._rotation = rotation
        self._tracker = tracker
        self._client = client
        self._registry = registry
        self._context = context
        self._outbox = outbox
        self._schedule = schedule
        self._novelty = novelty
        self._journal = journal
        self._clock = clock
        self._settings = settings
        self._embedder = embedder
        self._mind_awaited = mind_awaited
        self._told_awaited = False
        interval = float(settings.think_interval_seconds)
        self._patience = min(BEAT_SECONDS_AT_MOST, max(SHORTEST_BEAT_SECONDS, interval))

    async def beat(self, between_steps: Callable[[], Awaitable[None]]) -> Beat | None:
        """Live one beat; `between_steps` lets people's commands in. None where nobody lives and no birth is due.

        Nobody is born of the smallest embedded model while a larger one is on its way: that is no birth's time yet.
        """
        if self._lives.birth_due_at() is not None and await self._awaits_mind():
            return None
        try:
            life = await self._lives.ensure_alive(self.ask, self.announce, await self._tracker.balance())
        except MindAwaited:  # every provider failed it
            return None
        if life is None:
            return None
        purpose, why = await self._senses.occasion()
        last = self._schedule.last_beat_at()
        number, started = self._begin(life, purpose)

        # Nothing new came, and nothing calls: it is to cost less.
        idle = purpose is Purpose.THOUGHT and not why and self._novelty.idle(life.number)
        conversation = await self._perceive(life, purpose, why, last, idle=idle)
        problem, allowed = None, 1 if idle else self._settings.max_steps_per_beat
        answers: list[Completion] = []
        thing = self._scenes.thing
        while len(answers) < allowed:
            turn = life.beats * DRAFTS + TURNS_A_STEP * len(answers)
            begun = opening(thing, turn) or opening(self._scenes.thing, turn)
            answer = await self._think(life, purpose, conversation, started, begun=begun, idle=idle)
            if not answers and not isinstance(answer, str):
                answer = await self._best_draft(life, purpose, conversation, started, answer)
            if isinstance(answer, str):
                problem = answer
                break
            answers.append(answer)
            self._scenes.heard(life)
            reply, stale = await self._take_in(life, answer)
            result = await self._registry.perform(reply, self._context(life, number, reply.importance))
            # What was decided is done first; then a mind that goes in circles rests, and so does one that loops.
            if self._novelty.rests(life.number) or self._is_over(answer.model, reply, result):
                break
            conversation += _next_step(answer, result, allowed - len(answers), stale)
            thing = result.text
            await between_steps()
            if self._lives.current() is not life:  # it died of a command, or of its own deed
                break

        await self._remember_beat(life)
        if (seconds := quick_beat_seconds(life.age_seconds(), answers)) is not None:
            self._schedule.hasten(seconds)
        return self._end(life, Beat(number, len(answers), problem), started)

    async def _awaits_mind(self) -> bool:
        """Say whether a birth is to wait for its mind, which is told once."""
        choices = await self._rotation.candidates(Purpose.BIRTH)
        if choices and choices[0].model.tier is not Tier.LOCAL:
            return False
        awaited = await self._mind_awaited()
        if awaited is not None and not self._told_awaited:
            self._told_awaited = True
            self._journal.append("life.awaits_mind", mind=awaited)
        return awaited is not None

    def _begin(self, life: Life, purpose: Purpose) -> tuple[int, float]:
        number = life.beats + 1
        with self._journal.together():
            self._schedule.open_beat(number)
            life.begin_beat(number)
            self._journal.bind(life=life.number, beat=number)
            self._journal.append("beat.started", purpose=purpose.value)
        return number, self._clock.monotonic()

    async def _perceive(
        self, life: Life, purpose: Purpose, why: str, last: datetime | None, *, idle: bool
    ) -> list[Message]:
        choices = await self._rotation.candidates(purpose, life=life.number, beat=life.beats, idle=idle)
        thinker = choices[0].model if choices else None
        scene = await self._scenes.scene(life, thinker, purpose, why, last, idle=idle)
        return [self._system(life, thinker), Message(role="user", content=scene)]

    def _system(self, life: Life, thinker: Model | None) -> Message:
        system = render(
            worded_for(thinker, "system"),
            name=life.name,
            pronoun=life.pronoun,
            max_steps=self._settings.max_steps_per_beat,
            examples=thinker is None or thinker.quality < NEEDS_EXAMPLES,
            actions=self._registry.describe(local=thinker is not None and thinker.tier is Tier.LOCAL),
        )
        return Message(role="system", content=system)

    async def read_ahead(self, reader: Reader) -> None:
        """Let `reader` read what the next prompt begins with, where the embedded model is to think."""
        life = self._lives.current()
        choices = [] if life is None else await self._rotation.candidates(Purpose.THOUGHT, life=life.number)
        if life is not None and choices and choices[0].model.tier is Tier.LOCAL:
            model = choices[0].model
            await reader(model, [self._system(life, model)], self._registry.local_schema())

    def _is_over(self, model: Model, reply: Reply, result: ActionResult) -> bool:
        """Say whether the beat ends with this deed; a small mind has nothing to say of one but that it is done."""
        if result.ends_beat or result.looping:
            return True
        return result.ok and (reply.done or (model.tier is Tier.LOCAL and not self._registry.looks(result.action)))

    async def _think(  # noqa: PLR0913 - for whom, why, what, until when, about what
        self,
        life: Life,
        purpose: Purpose,
        conversation: Sequence[Message],
        started: float,
        *,
        begun: str | None,
        idle: bool,
    ) -> Completion | str:
        """Return an answer, or in one line why nobody could think; an embedded model's thought matches `begun`."""
        schema = self._registry.reply_schema()
        choices = await self._rotation.candidates(
            purpose, life=life.number, beat=life.beats, idle=idle, messages=conversation, schema=schema
        )
        if not choices:
            self._journal.append("beat.empty", problem=self._rotation.why_nobody)
            return self._rotation.why_nobody
        try:
            models = [choice.model for choice in choices]
            answer = await self._ask(
                models, life, purpose, conversation, started + self._patience, begun=begun, wish=choices[0].wish
            )
        except NoAnswer as error:
            self._journal.append("beat.empty", problem=str(error))
            return str(error)
        self._rotation.used(answer.model.id, life.number, life.beats)
        return answer

    async def _ask(  # noqa: PLR0913 - whom, for whom, why, what, until when, and how the answer begins
        self,
        models: Sequence[Model],
        life: Life,
        purpose: Purpose,
        conversation: Sequence[Message],
        deadline: float,
        *,
        begun: str | None,
        wish: bool = False,
    ) -> Completion:
        """Return a reply of the first of `models` that gives one; raises NoAnswer."""
        return await self._client.complete(
            models,
            conversation,
            payer=Payer(purpose, life=life.number, beat=life.beats, wish=wish),
            schema=self._registry.reply_schema(),
            local_schema=self._registry.local_schema(begun, self._scenes.cannot),
            temperature=life.drift(models[0].tier, self._senses.band).temperature,
            deadline=deadline,
        )

    async def _best_draft(
        self, life: Life, purpose: Purpose, conversation: Sequence[Message], started: float, first: Completion
    ) -> Completion:
        """Return the best of several answers where another costs nothing and comes soon; else the first."""
        answers, deadline = [first], started + self._patience
        while len(answers) < DRAFTS and worth_drafting(
            first.model, answers[-1].latency_seconds, deadline - self._clock.monotonic()
        ):
            try:
                begun = opening(self._scenes.thing, life.beats * DRAFTS + len(answers))
                answers.append(await self._ask([first.model], life, purpose, conversation, deadline, begun=begun))
            except NoAnswer:
                break  # the first one is good enough
        if len(answers) == 1:
            return first
        drafts = [clean(parse_reply(answer.text).thought, THOUGHT_CHARS) for answer in answers]
        before = [memory.text for memory in life.memory.recent(COMPARED, Kind.THOUGHT)]
        kept = best(await judge(drafts, self._scenes.thing, before, self._embedder))
        left = [draft for n, draft in enumerate(drafts) if n != kept]
        self._journal.append("thought.drafted", drafts=len(drafts), kept=kept + 1, left=left)
        return answers[kept]

    async def _take_in(self, life: Life, answer: Completion) -> tuple[Reply, str | None]:
        """Read the answer; a new thought is remembered, and of one that is not the reason for refusing it returned."""
        reply = parse_reply(answer.text)
        if answer.finish_reason == "length" and reply.action is None:  # it ran out of tokens before it said what to do
            reply = replace(reply, cut=True)
        thought = clean(reply.thought, THOUGHT_CHARS)  # without what nobody can see; it may be nothing
        stale = None
        if thought:
            self._journal.append("thought", text=thought, importance=reply.importance, model=answer.model.id)
            stale = await self._novelty.hear(thought, reply.importance, life.memory)
        self._rotation.observed(answer.model.id, good=reply.action is not None and stale is None)
        return reply, stale

    async def _remember_beat(self, life: Life) -> None:
        if self._lives.current() is life:
            await settle(life.memory, self.ask)
        await self._outbox.deliver_due()

    def _end(self, life: Life, beat: Beat, started: float) -> Beat:
        with self._journal.together():
            self._schedule.close_beat()
            self._journal.append(
                "beat.ended",
                steps=beat.steps,
                seconds=round(self._clock.monotonic() - started, 3),
                next_beat_at=f"{self._schedule.next_beat_at():%H:%M:%S}",
            )
        self._journal.bind(life=life.number)
        return beat

    # What a life needs in order to be born, to reflect and to die: somebody who asks a model and posts.

    async def ask(
        self,
        purpose: Purpose,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        accept: Accept | None = None,
        avoid: Collection[str] = (),
    ) -> Completion | None:
        """Return the first reply that `accept` finds nothing wrong with, models in `avoid` last, or None.

        Raises MindAwaited where a birth is left to the smallest embedded model, and a larger one is on its way.
        """
        ranked: list[Choice] = await self._rotation.candidates(purpose, messages=messages, schema=schema)
        candidates = sorted((choice.model for choice in ranked), key=lambda model: model.id in avoid)

        async def first_of(models: Sequence[Model]) -> Completion | None:
            try:
                return await self._client.complete(
                    models,
                    messages,
                    payer=self._payer(purpose),
                    schema=schema,
                    accept=accept,
                    deadline=self._clock.monotonic() + self._patience,
                )
            except NoAnswer:
                return None  # each attempt that failed was journaled; who asked goes on without

        remote = [model for model in candidates if model.tier is not Tier.LOCAL]
        if purpose is not Purpose.BIRTH or len(remote) in {0, len(candidates)}:
            return await first_of(candidates)
        answer = await first_of(remote)
        if answer is None and await self._mind_awaited() is not None:
            raise MindAwaited
        return answer or await first_of([model for model in candidates if model.tier is Tier.LOCAL])

    def _payer(self, purpose: Purpose) -> Payer:
        """Return who pays for what is asked between steps; what a birth costs is the newborn's."""
        if purpose is Purpose.BIRTH:
            return Payer(purpose, life=self._lives.chronicle.last() + 1)
        life, beat = self._journal.bound
        return Payer(purpose, life=life, beat=beat)

    async def announce(self, text: str, *, source: str, life: int) -> None:
        """Queue a post of a birth or a death; the same text again is the same post."""
        await self._outbox.queue(text, source=source, life=life)


def _next_step(answer: Completion, result: ActionResult, steps_left: int, stale: str | None) -> list[Message]:
    """Return the two messages that carry an action's result, and why a thought was refused, into the next step."""
    told = render(
        "result",
        action=result.action,
        result=cut(result.text, RESULT_CHARS),
        steps_left=steps_left,
        local=answer.model.tier is Tier.LOCAL,
    )
    told = told if stale is None else f"Your thought was refused: {stale}.\n{told}"
    return [Message(role="assistant", content=answer.text), Message(role="user", content=told)]
