"""The actions there are: described to the model, checked, carried out, and broken out of when they repeat."""

import asyncio
import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ai.actions.action import Action, Refused
from ai.actions.context import ActionContext
from ai.actions.everyday import ALL
from ai.actions.loop_breaker import SAME_AT_MOST, LoopBreaker
from ai.actions.parsing import Reply
from ai.clock import Clock
from ai.credit_tracker.records import NotAffordable
from ai.ledger.errors import LedgerError
from ai.life.copied import copied_words
from ai.life.workspace import WorkspaceRefused
from ai.llm.local.shape import TEXT_CHARS
from ai.memory.memory import Kind
from ai.memory.untrusted import CLOSE, OPEN, cut
from ai.mind.database import MindDatabase
from ai.people import LetterRefused, WorkRefused

THINK = "think"
ACTION_TIMEOUT_SECONDS = 150.0  # two calls to X at their own limit and a retrieval; a beat has 300
MAX_RESULT_CHARS = 3_000  # the result is the next step's input and is paid for
MAX_TOLD_CHARS = 200  # of parameters and result in the journal's line; the life's memory has the whole
MAX_THOUGHT_SCHEMA_CHARS = 900
# What a reply within MAX_OUTPUT_TOKENS holds beside its text: thought, names, quotes. A token is three letters and
# more in most languages. What is promised beyond that ends as a cut reply, whose deed is lost.
FRAME_TOKENS = 200
LETTERS_PER_TOKEN = 3
LEAST_TEXT_CHARS = 200
# The message of each is one line for a reader.
REFUSALS = (Refused, WorkspaceRefused, LetterRefused, WorkRefused, NotAffordable, LedgerError)


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What became of a reply's action: `text` goes back to the model; `ends_beat`: nothing more to do now."""

    action: str
    params: Mapping[str, Any]
    ok: bool
    text: str
    ends_beat: bool = False
    looping: bool = False


class Registry:
    """Every action by its name. Further ones are added with `register`, by who has them."""

    def __init__(
        self,
        mind: MindDatabase,
        clock: Clock,
        actions: Iterable[Action] = ALL,
        *,
        breaker: LoopBreaker | None = None,
        max_output_tokens: int = 700,
    ) -> None:
        self._mind = mind
        self._breaker = breaker or LoopBreaker(mind, clock)
        self._longest = max(LEAST_TEXT_CHARS, (max_output_tokens - FRAME_TOKENS) * LETTERS_PER_TOKEN)
        self._actions: dict[str, Action] = {}
        self._lines: list[str] = []
        self._local_lines: list[str] = []
        self._params: dict[str, dict[str, Any]] = {}
        self._replies: dict[str, dict[str, Any]] = {}
        for action in actions:
            self.register(action)

    def register(self, action: Action) -> None:
        """Add an action; raises ValueError where its name is taken."""
        if action.name in self._actions:
            raise ValueError(f"action {action.name!r} is registered already; choose another name")
        self._actions[action.name] = action
        # Made here, once: pydantic takes 7 ms for both, and a step of a beat asks for both.
        self._lines.append(f"- {action.brief(self._longest)}: {action.summary}")
        written = action.params.model_json_schema()
        if action.simple:
            self._local_lines.append(f"- {action.usage(min(self._longest, TEXT_CHARS))}: {action.summary}")
            self._replies[action.name] = _reply_with(action.name, written)
        for name, prop in written.get("properties", {}).items():
            kept = {key: prop[key] for key in ("type", "maxLength", "minimum", "maximum") if key in prop}
            before = self._params.get(name, {})
            longer = min(max(kept.get("maxLength", 0), before.get("maxLength", 0)), self._longest)
            self._params[name] = kept | ({"maxLength": longer} if longer else {})

    @property
    def names(self) -> list[str]:
        """Return the names, in the order they were registered."""
        return list(self._actions)

    def describe(self, *, local: bool = False) -> str:
        """Return the actions as lines for the prompt; the same every time, so that a model's prefix cache holds.

        No text is promised to be longer than a reply can hold; the embedded model (`local`) is bounded more closely.
        """
        return "\n".join(self._local_lines if local else self._lines)

    def reply_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a reply, for structured outputs: thought first, then what follows from it.

        Parameters of all actions stand side by side, none required: which belong to which is checked by `perform`,
        whose answer a model understands better than a grammar. Meant for `strict: false`.
        """
        return _closed(
            {
                "thought": {"type": "string", "maxLength": MAX_THOUGHT_SCHEMA_CHARS},
                "importance": {"type": "integer", "minimum": 1, "maximum": 10},
                "action": {"type": "string", "enum": self.names},
                "params": {"type": "object", "properties": dict(self._params), "additionalProperties": False},
                "done": {"type": "boolean"},
            },
            ("thought", "action", "params"),
        )

    def local_schema(self, opening: str | None = None, cannot: Collection[str] = ()) -> dict[str, Any]:
        """Return what `reply_schema` leaves to `perform`: one form of a reply for each action, with its own parameters.

        For the embedded model, which forgets parameters that it may leave out and whose schema costs no money.
        `opening`: a pattern that its thought must match. `cannot`: actions that would be refused now; their forms stand
        under `$defs`, where none can be chosen and the model's prompt, with an example of each, stays the same.
        """
        begun = {} if opening is None else {"thought": {"type": "string", "pattern": opening}}
        forms = {name: {**form, "properties": {**form["properties"], **begun}} for name, form in self._replies.items()}
        return {
            "anyOf": [form for name, form in forms.items() if name not in cannot],
            "$defs": {name: form for name, form in forms.items() if name in cannot},
        }

    def looks(self, name: str) -> bool:
        """Say whether an action is done for what its result shows; of others there is nothing more to think about."""
        action = self._actions.get(name)
        return action is not None and action.looks

    async def perform(self, reply: Reply, context: ActionContext) -> ActionResult:
        """Do what the reply asks for and return what became of it; never raises for anything a model can write.

        The fourth time in a row of the same request, after three with the same result, is refused without being
        done, until the life does something else.
        """
        if reply.cut and reply.action is None:
            return self._tell(context, ActionResult(THINK, {}, False, self._cut_off(reply)))
        name = _tidy(reply.action or THINK)
        params = dict(reply.params)
        life = context.life or 0
        # A thought that is thought again word for word is a loop too; other actions are told apart by parameters.
        key = {**params, "thought": reply.thought} if name == THINK else params
        if self._breaker.times(life, name, key) >= SAME_AT_MOST:
            others = ", ".join(other for other in self.names if other != name)
            text = (
                f"{name} was done {SAME_AT_MOST} times in a row with the same words and the same result; "
                f"do something else: {others}"
            )
            return self._tell(context, ActionResult(name, params, False, text, looping=True))
        result = await self._carry_out(name, params, context)
        with self._mind.transaction():
            self._breaker.done(life, name, key, result.text)
            return self._tell(context, result)

    async def _carry_out(self, name: str, params: dict[str, Any], context: ActionContext) -> ActionResult:
        action = self._actions.get(name)
        if action is None:
            return ActionResult(name, params, False, self._unknown(name))
        if (copied := copied_words(params)) is not None:
            return ActionResult(name, params, False, f"“{copied}” stands in an example; say it in your own words")
        try:
            async with asyncio.timeout(ACTION_TIMEOUT_SECONDS):
                given = action.read(params)
                text = await action.run(given, context)
                if action.memory is not None:
                    context.memory.add(action.memory(given, text), Kind.ACTION, context.importance)
        except REFUSALS as refusal:
            return ActionResult(name, params, False, _one_line(str(refusal)))
        except TimeoutError:
            problem = f"it took longer than {ACTION_TIMEOUT_SECONDS:.0f} seconds and was given up; try again later"
            return ActionResult(name, params, False, problem)
        except Exception as error:  # noqa: BLE001 - a fault in one action must cost a step, never the beat
            context.journal.append("action.failed", action=name, problem=f"{type(error).__name__}: {error}"[:500])
            return ActionResult(name, params, False, "it failed for a reason that is not yours; do something else")
        return ActionResult(name, params, True, _bounded(text), ends_beat=action.ends_beat)

    def _cut_off(self, reply: Reply) -> str:
        wanted = f"{reply.unfinished} was not done" if reply.unfinished else "nothing was done"
        return (
            f"your reply was cut off before it was whole, so {wanted}; say it again, shorter: "
            f"a text of {self._longest:,} characters at most"
        )

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.names, n=3, cutoff=0.5)
        known = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(self.names)}"
        return f"there is no action {name[:40]!r}; {known}"

    def _tell(self, context: ActionContext, result: ActionResult) -> ActionResult:
        if result.ok and result.action == THINK:
            return result  # the thought itself is in the journal
        secrets = context.settings.secrets()
        context.journal.append(
            "action.performed" if result.ok else "action.refused",
            action=result.action,
            params=_short(", ".join(f"{key}={value!r}" for key, value in result.params.items()), secrets),
            result=_short(result.text, secrets),
        )
        return result


def _reply_with(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a reply with this action; `params` is the JSON schema of its parameters."""
    kept = ("type", "minLength", "maxLength", "minimum", "maximum")
    own = {
        param: {key: prop[key] for key in kept if key in prop} for param, prop in params.get("properties", {}).items()
    }
    return _closed(
        {
            "thought": {"type": "string", "maxLength": MAX_THOUGHT_SCHEMA_CHARS},
            "action": {"const": name},
            "params": _closed(own, params.get("required", ())),
        }
    )


def _closed(properties: Mapping[str, Any], required: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others, all of them required unless named."""
    needed = list(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), "required": needed, "additionalProperties": False}


def _tidy(name: str) -> str:
    return name.strip().strip("()").strip().lower().replace("-", "_").replace(" ", "_")


def _one_line(text: str) -> str:
    return _bounded(" ".join(text.split()))


def _bounded(text: str) -> str:
    return cut(text, MAX_RESULT_CHARS)


def _short(text: str, secrets: Iterable[str]) -> str:
    line = " ".join(text.split())
    for secret in secrets:
        line = line.replace(secret, "…")
    if len(line) <= MAX_TOLD_CHARS:
        return line
    head = line[: MAX_TOLD_CHARS - 2]
    kept = (head.rsplit(" ", 1)[0] if " " in head else head) + "…"
    return kept + CLOSE if kept.count(OPEN) > kept.count(CLOSE) else kept  # the next scene shows it to the mind
