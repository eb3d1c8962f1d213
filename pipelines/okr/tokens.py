"""Tokens of the check-in form: one per person for the link, one per form against forged posts.

A person's token names the person and the day it ends, under an HMAC-SHA256; it opens that person's check-ins and
nothing else. A form token binds a form to its person and key result for some hours, so that another site cannot
post in a person's name.

    >>> tokens = CheckInTokens((b"a key of at least sixteen bytes",))
    >>> now = datetime(2026, 10, 9, tzinfo=UTC)
    >>> tokens.person_of(tokens.for_person("ada", now), now)
    'ada'
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

KEY_BYTES_MIN = 16
FORM_HOURS = 12


class TokenError(ValueError):
    """A token that opens nothing: malformed, forged or expired."""


@dataclass(frozen=True)
class CheckInTokens:
    """Makes and reads tokens. The first key signs, all of them verify, so that a key can be replaced.

    Attributes:
        days: how long a person's link is valid.
    """

    keys: tuple[bytes, ...] = field(repr=False)
    days: int = 120

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) < KEY_BYTES_MIN for key in self.keys):
            raise ValueError(f"the key that signs check-in links has fewer than {KEY_BYTES_MIN} bytes")

    def for_person(self, person: str, now: datetime) -> str:
        """The token of a person's link."""
        return self._make("person", person, now + timedelta(days=self.days))

    def link(self, base: str, person: str, now: datetime) -> str:
        """Address of a person's check-ins; `base` is where the form is served."""
        return f"{base.rstrip('/')}/check-in/{self.for_person(person, now)}"

    def person_of(self, token: str, now: datetime) -> str:
        """The person a link belongs to.

        Raises:
            TokenError: it is not one of ours, altered, or out of date.
        """
        return self._read("person", token, now)

    def for_form(self, person: str, key_result: str, now: datetime) -> str:
        """The token of one form."""
        return self._make("form", f"{person}\n{key_result}", now + timedelta(hours=FORM_HOURS))

    def check_form(self, token: str, person: str, key_result: str, now: datetime) -> None:
        """Refuse a form that was not made for this person and key result, or long ago.

        Raises:
            TokenError: says what to do.
        """
        if self._read("form", token, now) != f"{person}\n{key_result}":
            raise TokenError("this form belongs to another check-in: open it again")

    def _make(self, purpose: str, subject: str, expires: datetime) -> str:
        body = f"{int(expires.timestamp())}\n{subject}".encode()
        return f"{_text(body)}.{_text(self._sign(purpose, body, self.keys[0]))}"

    def _read(self, purpose: str, token: str, now: datetime) -> str:
        try:
            body, signature = (_bytes(part) for part in token.split("."))
        except (ValueError, binascii.Error):
            raise TokenError("this link is not complete: copy it whole") from None
        if not any(hmac.compare_digest(signature, self._sign(purpose, body, key)) for key in self.keys):
            raise TokenError("this link was not made here: ask for a new one")
        expires, _, subject = body.decode().partition("\n")
        if now >= datetime.fromtimestamp(int(expires), UTC):
            raise TokenError("this link is out of date: ask for a new one, or open the form again")
        return subject

    @staticmethod
    def _sign(purpose: str, body: bytes, key: bytes) -> bytes:
        return hmac.new(key, f"vitals check-in {purpose} 1\n".encode() + body, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
