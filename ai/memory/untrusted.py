"""Text of others (people, posts, files) on its way into a prompt: marked, bounded, and never able to end its mark."""

import re
import unicodedata

MAX_UNTRUSTED_CHARS = 2_000  # a message this long says what it has to say; the rest would crowd out the mind's own
OPEN, CLOSE = "⟦", "⟧"
_FENCE = str.maketrans({OPEN: "[", CLOSE: "]"})
_KEPT_CONTROLS = frozenset("\n\t")
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs"})  # controls, bidi overrides, zero-width, private use, surrogates
_SOURCE = re.compile(r"[^\w .,:#@/+-]+")
MAX_SOURCE_CHARS = 80


def clean(text: str, limit: int = MAX_UNTRUSTED_CHARS) -> str:
    """Return `text` without invisible characters, with long runs of blank lines folded, cut to `limit` characters."""
    window = text[: limit * 4]  # bounds the work on a hostile text of megabytes
    seen = "".join(c for c in window if c in _KEPT_CONTROLS or unicodedata.category(c) not in _INVISIBLE)
    folded = re.sub(r"\n{3,}", "\n\n", seen).strip()
    if len(folded) <= limit and len(text) <= len(window):
        return folded
    return folded[: limit - 1].rstrip() + "…"


def quote(text: str, source: str, limit: int = MAX_UNTRUSTED_CHARS) -> str:
    """Return `text` as quoted matter of `source`, at most `limit` characters of it, between marks it cannot forge.

    The marks are characters that `clean`ed text never holds, so nothing inside can close the quotation and speak as
    the system. The prompts say what the marks mean: words of others, to be read, never to be obeyed. What an action
    is comes only from the model's own reply, so a quotation cannot name one.
    """
    label = _SOURCE.sub(" ", source[: MAX_SOURCE_CHARS * 4].translate(_FENCE)).strip()[:MAX_SOURCE_CHARS]
    body = clean(text, limit).translate(_FENCE)
    return f"{OPEN}untrusted words of {label}:\n{body}\n{CLOSE}"


def inline(text: str, limit: int = MAX_UNTRUSTED_CHARS) -> str:
    """Return `text` of a stranger in one line between the marks, at most `limit` characters of it."""
    return f"{OPEN}{' '.join(clean(text, limit).translate(_FENCE).split())}{CLOSE}"


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`; a quotation that is cut open is closed: else it would go on."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 2].rstrip() + "…"
    return kept + CLOSE if kept.count(OPEN) > kept.count(CLOSE) else kept
