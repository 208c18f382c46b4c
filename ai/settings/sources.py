"""Where settings come from: the environment, then .env, then vault/credentials.json; refused whole with one line."""

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import ValidationError

from ai.settings.settings import SECRET_NAMES, Settings

OWN_PREFIXES = (
    "OPENROUTER_",
    "OPENAI_",
    "TWEET",
    "X_API",
    "X_ACCESS",
    "NETWORKS",
    "BLUESKY_",
    "MASTODON_",
    "POST_WEBHOOK",
    "FREE_REQUESTS",
    "OBSERVER_",
    "THINK_",
    "MONTHLY_",
    "DAILY_",
    "KOFI_",
    "ALERT_",
)
FOREIGN = frozenset({"OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ORGANIZATION", "OPENAI_LOG", "OPENAI_API_TYPE"})
NEAR = 0.83  # difflib ratio above which an unknown name in .env is taken for a misspelling of a setting


class SettingsError(Exception):
    """A setting cannot be used; the message is one line: name, problem, a correct example."""


def load_settings(environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """Read the settings: `environ` (default: the process's), then `.env` and `vault/credentials.json` in `directory`.

    An empty value counts as unset. Raises SettingsError with one line for people; the value of a secret is never in it.
    """
    environ = os.environ if environ is None else environ
    directory = Path.cwd() if directory is None else directory
    known = {name.upper() for name in Settings.model_fields}
    dotenv = _read_dotenv(directory / ".env")
    vault = _read_vault(directory / "vault" / "credentials.json")
    for source, values, strict in (("the environment", environ, False), (".env", dotenv, True)):
        _refuse_near_misses(values, known, source, strict=strict)
    merged = {
        name.lower(): value
        for name in known
        if (value := environ.get(name) or dotenv.get(name) or vault.get(name)) not in (None, "")
    }
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(_one_line(error, merged)) from None


def _read_dotenv(path: Path) -> dict[str, str]:
    try:
        if not path.exists():
            return {}
        return {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error}); make it a readable text file or remove it") from None


def _read_vault(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); "
            "make it readable for this user (chmod 600, right owner) or remove it"
        ) from None
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(
            f"{path}: is not JSON (line {error.lineno}); compare it with vault/credentials.example.json"
        ) from None
    if not isinstance(document, dict):
        raise SettingsError(f"{path}: is not a JSON object; compare it with vault/credentials.example.json")
    for name, value in document.items():
        if name not in SECRET_NAMES:
            near = difflib.get_close_matches(name, SECRET_NAMES, n=1, cutoff=0)
            raise SettingsError(f"{path}: {name} is not a secret that Genesis knows; did you mean {near[0]}?")
        if not isinstance(value, str):
            raise SettingsError(f'{path}: {name} is not a text; write it like "{name}": "…"')
    return document


def _refuse_near_misses(values: Mapping[str, str], known: set[str], source: str, *, strict: bool) -> None:
    """Refuse a name that looks like a setting and is none; `strict` (.env): also by likeness alone."""
    for name in values:
        if name in known or name in FOREIGN or not values[name]:
            continue
        near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
        likeness = difflib.SequenceMatcher(None, name.upper(), near[0]).ratio() if near else 0.0
        ours = name.upper().startswith(OWN_PREFIXES)
        if near and ((ours and likeness >= 0.6) or (strict and likeness >= NEAR)):  # noqa: PLR2004 - the cutoff above
            raise SettingsError(f"{name} (in {source}) is not a setting; did you mean {near[0]}?")


def _one_line(error: ValidationError, given: Mapping[str, object]) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    problem = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if not first["loc"]:
        return problem
    name = str(first["loc"][0])
    field = Settings.model_fields[name]
    inside = ".".join(
        str(part) for part in first["loc"][1:] if not str(part).startswith(("literal", "int", "function"))
    )
    value = given.get(name)
    secret = name.upper() in SECRET_NAMES or ("://" in str(value) and "@" in str(value))  # a password may stand in it
    shown = "its value" if secret or value is None else repr(str(value))[:80]
    example = field.examples[0] if field.examples else ""
    where = f" ({inside})" if inside else ""
    return f"{name.upper()}: {shown}{where} is wrong: {problem}; write for example {name.upper()}={example}"
