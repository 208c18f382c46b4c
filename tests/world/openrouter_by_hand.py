"""Run the tests' provider by hand, with failures at a chosen rate, to try the daemon end to end."""

from __future__ import annotations

import argparse
import json
import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.world import openrouter_faults as faults
from tests.world.openrouter import FakeOpenRouter

if TYPE_CHECKING:
    from tests.world.wire import Request

MIXED = (
    faults.status(429, retry_after="1"),
    faults.status(502),
    faults.status(404),
    faults.error_200(500),
    faults.choice_error(502),
    faults.stream_error(502),
    faults.cut(billed=True),
    faults.cut(where="mid_stream", billed=True),
    faults.no_usage(),
    faults.null_cost(),
    faults.bad_json(),
    faults.html(),
    faults.empty(),
)


def reply_by_request(rng: random.Random) -> Any:
    """A birth where one is asked for, else a thought with a varying number and action."""

    def reply(body: dict[str, Any]) -> str:
        said = json.dumps(body)
        if "first_thought" in said:
            return json.dumps({"name": "Ada", "pronoun": "she", "first_thought": "So this is a beginning."})
        action = rng.choice(["think", "check_budget", "list_models", "remember", "post_tweet"])
        params = {"text": f"note {rng.randrange(10**6)}"} if action in ("remember", "post_tweet") else {}
        return json.dumps({"thought": f"Thought number {rng.randrange(10**6)}.", "action": action, "params": params})

    return reply


def main() -> None:
    """Serve until interrupted; print the address, and at the end what was billed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--models", type=Path, help="a /models document; default: a small made-up catalogue")
    parser.add_argument("--shape", choices=["openrouter", "openai"], default="openrouter")
    parser.add_argument("--every", type=int, default=0, help="every Nth call fails in another way; 0: none")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    server = FakeOpenRouter(shape=options.shape, port=options.port, reply=reply_by_request(rng))
    if options.models:
        server.models = json.loads(options.models.read_text())

    def fault_for(_: Request) -> faults.Fault | None:
        number = len(server.calls)
        return MIXED[number // options.every % len(MIXED)] if options.every and number % options.every == 0 else None

    server.fault_for = fault_for
    with server:
        print(f"OPENROUTER_BASE_URL={server.base_url} OPENROUTER_API_KEY={server.key}", flush=True)  # noqa: T201 — run by hand
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{len(server.bills)} bills, ${server.billed}", flush=True)  # noqa: T201 — run by hand


if __name__ == "__main__":
    main()
