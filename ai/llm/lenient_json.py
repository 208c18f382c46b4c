"""Reads JSON the way models write it: trailing commas, single quotes, bare keys, NaN, and cut off in the middle."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 24  # an action's parameters are two or three deep; beyond this it is noise, and recursion is bounded
MAX_STOPS = 4_000  # escapes and quotes inside one text; more are noise
MAX_MEMBERS = 400  # keys of one object or items of one array; a reply has a handful

_SPACE = re.compile(r"\s*")
_BARE = re.compile(r"[A-Za-z_$][\w$-]{0,63}")
_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?")
_WORDS: dict[str, Any] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
    "undefined": None,
    "NaN": None,
    "nan": None,
    "Infinity": None,
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_CLOSING = {'"': '"', "'": "'", "“": "”"}
_TEXT_STOPS = {quote: re.compile(rf"[\\{closing}]") for quote, closing in _CLOSING.items()}


class NotJson(ValueError):
    """What stands at this place is no JSON, however kindly it is read."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object, where it ends in the text, and the top-level keys whose value was cut off with the text."""

    value: dict[str, Any]
    end: int
    cut: bool = False
    cut_keys: frozenset[str] = field(default_factory=frozenset)


def read_object(text: str, start: int) -> Found:
    """Return the object that begins with the brace at `start`; raises NotJson where there is none.

    Strict JSON is tried first; not-a-numbers become None. Where the text ends inside the object, what was complete
    is returned, and the names of what was not.
    """
    decoder = json.JSONDecoder(strict=False, parse_constant=lambda _word: None)
    try:
        value, end = decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        return _Reader(text, start).top()
    if not isinstance(value, dict):
        raise NotJson("no object")
    return Found(value, end)


class _Reader:
    """One reading of one object, recursive to MAX_DEPTH, without eval and without backtracking."""

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.at = start
        self.cut = False

    def top(self) -> Found:
        cut_keys: set[str] = set()
        value = self._object(1, cut_keys)
        return Found(value, self.at, self.cut, frozenset(cut_keys))

    def _peek(self) -> str:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise NotJson("too deep")
        sign = self._peek()
        if sign == "":
            self.cut = True
            return None
        if sign == "{":
            return self._object(depth, set())
        if sign == "[":
            return self._array(depth)
        if sign in _CLOSING:
            return self._text(sign)
        return self._word_or_number()

    def _object(self, depth: int, cut_keys: set[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for sign in self._members("}"):
            key = self._key(sign)
            if self.cut:
                break
            colon = self._peek()
            if colon == "":
                self.cut = True
                break
            if colon != ":":
                raise NotJson("no colon")
            self.at += 1
            found[key] = self._value(depth + 1)
            if self.cut:
                cut_keys.add(key)
        return found

    def _array(self, depth: int) -> list[Any]:
        return [self._value(depth + 1) for _ in self._members("]")]

    def _members(self, closing: str) -> Iterator[str]:
        """Stand before each member in turn, giving its first character; end after `closing`, or where the text is cut.

        Members need a comma between them; one too many, also before the end, is passed over.
        """
        self.at += 1
        for _ in range(MAX_MEMBERS):
            sign = self._peek()
            if sign == ",":
                self.at += 1
                continue
            if sign == closing:
                self.at += 1
                return
            if sign == "":
                self.cut = True
                return
            yield sign
            if self.cut:
                return
            if self._peek() not in {",", closing, ""}:
                raise NotJson("no comma")
        raise NotJson("too many members")

    def _key(self, sign: str) -> str:
        if sign in _CLOSING:
            return self._text(sign)
        match = _BARE.match(self.text, self.at)
        if match is None:
            raise NotJson("no key")
        self.at = match.end()
        return match[0]

    def _text(self, quote: str) -> str:
        """Read a quoted text; a single quote ends it only before a comma, a colon, a bracket or the end."""
        parts: list[str] = []
        stops = _TEXT_STOPS[quote]
        self.at += 1
        for _ in range(MAX_STOPS):
            stop = stops.search(self.text, self.at)
            if stop is None:
                parts.append(self.text[self.at :])
                self.at = len(self.text)
                self.cut = True
                return "".join(parts)
            parts.append(self.text[self.at : stop.start()])
            self.at = stop.end()
            if stop[0] == "\\":
                parts.append(self._escape())
            elif quote == "'" and not self._may_end():
                parts.append("'")
            else:
                return "".join(parts)
        raise NotJson("too many quotes")

    def _may_end(self) -> bool:
        match = _SPACE.match(self.text, self.at)
        after = match.end() if match else self.at
        return self.text[after : after + 1] in {",", ":", "}", "]", ""}

    def _escape(self) -> str:
        sign = self.text[self.at : self.at + 1]
        self.at += 1
        if sign != "u":
            return _ESCAPES.get(sign, sign)
        digits = self.text[self.at : self.at + 4]
        if re.fullmatch(r"[0-9a-fA-F]{4}", digits) is None:
            return ""
        self.at += 4
        return chr(int(digits, 16))

    def _word_or_number(self) -> Any:
        number = _NUMBER.match(self.text, self.at)
        word = _BARE.match(self.text, self.at + (self.text[self.at] in "+-"))
        match = number or word
        if match is None or (number is None and match[0] not in _WORDS):
            if match is not None and match.end() == len(self.text):
                self.cut = True  # `tru` at the end of a reply that ran out of tokens
                return None
            raise NotJson("no value")
        self.at = match.end()
        if self.at == len(self.text):
            self.cut = True  # the next character could have belonged to it
        if number is None:
            return _WORDS[match[0]]
        written = number[0]
        return int(written) if written.lstrip("+-").isdigit() else float(written)
