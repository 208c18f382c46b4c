"""Asks the sources, keeps what happened in mind.db, and chooses the little that a beat is shown."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.memory.untrusted import clean, inline
from ai.memory.words import shared, terms
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.world.fetching import Fetcher
from ai.world.happening import FRESH, Happening, Source

SHOWN_AT_MOST = 3  # more would crowd out what the mind itself was about
SAME_SOURCE_AT_MOST = 2
READ_AT_MOST = 1  # in a beat without news: of what others wrote before, what it has not read yet
SOURCE_SECONDS = 20.0  # of one look at one source, whatever it does
KEPT_A_LOOK = 25  # of what one look brings: a feed of ten thousand entries is one feed, not ten thousand events
KEPT_AT_MOST = 500
COMPARED = 15  # happenings shown last, which a new one should not be like
TEXT_CHARS = 300
RETRY_SECONDS = 600.0  # after a source failed, and no sooner than it is asked anyway
NOTES = "world"


class World:
    """The sources and what they brought. One process has one, and asks from one task at a time."""

    def __init__(
        self,
        sources: Sequence[Source],
        mind: MindDatabase,
        journal: Journal,
        clock: Clock,
        fetcher: Fetcher | None = None,
    ) -> None:
        self._sources = tuple(sources)
        self._fetcher = fetcher
        self._mind = mind
        self._journal = journal
        self._clock = clock
        self._asked: dict[str, float] = {}
        self._troubles: dict[str, str] = {}

    async def look(self) -> None:
        """Ask the sources whose time has come, side by side; each has SOURCE_SECONDS, and none can raise."""
        now = self._clock.monotonic()
        due = [source for source in self._sources if source.every_seconds and self._is_due(source, now)]
        await asyncio.gather(*(self._ask(source) for source in due))

    async def since(self, beat: int) -> list[Happening]:
        """Return what a beat is shown of what happened: the newest, and the least like what was shown last.

        Where nothing did, something that others wrote before and that was not shown yet, so that a quiet beat has
        something to read. What is returned counts as shown. Sources that cost nothing are asked now.
        """
        for source in self._sources:
            if not source.every_seconds:
                await self._ask(source)
        fresh, shown = rfc3339(self._clock.now() - FRESH), self._shown_last()
        waiting = self._rows("shown IS NULL AND at >= ?", fresh)
        chosen = choose([found for _, found in waiting], shown)
        if not chosen:
            waiting = self._rows("shown IS NULL AND strangers = 1 AND at < ?", fresh)
            chosen = choose([found for _, found in waiting], shown, READ_AT_MOST)
        numbers = [number for number, found in waiting if found in chosen]
        self._mark(numbers, beat)
        return chosen

    def present(self) -> dict[str, str]:
        """Return what can be seen of the sources right now, a line each by its name, for a beat without news."""
        seen = {}
        for source in self._sources:
            try:
                line = source.present()
            except Exception as error:  # noqa: BLE001 - a source that fails is told, never raised
                self._trouble(source, error)
                continue
            if line:
                seen[source.name] = line
        return seen

    def troubles(self) -> dict[str, str]:
        """Return what is wrong with which source, one line each; for `doctor`."""
        return dict(self._troubles)

    async def ask_all(self) -> dict[str, str]:
        """Ask every source once, whether it is due or not, and return the troubles: what `doctor` does."""
        await asyncio.gather(*(self._ask(source) for source in self._sources))
        return self.troubles()

    async def close(self) -> None:
        """Close the connections of its sources."""
        if self._fetcher is not None:
            await self._fetcher.close()

    @property
    def names(self) -> list[str]:
        """The names of the sources, in their order."""
        return [source.name for source in self._sources]

    def _is_due(self, source: Source, now: float) -> bool:
        asked = self._asked.get(source.name)
        wait = max(source.every_seconds, RETRY_SECONDS) if source.name in self._troubles else source.every_seconds
        return asked is None or now - asked >= wait

    async def _ask(self, source: Source) -> None:
        self._asked[source.name] = self._clock.monotonic()
        since = self._looked_at(source.name)
        now = self._clock.now()
        try:
            async with asyncio.timeout(SOURCE_SECONDS):
                found = await source.since(min(since, now))
        except Exception as error:  # noqa: BLE001 - the world may be broken; the mind thinks on
            self._trouble(source, error)
            return
        self._troubles.pop(source.name, None)
        with self._mind.transaction():
            self._keep(found[-KEPT_A_LOOK:])
            self._mind.remember(f"{NOTES}:{source.name}", rfc3339(now))

    def _looked_at(self, name: str) -> datetime:
        kept = self._mind.recall(f"{NOTES}:{name}")
        return self._clock.now() if kept is None else parse_rfc3339(str(kept))

    def _trouble(self, source: Source, error: Exception) -> None:
        """Note what is wrong; the journal hears of it once while it lasts."""
        problem = " ".join(str(error).split()) or type(error).__name__
        problem = f"it took longer than {SOURCE_SECONDS:.0f} s" if isinstance(error, TimeoutError) else problem
        known = self._troubles.get(source.name)
        self._troubles[source.name] = clean(problem, TEXT_CHARS)
        if known is None:
            self._journal.append("world.trouble", source=source.name, problem=self._troubles[source.name])

    def _keep(self, found: Sequence[Happening]) -> None:
        for one in found:
            line = " ".join(clean(one.text, TEXT_CHARS).split())
            if not line:
                continue
            row = self._mind.connection.execute(
                "INSERT INTO happenings (at, source, key, text, strangers) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (source, key) DO NOTHING RETURNING id",
                (rfc3339(one.at), one.source, one.key[:TEXT_CHARS], line, int(one.strangers)),
            ).fetchone()
            if row is not None and one.is_news(self._clock.now()):
                self._journal.append("world.happened", source=one.source, text=line)
        self._mind.connection.execute(
            "DELETE FROM happenings WHERE id <= (SELECT id FROM happenings ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (KEPT_AT_MOST,),
        )

    def _shown_last(self) -> list[Happening]:
        return [found for _, found in self._rows("shown IS NOT NULL AND at >= ?", "")][:COMPARED]

    def _rows(self, clause: str, value: str) -> list[tuple[int, Happening]]:
        rows = self._mind.connection.execute(
            f"SELECT id, at, source, key, text, strangers FROM happenings WHERE {clause} ORDER BY at DESC, id DESC "
            "LIMIT ?",
            (value, KEPT_AT_MOST),
        )
        return [
            (row["id"], Happening(parse_rfc3339(row["at"]), row["source"], row["key"], row["text"], bool(row[5])))
            for row in rows.fetchall()
        ]

    def _mark(self, numbers: Collection[int], beat: int) -> None:
        with self._mind.transaction() as connection:
            connection.executemany("UPDATE happenings SET shown = ? WHERE id = ?", [(beat, n) for n in numbers])


def choose(waiting: Sequence[Happening], shown: Sequence[Happening], most: int = SHOWN_AT_MOST) -> list[Happening]:
    """Return at most `most` of `waiting` (newest first), in the order of time; pure.

    `shown`: what was shown last, the newest first. Each step takes the one that is newest and least like those or what
    is taken already; of one source no more than SAME_SOURCE_AT_MOST. What a person did outweighs what the sky did: an
    entry that is like nothing shown wins.
    """
    left = list(waiting)
    words = {one.text: set(terms(one.text)) for one in (*waiting, *shown)}
    taken: list[Happening] = []
    while left and len(taken) < most:
        known = [*reversed(taken), *shown]
        best = max(enumerate(left), key=lambda item: _worth(item[0], item[1], known, words))[1]
        left.remove(best)
        if sum(one.source == best.source for one in taken) < SAME_SOURCE_AT_MOST:
            taken.append(best)
    return sorted(taken, key=lambda one: one.at)


def told(happening: Happening, now: datetime) -> str:
    """Return a happening as a prompt shows it: time, origin and what it is, strangers' words between their marks."""
    if not happening.is_news(now):
        return f"{happening.source}, not read before: {inline(happening.text, TEXT_CHARS)}"
    same_day = happening.at.date() == now.date()
    when = happening.at.strftime("%H:%M" if same_day else "%a %H:%M")
    if not happening.strangers:
        return f"{when}, {happening.source}: {happening.text}"
    return f"{when}, {happening.source}: {inline(happening.text, TEXT_CHARS)}"


def _worth(place: int, one: Happening, known: Sequence[Happening], words: Mapping[str, set[str]]) -> tuple[float, int]:
    """Return what speaks for showing `one`, the `place`th newest: how unlike the `known`, latest first, and how new."""
    likeness = max((shared(words[one.text], words[other.text]) for other in known), default=0.0)
    same_source = 0.3 * sum(other.source == one.source for other in known[:SHOWN_AT_MOST])
    return 1.0 - likeness - same_source - 0.05 * place, -place
