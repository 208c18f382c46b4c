"""Text that may be shown on any terminal: what people and models write, without what a terminal would obey."""

from collections.abc import Mapping
from typing import Any

KEPT = frozenset("\n\t\u200d\ufe0f")  # line breaks and tabs; what joins the parts of an emoji


def harmless(text: str) -> str:
    """Return `text` with a � for each control character, escape and sign that turns the writing around."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in KEPT else "�" for c in text.replace("\r\n", "\n").replace("\r", "\n"))


def harmless_all(document: Any) -> Any:
    """Return a JSON document with every text in it harmless, whatever bytes it came from."""
    if isinstance(document, str):
        return harmless(document.encode(errors="replace").decode())
    if isinstance(document, Mapping):
        return {name: harmless_all(each) for name, each in document.items()}
    if isinstance(document, list | tuple):
        return [harmless_all(each) for each in document]
    return document
