"""For all tests: NumPy on one thread, as ai.memory has it, and what was skipped said at the end, a line a reason."""

import functools
import importlib
import os
import re
import signal
import tempfile
from collections import Counter

import hypothesis
import pytest

from tests.world.memory import folder_in_memory
from tests.world.small_disk import run_where_mounting_is, small_disk

__all__ = ["small_disk"]

if "TMPDIR" not in os.environ and (memory := folder_in_memory()):
    os.environ["TMPDIR"] = tempfile.tempdir = memory  # also where its workers and the programs that they start write
# As before, but an example takes the time it takes: 0.3 s of an idle test were seen where the machine is busy.
hypothesis.settings.register_profile("unhurried", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("unhurried")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # also where a test imports NumPy first
if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # in a shell's background: what is started here would ignore it too
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refuse-skips", action="store_true", help="fail where a test was skipped, as CI does")


@functools.cache
def _no_runtime() -> str | None:
    """Say why no embedded model can run on this machine, None where one can."""
    from ai.llm.local.machine import read_machine  # noqa: PLC0415 - after the environment above is set

    if problem := read_machine().problem():
        return problem
    try:
        importlib.import_module("xllamacpp")
    except ImportError as error:
        return f"the embedded model's runtime does not load ({error}): on Debian, apt install libgomp1"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("local_model") and (problem := _no_runtime()):
        pytest.skip(problem)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if pyfuncitem.funcargs.get("small_disk", "") is None:
        run_where_mounting_is(pyfuncitem)
        return True
    return None


def _skipped(config: pytest.Config) -> Counter[str]:
    """Return why tests were skipped, a line each without a test's own folder, and how many for each reason."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    lines = (report.longrepr[2].removeprefix("Skipped: ").splitlines()[0] for report in reports)
    return Counter(re.sub(r"\S*/pytest-of-\S*", "…", line) for line in lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    refused = ", which --refuse-skips does not allow" if config.getoption("--refuse-skips") else ""
    for reason, number in _skipped(config).items():
        terminalreporter.write_line(f"SKIPPED {number} test(s){refused}: {reason}", yellow=True)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--refuse-skips") and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
