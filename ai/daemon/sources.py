"""What the Observer sees of the app: reads, and one way to ask for something."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ai.clock import Clock
from ai.credit_tracker.caller_books import CallerBooks
from ai.credit_tracker.rollups import cost_of_lives
from ai.credit_tracker.spending import spending_json
from ai.daemon import caller_sources, status
from ai.daemon.app import App
from ai.ledger.money import usd9
from ai.life.chronicle import Chronicle
from ai.memory import Kind
from ai.memory.archive import Archive
from ai.mind.database import MindDatabase
from ai.model_config.row import ModelRow
from ai.observer import Donation, Donations, Receipt
from ai.observer.sources import (
    Budget,
    ByDay,
    CallerRow,
    Fragment,
    GatewayLook,
    LifeRow,
    State,
    Tweet,
)
from ai.people.votes import Vote
from ai.settings import Settings

CALLERS = 200  # keys and runs in the metrics, the dearest: each is a series of its own


class AppSources:
    """Implements `ai.observer.ObserverSources` for a living app; `problems` says why it is not ready."""

    def __init__(self, app: App, problems: Callable[[], Sequence[str]]) -> None:
        self._app = app
        self._problems = problems
        self._donations = Donations(app.mind, app.clock, self.command)

    @property
    def settings(self) -> Settings:
        """The settings of this daemon."""
        return self._app.settings

    @property
    def clock(self) -> Clock:
        """The daemon's clock."""
        return self._app.clock

    @property
    def mind_path(self) -> Path:
        """Where mind.db is."""
        return self._app.settings.data_dir / "mind.db"

    async def state(self) -> State:
        """Return who lives and how it goes."""
        app = self._app
        told = status.state(
            app.lives.chronicle,
            app.schedule,
            app.thinker(),
            await app.tracker.balance(),
            next_birth_at=app.lives.birth_due_at(),
        )
        return cast("State", {**told, "mind_arriving": app.mind_arriving()})

    async def budget(self) -> Budget:
        """Return the month's money."""
        return cast("Budget", await self._app.tracker.budget_report())

    async def callers(self) -> Sequence[CallerRow]:
        """Return who spent what through the gateway this month."""
        return [
            {"key": row.key, "run": row.run, "calls": row.calls, "cost": usd9(row.cost)}
            for row in await self._books().spending(CALLERS)
        ]

    def _books(self) -> CallerBooks:
        return CallerBooks(self._app.ledger, self.settings, self.clock)

    async def gateway(self) -> GatewayLook:
        """Return how the gateway's keys and runs stand."""
        return await caller_sources.look(self._books(), self.clock.now())

    async def revoke_key(self, name: str, by: str) -> str:
        """End a key at once: what programs spend does not wait for the mind's next step."""
        done = await caller_sources.revoke(self._books(), name)
        self._app.journal.append("caretaker.command", command="revoke_key", by=by, result=done)
        return done

    async def topup_key(self, name: str, amount: str, id: str, by: str) -> str:  # noqa: A002 - what it is called
        """Raise what a key may spend in its period."""
        done = await caller_sources.topup(self._books(), name, amount, id)
        self._app.journal.append("caretaker.command", command="topup_key", by=by, result=done)
        return done

    async def days(self) -> Sequence[ByDay]:
        """Return what each day of this month cost."""
        spending = await self._app.tracker.spending(month=f"{self._app.clock.now():%Y-%m}")
        return cast("Sequence[ByDay]", spending_json(spending)["by_day"])

    async def models(self) -> Sequence[ModelRow]:
        """Return the catalogue, best first."""
        return await self._app.models()

    async def tweets(self, limit: int) -> Sequence[Tweet]:
        """Return posts, newest first."""
        return cast("Sequence[Tweet]", self._app.outbox.table(limit))

    def lives(self, mind: MindDatabase, limit: int, before: int | None) -> Sequence[LifeRow]:
        """Return some lives, newest first, without what they cost."""
        archive = Archive(mind)
        return [_life_row(facts, archive) for facts in Chronicle(mind).newest(limit, before)]

    async def costs_of_lives(self, numbers: Collection[int]) -> Mapping[int, str]:
        """Return what these lives cost."""
        costs = await self._app.ledger.read(lambda tx: cost_of_lives(tx, self.settings.mind, numbers))
        return {number: usd9(costs.get(number, 0)) for number in numbers}

    async def ready(self) -> Sequence[str]:
        """Return what is wrong, one line each."""
        return list(self._problems())

    def command(self, kind: str, data: Mapping[str, Any]) -> int:
        """Ask for something: a row that the daemon carries out."""
        return self._app.commands.put(kind, **data)

    def donate(self, donation: Donation) -> Receipt:
        """Record a donation once."""
        return self._donations.record(donation)

    def letter(self, name: str, text: str) -> int:
        """Take a visitor's letter; with VISITORS=approve it waits for the caretaker."""
        return self._app.letters.receive("visitor", name, text, approve=self.settings.visitors == "approve")

    def vote(self, address: str, vote: Vote) -> int | None:
        """Take a vote on the life that lives now."""
        life = self._app.lives.current()
        return None if life is None else self._app.votes.cast(address, vote, life.number)

    def listen(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever the journal has grown."""
        self._app.journal.listen(lambda _: callback())


def _life_row(facts: Mapping[str, Any], archive: Archive) -> LifeRow:
    number = int(facts["number"])
    return LifeRow(
        number=number,
        name=str(facts["name"]),
        pronoun=facts.get("pronoun"),
        born_at=str(facts["born_at"]),
        died_at=facts.get("died_at"),
        cause=facts.get("cause"),
        last_words=facts.get("last_words") or None,
        beats=int(facts.get("beats", 0)),
        thoughts=archive.count_kind(number, Kind.THOUGHT),
        cost=None,
        first_thought=facts.get("first_thought"),
        bootstrap_mode=facts.get("bootstrap_mode"),
        self_page=facts.get("self_page"),
        fragments=[
            Fragment(text=echo.text, from_life=None if echo.origin is None else echo.origin.life)
            for echo in archive.of_kind(number, Kind.FRAGMENT)
        ],
    )
