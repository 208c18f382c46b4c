"""The mind's workspace as its own hand: what it wrote is told from what others put there, and can be searched."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ai.life.workspace import Workspace, WorkspaceRefused
from ai.memory.words import terms
from ai.mind.database import MindDatabase

SEARCHED_BYTES = 1_000_000  # of all files in one search; the folder holds twice that at most
PASSAGE_CHARS = 300
TAIL_CHARS = 500  # of the work in hand, in a scene

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a file; `own`: in the mind's own words, else of whoever put it there."""

    path: str
    text: str
    own: bool


class OwnFiles(Workspace):
    """A workspace that remembers what the mind wrote; the same files for people."""

    def __init__(self, root: Path, mind: MindDatabase) -> None:
        super().__init__(root)
        self._mind = mind

    def write(self, path: str, text: str) -> int:
        """Write a file whole, in the mind's own words; returns its bytes. Raises WorkspaceRefused."""
        size = super().write(path, text)
        self._sign(path, text)
        return size

    def append(self, path: str, text: str) -> int:
        """Add `text` on a new line at the file's end; returns its bytes. Raises WorkspaceRefused.

        A file that others wrote stays theirs.
        """
        try:
            before = self.read(path)
        except WorkspaceRefused:
            if any(name == _name(path) for name, _ in self.listing()):
                raise  # it is there, and cannot be read
            before = ""
        own = not before or self.is_own(path, before)
        whole = before + ("\n" if before and not before.endswith("\n") else "") + text
        size = super().write(path, whole)
        if own:
            self._sign(path, whole)
        return size

    def is_own(self, path: str, text: str) -> bool:
        """Say whether `text`, as it was read from `path`, is what the mind wrote there itself."""
        row = self._mind.connection.execute("SELECT digest FROM own_files WHERE path = ?", (_name(path),)).fetchone()
        return row is not None and row[0] == _digest(text)

    def tail(self, path: str) -> str:
        """Return the last whole lines of a file; empty where it cannot be read, or is not in its own words."""
        try:
            text = self.read(path)
        except WorkspaceRefused:
            return ""
        if not self.is_own(path, text):
            return ""
        end = text.rstrip()[-TAIL_CHARS:]
        return end if len(end) == len(text.rstrip()) else end.partition("\n")[2] or f"…{end.partition(' ')[2]}"

    def signatures(self) -> dict[str, str]:
        """Return what the mind wrote itself: the digest of each file by its path."""
        return dict(self._mind.connection.execute("SELECT path, digest FROM own_files").fetchall())

    def find(self, query: str, most: int, own: Mapping[str, str]) -> list[Passage]:
        """Return up to `most` passages of files that share most words with `query`; needs no database.

        `own` are the signatures, which tell the mind's own words from those of others.
        """
        wanted = set(terms(query))
        found: list[tuple[int, Passage]] = []
        left = SEARCHED_BYTES
        for path, size in self.listing():
            left -= size
            if left < 0 or not wanted:
                break
            try:
                text = self.read(path)
            except WorkspaceRefused:
                continue
            scored = [(len(wanted & _words(part)), part) for part in text.split("\n\n") if part.strip()]
            score, best = max(scored, key=lambda one: one[0], default=(0, ""))
            if score := score + len(wanted & _words(path.replace("_", " "))):
                found.append((score, Passage(path, _around(best, wanted), own.get(path) == _digest(text))))
        return [passage for _, passage in sorted(found, key=lambda one: (-one[0], one[1].path))[:most]]

    def _sign(self, path: str, text: str) -> None:
        names: Sequence[str] = [name for name, _ in self.listing()]
        with self._mind.transaction() as connection:
            connection.execute(
                "INSERT INTO own_files (path, digest) VALUES (?, ?) "
                "ON CONFLICT (path) DO UPDATE SET digest = excluded.digest",
                (_name(path), _digest(text)),
            )
            kept = ",".join("?" * len(names))
            connection.execute(f"DELETE FROM own_files WHERE path NOT IN ({kept})", tuple(names))


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


def _around(passage: str, wanted: Collection[str]) -> str:
    """Return the part of `passage`, in one line, that begins a little before the first wanted word."""
    line = " ".join(passage.split())
    first = next((match.start() for match in _WORD.finditer(line) if match[0].lower() in wanted), 0)
    if first < PASSAGE_CHARS // 2:
        return line[:PASSAGE_CHARS]
    return "…" + line[first - PASSAGE_CHARS // 3 :].partition(" ")[2][:PASSAGE_CHARS]


def _name(path: str) -> str:
    return path.removeprefix("./")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
