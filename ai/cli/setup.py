"""`init` asks for keys and budget and writes .env; `doctor` looks at everything a start needs."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated

import typer

from ai.cli.door import Failed, settings, wait_for
from ai.clock import SystemClock
from ai.durable import PRIVATE, write_whole
from ai.mind.logs import configure
from ai.operations.doctor import examine
from ai.operations.provider_check import Check
from ai.settings import Settings
from ai.settings.sources import SettingsError, load_settings, read_dotenv

ASKED = {
    "OPENROUTER_API_KEY": "OpenRouter key (empty: none; the embedded model thinks)",
    "MONTHLY_BUDGET_USD": "Dollars a month",
    "ADMIN_TOKEN": "Admin token of the page, 16 characters at least (empty: a random one; none: nobody administers)",
}
TOKEN_BYTES = 24
PLAIN = re.compile(r"[\w./:@%+,=~-]+")  # nothing in it means anything to a reader of .env files
MARKS = {True: "✅", False: "❌", None: "➖"}
HIDDEN = frozenset({"OPENROUTER_API_KEY", "ADMIN_TOKEN"})


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(init)
    app.command()(doctor)


def init(
    force: Annotated[
        bool, typer.Option("--force", help="Answer anew; an .env's other settings stay, and the old one is kept.")
    ] = False,
) -> None:
    """Ask for keys and budget, write `.env` for this user alone, and check them."""
    path = Path.cwd() / ".env"
    if not os.access(path.parent, os.W_OK):  # the container's folder: better said before anything is asked
        raise Failed(f"{path} cannot be written here; write it where docker-compose.yml is (see .env.example there)")
    if path.exists() and not force:
        raise Failed(f"{path} exists already; edit it, or use --force to answer anew (the old one is kept)")
    before = read_dotenv(path)
    answers = {name: _ask(name, question, before.get(name) or "") for name, question in ASKED.items()}
    answers["ADMIN_TOKEN"] = _token(answers["ADMIN_TOKEN"])
    chosen = {name: value for name, value in {**before, **answers}.items() if value}
    try:
        load_settings({**os.environ, **chosen}, path.parent / "nowhere")
    except SettingsError as error:
        raise Failed(f"nothing was written: {error}") from None
    _write(path, chosen)
    typer.echo(f"wrote {path}, readable by you alone")
    if "SOUL" not in chosen:
        typer.echo("who is born names itself; to give it a seed, set SOUL to a file like those in docs/souls")
    _report(load_settings(directory=path.parent))


def doctor() -> None:
    """Check settings, keys, disk, clock and the provider; say what to do about each."""
    _report(settings())


def _ask(name: str, question: str, before: str) -> str:
    """Return the answer to a question; on a terminal one that cannot be is told, and asked for again."""
    default = before or ("" if name in HIDDEN else "5.00")
    kept = " [keep the present one]" if before and name in HIDDEN else ""
    seen = sys.stdin.isatty()  # answers from a file cannot be seen anyway, nor given again
    hidden = name in HIDDEN and seen
    while True:
        told = typer.prompt(question + kept, default=default, hide_input=hidden, show_default=name not in HIDDEN)
        answer = str(told).strip()
        wrong = _wrong(name, answer) if seen else None
        if wrong is None:
            return answer
        typer.echo(f"genesis: {wrong}", err=True)


def _wrong(name: str, answer: str) -> str | None:
    """Return why this cannot be the setting's value, or None; what else is set wrong is said when all is asked."""
    value = _token(answer) if name == "ADMIN_TOKEN" else answer
    try:
        load_settings({**os.environ, name: value}, Path("nowhere"))
    except SettingsError as error:
        return str(error) if str(error).startswith(f"{name}:") else None
    return None


def _token(answer: str) -> str:
    """Return the admin token that an answer asks for; empty: none."""
    return {"": token_urlsafe(TOKEN_BYTES), "none": ""}.get(answer, answer)


def _write(path: Path, values: Mapping[str, str]) -> None:
    """Write the settings aside and rename them into place; what was there before is kept as `.env.before`."""
    lines = ["# written by `genesis init`; docs/configuration.md lists every setting"]
    lines += [f"{name}={_quoted(value)}" for name, value in values.items()]
    write_whole(path, ("\n".join(lines) + "\n").encode(), keep=_keep_before)


def _keep_before(path: Path) -> None:
    path.chmod(PRIVATE)
    path.replace(path.with_name(".env.before"))


def _quoted(value: str) -> str:
    """Return a value as .env files hold it: between single quotes where a bare one would be read otherwise."""
    if PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _report(checked: Settings) -> None:
    configure(checked.log_format, "ERROR", checked.secrets(), stream=sys.stderr)  # what is found is told by the checks

    async def work() -> list[Check]:
        return [check async for check in examine(checked, SystemClock())]

    checks = wait_for(work)
    for check in checks:
        typer.echo(f"{MARKS[check.ok]} {check.name}: {check.found}")
        if check.advice:
            typer.echo(f"   → {check.advice}")
    wrong = [check.name for check in checks if check.ok is False]
    if wrong:
        raise Failed(f"not in order: {', '.join(wrong)}; the lines above say what to do")
