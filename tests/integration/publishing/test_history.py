"""The past can be read back and a batch taken back: whatever was published and withdrawn before."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from pipelines.publishing import Coverage, open_reporting
from pipelines.publishing.errors import NothingToWithdraw
from pipelines.publishing.history import as_of, withdraw
from pipelines.publishing.records import QualityResultRow
from tests.integration.publishing.kit import Clock, assert_whole, dictionary, put, rows, value
from tests.integration.publishing.test_publish import alert, flag

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
SHOWN = "SELECT metric_id, period_start, segment_key, value, target_value, status, previous_value, trend FROM kpi_value"


def shown(engine: Engine) -> list[tuple[Any, ...]]:
    """What readers see of the values now."""
    return rows(engine, f"{SHOWN} WHERE is_current ORDER BY 1, 2, 3")


def take_back(engine: Engine, batch_id: int, clock: Clock) -> None:
    """Withdraw a batch."""
    withdraw(engine, batch_id, reason="wrong rate", clock=clock, run_id="r", code_version="test")


def test_withdrawing_the_last_batch_shows_what_was_there_before(engine: Engine) -> None:
    clock = Clock()
    put(
        engine,
        "p1",
        value("csat", JANUARY, 0.8),
        value("csat", FEBRUARY, 0.85, previous_value=0.8),
        clock=clock,
    )
    before = shown(engine)
    second = put(engine, "p2", value("csat", JANUARY, 0.7), value("csat", FEBRUARY, 0.85, previous_value=0.7),
                 value("revenue", FEBRUARY, 5), clock=clock)  # fmt: skip
    assert shown(engine) != before
    take_back(engine, second.batch_id, clock)
    assert shown(engine) == before
    assert_whole(engine)
    restored = rows(
        engine, "SELECT value_before, value_after, revision_kind, revision_reason FROM restatements"
    )
    assert (0.7, 0.8, "withdrawal", "wrong rate") in restored
    states = rows(
        engine, "SELECT batch_id, batch_kind, state, withdraws_batch_id FROM publications ORDER BY batch_id"
    )
    assert [row[1:] for row in states] == [
        ("publication", "published", None),
        ("publication", "withdrawn", None),
        ("withdrawal", "published", second.batch_id),
    ]


def test_after_a_withdrawal_the_same_values_can_be_published_again(engine: Engine) -> None:
    clock = Clock()
    put(engine, "p1", value("csat", JANUARY, 0.8), clock=clock)
    second = put(engine, "p2", value("csat", JANUARY, 0.7), clock=clock)
    take_back(engine, second.batch_id, clock)
    put(engine, "p3", value("csat", JANUARY, 0.7), clock=clock)
    assert [row[3] for row in shown(engine)] == [0.7]
    assert_whole(engine)


def test_what_a_later_batch_replaced_stays_as_it_left_it(engine: Engine) -> None:
    clock = Clock()
    put(engine, "p1", value("csat", JANUARY, 0.8), value("csat", FEBRUARY, 0.8), clock=clock)
    second = put(engine, "p2", value("csat", JANUARY, 0.7), value("csat", FEBRUARY, 0.7), clock=clock)
    only_january = (Coverage("csat", "month", JANUARY, JANUARY),)
    put(engine, "p3", value("csat", JANUARY, 0.9), coverage=only_january, clock=clock)
    take_back(engine, second.batch_id, clock)
    assert [row[3] for row in shown(engine)] == [0.9, 0.8]
    assert_whole(engine)


def test_a_withdrawal_takes_back_flags_checks_scores_and_queued_alerts(engine: Engine) -> None:
    clock = Clock()

    def check(passed: bool) -> QualityResultRow:
        now = datetime(2026, 3, 1, tzinfo=UTC)
        return QualityResultRow("volume", "tickets", "zendesk", "volume", "warn", passed, "rows", False, now)

    covered = (Coverage("csat", "month", JANUARY, FEBRUARY),)
    put(
        engine,
        "p1",
        anomalies=(flag(JANUARY),),
        anomaly_coverage=covered,
        quality_results=(check(True),),
        clock=clock,
    )
    second = put(engine, "p2", anomalies=(flag(FEBRUARY),), anomaly_coverage=covered, quality_results=(check(False),),
                 alerts=(alert(),), clock=clock)  # fmt: skip
    take_back(engine, second.batch_id, clock)
    assert [str(row[0]) for row in rows(engine, "SELECT period_start FROM open_anomalies")] == ["2026-01-01"]
    assert [bool(row[0]) for row in rows(engine, "SELECT passed FROM check_results")] == [True]
    assert rows(engine, "SELECT delivery_state FROM alert_history") == [("suppressed",)]
    assert_whole(engine)


def test_only_a_published_batch_can_be_withdrawn_and_only_once(engine: Engine) -> None:
    clock = Clock()
    first = put(engine, "p1", value(), clock=clock)
    take_back(engine, first.batch_id, clock)
    assert shown(engine) == []
    for batch_id in (first.batch_id, first.batch_id + 1, 99):
        with pytest.raises(NothingToWithdraw):
            take_back(engine, batch_id, clock)


def test_as_of_needs_an_instant_and_is_empty_before_the_first_publication(engine: Engine) -> None:
    put(engine, "p1", value())
    assert as_of(engine, datetime(2020, 1, 1, tzinfo=UTC)).num_rows == 0
    with pytest.raises(ValueError, match="no time zone"):
        as_of(engine, datetime(2026, 3, 2))  # noqa: DTZ001


def test_as_of_can_be_narrowed(engine: Engine) -> None:
    emea = value("csat", FEBRUARY, 0.6, segment_dimension="region", segment_value="emea")
    day = value("csat", FEBRUARY, 0.5, grain="day")
    put(engine, "p1", value(), emea, day, value("revenue", FEBRUARY, 3))
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert as_of(engine, later).num_rows == 4
    narrowed = as_of(engine, later, metrics=["csat"], grain="month", segments=False)
    assert narrowed.column("value").to_pylist() == [0.85]
    assert narrowed.column("version").to_pylist() == [1]


# ── any sequence of publications and withdrawals ────────────────────────────────────────────────────────────

KEYS = [(name, start) for name in ("csat", "revenue") for start in (JANUARY, FEBRUARY)]


@dataclass
class Line:
    """One revision in the model: what it says, who wrote it, who retired it."""

    key: tuple[str, date]
    number: float
    previous: float | None
    batch: int
    retired: int | None = None


@dataclass
class Model:
    """The rules of revision and withdrawal, said as plainly as possible."""

    lines: list[Line] = field(default_factory=list)
    previous_before: list[tuple[int, Line, float | None]] = field(default_factory=list)
    withdrawn: set[int] = field(default_factory=set)
    publications: list[int] = field(default_factory=list)

    def current(self) -> dict[tuple[str, date], Line]:
        return {line.key: line for line in self.lines if line.retired is None}

    def publish(
        self, batch: int, values: dict[tuple[str, date], tuple[float, float | None]], covers: set[Any]
    ) -> None:
        now = self.current()
        for key, (number, previous) in values.items():
            line = now.get(key)
            if line is not None and line.number == number:
                if line.previous != previous:
                    self.previous_before.append((batch, line, line.previous))
                    line.previous = previous
                continue
            if line is not None:
                line.retired = batch
            self.lines.append(Line(key, number, previous, batch))
        for key, line in now.items():
            if key in covers and key not in values:
                line.retired = batch
        self.publications.append(batch)

    def withdraw(self, batch: int, target: int) -> None:
        for line in self.lines:
            if line.batch == target and line.retired is None:
                line.retired = batch
        now = self.current()
        for line in [line for line in self.lines if line.retired == target]:
            if line.key not in now:
                self.lines.append(Line(line.key, line.number, line.previous, batch))
        changed_later = {id(line) for made, line, _ in self.previous_before if made > target}
        for made, line, before in list(self.previous_before):
            if made == target and line.retired is None and id(line) not in changed_later:
                self.previous_before.append((batch, line, line.previous))
                line.previous = before
        self.withdrawn.add(target)

    def shown(self) -> list[tuple[str, date, float, float | None]]:
        return sorted((*line.key, line.number, line.previous) for line in self.current().values())


publications = st.tuples(
    st.dictionaries(
        st.sampled_from(KEYS),
        st.tuples(st.sampled_from([0.1, 0.2, 0.3]), st.sampled_from([None, 0.5, 0.6])),
        max_size=4,
    ),
    st.sampled_from([(), ("csat",), ("csat", "revenue")]),
)
operations = st.lists(st.one_of(publications, st.integers(0, 5)), min_size=1, max_size=9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=operations)
def test_every_past_moment_reads_back_as_it_was(sqlite_template: Path, steps: list[Any]) -> None:
    model, clock = Model(), Clock()
    seen: list[tuple[datetime, list[Any]]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reporting.db"
        shutil.copy(sqlite_template, path)
        engine = open_reporting(f"sqlite:///{path}")
        for number, step in enumerate(steps):
            batch = len(seen) + 1
            if isinstance(step, int):
                left = [b for b in model.publications if b not in model.withdrawn]
                if not left:
                    continue
                take_back(engine, left[step % len(left)], clock)
                model.withdraw(batch, left[step % len(left)])
            else:
                values, covered = step
                given_rows = [
                    value(name, start, number_, previous_value=previous)
                    for (name, start), (number_, previous) in values.items()
                ]
                coverage = tuple(Coverage(name, "month", JANUARY, FEBRUARY) for name in covered)
                put(
                    engine,
                    f"p{number}",
                    *given_rows,
                    coverage=coverage,
                    clock=clock,
                    dictionary=dictionary(dates=()),
                )
                model.publish(batch, values, {key for key in KEYS if key[0] in covered})
            assert_whole(engine)
            assert _as_read(as_of(engine, clock())) == model.shown()
            seen.append((clock(), model.shown()))
        for moment, expected in seen:
            assert _as_read(as_of(engine, moment + timedelta(seconds=1))) == expected
        engine.dispose()


def _as_read(table: Any) -> list[tuple[str, date, float, float | None]]:
    return sorted(
        (row["metric_id"], row["period_start"], row["value"], row["previous_value"])
        for row in table.to_pylist()
    )
