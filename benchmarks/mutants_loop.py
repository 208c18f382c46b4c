"""A pytest plugin that tries mutants: it collects the tests once and forks a process for each mutant.

The tests that call the mutant's function run in it, one after the other, until one fails: first the one that killed
this mutant in an earlier run, then those that killed others of the same function, then the fastest. So most mutants die
within milliseconds, and only who lives sees them all. A test that takes far longer than without a mutant has failed.
"""

import contextlib
import gc
import json
import os
import select
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from mutmut.mutation import trampoline

PATIENCE_SECONDS = 10.0  # more than ten times what a test took: a machine may be busy
PROGRESS_EVERY = 250  # mutants

settings.register_profile(  # few examples, each time the same, and no smaller one of what failed
    "mutants",
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("mutants")


class ExactRow(sqlite3.Row):
    """A row that tells the letters of a column's name apart, as PostgreSQL's rows do."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str) and key not in self.keys():
            raise IndexError(key)
        return super().__getitem__(key)


sqlite3.Row = ExactRow  # type: ignore[misc]


@dataclass(slots=True)
class Trial:
    """A mutant under trial: its process, the pipe that gets a byte for each test passed, the tests in turn."""

    mutant: dict[str, Any]
    pid: int
    pipe: int
    folder: str
    tests: list[str]
    began: float
    until: float
    passed: int = 0


class Loop:
    """Forks a process for each mutant of plan.json and appends what became of it to verdicts.jsonl."""

    def __init__(self) -> None:
        self.tree = Path.cwd()
        self.jobs = int(os.environ["MUTANTS_JOBS"])
        self.seconds: dict[str, float] = {}  # of each test
        self.reached: dict[str, list[str]] = {}  # the tests of each function
        self.killers: dict[str, list[str]] = defaultdict(list)  # of mutants of each function, the last one first
        self.trials: dict[int, Trial] = {}  # by pipe
        self.tried = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Try every mutant of the plan; in a fork leave the tests to pytest."""
        session.config.pluginmanager.unregister(name="terminalreporter")
        items = {item.nodeid: item for item in session.items}
        gc.freeze()
        if self._learns(session):
            return None
        for mutant in json.loads((self.tree / "plan.json").read_text(encoding="utf-8")):
            while len(self.trials) >= self.jobs:
                self._wait()
            tests = self._choose(mutant)
            if not tests:
                self._end(mutant, "reached by no test", None, 0.0)
            elif self._forks(session, mutant, tests):
                session.items = [items[test] for test in tests]
                return None
        while self.trials:
            self._wait()
        return True

    def _learns(self, session: pytest.Session) -> bool:
        """Run all tests in a fork, without a mutant, to learn what each calls; return whether in that fork."""
        path = self.tree / "learnt.json"
        pid = os.fork()
        if pid == 0:
            os.environ["MUTANT_UNDER_TEST"] = "stats"
            session.config.pluginmanager.register(Learning(path))
            return True
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
            pytest.exit("a test fails without a mutant", returncode=1)
        learnt = json.loads(path.read_text(encoding="utf-8"))
        self.seconds, self.reached = learnt["seconds"], learnt["reached"]
        print(f"{len(self.seconds)} tests, {sum(self.seconds.values()):.0f} s", flush=True)
        return False

    def _choose(self, mutant: dict[str, Any]) -> list[str]:
        """Return the tests that call the mutant's function, the likeliest to notice first."""
        tests = sorted(self.reached.get(mutant["function"], ()), key=self.seconds.__getitem__)
        first = [mutant["by"], *self.killers[mutant["function"]]]
        return list(dict.fromkeys([*(test for test in first if test in tests), *tests]))

    def _forks(self, session: pytest.Session, mutant: dict[str, Any], tests: list[str]) -> bool:
        """Fork a process for the mutant; return whether in it."""
        folder = tempfile.mkdtemp()
        pipe, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            tempfile.tempdir = folder
            session.config.pluginmanager.register(OnTrial(session, told))
            trampoline.set_mutant_under_test(mutant["name"])
            return True
        os.close(told)
        now = time.monotonic()
        self.trials[pipe] = Trial(mutant, pid, pipe, folder, tests, now, now + self._patience(tests[0]))
        return False

    def _patience(self, test: str) -> float:
        return PATIENCE_SECONDS + 10 * self.seconds[test]

    def _wait(self) -> None:
        """Wait until a trial tells something or takes too long, and judge those that are over."""
        nearest = min(trial.until for trial in self.trials.values())
        ready, _, _ = select.select(list(self.trials), [], [], max(0.0, nearest - time.monotonic()))
        for trial in [self.trials[pipe] for pipe in ready]:
            said = os.read(trial.pipe, 4096)
            trial.passed += len(said)
            if not said:
                self._judge(trial)
            elif trial.passed < len(trial.tests):
                trial.until = time.monotonic() + self._patience(trial.tests[trial.passed])
        for trial in [trial for trial in self.trials.values() if trial.until < time.monotonic()]:
            os.kill(trial.pid, signal.SIGKILL)
            self._judge(trial, late=True)

    def _judge(self, trial: Trial, *, late: bool = False) -> None:
        """Say what became of a mutant whose process ends, and leave nothing of it."""
        status = os.waitstatus_to_exitcode(os.waitpid(trial.pid, 0)[1])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(trial.pid, signal.SIGKILL)  # what its tests had started
        os.close(trial.pipe)
        del self.trials[trial.pipe]
        shutil.rmtree(trial.folder, ignore_errors=True)
        seconds = time.monotonic() - trial.began
        if status == 0 and trial.passed == len(trial.tests):
            self._end(trial.mutant, "survived", None, seconds)
            return
        killer = trial.tests[min(trial.passed, len(trial.tests) - 1)]
        known = self.killers[trial.mutant["function"]]
        known[:] = [killer, *(test for test in known if test != killer)]
        self._end(trial.mutant, "hung" if late else "killed", killer, seconds)

    def _end(self, mutant: dict[str, Any], verdict: str, by: str | None, seconds: float) -> None:
        line = {"mutant": mutant["mutant"], "state": mutant["state"], "verdict": verdict, "by": by}
        with (self.tree / "verdicts.jsonl").open("a", encoding="utf-8") as verdicts:
            verdicts.write(json.dumps(line | {"seconds": round(seconds, 3)}, ensure_ascii=False) + "\n")
        self.tried += 1
        if self.tried % PROGRESS_EVERY == 0:
            print(f"{self.tried:,} tried", flush=True)


class Learning:
    """In the fork without a mutant: notes how long each test takes and which functions it calls."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: dict[str, float] = defaultdict(float)
        self.reached: dict[str, list[str]] = defaultdict(list)
        self.called: set[str] = set()
        trampoline.record_trampoline_hit = self._call  # type: ignore[attr-defined]

    def _call(self, name: str, caller: str | None = None) -> None:  # noqa: ARG002 - mutmut's own signature
        self.called.add(name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up a test's time, and say why one fails."""
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            print(report.nodeid, report.longreprtext, sep="\n", flush=True)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note what a test called, its fixtures included."""
        for function in self.called:
            self.reached[function].append(nodeid)
        self.called.clear()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell what was learnt and end."""
        self.path.write_text(json.dumps({"seconds": self.seconds, "reached": self.reached}), encoding="utf-8")
        os._exit(1 if session.testsfailed else 0)


class OnTrial:
    """In the fork of a mutant: tells each test that passed, and ends at the first that fails."""

    def __init__(self, session: pytest.Session, told: int) -> None:
        self.session = session
        self.told = told

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """End with the first test that fails, its fixtures cleaned up."""
        if report.failed:
            self.session.shouldfail = "noticed"

    def pytest_runtest_logfinish(self) -> None:
        """Tell of a test that passed."""
        if not self.session.shouldfail:
            os.write(self.told, b".")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """End without a word: what others would tidy up here is the first process's."""
        os._exit(1 if self.session.shouldfail else 0)


def pytest_configure(config: pytest.Config) -> None:
    """Take over from pytest's own loop."""
    config.pluginmanager.register(Loop())
