"""A road to a server that breaks when told: cut once, shut for a while, or swallowing all that is sent on it."""

import contextlib
import socket
import threading


class Road:
    """A TCP proxy on a port of its own that leads to `port` on this machine.

    `cut_after` is what is still let through of a message with `cut_at` in it (`COMMIT`, as a rule) before the road is
    cut: its "request", or "nothing". `asked` counts what clients sent.
    """

    def __init__(self, port: int) -> None:
        self.cut_after: str | None = None
        self.cut_at = b"COMMIT\x00"
        self.asked = 0
        self._target = port
        self._swallows = False
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._listen()

    def cut(self) -> None:
        """Break every connection there is; new ones are let through."""
        self.cut_after = None
        ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def shut(self) -> None:
        """Break every connection and refuse new ones, until `reopen`."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()
        self._accepting.join(10)
        self.cut()

    def reopen(self) -> None:
        """Let connections through again, on the same port."""
        self._swallows = False
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listen()

    def swallow(self) -> None:
        """Take all that is sent, and let nothing arrive: what a network does that drops packets."""
        self._swallows = True

    def spit(self) -> None:
        """End the swallowing; what was swallowed is lost, so its connections are broken."""
        self._swallows = False
        self.cut()

    def close(self) -> None:
        """Shut it for good."""
        self.shut()

    def _listen(self) -> None:
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:  # the server is away
                    client.close()
                    continue
                self._ends += [client, server]
                threading.Thread(
                    target=self._pump, args=(client, server), kwargs={"from_client": True}, daemon=True
                ).start()
                threading.Thread(
                    target=self._pump, args=(server, client), kwargs={"from_client": False}, daemon=True
                ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, *, from_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.asked += from_client
                if self._swallows:
                    continue
                if from_client and self.cut_at in data and self.cut_after == "nothing":
                    self.cut()
                elif from_client and self.cut_at in data and self.cut_after == "request":
                    self.cut_after = "answer"
                    sink.sendall(data)
                elif not from_client and self.cut_after == "answer":
                    self.cut()  # the server has committed, and its answer is thrown away
                else:
                    sink.sendall(data)
        for end in (source, sink):  # one side left: so does the other
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
