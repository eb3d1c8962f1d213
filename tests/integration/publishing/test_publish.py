"""Write, audit, publish: what becomes a revision, what stays, what is held back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pipelines.publishing import BlockedMetric, Coverage, Outcome, Staged, publish
from pipelines.publishing.engine import writing
from pipelines.publishing.errors import InvalidPublication, PublicationRefused
from pipelines.publishing.records import AlertRow, AnomalyRow, FindingRow, QualityResultRow
from tests.integration.publishing.kit import (
    Clock,
    assert_whole,
    dictionary,
    metric,
    publication,
    put,
    rows,
    value,
    version,
)

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
VALUES = (
    "SELECT metric_id, period_start, value, value_state, revision FROM {} ORDER BY metric_id, period_start"
)


def current(
    engine: Engine, columns: str = "value, value_state, status, revision, revision_kind"
) -> list[Any]:
    """Current values, in order."""
    return rows(
        engine,
        f"SELECT {columns} FROM kpi_value WHERE is_current ORDER BY metric_id, period_grain, segment_key, period_start",
    )


def test_what_is_published_is_what_was_computed(engine: Engine) -> None:
    result = put(
        engine,
        "p1",
        value("csat", JANUARY, 0.8),
        value("csat", FEBRUARY, 0.85),
        value("revenue", FEBRUARY, 10),
    )
    assert result.outcome is Outcome.PUBLISHED
    assert current(engine, "metric_id, value, value_state, status, revision, revision_kind") == [
        ("csat", 0.8, "final", "amber", 1, "first"),
        ("csat", 0.85, "final", "amber", 1, "first"),
        ("revenue", 10.0, "final", "amber", 1, "first"),
    ]
    assert result.tables["kpi_value"].current == result.tables["kpi_value"].inserted == 3
    assert_whole(engine)


def test_the_same_publication_twice_changes_nothing(engine: Engine) -> None:
    first = put(engine, "p1", value())
    second = put(engine, "p1", value(number=0.99))
    assert second.outcome is Outcome.ALREADY_PUBLISHED
    assert (second.batch_id, second.tables) == (first.batch_id, first.tables)
    assert current(engine, "value") == [(0.85,)]


def test_an_unchanged_value_gets_no_revision(engine: Engine) -> None:
    put(engine, "p1", value(), value("csat", JANUARY, 0.8))
    result = put(engine, "p2", value("csat", JANUARY, 0.8), value())
    counts = result.tables["kpi_value"]
    assert (counts.inserted, counts.retired, counts.refreshed, counts.current) == (0, 0, 0, 2)
    assert_whole(engine)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"value": 0.86}, "restated"),
        ({"numerator": 86.0}, "restated"),
        ({"denominator": 101.0}, "restated"),
        ({"target_value": 0.95}, "retargeted"),
        ({"status": "red"}, "retargeted"),
        ({"version": 2}, "redefined"),
    ],
)
def test_each_of_the_six_differences_makes_a_revision(
    engine: Engine, change: dict[str, Any], kind: str
) -> None:
    put(engine, "p1", value())
    closed = version("csat", is_current=False, valid_to=date(2026, 1, 1))
    versions = (closed, version("csat", 2), *dictionary().versions[1:])
    put(
        engine,
        "p2",
        value(**change),
        dictionary=dictionary(versions=versions),
        restatement_reason="late ratings",
    )
    assert current(engine, "revision, revision_kind") == [(2, kind)]
    defined = f"computed by another definition: version 2, {versions[1].change_reason}"
    reasons = {"restated": "late ratings", "redefined": defined, "retargeted": None}
    assert current(engine, "revision_reason") == [(reasons[kind],)]
    assert rows(engine, "SELECT count(*) FROM kpi_value") == [(2,)]
    assert_whole(engine)


@pytest.mark.parametrize(
    "change",
    [
        {"previous_value": 0.7},
        {"trend": "improving"},
        {"sample_size": 99},
        {"state_reason": "settles until May"},
    ],
)
def test_what_follows_from_other_periods_is_brought_up_to_date_without_a_revision(
    engine: Engine, change: dict[str, Any]
) -> None:
    put(engine, "p1", value())
    result = put(engine, "p2", value(**change))
    assert result.tables["kpi_value"].refreshed == 1
    [column] = change
    assert current(engine, f"revision, {column}") == [(1, change[column])]


def test_a_running_period_moves_on_and_settles(engine: Engine) -> None:
    put(engine, "p1", value(number=0.7, value_state="provisional"))
    put(engine, "p2", value(number=0.75, value_state="provisional"))
    put(engine, "p3", value(number=0.75))
    history = rows(engine, "SELECT revision, revision_kind, value FROM kpi_value ORDER BY revision")
    assert history == [(1, "first", 0.7), (2, "provisional_update", 0.75), (3, "settled", 0.75)]


def test_a_segment_that_has_gone_leaves_the_current_publication_and_may_come_back(engine: Engine) -> None:
    total = value("csat", FEBRUARY, 0.85)
    emea = value("csat", FEBRUARY, 0.8, segment_dimension="region", segment_value="emea")
    put(engine, "p1", total, emea)
    put(engine, "p2", total)
    assert current(engine, "segment_key") == [("total",)]
    assert_whole(engine)
    put(engine, "p3", total, emea)
    assert current(engine, "segment_key, revision, revision_kind") == [
        ("region=emea", 2, "returned"),
        ("total", 1, "first"),
    ]
    assert_whole(engine)


def test_nothing_outside_the_coverage_is_touched(engine: Engine) -> None:
    put(
        engine,
        "p1",
        value("csat", JANUARY, 0.8),
        value("csat", FEBRUARY, 0.85),
        value("revenue", FEBRUARY, 10),
    )
    put(engine, "p2", value("csat", FEBRUARY, 0.9), coverage=(Coverage("csat", "month", FEBRUARY, FEBRUARY),))
    assert current(engine, "metric_id, period_start, value") == [
        ("csat", _day(engine, JANUARY), 0.8),
        ("csat", _day(engine, FEBRUARY), 0.9),
        ("revenue", _day(engine, FEBRUARY), 10.0),
    ]


def test_a_fingerprint_of_yesterday_does_not_hide_what_went_in_between(engine: Engine) -> None:
    whole = (Coverage("csat", "month", JANUARY, FEBRUARY),)
    put(engine, "p1", value("csat", JANUARY, 0.8), value("csat", FEBRUARY, 0.85), coverage=whole)
    put(engine, "p2", coverage=whole)
    assert current(engine) == []
    put(engine, "p3", value("csat", JANUARY, 0.8), value("csat", FEBRUARY, 0.85), coverage=whole)
    assert current(engine, "value, revision") == [(0.8, 2), (0.85, 2)]
    assert_whole(engine)


def test_a_new_definition_closes_the_one_before(engine: Engine) -> None:
    put(engine, "p1", value())
    put(engine, "p2", value(version=2), dictionary=dictionary(
        metrics=(metric("csat", current_version=2), *dictionary().metrics[1:]),
        versions=(version("csat", 2), *dictionary().versions[1:]),
    ))  # fmt: skip
    history = rows(
        engine,
        "SELECT version, is_current, valid_to FROM metric_dictionary WHERE metric_id = 'csat' ORDER BY version",
    )
    assert [(number, bool(now)) for number, now, _ in history] == [(1, False), (2, True)]
    assert str(history[0][2]) == "2026-01-01"


def test_what_leaves_the_dictionary_stays_for_its_history(engine: Engine) -> None:
    put(engine, "p1", value("revenue", FEBRUARY, 10))
    left = dictionary()
    put(engine, "p2", dictionary=replace(
        left,
        metrics=tuple(m for m in left.metrics if m.metric_id != "revenue"),
        edges=tuple(e for e in left.edges if e.parent_metric_id != "revenue"),
    ))  # fmt: skip
    assert rows(engine, "SELECT metric_id FROM kpi_latest WHERE metric_id = 'revenue'") == []
    assert rows(engine, "SELECT value FROM kpi_monthly WHERE metric_id = 'revenue'") == [(10.0,)]


def test_the_north_star_can_change_hands(engine: Engine) -> None:
    put(engine, "p1")
    metrics = (
        metric("csat"),
        metric("ticket_volume", hierarchy_level="north_star"),
        *dictionary().metrics[2:],
    )
    put(engine, "p2", dictionary=dictionary(metrics=metrics))
    assert rows(engine, "SELECT metric_id FROM metric WHERE hierarchy_level = 'north_star'") == [
        ("ticket_volume",)
    ]


# ── held-back metrics ───────────────────────────────────────────────────────────────────────────────────────


def test_a_blocked_metric_keeps_its_last_good_values(engine: Engine) -> None:
    running = date(2026, 3, 1)
    put(engine, "p1", value("csat", FEBRUARY, 0.85), value("csat", running, 0.7, value_state="provisional"),
        value("revenue", running, 5))  # fmt: skip
    put(engine, "p2", value("csat", FEBRUARY, 0.1), value("csat", running, 0.2, value_state="provisional"),
        value("revenue", running, 6), blocked=(BlockedMetric("csat", "ratings fell by 90 %", "volume"),))  # fmt: skip
    assert current(engine, "metric_id, value, value_state, state_reason, last_good_value, status") == [
        ("csat", 0.85, "final", None, None, "amber"),
        ("csat", None, "blocked", "ratings fell by 90 %", 0.7, "stale"),
        ("revenue", 6.0, "final", None, None, "amber"),
    ]
    assert rows(engine, "SELECT metric_id, reason FROM blocked_metrics") == [("csat", "ratings fell by 90 %")]
    latest = rows(
        engine, "SELECT value, last_good_value, is_blocked FROM kpi_latest WHERE metric_id = 'csat'"
    )
    assert [(v, good, bool(held)) for v, good, held in latest] == [(0.85, 0.85, True)]
    assert_whole(engine)


def test_a_blocked_metric_that_was_not_even_computed_is_blocked_all_the_same(engine: Engine) -> None:
    put(engine, "p1", value("csat", FEBRUARY, 0.85, value_state="provisional"))
    put(engine, "p2", blocked=(BlockedMetric("csat", "no data arrived"),))
    assert current(engine, "value, value_state, last_good_value") == [(None, "blocked", 0.85)]
    put(engine, "p3", blocked=(BlockedMetric("csat", "no data arrived"),))
    assert current(engine, "revision, last_good_value") == [(2, 0.85)]


def test_a_released_metric_is_published_again_and_says_so(engine: Engine) -> None:
    put(engine, "p1", value(number=0.85, value_state="provisional"))
    clock = Clock()
    put(
        engine,
        "p2",
        value(number=0.2, value_state="provisional"),
        blocked=(BlockedMetric("csat", "x"),),
        clock=clock,
    )
    put(engine, "p3", value(number=0.86, value_state="provisional"))
    assert current(engine, "value, revision_kind, last_good_value") == [(0.86, "unblocked", None)]
    assert rows(engine, "SELECT metric_id FROM blocked_metrics") == []


def test_an_unchanged_block_of_a_metric_that_is_now_held_back_is_not_skipped(engine: Engine) -> None:
    put(engine, "p1", value(value_state="provisional"))
    put(engine, "p2", value(value_state="provisional"), blocked=(BlockedMetric("csat", "stale source"),))
    assert current(engine, "value_state") == [("blocked",)]
    put(engine, "p3", value(value_state="provisional"))
    assert current(engine, "value_state") == [("provisional",)]


def test_since_when_a_metric_is_blocked_does_not_move(engine: Engine) -> None:
    clock = Clock()
    put(engine, "p1", value(value_state="provisional"), clock=clock)
    put(engine, "p2", blocked=(BlockedMetric("csat", "90 rows"),), clock=clock)
    since = rows(engine, "SELECT blocked_at FROM blocked_metrics")
    put(engine, "p3", blocked=(BlockedMetric("csat", "95 rows"),), clock=clock)
    assert rows(engine, "SELECT blocked_at FROM blocked_metrics") == since
    assert rows(engine, "SELECT reason FROM blocked_metrics") == [("95 rows",)]


# ── audits ──────────────────────────────────────────────────────────────────────────────────────────────────


def result(passed: bool, *metrics: str, severity: str = "error", check: str = "bounds") -> QualityResultRow:
    """The result of a check that blocks."""
    return QualityResultRow(
        check_id=check,
        asset="kpi_values",
        source_system="vitals",
        dimension="validity",
        severity=severity,
        passed=passed,
        message="a ratio above 1",
        blocks_publish=True,
        checked_at=datetime(2026, 3, 1, tzinfo=UTC),
        metric_ids=metrics,
        rows_checked=2,
        rows_failed=0 if passed else 1,
        sample_keys=("csat 2026-02",),
    )


def test_an_audit_sees_what_is_staged_and_what_is_published(engine: Engine) -> None:
    put(engine, "p1", value(number=0.5))
    seen = []

    def look(staged: Staged) -> Iterator[QualityResultRow]:
        seen.append((staged.staged_values().to_pylist(), staged.published_values().to_pylist()))
        yield result(True)

    publish(engine, publication("p2", value(number=2.0000005)), clock=Clock(), run_id="r", audits=(look,))
    [([staged], [published])] = seen
    assert (staged["metric_id"], staged["segment_key"], staged["value"]) == ("csat", "total", 2.0)
    assert published["value"] == 0.5
    checks = rows(engine, "SELECT check_id, passed, rows_checked, metric_ids FROM check_results")
    assert [(c, bool(p), n, m) for c, p, n, m in checks] == [("bounds", True, 2, "")]


def test_a_failed_audit_holds_back_its_metrics_and_not_the_rest(engine: Engine) -> None:
    put(engine, "p1", value("csat", number=0.5, value_state="provisional"), value("revenue", number=1))
    outcome = publish(
        engine,
        publication("p2", value("csat", number=7, value_state="provisional"), value("revenue", number=2)),
        clock=Clock(),
        run_id="r",
        audits=(lambda staged: [result(False, "csat")],),
    )
    assert [entry.metric for entry in outcome.blocked] == ["csat"]
    assert current(engine, "metric_id, value, value_state, last_good_value") == [
        ("csat", None, "blocked", 0.5),
        ("revenue", 2.0, "final", None),
    ]
    assert rows(engine, "SELECT metric_id FROM data_quality_metric") == [("csat",)]


def test_a_warning_publishes(engine: Engine) -> None:
    audits = (lambda staged: [result(False, "csat", severity="warn")],)
    publish(engine, publication("p1", value()), clock=Clock(), run_id="r", audits=audits)
    assert current(engine, "value") == [(0.85,)]
    assert rows(engine, "SELECT health, warnings_failed FROM data_health") == [("amber", 1)]


@pytest.mark.parametrize("raises", [False, True])
def test_an_audit_that_names_no_metric_or_raises_refuses_the_publication(
    engine: Engine, raises: bool
) -> None:
    put(engine, "p1", value())

    def check(staged: Staged) -> list[QualityResultRow]:
        if raises:
            raise ZeroDivisionError("division by zero")
        return [result(False)]

    with pytest.raises(PublicationRefused) as refusal:
        publish(engine, publication("p2", value(number=0.1)), clock=Clock(), run_id="r", audits=(check,))
    assert refusal.value.checks == (["check"] if raises else ["bounds"])
    assert current(engine, "value") == [(0.85,)]
    assert_whole(engine)


def test_what_one_check_says_twice_is_one_row(engine: Engine) -> None:
    passed, first = result(True, "csat"), result(False, "csat")
    second = replace(
        first, message="another column too", metric_ids=("revenue",), sample_keys=("revenue 2026-02",)
    )
    put(engine, "p1", value(), quality_results=(passed, replace(first, severity="warn"), second))
    found = rows(engine, "SELECT passed, severity, message, metric_ids, rows_failed FROM check_results")
    assert found == [(False, "error", "a ratio above 1; another column too", "csat, revenue", 2)]
    assert_whole(engine)


def test_the_latest_result_of_a_check_is_the_current_one(engine: Engine) -> None:
    put(engine, "p1", quality_results=(result(True, "csat"), result(True, check="volume")))
    put(engine, "p2", quality_results=(result(False, "csat", severity="warn"),))
    found = rows(engine, "SELECT check_id, passed FROM check_results ORDER BY check_id")
    assert [(check, bool(passed)) for check, passed in found] == [("bounds", False), ("volume", True)]
    assert rows(engine, "SELECT count(*) FROM data_quality_result") == [(3,)]
    assert_whole(engine)


# ── what is wrong is said by name ───────────────────────────────────────────────────────────────────────────


def test_a_reference_that_leads_nowhere_is_named(engine: Engine) -> None:
    broken = dictionary(metrics=(metric("csat", owner_key="nobody"), *dictionary().metrics[1:]))
    with pytest.raises(InvalidPublication, match="metric csat refers to person 'nobody'"):
        put(engine, "p1", dictionary=broken)
    assert rows(engine, "SELECT count(*) FROM publish_batch") == [(0,)]


def test_a_value_of_an_unknown_definition_is_named(engine: Engine) -> None:
    with pytest.raises(InvalidPublication, match="csat version 3"):
        put(engine, "p1", value(version=3))


def test_a_broken_rule_of_the_schema_publishes_nothing(engine: Engine) -> None:
    put(engine, "p1", value())
    broken = dictionary(metrics=(metric("csat", unit_family="wishes"), *dictionary().metrics[1:]))
    with pytest.raises(InvalidPublication, match="unit_family"):
        put(engine, "p2", value(number=0.1), dictionary=broken)
    assert current(engine, "value") == [(0.85,)]
    assert_whole(engine)


# ── the other facts ─────────────────────────────────────────────────────────────────────────────────────────


def flag(start: date, **changes: Any) -> AnomalyRow:
    """A flagged month of csat."""
    plain = AnomalyRow("csat", "month", start, "", "", "default", "1", 0.5, 0.8, 0.7, 0.9, 4.2, "warning",
                       "unfavourable", "point", "fell", "look", ({"segment": "emea", "share": 0.7},))  # fmt: skip
    return replace(plain, **changes)


def test_a_flag_that_is_no_longer_raised_is_retired_within_its_coverage(engine: Engine) -> None:
    covered = (Coverage("csat", "month", JANUARY, FEBRUARY),)
    put(engine, "p1", anomalies=(flag(JANUARY), flag(FEBRUARY)), anomaly_coverage=covered)
    put(engine, "p2", anomalies=(flag(FEBRUARY),), anomaly_coverage=covered)
    assert rows(engine, "SELECT period_start, kind FROM open_anomalies") == [
        (_day(engine, FEBRUARY), "point")
    ]
    put(engine, "p3")
    assert rows(engine, "SELECT count(*) FROM open_anomalies") == [(1,)]
    put(engine, "p4", anomaly_coverage=covered)
    assert rows(engine, "SELECT count(*) FROM open_anomalies") == [(0,)]
    assert_whole(engine)


def test_findings_are_replaced_as_a_whole_and_none_leaves_them(engine: Engine) -> None:
    def finding(message: str) -> FindingRow:
        return FindingRow("KPI_COUNT_TEAM", "warning", "team", "support", message, "fewer", "teams.yml", 3)

    put(engine, "p1", findings=(finding("9 KPIs"), finding("again")))
    put(engine, "p2")
    assert rows(engine, "SELECT message FROM definition_findings ORDER BY message") == [
        ("9 KPIs",),
        ("again",),
    ]
    put(engine, "p3", findings=())
    assert rows(engine, "SELECT message FROM definition_findings") == []


def test_a_changed_target_is_a_revision(engine: Engine) -> None:
    put(engine, "p1")
    targets = (
        replace(dictionary().targets[0], target_value=0.92, reason="we are doing well"),
        dictionary().targets[1],
    )
    put(engine, "p2", dictionary=dictionary(targets=targets))
    history = rows(
        engine,
        "SELECT target_value, revision, reason FROM target_history WHERE metric_id = 'csat' ORDER BY revision",
    )
    assert history == [(0.9, 1, None), (0.92, 2, "we are doing well")]


def alert(key: str = "late:source:jira@2026-03-01T06:00:00Z#firing", **changes: Any) -> AlertRow:
    """A queued alert."""
    plain = AlertRow(key, key.split("#")[0], "firing", "late", "source", "jira", "warning", "person:ana", "mail",
                     "queued", "route", "Jira is late", "{}", datetime(2026, 3, 1, tzinfo=UTC))  # fmt: skip
    return replace(plain, **changes)


def test_an_alert_is_queued_once_however_often_it_is_published(engine: Engine) -> None:
    put(engine, "p1", alerts=(alert(), alert(recipient="team:support")))
    put(engine, "p2", alerts=(alert(), alert(delivery_state="suppressed", reason="silenced")))
    put(engine, "p3", alerts=(alert(delivery_state="suppressed", reason="silenced"),))
    found = rows(
        engine, "SELECT recipient, delivery_state, count(*) FROM alert_history GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert found == [("person:ana", "queued", 1), ("team:support", "queued", 1)]


def test_a_failed_alert_may_be_queued_again(engine: Engine) -> None:
    put(engine, "p1", alerts=(alert(),))
    with writing(engine) as connection:
        connection.execute(text("UPDATE alert_log SET delivery_state = 'failed'"))
    put(engine, "p2", alerts=(alert(),))
    found = rows(engine, "SELECT delivery_state FROM alert_history ORDER BY alert_key")
    assert found == [("failed",), ("queued",)]


def test_alerts_are_committed_with_their_batch_or_not_at_all(engine: Engine) -> None:
    with pytest.raises(PublicationRefused):
        put(engine, "p1", alerts=(alert(),), quality_results=(result(False),))
    assert rows(engine, "SELECT count(*) FROM alert_log") == [(0,)]


def _day(engine: Engine, day: date) -> object:
    return day.isoformat() if engine.dialect.name == "sqlite" else day
