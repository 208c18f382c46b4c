"""The seed of who a newborn is, as `SOUL` names it: a short Markdown file, read whole or refused with a reason."""

from pathlib import Path

MAX_SOUL_CHARS = 4_000  # a page; a longer one would be a script, and crowd out what is lived


def read_soul(path: Path) -> str:
    """Return the words of a soul's file; raises ValueError in one line where there are none, or too many."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MAX_SOUL_CHARS + 1)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror or error}); name a Markdown file") from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; name a Markdown file") from None
    if len(text) > MAX_SOUL_CHARS:
        raise ValueError(f"has more than {MAX_SOUL_CHARS:,} characters; a seed is a page at most")
    words = "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()
    if not words:
        raise ValueError("is empty; write a few sentences in it, or leave SOUL unset")
    return words
