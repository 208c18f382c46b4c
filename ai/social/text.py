"""A post's text, whatever network it is for: cleaned, searched for links, and reduced to what it is compared by."""

import json
import re
import unicodedata
from importlib.resources import files

REFUSED = frozenset("\ufffe\ufeff\uffff")  # code points that are no characters; X refuses a post with one
MAX_CLEANED_CHARS = 4_000  # far beyond what can be posted; bounds the work on a runaway text

_TLDS = frozenset(json.loads((files("ai") / "social" / "tlds.json").read_text(encoding="utf-8"))["tlds"])
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_LINK = re.compile(
    rf"(?P<scheme>https?://)?(?P<host>(?:{_LABEL}\.)+{_LABEL})(?P<rest>(?::\d{{1,5}})?(?:[/?#][^\s<>\"“”]*)?)",
    re.IGNORECASE,
)
_TAIL = re.compile(r"[.,:;!?'\"()\[\]{}…]+$")
_PICTURE = "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
_PICTURE += "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
_SKIN = "[\U0001f3fb-\U0001f3ff]"
EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"  # a flag is two letters
    "|[0-9#*]\ufe0f?\u20e3"  # a key
    f"|{_PICTURE}(?:\ufe0f|{_SKIN})?[\U000e0020-\U000e007f]*(?:\u200d{_PICTURE}(?:\ufe0f|{_SKIN})?)*"
)


def clean(text: str) -> str:
    """Return `text` as it can be posted: NFC, whole characters, no controls but line breaks, blank ends cut."""
    whole = text[:MAX_CLEANED_CHARS].encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    composed = unicodedata.normalize("NFC", whole)
    kept = (c for c in composed if c not in REFUSED and (c == "\n" or unicodedata.category(c) != "Cc"))
    return re.sub(r"\n{3,}", "\n\n", "".join(kept)).strip()


def letters(text: str) -> str:
    """Return what two texts must differ in to count as different: letters and digits, without case and accents.

    A text of signs and emoji alone is compared as it is, without blanks.
    """
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(c for c in decomposed if c.isalnum())
    return kept or "".join(decomposed.split())


def graphemes(text: str) -> int:
    """Return how many characters a reader sees: an emoji of several parts is one, an accent of its own none.

    Letters that some scripts join without an accent are counted one by one: never fewer than there are.
    """
    return sum(1 for c in EMOJI.sub("x", text) if unicodedata.category(c)[0] != "M" and c not in "\u200d\u200c")


def links(text: str) -> list[tuple[int, int, bool]]:
    """Return where links stand: start, end, and whether every network is certain to see one there."""
    found: list[tuple[int, int, bool]] = []
    for match in _LINK.finditer(text):
        if text[max(0, match.start() - 1) : match.start()] == "@":  # the second half of a mail address
            continue
        labels = match["host"].split(".")
        known = [n for n in range(len(labels), 1, -1) if labels[n - 1].lower() in _TLDS]
        if not known:
            continue
        host = ".".join(labels[: known[0]])
        rest = _TAIL.sub("", match["rest"]) if known[0] == len(labels) else ""
        short = known[0] == 2 and len(labels[1]) == 2  # noqa: PLR2004 - a name and a country's two letters
        certain = bool(match["scheme"]) or len(rest) > 1 or not short
        found.append((match.start(), match.start("host") + len(host) + len(rest), certain))
    return found
