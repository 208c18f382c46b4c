"""Where the page and the gateway listen: what stands against it is told in a line that names what is to be changed."""

import socket

import pytest

from ai.listening import PortUnusable, listen

HOSTS = ("192.0.2.1", "no such host", "http://x", "x" * 300, "a..b", "ü" * 70)


@pytest.mark.parametrize("host", HOSTS)
def test_an_address_that_is_none_of_this_machines_is_told_as_one(host: str) -> None:
    """Of an address of another machine it said that the port was wrong; a name too long was a traceback."""
    with pytest.raises(PortUnusable, match=r"^OBSERVER_HOST=.*; write an address of this machine, like 127\.0\.0\.1$"):
        listen(host, 0, backlog=1)


def test_a_port_that_another_program_has_is_told_as_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            PortUnusable, match=f"^OBSERVER_PORT={port} on 127.0.0.1 cannot be used: .*; set another one"
        ):
            listen("127.0.0.1", port, backlog=1)
