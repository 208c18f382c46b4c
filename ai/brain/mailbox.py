"""Messages of people to the mind: the journal keeps them, this remembers how far they were read."""

from collections.abc import Sequence

from ai.actions.context import Letter
from ai.mind.database import MindDatabase
from ai.mind.journal import Journal

KIND = "caretaker.message"
READ_AT_ONCE = 5  # more would fill a small model's context; the rest stays unread for the next time
COUNTED_AT_MOST = 100


class Mailbox:
    """What the caretaker wrote, oldest first, each shown once."""

    def __init__(self, mind: MindDatabase, journal: Journal) -> None:
        self._mind = mind
        self._journal = journal

    def unread(self) -> int:
        """Return how many messages wait."""
        return len(self._journal.after(self._read_up_to(), COUNTED_AT_MOST, {KIND}))

    def read_messages(self) -> Sequence[Letter]:
        """Return the oldest unread messages; from then on they count as read, after a restart too."""
        events = self._journal.after(self._read_up_to(), READ_AT_ONCE, {KIND})
        if events:
            self._mind.remember("mailbox_read", events[-1].seq)
        return [Letter(str(event.data["by"]), str(event.data["text"]), event.at) for event in events]

    def _read_up_to(self) -> int:
        return int(str(self._mind.recall("mailbox_read", 0)))
