"""What a machine can run: flags and cgroup limits as the kernel writes them, handed in as files."""

from pathlib import Path
from typing import Any

import pytest

from ai.llm.local.machine import Machine, memory_left, read_machine

MEBIBYTE = 1024 * 1024
FILES = {
    "proc/meminfo": "MemTotal: 8388608 kB\nMemFree: 100 kB\nMemAvailable:    4194304 kB\n",
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx avx2 sse4_2\n",
}


def root_with(tmp_path: Path, **files: str) -> Path:
    for name, text in (FILES | {key.replace("__", "/"): text for key, text in files.items()}).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def machine(**changes: Any) -> Machine:
    known: dict[str, Any] = {"architecture": "x86_64", "flags": frozenset({"avx2"}), "cores": 4}
    return Machine(**{**known, "memory_bytes": None, "runtime": True, **changes})


def test_flags_and_available_memory_are_read(tmp_path: Path) -> None:
    found = read_machine(root_with(tmp_path))
    assert found.flags is not None
    assert "avx2" in found.flags
    assert found.memory_bytes == 4096 * MEBIBYTE
    assert found.cores >= 1


def test_a_processor_without_avx2_is_said_plainly() -> None:
    assert machine().problem() is None
    assert "no AVX2" in (machine(flags=frozenset({"avx", "sse4_2"})).problem() or "")


@pytest.mark.parametrize("changes", [{"flags": None}, {"architecture": "aarch64", "flags": frozenset({"neon"})}])
def test_where_the_flags_say_nothing_it_is_tried(changes: dict[str, Any]) -> None:
    assert machine(**changes).problem() is None


def test_a_platform_without_the_runtime_is_said_plainly() -> None:
    assert "no package for this platform (riscv64)" in (machine(architecture="riscv64", runtime=False).problem() or "")


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (8, 7)])
def test_one_core_is_left_to_the_others(cores: int, threads: int) -> None:
    assert machine(cores=cores).threads == threads


def test_the_cgroup_in_a_container_counts(tmp_path: Path) -> None:
    root = root_with(
        tmp_path,
        proc__self__cgroup="0::/\n",
        **{
            "sys__fs__cgroup__memory.max": f"{1024 * MEBIBYTE}\n",
            "sys__fs__cgroup__memory.current": f"{300 * MEBIBYTE}\n",
            "sys__fs__cgroup__memory.stat": f"anon 1\ninactive_file {200 * MEBIBYTE}\n",
        },
    )
    assert memory_left(root) == (1024 - 300 + 200) * MEBIBYTE


def test_a_limit_further_up_counts_too(tmp_path: Path) -> None:
    root = root_with(
        tmp_path,
        proc__self__cgroup="0::/user.slice/genesis.service\n",
        **{
            "sys__fs__cgroup__user.slice__genesis.service__memory.max": "max\n",
            "sys__fs__cgroup__user.slice__memory.max": f"{700 * MEBIBYTE}\n",
            "sys__fs__cgroup__user.slice__memory.current": "0\n",
        },
    )
    assert memory_left(root) == 700 * MEBIBYTE


def test_version_one_cgroups_count(tmp_path: Path) -> None:
    root = root_with(
        tmp_path,
        proc__self__cgroup="4:cpu:/\n7:memory:/docker/abc\n",
        **{
            "sys__fs__cgroup__memory__docker__abc__memory.limit_in_bytes": f"{512 * MEBIBYTE}\n",
            "sys__fs__cgroup__memory__docker__abc__memory.usage_in_bytes": f"{12 * MEBIBYTE}\n",
        },
    )
    assert memory_left(root) == 500 * MEBIBYTE


def test_a_limit_above_the_machine_changes_nothing(tmp_path: Path) -> None:
    root = root_with(
        tmp_path,
        proc__self__cgroup="0::/\n",
        **{"sys__fs__cgroup__memory.max": "9223372036854771712\n", "sys__fs__cgroup__memory.current": "0\n"},
    )
    assert memory_left(root) == 4096 * MEBIBYTE


def test_a_system_that_tells_nothing_is_unknown_not_zero(tmp_path: Path) -> None:
    assert memory_left(tmp_path) is None
    assert read_machine(tmp_path).flags is None
