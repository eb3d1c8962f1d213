"""Checks on KPI values, broken one way at a time: which check says so, and which KPI is held back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from definitions.model import Aggregation, Balance, Drivers, Measure, MetricType, Missing, Simple
from quality import CheckResult, Judge, Severity, decide, run_value_checks
from tests.integration.quality.small_company import (
    NOW,
    VALUE_SCHEMA,
    catalogue,
    measure,
    metric,
    table,
    value,
    values,
    with_metrics,
)

Row = dict[str, object]
CATALOGUE = catalogue()
YESTERDAY = NOW.date() - timedelta(days=1)


def run(
    judge: Judge, rows: list[Row], previous: list[Row] | None = None, checked=CATALOGUE
) -> list[CheckResult]:
    before = None if previous is None else table(previous)
    return run_value_checks(checked, table(rows), previous=before, now=NOW, judge=judge)


def failed(results: list[CheckResult]) -> dict[str, CheckResult]:
    return {result.check_id.removeprefix("kpi_value."): result for result in results if not result.passed}


def changed(metric_name: str, **changes: object) -> list[Row]:
    """The sound values with the last total of one metric changed."""
    rows = values()
    last = [r for r in rows if r["metric"] == metric_name and r["segment_dimension"] == ""][-1]
    last.update(changes)
    return rows


def test_sound_values_pass_every_check(judge: Judge) -> None:
    results = run(judge, values(), values())
    assert failed(results) == {}
    assert decide(results, CATALOGUE).publish
    assert len({result.check_id for result in results}) == len(results)


@pytest.mark.parametrize(
    ("name", "changes", "check"),
    [
        ("won_value", {"value": float("nan")}, "finite"),
        ("won_value", {"value": float("inf")}, "finite"),
        ("won_value", {"value": float("-inf")}, "finite"),
        ("win_rate", {"denominator": float("inf")}, "finite"),
        ("won_value", {"value": None}, "null_has_state"),
        ("won_value", {"value_state": "no_data", "state_reason": "why"}, "null_has_state"),
        ("won_value", {"value": None, "value_state": "no_data"}, "null_has_reason"),
        ("won_value", {"value": None, "value_state": "blocked", "state_reason": ""}, "null_has_reason"),
        ("won_value", {"value_state": "fine"}, "state_known"),
        ("won_value", {"segment_value": None}, "key_present"),
        ("won_value", {"period_end": None}, "key_present"),
        ("won_value", {"grain": "fortnight"}, "grain_known"),
        ("won_value", {"grain": "trailing_0d"}, "grain_known"),
        ("won_value", {"period_end": YESTERDAY + timedelta(days=1)}, "period_length"),
        ("won_value", {"grain": "trailing_7d"}, "period_length"),
        ("won_value", {"period_start": date(2026, 7, 1), "period_end": date(2026, 7, 1)}, "final_is_over"),
        ("won_value", {"version": 2}, "version_known"),
        ("won_value", {"version": 0}, "version_known"),
        ("won_value", {"definition_hash": ""}, "version_known"),
        ("won_value", {"sample_size": -1}, "sample_size"),
        ("win_rate", {"value": 0.26}, "ratio_parts"),
        ("win_rate", {"denominator": 0.0}, "ratio_parts"),
        ("win_rate", {"numerator": None}, "ratio_parts"),
        ("win_rate", {"value": 1.25, "numerator": 5.0}, "share_bounded"),
        ("win_rate", {"value": -0.25, "numerator": -1.0}, "share_bounded"),
        ("competitive_wins", {"value": -1.0}, "count_whole"),
        ("competitive_wins", {"value": 1.5}, "count_whole"),
        ("created", {"value": 70.0}, "total_is_sum_of_segments"),
    ],
)
def test_one_bad_value_is_an_error_of_its_kpi(judge: Judge, name: str, changes: Row, check: str) -> None:
    results = run(judge, changed(name, **changes))
    found = failed(results)
    assert check in found
    assert found[check].metric_ids == (name,)
    assert found[check].rows_failed == 1
    assert found[check].severity is Severity.ERROR
    decision = decide(results, CATALOGUE)
    assert decision.publish
    assert name in decision.blocked
    assert decision.state_of("competitive_wins" if name != "competitive_wins" else "won_value") == "clean"


@pytest.mark.parametrize(
    "changes",
    [
        {"value": -0.0, "numerator": -0.0},
        {"value": 1e-320, "numerator": 1e-320, "denominator": 1.0},
        {"value": None, "value_state": "insufficient_sample", "state_reason": "1 of 20", "sample_size": 1},
        {"value": None, "value_state": "no_data", "state_reason": "zero denominator", "denominator": 0.0},
    ],
)
def test_odd_but_sound_ratios_pass(judge: Judge, changes: Row) -> None:
    assert failed(run(judge, changed("win_rate", **changes))) == {}


def test_a_trailing_window_a_leap_month_and_long_weeks_are_as_long_as_they_should_be(judge: Judge) -> None:
    def period(grain: str, start: date, end: date) -> Row:
        return value("competitive_wins", start, 1.0, grain=grain, period_end=end)

    rows = [
        period("trailing_30d", date(2026, 6, 1), date(2026, 6, 30)),
        period("month", date(2024, 2, 1), date(2024, 2, 29)),
        period("month", date(2026, 3, 29), date(2026, 5, 2)),  # five weeks of a 4-4-5 calendar
        period("week", date(2020, 12, 28), date(2021, 1, 3)),  # ISO week 53
        period("quarter", date(2026, 1, 1), date(2026, 3, 31)),
        period("year", date(2024, 1, 1), date(2024, 12, 31)),
    ]
    assert failed(run(judge, rows)) == {}


def test_a_day_that_is_over_somewhere_may_be_final(judge: Judge) -> None:
    late = run_value_checks(
        CATALOGUE,
        table([value("won_value", date(2026, 7, 1), 1.0)]),
        now=NOW.replace(hour=10),  # midnight at UTC+14
        judge=judge,
    )
    assert "final_is_over" not in failed(late)


def test_a_doubled_key_is_an_error(judge: Judge) -> None:
    rows = values()
    found = failed(run(judge, [*rows, rows[3]]))
    assert found["key_unique"].metric_ids == ("won_value",)
    assert found["key_unique"].sample == (
        {"metric": "won_value", "grain": "day", "period_start": date(2026, 5, 2)},
    )


def test_several_bad_kpis_are_one_result_with_a_reason_each(judge: Judge) -> None:
    rows = changed("won_value", value=float("nan"))
    next(r for r in rows if r["metric"] == "competitive_wins")["value"] = float("inf")
    results = run(judge, rows)
    finite = failed(results)["finite"]
    assert finite.message == "2 metrics: a number is NaN or infinite (competitive_wins, won_value)"
    assert finite.metric_ids == ("competitive_wins", "won_value")
    assert finite.rows_failed == 2
    blocked = decide(results, CATALOGUE).blocked
    assert "won_value: 1 of 60 values: a number is NaN or infinite" in blocked["won_value"]
    assert "competitive_wins: 1 of 60 values: a number is NaN or infinite" in blocked["competitive_wins"]


def test_the_same_checks_run_whether_they_pass_or_fail(judge: Judge) -> None:
    sound = {r.check_id for r in run(judge, values(), values())}
    broken = changed("won_value", value=float("nan"), value_state="odd", sample_size=-1)
    assert {r.check_id for r in run(judge, broken, values())} == sound


def test_the_minimum_sample_is_kept(judge: Judge) -> None:
    strict = with_metrics(CATALOGUE, replace(CATALOGUE.metrics["win_rate"], minimum_sample=20))
    found = failed(run(judge, changed("win_rate", sample_size=19), checked=strict))
    assert found["sample_size"].metric_ids == ("win_rate",)
    assert failed(run(judge, changed("win_rate", sample_size=20), checked=strict)) == {}


def test_values_of_an_unknown_metric_hold_everything(judge: Judge) -> None:
    results = run(judge, [*values(), value("mystery", YESTERDAY, 1.0)])
    assert not decide(results, CATALOGUE).publish
    assert "mystery" in failed(results)["metrics_defined"].message


def test_no_values_at_all_hold_everything(judge: Judge) -> None:
    assert not decide(run(judge, []), CATALOGUE).publish


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda t: t.drop_columns(["sample_size"]), "no column sample_size"),
        (lambda t: t.set_column(8, "value", t["value"].cast(pa.string())), "value is string, not double"),
        (
            lambda t: t.set_column(4, "period_start", t["period_start"].cast(pa.timestamp("us"))),
            "period_start is timestamp[us], not date",
        ),
    ],
)
def test_another_schema_holds_everything(
    judge: Judge, broken: Callable[[pa.Table], pa.Table], message: str
) -> None:
    results = run_value_checks(CATALOGUE, broken(table(values())), now=NOW, judge=judge)
    assert not decide(results, CATALOGUE).publish
    assert message in results[0].message


def test_dictionary_encoded_names_are_read(judge: Judge) -> None:
    encoded = table(values())
    for name in ("metric", "grain", "segment_dimension", "segment_value", "value_state"):
        position = encoded.schema.get_field_index(name)
        encoded = encoded.set_column(position, name, encoded[name].dictionary_encode())
    assert failed(run_value_checks(CATALOGUE, encoded, previous=table(values()), now=NOW, judge=judge)) == {}


# ── reconciliation ──────────────────────────────────────────────────────────────────────────────────────────


def test_only_what_adds_up_is_added_up(judge: Judge) -> None:
    carried = replace(CATALOGUE.metrics["created"], missing=Missing.CARRY_FORWARD)
    distinct = replace(CATALOGUE.metrics["created"], formula=Simple(measure("count_distinct", "account_id")))
    for kind in (carried, distinct):
        results = run(judge, changed("created", value=70.0), checked=with_metrics(CATALOGUE, kind))
        assert "total_is_sum_of_segments" not in failed(results)


def test_an_unshown_segment_is_no_gap_in_the_sum(judge: Judge) -> None:
    rows = values()
    rows[1].update(value=None, value_state="insufficient_sample", state_reason="1 of 20")
    assert failed(run(judge, rows)) == {}


def test_a_balance_is_the_sum_of_its_segments(judge: Judge) -> None:
    balance = metric(
        "open_value",
        Balance(Measure("opportunity_states", Aggregation.SUM, None)),
        MetricType.BALANCE,
    )
    rows = [
        value("open_value", YESTERDAY, 10.0),
        value("open_value", YESTERDAY, 4.0, segment_dimension="region", segment_value="emea"),
        value("open_value", YESTERDAY, 5.99, segment_dimension="region", segment_value="na"),
    ]
    found = failed(run(judge, rows, checked=with_metrics(CATALOGUE, balance)))
    assert found["total_is_sum_of_segments"].metric_ids == ("open_value",)


def test_parts_of_a_ratio_add_up(judge: Judge) -> None:
    def rate(numerator: float, denominator: float, **more: object) -> Row:
        rows = {"numerator": numerator, "denominator": denominator, **more}
        return value("win_rate", YESTERDAY, numerator / denominator, **rows)

    rows = [
        rate(3, 10),
        rate(1, 4, segment_dimension="region", segment_value="emea"),
        rate(2, 6, segment_dimension="region", segment_value="na"),
    ]
    assert failed(run(judge, rows)) == {}
    rows[2] = rate(2, 5, segment_dimension="region", segment_value="na")
    assert "total_is_sum_of_segments" in failed(run(judge, rows))


@pytest.mark.parametrize(
    ("operator", "parent", "reconciles"),
    [
        ("sum", 24.0, True),
        ("sum", 24.1, True),  # inside half a percent
        ("sum", 24.2, False),
        ("difference", 16.0, True),
        ("difference", 24.0, False),
        ("product", 80.0, True),
        ("product", 24.0, False),
        ("ratio", 5.0, True),
        ("ratio", 0.2, False),
    ],
)
def test_drivers_reconcile_within_half_a_percent(
    judge: Judge, operator: str, parent: float, reconciles: bool
) -> None:
    base = CATALOGUE.metrics["won_value"]
    tree = [
        replace(base, name="parent", drivers=Drivers(operator, ("first", "second"))),
        replace(base, name="first"),
        replace(base, name="second"),
    ]
    rows = [
        value("parent", YESTERDAY, parent),
        value("first", YESTERDAY, 20.0),
        value("second", YESTERDAY, 4.0),
    ]
    found = failed(run(judge, rows, checked=with_metrics(CATALOGUE, *tree)))
    assert ("drivers_reconcile" not in found) is reconciles
    if not reconciles:
        assert found["drivers_reconcile"].severity is Severity.WARN


MRR = ("mrr", "new_mrr", "expansion_mrr", "reactivation_mrr", "contraction_mrr", "churned_mrr")


def mrr_rows(movements: list[tuple[float, ...]]) -> list[Row]:
    """Months from January 2026; each movement is (new, expansion, reactivation, contraction, churned)."""
    total, rows = 1000.0, [_month("mrr", 0, 1000.0)]
    for i, moved in enumerate(movements, start=1):
        new, expansion, reactivation, contraction, churned = moved
        total += new + expansion + reactivation - contraction - churned
        rows.append(_month("mrr", i, round(total, 2)))
        rows += [_month(name, i, amount) for name, amount in zip(MRR[1:], moved, strict=True)]
    return rows


def _month(name: str, index: int, number: float | None) -> Row:
    start = date(2025 + index // 12, index % 12 + 1, 1)
    end = date(2025 + (index + 1) // 12, (index + 1) % 12 + 1, 1) - timedelta(days=1)
    return value(name, start, number, grain="month", period_end=end)


def mrr_catalogue():
    balance = metric("mrr", Balance(Measure("opportunity_states", Aggregation.SUM)), MetricType.BALANCE)
    moved = [replace(CATALOGUE.metrics["won_value"], name=name) for name in MRR[1:]]
    return with_metrics(CATALOGUE, balance, *moved)


cents = st.integers(0, 500_000).map(lambda n: n / 100)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    movements=st.lists(st.tuples(cents, cents, cents, cents, cents), min_size=1, max_size=10), data=st.data()
)
def test_the_mrr_identity_holds_to_the_cent(judge: Judge, movements: list[tuple[float, ...]], data) -> None:
    rows = mrr_rows(movements)
    assert failed(run(judge, rows, checked=mrr_catalogue())) == {}
    one = data.draw(st.sampled_from([r for r in rows if r["metric"] != "mrr"]))
    one["value"] = float(str(one["value"])) + 0.01
    found = failed(run(judge, rows, checked=mrr_catalogue()))
    assert found["mrr_movements"].severity is Severity.ERROR


def test_a_broken_mrr_identity_holds_back_all_its_metrics(judge: Judge) -> None:
    rows = mrr_rows([(10.0, 0.0, 0.0, 0.0, 5.0), (1.0, 1.0, 1.0, 1.0, 1.0)])
    rows[1]["value"] = 1005.01
    results = run(judge, rows, checked=mrr_catalogue())
    assert set(failed(results)["mrr_movements"].metric_ids) == set(MRR)


def test_a_movement_without_rows_is_zero(judge: Judge) -> None:
    rows = mrr_rows([(10.0, 0.0, 0.0, 0.0, 5.0), (1.0, 1.0, 0.0, 1.0, 1.0), (1.0, 1.0, 2.0, 1.0, 1.0)])
    reactivation = [r for r in rows if r["metric"] == "reactivation_mrr"]
    reactivation[1].update(value=None, value_state="no_data", state_reason="no rows")
    assert failed(run(judge, rows, checked=mrr_catalogue())) == {}
    rows.remove(reactivation[1])
    assert failed(run(judge, rows, checked=mrr_catalogue())) == {}


def test_a_gap_in_the_months_is_not_compared_across(judge: Judge) -> None:
    rows = [r for r in mrr_rows([(10.0,) * 5] * 4) if r["period_start"] != date(2025, 3, 1)]
    assert failed(run(judge, rows, checked=mrr_catalogue())) == {}


# ── against the last run ────────────────────────────────────────────────────────────────────────────────────


def test_a_metric_that_vanishes_is_an_error(judge: Judge) -> None:
    now = [r for r in values() if r["metric"] != "win_rate"]
    found = failed(run(judge, now, values()))
    assert found["still_there"].metric_ids == ("win_rate",)


def test_a_retired_metric_may_vanish(judge: Judge) -> None:
    before = [*values(), *[value("retired", YESTERDAY - timedelta(days=i), 1.0) for i in range(40)]]
    assert failed(run(judge, values(), before)) == {}


@pytest.mark.parametrize(
    ("kept", "check"),
    [(60, None), (54, None), (53, "volume_changed"), (30, "volume_changed"), (29, "volume_collapsed")],
)
def test_fewer_values_than_in_the_last_run(judge: Judge, kept: int, check: str | None) -> None:
    others = [r for r in values() if r["metric"] != "won_value"]
    mine = [r for r in values() if r["metric"] == "won_value"]
    found = failed(run(judge, [*others, *mine[-kept:]], values()))
    assert set(found) == ({check} if check else set())


def test_growth_is_flagged(judge: Judge) -> None:
    found = failed(run(judge, values(130), values(60)))
    assert found["volume_changed"].severity is Severity.WARN


def test_a_restated_history_is_flagged_unless_the_definition_changed(judge: Judge) -> None:
    now = values()
    for row in now:
        if row["metric"] == "competitive_wins":
            row["value"] = 2.0
    found = failed(run(judge, now, values()))
    assert found["history_restated"].metric_ids == ("competitive_wins",)
    assert found["history_restated"].rows_failed == 60
    for row in now:
        row["definition_hash"] = "b" * 64
    assert "history_restated" not in failed(run(judge, now, values()))


def test_drifted_values_are_flagged(judge: Judge) -> None:
    now = values()
    for row in now:
        if row["metric"] == "won_value":
            row["value"] = float(str(row["value"])) * 3
    assert failed(run(judge, now, values()))["values_drifted"].metric_ids == ("won_value",)


def test_a_renamed_segment_is_a_drifted_mix(judge: Judge) -> None:
    def mix(name: str) -> list[Row]:
        return [
            _month("competitive_wins", i, 2.0) | {"segment_dimension": "region", "segment_value": region}
            for i in range(4)
            for region in (name, "na")
        ]

    assert failed(run(judge, mix("emea"), mix("emea"))) == {}
    assert "segment_mix_drifted" in failed(run(judge, mix("EMEA"), mix("emea")))


# ── failing closed ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_rule_that_cannot_be_measured_holds_everything(judge: Judge, tmp_path) -> None:
    (tmp_path / "quality").mkdir()
    (tmp_path / "quality" / "identities.yml").write_text(
        "identities: [{id: odd, left: created, right: \"'x' + won_value\", grains: [day]}]"
    )
    odd = replace(CATALOGUE, root=tmp_path)
    results = run(judge, values(), checked=odd)
    assert [r.check_id for r in results if r.raised] == ["kpi_value.odd"]
    assert not decide(results, odd).publish


@pytest.mark.parametrize(
    "text", ["read_csv('x')", "created; DROP TABLE v", "(SELECT 1)", "v.created", "previous(a, b)"]
)
def test_an_identity_is_arithmetic_over_metrics(judge: Judge, tmp_path, text: str) -> None:
    (tmp_path / "quality").mkdir()
    (tmp_path / "quality" / "identities.yml").write_text(
        f'identities: [{{id: a, left: "{text}", right: created}}]'
    )
    results = run(judge, values(), checked=replace(CATALOGUE, root=tmp_path))
    assert results[0].raised
    assert "identities.yml" in results[0].message


def test_an_exception_inside_great_expectations_publishes_nothing(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    from great_expectations.core.batch_definition import BatchDefinition

    def dying(*_: object, **__: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(BatchDefinition, "get_batch", dying)
    results = run(judge, values())
    assert any(r.raised for r in results)
    assert not decide(results, CATALOGUE).publish


wild = st.floats(allow_nan=True, allow_infinity=True, width=64)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.none() | wild,
    numerator=st.none() | wild,
    denominator=st.none() | wild,
    state=st.sampled_from(["final", "provisional", "no_data", "insufficient_sample", "blocked"]),
)
def test_nothing_that_passes_is_nan_infinite_or_an_unexplained_null(
    judge: Judge, number: float | None, numerator: float | None, denominator: float | None, state: str
) -> None:
    row = value("win_rate", YESTERDAY, number)
    row.update(numerator=numerator, denominator=denominator, value_state=state)
    if not failed(run(judge, [row])):
        assert (number is None) == (state in ("no_data", "insufficient_sample", "blocked"))
        assert number is None or 0 <= number <= 1
        for part in (number, numerator, denominator):
            assert part is None or abs(part) < float("inf")


def test_the_schema_of_the_factory_is_the_contract(judge: Judge) -> None:
    from quality.computed import SCHEMA

    assert list(SCHEMA) == VALUE_SCHEMA.names
