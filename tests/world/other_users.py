"""Files of another user than the one who runs the test: real ones, whoever runs it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534  # a user that every Linux has, with nothing of its own


@contextmanager
def closed_folder_of_another() -> Iterator[Path]:
    """Yield a folder of root's that the user of this block may not look into."""
    with _as_nobody() as made:
        yield Path("/root") if made is None else made / "closed"


@contextmanager
def closed_file_of_another() -> Iterator[Path]:
    """Yield a file of root's that the user of this block may not read, in a folder that is open to all."""
    with _as_nobody() as made:
        yield Path("/etc/shadow") if made is None else made / "open" / "mind.db"


@contextmanager
def _as_nobody() -> Iterator[Path | None]:
    """Be nobody where this is root, who may read all, and yield what root made; None to whoever else runs this."""
    if os.geteuid() != 0:
        yield None
        return
    made = Path(tempfile.mkdtemp())
    try:
        made.chmod(0o755)
        (made / "closed").mkdir(mode=0o700)
        (made / "open").mkdir(mode=0o755)
        (made / "open" / "mind.db").touch(mode=0o600)
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield made
        finally:
            os.setresuid(0, 0, 0)
    finally:
        shutil.rmtree(made)
