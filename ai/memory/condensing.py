"""Condensing: old memories fold into a summary that names its sources, and go whole to the archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ai.asking import Message, Purpose
from ai.llm.said import first_object
from ai.memory.memory import Kind, Memory, tidy
from ai.memory.untrusted import clean
from ai.prompts import render

if TYPE_CHECKING:
    from ai.asking import Ask

GROUP = 50  # memories that fold into one summary; with LINE_CHARS each they fit 4,096 tokens
OLDEST = 2 * GROUP  # of these the less important half folds, so that what matters stays whole for longer
LINE_CHARS = 140
MAX_SUMMARY_CHARS = 800
TELLING = 6  # memories a summary by rule quotes
QUOTED_CHARS = 110
KEPT_WHOLE = frozenset({Kind.FRAGMENT})  # at most ten, and what a life began with
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"summary": {"type": "string", "minLength": 1, "maxLength": MAX_SUMMARY_CHARS}},
    "required": ["summary"],
    "additionalProperties": False,
}


def group(working: Sequence[Memory]) -> list[Memory]:
    """Return the memories that fold next: of the oldest half (at most OLDEST) the less important half, by id.

    `working` is in the order of ids. Empty where there is too little to fold.
    """
    foldable = [memory for memory in working if memory.kind not in KEPT_WHOLE]
    oldest = foldable[: min(OLDEST, len(foldable) // 2)]
    chosen = sorted(oldest, key=lambda memory: (memory.importance, memory.id))[: (len(oldest) + 1) // 2]
    return sorted(chosen, key=lambda memory: memory.id)


def by_rule(memories: Sequence[Memory]) -> str:
    """Return a summary without a model: how many, when, and what the most important ones begin with."""
    telling = sorted(memories, key=lambda memory: (-memory.importance, memory.id))[:TELLING]
    quoted = "; ".join(_short(memory.text) for memory in sorted(telling, key=lambda memory: memory.id))
    return f"{_span(memories)}, {len(memories)} memories: {quoted}"[:MAX_SUMMARY_CHARS]


async def by_model(memories: Sequence[Memory], ask: Ask) -> str | None:
    """Return a summary in the mind's own words, one call under Purpose.REFLECTION; None where no model gave one."""
    messages: list[Message] = [
        {"role": "system", "content": render("condense_system")},
        {
            "role": "user",
            "content": render(
                "condense",
                memories=[{"text": " ".join(clean(memory.text, LINE_CHARS).split())} for memory in memories],
                first_day=f"{memories[0].at:%d %B}",
                last_day=f"{memories[-1].at:%d %B}",
            ),
        },
    ]
    answer = await ask(
        Purpose.REFLECTION,
        messages,
        schema=SCHEMA,
        accept=lambda text: None if parse_summary(text) else 'needed: {"summary": "…"}',
    )
    summary = None if answer is None else parse_summary(answer.text)
    return f"{_span(memories)}: {summary}" if summary else None


def parse_summary(text: str) -> str | None:
    """Return the summary in a reply, or None where it has none."""
    found = (first_object(text) or {}).get("summary")
    summary = " ".join(tidy(found).split())[:MAX_SUMMARY_CHARS] if isinstance(found, str) else ""
    return summary or None


def rating(memories: Sequence[Memory]) -> int:
    """Return a summary's importance: that of its most important source, so that folding never makes less of it."""
    return max(memory.importance for memory in memories)


def _span(memories: Sequence[Memory]) -> str:
    first, last = f"{memories[0].at:%Y-%m-%d}", f"{memories[-1].at:%Y-%m-%d}"
    return f"From {first} to {last}" if first != last else f"On {first}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= QUOTED_CHARS else line[: QUOTED_CHARS - 1] + "…"
