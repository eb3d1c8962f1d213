"""How a request proves who asks: bearer, basic, a header of the vendor's own, or an OAuth 2 token.

Secrets come by reference and are read when they are used. An OAuth token is fetched on the first request and
again when the vendor refuses it; a rotated refresh token is written back to its file before the new access
token is used, so that no crash loses the only valid one.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urljoin

import orjson

from connectors.errors import ConfigurationError, GarbledAnswer
from connectors.secret import Secret, keep, resolve

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_SECONDS = 180


class TokenPost(Protocol):
    """Sends a form to the token endpoint and returns the parsed answer; raises a ConnectorError."""

    def __call__(self, url: str, form: Mapping[str, str]) -> Any: ...


class Authenticator(Protocol):
    """Adds credentials to requests."""

    def headers(self, post: TokenPost) -> dict[str, str]:
        """The headers that prove who asks."""

    def renew(self, post: TokenPost) -> bool:
        """Get new credentials after a refusal; False where there are none to get."""

    def secrets(self) -> tuple[Secret, ...]:
        """Everything that must not show in a message."""

    @property
    def instance_url(self) -> str:
        """Where the vendor says this account lives; empty where it does not say."""


@dataclass(frozen=True)
class StaticHeader:
    """A header that never changes: `Authorization: Bearer …`, `Authorization: <key>`, `X-Api-Key: …`."""

    name: str
    prefix: str
    reference: str
    instance_url: str = ""

    def headers(self, post: TokenPost) -> dict[str, str]:
        return {self.name: self.prefix + resolve(self.reference).reveal()}

    def renew(self, post: TokenPost) -> bool:
        return False

    def secrets(self) -> tuple[Secret, ...]:
        return (resolve(self.reference),)


@dataclass(frozen=True)
class Basic:
    """HTTP basic: user and password by reference; `suffix` is put behind the user (Zendesk's `/token`)."""

    user: str
    password: str
    suffix: str = ""
    instance_url: str = ""

    def headers(self, post: TokenPost) -> dict[str, str]:
        return {"Authorization": f"Basic {self._encoded()}"}

    def renew(self, post: TokenPost) -> bool:
        return False

    def secrets(self) -> tuple[Secret, ...]:
        return (resolve(self.password), Secret(self._encoded()))

    def _encoded(self) -> str:
        pair = f"{resolve(self.user).reveal()}{self.suffix}:{resolve(self.password).reveal()}"
        return base64.b64encode(pair.encode()).decode()


@dataclass(frozen=True)
class Anonymous:
    """No credentials."""

    instance_url: str = ""

    def headers(self, post: TokenPost) -> dict[str, str]:
        return {}

    def renew(self, post: TokenPost) -> bool:
        return False

    def secrets(self) -> tuple[Secret, ...]:
        return ()


class OAuth2:
    """An access token by client credentials, refresh token or signed assertion (JWT)."""

    def __init__(
        self,
        grant: str,
        token_url: str,
        references: Mapping[str, str],
        *,
        scope: str = "",
        audience: str = "",
        subject: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        needed = {
            "client_credentials": ("client_id", "client_secret"),
            "refresh_token": ("client_id", "refresh_token"),
            "jwt": ("client_id", "private_key"),
        }[grant]
        missing = [name for name in needed if not references.get(name)]
        if missing:
            raise ConfigurationError(
                f"auth of kind {grant} lacks {missing[0]}", hint=f"give {missing[0]}: env:NAME or file:PATH"
            )
        self._grant = grant
        self._token_url = token_url
        self._references = references
        self._scope = scope
        self._audience = audience
        self._subject = subject
        self._now = now
        self._token: Secret | None = None
        self._instance_url = ""
        self._lock = threading.Lock()

    @property
    def instance_url(self) -> str:
        return self._instance_url

    def headers(self, post: TokenPost) -> dict[str, str]:
        with self._lock:
            if self._token is None:
                self._fetch(post)
            assert self._token is not None  # noqa: S101  (for the type checker)
            return {"Authorization": f"Bearer {self._token.reveal()}"}

    def renew(self, post: TokenPost) -> bool:
        with self._lock:
            self._fetch(post)
        return True

    def secrets(self) -> tuple[Secret, ...]:
        names = ("client_secret", "refresh_token", "private_key")
        known = [resolve(self._references[name]) for name in names if self._references.get(name)]
        return (*known, self._token) if self._token else tuple(known)

    def _fetch(self, post: TokenPost) -> None:
        answer = post(self._token_url, self._form())
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise GarbledAnswer("the token endpoint gave no access_token", place=self._token_url)
        rotated = answer.get("refresh_token")
        if self._grant == "refresh_token" and isinstance(rotated, str) and rotated:
            reference = self._references["refresh_token"]
            if rotated != resolve(reference).reveal():
                keep(reference, Secret(rotated))
        self._token = Secret(token)
        self._instance_url = str(answer.get("instance_url") or "")

    def _form(self) -> dict[str, str]:
        form = {"grant_type": self._grant}
        if self._grant == "jwt":
            form = {"grant_type": JWT_GRANT, "assertion": self._assertion()}
        else:
            for name in ("client_id", "client_secret", "refresh_token"):
                wanted = name != "refresh_token" or self._grant == "refresh_token"
                if wanted and self._references.get(name):
                    form[name] = resolve(self._references[name]).reveal()
        if self._scope:
            form["scope"] = self._scope
        return form

    def _assertion(self) -> str:
        """A signed JWT (RS256). Source: RFC 7523, section 3."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        claims = {
            "iss": resolve(self._references["client_id"]).reveal(),
            "sub": self._subject,
            "aud": self._audience or self._token_url,
            "exp": int(self._now()) + JWT_SECONDS,
        }
        signed = b".".join(
            map(_base64url, (orjson.dumps({"alg": "RS256", "typ": "JWT"}), orjson.dumps(claims)))
        )
        pem = resolve(self._references["private_key"]).reveal().encode()
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigurationError(
                "the private key cannot be read", hint="refer to an unencrypted RSA key in PEM"
            ) from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ConfigurationError("the private key is not RSA", hint="refer to an RSA key in PEM")
        signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return b".".join((signed, _base64url(signature))).decode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token_url(base_url: str, configured: str) -> str:
    """The token endpoint: as configured, relative to the base URL."""
    return urljoin(base_url.rstrip("/") + "/", configured)
