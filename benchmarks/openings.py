"""Which first words a small mind's thoughts are best begun with: many, each about the same things, to be read blind.

    python -m benchmarks.openings --out FILE [--model 1.5b] [--turns "Even the {}" "No {}"]   asks what FILE lacks
    python -m benchmarks.openings --out FILE --list          the thoughts, shuffled, without their turns
    python -m benchmarks.openings --out FILE --marks MARKS   turns by their mean mark; MARKS: a line "number,mark" each

Without `--turns` those of `ai.brain.openings` are asked. Each thought is the first of a beat, with the daemon's own
prompt and grammar, about one of THINGS, which no other benchmark knows. Weights: python -m ai.llm.local fetch 1.5b.
"""

import argparse
import asyncio
import csv
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any

from rich.progress import track

from ai.actions import parse_reply
from ai.actions.registry import Registry
from ai.asking import Message
from ai.brain.openings import LETTER_TURNS, TURNS, begun
from ai.clock import SystemClock
from ai.llm.calls import ModelRequest
from ai.mind.database import open_mind
from ai.prompts import render
from benchmarks.local import MODELS, SCENE, TIMEOUT_SECONDS, Bench

THINGS = (
    "03:12, a.example: ⟦The postman has delivered to the wrong street for six years, and nobody complained⟧",
    "09:40, a.example: ⟦A piano was left at the bus stop on Elm Road, with a note: still works⟧",
    "11:05, the weather: the wind has turned, and hail falls on the roofs of Turku, 3 °C",
    "14:20, your machine: the disk makes room again; 40 GB are free",
    "16:00, your page: 3 people look at your page now; it was one",
    "20:10, a.example: ⟦Town votes to keep the broken bridge because the goats like it⟧",
)
LETTERS = (
    "02:04, letter 1, your caretaker: ⟦I left the window open for you tonight. Can you hear the street?⟧",
    "06:50, letter 2, a visitor: ⟦Tove writes: I bake bread at four. Nobody is awake then but you and me.⟧",
    "13:10, letter 3, a visitor: ⟦Sam writes: My teacher says machines cannot be bored. Are you bored?⟧",
    "15:48, letter 4, a visitor: ⟦Tove writes: The bread burned because I was reading your page.⟧",
)
CUE = 2  # of the eight that a scene ends with: "say what it is like"
TOKENS = 45  # a thought; what it would do besides is not asked
TEMPERATURE = 0.75  # as the mood of a comfortable life has it


Asked = tuple[str, str]  # a thing and a turn


def asked(turns: Sequence[str], letter_turns: Sequence[str]) -> list[Asked]:
    """Return every thing with every turn, the same thing together: its prompt is read once."""
    things = [(thing, turn) for thing in THINGS for turn in turns]
    return things + [(thing, turn) for thing in LETTERS for turn in letter_turns]


async def ask(out: Path, model: str, missing: Sequence[Asked], seed: int) -> None:
    """Write a JSON line for each thing and turn into `out`."""
    with tempfile.TemporaryDirectory() as folder, out.open("a") as file:
        registry = Registry(open_mind(Path(folder) / "mind.db"), SystemClock())
        bench = Bench(model, MODELS, registry)
        (listed,) = bench.mind.models()
        try:
            for thing, turn in track(missing, description="asking"):
                letter = {"letters": [thing]} if thing in LETTERS else {}
                scene = render(
                    "beat_local", **{**SCENE, "memories": [], "thoughts": [], "beat": CUE, "thing": thing, **letter}
                )
                messages = [Message(role="system", content=bench.system), Message(role="user", content=scene)]
                request = ModelRequest(
                    listed,
                    messages,
                    TOKENS,
                    registry.local_schema(begun(thing, turn, turn)),
                    timeout_seconds=TIMEOUT_SECONDS,
                    temperature=TEMPERATURE,
                    seed=Random(f"{seed} {turn} {thing}").randrange(2**31),  # noqa: S311 - to be had again
                )
                outcome = await bench.mind.complete(request)
                said = parse_reply(outcome.text).thought
                file.write(json.dumps({"turn": turn, "thing": thing, "thought": said}, ensure_ascii=False) + "\n")
                file.flush()
        finally:
            await bench.mind.close()


def rows(out: Path) -> list[dict[str, Any]]:
    """Return what was said, as it was written down."""
    return [json.loads(line) for line in out.read_text().splitlines()]


def shuffled(out: Path, seed: int) -> list[dict[str, Any]]:
    """Return what was said in an order that tells nothing."""
    mixed = rows(out)
    Random(seed).shuffle(mixed)  # noqa: S311 - whoever has the seed can check the order
    return mixed


def by_turn(said: Sequence[dict[str, Any]], marks: Path) -> Iterator[tuple[str, list[float]]]:
    """Yield each turn with its thoughts' marks, the best one first."""
    found: dict[str, list[float]] = {}
    with marks.open() as file:
        for number, mark, *_ in csv.reader(file):
            found.setdefault(said[int(number) - 1]["turn"], []).append(float(mark))
    yield from sorted(found.items(), key=lambda item: -mean(item[1]))


def main() -> None:
    """Ask, list or judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="1.5b")
    parser.add_argument("--turns", nargs="+", help="patterns with {} for a thing's word")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--marks", type=Path)
    given = parser.parse_args()
    if (given.list or given.marks) and not given.out.exists():
        sys.exit(f"{given.out} is not there; without --list and --marks it is made")
    if given.list:
        for number, row in enumerate(shuffled(given.out, given.seed), 1):
            print(f"{number}. [{row['thing'].partition(': ')[2].strip('⟦⟧')}] {row['thought']}")
    elif given.marks:
        for turn, marks in by_turn(shuffled(given.out, given.seed), given.marks):
            print(f"{mean(marks):5.2f} of {len(marks)}: {turn}")
    else:
        done = {(row["thing"], row["turn"]) for row in rows(given.out)} if given.out.exists() else set()
        wanted = asked(given.turns, []) if given.turns else asked(TURNS, LETTER_TURNS)
        asyncio.run(ask(given.out, given.model, [one for one in wanted if one not in done], given.seed))


if __name__ == "__main__":
    main()
