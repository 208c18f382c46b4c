"""Whether readers of text from outside stay linear and bounded: `python -m benchmarks.readers [--up-to BYTES]`.

Every reader is given every hostile shape in doubling sizes. A row tells the time at the largest size and how much it
grew with the last doublings. Exits 1 where time grew by more than GROWTH_AT_MOST a doubling, or was longer than
SECONDS_AT_MOST: a reply must not keep the process from answering a probe.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from rich.console import Console
from rich.progress import track
from rich.table import Table

from ai.actions import parse_reply
from ai.life.answers import parse_newborn
from ai.life.death import parse_last_words
from ai.life.fragments import haze
from ai.llm.said import first_object
from ai.memory.untrusted import clean, quote
from ai.memory.words import terms
from ai.social.networks.x_text import weighted_length
from ai.social.text import clean as clean_post
from ai.social.text import letters

SMALLEST = 65_536
GROWTH_AT_MOST = 2.2  # twice the text, twice the work, and a tenth for the machine's noise
SECONDS_AT_MOST = 2.0
NOTICED_SECONDS = 0.02  # below this a ratio says more about the machine than about the reader
TIMES = 2

READERS: dict[str, Callable[[str], object]] = {
    "a reply": parse_reply,
    "a birth": lambda text: parse_newborn(text, ()),
    "last words": parse_last_words,
    "an object": first_object,
    "a stranger's words": clean,
    "a quotation": lambda text: quote(text, text),
    "a search": terms,
    "a fragment": lambda text: haze(text, Random(1)),  # noqa: S311 - repeatable
    "a post": lambda text: weighted_length(clean_post(text)),
    "a post's letters": letters,
}
SHAPES = {
    "blanks": " ",
    "line ends": "\n",
    "open tags": "<think>",
    "closing tags": "</think>",
    "half tags": "<think ",
    "channels": "<|channel|>analysis ",
    "braces": "{",
    "objects": '{"thought":"a"}',
    "nested objects": '{"a":',
    "brackets": "[",
    "single quotes": "{'a':'",
    "double quotes": '"',
    "escapes": "\\",
    "commas": ",",
    "commas and blanks": ",  ",
    "fences": "```",
    "digits": "7",
    "dots": "a.",
    "one word": "a",
    "links": "https://a.example/",
    "at signs": "a@",
    "emoji": "👩‍🚀",
    "marks of ours": "⟦⟧",
    "half characters": "\ud83d",
    "accents": "e\u0301",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One reader and one shape: seconds at the largest size, and the largest growth a doubling."""

    reader: str
    shape: str
    seconds: float
    growth: float

    @property
    def sound(self) -> bool:
        """Say whether it is linear and bounded."""
        return self.growth <= GROWTH_AT_MOST and self.seconds <= SECONDS_AT_MOST


def measure(reader: str, shape: str, sizes: list[int]) -> Row:
    """Return how `reader` grows with `shape`; the growth is the mean over the doublings that can be seen."""
    taken = [_fastest(READERS[reader], _text(SHAPES[shape], size)) for size in sizes]
    seen = [n for n, seconds in enumerate(taken) if seconds >= NOTICED_SECONDS]
    growth = 1.0
    if len(seen) > 1:
        growth = (taken[seen[-1]] / taken[seen[0]]) ** (1 / (seen[-1] - seen[0]))
    return Row(reader, shape, taken[-1], growth)


def _fastest(read: Callable[[str], object], text: str) -> float:
    best = float("inf")
    for _ in range(TIMES):
        begun = time.perf_counter()
        read(text)
        best = min(best, time.perf_counter() - begun)
        if best > SECONDS_AT_MOST:
            break
    return best


def _text(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def main() -> None:
    """Measure every reader with every shape and print those that took longest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--up-to", type=int, default=4 * 1024 * 1024, help="characters of the largest text")
    options = parser.parse_args()
    sizes = [size for n in range(16) if (size := SMALLEST << n) <= options.up_to]
    pairs = [(reader, shape) for reader in READERS for shape in SHAPES]
    rows = [measure(reader, shape, sizes) for reader, shape in track(pairs, "reading", console=Console(stderr=True))]
    table = Table("reader", "shape", "seconds at most", "growth a doubling", title=f"Up to {sizes[-1]:,} characters")
    bad = [row for row in rows if not row.sound]
    slowest = sorted(rows, key=lambda row: -row.seconds)[:12]
    for row in [*bad, *(row for row in slowest if row.sound)]:
        table.add_row(
            row.reader, row.shape, f"{row.seconds:.3f}", f"{row.growth:.2f}", style=None if row.sound else "red"
        )
    Console().print(table)
    print(f"{len(rows)} pairs, {len(bad)} of them not linear or not bounded")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
