"""What a model says once it has thought: reasoning that leaked into its answer is told apart, in one linear reading."""

import re
from dataclasses import dataclass

from ai.llm.lenient_json import Found, NotJson, read_object

MAX_SAID_CHARS = 160_000  # MAX_OUTPUT_TOKENS' upper bound of 32,000 tokens at five characters each
MAX_STARTS = 32  # braces tried as the start of an object; a text that needs more is noise, and the work stays bounded

# Reasoning begins and ends in as many ways as there are makers. Tags: DeepSeek, Qwen, EXAONE, Seed, Claude's habit.
# Brackets: Magistral. Triangles: Kimi. Tokens: OpenThinker, Command A, MedGemma, Gemma. Channels: gpt-oss ("harmony"),
# whose marks some servers strip, so that only `analysis…assistantfinal…` is left of them.
_NAMES = (
    r"(?:seed:)?(?:ant)?(?:think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad|"
    r"inner_thoughts|(?:inner|internal)_monologue)"
)
_BEGINS = (
    rf"<{_NAMES}(?:\s[^<>]{{0,80}})?>|\[(?:THINK|THINKING|REASONING)\]|◁think▷|"
    r"<\|(?:begin_of_thought|start_thinking|think|thinking)\|>|<unused94>|"
    r"<\|channel\|?>\s{0,4}(?:analysis|commentary|thought)"
)
_ENDS = (
    rf"</{_NAMES}\s{{0,4}}>|\[/(?:THINK|THINKING|REASONING)\]|◁/think▷|"
    r"<\|(?:end_of_thought|end_thinking|/think|begin_of_solution|start_response)\|>|<unused95>|"
    r"<\|channel\|?>\s{0,4}(?:final|response)|<channel\|>|assistantfinal(?=[\s{\"'`*\[]|$)|"
    r"<(?:answer|final|final_answer|response|output)>|"
    r"\bfinal\s{1,4}(?:answer|response|reply|output|json|version)\b"
)
_STOP = re.compile(rf"(?P<begin>{_BEGINS})|(?P<end>{_ENDS})|(?P<brace>\{{)", re.IGNORECASE)
_END = re.compile(_ENDS, re.IGNORECASE)
_STRIPPED_HARMONY = re.compile(r"\s{0,100}(?:assistant)?analysis(?=[A-Z\"'])")
_MARKS = re.compile(
    rf"{_BEGINS}|{_ENDS}|</(?:answer|final|final_answer|response|output)>|"
    r"<\|(?:start|end|message|channel|return|call|end_of_solution|end_response)\|>(?:assistant)?|```[\w-]{0,20}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer without its reasoning: the JSON objects in it, in order, and the whole of it as plain words.

    `reasoned` is what was thought before, for an answer that holds nothing else. A cut object is the last one.
    """

    objects: tuple[Found, ...]
    words: str
    reasoned: str


def said(text: str) -> Said:
    """Return what `text` says after its reasoning; at most MAX_SAID_CHARS of it are read.

    An object that stands in reasoning is a draft and is left out: whatever the last end of reasoning comes after,
    with or without its beginning, was not meant to be said. Marks inside an object's texts are its author's words.
    A reasoning that never ends takes all, since nothing was said after it.
    """
    text = text[:MAX_SAID_CHARS]
    objects: list[Found] = []
    begins, ends, tries = 0, len(text), 0
    opening = _STRIPPED_HARMONY.match(text)
    at = opening.end() if opening else 0
    inside, cut = opening is not None, False
    while True:
        stop = (_END if inside or cut else _STOP).search(text, at)
        if stop is None:
            break
        at = stop.end()
        if inside or cut or stop["end"]:
            objects, begins, ends, inside, cut = [], at, len(text), False, False
        elif stop["begin"]:
            inside, ends = True, min(ends, stop.start())
        elif tries < MAX_STARTS:
            tries += 1
            found = _object_at(text, stop.start())
            if found is not None:
                objects.append(found)
                at, cut = (at, True) if found.cut else (found.end, False)
    if inside and opening is not None and ends == len(text):
        ends = begins
    return Said(tuple(objects), _plain(text[begins:ends]), _plain(text))


def first_object(text: str) -> dict[str, object] | None:
    """Return the first whole JSON object that `text` says, however it is wrapped, or None."""
    return next((found.value for found in said(text).objects if not found.cut), None)


def _object_at(text: str, start: int) -> Found | None:
    try:
        return read_object(text, start)
    except (NotJson, RecursionError):
        return None


def _plain(text: str) -> str:
    return _MARKS.sub("", text).strip()
