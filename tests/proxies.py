"""A TCP proxy on loopback that loses a connection at the worst moment."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.servers import free_port

CHUNK = 65536


class CuttingProxy:
    """Forwards to a port until the client, having sent `armed_by`, sends `trigger`; then it cuts, once.

    With `after` the trigger reaches the server and the server's answer is awaited and dropped: the client never
    learns what happened. Without it, the trigger itself is lost. Later connections are forwarded untouched, or
    refused with `then_gone`.
    """

    def __init__(
        self, to_port: int, trigger: bytes, *, armed_by: bytes = b"", after: bool, then_gone: bool = False
    ) -> None:
        self.port = free_port()
        self.cuts = 0
        self._mute: set[socket.socket] = set()
        self._to_port = to_port
        self._trigger = trigger
        self._armed_by = armed_by
        self._after = after
        self._then_gone = then_gone
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening and drop every connection."""
        for connection in self._open:
            _drop(connection)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to_port))
                self._open += [client, server]
                threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
                threading.Thread(target=self._to_client, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            armed = not self._armed_by
            while data := client.recv(CHUNK):
                armed = armed or self._armed_by in data
                if armed and self._trigger in data and self.cuts == 0:
                    self.cuts += 1
                    if self._then_gone:
                        _drop(self._listener)
                    if self._after:
                        self._mute.add(client)  # whichever thread reads the answer, it goes nowhere
                        server.sendall(data)
                        server.recv(CHUNK)
                    break
                server.sendall(data)
        _drop(client)
        _drop(server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                if client in self._mute:
                    break
                client.sendall(data)
        _drop(client)
        _drop(server)


def _drop(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
