"""The loop of every command where the machine has no thread left."""

import socket
import threading

import pytest

from ai.loop import LOOKUPS_AT_ONCE, Loop

TOO_LARGE = 1 << 47  # bytes of a thread's stack: no machine has them, so no thread starts


def test_lookups_go_on_when_threads_can_be_started_again() -> None:
    """Each that failed kept its place: after thirty-two of them every lookup hung until the process ended."""
    loop = Loop()
    before = threading.stack_size(TOO_LARGE)
    try:
        for _ in range(LOOKUPS_AT_ONCE + 1):
            with pytest.raises(OSError, match="no thread"):
                loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 80))
    finally:
        threading.stack_size(before)
    assert loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM))
    loop.close()
