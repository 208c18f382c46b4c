"""How a life ends: its last words, and the document its file is closed with."""

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import Any

from ai.asking import Ask, Message, Purpose
from ai.clock import rfc3339
from ai.credit_tracker import Balance, Band
from ai.life.fragments import End
from ai.life.life import Life
from ai.llm.said import first_object
from ai.memory.memory import Kind, tidy
from ai.memory.untrusted import clean
from ai.prompts import render

REBIRTH_AFTER_SECONDS = (10.0, 60.0)
MAX_LAST_WORDS_CHARS = 220  # with name and number it fits a post of 280
MAX_SUMMARY_CHARS = 800
REMEMBERED = 12  # memories shown to the dying
LINE_CHARS = 160  # of each: the embedded model reads them all, and what last words may cost is known before them
SECONDS_A_DAY = 86_400
DEATH_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "last_words": {"type": "string", "minLength": 1, "maxLength": MAX_LAST_WORDS_CHARS},
        "summary": {"type": "string", "minLength": 1, "maxLength": MAX_SUMMARY_CHARS},
    },
    "required": ["last_words", "summary"],
    "additionalProperties": False,
}


def parse_last_words(text: str) -> tuple[str, str] | None:
    """Return last words and summary as the model gave them, cut to size, or None where there are none."""
    found = first_object(text) or {}
    words, summary = found.get("last_words"), found.get("summary")
    if not isinstance(words, str) or not any(c.isalpha() for c in words):
        return None
    told = summary if isinstance(summary, str) else ""
    return _cut(" ".join(tidy(words).split()), MAX_LAST_WORDS_CHARS), _cut(tidy(told), MAX_SUMMARY_CHARS)


async def ask_last_words(ask: Ask, life: Life, cause: str) -> tuple[str, str] | None:
    """Return the dying mind's last words and summary, or None where no model could say them."""
    memories = sorted(life.memory.recent(len(life.memory)), key=lambda memory: (memory.importance, memory.id))
    messages: list[Message] = [
        {
            "role": "system",
            "content": render("death_system", name=life.name, pronoun=life.pronoun, number=life.number),
        },
        {
            "role": "user",
            "content": render(
                "death",
                days=round(life.age_seconds() / SECONDS_A_DAY, 1),
                beats=life.beats,
                cause=cause,
                self_page=life.self_page,
                memories=[
                    " ".join(clean(memory.text, LINE_CHARS).split())
                    for memory in sorted(memories[-REMEMBERED:], key=lambda memory: memory.id)
                ],
            ),
        },
    ]
    answer = await ask(
        Purpose.DEATH,
        messages,
        schema=DEATH_SCHEMA,
        accept=lambda text: None if parse_last_words(text) else 'needed: {"last_words", "summary"}',
    )
    return None if answer is None else parse_last_words(answer.text)


def plain_summary(life: Life, cause: str) -> str:
    """Return a summary made by rule, for a life that no model could sum up."""
    kept = len(life.memory)
    notes = len(life.memory.recent(kept, Kind.NOTE))
    days = life.age_seconds() / SECONDS_A_DAY
    return (
        f"{life.name} lived {days:.1f} days and {life.beats} beats, "
        f"and left {kept} memories, {notes} of them notes of its own. It ended because: {cause}"
    )


def closing(end: End, now: datetime, funds: Balance | None, rng: Random) -> dict[str, Any]:
    """Return the facts that close a life: when, and from when (or on what money) the next may begin."""
    due = now.timestamp() + rng.uniform(*REBIRTH_AFTER_SECONDS)
    waits = None
    if end is End.BANKRUPTCY:
        waits = {"period": funds.period, "funded": funds.granted + funds.donated} if funds else {}
    return {
        "state": "dead",
        "died_at": rfc3339(now),
        "rebirth_at": rfc3339(datetime.fromtimestamp(due, now.tzinfo)),
        "awaits_money": waits,
    }


def money_came(awaits: Mapping[str, Any] | None, funds: Balance | None) -> bool:
    """Return whether birth may follow a death that left `awaits` (None: it was not for money).

    New money is another month's grant or a top-up, and enough of it that the newborn is not bankrupt at once; so no
    loop of dying. With the purse out of reach (`funds` None) birth waits: nobody knows.
    """
    if awaits is None:
        return True
    if funds is None or funds.band == Band.BANKRUPT:
        return False
    return funds.period != awaits.get("period") or funds.granted + funds.donated > int(awaits.get("funded", -1))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
