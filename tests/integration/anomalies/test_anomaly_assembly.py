"""From the shipped dictionary and a value frame to flags as they are published."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import definitions
from definitions import load_catalogue
from definitions.compiler.states import FRAME
from definitions.model import Baseline, Catalogue, DeclaredEvent, Target
from pipelines.anomalies.assemble import Findings, detect_anomalies
from pipelines.anomalies.drivers import driver_causes
from pipelines.anomalies.feedback import Feedback, FeedbackVerdict
from pipelines.anomalies.frame import kind_of, watched_grains
from pipelines.anomalies.rootcause import DriverCause
from pipelines.anomalies.series import Kind
from pipelines.publishing.records import AnomalyRow
from pipelines.scoring.contributions import UNEXPLAINED
from tests.integration.anomalies.value_frames import (
    AS_OF,
    DAYS,
    FIRST,
    SPIKE,
    SPIKE_DAY,
    frame,
    period,
    rows,
    tickets,
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(Path(definitions.__file__).parent / "catalogue")


def found(findings: Findings) -> list[AnomalyRow]:
    return [row for row in findings.rows if row.metric_id == "ticket_volume"]


def test_a_spike_is_published_with_its_range_cause_and_action(catalogue: Catalogue) -> None:
    findings = detect_anomalies(catalogue, frame(tickets({SPIKE: 90})), AS_OF)
    (row,) = found(findings)
    assert (row.period_grain, row.period_start, row.kind, row.state) == ("day", SPIKE_DAY, "point", "open")
    assert (row.effect, row.segment_dimension, row.segment_value) == ("unfavourable", "", "")
    assert row.observed is not None
    assert row.upper_bound is not None
    assert row.observed > row.upper_bound > row.expected > row.lower_bound  # type: ignore[operator]
    assert row.explanation is not None
    assert "tickets on Tue 24 Mar, expected " in row.explanation
    assert row.root_cause[0]["label"] == "channel: chat"
    assert row.root_cause[0]["share"] > 0.7
    assert row.suggested_action is not None
    assert row.suggested_action.startswith("Look at channel chat first")


def test_quiet_values_publish_nothing_and_say_what_was_tested(catalogue: Catalogue) -> None:
    findings = detect_anomalies(catalogue, frame(tickets()), AS_OF)
    assert found(findings) == []
    (covered,) = [cover for cover in findings.coverage if cover.metric == "ticket_volume"]
    assert (covered.grain, covered.first, covered.last) == ("day", FIRST, AS_OF)
    assert findings.series == 1


def test_only_the_latest_periods_are_open(catalogue: Catalogue) -> None:
    old = DAYS - 100
    findings = detect_anomalies(catalogue, frame(tickets({old: 90})), AS_OF)
    assert found(findings) == []
    flags = {
        (watched.series[int(r)][0], int(c))
        for watched, detection in findings.detections
        for r, c in zip(*np.nonzero(detection.verdict), strict=True)
    }
    assert ("ticket_volume", old) in flags


def test_running_and_provisional_days_are_not_tested(catalogue: Catalogue) -> None:
    parts = tickets()
    parts["email"][-1] = parts["chat"][-1] = parts["phone"][-1] = 0
    assert found(detect_anomalies(catalogue, frame(parts), AS_OF))
    assert not found(detect_anomalies(catalogue, frame(parts, {DAYS - 1: "provisional"}), AS_OF))
    assert not found(detect_anomalies(catalogue, frame(parts), AS_OF - timedelta(days=1)))


def test_a_blocked_value_is_neither_a_dip_nor_a_gap(catalogue: Catalogue) -> None:
    states = {DAYS - n: "blocked" for n in (3, 4, 5, 6)}
    assert not found(detect_anomalies(catalogue, frame(tickets(), states), AS_OF))


def test_a_gap_is_told_as_missing_with_the_source_to_look_at(catalogue: Catalogue) -> None:
    parts = tickets()
    for values in parts.values():
        values[-6:-2] = np.nan
    (row,) = found(detect_anomalies(catalogue, frame(parts), AS_OF))
    assert (row.kind, row.observed) == ("missing", None)
    assert row.suggested_action is not None
    assert row.suggested_action.startswith("See whether ")


@pytest.mark.parametrize(
    ("verdict", "state"),
    [("acknowledged", "acknowledged"), ("expected", "expected"), ("false", "resolved")],
)
def test_feedback_gives_a_flag_its_state(catalogue: Catalogue, verdict: str, state: str) -> None:
    word = Feedback("ticket_volume", SPIKE_DAY, SPIKE_DAY, FeedbackVerdict(verdict), "outage of the portal")
    rows = found(detect_anomalies(catalogue, frame(tickets({SPIKE: 90})), AS_OF, [word]))
    assert [row.state for row in rows] == [state]


def test_a_declared_event_that_is_expected_raises_nothing(catalogue: Catalogue) -> None:
    event = DeclaredEvent("Launch", SPIKE_DAY, SPIKE_DAY, "campaign", ("ticket_volume",))
    calendar = catalogue.calendars["company"]
    known = replace(
        catalogue, calendars={**catalogue.calendars, "company": replace(calendar, events=(event,))}
    )
    assert not found(detect_anomalies(known, frame(tickets({SPIKE: 90})), AS_OF))


def test_an_event_nearby_is_related_and_asked_about_first(catalogue: Catalogue) -> None:
    release = DeclaredEvent("2.14", SPIKE_DAY - timedelta(days=2), SPIKE_DAY - timedelta(days=2), "release")
    calendar = catalogue.calendars["company"]
    known = replace(
        catalogue, calendars={**catalogue.calendars, "company": replace(calendar, events=(release,))}
    )
    (row,) = found(detect_anomalies(known, frame(tickets({SPIKE: 90})), AS_OF))
    assert row.root_cause[-1]["label"] == "release: 2.14"
    assert row.suggested_action is not None
    assert row.suggested_action.startswith("Ask whoever ran the release “2.14”")


def test_far_below_a_declared_baseline_is_told_on_the_latest_period(catalogue: Catalogue) -> None:
    target = Target(
        metric="ticket_volume",
        segment=(),
        grain="day",
        period="2026-Q1",
        period_start=date(2026, 1, 1),
        period_end=AS_OF,
        comparison="lte",
        target=20.0,
        baseline=Baseline(30.0, date(2025, 12, 31)),
    )
    known = replace(catalogue, targets=(target,))
    even = {"email": np.random.default_rng(5).poisson(100, DAYS).astype(float)}
    (row,) = found(detect_anomalies(known, frame(even), AS_OF))
    assert (row.kind, row.detector, row.period_start) == ("below_baseline", "baseline", AS_OF)
    assert row.expected == 30.0


def tree_values(catalogue: Catalogue, metric: str, seed: int) -> tuple[pa.Table, dict[str, np.ndarray]]:
    """Two months of a metric and its drivers, to the cent; the parent is no function of them."""
    drivers = catalogue.metrics[metric].drivers
    assert drivers is not None
    rng = np.random.default_rng(seed)
    drawn = {
        name: np.round(rng.uniform(-1 if seed % 3 == 0 else 1, 10 ** rng.integers(1, 9), 2), 2)
        for name in (metric, *drivers.inputs)
    }
    made = [row for name, pair in drawn.items() for row in rows(name, pair, "month")]
    return pa.Table.from_pylist(made, schema=FRAME), drawn


def test_driver_contributions_add_up_to_the_change_to_the_cent(catalogue: Catalogue) -> None:
    """For every arithmetic tree of the dictionary, whether or not the parent is what its children make."""
    trees = [
        name
        for name, metric in sorted(catalogue.metrics.items())
        if metric.drivers is not None and str(metric.drivers.operator) != "influences"
    ]
    assert len(trees) > 5
    unexplained = 0
    for seed, metric in ((seed, metric) for seed in range(8) for metric in trees):
        values, drawn = tree_values(catalogue, metric, seed)
        before, now = (Decimal(str(value)) for value in drawn[metric])
        parts = driver_causes(catalogue, values, metric, "month", period(1, "month")[0])
        total = sum((Decimal(str(part.contribution)) for part in parts), Decimal(0))
        assert abs(total - (now - before)) < Decimal("0.005"), (metric, seed, parts)
        unexplained += parts[-1].metric == UNEXPLAINED
    assert unexplained


def test_what_a_tree_leaves_is_told_and_asked_of_nobody(catalogue: Catalogue) -> None:
    parts = (DriverCause("new_customers", 12.0, 0.2), DriverCause(UNEXPLAINED, 48.5, 0.8))
    (row,) = found(
        detect_anomalies(
            catalogue,
            frame(tickets({SPIKE: 90})),
            AS_OF,
            drivers={("ticket_volume", "day", SPIKE_DAY): parts},
        )
    )
    (rest,) = [cause for cause in row.root_cause if cause["type"] == "unexplained"]
    assert (rest["label"], rest["contribution"]) == ("not explained by its drivers", 48.5)
    assert rest["text"] == "+48.5 tickets (80 % of the change)"
    assert UNEXPLAINED not in str(row.suggested_action)


def test_the_same_frame_in_another_order_gives_the_same_rows(catalogue: Catalogue) -> None:
    values = frame(tickets({SPIKE: 90}))
    shuffled = values.take(pa.array(np.random.default_rng(3).permutation(values.num_rows)))
    assert (
        detect_anomalies(catalogue, values, AS_OF).rows == detect_anomalies(catalogue, shuffled, AS_OF).rows
    )


@pytest.mark.parametrize(("grain", "periods"), [("week", 65), ("month", 75)])
def test_weekly_and_monthly_metrics_are_tested_at_their_own_grain(
    catalogue: Catalogue, grain: str, periods: int
) -> None:
    """Of a metric that is watched at this grain: a value far out in the last complete period, and one still running."""
    metric = next(
        name
        for name in sorted(catalogue.metrics)
        if grain in watched_grains(catalogue.metrics[name])
        and kind_of(catalogue.metrics[name], np.array([5.0]), np.array([5.0]), np.array([9.0])) is Kind.COUNT
    )
    values = np.random.default_rng(8).poisson(400, periods).astype(float)
    complete = next(place for place in range(periods - 1, 0, -1) if period(place, grain)[1] <= AS_OF)
    values[complete] = 150
    values[complete + 1 :] = 20
    found_rows = detect_anomalies(
        catalogue, pa.Table.from_pylist(rows(metric, values, grain=grain), schema=FRAME), AS_OF
    ).rows
    (row,) = [row for row in found_rows if row.metric_id == metric and row.kind != "below_baseline"]
    assert (row.period_grain, row.kind, row.period_start) == (grain, "point", period(complete, grain)[0])
    assert f"lowest {grain} in " in (row.explanation or "")
