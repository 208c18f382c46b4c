"""The scene of a beat in words: what is new since the last one, what comes to mind, and what can be done now."""

from collections.abc import Sequence
from datetime import datetime

from ai.asking import Purpose
from ai.brain.coming_to_mind import RESTS_BEATS, ComingToMind, in_words, whole
from ai.brain.correspondence import Correspondence
from ai.brain.in_front import THING_CHARS, InFront, Thing, around, sort_of
from ai.brain.senses import Senses, budget_in_words, purse_in_words
from ai.clock import Clock, length_in_words, span_in_words
from ai.credit_tracker import CreditTracker
from ai.life import Life
from ai.life.own_files import OwnFiles
from ai.memory import Kind, Memory, clean, cut, inline
from ai.mind.database import MindDatabase
from ai.mind.journal import Event, Journal
from ai.model_config import Model, Tier
from ai.model_rotator.rotation import Rotation
from ai.prompts import render
from ai.settings import Settings
from ai.world import Happening, World, told
from ai.world.journal_news import Posts

THOUGHTS_SHOWN = 5  # enough not to repeat oneself; more crowds a small model's context of 4,096 tokens
DEEDS_SHOWN = 3
DEEDS_BEATS = 3  # what was done earlier is a memory, if it mattered
DEEDS_READ = 12  # events in which these are looked for; a beat has four steps
STATED = frozenset({"set_goals", "plan_day", "describe_self", "work_on"})  # what came of them stands in the scene
NEWBORN_BEATS = 2  # in which it is told of the post of its birth
MEMORIES_SHOWN = 6
INSIGHTS_SHOWN = 2  # of the last reflection, in the beat after it
THOUGHT_CHARS = 360
DEED_CHARS = 240
GOAL_CHARS = 240
SELF_CHARS = 900
NOT_ITS_WORDS = frozenset(Kind) - {Kind.THOUGHT, Kind.ACTION}  # a small mind says again what it said, in deeds too
OWN_POSTS = Posts.name  # its own words in front of it, a small mind only says again
SOUL_CHARS = 1_200  # of a seed of up to 4,000, which a newborn reads whole: each beat pays for what it is shown
WORK_CHARS = 600  # of the last lines of the work in hand
OCCASIONS = {
    Purpose.IMPORTANT: "This moment matters: {why}.",
    Purpose.CRISIS: "This is a crisis: {why}.",
    Purpose.SOCIAL: "You may say something to the world now, if you have something worth saying: post_tweet.",
    Purpose.THOUGHT: "",
}
NUDGES = (
    "Think the next thought.",
    "Look at something you have not looked at yet.",
    "Follow one of your thoughts a step further.",
    "Ask yourself a question you cannot answer yet.",
    "Connect two things that you remember.",
    "Be concrete: a thing, a place, a number.",
    "Disagree with your last thought.",
)


class Scenes:
    """Puts the situation into words; what changes most stands last, so that a cached prefix stays long."""

    def __init__(  # noqa: PLR0913 - a scene shows every room
        self,
        *,
        senses: Senses,
        tracker: CreditTracker,
        mind: MindDatabase,
        journal: Journal,
        world: World,
        rotation: Rotation,
        correspondence: Correspondence,
        workspace: OwnFiles,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._senses = senses
        self._tracker = tracker
        self._journal = journal
        self._world = world
        self._rotation = rotation
        self._people = correspondence
        self._workspace = workspace
        self._clock = clock
        self._settings = settings
        self._coming = ComingToMind(mind)
        self._front = InFront(mind)
        self.thing = ""  # what the last scene put in front of a small mind; empty where there was none
        self.cannot: frozenset[str] = frozenset()  # the actions that would be refused in it

    async def scene(  # noqa: PLR0913 - whose, for whom, why, and how long after the last one
        self, life: Life, model: Model | None, purpose: Purpose, why: str, last: datetime | None, *, idle: bool = False
    ) -> str:
        """Return the situation in words. `last`: when the beat before began. What happened becomes a memory.

        `idle`: the last thought brought nothing new, so there is more to look at: what can be seen right now.
        """
        now, balance = self._clock.now(), await self._tracker.balance()
        small = model is not None and model.tier is Tier.LOCAL
        happened = await self._world.since(life.beats)
        news = [told(one, now) for one in happened if one.is_news(now)]
        unread = [told(one, now) for one in happened if not one.is_news(now)]
        insights = _insights_since(life, last)
        lately = life.memory.recent(THOUGHTS_SHOWN + RESTS_BEATS, Kind.THOUGHT)
        thoughts = lately[-THOUGHTS_SHOWN:]
        mail = self._people.look(life, now, small=small)
        cues = self._cues(life, mail.cues or ([why] if why else []), happened, [memory.text for memory in thoughts])
        known = {memory.text for memory in (*lately, *insights)} | _deeds_in_view(life, last)
        memories = await self._coming.look(life, cues, MEMORIES_SHOWN, known, NOT_ITS_WORDS if small else ())
        if small:
            others = [memory for memory in memories if sort_of(memory) != OWN_POSTS]
            memories = with_one_insight(self._front.rested(life, others))
        self._coming.rest(life, [*self._remember(life, happened), *insights])
        waiting = self._senses.unread() - len(mail.lines)
        occasion = OCCASIONS[purpose].format(why=why)
        present = self._world.present() if small or idle or not (news or mail.lines) else {}
        written = clean(self._workspace.tail(life.work.path), WORK_CHARS) if life.work else ""
        self.thing, self.cannot = "", self._senses.cannot(balance, now)
        if small and mail.lines:
            self.thing = whole(mail.lines[-1], THING_CHARS)
        elif small and not (waiting or purpose is Purpose.CRISIS):  # else something else is asked about
            ahead = [Thing(one.source, told(one, now), one.strangers) for one in happened if one.source != OWN_POSTS]
            purse = purse_in_words(balance)
            files = [name for name, _ in self._workspace.listing()]
            things = around(life, now, present=present, memories=memories, written=written, files=files, purse=purse)
            self.thing = self._front.choose(life, ahead, things)
        tells_post = purpose is Purpose.SOCIAL or life.beats <= NEWBORN_BEATS  # else what became of it is news, once
        nudge = "" if occasion or news or mail.lines or waiting else NUDGES[life.beats % len(NUDGES)]
        return render(
            worded_for(model, "beat"),
            briefing=life.briefing,
            soul=cut(life.soul, SOUL_CHARS),
            feeling=life.feeling,
            self_page=clean(life.self_page, SELF_CHARS),
            plan=clean(life.plan, SELF_CHARS),
            goals=[whole(goal, GOAL_CHARS) for goal in life.goals],
            memories=[in_words(memory, now) for memory in memories],
            insights=[whole(memory.text, THOUGHT_CHARS) for memory in insights],
            thoughts=[whole(memory.text, THOUGHT_CHARS) for memory in thoughts],
            deeds=self._deeds(life),
            since=news + mail.lines,
            letters=mail.lines,
            people=mail.pages,
            owed=mail.owed,
            work=life.work,
            written=written,
            since_when="" if last is None else f"{span_in_words(now - last)} ago",
            present=[*present.values(), *unread],
            thing=self.thing,
            name=life.name,
            pronoun=life.pronoun,
            weekday=now.strftime("%A"),
            now=now.strftime("%Y-%m-%d %H:%M"),
            age=length_in_words(now - life.born_at),
            beat=life.beats,
            life=life.number,
            budget=budget_in_words(balance),
            model=named(model),
            wish=self._rotation.wish_on_hold() or "",
            messages=waiting,
            posting=self._senses.posting_line(balance, now),
            posted=self._senses.posted_line(life) if tells_post else "",
            mood=life.mood,
            purpose=purpose.value,
            why=why,
            occasion=occasion,
            nudge=nudge,
        )

    def _cues(
        self, life: Life, new: Sequence[str], happened: Sequence[Happening], thoughts: Sequence[str]
    ) -> list[str]:
        """Return what memory is asked with: first what is new, then what it wants, last what it thought."""
        goals = life.goals
        wanted = [goals[life.beats % len(goals)]] if goals else []
        wanted += [f"{life.work.title}: {life.work.next}"] if life.work else []
        own = [thoughts[-1] if thoughts else life.first_thought]
        return [*new, *(one.text for one in reversed(happened)), *wanted, *own]

    def heard(self, life: Life) -> None:
        """Note that somebody thought about the scene: the letters in it are read, and become memories."""
        self._coming.rest(life, self._people.heard(life))

    @staticmethod
    def _remember(life: Life, happened: Sequence[Happening]) -> list[Memory]:
        """Make what happened memories, so that reflections see it."""
        with life.together():
            return [
                life.memory.add(f"{one.source}: {inline(one.text) if one.strangers else one.text}", Kind.OBSERVATION)
                for one in happened
            ]

    def _deeds(self, life: Life) -> Sequence[str]:
        """Return what this life did in its last few beats, where the scene does not show it anyway."""
        events = self._journal.before(None, DEEDS_READ, {"action.performed", "action.refused"})
        told = [
            whole(f"{event.data['action']}{_refused(event.kind)}: {event.data['result']}", DEED_CHARS)
            for event in reversed(events)
            if event.life == life.number and (event.beat or 0) >= life.beats - DEEDS_BEATS and _says_more(event)
        ]
        return told[-DEEDS_SHOWN:]


def with_one_insight(memories: Sequence[Memory]) -> list[Memory]:
    """Return `memories` with the first insight alone: a small model copies several and says nothing else."""
    first = next((memory for memory in memories if memory.kind is Kind.REFLECTION), None)
    return [memory for memory in memories if memory is first or memory.kind is not Kind.REFLECTION]


def worded_for(model: Model | None, prompt: str) -> str:
    """Return the name of the wording of `prompt` that `model` understands best: small local models get few words."""
    return f"{prompt}_local" if model is not None and model.tier is Tier.LOCAL else prompt


def named(model: Model | None) -> str:
    """Return who thinks, by name: without it `switch_model` would mean nothing."""
    return "whoever answers" if model is None else f"{model.id} (intelligence {model.intelligence}/10)"


def _insights_since(life: Life, last: datetime | None) -> list[Memory]:
    """Return what was understood since the last beat began; a newborn has understood nothing yet."""
    latest = life.memory.recent(INSIGHTS_SHOWN, Kind.REFLECTION)
    return [] if last is None else [memory for memory in latest if memory.at > last]


def _deeds_in_view(life: Life, last: datetime | None) -> set[str]:
    """Return the deeds that the scene shows anyway: the last beat's, and what was written into the work in hand."""
    deeds = life.memory.recent(DEEDS_READ, Kind.ACTION)
    written = f"I wrote in {life.work.path}:" if life.work else None
    return {
        deed.text
        for deed in deeds
        if (last is not None and deed.at >= last) or (written is not None and deed.text.startswith(written))
    }


def _says_more(event: Event) -> bool:
    return "action" in event.data and (event.kind == "action.refused" or event.data["action"] not in STATED)


def _refused(kind: str) -> str:
    return " (refused)" if kind == "action.refused" else ""
