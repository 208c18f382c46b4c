"""The grammar of a body's whitelist: which fields pass, what each can be counted as, and who says no; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai.gateway.refusals import Refusal
from ai.model_config.bound import CALL_TOKENS, MESSAGE_TOKENS, schema_bytes, text_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

MAX_TIMES = 128  # OpenAI's own limit of `n`
MAX_OUTPUT = 100_000_000  # tokens; beyond any model
MAX_NAME_CHARS = 200
MAX_MODELS = 16  # entries of a `models` array
# OpenRouter's routing: who may serve, never what is paid for. `max_price` is set by the gateway, and a caller's lower
# one is kept; what is not here (`plugins`, `engine`, …) is not known to cost nothing.
ROUTING = frozenset(
    "order only ignore sort allow_fallbacks data_collection zdr quantizations max_price require_parameters "
    "enforce_distillable_text preferred_min_throughput preferred_max_latency".split()
)
# What stands in a message beside its content and is words where nothing in it says that it is an image; anything else
# that is more than a word may be one.
IN_WORDS = frozenset(
    "role content name tool_calls tool_call_id function_call refusal reasoning reasoning_content reasoning_details "
    "thinking_blocks annotations cache_control metadata provider_specific_fields".split()
)
IMAGE = "image"  # in the name or the type of what is one: image_url, input_image, images
PICTURE = "data:image/"  # how an image begins that stands in a text
# In these every name is the caller's own, and all of it is told in words: calls of tools, their schemas, a shell's.
IN_OWN_WORDS = frozenset({"arguments", "input", "parameters", "tools", "env"})
SAID_OF_IMAGES = frozenset({"type", "detail", "media_type", "mime_type", "format"})
VARIANTS = (":nitro", ":floor", ":exacto")  # another order of the same providers; `max_price` holds them to the price
ONLINE = ":online"


def refuse(param: str, message: str, code: str = "unsupported_parameter") -> Refusal:
    """Return the refusal of a field; the message goes on after the field's name."""
    return Refusal(400, f"`{param}` {message}", code=code, param=param)


def unbounded(param: str, why: str) -> Refusal:
    """Return the refusal of something whose cost nobody can bound before it is sent."""
    return refuse(param, f"cannot be bounded, so it is not sent: {why}", "unbounded_cost")


def only(body: Mapping[str, Any], known: Collection[str], why: Mapping[str, str], where: str = "") -> None:
    """Refuse the first field that is not in `known`, with the reason in `why` where there is one; null is no field."""
    for name, value in body.items():
        if name in known or value is None:
            continue
        param = f"{where}{name}"
        if name in why:
            raise unbounded(param, why[name])
        raise refuse(param, "is not a field that this gateway knows to be bounded; leave it out")


def count(body: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    """Return a whole number within bounds, None where it is missing; 700.0 is taken as 700."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise refuse(name, f"must be a whole number from {least} to {most:,}", "invalid_value")
    return value


def flag(body: Mapping[str, Any], name: str) -> bool:
    """Return a yes or no, no where it is missing."""
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise refuse(name, "must be true or false", "invalid_value")
    return value


def text(value: Any, param: str) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise refuse(param, "must be a text", "invalid_type")
    return value


def listed(value: Any, param: str) -> list[Any]:
    """Return a list."""
    if not isinstance(value, list):
        raise refuse(param, "must be a list", "invalid_type")
    return value


def mapping(value: Any, param: str) -> Mapping[str, Any]:
    """Return an object."""
    if not isinstance(value, dict):
        raise refuse(param, "must be an object", "invalid_type")
    return value


def word(value: Any) -> str:
    """Return a value as a word to compare with those that are known; what is no text is none of them."""
    return value if isinstance(value, str) else repr(value)[:MAX_NAME_CHARS]


def model_name(body: Mapping[str, Any], name: str = "model") -> str:
    """Return the name of a model that a body asks for, `auto` where it names none."""
    value = body.get(name)
    if value is None:
        return "auto"
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARS or not value.isprintable():
        raise refuse(name, "must be the name of a model", "invalid_type")
    if value.endswith(ONLINE):
        raise unbounded(name, "`:online` searches the web, and searches are billed on top")
    return value


def model_names(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names in OpenRouter's `models` array."""
    value = body.get("models")
    if value is None:
        return ()
    names = listed(value, "models")
    if len(names) > MAX_MODELS:
        raise refuse("models", f"may have {MAX_MODELS} entries at most", "invalid_value")
    return tuple(model_name({"models": name}, "models") for name in names)


def together(counts: Iterable[int | None]) -> int | None:
    """Return the sum of counts of images, None where one of them is not known."""
    total = 0
    for one in counts:
        if one is None:
            return None
        total += one
    return total


def images_beside(message: Mapping[str, Any]) -> int:
    """Return the most images that a message can hold beside its content: each has a text at least, its address."""
    rest = {name: value for name, value in message.items() if name not in IN_WORDS and isinstance(value, list | dict)}
    words = {name: value for name, value in message.items() if name not in rest}
    return images_among(words) + sum(max(1, _texts(value)) for value in rest.values() if value)


def images_among(fields: Mapping[str, Any]) -> int:
    """Return the most images among fields of words, however deep: what a name, a type or a text says is one."""
    waiting: list[Any] = [fields]
    found = 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found += one.startswith(PICTURE)
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, dict) and IMAGE in str(one.get("type")).lower():
            found += max(1, _texts(one))
        elif isinstance(one, dict):
            for name, value in one.items():
                if IMAGE in name.lower() and value and isinstance(value, str | list | dict):
                    found += max(1, _texts(value))
                elif name not in IN_OWN_WORDS:
                    waiting.append(value)
    return found


def _texts(value: Any) -> int:
    """Return how many texts there are in a value, however deep."""
    waiting, found = [value], 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [inner for name, inner in one.items() if name not in SAID_OF_IMAGES]
        elif isinstance(one, list):
            waiting += one
        found += isinstance(one, str)
    return found


def json_tokens(value: Any) -> int:
    """Return the most tokens that a JSON value can be, written with escapes or without."""
    return 0 if value is None else schema_bytes(value)


def text_tokens(value: str) -> int:
    """Return the most tokens that a text can be: no tokenizer makes more than it has bytes."""
    return text_bytes(value)


def framed(tokens: int, parts: int) -> int:
    """Return `tokens` with what a chat template puts around so many messages or tools, and a provider around all."""
    return tokens + MESSAGE_TOKENS * parts + CALL_TOKENS


def routing(body: Mapping[str, Any]) -> None:
    """Refuse a `provider` object that asks for more than routing."""
    value = body.get("provider")
    if value is not None:
        only(mapping(value, "provider"), ROUTING, {}, "provider.")


def reasoning_allowance(body: Mapping[str, Any], name: str = "reasoning") -> int:
    """Return the tokens of thought that a body allows beside its output limit (`reasoning.max_tokens`)."""
    value = body.get(name)
    if value is None:
        return 0
    fields = mapping(value, name)
    return count(fields, "max_tokens", 0, MAX_OUTPUT) or 0
