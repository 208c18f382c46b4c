"""The chain of lives: exactly one lives at a time; it is born, dies and is followed, whatever crashes in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.life.birth import ask_newborn, cradle, fallback, first_facts, first_memories
from ai.life.chronicle import Chronicle, life_path, lost, numbers_in
from ai.life.death import REBIRTH_AFTER_SECONDS, ask_last_words, closing, money_came, plain_summary
from ai.life.ending import Endings
from ai.life.file import FACTS, FORMAT, LifeFile
from ai.life.fragments import End, choose
from ai.life.life import Life
from ai.life.self_page import SelfPages
from ai.life.storage import LifeFileBroken, Tables, previous, save
from ai.life.workspace import remains, wipe
from ai.memory.archive import Archive
from ai.memory.stream import TABLE, MemoryStream
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.prompts import render
from ai.settings import Settings
from ai.settings.soul import read_soul

if TYPE_CHECKING:
    from ai.asking import Ask
    from ai.credit_tracker import Balance
    from ai.memory.embeddings import Embedder

MAX_POST_CHARS = 270  # below X's 280 by a margin for characters that count double; the outbox measures exactly


class Announce(Protocol):
    """Tells the world of a birth or a death."""

    async def __call__(self, text: str, *, source: str, life: int) -> None:
        """Queue a post (`source`: "birth" or "death"); the same text again is the same post. Never raises."""
        ...


class Lives:
    """All lives under `data_dir`, the last of which may be living. Only the daemon makes one of these.

    A life is its file: born when the file is first renamed into place, dying and dead by what the file says. So each
    step of a birth or a death is one rename, and a start after a crash goes on from the last one that happened.
    Raises ai.life.file.NewerLifeFile, ai.life.storage.LifeFileUnwritable.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what the world is made of, handed in
        self,
        data_dir: Path,
        mind: MindDatabase,
        journal: Journal,
        clock: Clock,
        rng: Random,
        settings: Settings,
        embedder: Embedder | None = None,
    ) -> None:
        self.folder = data_dir / "lives"
        self.workspace = data_dir / "workspace"
        self.chronicle = Chronicle(mind)
        self._archive = Archive(mind)
        self._mind, self._journal, self._clock, self._rng, self._settings = mind, journal, clock, rng, settings
        self._endings = Endings(mind, settings)
        self._embedder = embedder
        self._changing = asyncio.Lock()
        self._told_waiting = False
        self.folder.mkdir(parents=True, exist_ok=True)
        self.workspace.mkdir(parents=True, exist_ok=True)
        self.chronicle.mend(self.folder, rfc3339(clock.now()))
        self._due = 0.0  # of the next birth, in monotonic seconds: a wall clock that is set must not keep a mind dead
        self._life = self._wake()

    def current(self) -> Life | None:
        """Return the living life; None between death and birth, and while one is dying."""
        return self._life if self._life is not None and self._life.state == "alive" else None

    def birth_due_at(self) -> datetime | None:
        """Return when the next birth may happen, or None while somebody lives; a wait for money is not in it."""
        if self._life is not None:
            return None
        return self._clock.now() + timedelta(seconds=max(0.0, self._due - self._clock.monotonic()))

    async def ensure_alive(self, ask: Ask, announce: Announce, funds: Balance | None = None) -> Life | None:
        """Return the living life, once a beat; finish a death that was cut short; bear the next one where it is due.

        A life whose time has come, of age or (ON_BANKRUPTCY=die) of bankruptcy, ends here; a purse out of reach
        (`funds` None, or only what was last known of it) kills nobody. None while birth is not due yet (see
        `birth_due_at`) or, after a bankrupt death, while no new money came.
        """
        if funds is not None and funds.away is not None:
            funds = None
        async with self._changing:
            if self._life is None and numbers_in(self.folder)[-1:] > [self.chronicle.last()]:
                self._life = self._wake()  # its birth reached the disk, and then mind.db failed
                self.tell_awake()
            life = self.current()
            ending = None if life is None else self._endings.due(life.age_seconds(), funds, self._clock.now())
            if life is not None and ending is not None:
                self._begin_dying(life, ending.cause, ending.end)
            if self._life is not None and self._life.state != "alive":
                await self._finish_dying(self._life, ask, announce, funds)
            if self._life is None:
                past = self.chronicle.get(self.chronicle.last())
                if not self._may_be_born(past, funds):
                    return None
                self._life = await self._bear(past, ask)
            if not self._life.facts()["announced"]:
                await self._announce(self._life, announce)
            return self._life

    async def die(
        self,
        cause: str,
        ask: Ask | None = None,
        announce: Announce | None = None,
        *,
        end: End = End.KILL,
        funds: Balance | None = None,
    ) -> bool:
        """End the living life for `cause`; return whether somebody lived. With nobody to ask it dies without a word."""
        async with self._changing:
            life = self.current()
            if life is None:
                return False
            self._begin_dying(life, cause, end)
            await self._finish_dying(life, ask, announce, funds)
            return True

    def tell_awake(self) -> None:
        """Journal that the life which was found goes on; whoever opens it for one command lives no beat of it."""
        if self._life is not None:
            life = self._life
            self._journal.append("life.woke", number=life.number, name=life.name, beats=life.beats)

    def close(self) -> None:
        """Save what is left and let go of the living life's file."""
        if self._life is not None:
            self._life.file.close()

    def _wake(self) -> Life | None:
        last = max([self.chronicle.last(), *numbers_in(self.folder)])
        if last == 0:
            return None
        file = self._read(last)
        facts = file.facts()
        self.chronicle.put(facts)
        if facts["state"] == "dead":
            file.close()
            wipe(self.workspace)  # nobody lives: what is in it is the dead one's, and a crash came before the wiping
            self._await_birth(facts)
            return None
        self._journal.bind(life=last)
        return self._open(file, last)

    def _read(self, number: int) -> LifeFile:
        path, problem = life_path(self.folder, number), f"life file of #{number} is not there"
        try:
            file = LifeFile(path, self._tell)
        except LifeFileBroken as error:
            problem = str(error)
        else:
            if file.facts():
                return file
        self._tell(problem)
        save(path, self._rebuilt(number))
        return LifeFile(path, self._tell)

    def _open(self, file: LifeFile, number: int) -> Life:
        memory = MemoryStream(
            file,
            self._mind,
            self._journal,
            self._clock,
            life=number,
            working_set=self._settings.memory_working_set,
            embedder=self._embedder,
        )
        return Life(file, memory, SelfPages(self._mind), self.chronicle, self._clock)

    def _rebuilt(self, number: int) -> Tables:
        """Return a life's tables from what mind.db knows of it; where that is nothing, the record of a lost life."""
        facts = self.chronicle.get(number)
        if facts is None:
            facts = lost(number, rfc3339(self._clock.now()))
            self._tell(f"life #{number} is lost; the next one begins")
        else:
            self._tell(f"life #{number} was rebuilt from mind.db; its goals and pages of self may be older")
        memories = {str(row.memory.id): row.memory.document() for row in self._archive.of_life(number, archived=False)}
        return {"life": {str(FACTS): facts}, TABLE: memories}

    def _await_birth(self, past: dict[str, Any]) -> None:
        wait = (parse_rfc3339(past["rebirth_at"]) - self._clock.now()).total_seconds()
        self._due = self._clock.monotonic() + min(REBIRTH_AFTER_SECONDS[1], max(0.0, wait))

    def _may_be_born(self, past: dict[str, Any] | None, funds: Balance | None) -> bool:
        if past is None:
            return True
        if not money_came(past.get("awaits_money"), funds):
            if not self._told_waiting:
                self._journal.append("life.waits")
                self._told_waiting = True
            return False
        return self._clock.monotonic() >= self._due

    async def _bear(self, past: dict[str, Any] | None, ask: Ask) -> Life:
        number = self.chronicle.last() + 1
        self._journal.bind(life=number)
        self._journal.append("life.beginning", number=number)
        fragments = choose(self._archive, number, self._rng)
        self._journal.append("life.fragments", count=len(fragments))
        self._journal.append("life.birth")
        bed = replace(cradle(number, self._settings, past, fragments, self.chronicle.names()), soul=self._soul())
        answer = await ask_newborn(ask, bed)
        newborn, model = answer if answer is not None else (fallback(bed, self._rng), None)
        if answer is None:
            self._journal.append("life.nameless", name=newborn.name)
        facts = {"format": FORMAT, **first_facts(bed, newborn, model, rfc3339(self._clock.now()))}
        wipe(self.workspace)
        memories = first_memories(bed, newborn, self._clock.now())
        save(life_path(self.folder, number), {"life": {str(FACTS): facts}, TABLE: memories})
        self.chronicle.put(facts)
        self._told_waiting = False
        life = self._open(LifeFile(life_path(self.folder, number), self._tell), number)
        self._journal.append("life.identity", name=life.name, pronoun=life.pronoun)
        self._journal.append("thought", text=life.first_thought)
        return life

    def _soul(self) -> str:
        """Return the seed that SOUL names; where its file went since the start, that is told, and there is none."""
        if self._settings.soul is None:
            return ""
        try:
            return read_soul(self._settings.soul.expanduser())
        except ValueError as error:
            self._journal.append("life.soulless", problem=str(error))
            return ""

    async def _announce(self, life: Life, announce: Announce) -> None:
        text = render("birth_post", name=life.name, number=life.number, first_thought=life.first_thought)
        await announce(_fit_post(text), source="birth", life=life.number)
        life.note(announced=True)

    def _begin_dying(self, life: Life, cause: str, end: End) -> None:
        self._journal.append("life.dying", number=life.number, cause=cause)
        life.note(state="dying", cause=cause, end=end.value)

    async def _finish_dying(
        self, life: Life, ask: Ask | None, announce: Announce | None, funds: Balance | None
    ) -> None:
        if life.state == "dead":  # its closing reached the disk, and then mind.db failed
            self._bury(life)
            return
        cause, end = str(life.facts()["cause"]), End(life.facts()["end"])
        if ask is not None and "last_words" not in life.facts():
            said = await ask_last_words(ask, life, cause)
            words, summary = said if said is not None else ("", "")
            life.note(last_words=words, summary=summary or plain_summary(life, cause))
            if words:
                self._journal.append("life.last_words", text=words)
        words = str(life.facts().get("last_words", ""))
        if announce is not None and words:
            text = render("death_post", last_words=words, name=life.name, number=life.number)
            await announce(_fit_post(text), source="death", life=life.number)
        facts = closing(end, self._clock.now(), funds, self._rng)
        summary = life.facts().get("summary") or plain_summary(life, cause)
        life.note(**facts, last_words=words, summary=summary, workspace=remains(self.workspace))
        self._bury(life)

    def _bury(self, life: Life) -> None:
        self.chronicle.put(life.facts())
        life.file.close()
        previous(life.file.path).unlink(missing_ok=True)
        self._life = None
        self._await_birth(life.facts())
        self._archive.drop_vectors(life.number)
        self._journal.append(
            "life.ended", number=life.number, name=life.name, beats=life.beats, cause=life.facts()["cause"]
        )
        self._journal.append("life.workspace", files=wipe(self.workspace))
        if life.facts()["awaits_money"] is None:
            self._journal.append("life.rebirth", at=life.facts()["rebirth_at"])
        self._journal.bind()

    def _tell(self, problem: str) -> None:
        self._journal.append("life.file", problem=problem)


def _fit_post(text: str) -> str:
    return text if len(text) <= MAX_POST_CHARS else text[: MAX_POST_CHARS - 1].rstrip() + "…"
