"""What a person installs with pip alone: the wheel has every file that the code reads, and lives a beat with it."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD_SECONDS, RUN_SECONDS = 120, 180


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree as git would have it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "ai", source / "ai", ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source]
    built = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return next(folder.glob("*.whl"))


def test_the_wheel_has_every_file_that_the_code_reads(wheel: Path) -> None:
    """A forgotten prompt, migration, font or list would only be missed where Genesis is installed."""
    with zipfile.ZipFile(wheel) as packed:
        inside = set(packed.namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "ai").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - inside == set()
    assert not [name for name in inside if name.startswith(("tests", "benchmarks", "docs"))]


def test_an_installed_wheel_lives_a_beat_and_says_what_it_is(wheel: Path, tmp_path: Path) -> None:
    """`pip install dist/*.whl && genesis run 1`, in an environment that knows nothing of the checkout."""
    place = tmp_path / "venv"
    venv.EnvBuilder(symlinks=True).create(place)
    (libraries,) = (place / "lib").glob("python*/site-packages")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        place / "bin/python",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*pip, wheel], check=True, timeout=BUILD_SECONDS)
    # What it requires is lent from here, but not the checkout, which an editable install would bring along.
    lent = next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
    (libraries / "lent.py").write_text(f"import sys; sys.path.append({str(lent)!r})\n")
    (libraries / "lent.pth").write_text("import lent\n")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DATA_DIR": str(tmp_path / "data"),
        "LOCAL_MODEL": "off",
    }

    def genesis(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [place / "bin/genesis", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environ, timeout=RUN_SECONDS, check=False
        )

    where = [place / "bin/python", "-c", "import ai; print(ai.__file__)"]
    imported = subprocess.run(where, capture_output=True, text=True, cwd=tmp_path, env=environ, check=False)
    assert imported.stdout.startswith(str(place)), imported.stderr
    ran = genesis("run", "1")
    assert "Beat 1 lived" in ran.stdout, ran.stdout[-2000:] + ran.stderr[-2000:]
    assert "Traceback" not in ran.stdout + ran.stderr
    assert json.loads(genesis("budget", "--json").stdout)["granted"] == "5.000000000"


def test_whoever_finds_the_package_finds_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"Homepage", "Documentation", "Changelog", "Issues"} <= set(project["urls"])
    assert project["requires-python"] == ">=3.11"
    assert "Typing :: Typed" in project["classifiers"]
