"""Requests that are under way at once: really at once, in order, and with one error in its turn."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from connectors.errors import NotFound
from connectors.http import HttpClient
from connectors.parallel import in_order
from connectors.rate import RateBudget
from connectors.runtime import Runtime

RUNTIME = Runtime(clock=lambda: datetime(2026, 6, 15, tzinfo=UTC))


def a_client(parallel: int) -> HttpClient:
    budget = RateBudget(1_000, 1.0, monotonic=RUNTIME.monotonic, sleep=RUNTIME.sleep)
    return HttpClient("http://127.0.0.1:9", runtime=RUNTIME, rate=budget, parallel=parallel)


def test_as_many_are_under_way_as_the_client_allows_and_results_keep_their_order() -> None:
    everybody_is_here = threading.Barrier(4, timeout=10)

    def fetch(client: HttpClient, item: int) -> int:
        everybody_is_here.wait()  # one alone would wait in vain
        return item * 10

    assert list(in_order(a_client(4), range(12), fetch)) == [item * 10 for item in range(12)]


def test_each_has_a_connection_of_its_own_and_all_share_the_counts() -> None:
    sessions: set[int] = set()
    client = a_client(3)

    def fetch(own: HttpClient, item: int) -> None:
        assert own.traffic is client.traffic
        sessions.add(id(own._session))
        own.traffic.sent("GET /x")

    list(in_order(client, range(50), fetch))
    assert id(client._session) not in sessions
    assert client.traffic.requests == 50


def test_an_error_comes_in_its_turn() -> None:
    def fetch(client: HttpClient, item: int) -> int:
        if item == 3:
            raise NotFound("gone")
        return item

    values = in_order(a_client(4), range(100), fetch)
    assert [next(values) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(NotFound):
        next(values)


def test_one_at_a_time_needs_no_threads() -> None:
    names = list(in_order(a_client(1), range(3), lambda client, item: threading.current_thread().name))
    assert set(names) == {threading.current_thread().name}
