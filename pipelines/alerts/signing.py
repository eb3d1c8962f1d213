"""Signed links: what lets the reader of an alert acknowledge it without an account.

A token names an episode, the recipient it was sent to, and when it expires, under an HMAC-SHA256. It grants one
thing only, to answer for that episode, so a link that leaks can do no more than silence one alert's reminders.

    >>> from datetime import UTC, datetime
    >>> signer = LinkSigner((b"a key of at least sixteen bytes",), "https://vitals.example.com", days=14)
    >>> now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    >>> token = signer.token("late:source:jira@2026-03-02T06:00:00Z", "person:ana", now)
    >>> signer.read(token, now).recipient
    'person:ana'
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

KEY_BYTES_MIN = 16


class InvalidLink(ValueError):
    """A link that cannot be honoured. ``problem``: malformed, forged, expired."""

    def __init__(self, problem: str, advice: str) -> None:
        self.problem = problem
        super().__init__(f"this link is {problem}: {advice}")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a valid link says: which episode, sent to whom, valid until."""

    episode: str
    recipient: str
    expires_at: int


@dataclass(frozen=True)
class LinkSigner:
    """Makes and reads links. The first key signs, all of them verify, so that a key can be replaced."""

    keys: tuple[bytes, ...] = field(repr=False)
    base: str
    days: int

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) < KEY_BYTES_MIN for key in self.keys):
            raise ValueError(
                f"the key that signs acknowledge links has fewer than {KEY_BYTES_MIN} bytes; "
                "make one with: python -c 'import secrets; print(secrets.token_hex(32))'"
            )

    def link(self, episode: str, recipient: str, now: datetime) -> str:
        """Address of the page that acknowledges an episode."""
        return f"{self.base.rstrip('/')}/acknowledge?token={self.token(episode, recipient, now)}"

    def token(self, episode: str, recipient: str, now: datetime) -> str:
        """The signed claim as URL-safe text."""
        expires = int((now + timedelta(days=self.days)).timestamp())
        body = json.dumps([episode, recipient, expires], ensure_ascii=False, separators=(",", ":")).encode()
        return f"{_text(body)}.{_text(self._sign(body, self.keys[0]))}"

    def read(self, token: str, now: datetime) -> Claim:
        """The claim of a token.

        Raises:
            InvalidLink: not one of ours, altered, or out of date.
        """
        try:
            body, signature = (_bytes(part) for part in token.split(".", 1))
        except (ValueError, binascii.Error):
            raise InvalidLink("malformed", "copy it whole from the alert") from None
        if not any(hmac.compare_digest(signature, self._sign(body, key)) for key in self.keys):
            raise InvalidLink(
                "forged", "it was not made with this installation's key; use the link in the alert"
            )
        episode, recipient, expires = json.loads(body)
        if now.timestamp() >= expires:
            raise InvalidLink(
                "expired", f"links are valid for {self.days} days; acknowledge by command instead"
            )
        return Claim(episode, recipient, expires)

    @staticmethod
    def _sign(body: bytes, key: bytes) -> bytes:
        return hmac.new(key, b"vitals acknowledge 1\n" + body, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
