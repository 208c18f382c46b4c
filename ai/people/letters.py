"""Letters of people to the mind and its answers: taken at the door, shown once, answered, kept in mind.db."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on only

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal
from ai.people.plain import line, plain, words_of

Role = Literal["caretaker", "donor", "visitor"]

MAX_NAME_CHARS = 40
MAX_LETTER_CHARS = 4_000  # a few pages; of the caretaker
MAX_VISITOR_CHARS = 2_000
MAX_ANSWER_CHARS = 2_000
WAITING_AT_MOST = 100  # letters of visitors that nobody has looked at yet; a mind reads a few at a beat
A_DAY_AT_MOST = 200  # letters of visitors: words for three days of a beat every twenty minutes
KEPT_AT_MOST = 5_000  # letters of visitors in all; the oldest that were not answered go first
FULL_SECONDS = 3_600  # when to come again where there is no room
OWED_DAYS = 3  # an answer that did not come by then is no longer asked for
NAMELESS = "somebody"
ECHO_WORDS = 4  # of an answer that may be the letter's own
_FIELDS = "id, role, name, text, at, state, seen, answer, answered_at, life"


class LetterRefused(Exception):
    """A letter was not taken, or not answered; the message is one line that says what would be right."""


class TooManyLetters(LetterRefused):
    """There is no room now; `seconds` says when to come again."""

    def __init__(self, text: str, seconds: int = FULL_SECONDS) -> None:
        super().__init__(text)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter; `state` is `awaiting_approval`, `open` or `refused`, `life` who answered."""

    id: int
    role: Role
    name: str
    text: str
    at: datetime
    state: str = "open"
    seen: bool = False
    answer: str | None = None
    answered_at: datetime | None = None
    life: int | None = None

    @property
    def who(self) -> str:
        """What tells people apart: nobody proves a name, but no visitor is taken for the caretaker."""
        return who(self.role, self.name)


# A public letter, as `letters --json` and GET /api/letters show it; `from` is a word of Python, hence this form.
Conversation = TypedDict(
    "Conversation",
    {"id": int, "from": str, "text": str, "at": str, "answer": str | None, "answered_at": str | None},
)


class Letters:
    """The table of letters, for the process that lives; `conversation` and `awaiting` read it anywhere."""

    def __init__(self, mind: MindDatabase, journal: Journal, clock: Clock) -> None:
        self._mind = mind
        self._journal = journal
        self._clock = clock

    def receive(self, role: Role, name: str, text: str, *, approve: bool = False) -> int:
        """Keep a letter, without secrets and what nobody can see, and return its number.

        `approve`: it waits until the caretaker releases it, and nobody is shown its words before. Raises
        LetterRefused for one that is empty or too long, TooManyLetters where there is no room.
        """
        most = MAX_VISITOR_CHARS if role == "visitor" else MAX_LETTER_CHARS
        if len(text) > most:
            raise LetterRefused(f"the letter has {len(text):,} characters; write {most:,} at most")
        words, called = self._mind.redact(plain(text, most)), self._mind.redact(line(name, MAX_NAME_CHARS)) or NAMELESS
        if not words:
            raise LetterRefused("the letter is empty; write what you want to say")
        with self._mind.transaction() as connection:
            if role == "visitor":
                self._check_room()
            row = connection.execute(
                "INSERT INTO letters (role, name, text, at, state) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (role, called, words, rfc3339(self._clock.now()), "awaiting_approval" if approve else "open"),
            ).fetchone()
            self._tell(self._get(row[0]))
        return int(row[0])

    def decide(self, number: int, *, release: bool) -> Letter:
        """Release or refuse a letter that awaits approval; raises LetterRefused where it does not."""
        with self._mind.transaction() as connection:
            letter = self._get(number)
            if letter.state != "awaiting_approval":
                said = "is released" if letter.state == "open" else "was refused"
                raise LetterRefused(f"letter {number} {said} already")
            connection.execute("UPDATE letters SET state = ? WHERE id = ?", ("open" if release else "refused", number))
            self._tell(self._get(number))
        return self._get(number)

    def unread(self, *roles: Role) -> int:
        """Return how many letters (of these roles, or all) the mind has not seen yet."""
        chosen = roles or ("caretaker", "donor", "visitor")
        marks = ",".join("?" * len(chosen))
        row = self._mind.connection.execute(
            f"SELECT count(*) FROM letters WHERE state = 'open' AND seen = 0 AND role IN ({marks})", chosen
        ).fetchone()
        return int(row[0])

    def waiting(self, most: int) -> list[Letter]:
        """Return the letters it has not seen, the caretaker's before others, each oldest first."""
        return self._select("state = 'open' AND seen = 0 ORDER BY role = 'visitor', id LIMIT ?", most)

    def earlier(self, most: int) -> list[Letter]:
        """Return the letters it saw last, oldest first."""
        return self._select("state = 'open' AND seen = 1 ORDER BY id DESC LIMIT ?", most)[::-1]

    def unanswered(self, most: int) -> list[Letter]:
        """Return the letters of the last days that it saw and did not answer, oldest first."""
        since = rfc3339(self._clock.now() - timedelta(days=OWED_DAYS))
        clause = "state = 'open' AND seen = 1 AND answer IS NULL AND at >= ? ORDER BY id DESC LIMIT ?"
        return self._select(clause, since, most)[::-1]

    def mark_seen(self, numbers: Collection[int]) -> None:
        """Note that the mind saw these letters."""
        with self._mind.transaction() as connection:
            connection.executemany("UPDATE letters SET seen = 1 WHERE id = ?", [(number,) for number in numbers])

    def answer(self, text: str, to: str, life: int | None) -> Letter:
        """Answer the letter that `to` names by number or sender ('': the newest unanswered); raises LetterRefused."""
        words = self._mind.redact(plain(text, MAX_ANSWER_CHARS))
        if not words:
            raise LetterRefused("text: nothing to see in it; write what you want to answer")
        with self._mind.transaction() as connection:
            letter = self._meant(to)
            if _echoes(words, letter.text):
                raise LetterRefused(f"that is what {letter.name} wrote; answer it in your own words")
            connection.execute(
                "UPDATE letters SET answer = ?, answered_at = ?, life = ?, seen = 1 WHERE id = ?",
                (words, rfc3339(self._clock.now()), life, letter.id),
            )
            self._journal.append("letter.answered", letter=letter.id, to=letter.name, text=words)
        return self._get(letter.id)

    def _meant(self, to: str) -> Letter:
        """Return the letter to answer; raises LetterRefused with what there is. Of the others no word is read."""
        unanswered = self._mind.connection.execute(
            "SELECT id, role, name FROM letters WHERE state = 'open' AND answer IS NULL "
            "ORDER BY seen DESC, id DESC LIMIT ?",
            (KEPT_AT_MOST,),
        ).fetchall()
        known = ", ".join(f"{row['id']} ({row['name']})" for row in unanswered[:5])
        there = f"unanswered are: {known}" if known else "none is unanswered"
        wanted = to.casefold().strip().removeprefix("letter").strip(" #:.")
        if not wanted:
            if not unanswered:
                raise LetterRefused("there is no letter to answer; every one has its answer")
            return self._get(unanswered[0]["id"])
        if wanted.isascii() and wanted.isdigit():
            found = (row["id"] for row in unanswered if str(row["id"]) == wanted.lstrip("0"))
        else:
            found = (row["id"] for row in unanswered if _is_meant(row["role"], row["name"], wanted))
        if (number := next(found, None)) is None:
            raise LetterRefused(f"to: no unanswered letter of {to[:MAX_NAME_CHARS]!r}; {there}")
        return self._get(number)

    def _check_room(self) -> None:
        connection = self._mind.connection
        unseen = "role = 'visitor' AND seen = 0 AND state != 'refused'"
        waiting = connection.execute(f"SELECT count(*) FROM letters WHERE {unseen}").fetchone()[0]
        if waiting >= WAITING_AT_MOST:
            raise TooManyLetters(f"{waiting} letters wait to be read; come again later")
        day = rfc3339(self._clock.now() - timedelta(days=1))
        today = connection.execute("SELECT count(*) FROM letters WHERE role = 'visitor' AND at > ?", (day,)).fetchone()
        if today[0] >= A_DAY_AT_MOST:
            raise TooManyLetters(f"{today[0]} letters came within a day; come again tomorrow", 24 * FULL_SECONDS)
        connection.execute(
            "DELETE FROM letters WHERE id IN (SELECT id FROM letters WHERE role = 'visitor' "
            "ORDER BY answer IS NOT NULL DESC, id DESC LIMIT -1 OFFSET ?)",
            (KEPT_AT_MOST - 1,),
        )

    def _tell(self, letter: Letter) -> None:
        """Journal what became of a letter; the words of one that is not released stand nowhere."""
        if letter.state != "open":
            self._journal.append(f"letter.{letter.state}", letter=letter.id)
        elif letter.role == "caretaker":
            self._journal.append("caretaker.message", by=letter.name, text=letter.text)
        else:
            self._journal.append("letter.arrived", letter=letter.id, by=letter.name, role=letter.role, text=letter.text)

    def _get(self, number: int) -> Letter:
        found = self._select("id = ? LIMIT 1", number)
        if not found:
            raise LetterRefused(f"there is no letter {number}")
        return found[0]

    def _select(self, clause: str, *params: object) -> list[Letter]:
        return _letters(self._mind, clause, params)


def who(role: str, name: str) -> str:
    """Return what tells people apart: their role, and their name without case."""
    return "caretaker" if role == "caretaker" else f"{role} {name.casefold()}"


def conversation(mind: MindDatabase, limit: int, *, before: int | None = None, life: int | None = None) -> list[Letter]:
    """Return what is public, newest first: released letters with their answers; of `life`, those that it answered."""
    clause = "state = 'open' AND id < ? AND (? IS NULL OR life = ?) ORDER BY id DESC LIMIT ?"
    return _letters(mind, clause, (2**63 - 1 if before is None else before, life, life, limit))


def _echoes(answer: str, letter: str) -> bool:
    """Say whether an answer is words of the letter and nothing else, whatever its marks; a word or two anybody says."""
    said, wrote = words_of(answer), words_of(letter)
    return len(said) >= ECHO_WORDS and f" {' '.join(said)} " in f" {' '.join(wrote)} "


def answered_by(mind: MindDatabase, life: int) -> int:
    """Return how many letters that are public a life answered."""
    row = mind.connection.execute("SELECT count(*) FROM letters WHERE state = 'open' AND life = ?", (life,)).fetchone()
    return int(row[0])


def awaiting(mind: MindDatabase, limit: int) -> list[Letter]:
    """Return the letters that the caretaker has to decide on, oldest first."""
    return _letters(mind, "state = 'awaiting_approval' ORDER BY id LIMIT ?", (limit,))


def document(letter: Letter) -> Conversation:
    """Return a letter as CONTRACT §8 shows it."""
    return {
        "id": letter.id,
        "from": letter.name,
        "text": letter.text,
        "at": rfc3339(letter.at),
        "answer": letter.answer,
        "answered_at": None if letter.answered_at is None else rfc3339(letter.answered_at),
    }


def _is_meant(role: str, signed: str, wanted: str) -> bool:
    name = signed.casefold()
    return wanted in {name, f"{role} {name}", f"the {role} {name}", f"your {role}"} or (
        role == "caretaker" and "caretaker" in wanted
    )


def _letters(mind: MindDatabase, clause: str, params: Sequence[object]) -> list[Letter]:
    rows = mind.connection.execute(f"SELECT {_FIELDS} FROM letters WHERE {clause}", tuple(params)).fetchall()
    return [_letter(row) for row in rows]


def _letter(row: Any) -> Letter:
    answered = row["answered_at"]
    return Letter(
        id=row["id"],
        role=row["role"],
        name=row["name"],
        text=row["text"],
        at=parse_rfc3339(row["at"]),
        state=row["state"],
        seen=bool(row["seen"]),
        answer=row["answer"],
        answered_at=None if answered is None else parse_rfc3339(answered),
        life=row["life"],
    )
