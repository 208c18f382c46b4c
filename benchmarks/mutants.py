"""Change the money code a word at a time and name every change that no test notices.

    python -m benchmarks.mutants [FILE …] [--jobs N] [--survivors] [--postgres]

mutmut makes the mutants of the files that pyproject.toml names; benchmarks/mutants_loop.py tries them. An interrupted
run goes on where it was, as long as neither code nor tests changed; `--survivors` tries only those again that lived.

How many of a function may live stands in tests/mutants_kept.txt, under the reason why. Exits 1 where more lived.
"""

import argparse
import difflib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TREE = ROOT / "mutants"  # a copy of the project in which every mutant sleeps until its name is called
VERDICTS = TREE / "verdicts.jsonl"
MEMORY = Path("/dev/shm")  # noqa: S108 - no mutant is a disk's doing, and most tests wait for the disk
KEPT = ROOT / "tests" / "mutants_kept.txt"
COPIED = ("ai", "benchmarks", "docs", "tests")
SQL = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|AND|OR|BY|CASE|AS|IN|SET|VALUES|COALESCE|COUNT|SUM|RETURNING|LIMIT"
    r"|JOIN|PRAGMA|SAVEPOINT|RELEASE|ROLLBACK|BEGIN|COMMIT|excluded)\b"
)
SAME = "the same SQL"
SURVIVED = ("survived", "reached by no test")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the name it is called by, where it is, and the lines before and after it."""

    name: str
    file: str
    function: str
    change: str

    def __str__(self) -> str:
        return f"{self.file} {self.function}: {self.change}"


def make(file: Path) -> list[Mutant]:
    """Write the mutants of one file into the tree and return them; made once for each text of the file."""
    source = (ROOT / file).read_text(encoding="utf-8")
    listed = TREE / "made" / f"{file.stem}-{hashlib.sha256(source.encode()).hexdigest()}.json"
    code = listed.with_suffix(".txt")
    if not listed.exists():
        from mutmut.mutation.file_mutation import mutate_file_contents  # noqa: PLC0415 - slow, and only needed here

        made = mutate_file_contents(str(file), source)
        lines, spans = made.code.splitlines(), made.line_span_by_function_name
        module = ".".join(file.with_suffix("").parts)
        mutants, twice = [], Counter[tuple[str, str]]()
        for name in made.mutant_names:
            place = _function(name), _change(lines, spans, name)
            twice[place] += 1
            number = f" ({twice[place]})" if twice[place] > 1 else ""
            mutants.append(Mutant(f"{module}.{name}", str(file), place[0], place[1] + number))
        listed.parent.mkdir(parents=True, exist_ok=True)
        code.write_text(made.code, encoding="utf-8")
        listed.write_text(json.dumps([asdict(mutant) for mutant in mutants], ensure_ascii=False), encoding="utf-8")
    shutil.copyfile(code, TREE / file)
    return [Mutant(**fields) for fields in json.loads(listed.read_text(encoding="utf-8"))]


def _function(name: str) -> str:
    """Return the function as people write it, of a mutant's mangled name."""
    mangled = name.partition("__mutmut_")[0]
    return mangled[2:] if mangled.startswith("x_") else ".".join(mangled.split("ǁ")[1:])


def _change(lines: list[str], spans: Mapping[str, Any], name: str) -> str:
    """Return what the mutant changes: the lines that differ, each side on one line."""
    before, after = (
        [line.replace(side, _function(name)).strip() for line in lines[spans[side].start - 1 : spans[side].end]]
        for side in (name.partition("__mutmut_")[0] + "__mutmut_orig", name)
    )
    told = list(difflib.ndiff(before, after))
    return " → ".join(
        " ".join(re.sub(r"  # .*", "", line[2:]) for line in told if line.startswith(sign)) for sign in ("- ", "+ ")
    )


def same_sql(change: str) -> bool:
    """Return whether a change only writes SQL outside of quotes in other letters, which no database tells apart."""
    before, _, after = change.partition(" → ")
    return (
        SQL.search(before) is not None
        and before.casefold() == after.casefold()
        and re.findall(r"'[^']*'", before) == re.findall(r"'[^']*'", after)
    )


def plant(patterns: Iterable[str]) -> list[Mutant]:
    """Copy the project into the tree with the mutants of each file that matches a pattern, and return them."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    for name in COPIED:
        shutil.rmtree(TREE / name, ignore_errors=True)
        shutil.copytree(ROOT / name, TREE / name, ignore=shutil.ignore_patterns("__pycache__", "images"))
    shutil.copyfile(ROOT / "pyproject.toml", TREE / "pyproject.toml")
    files = sorted({path.relative_to(ROOT) for glob in config["only_mutate"] for path in ROOT.glob(glob)})
    wanted = [pattern.partition(" ") for pattern in patterns]
    return [
        mutant
        for file in files
        if not any(fnmatch(str(file), pattern) for pattern in config["do_not_mutate"])
        and any(fnmatch(str(file), of_file) for of_file, _, _ in wanted)
        for mutant in make(file)
        if any(fnmatch(str(file), of_file) and fnmatch(mutant.function, what or "*") for of_file, _, what in wanted)
    ]


def state() -> str:
    """Return a digest of the code and the tests: a verdict stands while it is the same."""
    read = hashlib.sha256()
    for path in sorted(path for name in ("ai", "benchmarks", "tests") for path in (ROOT / name).rglob("*.*")):
        if path.suffix in {".py", ".sql"}:
            read.update(path.read_bytes())
    return read.hexdigest()


def verdicts() -> dict[str, dict[str, Any]]:
    """Return the last verdict on each mutant, by what it changes; the number in its name moves with the code."""
    if not VERDICTS.exists():
        return {}
    return {line["mutant"]: line for line in map(json.loads, VERDICTS.read_text(encoding="utf-8").splitlines())}


def kept() -> Counter[str]:
    """Return how many mutants may live, by `file function`; a line of the list is `file function number`."""
    allowed = Counter[str]()
    for line in KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []:
        if line and not line.startswith("# "):
            place, _, number = line.rpartition(" ")
            allowed[place] += int(number)
    return allowed


def run(mutants: list[Mutant], jobs: int, *, postgres: bool) -> None:
    """Try the mutants in a pytest of their own, which appends to the verdicts; with or without a PostgreSQL server."""
    known, now = verdicts(), state()
    plan = [
        {
            "name": mutant.name,
            "mutant": str(mutant),
            "function": mutant.name.partition("__mutmut_")[0],
            "state": now,
            "by": known.get(str(mutant), {}).get("by"),
        }
        for mutant in mutants
    ]
    (TREE / "plan.json").write_text(json.dumps(plan, ensure_ascii=False), encoding="utf-8")
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    command = [sys.executable, "-m", "pytest", "-p", "benchmarks.mutants_loop", *config["pytest_add_cli_args"]]
    command += [] if postgres else ["-m", "not postgres"]
    with tempfile.TemporaryDirectory(prefix="genesis-mutants-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        subprocess.run(
            [*command, *config["pytest_add_cli_args_test_selection"]],
            cwd=TREE,
            check=True,
            env=os.environ | {"MUTANTS_JOBS": str(jobs), "MUTANT_UNDER_TEST": "", "TMPDIR": folder},
        )


def tell(mutants: list[Mutant]) -> int:
    """Print what became of the mutants, by file, and those of each function of which more lived, or fewer, than may.

    Return how many lived too many.
    """
    found, allowed = verdicts(), kept()
    counted: dict[str, Counter[str]] = {}
    alive: dict[str, list[Mutant]] = {f"{mutant.file} {mutant.function}": [] for mutant in mutants}
    for mutant in mutants:
        verdict = SAME if same_sql(mutant.change) else str(found[str(mutant)]["verdict"])
        counted.setdefault(mutant.file, Counter())[verdict] += 1
        if verdict in SURVIVED:
            alive[f"{mutant.file} {mutant.function}"].append(mutant)
    for file, counts in counted.items():
        print(f"{file}: {_figures(counts)}")
    for place, lived in alive.items():
        if len(lived) < allowed[place]:
            print(f"noticed after all: {place}: {len(lived)} lived, {allowed[place]} may")
        if len(lived) > allowed[place]:
            print(*(f"lived: {mutant}" for mutant in lived), f"  {allowed[place]} of these may", sep="\n")
    for place in sorted(place for place in allowed.keys() - alive.keys() if place.partition(" ")[0] in counted):
        print(f"gone, or never changed: {place}")
    total = sum(counted.values(), Counter())
    print(f"{total.total()} mutants: {_figures(total)}")
    return sum(max(0, len(lived) - allowed[place]) for place, lived in alive.items())


def _figures(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items()))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", default=["*"], help="only these, as 'ai/ledger/*.py' or '*.py Ledger.close'"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants tried at a time")
    parser.add_argument("--survivors", action="store_true", help="try only those again that lived")
    parser.add_argument("--postgres", action="store_true", help="with the tests on PostgreSQL, each with a server anew")
    given = parser.parse_args()
    began = time.perf_counter()
    mutants, known, now = plant(given.files), verdicts(), state()

    def due(mutant: Mutant) -> bool:
        if same_sql(mutant.change):
            return False
        last = known.get(str(mutant), {})
        return last.get("verdict", "survived") in SURVIVED if given.survivors else last.get("state") != now

    tried = [mutant for mutant in mutants if due(mutant)]
    print(f"{len(mutants)} mutants, {len(tried)} to try", flush=True)
    if tried:
        run(tried, given.jobs, postgres=given.postgres)
    new = tell(mutants)
    print(f"{time.perf_counter() - began:.0f} s")
    sys.exit(1 if new else 0)


if __name__ == "__main__":
    main()
