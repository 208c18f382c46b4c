"""The AI's own folder of text files: jailed without following links, small, and readable by people."""

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_BYTES = 65_536  # a long chapter; what is read back must fit a prompt anyway
MAX_TOTAL_BYTES = 2_000_000  # the folder is kept in memory of nobody, but its volume is shared with the purse
MAX_FILES = 200
MAX_DEPTH = 4
MAX_LISTED = 200  # files of a dead mind named in its life file; the rest is counted
MAX_ENTRIES = 1_000  # looked at in one listing, so that a folder filled by other hands cannot stall a beat
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
NAMING = "1 to 64 letters, digits, spaces, dots, dashes or underscores, the first a letter or digit"
UNFINISHED = ".unfinished"

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # NONBLOCK: a pipe put there must not hang us
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class WorkspaceRefused(Exception):
    """A file was not touched; the message is one line that says what would be right."""


class Workspace:
    """Text files below `root`. Every step of a path is opened on its own, and none may be a link."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str) -> str:
        """Return the file's text. Raises WorkspaceRefused."""
        parts = _parts(path)
        with self._folder(parts[:-1], path) as folder, _named_trouble(path):
            handle = os.open(parts[-1], _READ, dir_fd=folder)
            with os.fdopen(handle, "rb") as file:
                _check_plain(handle, path)
                data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise WorkspaceRefused(f"{path} is larger than {MAX_FILE_BYTES:,} bytes and cannot be read")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = "\x00"
        if "\x00" in text:
            raise WorkspaceRefused(f"{path} is not a text file; only UTF-8 text can be read")
        return text

    def write(self, path: str, text: str) -> int:
        """Write the file whole, aside and then in its place; returns its bytes. Raises WorkspaceRefused."""
        parts = _parts(path)
        data = text.encode("utf-8", "replace")
        self._check_room(path, text, data)
        with self._folder(parts[:-1], path, make=True) as folder, _named_trouble(path):
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISREG(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode):
                    raise WorkspaceRefused(f"{path} is a folder or no plain file; choose another name")
            handle = os.open(UNFINISHED, _WRITE, 0o600, dir_fd=folder)
            with os.fdopen(handle, "wb") as file:
                _check_plain(handle, path)
                file.write(data)
                file.flush()
                os.fsync(handle)
            os.rename(UNFINISHED, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
        return len(data)

    def listing(self) -> list[tuple[str, int]]:
        """Return every plain file's path and bytes, sorted; links and what other hands put there are left out."""
        found: list[tuple[str, int]] = []
        with contextlib.suppress(WorkspaceRefused), self._folder((), "the workspace") as folder:
            self._walk(folder, "", found, [MAX_ENTRIES])
        return sorted(found)

    def _check_room(self, path: str, text: str, data: bytes) -> None:
        if "\x00" in text:
            raise WorkspaceRefused(f"{path}: the text has a NUL character in it; only text can be written")
        if len(data) > MAX_FILE_BYTES:
            raise WorkspaceRefused(f"{path}: {len(data):,} bytes; a file holds {MAX_FILE_BYTES:,} at most")
        others = {name: size for name, size in self.listing() if name != path}
        if len(others) >= MAX_FILES:
            raise WorkspaceRefused(f"there are {len(others)} files already; write into one of them")
        left = MAX_TOTAL_BYTES - sum(others.values())
        if len(data) > left:
            raise WorkspaceRefused(f"{path}: {len(data):,} bytes and {left:,} are left; overwrite an old file shorter")

    @contextlib.contextmanager
    def _folder(self, parts: tuple[str, ...], path: str, *, make: bool = False) -> Iterator[int]:
        """Yield the open folder below the root, each step opened without following a link."""
        with _named_trouble(path):
            if make:
                self._root.mkdir(parents=True, exist_ok=True)
            folder = os.open(self._root, _DIRECTORY)
        try:
            for part in parts:
                with _named_trouble(path):
                    if make:
                        with contextlib.suppress(FileExistsError):
                            os.mkdir(part, 0o700, dir_fd=folder)
                    step = os.open(part, _DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = step
            yield folder
        finally:
            os.close(folder)

    def _walk(self, folder: int, above: str, found: list[tuple[str, int]], left: list[int]) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                left[0] -= 1
                if left[0] < 0:
                    return
                if entry.is_file(follow_symlinks=False) and NAME.fullmatch(entry.name):
                    found.append((above + entry.name, entry.stat(follow_symlinks=False).st_size))
                elif entry.is_dir(follow_symlinks=False) and above.count("/") < MAX_DEPTH - 1:
                    with contextlib.suppress(OSError):
                        step = os.open(entry.name, _DIRECTORY, dir_fd=folder)
                        try:
                            self._walk(step, f"{above}{entry.name}/", found, left)
                        finally:
                            os.close(step)


def _parts(path: str) -> tuple[str, ...]:
    parts = tuple(path.removeprefix("./").split("/"))
    if len(parts) > MAX_DEPTH:
        raise WorkspaceRefused(f"{path[:80]!r} is {len(parts)} deep; {MAX_DEPTH} is the most")
    for part in parts:
        if NAME.fullmatch(part) is None or part.endswith((" ", ".")):
            raise WorkspaceRefused(f"{path[:80]!r} is no path of the workspace; each part is {NAMING}: notes/rain.md")
    return parts


def _check_plain(handle: int, path: str) -> None:
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
        raise WorkspaceRefused(f"{path} is no plain file; choose another name")


@contextlib.contextmanager
def _named_trouble(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise WorkspaceRefused(f"{path} is not there; list_files shows what is") from None
    except (IsADirectoryError, NotADirectoryError):
        raise WorkspaceRefused(f"{path} is a folder, or goes through a file; list_files shows what is there") from None
    except OSError as error:  # a link (ELOOP), a full disk, permissions: the errno's own words are the reason
        raise WorkspaceRefused(f"{path} cannot be used: {error.strerror or error}") from None


def remains(folder: Path) -> list[dict[str, object]]:
    """Return path and size in bytes of the files under `folder`, sorted, at most MAX_LISTED and a last count."""
    found: list[dict[str, object]] = []
    rest = 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if len(found) >= MAX_LISTED:
                rest += 1
                continue
            path = Path(root, name)
            with contextlib.suppress(OSError):  # it vanished meanwhile
                found.append({"path": str(path.relative_to(folder)), "bytes": path.lstat().st_size})
    return [*found, {"path": f"… and {rest} more", "bytes": 0}] if rest else found


def wipe(folder: Path) -> int:
    """Delete what is in `folder` (links themselves, never what they point to); return how many files there were."""
    if not folder.is_dir() or folder.is_symlink():
        return 0
    files = sum(len(names) for _root, _folders, names in os.walk(folder))
    for entry in list(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    return files
