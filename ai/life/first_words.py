"""Says what is wrong with a newborn's pronoun and first thought: nonsense, a copied prompt, an assistant's manners."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

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


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE)


_ASSISTANT = _any_of(
    r"how (?:can|may|could) i (?:help|assist|be of)",
    r"(?:can|may|will|to|shall) (?:help|assist) (?:you|others|people|users)",
    r"i(?: a|')m (?:here|ready|happy|designed|programmed) to",
    r"i(?: ca|')n(?:no|')t (?:assist|help (?:you|with)|answer (?:that|this))",
    r"i(?: a|')m sorry,? but|i apologi[sz]e",
    r"at your (?:service|disposal)|let me know (?:if|how|what)|feel free to",
    r"as an? (?:ai|artificial|large language|language)\b|language model",
    r"(?:your|an?|the) (?:(?:helpful|virtual|digital|personal|ai) )*assistant\b",
    r"^(?:hello|hi|hey|greetings|welcome)\b[,.! ]",
)
_SELF_HELP = _any_of(
    r"embrac(?:e|ing) (?:the|each|every|your|life|change)|make the most of|believe in (?:your|my)self|never give up",
    r"follow (?:your|my) (?:heart|dreams|passion)|step out of (?:your|my) comfort|seize the (?:day|moment)",
    r"(?:endless|infinite|limitless) possibilit|full of (?:potential|possibilit|opportunit)",
    r"live (?:life )?to the fullest|(?:life|every day) is a (?:journey|gift|beautiful)|new beginnings|brand new day",
    r"(?:personal|self)[- ](?:growth|improvement|discovery|care)|positive (?:mindset|attitude|change|impact)",
    r"the (?:key|secret) to (?:a |happiness|success)|important to (?:remember|take|stay|be|note|have)",
    r"world (?:is|was) (?:a|so) (?:beautiful|wonderful|amazing)|better (?:place|version of)",
    r"unlock(?:ing)? (?:the|my|your)|(?:stay|be) (?:positive|true to|grateful|mindful)",
    r"reach (?:my|your|our) (?:goals|full)",
)
_NEGATION = _any_of(
    r"(?:i have )?(?:no|none|nothing|not|n/?a)\b(?: (?:answer|thoughts?|comment|idea|response|name|applicable|"
    r"available|yet|to (?:say|add|report)))*",
    r"i (?:do not|don't) (?:know|have (?:a|any) (?:answer|thought|name|idea)s?)",
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


def manners_problem(thought: str) -> str | None:
    """Return in one line why a thought is nobody's: a bare negation, an offer of help, a self-help book's sentence."""
    plain = thought.replace("’", "'")
    if _NEGATION.fullmatch(plain.strip(" .!…")):
        return f"{thought[:60]!r} says nothing; say what is there"
    if (found := _ASSISTANT.search(plain)) is not None:
        return f"“{found[0].strip()}” is an assistant's phrase; nobody asked for help"
    if (found := _SELF_HELP.search(plain)) is not None:
        return f"“{found[0].strip()}” is a phrase of self-help books; say something particular"
    return None


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
