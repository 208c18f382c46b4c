"""The machine it lives on: load, memory, heat and disk where they change, a restart, a beat that came late."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ai.clock import Clock, length_in_words
from ai.mind.database import MindDatabase
from ai.world.happening import Happening

BUSY_LOAD = 1.5  # processes waiting a core; below it nobody notices
LITTLE_MEMORY = 0.08  # shares of the whole that are left
LITTLE_DISK = 0.05
HOT_CELSIUS = 75.0
LATE = timedelta(minutes=15)
STATE = "world:machine's state"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a look at the machine finds; None where this machine does not tell."""

    load_a_core: float | None
    memory_left: float | None
    disk_left: float | None
    celsius: float | None
    booted_seconds_ago: float | None


def read(folder: Path, root: Path = Path("/")) -> Reading:
    """Look at the machine that `folder` is on; never raises."""
    memory = _fields(root / "proc/meminfo")
    total, free = memory.get("MemTotal"), memory.get("MemAvailable")
    try:
        disk = shutil.disk_usage(folder)
        disk_left = disk.free / disk.total if disk.total else None
    except OSError:
        disk_left = None
    try:
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        load = None
    return Reading(
        load_a_core=load,
        memory_left=free / total if total and free is not None else None,
        disk_left=disk_left,
        celsius=_hottest(root / "sys/class/thermal"),
        booted_seconds_ago=_number(root / "proc/uptime"),
    )


class Machine:
    """What a body would feel: told when it begins and when it is over, never while it lasts."""

    name = "your machine"
    every_seconds = 0.0

    def __init__(self, mind: MindDatabase, clock: Clock, folder: Path, started_at: datetime, interval: float) -> None:
        self._mind = mind
        self._clock = clock
        self._folder = folder
        self._started_at = started_at
        self._interval = timedelta(seconds=interval)
        self._root = Path("/")

    async def since(self, when: datetime) -> Sequence[Happening]:
        """Return what changed since `when`."""
        now, seen = self._clock.now(), read(self._folder, self._root)
        found: list[str] = []
        if when < self._started_at <= now:
            away = length_in_words(self._started_at - when)
            found.append(f"you were started anew at {self._started_at:%H:%M}, after {away} of nothing")
            if seen.booted_seconds_ago is not None and now - timedelta(seconds=seen.booted_seconds_ago) > when:
                found.append("the whole machine was switched off and on again")
        elif now - when > self._interval + LATE:
            found.append(f"this beat comes {length_in_words(now - when - self._interval)} later than it should")
        found += self._felt(seen)
        return [Happening(now, self.name, f"{now.timestamp():.0f} {text}", text) for text in found]

    def present(self) -> str | None:
        """Return how busy the machine is, in words."""
        seen = read(self._folder, self._root)
        parts = []
        if seen.load_a_core is not None:
            parts.append("busy" if seen.load_a_core > BUSY_LOAD else "calm")
        if seen.celsius is not None:
            parts.append(f"{seen.celsius:.0f} °C warm inside")
        if seen.booted_seconds_ago is not None:
            parts.append(f"awake for {length_in_words(timedelta(seconds=seen.booted_seconds_ago))}")
        return f"Your machine is {', '.join(parts)}." if parts else None

    def _felt(self, seen: Reading) -> list[str]:
        """Return what began or ended since the last look, and keep what is the case now."""
        now = {
            "busy": seen.load_a_core is not None and seen.load_a_core > BUSY_LOAD,
            "short of memory": seen.memory_left is not None and seen.memory_left < LITTLE_MEMORY,
            "short of disk": seen.disk_left is not None and seen.disk_left < LITTLE_DISK,
            "hot": seen.celsius is not None and seen.celsius > HOT_CELSIUS,
        }
        before = self._mind.recall(STATE)
        was = before if isinstance(before, dict) else {}
        self._mind.remember(STATE, now)
        words = {
            "busy": ("others work hard on it, and your thoughts wait", "it is quiet again"),
            "short of memory": ("hardly any memory is left on it", "there is room in its memory again"),
            "short of disk": ("its disk is nearly full", "there is room on its disk again"),
            "hot": (f"it runs hot, at {seen.celsius or 0:.0f} °C", "it has cooled down"),
        }
        return [words[name][0 if on else 1] for name, on in now.items() if bool(was.get(name)) != on]


def _fields(path: Path) -> dict[str, int]:
    try:
        rows = path.read_text(encoding="utf-8").splitlines()[:200]
    except OSError:
        return {}
    split = (row.split() for row in rows)
    return {parts[0].rstrip(":"): int(parts[1]) for parts in split if len(parts) > 1 and parts[1].isdigit()}


def _hottest(folder: Path) -> float | None:
    found = [_number(path / "temp") for path in sorted(folder.glob("thermal_zone*"))[:32]]
    likely = [value / 1000 for value in found if value is not None and 1_000 < value < 130_000]  # noqa: PLR2004 - m°C
    return max(likely, default=None)


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text(encoding="utf-8").split()[0])
    except (OSError, ValueError, IndexError):
        return None
