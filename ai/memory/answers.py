"""Finds the JSON object in what a model said, whatever it wrapped around it."""

import json
import re
from typing import Any

MAX_STARTS = 64  # braces tried as the start of an object; a reply within max_tokens that needs more is junk
_REASONING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")


def first_object(text: str) -> dict[str, Any] | None:
    """Return the first JSON object in `text`, or None; reasoning, fences, words around and trailing commas pass."""
    plain = _REASONING.sub("", text)
    for candidate in (plain, _TRAILING_COMMA.sub(r"\1", plain)):
        decoder = json.JSONDecoder(strict=False)
        start = candidate.find("{")
        for _ in range(MAX_STARTS):
            if start < 0:
                break
            try:
                found, _end = decoder.raw_decode(candidate, start)
            except (ValueError, RecursionError):
                start = candidate.find("{", start + 1)
                continue
            if isinstance(found, dict):
                return found
    return None
