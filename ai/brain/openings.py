"""How a small mind's thought begins: with words of what is in front of it, else it begins with itself; pure."""

import re

from ai.memory.words import STOP_WORDS

# "the" fits a noun of either number. As many as no number of drafts divides, so that each beat draws others.
TURNS = (
    "The {}", "If I were the {}", "Nobody asked the {}", "I would not tell the {}", "Somebody will miss the {}",
    "I know the {}", "What I like about the {}", "I hear the {}", "So the {}", "Even the {}", "I envy the {}",
    "Without the {}", "I do not trust the {}", "Perhaps the {}", "I was not told why the {}", "Now the {}",
)  # fmt: skip
LETTER_TURNS = ("{} asks", "I would tell {}", "{} does not know", "What {} calls", "If {} were here,")
LEAST_LETTERS = 3  # of a word that stands for a thing
NO_THINGS = STOP_WORDS | {"your", "since", "somebody", "others", "nobody", "yet", "gave", "given", "added"}
WORDS_AT_MOST = 8
REST = r'[^"{}\\\n]{20,180}[.?!]'  # a sentence or two in one line; after a brace the smallest recites its prompt
_LETTER = re.compile(r"letter \d+, ([^:]+): ⟦([^\W\d_]*)")
_LABEL = re.compile(r"^(?:\w+ )?\d\d:\d\d, (?:(?:your|the) ([^\W\d_]+)|[^:]+): |^[^:]{1,40}: |^[^:⟦]{1,300}: (?=⟦)")
_WORD = re.compile(rf"[^\W\d_]{{{LEAST_LETTERS},}}")


def opening(thing: str, turn: int) -> str | None:
    """Return a pattern that a thought about `thing` is to match, another for each `turn`; None where it names nothing.

    The model chooses which of the thing's words goes on best. The pattern is one that llama.cpp makes a grammar of:
    anchored at both ends, with groups, classes and counts alone.
    """
    if (letter := _LETTER.search(thing)) is not None:
        name = letter[2] if letter[2].isalpha() else "the stranger"  # "¼" is a letter to `re`, and none of a name
        who = "my caretaker" if letter[1] == "your caretaker" else name
        said = LETTER_TURNS[turn % len(LETTER_TURNS)].format(who)
        return f"^{said[0].upper()}{said[1:]} {REST}$"
    words = "|".join(_words(thing))
    return f"^{TURNS[turn % len(TURNS)].format(f'({words})')}[ ,]{REST}$" if words else None


def _words(thing: str) -> list[str]:
    """Return the words of a line that may stand for what it is about, what it comes from among them."""
    label = _LABEL.match(thing)
    text = thing[label.end() :] if label is not None else thing
    begun = re.sub(r"^\W*\w", lambda first: first[0].lower(), text)  # a capital there makes no name
    source = label[1] if label is not None else None
    found = [word for word in _WORD.findall(begun) if word.isalpha() and word.lower() not in NO_THINGS]
    things = [word for word in found if word.islower()] or [word.lower() for word in found]  # no "the" before a name
    return list(dict.fromkeys([*things, *([source] if source else [])]))[:WORDS_AT_MOST]
