"""Who may read the report that `vitals serve` serves: whoever has its token, or whom a proxy has let in.

Check-in forms and answers to alerts stay outside of this: each is opened by a signed link of its own.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.errors import ConfigurationError
from connectors.secret import Secret, resolve

SHORTEST_TOKEN = 20
_SIGNED = ("/check-in/", "/acknowledge")
_ASKS = {"WWW-Authenticate": 'Basic realm="Vitals report", charset="UTF-8"', "Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Access:
    """What opens the report; with neither it is open to all who reach it.

    ``token`` is asked as the password of HTTP Basic (any user name), or taken as a bearer token. ``header`` is set by
    a proxy that knows who asks, such as ``X-Forwarded-User``; it is believed, so nobody but the proxy may reach the
    server.
    """

    token: Secret | None = None
    header: str | None = None

    @classmethod
    def of(cls, token: str | None, header: str | None, environment: Mapping[str, str]) -> Access:
        """From a secret's reference (`env:NAME`, `file:PATH`) and a header's name.

        Raises:
            ConfigurationError: the secret is not there, or short enough to be guessed.
        """
        secret = resolve(token, environment) if token else None
        if secret is not None and len(secret.reveal()) < SHORTEST_TOKEN:
            raise ConfigurationError(
                f"the token of the report ({token}) has fewer than {SHORTEST_TOKEN} characters: "
                "make one with `python -c 'import secrets; print(secrets.token_urlsafe(32))'`"
            )
        return cls(secret, header or None)

    @property
    def is_closed(self) -> bool:
        """Whether anything is asked at all."""
        return self.token is not None or self.header is not None

    def admits(self, headers: Headers) -> bool:
        """Whether a request with these headers may read the report."""
        if self.header is not None and headers.get(self.header, "").strip():
            return True
        given = _password(headers.get("Authorization", ""))
        return (
            self.token is not None
            and given is not None
            and hmac.compare_digest(given.encode(), self.token.reveal().encode())
        )


class Guarded:
    """Lets a request through where `Access` admits it, or where its path has a signed link of its own."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or ask for the token."""
        is_open = scope["type"] != "http" or str(scope["path"]).startswith(_SIGNED)
        if is_open or self._access.admits(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        if self._access.token is None:
            refusal = PlainTextResponse("This report is read through its proxy.\n", 403)
        else:
            refusal = PlainTextResponse("This report asks for its token as the password.\n", 401, _ASKS)
        await refusal(scope, receive, send)


def _password(authorization: str) -> str | None:
    """The bearer token, or the password of HTTP Basic; None where there is neither."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return None
