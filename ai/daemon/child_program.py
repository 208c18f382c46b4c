"""The program that `exec` runs: our own streams, each signal once, and its status."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from ai.daemon import group_witness
from ai.operations.modes import keep_private

NOT_FOUND, NOT_EXECUTABLE, SIGNALLED = 127, 126, 128
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Witness:
    """Knows whether a signal that came to us was sent to our whole group, as a terminal's Ctrl-C is."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ready(self) -> None:
        """Return as soon as it lies there."""
        await self._answer()

    async def group_had(self, number: int) -> bool:
        """Tell whether the whole group had this signal; to be asked once for each that came."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.write(b"%d\n" % number)
        answer = await self._answer()
        return answer == b"1\n" or (not answer and number == signal.SIGINT)  # it was killed: what the usual ones mean

    async def _answer(self) -> bytes:
        return b"" if self._process.stdout is None else await self._process.stdout.readline()


async def run_program(command: Sequence[str], env: dict[str, str]) -> int:
    """Run a program with our own stdin, stdout and stderr; return its status, 128 + n where signal n ended it.

    Each of PASSED_ON that comes to us reaches it once. One that is not there ends with 127, told on stderr.
    """
    came: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in PASSED_ON:
        loop.add_signal_handler(number, came.put_nowait, number)
    # On a terminal it stays in our group, the terminal's foreground: Ctrl-C, Ctrl-Z and reading work as in any shell.
    # Elsewhere it has its own, so that a signal to our group reaches it by our hand alone.
    on_terminal = sys.stdin is not None and sys.stdin.isatty()
    async with _witness(on_terminal) as witness:
        if not came.empty():  # before there was a program
            return SIGNALLED + came.get_nowait()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=env,
                process_group=None if on_terminal else 0,
                umask=keep_private(),  # the person's own
            )
        except FileNotFoundError:
            sys.stderr.write(f"genesis: there is no program {command[0]!r}\n")
            return NOT_FOUND
        except PermissionError:
            sys.stderr.write(f"genesis: {command[0]!r} is no program that may be run\n")
            return NOT_EXECUTABLE
        passing = asyncio.create_task(_pass_on(came, process, witness))
        try:
            status = await process.wait()
        finally:
            passing.cancel()
    return SIGNALLED - status if status < 0 else status


async def _pass_on(came: asyncio.Queue[int], process: asyncio.subprocess.Process, witness: Witness | None) -> None:
    while True:
        number = await came.get()
        if witness is None or not await witness.group_had(number):
            with suppress(ProcessLookupError):
                process.send_signal(number)


@asynccontextmanager
async def _witness(on_terminal: bool) -> AsyncIterator[Witness | None]:  # noqa: FBT001 - what it depends on
    """Lay a witness into our group for as long as the program runs; none where the program has a group of its own."""
    if not on_terminal:
        yield None
        return
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-IS", group_witness.__file__),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    witness = Witness(process)
    try:
        await witness.ready()
        yield witness
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
