"""Where alerts of the demo and of tests arrive: a webhook receiver and an SMTP sink on loopback, which keep what
came.

    with WebhookReceiver() as webhook, MailSink() as mail:
        send(webhook.apprise_url, mail.apprise_url)
        webhook.arrivals, webhook.kept      # everything that came; what a deduplicating receiver keeps

`behaviour` makes the next deliveries fail the way receivers fail. Source: alert rules, fault rule 29.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

import orjson
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from connectors.sandbox.messages import Delivery, Request
from connectors.sandbox.server import HOST, Servers
from connectors.sandbox.traps import Fault, Kind

KEY_HEADERS = ("idempotency-key", "x-vitals-key")
KEY_FIELDS = ("dedup_key", "alias", "key")


class Behaviour(StrEnum):
    """How a receiver treats a delivery."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    RESET = "reset"
    HANG = "hang"
    THROTTLE = "throttle"
    FAIL = "fail"


@dataclass(frozen=True)
class Arrival:
    """One accepted delivery: path or recipients, headers (lower-case names), body (JSON where it is), key (or
    none).
    """

    to: str
    headers: Mapping[str, str]
    body: Any
    key: str | None


class _Switch:
    """What happens to the next deliveries; then they are accepted again (times=None: for ever)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: deque[Behaviour] = deque()
        self._always = Behaviour.ACCEPT
        self.wait = 1.0
        self.tries = 0

    def set(self, behaviour: Behaviour, times: int | None = None, wait: float = 1.0) -> None:
        """Set the behaviour; `wait` is what a throttled sender is told, or how long a hanging receiver hangs (s)."""
        with self._lock:
            self.wait = wait
            self._next = deque([behaviour] * (times or 0))
            self._always = Behaviour.ACCEPT if times is not None else behaviour

    def take(self) -> Behaviour:
        """The behaviour for one delivery."""
        with self._lock:
            self.tries += 1
            return self._next.popleft() if self._next else self._always


def _key_of(headers: Mapping[str, str], body: Any) -> str | None:
    for name in KEY_HEADERS:
        if headers.get(name):
            return headers[name]
    for name in KEY_FIELDS if isinstance(body, dict) else ():
        if body.get(name):
            return str(body[name])
    return None


class _Receiver:
    """What both receivers have: the switch, the arrivals, and what is left of them after deduplication."""

    def __init__(self) -> None:
        self.switch = _Switch()
        self.arrivals: list[Arrival] = []

    def behave(self, behaviour: Behaviour, times: int | None = None, wait: float = 1.0) -> None:
        """Treat the next `times` deliveries so (None: all from now on); see `Behaviour`."""
        self.switch.set(behaviour, times, wait)

    @property
    def tries(self) -> int:
        """Deliveries attempted so far, failed ones included."""
        return self.switch.tries

    @property
    def kept(self) -> list[Arrival]:
        """The first arrival of each key, and every arrival without one."""
        seen: set[str] = set()
        found = []
        for arrival in self.arrivals:
            if arrival.key is None or arrival.key not in seen:
                found.append(arrival)
            if arrival.key is not None:
                seen.add(arrival.key)
        return found


class WebhookReceiver(_Receiver):
    """An HTTP receiver for POSTs at any path; a context manager."""

    def __init__(self, port: int = 0) -> None:
        super().__init__()
        self.base_url = ""
        self._servers = Servers({"webhook": self}, {"webhook": port})

    @property
    def url(self) -> str:
        """Where to POST."""
        return f"{self.base_url}/alerts"

    @property
    def apprise_url(self) -> str:
        """The same as a notification URL (JSON over HTTP)."""
        return f"json://{self.base_url.removeprefix('http://')}/alerts"

    def answer(self, request: Request) -> Delivery:
        """Take one delivery, or treat it as the switch says."""
        behaviour = self.switch.take()
        wait = self.switch.wait
        faults = {Behaviour.RESET: Kind.RESET, Behaviour.HANG: Kind.HANG}
        if behaviour in faults:
            return Delivery(200, b"", {}, Fault(faults[behaviour], wait=wait))
        if behaviour is not Behaviour.ACCEPT:
            status = {Behaviour.THROTTLE: 429, Behaviour.FAIL: 500, Behaviour.REFUSE: 403}[behaviour]
            headers = {"Retry-After": str(round(wait))} if behaviour is Behaviour.THROTTLE else {}
            return Delivery(status, b'{"ok": false}', {"Content-Type": "application/json", **headers})
        try:
            body: Any = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            body = request.body.decode("utf-8", "replace")
        self.arrivals.append(Arrival(request.path, request.headers, body, _key_of(request.headers, body)))
        return Delivery(200, b'{"ok": true}', {"Content-Type": "application/json"})

    def __enter__(self) -> Self:
        self._servers.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._servers.stop()


class MailSink(_Receiver):
    """An SMTP server that takes all mail and delivers none; a context manager."""

    def __init__(self, port: int = 0) -> None:
        super().__init__()
        self._port = port
        self._controller: _Controller | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._controller.bound_port if self._controller is not None else self._port

    @property
    def apprise_url(self) -> str:
        """A notification URL without encryption; add `&to=` for the recipient."""
        return f"mailto://{HOST}:{self.port}?from=vitals@sandbox.example&mode=insecure"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take one mail, or treat it as the switch says."""
        behaviour = self.switch.take()
        if behaviour is Behaviour.HANG:
            await asyncio.sleep(self.switch.wait)
            return "451 took too long"
        if behaviour is Behaviour.RESET:
            if isinstance(server.transport, asyncio.WriteTransport):
                server.transport.abort()
            return "451 gone"
        if behaviour is not Behaviour.ACCEPT:
            return {
                Behaviour.REFUSE: "550 no such recipient",
                Behaviour.THROTTLE: "450 too many mails, try again later",
                Behaviour.FAIL: "451 local error in processing",
            }[behaviour]
        content = envelope.content or b""
        mail = message_from_bytes(
            content if isinstance(content, bytes) else content.encode(), policy=policy.default
        )
        assert isinstance(mail, EmailMessage)  # noqa: S101
        headers = {name.lower(): str(value) for name, value in mail.items()}
        text = mail.get_body(("plain", "html"))
        body = "" if text is None else text.get_content()
        self.arrivals.append(Arrival(", ".join(envelope.rcpt_tos), headers, body, _key_of(headers, None)))
        return "250 OK"

    def __enter__(self) -> Self:
        self._controller = _Controller(self, hostname=HOST, port=self._port)
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._controller is not None:
            self._port = self._controller.bound_port
            self._controller.stop(no_assert=True)
            self._controller = None


class _Controller(Controller):
    """A controller that finds itself a free port."""

    def _trigger_server(self) -> None:
        self.port = self.bound_port
        super()._trigger_server()  # type: ignore[no-untyped-call]

    @property
    def bound_port(self) -> int:
        """The port that the operating system gave."""
        server: Any = self.server
        return int(server.sockets[0].getsockname()[1]) if server is not None else int(self.port)
