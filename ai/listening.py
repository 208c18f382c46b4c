"""A socket that listens where OBSERVER_HOST and OBSERVER_PORT say; what stands against it is told in one line."""

import errno
import socket

# What the system says of a port: another program has it, or this user may not. All else is said of the address.
OF_THE_PORT = (errno.EADDRINUSE, errno.EACCES)


class PortUnusable(OSError):
    """The address cannot be listened on; the message is one line for people."""


def listen(host: str, port: int, *, backlog: int, send_bytes: int | None = None) -> socket.socket:
    """Return a socket that listens; the system keeps `send_bytes` for each of its readers. Raises PortUnusable."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:  # a name with a part of more than 63 letters is no error of the system's
        raise _no_address(host, getattr(error, "strerror", None) or "it is no host name") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if send_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
        listener.bind(address)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno not in OF_THE_PORT:
            raise _no_address(host, str(error.strerror)) from error
        raise PortUnusable(
            f"OBSERVER_PORT={port} on {host} cannot be used: {error.strerror}; set another one, or 0 for any"
        ) from error
    return listener


def _no_address(host: str, why: str) -> PortUnusable:
    return PortUnusable(f"OBSERVER_HOST={host[:80]}: {why}; write an address of this machine, like 127.0.0.1")
