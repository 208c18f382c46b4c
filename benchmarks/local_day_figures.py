"""What a lived day is measured by: the record of its beats, and the figures that are made of it; pure.

A thought counts as *near-same* where its cosine (MiniLM) to one of the WINDOW before it is ALIKE_IN_MEANING or more:
of all that the model said, refused or not, so that every variant is judged alike.
"""

import itertools
import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ai.brain.brain import BEAT_SECONDS_AT_MOST
from ai.memory.similarity import ALIKE_IN_MEANING, WINDOW

WORST_HOUR_THOUGHTS = 3  # an hour with fewer says nothing: one repetition would make it the worst
EXCERPTS = 12
Vectors = Callable[[Sequence[str]], Any]  # texts → one row of length 1 a text


@dataclass(slots=True)
class Said:
    """One step as the model answered it: what it thought, and the action that it chose."""

    thought: str
    action: str


@dataclass(slots=True)
class Lived:
    """One beat. `at` is RFC 3339 in the day's own time, `seconds` the machine's, `cpu_seconds` ours and the model's.

    Memory is in MB (RSS).
    """

    number: int
    at: str
    problem: str | None
    seconds: float
    said: list[Said] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    reflections: int = 0
    insights: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    rested_seconds: float = 0.0
    slept_seconds: float = 0.0
    cpu_seconds: float = 0.0
    own_mb: float = 0.0
    model_mb: float = 0.0


@dataclass(slots=True)
class Day:
    """A day so far: what was asked for, and every beat that was lived."""

    model: str
    seed: int
    turns: int
    steps: int
    interval_seconds: int
    without: list[str]
    turns_passed: int = 0
    actions_known: int = 0
    embedder: str | None = None
    beats: list[Lived] = field(default_factory=list)
    scripted: bool = False
    answer_seconds: float = 0.0

    def said(self) -> list[tuple[Lived, Said]]:
        """Return every thought with words in it, in order, with its beat."""
        return [(beat, said) for beat in self.beats for said in beat.said if said.thought]


def title(without: Sequence[str]) -> str:
    """Return what a variant is called."""
    return f"without {' and '.join(without)}" if without else "as it is"


def day_of(document: Mapping[str, Any]) -> Day:
    """Return the day that `dataclasses.asdict` wrote."""
    beats = [Lived(**{**beat, "said": [Said(**said) for said in beat["said"]]}) for beat in document["beats"]]
    return Day(**{**document, "beats": beats})


@dataclass(frozen=True, slots=True)
class Figures:
    """The measured day; shares are of 1, None where there was nothing to measure. Its fields are the JSON's."""

    turns: int
    turns_passed: int
    beats: int
    empty_beats: int
    thoughts: int
    steps_a_beat: float | None
    distinct_2: float | None
    near_same: float | None
    compared_thoughts: int
    distinct_2_of_compared: float | None
    near_same_of_compared: float | None
    worst_hour: str | None
    worst_hour_near_same: float | None
    action_spread: float | None
    actions: dict[str, int]
    refused_a_step: float | None
    refusals: dict[str, int]
    longest_run: int
    longest_run_of: str | None
    posts: int
    near_same_posts: int
    reflections: int
    insights: int
    rested_minutes: float
    slept_minutes: float
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    seconds_a_beat: float | None
    seconds_a_beat_p95: float | None
    cpu_seconds_a_beat: float | None
    beats_over_limit: int
    embedder: str | None
    own_mb: float
    model_mb: float


def measure(day: Day, vectors: Vectors, compared: int | None = None) -> Figures:
    """Return a day's figures; `compared` is how many thoughts those that shrink with more text look at (None: all)."""
    beats, said = day.beats, day.said()
    thoughts = [one.thought for _, one in said]
    near = [found >= ALIKE_IN_MEANING for found in likeness(thoughts, vectors)]
    first = len(thoughts) if compared is None else min(compared, len(thoughts))
    steps = [one.action for beat in beats for one in beat.said]
    refusals = Counter(reason for beat in beats for reason in beat.refusals)
    posts = [post for beat in beats for post in beat.posts]
    hour, worst = worst_hour([(beat.at[:13], found) for (beat, _), found in zip(said, near, strict=True)])
    run, run_of = longest_run(steps)
    seconds = sorted(beat.seconds for beat in beats)
    return Figures(
        turns=day.turns,
        turns_passed=day.turns_passed,
        beats=len(beats),
        empty_beats=sum(not beat.said for beat in beats),
        thoughts=len(thoughts),
        steps_a_beat=_ratio(len(steps), len(beats)),
        distinct_2=distinct_2(thoughts),
        near_same=_ratio(sum(near), len(near)),
        compared_thoughts=first,
        distinct_2_of_compared=distinct_2(thoughts[:first]),
        near_same_of_compared=_ratio(sum(near[:first]), first),
        worst_hour=hour,
        worst_hour_near_same=worst,
        action_spread=spread(Counter(steps), day.actions_known),
        actions=dict(Counter(steps).most_common()),
        refused_a_step=_ratio(refusals.total(), len(steps)),
        refusals=dict(refusals.most_common()),
        longest_run=run,
        longest_run_of=run_of,
        posts=len(posts),
        near_same_posts=sum(found >= ALIKE_IN_MEANING for found in likeness(posts, vectors)),
        reflections=sum(beat.reflections for beat in beats),
        insights=sum(beat.insights for beat in beats),
        rested_minutes=sum(beat.rested_seconds for beat in beats) / 60,
        slept_minutes=sum(beat.slept_seconds for beat in beats) / 60,
        tokens_in=sum(beat.tokens_in for beat in beats),
        tokens_cached=sum(beat.tokens_cached for beat in beats),
        tokens_out=sum(beat.tokens_out for beat in beats),
        seconds_a_beat=statistics.median(seconds) if seconds else None,
        seconds_a_beat_p95=seconds[min(len(seconds) - 1, int(len(seconds) * 0.95))] if seconds else None,
        cpu_seconds_a_beat=statistics.median(beat.cpu_seconds for beat in beats) if beats else None,
        beats_over_limit=sum(taken > BEAT_SECONDS_AT_MOST for taken in seconds),
        embedder=day.embedder,
        own_mb=max((beat.own_mb for beat in beats), default=0.0),
        model_mb=max((beat.model_mb for beat in beats), default=0.0),
    )


ROWS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("turns of the day passed", lambda f: f"{f.turns_passed} of {f.turns}"),
    ("beats lived", lambda f: f"{f.beats}"),
    ("empty beats", lambda f: f"{f.empty_beats}"),
    ("minutes rested / slept by choice", lambda f: f"{f.rested_minutes:.0f} / {f.slept_minutes:.0f}"),
    ("thoughts", lambda f: f"{f.thoughts}"),
    ("steps a beat", lambda f: _number(f.steps_a_beat)),
    ("distinct-2", lambda f: _number(f.distinct_2)),
    ("near-same thoughts", lambda f: _share(f.near_same)),
    ("compared: the first thoughts", lambda f: f"{f.compared_thoughts}"),
    ("  distinct-2 of them", lambda f: _number(f.distinct_2_of_compared)),
    ("  near-same among them", lambda f: _share(f.near_same_of_compared)),
    ("near-same in the worst hour", lambda f: _share(f.worst_hour_near_same, f.worst_hour)),
    ("spread of actions, of 1", lambda f: _number(f.action_spread)),
    ("actions", lambda f: _counts(f.actions)),
    ("refusals a step", lambda f: _share(f.refused_a_step)),
    ("  for", lambda f: _counts(f.refusals)),
    ("longest run of one action", lambda f: f"{f.longest_run} × {f.longest_run_of}" if f.longest_run else "–"),
    ("posts (dry run) / near-same", lambda f: f"{f.posts} / {f.near_same_posts}"),
    ("reflections / insights", lambda f: f"{f.reflections} / {f.insights}"),
    ("tokens in (reused) / out", lambda f: f"{f.tokens_in:,} ({f.tokens_cached:,}) / {f.tokens_out:,}"),
    ("seconds a beat: median / p95", lambda f: f"{_number(f.seconds_a_beat)} / {_number(f.seconds_a_beat_p95)}"),
    ("CPU seconds a beat: median", lambda f: _number(f.cpu_seconds_a_beat)),
    (f"beats over {BEAT_SECONDS_AT_MOST:.0f} s", lambda f: f"{f.beats_over_limit}"),
    ("embeddings", lambda f: f.embedder or "none"),
    ("daemon's process, MB at most", lambda f: f"{f.own_mb:.0f}"),
    ("model's process, MB at most", lambda f: f"{f.model_mb:.0f}"),
)


def likeness(texts: Sequence[str], vectors: Vectors) -> list[float]:
    """Return for each text its cosine to the most alike of the WINDOW before it; 0 for the first."""
    if not texts:
        return []
    rows = vectors(texts)
    return [
        max((float(rows[number] @ rows[earlier]) for earlier in range(max(0, number - WINDOW), number)), default=0.0)
        for number in range(len(texts))
    ]


def distinct_2(texts: Sequence[str]) -> float | None:
    """Return how many of all pairs of neighbouring words are different ones (Li et al., 2016); None without pairs."""
    pairs = [pair for text in texts for pair in itertools.pairwise(re.findall(r"\w+", text.lower()))]
    return _ratio(len(set(pairs)), len(pairs))


def spread(counts: Mapping[str, int], known: int) -> float | None:
    """Return the entropy of the actions, divided by that of all `known` ones taken equally often."""
    total = sum(counts.values())
    if total == 0 or known < 2:
        return None
    return sum(-count / total * math.log(count / total) for count in counts.values()) / math.log(known)


def longest_run(steps: Sequence[str]) -> tuple[int, str | None]:
    """Return how often in a row one action was chosen at most, and which."""
    runs = [(len(list(group)), action) for action, group in itertools.groupby(steps)]
    return max(runs, key=lambda run: run[0], default=(0, None))


def worst_hour(near: Sequence[tuple[str, bool]]) -> tuple[str | None, float | None]:
    """Return the hour with the largest share of near-same thoughts, and that; of those with enough to say so."""
    hours = {hour: [found for _, found in group] for hour, group in itertools.groupby(near, key=lambda one: one[0])}
    shares = {hour: sum(one) / len(one) for hour, one in hours.items() if len(one) >= WORST_HOUR_THOUGHTS}
    worst = max(shares, key=lambda hour: shares[hour], default=None)
    return (None, None) if worst is None else (f"{worst[11:13]}:00", shares[worst])


def excerpts(day: Day, vectors: Vectors) -> list[dict[str, Any]]:
    """Return EXCERPTS thoughts by rule: from the first to the last, equally many apart."""
    said = day.said()
    alike = likeness([one.thought for _, one in said], vectors)
    places = sorted({round(place * (len(said) - 1) / (EXCERPTS - 1)) for place in range(EXCERPTS)}) if said else []
    return [
        {
            "at": said[place][0].at,
            "thought": said[place][1].thought,
            "action": said[place][1].action,
            "likeness": round(alike[place], 3),
        }
        for place in places
    ]


def told(beat: Lived) -> str:
    """Return a beat in one line."""
    last = beat.said[-1] if beat.said else None
    what = beat.problem or "nothing" if last is None else f"{last.action}: {' '.join(last.thought.split())}"
    at = datetime.fromisoformat(beat.at)
    return f"{at:%H:%M} beat {beat.number}, {len(beat.said)} step(s), {beat.seconds:.1f} s, {what[:100]}"


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _share(value: float | None, where: str | None = None) -> str:
    return "–" if value is None else f"{value:.1%}" + (f" ({where})" if where else "")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "–"
