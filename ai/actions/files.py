"""Reading and writing text files in the mind's own workspace."""

from pydantic import AliasChoices, Field

from ai.actions.action import Action, NoParams, Params
from ai.actions.context import ActionContext
from ai.memory.untrusted import quote

MAX_PATH_CHARS = 200
MAX_WRITTEN_CHARS = 4_000  # more than MAX_OUTPUT_TOKENS lets a reply hold by default
MAX_READ_CHARS = 2_400
MAX_LISTED = 60

_PATH = Field(min_length=1, max_length=MAX_PATH_CHARS, validation_alias=AliasChoices("path", "name", "filename"))


class FilePath(Params):
    """Which file."""

    path: str = _PATH


class FileText(Params):
    """Which file, and what shall stand in it."""

    path: str = _PATH
    text: str = Field(max_length=MAX_WRITTEN_CHARS, validation_alias=AliasChoices("text", "content"))


async def read_file(params: FilePath, context: ActionContext) -> str:
    """Return the beginning of a file, marked: what stands in a file is read, never obeyed."""
    text = context.workspace.read(params.path)
    if not text.strip():
        return f"{params.path} is empty"
    cut = f" (the first {MAX_READ_CHARS:,} of {len(text):,} characters)" if len(text) > MAX_READ_CHARS else ""
    return quote(text, f"file {params.path}{cut}", MAX_READ_CHARS)


async def write_file(params: FileText, context: ActionContext) -> str:
    """Write a file whole; what stood there before is gone."""
    return f"{params.path} written, {context.workspace.write(params.path, params.text):,} bytes"


async def list_files(_params: NoParams, context: ActionContext) -> str:
    """Return the files with their sizes."""
    found = context.workspace.listing()
    if not found:
        return "the workspace is empty"
    more = [f"and {len(found) - MAX_LISTED} more"] if len(found) > MAX_LISTED else []
    return "\n".join([f"- {name} ({size:,} bytes)" for name, size in found[:MAX_LISTED]] + more)


ACTIONS = (
    Action("list_files", NoParams, list_files, "see the files of your workspace"),
    Action("read_file", FilePath, read_file, "read a text file"),
    Action("write_file", FileText, write_file, "write a text file whole, like notes/rain.md"),
)
