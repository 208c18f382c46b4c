"""How much a memory matters now: recency, importance and relevance, after Park et al. (2023); pure."""

from dataclasses import dataclass

# Park et al., "Generative Agents", section 4.1: the score is the sum of three parts, each scaled to [0, 1]. The paper
# weighs them alike; its released code weighs recency 0.5, relevance 3 and importance 2, and ranks recency upside
# down. Here the newest wins, and the weights are those that recall the most on benchmarks/retrieval.py (found with seed
# 11 of its set, shown with seed 1).
RECENCY_WEIGHT = 0.5
IMPORTANCE_WEIGHT = 1.0
RELEVANCE_WEIGHT = 3.5
MEANING_SHARE = 0.9  # of relevance by embeddings, the rest by words (BM25): names and numbers have little meaning
DECAY_AN_HOUR = 0.995  # the paper's; half is gone in 5.8 days
MAX_IMPORTANCE = 10


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each part counts; all ≥ 0, and `meaning` at most 1."""

    recency: float = RECENCY_WEIGHT
    importance: float = IMPORTANCE_WEIGHT
    relevance: float = RELEVANCE_WEIGHT
    meaning: float = MEANING_SHARE


def recency(age_seconds: float) -> float:
    """Return 1 for a memory formed now, falling by DECAY_AN_HOUR; in [0, 1]. A time to come counts as now."""
    return float(DECAY_AN_HOUR ** (max(0.0, age_seconds) / 3600))


def importance(rating: int) -> float:
    """Return the model's rating of 1 to 10 scaled to [0, 1]."""
    return (min(MAX_IMPORTANCE, max(1, rating)) - 1) / (MAX_IMPORTANCE - 1)


def score(age_seconds: float, rating: int, relevance: float, weights: Weights) -> float:
    """Return the weighted sum; `relevance` is in [0, 1]."""
    return (
        weights.recency * recency(age_seconds) + weights.importance * importance(rating) + weights.relevance * relevance
    )
