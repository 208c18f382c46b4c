"""What comes to mind: memories called up by what is new, with age and kind, and none twice in a row."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from ai.clock import ago
from ai.life import Life
from ai.memory import Kind, Memory, clean
from ai.memory.untrusted import CLOSE, OPEN
from ai.mind.database import MindDatabase

SHOWN_CHARS = 1_800  # of all memories together; whole ones, so fewer where they are long
MEMORY_CHARS = 600  # of one; a longer one ends with a whole sentence or word
RETRIEVED = 8  # a cue; those that rest or stand elsewhere in the scene are passed over
RESTS_BEATS = 4  # what was shown is not shown again for so long
STATE = "memories shown"
# Goals and plan have a place of their own in the scene; of a plan of another day nothing is left to do.
STANDS_ELSEWHERE = frozenset({Kind.PLAN})


class ComingToMind:
    """Asks a life's memory with several cues, and remembers what it showed when."""

    def __init__(self, mind: MindDatabase) -> None:
        self._mind = mind

    async def look(
        self, life: Life, cues: Sequence[str], most: int, known: Collection[str] = (), kinds: Collection[Kind] = ()
    ) -> list[Memory]:
        """Return up to `most` memories (of these kinds), the first cue's first; `known` texts are left out.

        The cues take turns, so that one loud event does not silence a goal. What is returned rests RESTS_BEATS beats.
        """
        shown = self._shown(life)
        called = [await life.memory.retrieve(cue, RETRIEVED, kinds) for cue in cues if cue.strip()]
        chosen: dict[int, Memory] = {}
        room = SHOWN_CHARS
        for memory in _in_turns(called):
            rests = life.beats - shown.get(memory.id, -RESTS_BEATS) < RESTS_BEATS
            told = memory.id in chosen or memory.text in {*known, *(one.text for one in chosen.values())}
            if rests or told or memory.kind in STANDS_ELSEWHERE:
                continue
            length = min(len(memory.text), MEMORY_CHARS)
            if len(chosen) >= most or (chosen and length > room):
                break
            chosen[memory.id] = memory
            room -= length
        self._keep(life, shown, chosen)
        return list(chosen.values())

    def rest(self, life: Life, memories: Iterable[Memory]) -> None:
        """Let memories of what this scene shows elsewhere rest as well: news and letters would come back at once."""
        self._keep(life, self._shown(life), [memory.id for memory in memories])

    def _shown(self, life: Life) -> dict[int, int]:
        kept = self._mind.recall(STATE)
        if not isinstance(kept, dict) or kept.get("life") != life.number:
            return {}
        return {int(number): int(beat) for number, beat in kept["shown"].items()}

    def _keep(self, life: Life, shown: dict[int, int], chosen: Collection[int]) -> None:
        lately = {number: beat for number, beat in shown.items() if life.beats - beat < RESTS_BEATS}
        lately |= dict.fromkeys(chosen, life.beats)
        self._mind.remember(STATE, {"life": life.number, "shown": lately})


def in_words(memory: Memory, now: datetime) -> str:
    """Return a memory as a scene shows it: `(note, 3 days ago) Rain has a rhythm.` is one."""
    return f"({_NAMES.get(memory.kind, memory.kind.value)}, {ago(now - memory.at)}) {whole(memory.text, MEMORY_CHARS)}"


def whole(text: str, limit: int) -> str:
    """Return `text` in one line, cut, where it must be, after a whole sentence or at least a whole word."""
    line = " ".join(clean(text, limit * 4).split())
    if len(line) <= limit:
        return line
    kept = line[: limit - 2]
    sentence = max(kept.rfind(mark) for mark in (". ", "! ", "? "))
    shown = kept[: sentence + 1] if sentence > limit // 2 else kept.rsplit(" ", 1)[0] + "…"
    return shown + CLOSE if shown.count(OPEN) > shown.count(CLOSE) else shown  # a stranger's words end at their mark


_NAMES = {Kind.REFLECTION: "insight", Kind.ACTION: "deed", Kind.MESSAGE: "letter", Kind.FRAGMENT: "echo"}


def _in_turns(called: Sequence[Sequence[Memory]]) -> list[Memory]:
    """Return the first of each list, then the second of each, and so on."""
    longest = max((len(memories) for memories in called), default=0)
    return [memories[place] for place in range(longest) for memories in called if place < len(memories)]
