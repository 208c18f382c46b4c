"""Thoughts of two days, shuffled and without labels, to be judged before anybody looks which day each is of.

    python -m benchmarks.local_day --scripted --answer-seconds 60 --steps 1 --beats 40 --every 2100 --folder AFTER
    git worktree add ../before COMMIT; there the same, with benchmarks/local_day*.py of its time, --folder BEFORE
    python -m benchmarks.thoughts BEFORE AFTER [--count 40] [--seed 7]         the list
    python -m benchmarks.thoughts BEFORE AFTER [--count 40] [--seed 7] --key   which numbers are of the second folder

Of each day as many thoughts as both have, `--count` at most, equally many apart; before each stands what happened last.
"""

import argparse
import contextlib
import json
import sqlite3
from pathlib import Path
from random import Random

NOTHING = "nothing new"
LETTERS = frozenset({"letter.arrived", "caretaker.message"})


def thoughts(folder: Path) -> list[str]:
    """Return the thoughts that the beats of a day began with, each after what happened last."""
    path = (folder / "data" / "mind.db").resolve()
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as mind:  # of any version
        events = mind.execute("SELECT kind, data FROM events ORDER BY seq").fetchall()
    found: list[str] = []
    happened, begun = NOTHING, False
    for kind, data in events:
        if kind == "beat.started":
            begun = True
        elif kind in LETTERS:
            happened = f"letter: {json.loads(data)['text']}"
        elif kind == "world.happened" and not happened.startswith("letter"):
            happened = json.loads(data)["text"]
        elif kind == "thought" and begun:
            found.append(f"[{happened}] {json.loads(data)['text']}")
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
