"""Contributions of the dictionary's trees, and the signals that are read from the coloured frame."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.model import Catalogue, Drive, Drivers, Frequency, Guardrail, Metric, Missing, Span
from pipelines.okr.contributions import contribution_rows, forest_of, influences
from pipelines.okr.effects import segment_effects
from pipelines.okr.signals import find_signals, suggestions
from pipelines.okr.status import apply_status
from pipelines.scoring.arithmetic import exact, quantise
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


def test_a_grain_at_which_a_driver_is_not_computed_explains_nothing() -> None:
    values = frame(
        series("revenue", "quarter", OCTOBER, 100, 120),
        series("customers", "quarter", OCTOBER, 10, 12),
        series("arpc", "month", OCTOBER, 10, 10),
    )

    assert contribution_rows(catalogue(revenue_tree()), values, OCTOBER, grains=["quarter"]) == ()


def test_before_a_segments_first_row_a_metric_that_fills_gaps_with_zero_had_nothing_there() -> None:
    by_region = {"segments": (("region",),)}
    metrics = [
        metric("gained", "sum", drivers=Drivers("sum", ("new", "back")), **by_region),
        metric("new", "sum", missing=Missing.ZERO, **by_region),
        metric("back", "sum", missing=Missing.ZERO, **by_region),
    ]
    emea = ("region", "emea")
    values = frame(
        *(
            series(name, "month", OCTOBER, *numbers, segment=segment)
            for segment in (("", ""), emea)
            for name, numbers in (("gained", (3, 5)), ("new", (3, 4)))
        ),
        series("back", "month", OCTOBER, 0, 1),
        series("back", "month", OCTOBER, 1, segment=emea),
    )

    rows = contribution_rows(catalogue(metrics), values, OCTOBER, grains=["month"])

    assert [(row.child_metric_id, row.contribution, row.reconciles) for row in rows] == [
        ("new", 1, True),
        ("back", 1, True),
    ] * 2


def test_a_tree_that_does_not_add_up_says_so() -> None:
    values = frame(
        series("revenue", "month", OCTOBER, 100, 120),
        series("customers", "month", OCTOBER, 10, 11),
        series("arpc", "month", OCTOBER, 10, 10),
    )
    rows = contribution_rows(catalogue(revenue_tree()), values, OCTOBER, grains=["month"])

    assert {(row.parent_metric_id, row.period_start, row.reconciles) for row in rows} == {
        ("revenue", date(2026, 10, 1), False)
    }


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

    assert (found.driver_metric_id, found.driven_metric_id) == ("visits", "leads")
    assert (found.period_grain, found.lag_periods, found.through_date) == ("month", 1, OCTOBER)
    assert (found.correlation, found.is_sign_as_expected) == (1, True)


# ── segments ────────────────────────────────────────────────────────────────────────────────────────────────

BY_REGION = {"segments": (("region",),), "frequency": MONTHLY, "grains": ("month",)}


def test_a_ratios_segments_move_inside_and_in_the_mix() -> None:
    """Worked by hand: 0.70 → 0.85; emea 0.4 of the weight at 0.5, na 0.6 → 0.8 at 0.8333 → 0.9."""
    rate = metric("rate", "ratio", **BY_REGION)
    values = frame(
        series("rate", "month", OCTOBER, 0.70, 0.82, bottoms=(100, 100)),
        series("rate", "month", OCTOBER, 0.50, 0.50, bottoms=(40, 20), segment=("region", "emea")),
        series("rate", "month", OCTOBER, 50 / 60, 0.90, bottoms=(60, 80), segment=("region", "na")),
    )

    rows = segment_effects(catalogue([rate]), values, OCTOBER)

    assert [(row.segment_value, row.inner_effect, row.mix_effect) for row in rows] == [
        ("emea", D(0), D("0.040000")),
        ("na", D("0.053333"), D("0.026667")),
    ]
    assert sum(D(str(row.contribution)) for row in rows) == D("0.12")
    assert {(row.metric_id, row.period_grain, row.period_start, row.segment_dimension) for row in rows} == {
        ("rate", "month", date(2026, 10, 1), "region")
    }


def test_a_sums_segments_add_up_unmatched_keys_and_what_is_left_included() -> None:
    sales = metric("sales", "sum", **BY_REGION)
    values = frame(
        series("sales", "month", OCTOBER, 100, 130),
        series("sales", "month", OCTOBER, 60, 75, segment=("region", "na")),
        series("sales", "month", OCTOBER, 40, segment=("region", "gone"))[:0],
        series("sales", "month", OCTOBER, 12, segment=("region", "(unknown)")),
    )

    rows = segment_effects(catalogue([sales]), values, OCTOBER)

    assert [(row.segment_value, row.contribution, row.mix_effect) for row in rows] == [
        ("(unknown)", 12, 0),
        ("na", 15, 0),
        ("(unexplained)", 3, 0),
    ]
    assert [row.contribution_share for row in rows] == [D("0.4"), D("0.5"), D("0.1")]


def test_what_does_not_roll_up_or_is_not_final_has_no_segment_effects() -> None:
    metrics = [metric("median", "mean", **BY_REGION), metric("sales", "sum", **BY_REGION)]
    values = frame(
        *(
            series(name, "month", OCTOBER, 10, 20, segment=segment, provisional=1)
            for name in ("median", "sales")
            for segment in (("", ""), ("region", "na"))
        )
    )

    assert segment_effects(catalogue(metrics), values, OCTOBER) == ()


@settings(max_examples=60, deadline=None)
@given(
    before=st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=5),
    now=st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=5),
)
def test_published_segment_effects_add_up_to_the_published_change(
    before: list[tuple[int, int]], now: list[tuple[int, int]]
) -> None:
    def portion(pairs: list[tuple[int, int]]) -> tuple[float, float]:
        bottom = sum(b for _, b in pairs)
        return sum(t for t, _ in pairs) / bottom, bottom

    (old, old_bottom), (new, new_bottom) = portion(before), portion(now)
    groups = [series("rate", "month", OCTOBER, old, new, bottoms=(old_bottom, new_bottom))]
    for place in range(max(len(before), len(now))):
        pairs = [side[place] if place < len(side) else None for side in (before, now)]
        rows = series(
            "rate",
            "month",
            OCTOBER,
            *(None if pair is None else pair[0] / pair[1] for pair in pairs),
            bottoms=[0 if pair is None else pair[1] for pair in pairs],
            segment=("region", f"r{place}"),
        )
        groups.append([row for row, pair in zip(rows, pairs, strict=True) if pair is not None])
    rate = metric("rate", "ratio", **BY_REGION)

    rows = segment_effects(catalogue([rate]), frame(*groups), OCTOBER)

    change = quantise(exact(new) - exact(old))  # type: ignore[operator]
    assert sum((D(str(row.contribution)) for row in rows), D(0)) == change


# ── signals ─────────────────────────────────────────────────────────────────────────────────────────────────


def coloured(known: Catalogue, values: pa.Table) -> pa.Table:
    return apply_status(known, values, OCTOBER)


def test_a_metric_that_improves_at_its_guardrails_cost_is_a_gaming_risk() -> None:
    fast = metric("closed", frequency=MONTHLY, guardrails=(Guardrail("reopened"),))
    known = catalogue([fast, metric("reopened", direction="decrease")])
    values = frame(series("closed", "month", OCTOBER, 100, 110), series("reopened", "month", OCTOBER, 10, 11))

    (found,) = find_signals(known, coloured(known, values), OCTOBER)

    assert (found.signal_kind, found.metric_id, found.other_metric_id, found.period_grain) == (
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


def test_a_counter_metric_that_may_still_change_is_no_witness() -> None:
    fast = metric("closed", frequency=MONTHLY, guardrails=(Guardrail("reopened"),))
    known = catalogue([fast, metric("reopened", direction="decrease")])
    values = frame(
        series("closed", "month", OCTOBER, 100, 110),
        series("reopened", "month", OCTOBER, 10, 11, provisional=1),
    )

    assert find_signals(known, coloured(known, values), OCTOBER) == ()


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

    assert (found.signal_kind, found.metric_id, found.other_metric_id) == (
        "local_optimum",
        "customers",
        "revenue",
    )


def test_a_parent_by_influence_can_be_red_over_a_green_child_too() -> None:
    metrics = [metric("csat", frequency=MONTHLY, drives=(Drive("nps"),)), metric("nps", frequency=MONTHLY)]
    targets = [target("csat", 5, "year", OCTOBER), target("nps", 50, "year", OCTOBER)]
    known = catalogue(metrics, targets=targets)
    values = frame(series("csat", "month", OCTOBER, 10, 12), series("nps", "month", OCTOBER, 20, 20))

    (found,) = find_signals(known, coloured(known, values), OCTOBER)

    assert (found.signal_kind, found.metric_id, found.other_metric_id) == ("local_optimum", "csat", "nps")


def test_a_decline_that_goes_on_stays_one_suggestion() -> None:
    known = catalogue([metric("bugs", "last", "decrease")])
    raised = set()
    for weeks in ((4, 5, 7, 9), (4, 5, 7, 9, 11), (4, 5, 7, 9, 11, 12)):
        last = date(2026, 10, 19) + timedelta(7 * (len(weeks) - 4))
        values = frame(series("bugs", "week", last, *weeks))
        (found,) = suggestions(known, apply_status(known, values, last + timedelta(6)), last + timedelta(6))
        raised.add(found.raised_date)

    assert raised == {date(2026, 10, 25)}


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

    assert (found.metric_id, found.raised_date) == ("bugs", date(2026, 10, 25))
    assert found.reason == "Bugs got worse 3 weeks in a row, from 4 to 9."
    assert [item["statement"] for item in found.draft["key_results"]] == [
        "Reduce Bugs from 9 to 3",
        "Reduce New bugs from 2 to 1",
    ]


def test_the_forest_of_a_dictionary_has_its_nodes_and_no_influences() -> None:
    known = catalogue([*revenue_tree(), metric("visits", drives=(Drive("revenue"),))])

    assert tuple(forest_of(known).nodes) == ("revenue",)
