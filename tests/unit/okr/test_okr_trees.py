"""Contributions of the dictionary's trees, and the signals that are read from the coloured frame."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal as D
from typing import Any

import pyarrow as pa

from definitions.model import Catalogue, Drive, Drivers, Frequency, Guardrail, Metric, Span
from pipelines.okr.contributions import contribution_rows, forest_of, influences, unreconciled
from pipelines.okr.signals import find_signals, suggestions
from pipelines.okr.status import apply_status
from tests.unit.okr.okr_world import catalogue, frame, metric, series, target

SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 31)
MONTHLY = Frequency("monthly", "monthly")


def revenue_tree(**more: Any) -> list[Metric]:
    return [
        metric("arpc"),
        metric("customers", "last"),
        metric(
            "revenue",
            "sum",
            drivers=Drivers("product", ("customers", "arpc")),
            segments=(("region",),),
            **more,
        ),
    ]


def test_contributions_of_a_month_add_up_to_its_change() -> None:
    values = frame(
        series("revenue", "month", OCTOBER, 200_000, 209_100),
        series("customers", "month", OCTOBER, 1000, 1100),
        series("arpc", "month", OCTOBER, 200, 190),
    )

    rows = contribution_rows(catalogue(revenue_tree()), values, OCTOBER, grains=["month"])

    assert [(row.child_metric_id, row.method) for row in rows] == [
        ("customers", "lmdi"),
        ("arpc", "lmdi"),
        ("revenue", "unexplained"),
    ]
    assert sum(D(str(row.contribution)) for row in rows) == 9100
    assert rows[2].contribution == 100
    first = rows[0]
    assert (first.parent_metric_id, first.period_grain, first.period_start) == (
        "revenue",
        "month",
        date(2026, 10, 1),
    )
    assert (first.compare_to, first.child_value, first.child_compare_value) == ("previous_period", 1100, 1000)
    assert (first.segment_dimension, first.segment_value, first.reconciles) == ("", "", True)
    assert round(D(str(first.contribution_share)), 4) == D("2.1415")


def test_segments_come_after_the_total_where_every_driver_is_there() -> None:
    emea, na = ("region", "emea"), ("region", "na")
    values = frame(
        *(
            series(name, "month", OCTOBER, *numbers, segment=segment)
            for segment in (("", ""), emea)
            for name, numbers in (("revenue", (100, 120)), ("customers", (10, 12)), ("arpc", (10, 10)))
        ),
        series("revenue", "month", OCTOBER, 1, 2, segment=na),
    )

    rows = contribution_rows(catalogue(revenue_tree()), values, OCTOBER, grains=["month"])

    assert [(row.segment_value, row.contribution) for row in rows] == [
        ("", 20),
        ("", 0),
        ("emea", 20),
        ("emea", 0),
    ]


def test_a_tree_that_does_not_add_up_is_a_warning() -> None:
    values = frame(
        series("revenue", "month", OCTOBER, 100, 120),
        series("customers", "month", OCTOBER, 10, 11),
        series("arpc", "month", OCTOBER, 10, 10),
    )
    rows = contribution_rows(catalogue(revenue_tree()), values, OCTOBER, grains=["month"])

    (found,) = unreconciled(rows)
    assert (found.metric, found.grain, found.period_start) == ("revenue", "month", date(2026, 10, 1))


def test_running_periods_and_gaps_have_no_contributions() -> None:
    values = frame(
        series("revenue", "month", date(2026, 11, 5), 100, None, 120, 5, provisional=1),
        series("customers", "month", date(2026, 11, 5), 10, 11, 12, 1, provisional=1),
        series("arpc", "month", date(2026, 11, 5), 10, 10, 10, 5, provisional=1),
    )

    assert contribution_rows(catalogue(revenue_tree()), values, OCTOBER, grains=["month"]) == ()


def test_only_the_last_periods_are_shown() -> None:
    values = frame(
        series("revenue", "month", OCTOBER, *[10 * n for n in range(1, 30)]),
        series("customers", "month", OCTOBER, *range(1, 30)),
        series("arpc", "month", OCTOBER, *[10] * 29),
    )

    rows = contribution_rows(catalogue(revenue_tree()), values, OCTOBER, grains=["month"], periods=3)

    assert sorted({row.period_start for row in rows}) == [date(2026, 8, 1), SEPTEMBER, date(2026, 10, 1)]


def test_influences_are_correlations_after_their_lag() -> None:
    visits = [5, 9, 2, 7, 4, 8, 1, 6, 3, 9, 5, 2]
    values = frame(
        series("visits", "month", OCTOBER, *visits),
        series("leads", "month", OCTOBER, 0, *[2 * v for v in visits[:-1]]),
    )
    driver = metric("visits", drives=(Drive("leads", Span.parse("1 month")),))

    (found,) = influences(catalogue([driver, metric("leads")]), values, OCTOBER)

    assert (found.driver, found.metric, found.grain, found.correlation.lag) == ("visits", "leads", "month", 1)
    assert found.correlation.changes == 1


# ── signals ─────────────────────────────────────────────────────────────────────────────────────────────────


def coloured(known: Catalogue, values: pa.Table) -> pa.Table:
    return apply_status(known, values, OCTOBER)


def test_a_metric_that_improves_at_its_guardrails_cost_is_a_gaming_risk() -> None:
    fast = metric("closed", frequency=MONTHLY, guardrails=(Guardrail("reopened"),))
    known = catalogue([fast, metric("reopened", direction="decrease")])
    values = frame(series("closed", "month", OCTOBER, 100, 110), series("reopened", "month", OCTOBER, 10, 11))

    (found,) = find_signals(known, coloured(known, values), OCTOBER)

    assert (found.kind, found.metric, found.other, found.grain) == (
        "gaming_risk",
        "closed",
        "reopened",
        "month",
    )
    assert found.explanation == "Closed improved 10.0% while Reopened worsened 10.0%"
    calm = catalogue(
        [replace(fast, guardrails=(Guardrail("reopened", tolerance_pct=15),)), known.metrics["reopened"]]
    )
    assert find_signals(calm, coloured(calm, values), OCTOBER) == ()


def test_a_green_child_of_a_red_parent_is_a_local_optimum() -> None:
    metrics = revenue_tree(frequency=MONTHLY)
    targets = [
        target("customers", 5, "year", OCTOBER),
        target("revenue", 1000, "month", OCTOBER),
        target("arpc", 50, "year", OCTOBER),
    ]
    known = catalogue(metrics, targets=targets)
    values = frame(
        series("revenue", "month", OCTOBER, 100, 120),
        series("customers", "month", OCTOBER, 10, 12),
        series("arpc", "month", OCTOBER, 10, 10),
    )

    (found,) = find_signals(known, coloured(known, values), OCTOBER)

    assert (found.kind, found.metric, found.other) == ("local_optimum", "customers", "revenue")


def test_three_adverse_weeks_leave_a_draft() -> None:
    metrics = [
        metric("bugs", "last", "decrease", drivers=Drivers("sum", ("new_bugs", "old_bugs"))),
        metric("new_bugs", "sum", "decrease"),
        metric("old_bugs", "sum", "decrease"),
    ]
    known = catalogue(metrics, targets=[target("bugs", 3, "quarter", OCTOBER)])
    week = date(2026, 10, 19)
    values = frame(
        series("bugs", "week", week, 4, 5, 7, 9),
        series("new_bugs", "week", week, 1, 2, 1, 2),
        series("old_bugs", "week", week, 3, 3, 3, 3),
    )

    (found,) = suggestions(known, coloured(known, values), OCTOBER)

    assert (found.metric_id, found.raised_date) == ("bugs", OCTOBER)
    assert found.reason == "Bugs got worse 3 weeks in a row, from 4 to 9."
    assert [item["statement"] for item in found.draft["key_results"]] == [
        "Reduce Bugs from 9 to 3",
        "Reduce New bugs from 2 to 1",
    ]


def test_the_forest_of_a_dictionary_has_its_nodes_and_no_influences() -> None:
    known = catalogue([*revenue_tree(), metric("visits", drives=(Drive("revenue"),))])

    assert tuple(forest_of(known).nodes) == ("revenue",)
