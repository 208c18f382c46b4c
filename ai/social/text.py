"""A post's text: cleaned, measured as X measures it, and compared with what stands on a timeline."""

import html
import json
import re
import unicodedata
from importlib.resources import files

MAX_WEIGHT = 280  # X's limit for an account without a subscription
URL_WEIGHT = 23  # X wraps each link into a t.co address of this length
LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))  # twitter-text v3: code points of weight 1; others 2
REFUSED_BY_X = frozenset("\ufffe\ufeff\uffff")
MAX_CLEANED_CHARS = 4_000  # far beyond what can be posted; bounds the work on a runaway text

_TLDS = frozenset(json.loads((files("ai") / "social" / "tlds.json").read_text(encoding="utf-8"))["tlds"])
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_LINK = re.compile(
    rf"(?P<scheme>https?://)?(?P<host>(?:{_LABEL}\.)+{_LABEL})(?P<rest>(?::\d{{1,5}})?(?:[/?#][^\s<>\"“”]*)?)",
    re.IGNORECASE,
)
_MENTION = re.compile(r"(?<![A-Za-z0-9_!#$%&*@＠/])[@＠][A-Za-z0-9_]{1,15}(?![\w@＠]|://)")
_TAIL = re.compile(r"[.,:;!?'\"()\[\]{}…]+$")
_PICTURE = "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
_PICTURE += "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
_SKIN = "[\U0001f3fb-\U0001f3ff]"
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"  # a flag is two letters
    "|[0-9#*]\ufe0f?\u20e3"  # a key
    f"|{_PICTURE}(?:\ufe0f|{_SKIN})?[\U000e0020-\U000e007f]*(?:\u200d{_PICTURE}(?:\ufe0f|{_SKIN})?)*"
)


def clean(text: str) -> str:
    """Return `text` as it can be posted: NFC, whole characters, no controls but line breaks, blank ends cut."""
    whole = text[:MAX_CLEANED_CHARS].encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    composed = unicodedata.normalize("NFC", whole)
    kept = (c for c in composed if c not in REFUSED_BY_X and (c == "\n" or unicodedata.category(c) != "Cc"))
    return re.sub(r"\n{3,}", "\n\n", "".join(kept)).strip()


def weighted_length(text: str) -> int:
    """Return the length that X counts against 280: a link 23, an emoji 2, CJK 2, most letters 1.

    After twitter-text v3's configuration. Where X may or may not see a link (`so.it` without a scheme or a path),
    the longer of both is counted, so that nothing counted as fitting is refused for its length.
    """
    total, at = 0, 0
    text = unicodedata.normalize("NFC", text)
    for start, end, certain in _links(text):
        plain = _plain_weight(text[start:end])
        total += _plain_weight(text[at:start]) + (URL_WEIGHT if certain else max(URL_WEIGHT, plain))
        at = end
    return total + _plain_weight(text[at:])


def has_link(text: str) -> bool:
    """Say whether X may charge the text as one with a URL; in doubt, yes: the dearer price is held."""
    return bool(_links(text))


def mention(text: str) -> str | None:
    """Return the first `@name` that X would take for the name of an account, or None; a mail address is none."""
    found = _MENTION.search(text)
    return None if found is None else found[0]


def letters(text: str) -> str:
    """Return what two texts must differ in to count as different: letters and digits, without case and accents.

    A text of signs and emoji alone is compared as it is, without blanks.
    """
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(c for c in decomposed if c.isalnum())
    return kept or "".join(decomposed.split())


def same_post(ours: str, on_timeline: str) -> bool:
    """Say whether a post on X's timeline is ours: X escapes &, < and > and replaces each link by its own."""
    return _comparable(ours) == _comparable(html.unescape(on_timeline))


def _comparable(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    for start, end, _certain in reversed(_links(text)):
        text = f"{text[:start]}\x00{text[end:]}"
    return " ".join(text.split())


def _links(text: str) -> list[tuple[int, int, bool]]:
    """Return where links stand: start, end, and whether X is certain to see one there."""
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


def _plain_weight(text: str) -> int:
    pictures = _EMOJI.findall(text)
    return sum(_weight(c) for c in _EMOJI.sub("", text)) + sum(2 if len(p) > 1 else _weight(p) for p in pictures)


def _weight(character: str) -> int:
    return 1 if any(low <= ord(character) <= high for low, high in LIGHT) else 2
