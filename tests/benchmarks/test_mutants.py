"""Whoever trusts tests because no mutant lived must be told of each that did, and why others may."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

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
def house(tmp_path):
    """Make a small house with one money file, which has a gap at its edge and a function that nobody calls."""
    for name in ("ai", "benchmarks", "docs", "tests"):
        (tmp_path / name).mkdir()
    for name in ("__init__.py", "mutants.py", "mutants_loop.py"):
        shutil.copyfile(ROOT / "benchmarks" / name, tmp_path / "benchmarks" / name)
    (tmp_path / "ai" / "__init__.py").write_text("")
    (tmp_path / "ai" / "money.py").write_text(MONEY)
    (tmp_path / "tests" / "test_money.py").write_text(TESTS)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return tmp_path


def run(house, *options):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.mutants", "--jobs", "2", *options],
        cwd=house, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_a_mutant_that_lives_is_named_until_it_is_known_and_a_stale_excuse_as_well(house):
    code, said = run(house)
    alive = [
        "ai/money.py nobody_calls: return 1 → return 2",
        "ai/money.py rounded: return amount if amount > 0 else 0 → return amount if amount > 1 else 0",
        "ai/money.py rounded: return amount if amount > 0 else 0 → return amount if amount >= 0 else 0",
    ]
    assert (code, re.findall("^lived: (.*)$", said, re.MULTILINE)) == (1, alive)
    assert "7 mutants: 4 killed, 1 reached by no test, 2 survived" in said

    stale = "ai/money.py add: return left + right → return left - right"
    (house / "tests" / "mutants_kept.txt").write_text("\n".join(["# for a reason", *alive, stale]))
    code, said = run(house)
    assert code == 0
    assert "7 mutants, 0 to try" in said
    assert "7 mutants: 3 killed, 4 may live" in said

    code, said = run(house, "--kept")
    assert code == 0
    assert "4 mutants, 4 to try" in said
    assert re.findall("^noticed after all: (.*)$", said, re.MULTILINE) == [stale]


@pytest.mark.parametrize("line", kept(), ids=str)
def test_a_mutant_that_may_live_is_a_change_of_code_that_is_there_and_has_a_reason(line):
    file, function, change = re.fullmatch(r"(\S+) (\S+): (.*)", line).groups()
    source = " ".join((ROOT / file).read_text(encoding="utf-8").split())
    assert kept()[line]
    assert f"def {function.rpartition('.')[2]}(" in source
    before = re.sub(r" \(\d+\)$", "", change).partition(" → ")[0]
    assert " ".join(before.split()) in re.sub(r"  # [^\n]*", "", source)


def test_no_line_of_those_that_may_live_stands_twice():
    lines = [line for line in Path(KEPT).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(set(lines))


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
