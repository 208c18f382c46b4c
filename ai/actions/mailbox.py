"""Reading what people wrote to the mind."""

from ai.actions.action import Action, NoParams
from ai.actions.context import ActionContext
from ai.memory.untrusted import quote

MAX_LETTERS_CHARS = 2_400  # of all letters together, so that their marks survive the bound of a result


async def read_messages(_params: NoParams, context: ActionContext) -> str:
    """Return the unread letters, marked as the words of others."""
    letters = context.mailbox.read_messages()
    if not letters:
        return "no new messages"
    each = max(1, MAX_LETTERS_CHARS // len(letters) - 120)  # 120: a mark with its longest source
    return "\n".join(quote(letter.text, f"{letter.by}, {letter.at:%Y-%m-%d %H:%M}", each) for letter in letters)


ACTIONS = (Action("read_messages", NoParams, read_messages, "read what people wrote to you"),)
