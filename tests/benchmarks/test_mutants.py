"""Whoever trusts tests because no mutant lived must be told of each that did, and why others may."""

import re
import shutil
import subprocess
import sys

import pytest

from benchmarks.mutants import KEPT, ROOT, kept, same_sql

MONEY = """
def add(left, right):
    return left + right


def rounded(amount):
    return amount if amount > 0 else 0


def nobody_calls():
    return 1
"""
TESTS = """
from ai.money import add, rounded


def test_sums():
    assert add(1, 2) == 3


def test_rounding():
    assert (rounded(5), rounded(-1)) == (5, 0)
"""
PYPROJECT = """
[tool.pytest.ini_options]
addopts = "--import-mode=importlib"
markers = ["postgres"]
[tool.mutmut]
source_paths = ["ai"]
only_mutate = ["ai/*.py"]
do_not_mutate = []
pytest_add_cli_args = ["-p", "no:cacheprovider", "--tb=native"]
pytest_add_cli_args_test_selection = ["tests"]
"""


@pytest.fixture
def project(tmp_path):
    """Make a small project with one money file, which has a gap at its edge and a function that nobody calls."""
    for name in ("ai", "benchmarks", "docs", "tests"):
        (tmp_path / name).mkdir()
    for name in ("__init__.py", "mutants.py", "mutants_loop.py"):
        shutil.copyfile(ROOT / "benchmarks" / name, tmp_path / "benchmarks" / name)
    (tmp_path / "ai" / "__init__.py").write_text("")
    (tmp_path / "ai" / "money.py").write_text(MONEY)
    (tmp_path / "tests" / "test_money.py").write_text(TESTS)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return tmp_path


def run(project, *options):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.mutants", "--jobs", "2", *options],
        cwd=project, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_a_mutant_that_lives_is_named_until_its_function_is_known_and_a_stale_excuse_as_well(project):
    code, said = run(project)
    alive = [
        "ai/money.py nobody_calls: return 1 → return 2",
        "ai/money.py rounded: return amount if amount > 0 else 0 → return amount if amount > 1 else 0",
        "ai/money.py rounded: return amount if amount > 0 else 0 → return amount if amount >= 0 else 0",
    ]
    assert (code, sorted(re.findall("^lived: (.*)$", said, re.MULTILINE))) == (1, alive)
    assert "7 mutants: 4 killed, 1 reached by no test, 2 survived" in said

    known = [
        "# for a reason",
        "ai/money.py nobody_calls 1",
        "ai/money.py rounded 2",
        "ai/money.py add 1",
        "ai/money.py left_long_ago 1",
    ]
    (project / "tests" / "mutants_kept.txt").write_text("\n".join(known))
    code, said = run(project, "--survivors")
    assert code == 0
    assert "7 mutants, 3 to try" in said
    assert re.findall("^noticed after all: (.*)$", said, re.MULTILINE) == ["ai/money.py add: 0 lived, 1 may"]
    assert "gone, or never changed: ai/money.py left_long_ago" in said

    (project / "tests" / "mutants_kept.txt").write_text("\n".join([*known[:2], "ai/money.py rounded 1"]))
    code, said = run(project, "--survivors")
    assert (code, sorted(re.findall("^lived: (.*)$", said, re.MULTILINE))) == (1, alive[1:])
    assert "  1 of these may" in said


def test_each_function_of_which_mutants_may_live_stands_once_under_a_reason():
    """A list of lines went stale with every rename; one of functions says where to look, and how many there are."""
    reason, seen = "", set()
    for line in KEPT.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            reason = line
        elif line:
            file, function, number = line.split()
            assert reason
            assert (reason, file, function) not in seen
            seen.add((reason, file, function))
            assert int(number) > 0
    assert kept().total() == sum(
        int(line.rsplit(" ", 1)[1]) for line in KEPT.read_text().splitlines() if line[:1] == "a"
    )


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ('"SELECT a FROM b WHERE c = ?" → "select a from b where c = ?"', True),
        ('"UPDATE a SET b = ?" → "UPDATE A SET B = ?"', True),
        ("\"WHERE state = 'held'\" → \"WHERE STATE = 'HELD'\"", False),
        ('"SELECT a" → "XXSELECT aXX"', False),
        ('"a cap" → "A CAP"', False),
    ],
)
def test_only_sql_that_differs_in_its_letters_outside_of_quotes_is_the_same(change, same):
    assert same_sql(change) is same
