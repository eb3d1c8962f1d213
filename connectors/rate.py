"""The rate budget of one account: how many requests in how many seconds, shared by everything that asks it.

A budget is a sliding window. It also obeys what the vendor says: once an answer reports that nothing is left
until some instant, nobody asks before then.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable

from connectors.errors import RateLimited


class RateBudget:
    """At most `requests` in any `seconds`, for all threads that share the account."""

    def __init__(
        self,
        requests: int,
        seconds: float,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.requests = max(1, requests)
        self.seconds = seconds
        self._monotonic = monotonic
        self._sleep = sleep
        self._taken: deque[float] = deque()
        self._closed_until = 0.0
        self._lock = threading.Lock()

    def acquire(self, patience: float = math.inf) -> float:
        """Wait for a place in the window, take it, and return the seconds waited.

        Raises:
            RateLimited: the next place is further away than `patience` seconds.
        """
        waited = 0.0
        while True:
            with self._lock:
                now = self._monotonic()
                while self._taken and self._taken[0] <= now - self.seconds:
                    self._taken.popleft()
                free_at = self._closed_until
                if len(self._taken) >= self.requests:
                    free_at = max(free_at, self._taken[0] + self.seconds)
                if free_at <= now:
                    self._taken.append(now)
                    return waited
                pause = free_at - now
            if waited + pause > patience:
                raise RateLimited(
                    f"nothing is left of the account's rate for {pause:.0f} s",
                    hint="run again later, or raise the source's time budget",
                )
            self._sleep(pause)
            waited += pause

    def close_for(self, seconds: float) -> None:
        """Let nobody ask for that long: the vendor said that nothing is left."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._monotonic() + seconds)


class RateBudgets:
    """One budget per account, made when it is first asked for."""

    def __init__(self, *, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._budgets: dict[tuple[str, str], RateBudget] = {}
        self._lock = threading.Lock()

    def of(self, system: str, account: str, requests: int, seconds: float) -> RateBudget:
        """The budget of an account; the first caller's numbers count."""
        with self._lock:
            return self._budgets.setdefault(
                (system, account),
                RateBudget(requests, seconds, monotonic=self._monotonic, sleep=self._sleep),
            )
