"""What a life knows of each person: one short page a person, which the life itself keeps."""

from collections.abc import Collection

from ai.clock import Clock, rfc3339
from ai.mind.database import MindDatabase
from ai.people.letters import Letter, LetterRefused, who
from ai.people.plain import line, plain

MAX_PAGE_CHARS = 600  # read again whenever that person writes, and paid for each time
KEPT_AT_MOST = 200  # pages of one life; the one that was written longest ago goes first


class Persons:
    """The pages, by life and person; a newborn knows nobody."""

    def __init__(self, mind: MindDatabase, clock: Clock) -> None:
        self._mind = mind
        self._clock = clock

    def write(self, life: int, name: str, text: str) -> str:
        """Make `text` the page on whoever wrote under `name` last; return the name. Raises LetterRefused."""
        called = self._mind.redact(line(name, 80))
        role, known = self._known(called)
        page = self._mind.redact(plain(text, MAX_PAGE_CHARS))
        if not page:
            raise LetterRefused("text: nothing to see in it; write what you know of this person")
        with self._mind.transaction() as connection:
            connection.execute(
                "INSERT INTO persons (life, who, name, text, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (life, who) "
                "DO UPDATE SET name = excluded.name, text = excluded.text, at = excluded.at",
                (life, who(role, known), known, page, rfc3339(self._clock.now())),
            )
            connection.execute(
                "DELETE FROM persons WHERE life = ? AND who IN "
                "(SELECT who FROM persons WHERE life = ? ORDER BY at DESC LIMIT -1 OFFSET ?)",
                (life, life, KEPT_AT_MOST),
            )
        return known

    def of(self, life: int, letters: Collection[Letter]) -> dict[str, str]:
        """Return the pages on those who wrote `letters`, by name as they signed; those it knows nothing of lack."""
        found = {}
        for letter in letters:
            row = self._mind.connection.execute(
                "SELECT text FROM persons WHERE life = ? AND who = ?", (life, letter.who)
            ).fetchone()
            if row is not None:
                found[letter.name] = str(row[0])
        return found

    def _known(self, name: str) -> tuple[str, str]:
        """Return role and name of who wrote last under `name`; raises LetterRefused where nobody did."""
        wanted = name.casefold()
        if wanted.removeprefix("your ").removeprefix("my ").removeprefix("the ") == "caretaker":
            return "caretaker", "caretaker"
        rows = self._mind.connection.execute(
            "SELECT role, name FROM letters WHERE state = 'open' GROUP BY role, name ORDER BY max(id) DESC LIMIT 5000"
        ).fetchall()
        for row in rows:
            if wanted in {row["name"].casefold(), f"{row['role']} {row['name'].casefold()}"}:
                return str(row["role"]), str(row["name"])
        names = ", ".join(row["name"] for row in rows[:5]) or "nobody yet"
        raise LetterRefused(f"name: {name[:40]!r} has not written to you; those who did: {names}")
