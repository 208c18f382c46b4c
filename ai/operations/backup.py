"""A backup of everything that cannot be made again: purse, mind and lives, in one file, while the daemon runs."""

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ai.clock import Clock, parse_rfc3339, rfc3339
from ai.credit_tracker.accounts import open_credit_ledger
from ai.durable import copy_file, refuse_half_a_restore, sync_folder
from ai.ledger.sqlite import connect, named_errors
from ai.operations.purse_copy import copy_purse
from ai.settings import Settings
from ai.settings.safe_addresses import SQLITE, is_postgres

FORMAT = 1  # of the archive; a newer one is refused
MANIFEST = "manifest.json"
ARCHIVE = "archive.tar.gz"  # what it is called until it is whole
PURSE = "credits/ledger.db"
MIND = "mind.db"
FOLDERS = ("lives", "workspace")  # of DATA_DIR, with everything in them
STAGING = ".genesis-backup-"  # what a folder's name begins with in which a backup is put together
GZIP_LEVEL = 3  # databases shrink to a fifth already; higher levels take thrice the time for a few per cent


class BackupProblem(Exception):
    """A backup or a restore that cannot be, in one line: what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself: when and whose it is, and the SHA-256 of each file in it."""

    created_at: datetime
    mind: str
    files: dict[str, str]


def purse_path(settings: Settings) -> Path | None:
    """Return the purse's file, or None where the purse is a PostgreSQL; raises BackupProblem for any other store."""
    url = settings.purse_url
    if url.startswith(SQLITE):
        return Path(url.removeprefix(SQLITE))
    if not is_postgres(url):
        raise BackupProblem("a purse is backed up and restored on SQLite and PostgreSQL alone; see DATABASE_URL")
    return None


def make_backup(target: Path, settings: Settings, clock: Clock) -> Manifest:
    """Write purse, mind and lives into the archive `target` (tar.gz, mode 0600) and return its manifest.

    Each database is copied as it is at one moment, the purse last, so that its books never know less than the
    mind. A purse on PostgreSQL is copied into a file. Raises BackupProblem where `target` exists or there is
    nothing to back up, RestoreCutShort where there is half of a backup, StoreUnavailable and CorruptStore as the stores
    do, OSError as the disk does.
    """
    refuse_half_a_restore(settings.data_dir)
    if target.exists():
        raise BackupProblem(f"{target} exists; choose another name, or move it away")
    if not (settings.data_dir / MIND).exists():
        raise BackupProblem(f"{settings.data_dir} has no {MIND}: nothing has lived there; set DATA_DIR")
    if not target.parent.is_dir():
        raise BackupProblem(f"the folder {target.parent} does not exist; make it, or choose another")
    if not os.access(target.parent, os.W_OK):
        better = settings.data_dir.absolute() / target.name
        raise BackupProblem(f"the folder {target.parent.absolute()} cannot be written; choose another, like {better}")
    created_at = clock.now()
    _clear_what_was_cut_short(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=STAGING) as folder, _locked(Path(folder)) as staged:
        for name in FOLDERS:
            _stage_folder(settings.data_dir / name, staged / name)
        copy_sqlite(settings.data_dir / MIND, staged / MIND)
        _stage_purse(settings, clock, staged / PURSE)
        manifest = Manifest(created_at, settings.mind, {name: sha256(staged / name) for name in _names(staged)})
        _write_archive(staged / ARCHIVE, staged, manifest)
        (staged / ARCHIVE).replace(target)
    sync_folder(target.parent)
    return manifest


@contextmanager
def _locked(folder: Path, how: int = fcntl.LOCK_EX) -> Iterator[Path]:
    """Hold a folder for as long as this process lives: the kernel lets go of it even after `kill -9`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, how)
        yield folder
    finally:
        os.close(handle)


def _clear_what_was_cut_short(folder: Path) -> None:
    """Delete what killed backups left in `folder`, each as large as its archive and more; others may be under way."""
    for left in folder.glob(f"{STAGING}*"):
        with suppress(OSError), _locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
            if any(left.iterdir()):  # an empty one may be a moment old, and about to be locked
                shutil.rmtree(left, ignore_errors=True)


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database that may be in use, as it is at one moment, into one whole file without a WAL beside it."""
    target.parent.mkdir(exist_ok=True)
    with closing(connect(source, read_only=True)) as reading, closing(sqlite3.connect(target)) as writing:
        try:
            reading.backup(writing)
        except sqlite3.OperationalError as error:
            with named_errors(target if error.sqlite_errorcode == sqlite3.SQLITE_FULL else source):
                raise
        with named_errors(target):
            writing.execute("PRAGMA journal_mode = DELETE")


def _stage_purse(settings: Settings, clock: Clock, target: Path) -> None:
    path = purse_path(settings)
    if path is not None:
        if not path.exists():
            raise BackupProblem(f"the purse {path} does not exist; set DATABASE_URL or DATA_DIR")
        copy_sqlite(path, target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = open_credit_ledger(settings.purse_url, clock, read_only=True)
    copy = open_credit_ledger(f"sqlite:///{target}", clock)
    try:
        copy_purse(source, copy, target_is_postgres=False)
    finally:
        source.close()
        copy.close()


def _stage_folder(source: Path, target: Path) -> None:
    """Copy plain files; one that is renamed away meanwhile is there under its new name."""
    for path in sorted(source.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        try:
            copy_file(path, copied)
        except FileNotFoundError:
            continue


def _names(folder: Path) -> Iterator[str]:
    return (str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file())


def _write_archive(path: Path, staged: Path, manifest: Manifest) -> None:
    document = {
        "format": FORMAT,
        "created_at": rfc3339(manifest.created_at),
        "mind": manifest.mind,
        "files": manifest.files,
    }
    (staged / MANIFEST).write_text(json.dumps(document, indent=1))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # lives are private
    with os.fdopen(handle, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=GZIP_LEVEL) as archive:
            archive.add(staged / MANIFEST, MANIFEST)
            for name in manifest.files:
                archive.add(staged / name, name)
        file.flush()
        os.fsync(file.fileno())


def read_manifest(text: str) -> Manifest:
    """Return an archive's manifest; raises BackupProblem for one that is damaged or of a newer format."""
    try:
        document = json.loads(text)
        if document["format"] > FORMAT:
            raise BackupProblem(f"this backup has format {document['format']}; use the newer program that made it")
        files = {str(name): str(digest) for name, digest in document["files"].items()}
        return Manifest(parse_rfc3339(document["created_at"]), str(document["mind"]), files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupProblem(f"this is no backup of Genesis: its {MANIFEST} cannot be read ({error})") from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
