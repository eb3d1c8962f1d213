"""The event log against a replay in plain Python: every look-up at every instant."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sandbox.company.log import KEEP, Change, Log
from connectors.sandbox.company.timeline import NEVER

TIMES = st.integers(0, 12)


@dataclass(frozen=True)
class Story:
    """One record's life: created, changes (at, a, b) with KEEP for "as it was", deleted or NEVER."""

    created: int
    changes: list[tuple[int, int, int]]
    deleted: int


VALUES = st.one_of(st.just(KEEP), st.integers(0, 3))
STORIES = st.lists(
    st.builds(
        Story, TIMES, st.lists(st.tuples(TIMES, VALUES, VALUES), max_size=5), st.one_of(st.just(NEVER), TIMES)
    ),
    min_size=1,
    max_size=5,
)


def build(stories: list[Story]) -> Log:
    flat = [(n, *change) for n, story in enumerate(stories) for change in story.changes]
    columns = np.asarray(flat, dtype=np.int64).reshape(-1, 4)
    return Log.build(
        created=np.asarray([story.created for story in stories], dtype=np.int64),
        initial={
            "a": np.full(len(stories), 7, dtype=np.int64),
            "b": np.full(len(stories), 8, dtype=np.int64),
        },
        changes=[Change(columns[:, 0], columns[:, 1], {"a": columns[:, 2], "b": columns[:, 3]})],
        deleted=np.asarray([story.deleted for story in stories], dtype=np.int64),
    )


def replay(story: Story, now: int) -> tuple[int, int, int, bool] | None:
    """(cursor, a, b, gone) of a record at an instant, None before its creation."""
    if now < story.created:
        return None
    a, b, cursor = 7, 8, story.created
    deleted = story.deleted if story.deleted > story.created else NEVER
    for at, new_a, new_b in sorted(story.changes, key=lambda change: max(change[0], story.created)):
        at = max(at, story.created)
        if at > now or at >= deleted:
            continue
        cursor = max(cursor, at)
        a, b = a if new_a == KEEP else new_a, b if new_b == KEEP else new_b
    return (deleted, a, b, True) if deleted <= now else (cursor, a, b, False)


@settings(max_examples=150, deadline=None)
@given(STORIES, st.integers(0, 13))
def test_a_look_up_at_any_instant_equals_a_replay(stories: list[Story], now: int) -> None:
    log = build(stories)
    found = {
        int(log.record[v]): (
            int(log.at[v]),
            int(log.state["a"][v]),
            int(log.state["b"][v]),
            bool(log.gone[v]),
        )
        for v in log.current(now, gone=True)
    }
    expected = {n: state for n, story in enumerate(stories) if (state := replay(story, now)) is not None}
    assert found == expected
    assert [int(log.record[v]) for v in log.current(now)] == [
        n for n, state in expected.items() if not state[3]
    ]


@settings(max_examples=100, deadline=None)
@given(STORIES, st.integers(0, 13), st.integers(0, 13))
def test_changed_since_finds_what_moved(stories: list[Story], since: int, now: int) -> None:
    log = build(stories)
    expected = {
        n
        for n, story in enumerate(stories)
        if (state := replay(story, now)) and state[0] >= since and not state[3]
    }
    assert {int(log.record[v]) for v in log.changed(since, now)} == expected


@settings(max_examples=100, deadline=None)
@given(STORIES, st.integers(0, 13))
def test_intervals_are_minimal_and_without_gaps(stories: list[Story], now: int) -> None:
    log = build(stories)
    begins, until = log.intervals(now, [log.state["a"]])
    for n, story in enumerate(stories):
        state = replay(story, now)
        pairs = [(v, u) for v, u in zip(begins, until, strict=True) if log.record[v] == n]
        mine = [(int(log.at[v]), int(u), int(log.state["a"][v])) for v, u in pairs]
        if state is None or state[3]:
            assert mine == []
            continue
        assert mine[0][0] == story.created
        assert mine[-1][1] == NEVER
        assert mine[-1][2] == state[1]
        for (_, end, value), (start, _, following) in pairwise(mine):
            assert end == start
            assert value != following


def test_a_record_that_never_changes_has_one_version() -> None:
    log = Log.build(created=np.asarray([5]), initial={"a": np.asarray([1])})
    assert log.at.tolist() == [5]
    assert log.until.tolist() == [NEVER]
    assert log.steps(100).size == 0
