"""Says what is wrong with a newborn's pronoun and first thought: nonsense, a copied prompt, an assistant's manners."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from ai.memory.manners import manners_problem
from ai.prompts import render

MAX_PRONOUN_CHARS = 24
COPIED_WORDS = 6  # so many words in a row as in the instructions are a copy; shorter runs are the language's own
EXAMPLE_WORDS = 4  # as in an example's thought: small models stitch theirs together from pieces of several
BIRTH_CUE = "This is your first moment. Who are you? Answer with the JSON object."  # as `birth.md` ends
LEAST_WORDS = 3  # of a thought that may be a copy as a whole; fewer are anybody's
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


def copied_from(thought: str) -> str | None:
    """Return the words that a thought has from the prompts of a birth, or None where it is its own."""
    words = _words(thought)
    return _run_in(words, _instructions(), COPIED_WORDS) or _run_in(words, _examples(), EXAMPLE_WORDS)


def _run_in(words: list[str], shown: Sequence[str], length: int) -> str | None:
    """Return the first `length` words in a row that stand in `shown` too; of a shorter thought it must be all."""
    if len(words) < LEAST_WORDS:
        return None
    length = min(length, len(words))
    runs = (" ".join(words[at : at + length]) for at in range(len(words) - length + 1))
    return next((run for run in runs if any(f" {run} " in f" {text} " for text in shown)), None)


@cache
def copied_names() -> frozenset[str]:
    """Return the names that examples show: who takes one has copied it."""
    return frozenset(re.findall(r'"name": "([^"…]+)"', f"{render('birth_system')}\n{render('local_examples')}"))


@cache
def _instructions() -> tuple[str, ...]:
    return tuple(" ".join(_words(line)) for line in (*render("birth_system").splitlines(), BIRTH_CUE))


@cache
def _examples() -> tuple[str, ...]:
    """Return the thoughts that examples show, those of beats too."""
    shown = f"{render('birth_system')}\n{render('local_examples')}"
    return tuple(" ".join(_words(text)) for text in re.findall(r'"(?:first_)?thought": "([^"…]+)"', shown))


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return re.findall(r"[\w']+", plain)
