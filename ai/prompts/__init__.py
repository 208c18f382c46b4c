"""The words the AI is told: Markdown files beside this one, filled in by name; a missing value is an error."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


@lru_cache(maxsize=1)
def _prompts() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - `status` and the like tell nothing

    return Environment(
        loader=PackageLoader("ai", "prompts"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - prompts are plain text for a model; HTML escapes would be noise to it
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(name: str, /, **values: object) -> str:
    """Return the prompt in `ai/prompts/<name>.md` with `values` filled in, without blank ends.

    Values are inserted as they are and never rendered again, so text from outside cannot run as a template; mark it
    with `ai.memory.untrusted.quote` first. Raises KeyError for an unknown name, jinja2.UndefinedError for a value
    that the prompt names and the caller did not give.
    """
    from jinja2 import TemplateNotFound  # noqa: PLC0415 - see above

    prompts = _prompts()
    try:
        template = prompts.get_template(f"{name}.md")
    except TemplateNotFound:
        known = ", ".join(sorted(path.removesuffix(".md") for path in prompts.list_templates(extensions=["md"])))
        raise KeyError(f"no prompt {name!r}; there are: {known}") from None
    return template.render(values).strip()
