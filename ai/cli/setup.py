"""`init` asks for keys and budget and writes .env; `doctor` looks at everything a start needs."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values

from ai.cli.door import Failed, screen, settings, wait_for
from ai.clock import SystemClock
from ai.doctor import Check, examine
from ai.settings import Settings
from ai.settings_sources import SettingsError, load_settings

ASKED = {
    "OPENROUTER_API_KEY": "OpenRouter key (empty: none; the embedded model thinks)",
    "MONTHLY_BUDGET_USD": "Dollars a month",
    "ADMIN_TOKEN": "Admin token of the page (empty: no admin)",
}
HIDDEN = frozenset({"OPENROUTER_API_KEY", "ADMIN_TOKEN"})


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command()(init)
    app.command()(doctor)


def init(
    force: Annotated[bool, typer.Option("--force", help="Replace an existing .env (the old one is kept).")] = False,
) -> None:
    """Ask for keys and budget, write `.env` for this user alone, and check them."""
    path = Path.cwd() / ".env"
    if path.exists() and not force:
        raise Failed(f"{path} exists already; edit it, or use --force to replace it (the old one is kept)")
    before = dotenv_values(path, interpolate=False) if path.exists() else {}
    answers = {name: _ask(name, question, before.get(name) or "") for name, question in ASKED.items()}
    chosen = {name: value for name, value in answers.items() if value}
    try:
        load_settings({**os.environ, **chosen}, path.parent / "nowhere")
    except SettingsError as error:
        raise Failed(f"nothing was written: {error}") from None
    _write(path, chosen)
    typer.echo(f"wrote {path}, readable by you alone")
    _report(load_settings(directory=path.parent))


def doctor() -> None:
    """Check settings, keys, disk, clock and the provider; say what to do about each."""
    _report(settings())


def _ask(name: str, question: str, before: str) -> str:
    default = before or ("" if name in HIDDEN else "5.00")
    kept = " [keep the present one]" if before and name in HIDDEN else ""
    hidden = name in HIDDEN and sys.stdin.isatty()  # answers from a file cannot be seen anyway
    answer = typer.prompt(question + kept, default=default, hide_input=hidden, show_default=name not in HIDDEN)
    return str(answer).strip()


def _write(path: Path, values: Mapping[str, str]) -> None:
    if path.exists():
        path.replace(path.with_name(".env.before"))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("# written by `genesis init`; docs/configuration.md lists every setting\n")
        file.writelines(f"{name}={value}\n" for name, value in values.items())
        file.flush()
        os.fsync(file.fileno())


def _report(checked: Settings) -> None:
    async def work() -> list[Check]:
        return [check async for check in examine(checked, SystemClock())]

    checks = wait_for(work)
    console = screen()
    for check in checks:
        mark = {True: "✅", False: "❌", None: "➖"}[check.ok]
        console.print(
            f"{mark} {check.name}: {check.found}" + (f" → {check.advice}" if check.advice else ""), markup=False
        )
    wrong = [check.name for check in checks if check.ok is False]
    if wrong:
        raise Failed(f"not in order: {', '.join(wrong)}; the lines above say what to do")
