"""What goes between a client and a fake: requests, replies, how they are delivered, routes, page tokens."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from connectors.sandbox.traps import Fault

JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """A received request: method, path, query parameters, headers (lower-case names) and body."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    base_url: str = ""

    def param(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        return dict(self.query).get(name, default)

    def number(self, name: str, default: int) -> int:
        """A query parameter as an integer.

        Raises:
            BadRequest: it is not one.
        """
        text = self.param(name)
        if not text:
            return default
        if not re.fullmatch(r"-?\d+", text):
            raise BadRequest(f"parameter {name} must be an integer, found {text!r}", name)
        return int(text)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            BadRequest: the body is not JSON.
        """
        try:
            return orjson.loads(self.body or b"{}")
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"the body is not JSON: {error}") from None

    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True)
class Reply:
    """An answer: a status, a body (bytes as they are, anything else as JSON, None for no body) and headers."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = JSON

    def content(self) -> bytes:
        """The body's bytes."""
        if self.body is None:
            return b""
        return (
            self.body
            if isinstance(self.body, bytes)
            else orjson.dumps(self.body, option=orjson.OPT_NON_STR_KEYS)
        )


@dataclass(frozen=True)
class Delivery:
    """How a reply goes out: content, headers, and the fault that spoils the way (RESET, HANG, CUT, DRIP), if any."""

    status: int
    content: bytes
    headers: Mapping[str, str]
    fault: Fault | None = None


@dataclass(frozen=True)
class Exchange:
    """One request and what was answered, for tests and for validation against the contracts."""

    request: Request
    reply: Reply
    fault: Fault | None
    operation: str


class BadRequest(Exception):
    """A request that the vendor refuses; the fake gives it the vendor's shape. `where` names the parameter or
    field.
    """

    def __init__(self, message: str, where: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.status = status


Handler = Callable[..., Reply]


@dataclass(frozen=True)
class Rule:
    """A route: method, path with {names}, handler (called with the request and the names), and whether it needs a
    token.
    """

    method: str
    path: str
    handler: Handler
    open: bool = False

    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression."""
        parts = re.split(r"\{(\w+)\}", self.path)
        text = "".join(
            re.escape(part) if i % 2 == 0 else f"(?P<{part}>[^/]+)" for i, part in enumerate(parts)
        )
        return re.compile(f"^{text}/?$")


def basic(user: str, password: str) -> str:
    """The Authorization header of a user and a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def seal(*parts: Any) -> str:
    """An opaque page token of JSON-able parts."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def unseal(token: str, size: int) -> list[Any]:
    """The parts of a page token.

    Raises:
        BadRequest: it is not one of ours.
    """
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError:
        parts = None
    if not isinstance(parts, list) or len(parts) != size:
        raise BadRequest(f"the page token {token[:40]!r} is not valid")
    return parts
