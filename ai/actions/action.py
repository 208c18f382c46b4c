"""What an action is: a name, typed parameters, what it does, and the one line that says how to use it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ai.actions.context import ActionContext

Run = Callable[[Any, ActionContext], Awaitable[str]]


class Refused(Exception):
    """An action was not done; the message is one line that says what would be right."""


class Params(BaseModel):
    """The parameters of an action; keys that it does not know are ignored (CONTRACT §4)."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True, frozen=True)


class NoParams(Params):
    """An action that needs to be told nothing."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something the AI can do.

    `run(params, context)` returns the result's text and raises Refused. `summary` is its line in the prompt. A beat
    ends after an action that `ends_beat`: there is no result worth a further step. `memory(params, result)` says how a
    deed is remembered; None: it changes nothing that a life would want to know of. One that is not `simple` is not
    offered to the embedded model, whose prompt costs minutes. One that `looks` is done for what its result shows.
    """

    name: str
    params: type[Params]
    run: Run
    summary: str
    ends_beat: bool = False
    memory: Callable[[Any, str], str] | None = None
    simple: bool = True
    looks: bool = False

    def usage(self, longest: int | None = None) -> str:
        """Return how it is written, like `recall(query: text of 1 to 200 characters)`; no text above `longest`."""
        schema = self.params.model_json_schema()
        required = set(schema.get("required", ()))
        parts = [
            f"{name}{'' if name in required else '?'}: {_kind(prop, longest)}"
            for name, prop in schema.get("properties", {}).items()
        ]
        return f"{self.name}({', '.join(parts)})"

    def brief(self, longest: int) -> str:
        """Return the same in few words, like `recall(query ≤ 200)`: each call of a paid model pays for every word."""
        schema = self.params.model_json_schema()
        required = set(schema.get("required", ()))
        parts = [
            f"{name}{'' if name in required else '?'}{_bounds(prop, longest)}"
            for name, prop in schema.get("properties", {}).items()
        ]
        return f"{self.name}({', '.join(parts)})"

    def read(self, given: dict[str, Any]) -> Params:
        """Return the typed parameters; raises Refused with one line on what is wrong and how it would be right."""
        try:
            return self.params.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = str(first["loc"][0]) if first["loc"] else "params"
            problem = first["msg"].removeprefix("Value error, ")
            problem = problem[:1].lower() + problem[1:]
            raise Refused(f"{place}: {problem}. It is written {self.usage()}") from None


def _bounds(prop: dict[str, Any], longest: int) -> str:
    if prop.get("type") == "string":
        return f" ≤ {min(prop.get('maxLength', longest), longest):,}"
    low, high = prop.get("minimum"), prop.get("maximum")
    return f": {low:g} to {high:g}" if low is not None and high is not None else ""


def _kind(prop: dict[str, Any], longest: int | None) -> str:
    """Return a parameter's type and bounds in words."""
    if prop.get("type") == "string":
        low, high = prop.get("minLength", 0), prop.get("maxLength")
        high = min(high, longest) if high and longest else high
        return f"text of {low} to {high:,} characters" if high else "text"
    low, high = prop.get("minimum"), prop.get("maximum")
    return f"number from {low:g} to {high:g}" if low is not None and high is not None else str(prop.get("type", "any"))
