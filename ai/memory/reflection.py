"""Reflection after Park et al.: when enough has happened, ask what it means, and keep insights with their evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ai.asking import Message, Purpose
from ai.clock import parse_rfc3339, rfc3339
from ai.llm.said import first_object
from ai.memory.manners import manners_problem
from ai.memory.memory import USUAL_IMPORTANCE, Kind, Memory, clamp_importance, tidy
from ai.memory.untrusted import clean
from ai.memory.words import terms
from ai.prompts import render

if TYPE_CHECKING:
    from ai.asking import Ask
    from ai.memory.similarity import SimilarityGuard
    from ai.memory.stream import MemoryStream

IMPORTANCE_THRESHOLD = 150  # Park et al., section 4.2; at the usual 3 a thought it is some 50 thoughts
DAILY = timedelta(days=1)
LEAST_GAP = timedelta(hours=1)  # also after a failed try, so that a day of outage is not a day of tries
LEAST_MEMORIES = 5  # fewer have no meaning beyond themselves
LOOKED_AT = 40  # of the latest memories; with LINE_CHARS each they fit the embedded model's 4,096 tokens
LINE_CHARS = 160
QUESTIONS = 3  # as in the paper
EVIDENCE_A_QUESTION = 7
MAX_INSIGHTS = 5
MAX_INSIGHT_CHARS = 400
REPEATS = 0.75  # so many of its words in one memory that it was shown: it only says again what happened
STATE = "reflected"

QUESTIONS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "questions": {
            "type": "array",
            "items": {"type": "string", "maxLength": 200},
            "minItems": 1,
            "maxItems": QUESTIONS,
        }
    },
    "required": ["questions"],
    "additionalProperties": False,
}
INSIGHTS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "insights": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_INSIGHTS,
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string", "maxLength": MAX_INSIGHT_CHARS},
                    "because": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 8},
                    "importance": {"type": "integer", "minimum": 1, "maximum": 10},
                },
                "required": ["text", "because", "importance"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["insights"],
    "additionalProperties": False,
}


def due(memories: Sequence[Memory], state: Mapping[str, Any], born_at: datetime, now: datetime) -> bool:
    """Return whether it is time: enough importance since the last reflection, or a day and something new.

    `state` is what the last one left in the life's file: `upto` (a memory's id) and `at` (when it was tried).
    """
    since, waited = _since(memories, state), _waited(state, born_at, now)
    if len(since) < LEAST_MEMORIES or waited < LEAST_GAP:
        return False
    return waited >= DAILY or sum(memory.importance for memory in since) >= IMPORTANCE_THRESHOLD


def too_soon(memories: Sequence[Memory], state: Mapping[str, Any], now: datetime) -> str | None:
    """Return one line on why the mind may not look back now of its own wish, or None where it may.

    A small model that likes to look back would else do it at each step, and fill its memory with the same insight.
    """
    since = _since(memories, state)
    if len(since) < LEAST_MEMORIES:
        return (
            f"only {len(since)} memories are new since you last looked back; live on, and look back at {LEAST_MEMORIES}"
        )
    if state and _waited(state, now, now) < LEAST_GAP:
        return f"you looked back at {parse_rfc3339(state['at']):%H:%M}; once an hour is enough"
    return None


def _since(memories: Sequence[Memory], state: Mapping[str, Any]) -> list[Memory]:
    """Return the memories since the last reflection, those that reflections left aside."""
    return [memory for memory in memories if memory.id > state.get("upto", 0) and memory.kind is not Kind.REFLECTION]


def _waited(state: Mapping[str, Any], born_at: datetime, now: datetime) -> timedelta:
    last = parse_rfc3339(state["at"]) if state else born_at
    return abs(now - last)  # a clock set back must not silence it


async def reflect(stream: MemoryStream, ask: Ask, guard: SimilarityGuard, now: datetime) -> list[Memory]:
    """Ask what the latest memories mean; return the insights, kept as memories that cite their evidence.

    Two calls under Purpose.REFLECTION. An insight without a cited memory that it was shown is not kept, nor advice that
    a self-help book could give anybody, nor what only says a memory again, nor what `guard` knows from before in nearly
    the same words; where no model gives a usable answer nothing is, and the next try comes after LEAST_GAP.
    """
    latest = stream.recent(LOOKED_AT)
    if not latest:
        return []
    stream.keep_state(STATE, {**(stream.state(STATE) or {"upto": 0}), "at": rfc3339(now)})
    questions = await _ask_questions(latest, ask)
    evidence = {memory.id: memory for memory in latest[-EVIDENCE_A_QUESTION:]}
    for question in questions:
        evidence.update({memory.id: memory for memory in await stream.retrieve(question, EVIDENCE_A_QUESTION)})
    insights = await _ask_insights(questions, [evidence[number] for number in sorted(evidence)], ask)
    known = [set(terms(memory.text)) for memory in evidence.values()]
    own = [insight for insight in insights if manners_problem(insight[0]) is None and not _repeats(insight[0], known)]
    new = [insight for insight in own if (await guard.hear(insight[0])).near is None]
    with stream.together():
        kept = [stream.add(text, Kind.REFLECTION, importance=rating, sources=because) for text, rating, because in new]
        if insights:
            stream.keep_state(STATE, {"upto": latest[-1].id, "at": rfc3339(now)})
    return kept


def _repeats(insight: str, known: Sequence[set[str]]) -> bool:
    words = set(terms(insight))
    return any(len(words & memory) >= REPEATS * len(words) for memory in known)


def parse_insights(text: str, shown: Mapping[int, Memory] | set[int]) -> list[tuple[str, int, tuple[int, ...]]]:
    """Return (insight, importance, evidence ids) of a reply, those alone that cite something that was shown."""
    found = (first_object(text) or {}).get("insights")
    kept = []
    for entry in found[:MAX_INSIGHTS] if isinstance(found, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("text"), str):
            continue
        because = entry.get("because")
        cited = {n for n in because if isinstance(n, int) and n in shown} if isinstance(because, list) else set()
        insight = " ".join(tidy(entry["text"]).split())[:MAX_INSIGHT_CHARS]
        if insight and cited:
            rating = entry.get("importance", USUAL_IMPORTANCE[Kind.REFLECTION])
            kept.append((insight, clamp_importance(rating), tuple(sorted(cited))))
    return kept


def parse_questions(text: str) -> list[str]:
    """Return the questions of a reply, each one line, at most QUESTIONS."""
    found = (first_object(text) or {}).get("questions")
    texts = [q for q in found if isinstance(q, str) and q.strip()] if isinstance(found, list) else []
    return [" ".join(tidy(question).split())[:200] for question in texts[:QUESTIONS]]


async def _ask_questions(latest: Sequence[Memory], ask: Ask) -> list[str]:
    answer = await ask(
        Purpose.REFLECTION,
        _messages("reflection_questions", memories=_lines(latest), count=QUESTIONS),
        schema=QUESTIONS_SCHEMA,
        accept=lambda text: None if parse_questions(text) else 'needed: {"questions": ["…"]}',
    )
    return [] if answer is None else parse_questions(answer.text)


async def _ask_insights(
    questions: Sequence[str], evidence: Sequence[Memory], ask: Ask
) -> list[tuple[str, int, tuple[int, ...]]]:
    if not questions:
        return []
    shown = {memory.id for memory in evidence}
    answer = await ask(
        Purpose.REFLECTION,
        _messages("reflection_insights", memories=_lines(evidence), questions=questions, count=MAX_INSIGHTS),
        schema=INSIGHTS_SCHEMA,
        accept=lambda text: None if parse_insights(text, shown) else "no insight that cites a memory it was shown",
    )
    return [] if answer is None else parse_insights(answer.text, shown)


def _lines(memories: Sequence[Memory]) -> list[dict[str, object]]:
    return [{"id": memory.id, "text": " ".join(clean(memory.text, LINE_CHARS).split())} for memory in memories]


def _messages(prompt: str, **values: object) -> list[Message]:
    return [
        {"role": "system", "content": render("reflection_system")},
        {"role": "user", "content": render(prompt, **values)},
    ]
