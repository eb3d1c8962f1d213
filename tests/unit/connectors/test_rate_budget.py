"""The rate budget of an account: whatever the vendor's clock and the way there, it never counts too many."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.errors import RateLimited
from connectors.rate import RateBudget, RateBudgets


class Time:
    """Time that only sleeping and answering moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@example(1, [(0.004569229600161152, 0.0), (0.0, 0.0), (0.0, 0.0)])
@given(st.integers(1, 5), st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1)), max_size=40))
def test_no_window_at_the_vendor_holds_more_than_the_budget(
    requests: int, trips: list[tuple[float, float]]
) -> None:
    clock = Time()
    budget = RateBudget(requests, 1.0, monotonic=clock, sleep=clock.sleep)
    arrived: list[float] = []
    for seconds, share in trips:
        with budget.place():
            arrived.append(clock.now + seconds * share)  # somewhere on its way there and back
            clock.now += seconds
    for first, beyond in zip(arrived, arrived[requests:], strict=False):
        assert beyond - first >= 1.0 - 1e-6


def test_places_under_way_are_taken_whoever_holds_them() -> None:
    budget = RateBudget(2, 0.01, monotonic=time.monotonic, sleep=time.sleep)
    held, most, lock = [0], [0], threading.Lock()

    def ask() -> None:
        with budget.place():
            with lock:
                held[0] += 1
                most[0] = max(most[0], held[0])
            time.sleep(0.005)
            with lock:
                held[0] -= 1

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most[0] == 2


def test_who_has_no_patience_is_told() -> None:
    clock = Time()
    budget = RateBudget(1, 60.0, monotonic=clock, sleep=clock.sleep)
    with budget.place():
        pass
    with pytest.raises(RateLimited, match="nothing is left"), budget.place(patience=5):
        pass


def test_a_vendor_that_says_stop_is_left_alone_for_that_long() -> None:
    clock = Time()
    budget = RateBudget(100, 1.0, monotonic=clock, sleep=clock.sleep)
    budget.close_for(30)
    with budget.place() as waited:
        assert waited == 30


def test_accounts_do_not_share_their_budgets() -> None:
    clock = Time()
    budgets = RateBudgets(monotonic=clock, sleep=clock.sleep)
    one = budgets.of("jira", "east", 5, 1.0)
    assert budgets.of("jira", "east", 5, 1.0) is one
    assert budgets.of("jira", "west", 5, 1.0) is not one
