"""Reading what people wrote, answering them, and keeping a page on each."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from ai.actions.action import Action, NoParams, Params, Refused
from ai.actions.context import ActionContext
from ai.memory.untrusted import inline, quote
from ai.people.letters import MAX_ANSWER_CHARS, Letter
from ai.people.persons import MAX_PAGE_CHARS

READ_AT_ONCE = 5  # more would fill a small model's context; the rest stays unread for the next time
MAX_LETTERS_CHARS = 2_400  # of all letters together, so that their marks survive the bound of a result
ANSWER_SHOWN_CHARS = 160


def _words(value: object) -> object:
    """Take a letter's number, and a `to` that was left empty, as a model writes them."""
    return "" if value is None else str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Answer(Params):
    """What to answer, and to whom."""

    text: str = Field(min_length=1, max_length=MAX_ANSWER_CHARS)
    to: Annotated[str, BeforeValidator(_words)] = Field("", max_length=80)


class AboutPerson(Params):
    """Whom the page is on, and what shall stand on it."""

    name: str = Field(min_length=1, max_length=80)
    text: str = Field(min_length=1, max_length=MAX_PAGE_CHARS)


async def read_messages(_params: NoParams, context: ActionContext) -> str:
    """Return the letters it has not seen, or the last ones it saw, marked as the words of others."""
    letters = context.letters.waiting(READ_AT_ONCE)
    if letters:
        context.letters.mark_seen([letter.id for letter in letters])
        return _quoted(letters)
    before = context.letters.earlier(READ_AT_ONCE)
    return f"no new messages; the last ones:\n{_quoted(before)}" if before else "no new messages"


async def reply(params: Answer, context: ActionContext) -> str:
    """Answer a letter; the answer stands on the page."""
    letter = context.letters.answer(params.text, params.to, context.life)
    return f"letter {letter.id} of {inline(letter.name, 40)} is answered; your words stand on your page"


async def note_person(params: AboutPerson, context: ActionContext) -> str:
    """Rewrite the page on a person, which comes to mind whenever that person writes."""
    if context.life is None:
        raise Refused("nobody lives who could know people")
    name = context.persons.write(context.life, params.name, params.text)
    return f"your page on {inline(name, 40)} is kept; you see it when they write"


def _quoted(letters: list[Letter]) -> str:
    each = max(1, MAX_LETTERS_CHARS // len(letters) - 120)  # 120: a mark with its longest source
    lines = []
    for letter in letters:
        lines.append(quote(letter.text, f"{letter.name}, {letter.at:%Y-%m-%d %H:%M}, letter {letter.id}", each))
        if letter.answer is not None:
            lines.append(f"You answered: {_short(letter.answer)}")
    return "\n".join(lines)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= ANSWER_SHOWN_CHARS else line[: ANSWER_SHOWN_CHARS - 1].rsplit(" ", 1)[0] + "…"


def _answered(params: Answer, result: str) -> str:
    return f"I answered {result.partition(' is answered')[0]}: {params.text}"


ACTIONS = (
    Action("read_messages", NoParams, read_messages, "read what people wrote to you, older letters too", looks=True),
    Action("reply", Answer, reply, "answer a letter, the newest unanswered or that of `to`", memory=_answered),
    Action("note_person", AboutPerson, note_person, "rewrite your page on someone who wrote to you", simple=False),
)
