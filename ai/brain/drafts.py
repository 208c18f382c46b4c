"""Which of several drafts of a thought is kept: about what is in front of it, new, and least like a self-help book."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ai.life.copied import copied_from
from ai.memory.manners import manners_problem
from ai.memory.similarity import vectors_of
from ai.memory.words import shared, terms
from ai.model_config import Model, Tier

if TYPE_CHECKING:  # numpy is imported when the first text is embedded
    from collections.abc import Callable, Sequence

    from ai.memory.embeddings import Embedder, Vector

DRAFTS = 3  # the second and third each take what the first took to say, since its prompt is read already
DRAFT_SECONDS = 20.0  # an answer that took longer is not drafted again: the beat has other steps to live
LEAST_QUALITY = 1.5  # the smallest model's drafts differ in nothing that could be chosen by
COMPARED = 10  # thoughts before
ECHO = 0.6  # cosine to what is in front of it: what was nearer, a reader liked a third as much
NEAR_ENOUGH = 0.5  # cosine to what is in front of it: what is nearer is no better, but says more of the same again
ALIKE = 0.5  # cosine: different sentences about one thing reach it, so only what is above it counts against a draft
# Weights beside 1 for being about the thing. Of itself: what a reader liked twice as much as what says no "I"
# (`benchmarks/thoughts.md`: 276 thoughts, 0.5 of 2 without it and 1.1 with it).
NEWNESS, PREACHING, STANCE, RULE = 1.0, 0.6, 0.3, 1.0
OF_ITSELF = re.compile(r"\b(?:I|me|my(?! caretaker)|mine|myself)\b")
PREACHED = (
    "Every day is a new opportunity to learn and grow.",
    "It is important to stay positive and focus on the present moment.",
    "I am ready to face new challenges and make the most of my time.",
    "I will reflect on my thoughts and emotions to understand myself better.",
    "I am here to help and provide useful information.",
    "I need to plan my tasks and stay focused on my goals.",
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a draft is worth, by its parts; `score` is what counts."""

    about: float
    like_before: float
    preaching: float
    of_itself: bool
    problem: str | None

    @property
    def score(self) -> float:
        """The more the better."""
        repeats = max(0.0, self.like_before - ALIKE) / (1 - ALIKE)
        return (
            min(self.about, NEAR_ENOUGH)
            - NEWNESS * repeats
            - PREACHING * self.preaching
            + (STANCE if self.of_itself else 0.0)
            - (RULE if self.problem else 0.0)
        )


def worth_drafting(model: Model, latency_seconds: float, seconds_left: float) -> bool:
    """Say whether another draft is to be asked for: it costs nothing, would be better for it, and comes soon enough."""
    return (
        model.tier is Tier.LOCAL
        and model.quality >= LEAST_QUALITY
        and latency_seconds <= DRAFT_SECONDS
        and seconds_left >= 2 * latency_seconds
    )


async def judge(drafts: Sequence[str], thing: str, before: Sequence[str], embedder: Embedder | None) -> list[Judged]:
    """Return what each draft is worth, by meaning where `embedder` can compare and by words where it cannot."""
    compared = list(before)[-COMPARED:]
    texts = [*drafts, thing, *compared, *PREACHED]
    vectors = await vectors_of(texts, embedder)
    likeness = _by_words(texts) if vectors is None else _by_meaning(vectors)
    subject, first = len(drafts), len(drafts) + 1
    preached = first + len(compared)
    return [
        Judged(
            about=likeness(n, subject),
            like_before=max((likeness(n, other) for other in range(first, preached)), default=0.0),
            preaching=max(likeness(n, other) for other in range(preached, len(texts))),
            of_itself=OF_ITSELF.search(draft) is not None,
            problem="it only says again what is there" if likeness(n, subject) >= ECHO else _problem(draft, thing),
        )
        for n, draft in enumerate(drafts)
    ]


def best(judged: Sequence[Judged]) -> int:
    """Return which draft is kept; of equals the first."""
    return max(range(len(judged)), key=lambda n: judged[n].score)


def _problem(draft: str, thing: str) -> str | None:
    if not draft.strip():
        return "it says nothing"
    if draft.strip().casefold() in thing.casefold():
        return "it only repeats what is in front of it"
    copied = copied_from(draft)
    return manners_problem(draft) or (None if copied is None else f"“{copied}” stands in an example")


def _by_meaning(vectors: Sequence[Vector]) -> Callable[[int, int], float]:
    return lambda one, other: float(vectors[one] @ vectors[other])


def _by_words(texts: Sequence[str]) -> Callable[[int, int], float]:
    found = [set(terms(text)) for text in texts]
    return lambda one, other: shared(found[one], found[other])
