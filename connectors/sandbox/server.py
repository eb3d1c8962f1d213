"""Fakes on the network: one thread, one event loop, a uvicorn server on a loopback port for each.

with Servers({"jira": fake}) as servers:
    servers.url("jira")      # http://127.0.0.1:49213
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, unquote

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from connectors.sandbox.messages import Delivery, Request
from connectors.sandbox.traps import Kind

START_SECONDS = 10.0
HOST = "127.0.0.1"


class Answers(Protocol):
    """What can be put on the network."""

    base_url: str

    def answer(self, request: Request) -> Delivery:
        """Answer one request."""
        ...


class _TransportInScope(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Hands the transport to the application, which has to cut or reset connections."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        inner: Any = self.app  # type: ignore[has-type]

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope["transport"] = transport
            await inner(scope, receive, send)

        self.app = with_transport


class _Server(uvicorn.Server):
    """A server that waits for its end instead of looking ten times a second, and ends at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = asyncio.Event()

    async def main_loop(self) -> None:
        await self.ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for task in list(self.server_state.tasks):
            task.cancel()
        for connection in list(self.server_state.connections):
            transport: Any = connection.transport
            if transport is not None:
                transport.abort()
        # One turn of the loop, so that cancelled answers and aborted connections are gone.
        await asyncio.sleep(0)


def application(fake: Answers) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """The ASGI application of a fake."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = Request(
            method=scope["method"],
            path=unquote(scope["raw_path"].decode("latin-1")),
            query=tuple(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
            base_url=fake.base_url,
        )
        await _send(fake.answer(request), scope.get("transport"), send)

    return app


async def _send(delivery: Delivery, transport: asyncio.Transport | None, send: Any) -> None:
    fault = delivery.fault
    kind = None if fault is None else fault.kind
    if kind is Kind.RESET:
        _abort(transport, hard=True)
        return
    if fault is not None and kind is Kind.HANG:
        await asyncio.sleep(fault.wait)
        _abort(transport, hard=False)
        return
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in delivery.headers.items()]
    content = delivery.content
    if delivery.status not in (204, 304):
        headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": delivery.status, "headers": headers})
    if fault is not None and kind is Kind.DRIP:
        for start in range(0, len(content), 64):
            await send({"type": "http.response.body", "body": content[start : start + 64], "more_body": True})
            await asyncio.sleep(fault.wait)
        content = b""
    elif kind is Kind.CUT:
        await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
        await asyncio.sleep(0.01)
        _abort(transport, hard=False)
        return
    await send({"type": "http.response.body", "body": content})


def _abort(transport: asyncio.Transport | None, *, hard: bool) -> None:
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if hard and connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Servers:
    """Servers for several fakes; a context manager.

    Args:
        fakes: what to serve, by name.
        ports: fixed ports by name; the others get free ones.
    """

    def __init__(self, fakes: Mapping[str, Answers], ports: Mapping[str, int] | None = None) -> None:
        self._fakes = dict(fakes)
        self._ports = dict(ports or {})
        self._servers: list[_Server] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._urls: dict[str, str] = {}

    def url(self, name: str) -> str:
        """The base URL of a fake."""
        return self._urls[name]

    def start(self) -> None:
        """Bind the ports and serve.

        Raises:
            OSError: a fixed port is taken.
            TimeoutError: the servers did not come up.
        """
        sockets: list[socket.socket] = []
        for name, fake in self._fakes.items():
            # The protocol is named because asyncio only switches Nagle off for sockets that name it.
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, self._ports.get(name, 0)))
            except OSError as error:
                for other in [*sockets, listener]:
                    other.close()
                port = self._ports.get(name, 0)
                raise OSError(
                    error.errno, f"port {port} for the {name} sandbox is taken: choose another port base"
                ) from error
            fake.base_url = self._urls[name] = f"http://{HOST}:{listener.getsockname()[1]}"
            sockets.append(listener)
            config = uvicorn.Config(
                application(fake),
                http=_TransportInScope,
                ws="none",
                lifespan="off",
                log_level="error",
                access_log=False,
                date_header=False,
                server_header=False,
                timeout_keep_alive=30,
            )
            self._servers.append(_Server(config))
        self._thread = threading.Thread(target=self._run, args=(sockets,), name="sandbox", daemon=True)
        self._thread.start()
        waited = 0.0
        while not all(server.started for server in self._servers):
            if waited > START_SECONDS or not self._thread.is_alive():
                raise TimeoutError("the sandbox servers did not start")
            threading.Event().wait(0.005)
            waited += 0.005

    def _run(self, sockets: list[socket.socket]) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await asyncio.gather(
                *(
                    server.serve(sockets=[listener])
                    for server, listener in zip(self._servers, sockets, strict=True)
                )
            )

        asyncio.run(serve())

    def stop(self) -> None:
        """Stop serving and wait for the thread."""
        if self._loop is not None and not self._loop.is_closed():
            for server in self._servers:
                self._loop.call_soon_threadsafe(server.ended.set)
        if self._thread is not None:
            self._thread.join(timeout=START_SECONDS)
        self._servers, self._thread = [], None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
