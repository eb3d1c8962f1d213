"""One answer of a vendor, and what its status, headers and body mean.

How long to wait is read in this order: `Retry-After` (seconds or a date), the vendor's own reset header
(seconds, unix seconds, unix milliseconds or ISO 8601), else the caller's back-off.

A JSON body must be UTF-8. What JSON may hold and UTF-8 text may not is replaced by U+FFFD: a lone surrogate
(half an emoji) and NUL. Everything else that cannot be read is a GarbledAnswer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, NoReturn

import orjson

from connectors.errors import (
    ConnectorError,
    CredentialsRefused,
    GarbledAnswer,
    NotFound,
    PermissionMissing,
    RateLimited,
    RequestRefused,
    VendorUnavailable,
)

REQUEST_ID_HEADERS = (
    "x-request-id",
    "request-id",
    "x-arequestid",
    "atl-traceid",
    "x-github-request-id",
    "x-zendesk-request-id",
    "x-hubspot-correlation-id",
    "sforce-request-id",
)
BUDGET_HEADERS = (
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-requests-remaining", "x-ratelimit-requests-reset"),
    ("x-ratelimit-complexity-remaining", "x-ratelimit-complexity-reset"),
    ("x-hubspot-ratelimit-remaining", "x-hubspot-ratelimit-interval-milliseconds"),
)
"""What is left of a window, and when the next one begins."""

RATE_LIMIT_WORDS = (
    b"rate limit",
    b"ratelimit",
    b"rate_limit",
    b"too many requests",
    b"request_limit_exceeded",
    b"api_usage_limit",
)
LONGEST_MESSAGE = 300
ANOTHER_LIMIT_SECONDS = 60.0
TRANSIENT_STATUS = {408, 425, 500, 502, 503, 504, 507}


@dataclass(frozen=True)
class Answer:
    """An answer, read to its end.

    Attributes:
        place: method and path of the request, without its query.
        status: HTTP status.
        headers: header values by lower-cased name.
        body: the decoded bytes.
    """

    place: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        """The vendor's own id of this answer, or empty."""
        return next((self.headers[name] for name in REQUEST_ID_HEADERS if self.headers.get(name)), "")

    @property
    def date(self) -> datetime | None:
        """The vendor's clock, where it says."""
        return _http_date(self.headers.get("date", ""))

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            GarbledAnswer: it is none; says where it breaks off.
        """
        return self._parsed

    @cached_property
    def _parsed(self) -> Any:
        return read_json(self.body, place=self.place, request_id=self.request_id)

    def wait(self, now: datetime) -> float | None:
        """Seconds that the vendor asks to wait, or None where it does not say."""
        after = self.headers.get("retry-after", "").strip()
        clock = self.date or now
        if after:
            if after.replace(".", "", 1).isdigit():
                return float(after)
            if (until := _http_date(after)) is not None:
                return max(0.0, (until - clock).total_seconds())
        told = [
            (name, wait) for name, reset in BUDGET_HEADERS if (wait := self._reset(reset, clock)) is not None
        ]
        # A reset counts where nothing is left until then, or where nobody says what is left.
        used_up = [wait for name, wait in told if self._is_zero(name)]
        unsaid = [wait for name, wait in told if not self.headers.get(name)]
        if used_up or unsaid:
            return max(used_up or unsaid)
        if not told or self.status >= 500:
            return None
        # It refuses although something is left: another limit than the one that it tells of (GitHub's secondary one).
        return min(ANOTHER_LIMIT_SECONDS, max(wait for _, wait in told))

    @property
    def exhausted(self) -> bool:
        """Does the vendor say that nothing is left of the current window?"""
        return any(self._is_zero(name) for name, _ in BUDGET_HEADERS)

    def _is_zero(self, name: str) -> bool:
        return self.headers.get(name, "").strip() == "0"

    def _reset(self, name: str, clock: datetime) -> float | None:
        text = self.headers.get(name, "")
        if name.endswith("-milliseconds"):
            return int(text) / 1000 if text.isdigit() else None
        return _reset(text, clock)

    def failure(self) -> ConnectorError | None:
        """The error that the status (and for 403 and 400 the body) stands for; None if it is a good one."""
        status = self.status
        if 200 <= status < 300 or status == 304:
            return None
        message = self.message()
        said = f"answered {status}" + (f": {message}" if message else "")
        where = {"place": self.place, "request_id": self.request_id}
        if status == 429 or (status == 403 and self._is_rate_limit()):
            return RateLimited(said, hint="lower the source's rate, or wait", **where)
        if status in TRANSIENT_STATUS or 520 <= status < 600:
            return VendorUnavailable(said, hint="try again later", **where)
        if status == 401:
            return CredentialsRefused(said, hint="check the credentials that the source refers to", **where)
        if status == 403:
            return PermissionMissing(said, hint="give the account the right to read this", **where)
        if status in (404, 410):
            return NotFound(said, hint="check base_url and api_version of the source", **where)
        if 300 <= status < 400:
            return RequestRefused(said, hint="set base_url to where the system lives now", **where)
        return RequestRefused(said, hint="check the source's options and api_version", **where)

    def message(self) -> str:
        """What an error body says, in one short line."""
        try:
            text = _said(orjson.loads(self.body))
        except orjson.JSONDecodeError:
            return ""  # a page for people, or nothing
        return " ".join(text.split())[:LONGEST_MESSAGE]

    def _is_rate_limit(self) -> bool:
        if "retry-after" in self.headers or self.exhausted:
            return True
        start = self.body[:4096].lower()
        return any(word in start for word in RATE_LIMIT_WORDS)


def read_json(body: bytes, *, place: str, request_id: str = "") -> Any:
    """`body` as JSON; see the module's text for what is replaced.

    Raises:
        GarbledAnswer: it is no JSON.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    if b"\\" not in body or b"\\u0000" not in body:  # the first look is the fast one
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            if b"\\ud" not in body and b"\\uD" not in body:
                _garbled(body, str(error), place, request_id)
    try:
        return _storable(json.loads(body.decode("utf-8"), parse_constant=_no_constant))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        _garbled(body, reason, place, request_id)


def _garbled(body: bytes, reason: str, place: str, request_id: str) -> NoReturn:
    start = body[:60].lstrip()
    kind = "HTML" if start[:1] == b"<" else "no JSON" if body else "empty"
    raise GarbledAnswer(
        f"the body ({len(body)} bytes) is {kind} or broken off: {reason[:120]}",
        place=place,
        request_id=request_id,
        hint="nothing of it was kept; try again, and look for a proxy in between",
    )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if type(value) is int and not -(2**63) <= value < 2**64:
        return str(value)
    return value


def _said(body: object) -> str:
    """The message in the error shapes that vendors use."""
    if isinstance(body, list):
        return "; ".join(filter(None, map(_said, body[:3])))
    if not isinstance(body, dict):
        return ""
    parts = [
        str(body[name])
        for name in ("errorCode", "code", "error", "category")
        if isinstance(body.get(name), str | int)
    ]
    for name in ("message", "error_description", "description", "detail"):
        if isinstance(body.get(name), str):
            parts.append(body[name])
            break
    for name in ("errorMessages", "errors", "error"):
        nested = body.get(name)
        if isinstance(nested, list):
            parts += [item if isinstance(item, str) else _said(item) for item in nested[:3]]
        elif isinstance(nested, dict):
            parts.append(_said(nested) or ", ".join(f"{key}: {value}" for key, value in nested.items()))
    return ": ".join(filter(None, parts))


def _http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _reset(text: str, clock: datetime) -> float | None:
    """Seconds until a reset that is written as seconds to go, unix seconds, unix milliseconds or ISO 8601."""
    text = text.strip()
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            return None
        instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return max(0.0, (instant - clock).total_seconds())
    if number < 10_000_000:
        return max(0.0, number)
    seconds = number / 1000 if number > 100_000_000_000 else number
    return max(0.0, seconds - clock.timestamp())
