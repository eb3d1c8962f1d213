"""The rate budget of one account: how many requests in how many seconds, shared by everything that asks it.

A budget is a sliding window. It also obeys what the vendor says: once an answer reports that nothing is left
until some instant, nobody asks before then.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connectors.errors import RateLimited

ANSWERS_COME = 0.05
"""Seconds after which a thread looks again although nobody told it that an answer came."""


class RateBudget:
    """At most `requests` in any `seconds`, for all threads that share the account.

    A request takes its place until `seconds` after its answer: when it reached the vendor is not known, only that it
    had by then. So the vendor never counts more than the budget, however requests bunch up on their way.
    """

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
        self._answered: deque[float] = deque()
        self._under_way = 0
        self._closed_until = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def place(self, patience: float = math.inf) -> Iterator[float]:
        """Wait for a place, hold it while a request is under way, and give the seconds waited.

        Raises:
            RateLimited: the next place is further away than `patience` seconds.
        """
        waited = self._take(patience)
        try:
            yield waited
        finally:
            with self._changed:
                self._under_way -= 1
                self._answered.append(self._monotonic())
                self._changed.notify()

    def _take(self, patience: float) -> float:
        waited = 0.0
        while True:
            with self._changed:
                now = self._monotonic()
                while self._answered and self._answered[0] + self.seconds <= now:
                    self._answered.popleft()
                free_at = self._closed_until
                if len(self._answered) + self._under_way >= self.requests:
                    if not self._answered:
                        self._changed.wait(ANSWERS_COME)
                        continue
                    free_at = max(free_at, self._answered[0] + self.seconds)
                if free_at <= now:
                    self._under_way += 1
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
        with self._changed:
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
