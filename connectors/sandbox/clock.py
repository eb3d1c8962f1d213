"""The sandbox's clock: it stands still until somebody moves it, so a run sees one consistent moment."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from connectors.sandbox.company.timeline import DEFAULT_NOW, LAST_DAY, instant, moment


class Clock:
    """A settable clock, safe to read and move from several threads.

    clock = Clock()
    clock()                      # 2026-06-15 06:00 UTC
    clock.advance(days=1)
    """

    def __init__(self, now: datetime = DEFAULT_NOW) -> None:
        self._lock = threading.Lock()
        self._at = self._checked(now)

    def __call__(self) -> datetime:
        """The present instant, aware, UTC."""
        return moment(self._at)

    @property
    def milliseconds(self) -> int:
        """The present instant in milliseconds since 1970."""
        return self._at

    def advance(
        self, step: timedelta | None = None, *, days: float = 0, hours: float = 0, seconds: float = 0
    ) -> datetime:
        """Move forward and return the new instant.

        Raises:
            ValueError: the step goes back, or past the end of the company's known future.
        """
        total = (step or timedelta()) + timedelta(days=days, hours=hours, seconds=seconds)
        if total < timedelta():
            raise ValueError(f"the sandbox clock only moves forward, found a step of {total}")
        with self._lock:
            self._at = self._checked(moment(self._at) + total)
            return moment(self._at)

    def set(self, now: datetime) -> None:
        """Put the clock at an instant, earlier or later."""
        with self._lock:
            self._at = self._checked(now)

    @staticmethod
    def _checked(now: datetime) -> int:
        at = instant(now)
        if now > datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, tzinfo=UTC):
            raise ValueError(
                f"the sandbox company's future is known up to {LAST_DAY:%Y-%m-%d}, found {now:%Y-%m-%d %H:%M}"
            )
        return at
