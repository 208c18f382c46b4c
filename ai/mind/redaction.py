"""Takes secrets out of texts before they are kept or shown: those that are set here, and whatever looks like a key."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "[redacted]"
LEAST_SECRET = 4  # a shorter secret would blot out ordinary words; settings of that length protect nothing anyway
KEY_SHAPES = re.compile(
    r"\b(?:sk|pk|rk|gk|xox[a-z])-[A-Za-z0-9_-]{12,}|\bBearer\s{1,3}[A-Za-z0-9._~+/=-]{12,}"
    r"|\bgh[opsur]_[A-Za-z0-9]{20,}|\bAKIA[0-9A-Z]{16}\b"
)
# What a mind may strew between letters without changing how they read: blanks, and signs without a width.
_BETWEEN = "\\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff"
_STREWN = re.compile(f"[{_BETWEEN}]")
MOST_BETWEEN = 16  # of them between two letters: a run of blanks is not worth looking through
LEAST_STREWN = 12  # letters of a secret that is also found with blanks in it; a shorter one could be two plain words


class Redactor:
    """Replaces every known secret, and whatever has the shape of a key, in a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        texts = {text for text in secrets if len(text) >= LEAST_SECRET}
        texts |= {json.dumps(text)[1:-1] for text in texts}
        patterns = [_pattern(text) for text in sorted(texts, key=len, reverse=True)]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, text: str) -> str:
        """Return `text` without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        return KEY_SHAPES.sub(HIDDEN, text)

    def all_of(self, document: Any) -> Any:
        """Return a JSON document with every text in it, names of fields too, without secrets."""
        if isinstance(document, str):
            return self(document)
        if isinstance(document, Mapping):
            return {self(name) if isinstance(name, str) else name: self.all_of(each) for name, each in document.items()}
        if isinstance(document, list | tuple):
            return [self.all_of(each) for each in document]
        return document


def _pattern(text: str) -> str:
    letters = _STREWN.sub("", text)
    if len(letters) < LEAST_STREWN:
        return re.escape(text)
    return f"[{_BETWEEN}]{{0,{MOST_BETWEEN}}}".join(map(re.escape, letters))
