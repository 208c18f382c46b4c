"""What this machine can run: processor flags, cores, and the memory that is really there for a model."""

import os
import platform
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

KIB = 1024


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the embedded model sees it; unknown figures are None and never stop it."""

    architecture: str
    flags: frozenset[str] | None  # processor flags; None where the system does not tell
    cores: int
    memory_bytes: int | None  # the smaller of what is available and what the cgroups leave
    runtime: bool  # whether xllamacpp is installed

    def problem(self) -> str | None:
        """Return one line saying why no local model can run here, or None.

        Without AVX2 the runtime imports well and dies of SIGILL at its first call, hence the look at the flags.
        """
        if not self.runtime:
            return f"xllamacpp, the runtime, has no package for this platform ({self.architecture}): no local model"
        if self.architecture.lower() in {"x86_64", "amd64"} and self.flags is not None and "avx2" not in self.flags:
            return "this processor has no AVX2, which the local model's runtime needs: no local model"
        return None

    @property
    def threads(self) -> int:
        """Threads to think with: all cores but one, since two threads on two busy cores were slower than one."""
        return max(1, self.cores - 1)


def read_machine(root: Path = Path("/")) -> Machine:
    """Return this machine; `root` is where `proc` and `sys` are looked for."""
    return Machine(
        architecture=platform.machine(),
        flags=_flags(root / "proc/cpuinfo"),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=memory_left(root),
        runtime=find_spec("xllamacpp") is not None,
    )


def memory_left(root: Path = Path("/")) -> int | None:
    """Return the bytes a new process may take: the smaller of MemAvailable and what each cgroup above us leaves."""
    known = [_available(root / "proc/meminfo"), *_cgroups(root)]
    return min((figure for figure in known if figure is not None), default=None)


def _flags(cpuinfo: Path) -> frozenset[str] | None:
    for line in _read(cpuinfo).splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return frozenset(value.split())
    return None


def _available(meminfo: Path) -> int | None:
    for line in _read(meminfo).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * KIB
    return None


def _cgroups(root: Path) -> list[int | None]:
    """Return what each cgroup from ours up to the top leaves; version 2's files, then version 1's."""
    left: list[int | None] = []
    mount = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            base, names = mount, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base, names = mount / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = base / path.lstrip("/")
        left += [_room(folder, *names) for folder in (group, *group.parents) if folder.is_relative_to(base)]
    return left


def _room(group: Path, limit: str, current: str, reclaimable: str) -> int | None:
    """Return the limit of one cgroup less what it uses; file pages that the kernel would drop count as free."""
    most, used = _read(group / limit).strip(), _read(group / current).strip()
    if not most.isdigit() or not used.isdigit():
        return None  # "max", or no such file
    stat = dict(line.split(maxsplit=1) for line in _read(group / "memory.stat").splitlines() if " " in line)
    return max(0, int(most) - int(used) + int(stat.get(reclaimable, "0")))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
