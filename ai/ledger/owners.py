"""Whose a file is, where that is why it cannot be used: a person who runs this as another user learns which one."""

import os
import pwd
from pathlib import Path


def another_users(path: Path) -> str | None:
    """Return in words that `path`, or the folder that closes it, is another user's, and what to do; None else.

    Nothing is said of what this user may read and write all the same.
    """
    for found in (path, *path.absolute().parents):
        try:
            owner = found.stat().st_uid
        except OSError:  # it is not there, or stands in a folder that is closed to this user
            continue
        if owner != os.geteuid() and not os.access(found, os.R_OK | os.W_OK, effective_ids=True):
            name = user_name(owner)
            return f"{found} belongs to {name}, and this is {user_name(os.geteuid())}: {_instead(name)}"
        if found.is_dir():
            return None
    return None


def user_name(number: int) -> str:
    """Return a user's name, or the number of one who has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def _instead(name: str) -> str:
    number = name.removeprefix("uid ")
    known = name if number == name else f"'#{number}'"
    return f"run this as {name} (sudo -u {known} …), or chown it to this user"
