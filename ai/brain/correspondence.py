"""The letters of a beat: their words in the scene, what is known of who wrote, and that they were read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ai.life import Life
from ai.memory import Kind, Memory, inline
from ai.people import Letter, Letters, Persons

SHOWN_AT_MOST = 3
SHOWN_CHARS = 4_000  # of all letters in a scene: one of the caretaker's longest, or two of a visitor's
SMALL_CHARS = 700  # for the embedded model, whose context holds 4,096 tokens and is read slowly
REMEMBERED_CHARS = 1_500  # of a letter in a memory
OWED_AT_MOST, OWED_CHARS = 3, 60  # letters that it read and did not answer: several came at once, it answers one
_FROM = {"caretaker": "your caretaker", "donor": "somebody who gave you money", "visitor": "a visitor"}


@dataclass(frozen=True, slots=True)
class Mail:
    """What a scene shows of letters: a line each, the pages on who wrote, what memory is asked with, what is owed."""

    lines: list[str]
    pages: list[str]
    cues: list[str]
    owed: list[str]


class Correspondence:
    """Shows letters, and notes that they were read once somebody thought about them."""

    def __init__(self, letters: Letters, persons: Persons) -> None:
        self._letters = letters
        self._persons = persons
        self._shown: list[Letter] = []

    def look(self, life: Life, now: datetime, *, small: bool) -> Mail:
        """Return the letters that wait and fit, whole words between their marks; the others wait for the next beat."""
        room = SMALL_CHARS if small else SHOWN_CHARS
        self._shown = _that_fit(self._letters.waiting(1 if small else SHOWN_AT_MOST), room)
        pages = self._persons.of(life.number, self._shown)
        return Mail(
            [told(letter, now, room) for letter in self._shown],
            [f"{inline(name)} {page}" for name, page in pages.items()],
            [f"{letter.name} {letter.text}" for letter in self._shown],
            [] if small else [_owed(letter) for letter in self._letters.unanswered(OWED_AT_MOST)],
        )

    def heard(self, life: Life) -> list[Memory]:
        """Take the letters of the last scene as read; return the memories that they become."""
        shown, self._shown = self._shown, []
        if not shown:
            return []
        self._letters.mark_seen([letter.id for letter in shown])
        with life.together():
            return [life.memory.add(_remembered(letter), Kind.MESSAGE) for letter in shown]


def told(letter: Letter, now: datetime, room: int) -> str:
    """Return a letter as a scene shows it: time, number, from whom, and its words between the marks."""
    when = letter.at.strftime("%H:%M" if letter.at.date() == now.date() else "%a %d %b %H:%M")
    return f"{when}, letter {letter.id}, {_FROM[letter.role]}: {inline(f'{letter.name} writes: {letter.text}', room)}"


def _owed(letter: Letter) -> str:
    return f"{letter.id} {inline(f'{letter.name}: {letter.text}', OWED_CHARS)}"


def _remembered(letter: Letter) -> str:
    words = inline(f"{letter.name}: {letter.text}", REMEMBERED_CHARS)
    return f"Letter {letter.id}, {_FROM[letter.role]}: {words}"


def _that_fit(letters: Sequence[Letter], room: int) -> list[Letter]:
    """Return the first letters that `room` characters hold together, the first of them always."""
    fitting: list[Letter] = []
    for letter in letters:
        room -= len(letter.text)
        if fitting and room < 0:
            break
        fitting.append(letter)
    return fitting
