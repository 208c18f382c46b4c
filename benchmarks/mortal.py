"""A mind that is born, pays for what it thinks, posts, dies and is born again, until somebody kills its process."""

import argparse
import asyncio
import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from ai.clock import VirtualClock, parse_rfc3339
from ai.daemon.app import App
from ai.memory.settling import look_back
from tests.brain.lived import mind, thinker

LIVES_AT_MOST = 1_000_000  # nobody waits for so many: the process is killed before
MINUTE = 61.0


def mortal_thinker(seed: int) -> Callable[[dict[str, Any]], str]:
    """Return a model that thinks as `thinker` does, has last words, and cites what it was shown."""
    rng, think = Random(seed), thinker(seed)  # noqa: S311 - a run that can be replayed

    def reply(body: dict[str, Any]) -> str:
        wanted = json.dumps(body.get("response_format", {}))
        if '"last_words"' in wanted:
            words = f"It was number {rng.randrange(10**9)} that I never met."
            return json.dumps({"last_words": words, "summary": "A short life."})
        if '"insights"' in wanted:
            shown = re.findall(r"^\[(\d+)\]", str(body["messages"][-1]["content"]), re.MULTILINE) or ["1"]
            insight = {"text": f"I return to {rng.randrange(10**9)}.", "because": [int(rng.choice(shown))]}
            return json.dumps({"insights": [{**insight, "importance": 6}]})
        return think(body)

    return reply


async def live_and_die(folder: Path, now: datetime, settings: dict[str, str]) -> None:
    """Bear and end lives with these settings, the provider's among them; each number on stdout is a life that ended."""
    clock = VirtualClock(now)
    async with mind(None, folder, clock, **settings) as app:
        print("ready", flush=True)
        for number in range(LIVES_AT_MOST):
            print(await one_life(app, f"cause {number}"), flush=True)
            clock.advance(MINUTE)


async def one_life(app: App, cause: str) -> int:
    """Be born where nobody lives, live a beat, look back, die with last words; return which life it was."""
    await app.live_one()
    life = app.lives.current()
    assert life is not None, "nobody lives after a beat"
    (app.lives.workspace / "note.txt").write_text("something to wipe", encoding="utf-8")
    await look_back(life.memory, app.brain.ask)
    await app.lives.die(cause, app.brain.ask, app.brain.announce)
    await app.outbox.deliver_due()
    return life.number


def main() -> None:
    """Live until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--now", type=parse_rfc3339, required=True)
    parser.add_argument("--settings", type=json.loads, required=True, help="as JSON")
    given = parser.parse_args()
    asyncio.run(live_and_die(given.folder, given.now, given.settings))


if __name__ == "__main__":
    main()
