"""A day on the embedded model: its figures mean what they say, both variants are lived, and no cut loses them."""

import json
import os
import signal
import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from ai.clock import VirtualClock
from ai.daemon.wiring import open_app
from ai.memory import Kind
from ai.settings.sources import load_settings
from benchmarks.local_day_figures import (
    EXCERPTS,
    ROWS,
    Day,
    Lived,
    Said,
    distinct_2,
    excerpts,
    likeness,
    longest_run,
    measure,
    spread,
    worst_hour,
)
from benchmarks.local_day_life import MOST_RECENT, NO_LOOP_GUARDS, rooms
from tests.brain.lived import START, environment, live
from tests.brain.test_circles import circles
from tests.world.openrouter import FakeOpenRouter

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "benchmarks.local_day")
QUICK = ("--model", "135m", "--steps", "1", "--every", "120", "--json")  # a turn is a newborn's beat, not five
WAIT_SECONDS = 600.0


def letters(texts: Sequence[str]) -> Any:
    """Vectors that are the same for texts with the same first letter, and at right angles for others."""
    return [np.eye(26)[ord(text[0]) - ord("a")] for text in texts]


def day(*thoughts: str, actions: Sequence[str] = (), turns: int = 144) -> Day:
    """A day of one thought a beat, ten minutes apart."""
    chosen = [*actions, *["think"] * (len(thoughts) - len(actions))]
    said = [Said(thought, action) for thought, action in zip(thoughts, chosen, strict=True)]
    lived = [
        Lived(n + 1, f"2026-11-22T{n // 6:02}:{n % 6}0:00.000000Z", None, float(n), [one]) for n, one in enumerate(said)
    ]
    return Day("135m", 1, turns, 4, 600, [], len(lived), 16, None, lived)


def test_pairs_of_words_are_counted_within_a_thought_and_whatever_their_case() -> None:
    assert distinct_2(["The rain falls", "the rain falls", "rain"]) == 2 / 4
    assert distinct_2(["rain", ""]) is None


def test_a_thought_is_compared_with_the_hundred_before_it_and_no_more() -> None:
    assert likeness(["a", "b", "a again"], letters) == [0.0, 0.0, 1.0]
    assert likeness(["a", *["b"] * 100, "a"], letters)[-1] == 0.0
    assert likeness([], letters) == []


def test_actions_spread_from_one_alone_to_all_alike_often() -> None:
    assert spread({"think": 9}, 16) == 0.0
    assert spread({"think": 3, "sleep": 3}, 2) == pytest.approx(1.0)
    assert spread({}, 16) is None
    assert longest_run(["think", "sleep", "sleep", "think"]) == (2, "sleep")
    assert longest_run([]) == (0, None)


def test_an_hour_with_two_thoughts_is_never_the_worst() -> None:
    said = [("2026-11-22T01", True)] * 2 + [("2026-11-22T02", True), ("2026-11-22T02", False), ("2026-11-22T02", False)]
    assert worst_hour(said) == ("02:00", 1 / 3)
    assert worst_hour(said[:2]) == (None, None)


def test_a_day_that_said_less_is_compared_on_as_much() -> None:
    """Fewer words repeat themselves less: a mind that rests must not win by it."""
    figures = measure(day("a b", "c d", "a b", "a b"), letters, compared=2)
    assert (figures.near_same, figures.near_same_of_compared) == (0.5, 0.0)
    assert (figures.distinct_2, figures.distinct_2_of_compared) == (0.5, 1.0)


def test_nothing_lived_yet_is_unknown_and_not_perfect() -> None:
    figures = measure(day(), letters)
    assert (figures.near_same, figures.distinct_2, figures.seconds_a_beat) == (None, None, None)
    assert all(value(figures) for _, value in ROWS)


def test_excerpts_are_chosen_by_rule_from_the_first_to_the_last() -> None:
    whole = day(*[f"{'ab'[n % 2]} {n}" for n in range(100)])
    chosen = excerpts(whole, letters)
    assert len(chosen) == EXCERPTS
    assert [chosen[0]["thought"], chosen[-1]["thought"]] == ["a 0", "b 99"]
    assert [one["thought"] for one in excerpts(day("a", "b"), letters)] == ["a", "b"]
    assert excerpts(day(), letters) == []


def test_only_what_there_is_can_be_left_out() -> None:
    assert rooms("guards, memory") == ["memory", "guards"]
    with pytest.raises(ArgumentTypeError, match="'purse' cannot be left out"):
        rooms("purse")


async def test_without_loop_guards_a_mind_that_circles_remembers_it_all_and_goes_on(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    with FakeOpenRouter(reply=circles, date=clock.now) as provider:
        settings = load_settings(environment(provider, tmp_path, MAX_STEPS_PER_BEAT="2"), tmp_path)
        (settings.data_dir / "credits").mkdir(parents=True)
        async with open_app(settings, clock, loop_guards=NO_LOOP_GUARDS) as app:
            await app.greet()
            beats = await live(app, clock, 4)
            assert [beat.steps for beat in beats] == [2] * 4
            assert app.journal.after(0, 1000, {"brain.circling", "action.refused"}) == []
            life = app.lives.current()
            assert life is not None
            thoughts = [memory for memory in life.memory.recent(100, Kind.THOUGHT) if "drums" in memory.text]
            assert len(thoughts) == 8
            life.memory.weigh(MOST_RECENT)
            last = [memory.id for memory in life.memory.recent(3)]
            assert [memory.id for memory in await life.memory.retrieve("Awake", 3)] == last[::-1]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, cwd=ROOT, timeout=WAIT_SECONDS, check=False
    )


@pytest.mark.local_model
def test_both_variants_are_lived_and_every_figure_is_in_the_table(tmp_path: Path) -> None:
    ended = run(*QUICK, "--beats", "2", "--compare", "--folder", str(tmp_path / "day"))
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert [variant["title"] for variant in told["variants"]] == ["as it is", "without memory and guards"]
    usual, bare = (variant["figures"] for variant in told["variants"])
    for figures in (usual, bare):
        assert (figures["turns_passed"], figures["empty_beats"]) == (2, 0)
        assert figures["beats"] >= 1
        assert figures["tokens_out"] > 0
        assert figures["model_mb"] > 100
    assert (usual["embedder"], bare["embedder"]) == ("all-minilm-l6-v2", None)
    assert usual["own_mb"] < 250
    births = {variant["story"]["first_thought"] for variant in told["variants"]}
    assert len(births) == 1, "sampling is seeded: the same day begins with the same birth"
    table = run("--report", str(tmp_path / "day"))
    assert [name for name, _ in ROWS if name not in table.stdout] == []
    again = run(*QUICK, "--folder", str(tmp_path / "day"))
    assert again.returncode == 1
    assert "there is a day in" in again.stderr


@pytest.mark.local_model
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_day_that_is_cut_short_is_reported(tmp_path: Path, how: signal.Signals) -> None:
    folder = tmp_path / "day"
    with subprocess.Popen(
        [*COMMAND, *QUICK, "--folder", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        next(line for line in process.stderr if "beat 1," in line)
        lives = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, how)
        said = process.stdout.read()
    gone, alive = psutil.wait_procs(lives, timeout=WAIT_SECONDS)
    assert gone
    assert not alive, "nobody goes on living where nobody waits"
    if how is signal.SIGKILL:
        assert said == ""
        said = run("--report", str(folder), "--json").stdout
    else:
        assert process.returncode == 0
    (variant,) = json.loads(said)["variants"]
    assert 1 <= variant["figures"]["turns_passed"] < variant["figures"]["turns"] == 144
    assert variant["excerpts"]


@pytest.mark.local_model
def test_several_seeds_are_lived_one_after_the_other_and_shown_side_by_side(tmp_path: Path) -> None:
    """One day says little of a mind: what a life is about differs more than the figures."""
    ended = run(*QUICK, "--scripted", "--beats", "1", "--seeds", "2", "--folder", str(tmp_path / "days"))
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert [variant["title"] for variant in told["variants"]] == ["as it is, seed 1", "as it is, seed 2"]
    assert all(variant["figures"]["thoughts"] for variant in told["variants"])
