"""What a client may do, and what it did: its patience, and the count of its requests, waits and bytes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class HttpLimits:
    """How patient a client is, and how much it takes.

    Attributes:
        connect_seconds: to open a connection.
        read_seconds: between two pieces of a body.
        request_seconds: for one whole answer, however it drips.
        attempts: how often one request is tried.
        backoff_seconds, backoff_cap: first and longest wait where the vendor does not say.
        budget_seconds: all waits of the client together.
        body_bytes: the largest decoded body.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    request_seconds: float = 300.0
    attempts: int = 8
    backoff_seconds: float = 1.0
    backoff_cap: float = 60.0
    budget_seconds: float = 1800.0
    body_bytes: int = 256 << 20


@dataclass
class Traffic:
    """What a client did: for the load's result, and for people. Clients of one account in several threads share it.

    Attributes:
        requests, retries, bytes: how many were sent, sent again, received (compressed).
        waits, waited_seconds: pauses, for whatever reason.
        clock_skew_seconds: the vendor's clock minus ours, at the last answer.
        quota: the vendor's last rate and quota headers.
        fingerprints: how often each method and path was asked for.
    """

    requests: int = 0
    retries: int = 0
    waits: int = 0
    waited_seconds: float = 0.0
    bytes: int = 0
    clock_skew_seconds: float = 0.0
    quota: dict[str, str] = field(default_factory=dict)
    fingerprints: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def sent(self, fingerprint: str) -> None:
        """A request goes out."""
        with self._lock:
            self.requests += 1
            self.fingerprints[fingerprint] += 1

    def received(self, size: int) -> None:
        """So many bytes of a body came in."""
        with self._lock:
            self.bytes += size

    def told(self, skew: float | None, quota: Mapping[str, str]) -> None:
        """What the headers of an answer say."""
        with self._lock:
            if skew is not None:
                self.clock_skew_seconds = skew
            self.quota.update(quota)

    def waited(self, seconds: float, *, to_retry: bool = False) -> None:
        """A pause that has ended, or is about to begin."""
        with self._lock:
            self.waits += seconds > 0
            self.waited_seconds += seconds
            self.retries += to_retry

    def copy(self) -> Traffic:
        """What was done up to now."""
        with self._lock:
            return replace(
                self, quota=dict(self.quota), fingerprints=self.fingerprints.copy(), _lock=threading.Lock()
            )

    def since(self, began: Traffic) -> Traffic:
        """What was done since `began`."""
        now = self.copy()
        return replace(
            now,
            requests=now.requests - began.requests,
            retries=now.retries - began.retries,
            waits=now.waits - began.waits,
            waited_seconds=now.waited_seconds - began.waited_seconds,
            bytes=now.bytes - began.bytes,
            fingerprints=now.fingerprints - began.fingerprints,
        )
