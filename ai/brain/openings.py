"""How a small mind's thought begins: with words of what is in front of it, else it begins with itself; pure."""

import re
from collections.abc import Iterator

from ai.memory.words import STOP_WORDS

# Of 52 turns those whose thoughts a reader who saw no turn liked best (`benchmarks/thoughts.md`): most make it say "I".
# "the" fits a noun of either number. A prime of them, so that each beat, draft and cue meets every one.
TURNS = (
    "The {}", "I do not trust the {}", "Between the {} and me", "Nobody will believe the {}", "I picture the {}",
    "It was not the {}", "I was not told why the {}", "Unlike the {}, I", "Because of the {}", "I hear the {}",
    "If I were the {}", "Only the {}", "The {} and I", "I envy the {}", "By morning the {}", "I would trade the {}",
    "Behind the {}", "What I like about the {}", "Even the {}", "I would not tell the {}", "Nobody asked the {}",
    "I miss the {}", "I count the {}",
)  # fmt: skip
LETTER_TURNS = (
    "I would tell {}", "{} writes as if", "I picture {}", "Whenever {}", "Unlike {}, I", "What {} calls", "For {} I",
    "If {} were here,", "{} could", "Between {} and me", "{} must",
)  # fmt: skip
LEAST_LETTERS = 3  # of a word that stands for a thing
NO_THINGS = STOP_WORDS | {
    "your", "since", "somebody", "others", "nobody", "nothing", "yet", "added", "min", "longer", "last", "least",
    "today", "tomorrow", "yesterday", "day", "year", "times", "thought", "thoughts",
}  # fmt: skip
ENGLISH = frozenset((
    "the", "and", "his", "its", "their", "your", "you", "with", "from", "been", "who", "there", "it", "that", "this",
    "what", "which", "one", "two", "every", "are", "were", "not", "when",
))  # fmt: skip  # words that hardly a neighbouring language has
WORDS = "words"  # what stands there all the same where somebody's words name nothing, or are in another language
WORDS_AT_MOST = 8
# One sentence: a second one only manages ("I will keep that in mind"). After a brace the smallest recites its prompt.
REST = r'[^"{}\\\n.?!]{12,140}[.?!]'
_LETTER = re.compile(r"letter \d+, ([^:]+): ⟦([^\W\d_]*)")
_LABEL = re.compile(  # "11:42, your machine: ", "Your plan: "; "03:12, a.example: ", "a.example, not read before: "
    r"^(?:(?:\w+ )?\d\d:\d\d, )?(?:your|the) ([^\W\d_]+): "
    r"|^(?:\w+ )?\d\d:\d\d, [^:]+: |^[^:]{1,40}: |^[^:⟦]{1,300}: (?=⟦)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
_OWNED = re.compile(r"[^\W\d_]['’]s ")
# What a noun or its adjective stands after: an article, a number, a possessive, "there is"; or a preposition. By itself
# no word is taken for a thing: in "it snows" and "2 people look" only the text's own grammar tells which is one.
_SHOWN = re.compile(
    r"(?<![\w.,:;'’$€£-])(?:"
    r"(?:an?|the|this|these|those|each|every|another|any|no|my|your|his|its|our|their|there (?:is|are|was|were)"
    r"|\d{1,3}(?:,\d{3})*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?P<owner>[^\W\d_]+)['’]s)"
    r"|(?P<preposition>of|in|on|at|by|for|from|with|without|after|before|since|over|under|near|into|through|against|behind"
    r"|beside|during|between|across|along|above|below)"
    rf")\s+(?=(?P<word>[^\W\d_]{{{LEAST_LETTERS},}})(?![\w'’-]))",
    re.IGNORECASE,
)


def opening(thing: str, turn: int) -> str | None:
    """Return a pattern for a thought about `thing`, another for each `turn`; None where it names nothing."""
    return begun(thing, TURNS[turn % len(TURNS)], LETTER_TURNS[turn % len(LETTER_TURNS)])


def begun(thing: str, turn: str, letter_turn: str) -> str | None:
    """Return the pattern of a thought about `thing` that begins with `turn`, of a letter with `letter_turn`.

    The model chooses which of the thing's words goes on best. The pattern is one that llama.cpp makes a grammar of:
    anchored at both ends, with groups, classes and counts alone.
    """
    if (letter := _LETTER.search(thing)) is not None:
        name = letter[2] if letter[2].isalpha() else "the stranger"  # "¼" is a letter to `re`, and none of a name
        said = letter_turn.format("my caretaker" if letter[1] == "your caretaker" else name)
        return f"^{said[0].upper()}{said[1:]} {REST}$"
    words = "|".join(_words(thing))
    return f"^{turn.format(f'({words})')}[ ,]{REST}$" if words else None


def _words(thing: str) -> list[str]:
    """Return the words of a line that it shows to be things; where it shows none, what it comes from."""
    label = _LABEL.match(thing)
    text = thing[label.end() :] if label is not None else thing
    found = list(dict.fromkeys(_things(text)))[:WORDS_AT_MOST]
    source = label[1] if label is not None else None
    return found or ([source] if source else [WORDS] if re.search(r"[⟦“]\W*\w", thing) else [])


def _things(text: str) -> Iterator[str]:
    """Yield each word that stands where English puts a thing, and is no name: "the" goes before none."""
    words = _WORD.findall(text)
    if ENGLISH.isdisjoint(word.lower() for word in words) and not _OWNED.search(text):
        return  # "an der Elbe" has an article for what it is not
    headline = not any(word.islower() for word in words if word not in NO_THINGS)  # Each Word With a Capital
    for match in _SHOWN.finditer(text):
        word, after_preposition = match["word"], match["preposition"] is not None
        named = not (word.islower() or (headline and not after_preposition))
        contracted = match["owner"] is not None and match["owner"].lower() in STOP_WORDS  # "it's", "that's"
        doing = after_preposition and word.endswith("ing")  # "found living in": what is done, not a thing
        if not (named or contracted or doing or word.lower() in NO_THINGS):
            yield word.lower()
