"""What Apprise does not do by itself: say what a receiver answered, end in time, and keep tokens out of logs.

Apprise reports True or False. Whether to try again, and when, depends on the answer's status and ``Retry-After``;
both pass through urllib3 on their way, and are read there. Apprise's own log lines name hosts that are API keys
(PagerDuty) and invalid tokens in full, and urllib3's debug lines name paths that are tokens (Slack, Teams).
"""

from __future__ import annotations

import contextvars
import functools
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from urllib3.connectionpool import HTTPConnectionPool

from connectors.secret import Secret, redact

LONGEST_WAIT = 7 * 86_400.0
LOGGERS = ("apprise", "urllib3.connectionpool", "urllib3.util.retry")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and ``Retry-After`` (as sent) of one HTTP answer."""

    status: int
    retry_after: str | None


_answers: contextvars.ContextVar[list[Answer] | None] = contextvars.ContextVar("answers", default=None)


@contextmanager
def answers() -> Iterator[list[Answer]]:
    """The HTTP answers that arrive in this context, in order."""
    _listen()
    heard: list[Answer] = []
    token = _answers.set(heard)
    try:
        yield heard
    finally:
        _answers.reset(token)


@functools.cache
def _listen() -> None:
    """Once per process: let every answer pass by `_answers`. Contexts that did not ask see no difference."""
    original = HTTPConnectionPool.urlopen

    @functools.wraps(original)
    def urlopen(pool: HTTPConnectionPool, *args: Any, **kwargs: Any) -> Any:
        response = original(pool, *args, **kwargs)
        if (heard := _answers.get()) is not None:
            heard.append(Answer(response.status, response.headers.get("Retry-After")))
        return response

    HTTPConnectionPool.urlopen = urlopen  # type: ignore[assignment,method-assign]


def wait_of(retry_after: str | None, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` asks to wait: a number, or an HTTP date. None where it says nothing usable.

    Nobody is waited for longer than a week.

    >>> wait_of("120", datetime(2026, 3, 2, tzinfo=UTC))
    120.0
    >>> wait_of("Mon, 02 Mar 2026 00:01:00 GMT", datetime(2026, 3, 2, tzinfo=UTC))
    60.0
    """
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return min(max(0.0, (instant - now).total_seconds()), LONGEST_WAIT)


class NotInTime(Exception):
    """The work did not end within its time; it may still be going on."""


T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Run `work` in a thread of its own and wait for it no longer than `seconds`.

    Socket time-outs end each wait for a byte, not a receiver that drips one byte at a time. What is left behind
    is a daemon thread: it ends with its socket, and never holds up the process.

    Raises:
        NotInTime: it has not ended; whether it will is unknown.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name="alert-delivery", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise NotInTime
    if errors:
        raise errors[0]
    return results[0]


class _Redaction(logging.Filter):
    """Replaces secrets in a record before any handler sees it, and drops what is below INFO.

    Debug lines hold whole payloads: business figures, and links that acknowledge.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets a record of INFO or above pass, without its secrets."""
        if record.levelno < logging.INFO:
            return False
        record.msg, record.args = redact(record.getMessage(), self._secrets), ()
        return True


@contextmanager
def redacted_logs(secrets: Iterable[Secret]) -> Iterator[None]:
    """Within, the delivery libraries log no payload and none of these secrets."""
    redaction = _Redaction(secrets)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    for logger in loggers:
        logger.addFilter(redaction)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(redaction)
