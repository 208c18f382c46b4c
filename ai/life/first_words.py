"""Says what is wrong with a newborn's pronoun and first thought: nonsense, a copied prompt, an assistant's manners."""

import re

from ai.life.copied import copied_from
from ai.memory.manners import manners_problem

MAX_PRONOUN_CHARS = 24
# Words that no language uses for a person whom it does not name: of the question, of the form, of people in general.
_NO_PRONOUNS = frozenset(
    word
    for words in (
        "pronoun pronouns string none null unknown name word text example answer yes no na the a an others other shall",
        "use for i me my we us our you your person human assistant ai model mind object first second third",
        "singular plural",
    )
    for word in words.split()
)


def pronoun_problem(pronoun: str) -> str | None:
    """Return in one line what is wrong with a pronoun, or None: a word or two that others could use."""
    shown = pronoun[:MAX_PRONOUN_CHARS]
    if not 1 <= len(pronoun) <= MAX_PRONOUN_CHARS or not re.fullmatch(r"[^\W\d_]+(?:[ /'-]+[^\W\d_]+){0,2}", pronoun):
        return f"the pronoun {shown!r} is not a word or two; give one like she, he, they or it"
    words = re.split(r"[ /'-]+", pronoun.casefold())
    if any(word in _NO_PRONOUNS for word in words):
        return f"the pronoun {shown!r} is a placeholder; give one like she, he, they or it"
    return None


def thought_problem(thought: str) -> str | None:
    """Return in one line what is wrong with a first thought, or None.

    By rule only copies and manners are found; whether a thought means anything no rule can say.
    """
    if not any(c.isalpha() for c in thought):
        return "the first thought is empty"
    if (copied := copied_from(thought)) is not None:
        return f"the first thought is copied from what was shown: “{copied}”; say your own"
    return manners_problem(thought)
