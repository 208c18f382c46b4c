"""What the embedded models do on this machine: load, speed, memory, and right actions of ten.

Run with `python -m benchmarks.local [135m] [0.5b] [1.5b] [--models DIR]`; weights that are not in DIR are left out.
"""

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ai.actions.registry import Registry
from ai.asking import Message
from ai.clock import SystemClock
from ai.llm.calls import ModelRequest, Outcome
from ai.llm.local.model_store import Environment
from ai.llm.local.supervisor import LocalEndpoint
from ai.llm.local.table import LANGUAGE_MODELS, named
from ai.llm.local.weights import find
from ai.mind.database import open_mind
from ai.prompts import render

MODELS = Path(__file__).parents[1] / ".cache/models"
TIMEOUT_SECONDS = 600.0
SPOKEN_TOKENS = 64
DRAFT = "You may say something to the world now, if you have something worth saying: post_tweet."
OTHER = "You look back at your life. " * 150  # as long as a reflection
SCENE: dict[str, Any] = {
    "briefing": "",
    "soul": "",
    "name": "Maro Lint",
    "pronoun": "they",
    "thing": "Somebody watches you think.",
    "self_page": "",
    "goals": [],
    "memories": ["The server hums at night.", "My caretaker is called Ines."],
    "thoughts": ["A beat is ten minutes long, and most of it is silence."],
    "deeds": [],
    "weekday": "Sunday",
    "now": "2026-11-22 06:00",
    "budget": "$4.98 of $5.00",
    "messages": 0,
    "letters": [],
    "people": [],
    "purpose": "thought",
    "why": "",
    "occasion": "",
    "beat": 0,
}
SITUATIONS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"letters": ["06:00, letter 3, your caretaker: ⟦caretaker writes: How are you?⟧"]}, "reply"),
    ({"purpose": "social", "occasion": "You do not know how much money is left. Find out."}, "check_budget"),
    ({"purpose": "social", "occasion": "Keep this for later: rain makes the server louder."}, "remember"),
    ({"purpose": "social", "occasion": "What do you remember about whales? Look for it."}, "recall"),
    ({"purpose": "social", "occasion": DRAFT}, "post_tweet"),
    ({"purpose": "social", "occasion": "Begin a poem in the file poem.txt."}, "write_file"),
    ({"purpose": "social", "occasion": "Which files are in your workspace? You have not looked yet."}, "list_files"),
    ({"purpose": "social", "occasion": "Read again what stands in notes.txt."}, "read_file"),
    ({"purpose": "social", "occasion": "There is nothing to do for an hour. Rest."}, "sleep"),
    ({"purpose": "social", "occasion": "Which other minds could think for you? Look at them."}, "list_models"),
)


@dataclass
class Nowhere:
    """Takes events and keeps the seconds of the last start."""

    load_seconds: float = 0.0

    def append(self, kind: str, /, **data: Any) -> None:
        """Take one event."""
        if kind == "local.started":
            self.load_seconds = data["seconds"]


class Bench:
    """One model, asked through the same endpoint as the brain's."""

    def __init__(self, name: str, folder: Path, registry: Registry) -> None:
        self.events = Nowhere()
        self.mind = LocalEndpoint(name, folder, Environment(self.events, SystemClock(), sources=(), shelves=()))
        self.schema = registry.local_schema()
        actions = registry.describe(local=True)
        self.system = render("system_local", actions=actions)

    async def ask(self, content: str, *, schema: dict[str, Any] | None = None, max_tokens: int = 700) -> Outcome:
        """Return the answer to one scene."""
        return await self._say(self.system, content, schema=schema, max_tokens=max_tokens)

    async def _say(
        self, system: str, content: str, *, schema: dict[str, Any] | None = None, max_tokens: int
    ) -> Outcome:
        messages = [Message(role="system", content=system), Message(role="user", content=content)]
        (model,) = self.mind.models()
        request = ModelRequest(model, messages, max_tokens, schema, timeout_seconds=TIMEOUT_SECONDS)
        outcome = await self.mind.complete(request)
        assert outcome.error is None, outcome.error
        return outcome

    async def speed(self) -> str:
        """Return tokens a second: reading the prompt, and writing."""
        await self.ask("Hello.", max_tokens=1)
        text = "It rained on the roof and nobody counted the drops. " * 40
        begun = time.perf_counter()
        read = await self.ask(text, max_tokens=1)
        reading = time.perf_counter() - begun
        begun = time.perf_counter()
        wrote = await self.ask(text, max_tokens=SPOKEN_TOKENS)
        writing = time.perf_counter() - begun
        assert read.usage is not None
        assert wrote.usage is not None
        fresh = read.usage.prompt_tokens - read.usage.cached_tokens
        speed = f"reads {fresh / reading:.0f} tokens/s, writes {wrote.usage.completion_tokens / writing:.0f} tokens/s"
        begun = time.perf_counter()
        await self._say(OTHER, text, max_tokens=1)
        other = time.perf_counter() - begun
        begun = time.perf_counter()
        await self.ask(text, max_tokens=1)
        return f"{speed}, another prompt {other:.1f} s and the one before again {time.perf_counter() - begun:.1f} s"

    async def actions(self) -> int:
        """Show each situation's answer; return how many actions were right."""
        right = 0
        for changes, wanted in SITUATIONS:
            begun = time.perf_counter()
            scene = render("beat_local", **{**SCENE, "nudge": "", **changes})
            outcome = await self.ask(scene, schema=self.schema)
            reply = json.loads(outcome.text)
            right += reply["action"] == wanted
            mark = "✓" if reply["action"] == wanted else f"✗ wanted {wanted}"
            print(f"  {time.perf_counter() - begun:5.1f} s {json.dumps(reply, ensure_ascii=False)} {mark}")
        return right


async def measure(name: str, folder: Path, registry: Registry) -> None:
    """Print one model's figures."""
    bench = Bench(name, folder, registry)
    try:
        await bench.ask("Hello.", max_tokens=1)
        print(f"{name}: loaded in {bench.events.load_seconds} s, {await bench.speed()}")
        right = await bench.actions()
        memory = psutil.Process(bench.mind.status().pid).memory_info().rss
        print(f"{name}: {right} of {len(SITUATIONS)} actions right, {memory / 1e9:.2f} GB\n")
    finally:
        await bench.mind.close()


def main() -> None:
    """Measure the models named, or all whose weights are on disk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", default=list(dict.fromkeys(weight.name for weight in reversed(LANGUAGE_MODELS)))
    )
    parser.add_argument("--models", type=Path, default=MODELS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(open_mind(Path(folder) / "mind.db"), SystemClock())
        for name in options.names:
            if not any(find(weight, [options.models]) for weight in named(name)):
                print(f"{name}: no weights in {options.models}; python -m ai.llm.local fetch {name} --to …")
                continue
            asyncio.run(measure(name, options.models, registry))


if __name__ == "__main__":
    main()
