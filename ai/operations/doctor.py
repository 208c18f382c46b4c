"""Looks at settings, keys, disk, clock and providers, and says what to do about each; changes nothing."""

import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from ai.clock import Clock
from ai.credit_tracker import ProviderClock
from ai.durable import RestoreCutShort, refuse_half_a_restore
from ai.ledger.owners import another_users
from ai.llm.local.machine import read_machine
from ai.llm.local.model_store import RESERVE_BYTES, default_shelves
from ai.llm.local.table import LANGUAGE_MODELS, MEGABYTE, Weight
from ai.model_config.catalogue import Catalogue
from ai.operations.provider_check import Check, examine_provider
from ai.settings import NETWORK_SETTINGS, SECRET_NAMES, Settings
from ai.settings.covers import model_meant
from ai.social import check_networks

LEAST_FREE_BYTES = 200_000_000  # a month's journal and a purse fit; the larger embedded models want more
OTHERS = 0o077  # of a file's mode: anybody but its owner


async def examine(settings: Settings, clock: Clock, folder: Path | None = None) -> AsyncIterator[Check]:
    """Yield one check after another; `folder` (default: where this runs) is where `.env` and the vault are."""
    yield Check("settings", True, f"read; provider: {settings.provider}, posts: {settings.tweets}")
    for check in _secret_files(Path.cwd() if folder is None else folder):
        yield check
    if (budgets := _budgets(settings, clock)) is not None:
        yield budgets
    yield _folder(settings.data_dir)
    yield _space(settings.data_dir)
    async for check in examine_provider(settings, clock):
        yield check
    async for check in _networks(settings, clock):
        yield check
    yield _local_model(settings)


def _secret_files(folder: Path) -> Iterator[Check]:
    """Yield the files with keys in them that others on this machine can read or write."""
    for path in (folder / ".env", folder / ".env.before", folder / "vault" / "credentials.json"):
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        name = str(path.relative_to(folder))
        if mode & OTHERS and _holds_secrets(path):
            yield Check(
                name, False, f"can be read by other users of this machine ({mode & 0o777:o})", f"chmod 600 {path}"
            )
        else:
            yield Check(name, True, "no key is in it" if mode & OTHERS else "for this user alone")


def _holds_secrets(path: Path) -> bool:
    """Return whether a secret is set in this file; one that this user cannot read counts as holding some."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return True
    named = rf"\b({'|'.join(SECRET_NAMES)})\b[\"']?[ \t]*[=:][ \t]*[\"']?([^\s\"',}}][^\"'\n]*)"
    return any(match[2].strip() not in _examples(match[1]) for match in re.finditer(named, text))


def _examples(name: str) -> list[str]:
    """Return the values that .env.example has for a secret, which are none."""
    return Settings.model_fields[name.lower()].examples or []


def _budgets(settings: Settings, clock: Clock) -> Check | None:
    """Say which sub-budget covers nothing because of a spelling; None where there are none."""
    if not settings.budgets:
        return None
    ids = list(Catalogue(settings, clock, ProviderClock(clock, required=False)).models())
    for cap in settings.budgets:
        for pattern in cap.covers:
            if settings.provider != "local" and (right := model_meant(pattern, ids)) is not None:
                said = f"{cap.name!r} covers {pattern!r}, which is nothing"
                return Check("budgets", False, said, f"did you mean {right!r}?")
    return Check("budgets", True, ", ".join(f"{cap.name} ${cap.amount} a {cap.period}" for cap in settings.budgets))


def _folder(data_dir: Path) -> Check:
    if (whose := another_users(data_dir)) is not None:
        return Check("data folder", False, f"{data_dir} cannot be used", f"{whose}; or set another DATA_DIR")
    probe = data_dir if data_dir.exists() else data_dir.absolute().parent
    if data_dir.exists() and not data_dir.is_dir():
        return Check("data folder", False, f"{data_dir} is a file", "move it away, or set another DATA_DIR")
    try:
        refuse_half_a_restore(data_dir)
    except RestoreCutShort as half:
        return Check("data folder", False, str(half), "genesis restore FILE --force")
    if not os.access(probe, os.W_OK | os.X_OK):
        return Check(
            "data folder", False, f"{probe} cannot be written", "chown it to this user, or set another DATA_DIR"
        )
    if data_dir.exists() and data_dir.stat().st_mode & 0o007:
        return Check("data folder", True, f"{data_dir}, readable by every user", f"chmod 700 {data_dir}")
    return Check("data folder", True, str(data_dir.absolute()))


def _space(data_dir: Path) -> Check:
    here = data_dir if data_dir.is_dir() else Path.cwd()
    free = shutil.disk_usage(here).free
    if free < LEAST_FREE_BYTES:
        return Check("disk", False, f"{free / 1e6:,.0f} MB free", "free some space; 200 MB are needed at least")
    return Check("disk", True, f"{free / 1e9:,.1f} GB free")


async def _networks(settings: Settings, clock: Clock) -> AsyncIterator[Check]:
    """Yield for each network that posts go to whether its keys work; asking costs nothing and publishes nothing."""
    if settings.tweets == "dry-run":
        yield Check("posts", None, "dry-run: nothing is posted", "TWEETS=approve or live, with a network's keys, posts")
        return
    for found in await check_networks(settings, clock):
        keys = ", ".join(name.upper() for name in NETWORK_SETTINGS[found.name])
        advice = f"check {keys} and the account" if found.works is False else "try again in a while"
        yield Check(found.title, bool(found.works), found.detail, "" if found.works else advice)


def _local_model(settings: Settings) -> Check:
    if settings.local_model == "off":
        return Check("embedded model", None, "off", "LOCAL_MODEL=auto lets it think when nobody else can")
    problem = read_machine().problem()
    if problem:
        return Check("embedded model", False, problem, "set a provider's key; or LOCAL_MODEL=off to silence this")
    own = Path(settings.local_model).expanduser()
    if own.suffix.lower() == ".gguf" and not own.is_file():
        return Check("embedded model", False, f"{own} is no file", "correct LOCAL_MODEL; auto takes what fits")
    return _weights(settings) or Check("embedded model", True, settings.local_model)


def _weights(settings: Settings) -> Check | None:
    """Say which weights think, or what must come first; None where LOCAL_MODEL names a file."""
    choice = settings.local_model
    weights = [weight for weight in LANGUAGE_MODELS if choice == weight.name or (choice == "auto" and weight.auto)]
    if not weights:
        return None
    room, need = read_machine().memory_bytes, weights[-1].memory_bytes + RESERVE_BYTES
    if room is not None and room < need:
        said = f"{choice} needs {need // MEGABYTE:,} MB of memory, {room // MEGABYTE:,} MB are free"
        return Check("embedded model", False, said, "free some; or LOCAL_MODEL=135m, the smallest")
    folders = (settings.data_dir / "models", *default_shelves())
    there = next((weight for weight in weights if _on_disk(weight, folders)), None)
    if there is None:
        said = f"{choice}: no weights on disk yet"
        return Check("embedded model", None, said, "the start fetches them, which needs a network once")
    return Check("embedded model", True, f"{choice}: {there.title.removesuffix(' (embedded)')} is on disk")


def _on_disk(weight: Weight, folders: Sequence[Path]) -> bool:
    """Say whether files of its names and sizes are there; their hashes are the daemon's to read."""
    paths = [(folder / file.name, file.bytes) for file in weight.files for folder in folders]
    return any(path.is_file() and path.stat().st_size == size for path, size in paths)
