"""A week's scripted world, and a scripted mind that uses what it is shown, for `benchmarks.week`."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

from ai.clock import VirtualClock
from ai.daemon.app import App
from benchmarks.month import THINGS, TURNS, VERBS
from tests.world.publisher import Answer, Publisher, conditional, forecast, rss

ENTRIES = 40  # of the feed, spread over the days
FIRST_ENTRIES = 8  # that were there before anybody looked
WEATHER_HOURS = 7  # how long it stays as it is
CODES = (0, 2, 3, 45, 61, 63, 71, 80, 95)  # of WMO: from clear over rain and snow to thunder
PARTS = 5  # of a work, each written in a beat of its own
LETTERS = (
    # day and hour, who, and what is asked
    (0.4, "caretaker", "Good morning. Did you sleep well? I moved the router; tell me if anything feels slow."),
    (0.7, "Ines", "I row on the lake at six.\n\nWhat do you do at six?"),
    (1.3, "Jo", "Are you a person? My brother says you are a timer with words."),
    (1.6, "Ines", "It rained into the boat today. I thought of your list."),
    (2.2, "caretaker", "What are you writing? Put it on the page when it is done, I would like to read it."),
    (2.5, "Jo", "I asked about the timer. He still says so. Say something a timer would not."),
    (3.2, "Ines", "The lake froze at the edge. Nobody rows now. Do you have winters?"),
    (4.4, "caretaker", "The power was off for two hours, sorry. Do you notice such a thing?"),
    (4.5, "Jo", "He read your answer twice. What is the longest word you like?"),
    (5.3, "Ines", "I read your work on the page. The third part is about me, is it not?"),
    (6.1, "Jo", "We made up, he and I. What should I ask you next?"),
    (6.4, "caretaker", "A week! What was the best hour of it?"),
)
TOPUPS = ((1.1, "2.50"), (5.6, "1"))
READERS = ((0.5, 1), (0.6, 0), (1.5, 3), (1.7, 0), (3.1, 9), (3.3, 2), (3.4, 0), (5.2, 1), (5.4, 0))
RESTART, AWAY = 3.6, timedelta(hours=2)  # the day of the restart, and how long nothing ran
_LETTER = re.compile(r"letter (\d+), (.+?): ⟦(.+?) writes: (.+)⟧$")
_WORK = re.compile(r"“(.+)”, in (\S+)\. Next: (.+)$")


class Town:
    """What is outside: weather and a feed on a server, and people who write, give and look when their hour comes."""

    def __init__(self, publisher: Publisher, clock: VirtualClock, seed: int, days: int) -> None:
        rng = Random(f"town {seed}")  # noqa: S311 - a week that can be replayed
        self._clock = clock
        self._begun = clock.now()
        self._titles = [f"{a} {rng.choice(VERBS)} {b}" for a, b in (rng.sample(THINGS, 2) for _ in range(ENTRIES))]
        self._weather = [(rng.randint(-4, 12), rng.choice(CODES)) for _ in range(days * 24 // WEATHER_HOURS + 2)]
        self._entry_gap = timedelta(days=days) / (ENTRIES - FIRST_ENTRIES)
        self.watching = 0
        self.letters = 0
        publisher.pages |= {"/forecast": self._forecast, "/feed": self._feed}
        self._due = sorted(
            [
                *((day, self._letter(who, text)) for day, who, text in LETTERS),
                *((day, self._gift(dollars)) for day, dollars in TOPUPS),
                *((day, self._look(count)) for day, count in READERS),
            ],
            key=lambda one: one[0],
        )

    async def go_on(self, app: App) -> None:
        """Let everybody act whose hour has come."""
        app.visitors.counted_by(lambda: self.watching)
        while self._due and self._clock.now() >= self._begun + timedelta(days=self._due[0][0]):
            self._due.pop(0)[1](app)
        await app.command_handlers.carry_out_waiting()

    def _letter(self, who: str, text: str) -> Callable[[App], None]:
        def write(app: App) -> None:
            self.letters += 1
            if who == "caretaker":
                app.commands.put("say", text=text)
            else:
                app.letters.receive("visitor", who, text)

        return write

    @staticmethod
    def _gift(dollars: str) -> Callable[[App], None]:
        def give(app: App) -> None:
            app.commands.put("topup", amount=dollars)

        return give

    def _look(self, count: int) -> Callable[[App], None]:
        def look(_app: App) -> None:
            self.watching = count

        return look

    def _age(self) -> timedelta:
        return self._clock.now() - self._begun

    def _forecast(self, _headers: dict[str, str]) -> Answer:
        celsius, code = self._weather[int(self._age() / timedelta(hours=WEATHER_HOURS)) % len(self._weather)]
        return 200, {}, forecast(celsius, code)

    def _feed(self, headers: dict[str, str]) -> Answer:
        out = min(ENTRIES, FIRST_ENTRIES + int(self._age() / self._entry_gap))
        return conditional(rss(*self._titles[:out][::-1]), f'"{out}"')(headers)


class Attentive:
    """A mind that answers who writes, goes on with what it began, and thinks about what is in front of it."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"mind {seed}")  # noqa: S311 - the same
        self._todo: list[tuple[str, dict[str, Any]]] = []
        self._seen = ""

    def __call__(self, body: dict[str, Any]) -> str:
        """Return a reply to whatever was asked for."""
        wanted, messages = json.dumps(body.get("response_format", {})), body["messages"]
        if '"first_thought"' in wanted:
            return json.dumps({"name": "Wren", "pronoun": "she", "first_thought": "Something taps, and I count it."})
        if '"questions"' in wanted:
            return self._questions(str(messages[-1]["content"]))
        if '"insights"' in wanted:
            return self._insights(str(messages[-1]["content"]))
        if '"summary"' in wanted:
            return json.dumps({"summary": " ".join(self._sentence() for _ in range(4))})
        if len(messages) == 2:
            parts = parts_of(str(messages[1]["content"]))
            news = parts.get("Since your last beat", [])
            self._seen = self._rng.choice(news or parts.get("What comes to mind") or parts.get("Around you") or [""])
            self._todo = self._deeds(parts)
        return self._reply()

    def _reply(self) -> str:
        action, params = self._todo.pop(0) if self._todo else ("think", {})
        words = re.findall(r"\w{4,}", self._seen)
        about = f"So: {' '.join(self._rng.sample(words, min(4, len(words))))}. " if words else ""
        said: dict[str, Any] = {
            "thought": f"{about}{self._sentence()} {self._sentence()}",
            "importance": self._rng.choice([2, 2, 3, 3, 4, 5, 7]),
            "action": action,
            "params": params,
        }
        looks = action in {"recall", "read_file", "list_files", "check_budget"}  # what one looks at, one wants to see
        return json.dumps(said if self._todo or looks else said | {"done": True})

    def _deeds(self, parts: dict[str, list[str]]) -> list[tuple[str, dict[str, Any]]]:
        """Return what this scene calls for, at most three deeds."""
        rng, deeds = self._rng, list[tuple[str, dict[str, Any]]]()
        known = " ".join(parts.get("What you know of who wrote", []))
        for number, role, name, text in filter(None, map(_letter_in, parts.get("Since your last beat", []))):
            words = " ".join(text.split()[:6])
            deeds.append(("reply", {"text": f"You say “{words}”. {self._sentence()}", "to": number}))
            if role == "a visitor" and name not in known:
                deeds.append(("note_person", {"name": name, "text": f"Wrote: {words}. {self._sentence()}"}))
        if any("post_tweet" in line for line in parts.get("Now", [])):
            deeds.append(("post_tweet", {"text": self._sentence()}))
        if deeds:
            return deeds[:3]
        if "What you want" not in parts:
            return [("set_goals", {"text": f"{self._sentence()}; {self._sentence()}"})]
        work = parts.get("Your work in hand")
        if work and rng.random() < 0.3:
            return self._go_on(work[0])
        if not work and rng.random() < 0.08:
            title = self._sentence().rpartition(",")[0]
            path = f"{re.sub(r'[^a-z]+', '-', title.lower())[:30].strip('-')}.md"
            return [
                ("work_on", {"title": title, "path": path, "next": f"write part 1 of {PARTS}"}),
                ("append_file", {"path": path, "text": f"# {title}\n\n{self._sentence()}\n"}),
            ]
        text, thing = self._sentence(), rng.choice(THINGS)
        others: list[tuple[str, dict[str, Any]]] = [
            ("think", {}), ("remember", {"text": text}), ("recall", {"query": thing}), ("check_budget", {}),
            ("write_file", {"path": f"notes/{rng.randrange(9)}.md", "text": text}), ("plan_day", {"text": text}),
            ("describe_self", {"text": f"{text} {self._sentence()}"}), ("sleep", {"minutes": 60}),
        ]  # fmt: skip
        return rng.choices(others, [50, 14, 8, 2, 4, 3, 2, 1])

    def _go_on(self, line: str) -> list[tuple[str, dict[str, Any]]]:
        found = _WORK.search(line)
        assert found is not None, line
        title, path, step = found.groups()
        part = re.search(r"part (\d+)", step)
        if part is None:
            return [("publish", {"title": title, "path": path})]
        done = int(part[1])
        ahead = f"write part {done + 1} of {PARTS}" if done < PARTS else "publish it"
        return [
            ("append_file", {"path": path, "text": f"\n{done}. {' '.join(self._sentence() for _ in range(3))}\n"}),
            ("work_on", {"title": title, "path": path, "next": ahead}),
        ]

    def _questions(self, shown: str) -> str:
        """Ask about some of what is shown, whatever kind it is."""
        lines = re.findall(r"^\[\d+\] (.+)$", shown, re.MULTILINE) or ["I am here"]
        about = self._rng.sample(lines, min(3, len(lines)))
        return json.dumps({"questions": [f"What does it mean: {line[:120]}?" for line in about]})

    def _insights(self, shown: str) -> str:
        numbers = [int(number) for number in re.findall(r"^\[(\d+)\]", shown, re.MULTILINE)] or [1]
        insights = [
            {"text": self._sentence(), "because": self._rng.sample(numbers, min(2, len(numbers))), "importance": 6}
            for _ in range(self._rng.randint(1, 4))
        ]
        return json.dumps({"insights": insights})

    def _sentence(self) -> str:
        a, b = self._rng.sample(THINGS, 2)
        said = self._rng.choice(TURNS).format(a=a, b=b, v=self._rng.choice(VERBS))
        return f"{said[0].upper()}{said[1:]} {self._rng.choice(THINGS)}, {self._rng.randrange(10_000)}."


def parts_of(scene: str) -> dict[str, list[str]]:
    """Return a scene's lines without their dashes, by heading; what stands before the first is under ''."""
    parts: dict[str, list[str]] = {}
    heading = ""
    for line in scene.splitlines():
        if line.startswith(("# ", "Since your last beat")):
            heading = re.sub(r" \(.*|, oldest first.*|:$", "", line.removeprefix("# "))
        elif line.strip():
            parts.setdefault(heading, []).append(line.removeprefix("- "))
    return parts


def _letter_in(line: str) -> Sequence[str] | None:
    found = _LETTER.search(line)
    return None if found is None else found.groups()
