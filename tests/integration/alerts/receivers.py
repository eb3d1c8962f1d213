"""Receivers on loopback that alerts are really sent to: HTTP (plain and TLS) and SMTP, with switches.

A receiver keeps everything that arrived, and knows what a deduplicating receiver would have kept.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HANG_SECONDS = 30


@dataclass(frozen=True)
class Arrival:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def key(self) -> str:
        """What a receiver that deduplicates would go by."""
        body = self.body if isinstance(self.body, dict) else {}
        return str(
            self.headers.get("idempotency-key") or body.get("dedup_key") or body.get("alias") or self.path
        )


@dataclass
class Receiver:
    """An HTTP receiver. ``mode``: ok, hang, drip, or a status to answer with (and ``headers``)."""

    port: int
    scheme: str
    mode: str | int = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    tries: int = 0

    @property
    def accepted(self) -> dict[str, Arrival]:
        """What was taken, each key once."""
        return {arrival.key: arrival for arrival in self.arrivals}

    def url(self, path: str = "/hook") -> str:
        """Address of a path."""
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"


@contextlib.contextmanager
def http_receiver(tls: tuple[Path, Path] | None = None) -> Iterator[Receiver]:
    """A receiver that is running; ``tls`` is (certificate, key)."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            raw = self.rfile.read(length)
            receiver.tries += 1
            mode = receiver.mode
            if mode == "hang":
                stop.wait(HANG_SECONDS)
                return
            if isinstance(mode, int):
                self._answer(mode, b"no")
                return
            body = json.loads(raw) if raw else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.arrivals.append(Arrival(self.command, self.path, headers, body))
            if mode == "drip":
                self._drip()
                return
            if self.path.startswith("/v2/"):  # PagerDuty and Opsgenie take events with 202 and an id
                self._answer(
                    202, b'{"status":"success","result":"Request will be processed","requestId":"r-1"}'
                )
            else:  # Slack wants this very word
                self._answer(200, b"ok")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _drip(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(1000):
                    if stop.wait(0.05):
                        return
                    self.wfile.write(b".")
                    self.wfile.flush()

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a sender that gave up is part of the test

    stop = threading.Event()
    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(server.server_port, "https" if tls else "http")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        stop.set()
        server.shutdown()
        server.server_close()


@dataclass
class Mailbox:
    """An SMTP sink. ``mode``: ok, hang, or an SMTP answer such as ``550 no such user``."""

    port: int = 0
    mode: str = "ok"
    messages: list[tuple[list[str], EmailMessage]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a message, or not."""
        if self.mode == "hang":
            import asyncio

            await asyncio.sleep(HANG_SECONDS)
        elif self.mode != "ok":
            return self.mode
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append((list(envelope.rcpt_tos), message))
        return "250 OK"


@contextlib.contextmanager
def mailbox() -> Iterator[Mailbox]:
    """An SMTP sink that is running."""
    box = Mailbox(port=free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certificate(folder: Path) -> tuple[Path, Path] | None:
    """A self-signed certificate for 127.0.0.1; None where there is no openssl to make it."""
    crt, key = folder / "crt.pem", folder / "key.pem"
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(crt)],
            check=True, capture_output=True,
        )  # fmt: skip
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return crt, key


def until(condition: Any, seconds: float = 5.0) -> bool:
    """Whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())
