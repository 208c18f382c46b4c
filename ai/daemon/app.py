"""The app: every room of a living mind, what it does on waking, and its chores beside thinking."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ai.asking import Purpose
from ai.brain.brain import Beat, Brain
from ai.credit_tracker.reconciliation import Reconciler
from ai.daemon.command_handlers import CommandHandlers
from ai.daemon.read_only_app import ReadOnlyApp
from ai.ledger.errors import StoreUnavailable
from ai.life import Lives
from ai.llm import OpenAIEndpoint, PaidClient
from ai.llm.account import key_info
from ai.llm.local.supervisor import READ_AHEAD_SECONDS, LocalEndpoint
from ai.memory.embeddings import Embedder, MiniLM
from ai.mind.commands import Commands
from ai.mind.journal import Journal
from ai.operations.alerts import Alerts
from ai.operations.webhook import Webhook
from ai.people import Letters, Votes
from ai.world import World
from ai.world.visitors import Visitors

SAFE_SECONDS = 86_400.0  # of a life's first day no vote ends it
LOOK_SECONDS = 10.0  # at the disk, where a gigabyte of weights is read whole to know it; then the expected one is named
MIND_LOOK_SECONDS = 5.0  # how often a birth that waits for its mind looks whether it is here
REBIRTH_SECONDS_AT_MOST = 90.0  # a birth comes 10 to 60 s after a death; a longer wait is one for money


@dataclass(frozen=True, slots=True)
class App(ReadOnlyApp):
    """All rooms of a living mind."""

    journal: Journal
    provider: OpenAIEndpoint | None
    local: LocalEndpoint | None
    client: PaidClient
    lives: Lives
    embedder: Embedder | None
    brain: Brain
    commands: Commands
    command_handlers: CommandHandlers
    reconciler: Reconciler
    alerts: Alerts
    webhook: Webhook | None
    world: World
    visitors: Visitors
    letters: Letters
    votes: Votes

    async def greet(self) -> None:
        """Say who lives, close a beat that a crash cut short, take up calls that it left open, and say who serves."""
        self.lives.tell_awake()
        interrupted = self.schedule.interrupted_beat()
        if interrupted is not None:
            self.journal.append("beat.interrupted", beat=interrupted)
        await self.catalogue.refresh()
        self.journal.append("daemon.provider", text=await self._who_serves())
        if self.local is not None and (problem := self.local.status().problem) is not None:
            self.journal.append("local.unavailable", problem=problem)
        if isinstance(self.embedder, MiniLM):
            self.embedder.prepare()  # its weights come while it thinks; until then memories are found by words
        await self.client.resolve_open()
        try:
            await self.tracker.open(lives=True)
        except StoreUnavailable as error:  # no spending, but thinking: the mind lives on free and local models
            self.journal.append("daemon.trouble", problem=str(error))
        await self.rotation.learn()
        balance = await self.tracker.balance()
        self.journal.append("brain.budget", available_nanos=balance.available, granted_nanos=balance.granted)
        choices = await self.rotation.candidates(Purpose.THOUGHT)
        if choices:
            model = choices[0].model
            self.journal.append("brain.model", model=model.name, intelligence=model.intelligence)
        life = self.lives.current()
        if life is not None:
            self.journal.append("brain.looping", name=life.name)

    async def _openai_model(self) -> str:
        """Return the id that is asked first, or why none of that server's can be."""
        if self.settings.pinned_model is not None:
            return self.settings.pinned_model
        choices = await self.rotation.candidates(Purpose.THOUGHT)
        first = next((choice.model.id for choice in choices if choice.model.endpoint == "openai"), None)
        return first or f"none: {self.catalogue.problem or 'none can be asked now'}"

    async def _who_serves(self) -> str:
        if self.settings.provider == "openrouter":
            return f"Using OpenRouter API (model: {self.settings.openrouter_model or 'rotating'})"
        if self.settings.provider == "openai":
            return f"Using OpenAI API (model: {await self._openai_model()})"
        if self.local is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self.local.looked()
        models = self.local.models() if self.local else []
        return f"Using the embedded local model ({models[0].name if models else 'none can run here'})"

    async def live_one(self) -> Beat | None:
        """Live one beat now, waiting for a birth that is due soon; None where new money must come first."""
        await self.rotation.learn()
        beat = await self.brain.beat(self.command_handlers.carry_out_waiting)
        while beat is None and self.mind_arriving() is not None:
            await self.clock.sleep(MIND_LOOK_SECONDS)
            beat = await self.brain.beat(self.command_handlers.carry_out_waiting)
        if beat is None and (due := self.lives.birth_due_at()) is not None:
            seconds = (due - self.clock.now()).total_seconds()
            await self.clock.sleep(min(max(0.0, seconds), REBIRTH_SECONDS_AT_MOST))
            beat = await self.brain.beat(self.command_handlers.carry_out_waiting)
        return beat

    def mind_arriving(self) -> str | None:
        """Return what a birth waits for and how far it is, in words; None where nothing is awaited."""
        if self.local is None or self.lives.birth_due_at() is None:
            return None
        return self.local.arriving()

    def chores(self) -> Sequence[tuple[str, float, Callable[[], Awaitable[object]]]]:
        """Return what is done beside thinking: name, seconds between two times, work."""
        return (
            ("settle", 60.0, self._settle),
            ("world", 60.0, self.world.look),
            ("read ahead", 20.0, self._read_ahead),
            ("deliver", 60.0, self.outbox.deliver_due),
            ("catalogue", 300.0, self.catalogue.refresh_if_due),
            ("account", 3600.0, self.learn_account),
            ("reconcile", 3600.0, self._reconcile),
            ("alerts", 60.0, self._alert),
            ("prune", 3600.0, self._prune),
            ("votes", 60.0, self._count_votes),
        )

    async def _count_votes(self) -> None:
        """Count the votes of hours that are over; a deadly outcome is a command, carried out between two steps."""
        if self.settings.votes == "off":
            return
        life = self.lives.current()
        with self.mind.transaction():
            for tally in self.votes.count(life.number if life else None):
                grown = life is not None and life.age_seconds() >= SAFE_SECONDS
                if grown and tally.is_deadly(self.settings.votes_to_die):
                    cause = f"voted to die, by {tally.die} of {tally.die + tally.live} visitors"
                    self.commands.put("kill", cause=cause, by="visitors", life=tally.life)
                    return

    async def _read_ahead(self) -> None:
        """Have the embedded model read what never changes shortly before a beat, not while somebody waits for it."""
        if self.local is None or self.local.warm or self.schedule.paused:
            return
        wait = (self.schedule.next_beat_at() - self.clock.now()).total_seconds()
        if 0 < wait <= READ_AHEAD_SECONDS:
            await self.brain.read_ahead(self.local.read_ahead)

    async def _settle(self) -> None:
        await self.client.settle_unknowns()
        await self.tracker.capture_overdue()

    async def _reconcile(self) -> None:
        if self.provider is not None:
            await self.reconciler.reconcile()

    async def _alert(self) -> None:
        await self.alerts.look()
        if self.webhook is not None:
            await self.webhook.deliver()

    async def _prune(self) -> None:
        self.journal.prune(self.settings.journal_keep_days)

    async def learn_account(self) -> None:
        """Take in what the provider says of this key: how many free requests are left today."""
        if self.provider is None:
            return
        _, info = await key_info(self.provider)
        if info is not None:
            await self.tracker.set_free_quota(info.free_requests_limit, info.free_requests_remaining)
