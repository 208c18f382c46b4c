"""Several processes that answer on one socket: forked from one that has loaded everything, whose memory they share."""

from __future__ import annotations

import gc
import os
import signal
import time
from importlib import import_module

RESTART_SECONDS = 1.0  # before a worker that died is started again: one that cannot start must not spin
STOP_SECONDS = 10.0  # for workers to end; then they are killed, and what they had under way is asked for later
HUNG_UP = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)  # nohup ignores it
ENDING = (signal.SIGTERM, signal.SIGINT, *HUNG_UP)
AWAITED = (*ENDING, signal.SIGCHLD, signal.SIGALRM)
# What each worker would else load for itself when it is first needed.
LOADED_LATER = ("anyio._backends._asyncio", "httpcore2", "uvicorn.lifespan.off")


def become_workers(number: int) -> bool:
    """Fork so many workers, and return True in each of them, which goes on from here.

    In this process, which has no other thread: keep so many running until SIGTERM or SIGINT, end them, return False.
    """
    for name in LOADED_LATER:
        import_module(name)
    gc.collect()
    gc.freeze()  # nobody looks again at what is loaded by now, so its pages stay shared
    for told in (signal.SIGCHLD, signal.SIGALRM):
        signal.signal(told, lambda *_: None)  # it is waited for below, and a signal that nobody handles may be dropped
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    workers: set[int] = set()
    while True:
        while len(workers) < number:
            try:
                worker = os.fork()
            except OSError:  # no memory, or too many processes: none is left to answer without a parent
                _end(workers)
                raise
            if worker == 0:
                os.setpgid(0, 0)  # Ctrl-C on a terminal is for the parent, which ends its workers
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_SETMASK, usual)
                return True
            workers.add(worker)
        if signal.sigwait(AWAITED) in ENDING:
            break
        if _reaped(workers):
            time.sleep(RESTART_SECONDS)
    _end(workers)
    return False


def _end(workers: set[int]) -> None:
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
    signal.setitimer(signal.ITIMER_REAL, STOP_SECONDS)
    while workers:
        if signal.sigwait((signal.SIGCHLD, signal.SIGALRM)) == signal.SIGALRM:
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
        _reaped(workers)


def _reaped(workers: set[int]) -> bool:
    """Take those that have ended out of `workers`; say whether there were any."""
    ended = {worker for worker in workers if os.waitpid(worker, os.WNOHANG)[0]}
    workers -= ended
    return bool(ended)
