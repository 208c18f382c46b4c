"""How a setting is declared: its default, its meaning, a correct example, and whether it is a secret."""

from typing import Any

from pydantic import Field


def setting(default: Any, meaning: str, example: str, **bounds: Any) -> Any:
    """Return a field with its default, its meaning and a correct value; `bounds` as pydantic's Field takes them."""
    return Field(default=default, description=meaning, examples=[example], **bounds)


def secret(meaning: str, example: str) -> Any:
    """Return a field whose value is never shown."""
    return Field(default=None, description=meaning, examples=[example], json_schema_extra={"secret": True})
