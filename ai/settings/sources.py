"""Where settings come from: the environment, then .env, then vault/credentials.json; refused whole with one line."""

import difflib
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream
from pydantic import ValidationError

from ai.settings.posting import NETWORK_SETTINGS
from ai.settings.settings import SECRET_NAMES, Settings
from ai.settings.texts import from_json

OWN_PREFIXES = (
    "OPENROUTER_",
    "OPENAI_",
    "TWEET",
    "NETWORKS",
    *(name.rpartition("_")[0].upper() + "_" for names in NETWORK_SETTINGS.values() for name in names),
    "FREE_REQUESTS",
    "OBSERVER_",
    "THINK_",
    "MONTHLY_",
    "DAILY_",
    "KOFI_",
    "ALERT_",
)
FOREIGN = frozenset({"OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ORGANIZATION", "OPENAI_LOG", "OPENAI_API_TYPE"})
OF_CLIENTS = frozenset(
    {"OPENAI_API_BASE"}
)  # openai 0.27's, which `exec` gives its programs too; in .env it is a mistake
NEAR = 0.83  # difflib ratio above which an unknown name in .env is taken for a misspelling of a setting


class SettingsError(Exception):
    """A setting cannot be used; the message is one line: name, problem, a correct example."""


def load_settings(environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """Read the settings: `environ` (default: the process's), then `.env` and `vault/credentials.json` in `directory`.

    An empty or blank value counts as unset. Raises SettingsError with one line for people, never with a secret's value.
    """
    environ = os.environ if environ is None else environ
    directory = Path.cwd() if directory is None else directory
    known = {name.upper() for name in Settings.model_fields}
    dotenv = read_dotenv(directory / ".env")
    vault = _read_vault(directory / "vault" / "credentials.json")
    for source, values, strict in (("the environment", environ, False), (".env", dotenv, True)):
        _refuse_near_misses(values, known, source, strict=strict)
    given = ((name, source.get(name, "")) for source in (vault, dotenv, environ) for name in known)
    merged = {name.lower(): value for name, value in given if value.strip()}
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise SettingsError(_one_line(error, merged)) from None


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the names and values of a `.env` file, none where there is no file; raises SettingsError."""
    values: dict[str, str] = {}
    for line in parse_stream(io.StringIO(_read_text(path))):
        said = line.original.string  # begins with the empty lines before it
        number = line.original.line + said[: len(said) - len(said.lstrip())].count("\n")
        if line.error:
            raise SettingsError(
                f"{path}: line {number} is no setting; write NAME=value, with a quote at both ends or none"
            )
        if line.key is None:
            continue
        value, before = line.value or "", values.get(line.key, "")
        if before.strip() and not value.strip():  # as good as not said
            continue
        if line.key.lower() in Settings.model_fields and before.strip() and before != value:
            raise SettingsError(f"{path}: line {number} sets {line.key} again, to another value; keep one")
        values[line.key] = value
    return values


def _read_text(path: Path) -> str:
    """Return the text of a file, without the mark that some editors begin it with; none: empty."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: cannot be read (it is not UTF-8 text); save it as UTF-8, or remove it") from None
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}); "
            "make it a file that this user may read (chmod 600, right owner), or remove it"
        ) from None


def _read_vault(path: Path) -> dict[str, str]:
    text = _read_text(path)
    if not text:
        return {}
    try:
        document = from_json(text)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}; compare it with vault/credentials.example.json") from None
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
        if name in known or name in FOREIGN or (name in OF_CLIENTS and not strict) or not values[name]:
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
    if secret:
        problem = re.sub(r"//[^\s']*", "//…", problem)
    shown = "its value" if secret or value is None else repr(str(value))[:80]
    example = field.examples[0] if field.examples else ""
    where = f" ({inside})" if inside else ""
    return f"{name.upper()}: {shown}{where} is wrong: {problem}; write for example {name.upper()}={example}"
