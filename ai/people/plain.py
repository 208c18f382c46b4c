"""Words of anybody as they are kept: plain, bounded, with nothing in them that nobody can see."""

import re
import unicodedata

_JOINS = "\u200d"  # holds the parts of an emoji together
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})  # controls, bidi overrides, zero width, unassigned
# Letters and marks that have no shape of their own: fillers of Hangul, the empty braille sign, selectors of variants.
_SHAPELESS = frozenset("\u115f\u1160\u3164\uffa0\u2800") | {
    chr(n) for n in (*range(0xFE00, 0xFE0F), *range(0xE0100, 0xE01F0))
}
_ACCENT = r"[\u0300-\u036f\u0483-\u0489\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"  # combining marks of any letter
_WORD = re.compile(r"[\w']+")
_MARKS = re.compile(f"({_ACCENT}{{3}}){_ACCENT}+")


def plain(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`: line breaks kept, blank lines folded, towers of accents cut."""
    window = text[: limit * 4].replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    seen = "".join(
        c for c in window if c in {"\n", _JOINS} or (c not in _SHAPELESS and unicodedata.category(c) not in _UNSEEN)
    )
    folded = re.sub(r"\n{3,}", "\n\n", _MARKS.sub(r"\1", seen)).strip(f" \n{_JOINS}")
    return folded if len(folded) <= limit else folded[: limit - 1].rstrip() + "…"


def words_of(text: str) -> list[str]:
    """Return the words alone, whatever their case, marks and forms of letters: what two texts are compared by."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold().replace("’", "'"))


def line(text: str, limit: int) -> str:
    """Return `text` as one plain line of at most `limit` characters."""
    return " ".join(plain(" ".join(text[: limit * 4].split()), limit).split())
