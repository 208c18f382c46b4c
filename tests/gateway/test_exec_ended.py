"""`genesis exec` whose person ends it: on a terminal, by a signal to it alone, and by one that nobody can hold off."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import select
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ai.clock import VirtualClock
from ai.credit_tracker import open_credit_ledger
from ai.credit_tracker.caller_books import CallerBooks
from ai.credit_tracker.callers import KeyTerms
from ai.daemon.programs import KEY_LIVES, keep_key
from ai.settings import Settings
from tests.gateway.conftest import serving
from tests.gateway.test_exec import environ
from tests.world.openrouter import FakeOpenRouter


def on_a_terminal(env: dict[str, str], code: str, *also: str) -> tuple[int, int]:
    """Start `exec` of a Python program in a session on a terminal of its own; its process and the other end of it."""
    process, terminal = pty.fork()
    if process == 0:  # pragma: no cover - the child
        os.chdir(env["HOME"])
        os.execve(sys.executable, [sys.executable, "-m", "ai", "exec", *also, "--", sys.executable, "-c", code], env)  # noqa: S606
    return process, terminal


def read_until(terminal: int, word: bytes) -> bytes:
    text = b""
    while word not in text:
        assert select.select([terminal], [], [], 60)[0], text
        text += os.read(terminal, 1024)
    return text


def ended(process: int, terminal: int) -> tuple[int, str]:
    text = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody has its other end any more
        while select.select([terminal], [], [], 60)[0] and (piece := os.read(terminal, 1024)):
            text += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), text.decode()


@pytest.mark.parametrize("way", ["to exec alone", "to the group", "twice to exec alone"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1])
def test_on_a_terminal_too_a_signal_reaches_the_program_as_often_as_it_was_sent(
    tmp_path: Path, provider: FakeOpenRouter, number: signal.Signals, way: str
) -> None:
    times = 2 if way.startswith("twice") else 1
    code = (
        f"import os, signal, sys\nwanted, count = {{{int(number)}}}, 0\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, wanted)\nos.write(1, b'ready')\n"
        f"while count < {times} or signal.sigtimedwait(wanted, 0.3):\n"
        f"    count < {times} and signal.sigwait(wanted)\n    count += 1\n    os.write(1, b'got')\n"
        "sys.exit(40 + count)\n"
    )
    process, terminal = on_a_terminal(environ(provider, tmp_path), code, "--budget", "1")
    read_until(terminal, b"ready")
    if way == "to the group":
        key = {signal.SIGINT: b"\x03", signal.SIGQUIT: b"\x1c"}.get(number)
        os.killpg(process, number) if key is None else os.write(terminal, key)
    else:
        os.kill(process, number)
    if times > 1:
        read_until(terminal, b"got")
        os.kill(process, number)
    status, text = ended(process, terminal)
    assert status == 40 + times, text


async def test_the_key_of_an_exec_that_was_killed_is_good_for_minutes_and_not_for_a_month(
    tmp_path: Path, provider: FakeOpenRouter
) -> None:
    async with serving(tmp_path / "data", provider) as gateway:
        gateway.alone.slot.publish(gateway.url)
        code = "import os, sys; print(os.environ['OPENAI_API_KEY'], flush=True); sys.stdin.read()"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ai", "exec", "--budget", "1", "--", sys.executable, "-c", code),
            env=environ(provider, tmp_path), cwd=tmp_path,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdin is not None
        secret = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
        process.kill()
        process.stdin.close()  # of which its program ends
        await asyncio.wait_for(process.wait(), 60)
        key = await gateway.alone.gateway.rooms.books.key_of(secret)
        assert key is not None
        assert key.ended(datetime.now(UTC) + timedelta(minutes=5)) is not None


async def test_a_program_may_run_longer_than_its_key_was_made_for_unless_a_person_revokes_it(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 11, 22, 12, tzinfo=UTC))
    ledger = open_credit_ledger(f"sqlite:///{tmp_path}/ledger.db", clock)
    books = CallerBooks(ledger, Settings(data_dir=tmp_path), clock)
    key, secret = await books.create_key("exec-1", KeyTerms(expires_at=clock.now() + KEY_LIVES))
    keeping = asyncio.create_task(keep_key(books, clock, key, "r", lambda *_: None))
    until = clock.now() + 3 * KEY_LIVES
    while clock.now() < until:
        assert await books.key_of(secret) is not None
    clock.set(clock.now() + timedelta(hours=8))  # the machine slept
    now = clock.monotonic()
    while await books.key_of(secret) is None:
        assert clock.monotonic() < now + 5
    await books.revoke_key("exec-1")
    until = clock.now() + 2 * KEY_LIVES
    while clock.now() < until:
        assert await books.key_of(secret) is None
    keeping.cancel()
    ledger.close()
