"""A mind under a virtual clock, on a real provider of tests/world, for tests that live beats."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from ai.clock import VirtualClock
from ai.daemon.app import App
from ai.daemon.wiring import Outside, open_app
from ai.settings.sources import load_settings
from ai.world.opening import open_world
from tests.world.openrouter import FakeOpenRouter

START = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
WORDS = "rain stone bread clock river paper salt window number silence orbit thread".split()


def thinker(seed: int) -> Callable[[dict[str, Any]], str]:
    """Return a model that is born when asked to, and else thinks something new and does something of its own choice."""
    rng = Random(seed)

    def reply(body: dict[str, Any]) -> str:
        if "first_thought" in json.dumps(body):
            return json.dumps({"name": f"Wren{rng.randrange(10**6)}", "pronoun": "she", "first_thought": "Awake."})
        wanted = json.dumps(body.get("response_format", {}))
        if '"insights"' in wanted:
            return json.dumps({"insights": [{"text": "I return to small things.", "because": [1], "importance": 6}]})
        if '"questions"' in wanted:
            return json.dumps({"questions": ["What do I return to?"]})
        text = f"I think about {' and '.join(rng.sample(WORDS, 3))}, {rng.randrange(10**9)}."
        action, params = rng.choice(
            [
                ("think", {}),
                ("think", {}),
                ("check_budget", {}),
                ("remember", {"text": text}),
                ("recall", {"query": rng.choice(WORDS)}),
                ("post_tweet", {"text": text}),
                ("list_files", {}),
                ("write_file", {"path": f"{rng.choice(WORDS)}.md", "text": text}),
            ]
        )
        return json.dumps({"thought": text, "importance": rng.randint(1, 8), "action": action, "params": params})

    return reply


def environment(provider: FakeOpenRouter | None, folder: Path, **more: str) -> dict[str, str]:
    """Return the settings of a mind in `folder` that knows `provider` (None: no key)."""
    keys = {} if provider is None else {"OPENROUTER_API_KEY": provider.key, "OPENROUTER_BASE_URL": provider.base_url}
    return {
        "DATA_DIR": str(folder / "data"),
        "LOCAL_MODEL": "off",
        "EMBEDDINGS": "off",
        "OBSERVER_PORT": "0",
        "LLM_TIMEOUT_SECONDS": "1",
        **keys,
        **more,
    }


@asynccontextmanager
async def mind(
    provider: FakeOpenRouter | None, folder: Path, clock: VirtualClock, outside: Outside = open_world, /, **more: str
) -> AsyncIterator[App]:
    """Open an app in `folder` as `run N` does, in the world that `outside` opens."""
    settings = load_settings(environment(provider, folder, **more), folder)
    (settings.data_dir / "credits").mkdir(parents=True, exist_ok=True)
    async with open_app(settings, clock, seed=1, outside=outside) as app:
        await app.greet()
        yield app


async def live(app: App, clock: VirtualClock, beats: int) -> list[Any]:
    """Live `beats`, one interval apart, with the chores that a daemon does between them."""
    lived = []
    for _ in range(beats):
        lived.append(await app.live_one())
        clock.advance(app.settings.think_interval_seconds)
        for _, _, chore in app.chores():
            await chore()
    return lived
