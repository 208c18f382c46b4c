"""Which models are never asked, and why: rules over the id and what the listing says of it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

TEXT = "text"

# Models that search by themselves bill each search on top of the tokens (DESIGN, "The bound of a call").
# "*search*" takes in "deep-research"; it is held against the model's own name, or nousresearch would be out whole.
SEARCHES = ("*search*",)
SEARCHING_MAKER = "perplexity"

# Routers and aliases answer with whichever model they like: neither price nor quality is known beforehand.
ROUTES = ("openrouter/auto", "openrouter/free", "openrouter/bodybuilder", "openrouter/pareto-code", "switchpoint/*")

EMBEDS = ("*embedding*", "*embed-*", "*-embed")

# Variants after a colon that chat does not answer (404, "only available through the Batch API") or that search.
BATCH, ONLINE = "batch", "online"

# Models whose reasoning has no off switch: OpenRouter answers 400 "Reasoning is mandatory for this endpoint and
# cannot be disabled" (reported for these families), and reasoning beyond max_tokens was reported too.
ALWAYS_REASONS = (
    "*:thinking",
    "*-thinking",
    "*-thinking-*",
    "*-think",
    "*reasoning*",
    "*deepseek-r1*",
    "*-r1t*",
    "openai/o[134]",
    "openai/o[134]-*",
    "openai/gpt-5",
    "openai/gpt-5-mini",
    "openai/gpt-5-nano",
    "openai/gpt-5*-pro",
    "openai/gpt-5*-codex*",
    "openai/gpt-oss-*",
    "google/gemini-*-pro*",
    "minimax/minimax-m[12]",
    "minimax/minimax-m[12].*",
    "x-ai/grok-4",
    "x-ai/grok-3-mini*",
    "x-ai/grok-code-*",
)


def why_never(model_id: str, reads: Collection[str], answers: Collection[str]) -> str | None:
    """Return why this model is not asked even for nothing, or None.

    `reads` and `answers` are its modalities; empty where the listing does not say, which counts as text.
    """
    name = model_id.lower()
    maker, _, own_name = name.rpartition("/")
    variants = own_name.split(":")[1:]
    reasons = {
        "it is for the Batch API alone; chat does not answer it": BATCH in variants,
        f"it reads {', '.join(sorted(reads))}, not text": bool(reads) and TEXT not in reads,
        f"it answers in {', '.join(sorted(answers))}, not in text alone": bool(answers) and set(answers) != {TEXT},
        "it makes embeddings, not text": _matches(own_name, EMBEDS),
        "it is an alias: which model answers, and at what price, can change": name.startswith("~"),
        "it is a router: which model answers is not known beforehand": _matches(name, ROUTES),
        "it searches by itself, and searches are billed on top": maker == SEARCHING_MAKER
        or _matches(own_name, SEARCHES)
        or ONLINE in variants,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def always_reasons(model_id: str, mandatory: object = None) -> bool:
    """Return whether this model's reasoning cannot be switched off: as its listing says, else as far as is known.

    `mandatory` is the listing's `reasoning.mandatory`; what is no truth value says nothing.
    """
    if isinstance(mandatory, bool):
        return mandatory
    return _matches(model_id.lower().removesuffix(":free"), ALWAYS_REASONS)


def _matches(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
