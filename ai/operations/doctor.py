"""Looks at settings, keys, disk, clock and providers, and says what to do about each; changes nothing."""

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx2

from ai.clock import Clock
from ai.llm.local.machine import read_machine
from ai.llm.local.model_store import RESERVE_BYTES, default_shelves
from ai.llm.local.table import LANGUAGE_MODELS, MEGABYTE, Weight
from ai.settings import X_KEYS, Settings

TIMEOUT_SECONDS = 10.0
LEAST_FREE_BYTES = 200_000_000  # a month's journal and a purse fit; the larger embedded models want more
CLOCK_OFF_SECONDS = 86_400  # DESIGN: a month never opens on a clock more than a day off the provider's
HTTP_OK, HTTP_UNAUTHORIZED, HTTP_FORBIDDEN = 200, 401, 403


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `ok` None means it was not needed."""

    name: str
    ok: bool | None
    found: str
    advice: str = ""


async def examine(settings: Settings, clock: Clock) -> AsyncIterator[Check]:
    """Yield one check after another; network checks wait TIMEOUT_SECONDS at most."""
    yield Check("settings", True, f"read; provider: {settings.provider}, posts: {settings.tweets}")
    yield _folder(settings.data_dir)
    yield _space(settings.data_dir)
    async for check in _provider(settings, clock):
        yield check
    yield _x_keys(settings)
    yield _local_model(settings)


def _folder(data_dir: Path) -> Check:
    probe = data_dir if data_dir.exists() else data_dir.absolute().parent
    if data_dir.exists() and not data_dir.is_dir():
        return Check("data folder", False, f"{data_dir} is a file", "move it away, or set another DATA_DIR")
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


async def _provider(settings: Settings, clock: Clock) -> AsyncIterator[Check]:
    if settings.provider == "local":
        yield Check("provider", None, "no key is set: the embedded model thinks", "genesis init adds a key")
        return
    openrouter = settings.provider == "openrouter"
    base = settings.openrouter_base_url if openrouter else settings.openai_base_url
    key = settings.openrouter_api_key if openrouter else settings.openai_api_key
    headers = {"Authorization": f"Bearer {key.get_secret_value() if key else ''}"}
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, headers=headers) as client:
            answer = await client.get(f"{base}/{'key' if openrouter else 'models'}")
    except httpx2.HTTPError as error:
        yield Check(
            "provider",
            False,
            f"{base} cannot be reached ({type(error).__name__})",
            "check the network and the base URL",
        )
        return
    yield Check("provider", True, f"{base} answers")
    yield _key(answer.status_code, base)
    yield _clock(answer.headers.get("date", ""), clock.now())


def _key(status: int, base: str) -> Check:
    if status == HTTP_OK:
        return Check("key", True, "accepted")
    if status in {HTTP_UNAUTHORIZED, HTTP_FORBIDDEN}:
        return Check(
            "key", False, f"refused (HTTP {status})", "copy the key anew from the provider's page; genesis init"
        )
    return Check("key", False, f"could not be checked (HTTP {status})", f"is {base} the API's address?")


def _clock(date_header: str, now: datetime) -> Check:
    try:
        off = (now - parsedate_to_datetime(date_header).astimezone(UTC)).total_seconds()
    except ValueError:
        return Check("clock", None, "the provider sent no date to compare with")
    if abs(off) > CLOCK_OFF_SECONDS:
        return Check(
            "clock", False, f"{off / 3600:+,.1f} hours off the provider's", "set the clock (NTP); no month opens on it"
        )
    return Check("clock", True, f"{off:+.0f} s off the provider's")


def _x_keys(settings: Settings) -> Check:
    present = [name for name in X_KEYS if getattr(settings, name) is not None]
    if settings.tweets == "dry-run":
        return Check("X", None, "dry-run: nothing is posted", "TWEETS=approve or live, with the four X_ keys, posts")
    if len(present) < len(X_KEYS):
        return Check("X", False, f"{len(present)} of 4 keys are set", f"set {', '.join(n.upper() for n in X_KEYS)}")
    return Check("X", True, f"four keys are set, posts: {settings.tweets}")


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
