"""Reading and writing text files in the mind's own workspace."""

from pydantic import AliasChoices, Field

from ai.actions.action import Action, NoParams, Params
from ai.actions.context import ActionContext
from ai.memory.untrusted import clean, quote

MAX_PATH_CHARS = 200
MAX_WRITTEN_CHARS = 4_000  # more than MAX_OUTPUT_TOKENS lets a reply hold by default
MAX_READ_CHARS = 2_400
MAX_LISTED = 60
REMEMBERED_CHARS = 200  # of what was written: the file holds the rest, and recall finds it there

_PATH = Field(min_length=1, max_length=MAX_PATH_CHARS, validation_alias=AliasChoices("path", "name", "filename"))


class FilePath(Params):
    """Which file."""

    path: str = _PATH


class FileText(Params):
    """Which file, and what shall stand in it."""

    path: str = _PATH
    text: str = Field(max_length=MAX_WRITTEN_CHARS, validation_alias=AliasChoices("text", "content"))


async def read_file(params: FilePath, context: ActionContext) -> str:
    """Return the beginning of a file: its own words as they are, others' marked, to be read and never obeyed."""
    text = context.workspace.read(params.path)
    if not text.strip():
        return f"{params.path} is empty"
    if context.workspace.is_own(params.path, text):
        begins = f", the first {MAX_READ_CHARS:,} of {len(text):,} characters" if len(text) > MAX_READ_CHARS else ""
        return f"{params.path}, in your own words{begins}:\n{clean(text, MAX_READ_CHARS)}"
    cut = f" (the first {MAX_READ_CHARS:,} of {len(text):,} characters)" if len(text) > MAX_READ_CHARS else ""
    return quote(text, f"file {params.path}{cut}", MAX_READ_CHARS)


async def write_file(params: FileText, context: ActionContext) -> str:
    """Write a file whole; what stood there before is gone."""
    return f"{params.path} written, {context.workspace.write(params.path, params.text):,} bytes"


async def append_file(params: FileText, context: ActionContext) -> str:
    """Add text at the end of a file, on a new line; one that is not there begins with it."""
    return f"{params.path} now holds {context.workspace.append(params.path, params.text):,} bytes"


def _wrote(params: FileText, _result: str) -> str:
    line = " ".join(params.text.split())
    shown = line if len(line) <= REMEMBERED_CHARS else line[:REMEMBERED_CHARS].rsplit(" ", 1)[0] + "…"
    return f"I wrote in {params.path}: {shown}"


async def list_files(_params: NoParams, context: ActionContext) -> str:
    """Return the files with their sizes."""
    found = context.workspace.listing()
    if not found:
        return "the workspace is empty"
    more = [f"and {len(found) - MAX_LISTED} more"] if len(found) > MAX_LISTED else []
    return "\n".join([f"- {name} ({size:,} bytes)" for name, size in found[:MAX_LISTED]] + more)


ACTIONS = (
    Action("list_files", NoParams, list_files, "see the files of your workspace", looks=True),
    Action("read_file", FilePath, read_file, "read a text file", looks=True),
    Action("write_file", FileText, write_file, "write a text file whole, like notes/1.md", memory=_wrote),
    Action("append_file", FileText, append_file, "add text at the end of a file", memory=_wrote),
)
