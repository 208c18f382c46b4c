"""A backup put back: checked whole before anything is touched, nothing overwritten unasked, nothing paid too early."""

import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ai.clock import Clock
from ai.credit_tracker.accounts import open_credit_ledger
from ai.credit_tracker.audit import check_records
from ai.credit_tracker.months import note_restore
from ai.durable import CUT_SHORT, PRIVATE, copy_file, sync_file, sync_folder, write_whole
from ai.ledger.audit import audit
from ai.ledger.errors import LedgerError
from ai.mind.database import open_mind
from ai.operations.backup import (
    FOLDERS,
    MANIFEST,
    MIND,
    PURSE,
    BackupProblem,
    Manifest,
    purse_path,
    read_manifest,
    sha256,
)
from ai.operations.lock import is_held
from ai.operations.purse_copy import copy_purse, transfers_in
from ai.settings import Settings

MAX_MANIFEST_BYTES = 16_000_000  # names and hashes of some hundred thousand files; more is no manifest
PART = ".part"  # what the name of a purse ends with that has only to be renamed
STAGING = ".restore-"  # what a folder's name begins with in which an archive is unpacked
SQLITE_TRACES = ("", "-wal", "-shm")  # a database in WAL mode and what belongs to it


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where what was there before is kept (empty: there was nothing)."""

    manifest: Manifest
    transfers: int
    kept: tuple[Path, ...]


def restore_backup(source: Path, settings: Settings, clock: Clock, *, force: bool = False) -> Restored:
    """Put the archive `source` in the place of what is in DATA_DIR; the caller holds the daemon's lock.

    The archive is unpacked aside, its hashes, databases and life files are checked and its books audited before
    anything is touched. With `force`, what is there is moved into a folder beside it, never deleted. From the first
    move to the last a file in DATA_DIR says so: left by one that was cut short, it keeps a new purse from being begun.
    The purse is marked: nothing is paid until `Reconciler.reconcile` has booked what was spent since the backup.
    Raises BackupProblem with one line for everything that stands against it, OSError as the disk does.
    """
    if not is_held(settings.data_dir):
        raise BackupProblem("a restore needs the daemon's lock; stop the daemon first")
    for left in settings.data_dir.glob(f"{STAGING}*"):  # by one that was killed: this one has the lock
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=settings.data_dir, prefix=STAGING) as folder:
        staged = Path(folder)
        manifest = _unpack(source, staged)
        transfers = _check(staged, manifest, clock)
        existing = _existing(settings, clock)
        if existing and not force:
            raise BackupProblem(
                f"{existing[0]} exists and would be replaced; add --force, and what is there is kept beside it"
            )
        part = _bring_purse(staged / PURSE, settings, clock)
        aside = f"before-restore-{clock.now():%Y%m%dT%H%M%SZ}"
        _note_the_first_move(settings, aside)
        kept = _move_aside(settings, aside)
        if part is not None:
            part.replace(part.with_name(part.name.removesuffix(PART)))
            sync_folder(part.parent)
        _place(staged, manifest, settings.data_dir)
        (settings.data_dir / CUT_SHORT).unlink()
        sync_folder(settings.data_dir)
    return Restored(manifest, transfers, kept)


def _unpack(source: Path, target: Path) -> Manifest:
    try:
        with tarfile.open(source, "r:gz") as archive:
            first = archive.next()
            if first is None or first.name != MANIFEST or first.size > MAX_MANIFEST_BYTES:
                raise BackupProblem(f"{source} is no backup of Genesis: it does not begin with {MANIFEST}")
            text = archive.extractfile(first)
            manifest = read_manifest(text.read().decode() if text else "")
            for member in iter(archive.next, None):
                if member.name not in manifest.files or not member.isreg() or not _inside(member.name):
                    raise BackupProblem(f"{source} has {member.name!r} in it, which its manifest does not list")
                _extract(archive, member, target / member.name)
    except FileNotFoundError:
        raise BackupProblem(f"{source} does not exist; name a file that `genesis backup` wrote") from None
    except (tarfile.TarError, EOFError, OSError, UnicodeDecodeError) as error:
        raise BackupProblem(f"{source} is damaged or no backup: {error}") from error
    for name, digest in manifest.files.items():
        if not (target / name).is_file() or sha256(target / name) != digest:
            raise BackupProblem(f"{source} is damaged: {name} is not what was backed up")
    return manifest


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    """Write one plain file as this process makes files, whatever the archive says of its mode and owner.

    The standard library's filter for this came with Python 3.11.4, and Debian 12 has 3.11.2.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = archive.extractfile(member)
    assert packed is not None  # noqa: S101 - of a plain file there is one
    with packed, path.open("xb") as file:
        path.chmod(PRIVATE)
        shutil.copyfileobj(packed, file)
    os.utime(path, (member.mtime, member.mtime))


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return name in (PURSE, MIND) or (path.parts[0] in FOLDERS and ".." not in path.parts)


def _check(staged: Path, manifest: Manifest, clock: Clock) -> int:
    """Check the unpacked databases and lives, and mark the purse as restored; return its number of transfers."""
    for needed in (PURSE, MIND):
        if needed not in manifest.files:
            raise BackupProblem(f"this backup has no {needed} in it")
    for path in sorted((staged / "lives").glob("*.json")):
        try:
            json.loads(path.read_text())
        except ValueError as error:
            raise BackupProblem(f"the life file {path.name} in this backup is damaged: {error}") from error
    try:
        with closing(open_mind(staged / MIND)) as mind:
            found = mind.connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise BackupProblem(f"{MIND} in this backup is damaged: {found}")
        ledger = open_credit_ledger(f"sqlite:///{staged / PURSE}", clock)
        try:
            report = ledger.read_now(audit)
            mismatches = report.mismatches or ledger.read_now(check_records)
            if mismatches:
                raise BackupProblem(f"the books in this backup do not add up: {mismatches[0]}")
            restore_id = f"{clock.now():%Y%m%dT%H%M%S%fZ}"
            ledger.transact_now(lambda tx: note_restore(tx, restore_id, manifest.created_at))
        finally:
            ledger.close()
        _close_wal(staged / PURSE)
        _close_wal(staged / MIND)
    except LedgerError as error:
        raise BackupProblem(f"this backup cannot be used: {error}") from error
    return report.transfers


def _close_wal(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _existing(settings: Settings, clock: Clock) -> list[str]:
    """Return what a restore would replace; a PostgreSQL that has anything in it is never replaced."""
    found = []
    path = purse_path(settings)
    if path is None:
        ledger = open_credit_ledger(settings.purse_url, clock)
        try:
            transfers = ledger.read_now(transfers_in)
        finally:
            ledger.close()
        if transfers:
            raise BackupProblem(
                f"the PostgreSQL purse has {transfers:,} transfers already; restore into an empty database, "
                "and name it in DATABASE_URL"
            )
    elif path.exists():
        found.append(str(path))
    found += [str(settings.data_dir / MIND)] if (settings.data_dir / MIND).exists() else []
    for name in FOLDERS:
        folder = settings.data_dir / name
        found += [str(folder)] if folder.is_dir() and any(folder.iterdir()) else []
    return found


def _move_aside(settings: Settings, name: str) -> tuple[Path, ...]:
    kept = []
    path = purse_path(settings)
    for database in (path, settings.data_dir / MIND):
        if database is None:
            continue
        for trace in SQLITE_TRACES:
            file = database.with_name(database.name + trace)
            if file.exists():
                aside = database.parent / name / file.name
                aside.parent.mkdir(exist_ok=True)
                file.rename(aside)
                kept.append(aside)
    for folder in FOLDERS:
        if (settings.data_dir / folder).is_dir():
            aside = settings.data_dir / name / folder
            aside.parent.mkdir(exist_ok=True)
            (settings.data_dir / folder).rename(aside)
            kept.append(aside)
    return tuple(kept)


def _bring_purse(staged: Path, settings: Settings, clock: Clock) -> Path | None:
    """Bring the purse to where it will live, which may be another volume or a server, before anything there is moved.

    Return the whole copy beside its place, which only has to be renamed; None where it is in its PostgreSQL.
    """
    path = purse_path(settings)
    if path is None:
        source = open_credit_ledger(f"sqlite:///{staged}", clock, read_only=True)
        target = open_credit_ledger(settings.purse_url, clock)
        try:
            copy_purse(source, target, target_is_postgres=True)
        finally:
            source.close()
            target.close()
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    try:
        copy_file(staged, part)
        sync_file(part)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return part


def _note_the_first_move(settings: Settings, aside: str) -> None:
    note = settings.data_dir / CUT_SHORT
    if not note.exists():  # one that was cut short before knows where the oldest things are
        where = ", into another database that is empty (DATABASE_URL)" if purse_path(settings) is None else ""
        told = (
            f"a restore into {settings.data_dir} was cut short, so nothing may live there before it is whole: "
            f"`genesis restore FILE --force` does it again{where}; what it had moved aside is in {aside}"
        )
        write_whole(note, f"{told}\n".encode())


def _place(staged: Path, manifest: Manifest, data_dir: Path) -> None:
    """Put the checked files of the mind where they live; the purse is there: without it nothing can be paid."""
    for name in manifest.files:
        if name != PURSE:
            placed = data_dir / name
            placed.parent.mkdir(parents=True, exist_ok=True)
            sync_file(staged / name)
            (staged / name).replace(placed)
            sync_folder(placed.parent)
    sync_folder(data_dir)
