"""Thoughts of two days, shuffled and without labels, to be judged before anybody looks which day each is of.

    python -m benchmarks.local_day --scripted --answer-seconds 60 --steps 1 --beats 40 --every 2100 --folder AFTER
    git worktree add ../before COMMIT; cp benchmarks/local_day*.py ../before/benchmarks/; there the same --folder BEFORE
    python -m benchmarks.thoughts BEFORE AFTER [--count 40] [--seed 7]         the list
    python -m benchmarks.thoughts BEFORE AFTER [--count 40] [--seed 7] --key   which numbers are of the second folder

Of each day as many thoughts as both have, `--count` at most, equally many apart; before each stands what happened last.
"""

import argparse
from pathlib import Path
from random import Random

from ai.mind.database import open_mind
from ai.mind.journal import read_before

EVENTS_AT_MOST = 100_000
NOTHING = "nothing new"
KINDS = frozenset({"thought", "world.happened", "letter.arrived", "beat.started"})


def thoughts(folder: Path) -> list[str]:
    """Return the thoughts that the beats of a day began with, each after what happened last."""
    mind = open_mind(folder / "data" / "mind.db", read_only=True)
    try:
        events = read_before(mind, None, EVENTS_AT_MOST, KINDS)
    finally:
        mind.close()
    found: list[str] = []
    happened, begun = NOTHING, False
    for event in reversed(events):
        if event.kind == "beat.started":
            begun = True
        elif event.kind == "letter.arrived":
            happened = "a letter"
        elif event.kind == "world.happened" and happened != "a letter":
            happened = str(event.data["text"])
        elif event.kind == "thought" and begun:
            found.append(f"[{happened}] {event.data['text']}")
            happened, begun = NOTHING, False
    return found


def apart(found: list[str], count: int) -> list[str]:
    """Return `count` of them, equally many apart, from the first on."""
    return [found[place * len(found) // count] for place in range(count)]


def main() -> None:
    """Print the list, or its key."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs=2)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--key", action="store_true")
    given = parser.parse_args()
    both = [thoughts(folder) for folder in given.folders]
    count = min(given.count, *(len(found) for found in both))
    mixed = [(text, day) for day, found in enumerate(both) for text in apart(found, count)]
    Random(given.seed).shuffle(mixed)  # noqa: S311 - whoever has the seed can check the order
    if given.key:
        print(", ".join(str(number) for number, (_, day) in enumerate(mixed, 1) if day == 1))
        return
    for number, (text, _) in enumerate(mixed, 1):
        print(f"{number}. {text}")


if __name__ == "__main__":
    main()
