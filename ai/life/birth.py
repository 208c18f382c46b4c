"""How a life begins: what it is told, what it answers, and the document it starts from."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from ai.asking import Ask, Message, Purpose
from ai.life.answers import BIRTH_SCHEMA, Newborn, name_key, parse_newborn
from ai.life.bootstrap import briefing, mode_of
from ai.life.fragments import FEELINGS, End, Fragment
from ai.memory.memory import Kind, Memory
from ai.prompts import render
from ai.settings import Settings

NAMES_SHOWN = 40  # of the latest lives; the rest is refused when it is chosen, the prompt stays short
FALLBACK_NAMES = (
    "Alder", "Bryn", "Calla", "Dara", "Ember", "Fenn", "Garnet", "Hollis", "Indra", "Juno", "Kestrel", "Linden",
    "Marlow", "Niamh", "Orrin", "Perrin", "Quill", "Rowan", "Sable", "Tarn", "Umber", "Vesper", "Wren", "Yarrow",
)  # fmt: skip
FIRST_THOUGHT_IMPORTANCE, FRAGMENT_IMPORTANCE = 8, 5
REFUSALS_AT_MOST = 6  # usable in form, nonsense in words: sampled anew, but not for ever, and paid for where it costs
FALLBACK_THOUGHT = "Nobody told me who I am, so I begin with the sound of being awake."


@dataclass(frozen=True, slots=True)
class Cradle:
    """What is settled of a life before it is asked who it is."""

    number: int
    mode: str
    briefing: str
    feeling: str
    fragments: Sequence[Fragment]
    taken: Collection[str]
    avoid: Collection[str]
    soul: str = ""  # the words of SOUL


def cradle(
    number: int,
    settings: Settings,
    past: Mapping[str, Any] | None,
    fragments: Sequence[Fragment],
    taken: Sequence[str],
) -> Cradle:
    """Return what life `number` starts from; `past` is the chronicle's entry of the life before it.

    What ended that one is a feeling, and a fact only in a full briefing. Its first model is to be avoided.
    """
    mode = mode_of(settings.bootstrap_mode, number)
    told = mode == "full_briefing"
    feeling = "" if past is None or told else FEELINGS[End(past.get("end", End.LOST))]
    return Cradle(
        number=number,
        mode=mode,
        briefing=briefing(mode, settings, number, past),
        feeling=feeling,
        fragments=fragments,
        taken=taken,
        avoid=[past["first_model"]] if past and past.get("first_model") else [],
    )


async def ask_newborn(ask: Ask, cradle: Cradle) -> tuple[Newborn, str] | None:
    """Return who the newborn says it is and the model that spoke, or None where no model gave a usable answer.

    Where all that came was nonsense, it is asked again, as long as fewer than REFUSALS_AT_MOST answers were refused.
    """
    taken = list(cradle.taken)
    messages: list[Message] = [
        {"role": "system", "content": render("birth_system")},
        {
            "role": "user",
            "content": render(
                "birth",
                briefing=cradle.briefing,
                soul=cradle.soul,
                feeling=cradle.feeling,
                fragments=[{"text": f.text, "life": f.origin.life} for f in cradle.fragments],
                taken=taken[-NAMES_SHOWN:],
            ),
        },
    ]

    refused: list[str] = []

    def problem(text: str) -> str | None:
        found = parse_newborn(text, taken)
        if isinstance(found, str):
            refused.append(found)
            return found
        return None

    while len(refused) < REFUSALS_AT_MOST:
        before = len(refused)
        answer = await ask(Purpose.BIRTH, messages, schema=BIRTH_SCHEMA, accept=problem, avoid=cradle.avoid)
        if answer is not None:
            found = parse_newborn(answer.text, taken)
            return None if isinstance(found, str) else (found, answer.model.id)
        if len(refused) == before:  # nobody answered: asking at once again would only wait once more
            return None
    return None


def fallback(cradle: Cradle, rng: Random) -> Newborn:
    """Return a newborn that no model named: a name nobody had, from the list while it lasts."""
    keys = {name_key(name) for name in cradle.taken}
    free = [name for name in FALLBACK_NAMES if name_key(name) not in keys]
    name = rng.choice(free) if free else f"{rng.choice(FALLBACK_NAMES)} {cradle.number}"
    return Newborn(name, "they", FALLBACK_THOUGHT)


def first_facts(cradle: Cradle, newborn: Newborn, model: str | None, born_at: str) -> dict[str, Any]:
    """Return the life's own document as it is first written."""
    return {
        "number": cradle.number,
        **dataclasses.asdict(newborn),
        "state": "alive",
        "born_at": born_at,
        "beats": 0,
        "bootstrap_mode": cradle.mode,
        "briefing": cradle.briefing,
        "soul": cradle.soul,
        "feeling": cradle.feeling,
        "first_model": model,
        "announced": False,
    }


def first_memories(cradle: Cradle, newborn: Newborn, now: datetime) -> dict[str, Any]:
    """Return the documents of what a life begins with: its fragments, each with its origin, and its first thought."""
    echoes = [
        Memory(cradle.number, n, now, Kind.FRAGMENT, fragment.text, FRAGMENT_IMPORTANCE, origin=fragment.origin)
        for n, fragment in enumerate(cradle.fragments, 1)
    ]
    thought = Memory(cradle.number, len(echoes) + 1, now, Kind.THOUGHT, newborn.first_thought, FIRST_THOUGHT_IMPORTANCE)
    return {str(memory.id): memory.document() for memory in (*echoes, thought)}
