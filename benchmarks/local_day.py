"""A day on the embedded model, judged: does it repeat itself, what does it do, what does it take; and excerpts by rule.

    python -m benchmarks.local_day [--model 1.5b] [--beats 144] [--seed 1] [--without memory,guards] [--json]
    python -m benchmarks.local_day --compare [in-turn] …   the day as it is and the same one without, side by side
    python -m benchmarks.local_day --seeds 3 …             as many days one after the other, from --seed on
    python -m benchmarks.local_day --report FOLDER         what was lived in the --folder of a run, ended or not

Without memory, what comes to mind is what was last, and there are no embeddings; without guards every thought is
remembered, none refused, nobody is made to rest, no beat is cut short, no loop broken. Each variant lives the same
hours, a turn every ten minutes or `--every` so many seconds, in a process of its own; a rest or a sleep takes the turns
that it covers, as it does in life. Because fewer words repeat themselves less, variants are compared on as many
thoughts as the shortest said.
Sampling is seeded for each call, so both begin with the same birth. Ctrl-C ends the day and shows the figures so far.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from ai.life import documents, queries, render
from ai.llm.local.model_store import default_shelves
from ai.llm.local.table import WEIGHTS, named
from ai.llm.local.weights import find
from ai.memory.embeddings import load
from ai.mind.database import open_mind
from benchmarks.local_day_figures import ROWS, Day, Figures, Vectors, day_of, excerpts, measure, title
from benchmarks.local_day_life import RECORD, ROOMS, add_day

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / ".cache/models"
STOP_SECONDS = 15.0  # a variant that is told to end has written down all but the beat in hand
LINE_BYTES = 1_000_000
CHILD = "benchmarks.local_day_life"


def with_weights(model: str) -> Vectors:
    """Return what makes vectors of texts; fetches the weights of `model` and of MiniLM where they are not on disk."""
    os.environ.setdefault("GENESIS_MODELS_DIR", str(MODELS))
    names = [name for name in (model, "minilm") if name in WEIGHTS]
    lacking = [name for name in names if not any(find(weight, default_shelves()) for weight in named(name))]
    if lacking:
        command = [sys.executable, "-m", "ai.llm.local", "fetch", *lacking, "--to", os.environ["GENESIS_MODELS_DIR"]]
        if (code := subprocess.run(command, check=False, cwd=ROOT).returncode) != 0:
            sys.exit(code)
    paths = find(WEIGHTS["minilm"], default_shelves())
    assert paths is not None, "it was just fetched"
    network = load(*paths)
    return lambda texts: [network.vector(text) for text in texts]


class Run:
    """The variants of one run, each a process that lives its day in a folder of its own."""

    def __init__(self, variants: Sequence[tuple[Path, Sequence[str], int]], options: argparse.Namespace) -> None:
        self._variants, self._options = variants, options

    async def live(self, tell: Callable[[int, dict[str, Any]], None], *, at_once: bool) -> bool:
        """Live them; `tell` hears of each beat by the variant's place. Return whether all ended well."""
        if at_once:
            return all(await asyncio.gather(*(self._one(place, tell) for place in range(len(self._variants)))))
        return all([await self._one(place, tell) for place in range(len(self._variants))])

    async def _one(self, place: int, tell: Callable[[int, dict[str, Any]], None]) -> bool:
        (folder, without, seed), given = self._variants[place], self._options
        numbers = ("--beats", given.beats, "--every", given.every, "--steps", given.steps, "--seed", seed)
        world = ("--answer-seconds", given.answer_seconds, *(["--scripted"] if given.scripted else []))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", CHILD, folder.resolve(), "--model", given.model),
            *(*map(str, (*numbers, *world)), "--without", ",".join(without)),
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is for this process, which then ends the others
        )
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                tell(place, json.loads(line))
            return await process.wait() == 0
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process that still runs; what it wrote down stays."""
    if process.returncode is None:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()


@contextlib.contextmanager
def progress(titles: Sequence[str], turns: int) -> Iterator[Callable[[int, dict[str, Any]], None]]:
    """Yield what shows a beat: a bar a variant in a terminal, a line a beat elsewhere."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bars:
        tasks = [bars.add_task(title, total=turns) for title in titles]

        def tell(place: int, news: dict[str, Any]) -> None:
            bars.update(tasks[place], completed=news["turns"])
            if not console.is_terminal or not news["turns"]:
                console.print(Text(f"{titles[place]}: {news['line']}"), soft_wrap=True)

        yield tell


def lived(folder: Path) -> list[tuple[Path, Day]]:
    """Return the days that were written down in `folder` or one below it, the one as it is first, each with its own."""
    records = sorted(folder.rglob(RECORD))
    return [(record.parent, day_of(json.loads(record.read_text()))) for record in records]


def report(days: Sequence[tuple[Path, Day]], vectors: Vectors) -> dict[str, Any]:
    """Return all that is known of the days."""
    compared, several = min((len(day.said()) for _, day in days), default=0), len({day.seed for _, day in days}) > 1
    return {
        "compared_thoughts": compared,
        "variants": [
            {
                "title": called(day.without, day.seed, several),
                "model": day.model,
                "seed": day.seed,
                "without": day.without,
                "figures": asdict(measure(day, vectors, compared)),
                "excerpts": excerpts(day, vectors),
                "story": documents.story(_story(folder)),
            }
            for folder, day in days
        ],
    }


def show(days: Sequence[tuple[Path, Day]], told: dict[str, Any]) -> None:
    """Print the table, then each variant's excerpts and story."""
    console, variants, (_, first) = Console(), told["variants"], days[0]
    found = sorted({day.seed for _, day in days})
    seeds = f"seed{'s' if len(found) > 1 else ''} {', '.join(map(str, found))}"
    table = Table(
        title=f"{first.turns} turns of {first.interval_seconds / 60:g} minutes on {first.model}, {seeds}",
        title_justify="left",
    )
    table.add_column("what", no_wrap=True)
    for variant in variants:
        table.add_column(variant["title"], overflow="fold")
    measured = [Figures(**variant["figures"]) for variant in variants]
    for name, value in ROWS:
        table.add_row(name, *(Text(value(figures)) for figures in measured))
    console.print(table)
    for (folder, _), variant in zip(days, variants, strict=True):
        console.print(f"\n[bold]{variant['title']}[/]: thoughts from first to last, equally many apart", soft_wrap=True)
        for one in variant["excerpts"]:
            mark = f"{one['at'][11:16]} ({one['action']}; {one['likeness']:.0%} like one before)"
            console.print(Text(f"{mark} {one['thought']}"), soft_wrap=True)
        console.print(render.story(_story(folder)))


def called(without: Sequence[str], seed: int, several: bool) -> str:  # noqa: FBT001 - says what the name must tell
    """Return what a day is called: by what it is without, and where there are `several` seeds by its own."""
    return f"{title(without)}, seed {seed}" if several else title(without)


def _story(folder: Path) -> queries.Story:
    mind = open_mind(folder / "data" / "mind.db", read_only=True)
    try:
        return queries.story(mind, 1)
    finally:
        mind.close()


def live(folder: Path, given: argparse.Namespace) -> bool:
    """Live the variants in `folder`; return whether all ended well. Ctrl-C and SIGTERM end them, and are no fault."""
    if lived(folder):
        sys.exit(f"there is a day in {folder} already; show it with --report {folder}, or give another --folder")
    without = given.without or list(ROOMS)
    seeds = range(given.seed, given.seed + given.seeds)
    variants = []
    for seed in seeds:
        place = folder / f"seed-{seed}" if given.seeds > 1 else folder
        each = [(place / "as-it-is", []), (place / "without", without)] if given.compare else [(place, given.without)]
        variants += [(where, what, seed) for where, what in each]
    at_once = given.compare == "at-once" and given.seeds == 1
    sys.stderr.write(f"kept in {folder}; if this is cut short: python -m benchmarks.local_day --report {folder}\n")
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell that starts it in the background has the first ignored
        signal.signal(number, signal.default_int_handler)
    try:
        with progress([called(what, seed, given.seeds > 1) for _, what, seed in variants], given.beats) as tell:
            return asyncio.run(Run(variants, given).live(tell, at_once=at_once))
    except KeyboardInterrupt:
        return True


def main() -> None:
    """Live what is asked for, or look at what was lived, and show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_day(parser)
    parser.add_argument("--compare", nargs="?", const="at-once", choices=("at-once", "in-turn"))
    parser.add_argument("--seeds", type=int, default=1, help="so many days, one after the other")
    parser.add_argument("--folder", type=Path, help="where the day is lived and kept; without it, removed at the end")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="live nothing; show what was lived there")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = given.report or given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        vectors = with_weights("minilm" if given.report else given.model)
        well = True if given.report else live(folder, given)
        days = lived(folder)
        if not days:
            sys.exit(f"no beat was lived in {folder}")
        told = report(days, vectors)
        if given.json:
            print(json.dumps(told, ensure_ascii=False))
        else:
            show(days, told)
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
