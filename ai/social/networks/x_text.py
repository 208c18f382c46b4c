"""A post's text as X sees it: its weighted length, its links, whom it names, and how it looks on the timeline."""

import html
import re
import unicodedata

from ai.social.text import EMOJI, links

MAX_WEIGHT = 280  # X's limit for an account without a subscription
URL_WEIGHT = 23  # X wraps each link into a t.co address of this length
LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))  # twitter-text v3: code points of weight 1; others 2

_MENTION = re.compile(r"(?<![A-Za-z0-9_!#$%&*@＠/])[@＠][A-Za-z0-9_]{1,15}(?![\w@＠]|://)")


def weighted_length(text: str) -> int:
    """Return the length that X counts against 280: a link 23, an emoji 2, CJK 2, most letters 1.

    After twitter-text v3's configuration. Where X may or may not see a link (`so.it` without a scheme or a path),
    the longer of both is counted, so that nothing counted as fitting is refused for its length.
    """
    total, at = 0, 0
    text = unicodedata.normalize("NFC", text)
    for start, end, certain in links(text):
        plain = _plain_weight(text[start:end])
        total += _plain_weight(text[at:start]) + (URL_WEIGHT if certain else max(URL_WEIGHT, plain))
        at = end
    return total + _plain_weight(text[at:])


def has_link(text: str) -> bool:
    """Say whether X may charge the text as one with a URL; in doubt, yes: the dearer price is held."""
    return bool(links(text))


def mention(text: str) -> str | None:
    """Return the first `@name` that X would take for the name of an account, or None; a mail address is none."""
    found = _MENTION.search(text)
    return None if found is None else found[0]


def same_post(ours: str, on_timeline: str) -> bool:
    """Say whether a post on X's timeline is ours: X escapes &, < and > and replaces each link by its own."""
    return _comparable(ours) == _comparable(html.unescape(on_timeline))


def _comparable(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    for start, end, _certain in reversed(links(text)):
        text = f"{text[:start]}\x00{text[end:]}"
    return " ".join(text.split())


def _plain_weight(text: str) -> int:
    pictures = EMOJI.findall(text)
    return sum(_weight(c) for c in EMOJI.sub("", text)) + sum(2 if len(p) > 1 else _weight(p) for p in pictures)


def _weight(character: str) -> int:
    return 1 if any(low <= ord(character) <= high for low, high in LIGHT) else 2
