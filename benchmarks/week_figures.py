"""What `benchmarks.week` measures of a week: every prompt and answer on its way, and what stands in the books after."""

import json
import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tokenizers import Tokenizer

from ai.daemon.app import App
from ai.ledger.money import nanos
from ai.llm.local.model_store import default_shelves
from ai.memory import Kind
from ai.people.letters import conversation
from ai.people.works import published
from benchmarks.week_life import Attentive, parts_of

LAST_SCENES = 5
EVENTS_AT_MOST = 1_000_000
OUTSIDE = ("Since your last beat",)
SHOWN = (
    *OUTSIDE,
    "What comes to mind",
    "What you understood when you looked back",
    "Around you",
    "What you know of who wrote",
)
_WHEN = re.compile(r"^\(([a-z]+), [^)]*\) |^(?:[A-Z][a-z]{2} )?(?:\d\d [A-Z][a-z]{2} )?\d\d:\d\d, |\d+")


@dataclass(slots=True)
class Week:
    """What was lived; tokens are means a beat, shares are of 1."""

    window: bool
    tokens_by: str
    beats: int = 0
    scenes_new: float = 0.0  # share with a line that none of the last five scenes had; its own last words do not count
    scenes_new_outside: float = 0.0  # the same, of what happened and letters alone
    observations: int = 0
    insights: int = 0
    cited: int = 0
    cited_observations: int = 0
    cited_letters: int = 0
    letters: int = 0
    answered: int = 0
    works: int = 0
    posts: int = 0
    calls: float = 0.0
    deeds: float = 0.0
    prompt_tokens: float = 0.0
    answer_tokens: float = 0.0
    looking_back_tokens: float = 0.0  # reflections and condensing
    closing_share: float = 0.0  # of all tokens of beats: calls after a deed that only end the beat
    by_part: dict[str, float] = field(default_factory=dict)
    billed_nanos: int = 0
    booked_nanos: int = 0
    seconds: float = 0.0

    @property
    def tokens(self) -> float:
        """Tokens a beat, in and out, without looking back."""
        return self.prompt_tokens + self.answer_tokens


class Meter:
    """Stands between the provider and the mind, and measures every prompt and answer."""

    def __init__(self, thinker: Attentive, count: Callable[[str], int], show: int) -> None:
        self._thinker, self._count = thinker, count
        self._show = show
        self._last: deque[set[str]] = deque(maxlen=LAST_SCENES)
        self._last_outside: deque[set[str]] = deque(maxlen=LAST_SCENES)
        self.shown: list[str] = []
        self.totals: Counter[str] = Counter()
        self.parts: Counter[str] = Counter()

    def __call__(self, body: dict[str, Any]) -> str:
        """Return the mind's answer."""
        messages, said = body["messages"], self._thinker(body)
        prompt, answer = sum(self._count(str(one["content"])) for one in messages), self._count(said)
        if '"done"' not in json.dumps(body.get("response_format", {})):
            self.totals["looking back"] += prompt + answer
            return said
        self.totals.update({"calls": 1, "prompt": prompt, "answer": answer})
        if len(messages) == 2:
            self._look(str(messages[0]["content"]), str(messages[1]["content"]))
        elif json.loads(said)["action"] == "think":
            self.totals["closing"] += prompt + answer
        if len(self.shown) < self._show * 2:
            self.shown += [str(messages[-1]["content"]), f">>> {said}"]
        return said

    def _look(self, system: str, scene: str) -> None:
        parts = parts_of(scene)
        self.totals["scenes"] += 1
        self.parts["how to live and answer, and what can be done"] += self._count(system)
        for heading, lines in parts.items():
            self.parts[heading or "briefing and feeling"] += self._count("\n".join(lines))
        for names, last, what in ((SHOWN, self._last, "new"), (OUTSIDE, self._last_outside, "new outside")):
            found = {_WHEN.sub("", line) for name in names for line in parts.get(name, [])}
            self.totals[what] += bool(found - set().union(*last))
            last.append(found)


def counter() -> tuple[str, Callable[[str], int]]:
    """Return what counts tokens, and its name."""
    found = [shelf / "all-minilm-l6-v2.tokenizer.json" for shelf in default_shelves()]
    path = next((path for path in found if path.is_file()), None)
    if path is None:
        return "a quarter of the bytes", lambda text: len(text.encode()) // 4
    cutter = Tokenizer.from_file(str(path))
    cutter.no_truncation()
    cutter.no_padding()
    return "MiniLM's tokenizer", lambda text: len(cutter.encode(text, add_special_tokens=False).ids)


async def sum_up(app: App, week: Week, totals: Counter[str]) -> None:
    """Fill in `week` what its journal, its letters and works, its books and the meter's `totals` tell."""
    life, periods = app.lives.current(), set()
    assert life is not None, "nobody lives: a scripted week has no reason to die"
    for event in app.journal.after(0, EVENTS_AT_MOST):
        periods.add(f"{event.at:%Y-%m}")
        week.beats += event.kind == "beat.ended"
        week.deeds += event.kind == "action.performed"
        week.posts += event.kind == "post.dry_run"
        if event.kind == "memory.reflected":
            week.insights += 1
            kinds = [memory.kind for one in event.data["because"] if (memory := life.memory.get(one)) is not None]
            week.cited += len(kinds)
            week.cited_observations += kinds.count(Kind.OBSERVATION)
            week.cited_letters += kinds.count(Kind.MESSAGE)
    week.observations = app.mind.connection.execute(
        "SELECT count(*) FROM happenings WHERE shown IS NOT NULL"
    ).fetchone()[0]
    week.answered = sum(letter.answer is not None for letter in conversation(app.mind, 1_000))
    week.works = len(published(app.mind, 1_000))
    reports = [await app.tracker.budget_report(period) for period in sorted(periods)]
    week.booked_nanos = sum(nanos(report["spent"]) for report in reports)
    beats = max(1, week.beats)
    week.deeds /= beats
    week.calls = totals["calls"] / beats
    week.prompt_tokens, week.answer_tokens = totals["prompt"] / beats, totals["answer"] / beats
    week.looking_back_tokens = totals["looking back"] / beats
    week.closing_share = totals["closing"] / max(1, totals["prompt"] + totals["answer"])
    week.scenes_new, week.scenes_new_outside = (totals[what] / beats for what in ("new", "new outside"))
