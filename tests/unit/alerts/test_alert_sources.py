"""What a run found, as alerts: one source after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from definitions.model import (
    Band,
    Change,
    Cycle,
    Direction,
    KeyResult,
    Objective,
    Target,
)
from definitions.settings import Settings
from pipelines.alerts.decide import decide
from pipelines.alerts.model import Alert, AlertType, Severity
from pipelines.alerts.sources import (
    Found,
    anomalies,
    check_ins,
    check_ins_due,
    definitions_changed,
    failed_checks,
    key_results,
    late,
    places,
    published,
    red_lines,
    run_failed,
    run_succeeded,
)
from pipelines.alerts.sources.series import series_of
from pipelines.publishing.publication import VALUE_SCHEMA, Coverage
from pipelines.publishing.records import AnomalyRow, FreshnessRow, KeyResultScoreRow, QualityResultRow
from pipelines.scoring.cadence import Message, Nudge, Rung
from pipelines.scoring.checkin import CheckIn
from tests.unit.alerts.company import MONDAY, SETTINGS, catalogue, metric, world

CATALOGUE = catalogue()
WHERE = places(CATALOGUE)
TESTED = (Coverage("csat", "day", date(2025, 1, 1), date(2026, 3, 1)),)


def flag(day: date = date(2026, 3, 1), **changes: object) -> AnomalyRow:
    made = AnomalyRow(
        metric_id="csat", period_grain="day", period_start=day, segment_dimension="", segment_value="",
        detector="robust", detector_version="1", observed=0.71, expected=0.88, lower_bound=0.84, upper_bound=0.91,
        score=5.2, severity="warning", effect="unfavourable", kind="point",
        explanation="71 % on Sun 1 Mar 2026, expected 84 %–91 %; lowest Sunday in 60 weeks",
        suggested_action="Look at the release of Friday.",
        root_cause=({"label": "region=emea", "text": "-9 points"},),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def one(found: Found) -> Alert:
    (alert,) = found.alerts
    return alert


# ── anomalies ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_open_flag_on_the_latest_period() -> None:
    found = one(anomalies([flag()], TESTED, CATALOGUE, WHERE))
    assert found.identity == "anomaly:metric:csat/day/total"
    assert found.title == "CSAT: 71 % (Sun 1 Mar 2026), expected 84 %–91 %"
    assert found.since == datetime(2026, 3, 1, tzinfo=UTC)
    assert (found.team, found.owner, found.severity) == ("support", "ana", Severity.WARNING)
    assert found.action == "Look at the release of Friday."
    assert [(c.label, c.text) for c in found.contributors] == [("region=emea", "-9 points")]
    assert found.rests_on == ("metric:csat", "source:intercom", "table:support.tickets")
    assert {fact.label: fact.value for fact in found.facts}["Expected"] == 0.88


def test_history_is_no_alert() -> None:
    flags = [flag(date(2025, 6, 1) + timedelta(days=day)) for day in range(0, 200, 10)]
    found = anomalies(flags, TESTED, CATALOGUE, WHERE)
    assert found.alerts == ()
    assert (AlertType.ANOMALY, "csat/day") in found.covered.scopes


def test_flags_in_a_row_are_one_alert_that_says_the_latest() -> None:
    found = one(anomalies([flag(), flag(date(2026, 2, 28), observed=0.6)], TESTED, CATALOGUE, WHERE))
    assert found.since == datetime(2026, 2, 28, tzinfo=UTC)
    assert found.title.startswith("CSAT: 71 %")


@pytest.mark.parametrize("state", ["acknowledged", "expected", "resolved"])
def test_what_a_person_answered_is_not_open(state: str) -> None:
    assert anomalies([flag(state=state)], TESTED, CATALOGUE, WHERE).alerts == ()


def test_segments_are_series_of_their_own() -> None:
    flags = [flag(), flag(segment_dimension="region|tier", segment_value="emea|pro")]
    found = anomalies(flags, TESTED, CATALOGUE, WHERE)
    assert [a.subject.id for a in found.alerts] == ["csat/day/region|tier=emea|pro", "csat/day/total"]
    assert found.alerts[0].title.startswith("CSAT (emea, pro): ")


@pytest.mark.parametrize(("total", "told"), [("warning", 1), ("info", 41)])
def test_a_bad_day_of_the_total_is_not_also_one_of_each_segment_unless_that_is_worse(
    total: str, told: int
) -> None:
    segments = [flag(segment_dimension="region", segment_value=f"r{n}") for n in range(40)]
    found = anomalies([flag(severity=total), *segments], TESTED, CATALOGUE, WHERE)
    decisions = decide(found.alerts, found.covered, world())
    assert len({decision.alert.identity for decision in decisions if decision.is_sent}) == told


def test_far_below_baseline_is_a_type_of_its_own() -> None:
    found = one(anomalies([flag(kind="below_baseline")], TESTED, CATALOGUE, WHERE))
    assert found.type is AlertType.BELOW_BASELINE
    assert found.title.endswith("far below its baseline")


def test_a_good_surprise_is_news_and_not_a_problem() -> None:
    assert one(anomalies([flag(effect="favourable")], TESTED, CATALOGUE, WHERE)).severity is Severity.INFO


def test_a_restricted_metric_shows_no_value_anywhere() -> None:
    hidden = catalogue(metric(visibility="restricted", restricted_to=("finance",)))
    found = one(anomalies([flag()], TESTED, hidden, places(hidden), lambda *_: ()))
    assert found.is_restricted
    shown = repr(found)
    for number in ("71", "84", "91", "0.88", "emea"):
        assert number not in shown.replace("2026", ""), number


def test_a_flag_of_an_unknown_metric_is_left_alone() -> None:
    assert anomalies([flag(metric_id="gone")], TESTED, CATALOGUE, WHERE).alerts == ()


def values(*rows: tuple[str, str, date, float | None, str]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "metric": name, "version": 1, "grain": grain, "period_start": start, "period_end": start,
                "segment_dimension": "", "segment_value": "", "value": value, "numerator": None, "denominator": None,
                "sample_size": 10, "value_state": state, "state_reason": None,
            }
            for name, grain, start, value, state in rows
        ],
        schema=VALUE_SCHEMA,
    )  # fmt: skip


def test_a_chart_shows_the_latest_periods_and_the_bands_of_flags() -> None:
    days = [date(2025, 11, 1) + timedelta(days=n) for n in range(121)]
    frame = values(*(("csat", "day", day, 0.9, "final") for day in days))
    found = one(anomalies([flag()], TESTED, CATALOGUE, WHERE, series_of(frame, [flag()])))
    assert len(found.chart) == 90
    assert [point.day for point in found.chart if point.is_flagged] == [date(2026, 3, 1)]
    assert (found.chart[-1].lower, found.chart[-2].lower) == (0.84, None)


# ── red lines ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("direction", "value", "fires"),
    [
        (Direction.INCREASE, 0.60, True), (Direction.INCREASE, 0.61, False), (Direction.INCREASE, 0.2, True),
        (Direction.DECREASE, 0.60, True), (Direction.DECREASE, 0.59, False), (Direction.DECREASE, 0.9, True),
    ],
)  # fmt: skip
def test_at_or_beyond_red_at_is_critical(direction: Direction, value: float, fires: bool) -> None:
    known = catalogue(metric(direction=direction, red_at=0.60))
    found = red_lines(values(("csat", "week", date(2026, 2, 23), value, "final")), known, places(known))
    assert [alert.severity for alert in found.alerts] == ([Severity.CRITICAL] if fires else [])
    assert (AlertType.RED_LINE, "csat/week") in found.covered.scopes


def test_only_the_latest_final_value_at_the_headline_grain_counts() -> None:
    known = catalogue(metric(red_at=0.60))
    frame = values(
        ("csat", "week", date(2026, 2, 16), 0.50, "final"),
        ("csat", "week", date(2026, 2, 23), 0.90, "final"),
        ("csat", "week", date(2026, 3, 2), 0.10, "provisional"),
        ("csat", "day", date(2026, 3, 1), 0.10, "final"),
    )
    assert red_lines(frame, known, places(known)).alerts == ()


def test_a_metric_without_a_value_was_not_looked_at() -> None:
    known = catalogue(metric(red_at=0.60))
    assert red_lines(values(), known, places(known)) == Found()


def test_the_line_of_a_target_holds_in_its_period_and_segment() -> None:
    target = Target(
        "csat", (), "month", "2026-Q1", date(2026, 1, 1), date(2026, 3, 31), "gte", 0.9, red_at=0.7
    )  # fmt: skip
    known = catalogue(metric(), targets=(target,))
    inside = values(("csat", "month", date(2026, 2, 1), 0.65, "final"))
    assert (
        one(red_lines(inside, known, places(known))).title
        == "CSAT: 65 % (February 2026), beyond the red line at 70 %"
    )
    outside = values(("csat", "month", date(2026, 4, 1), 0.65, "final"))
    assert red_lines(outside, known, places(known)).alerts == ()


def test_beside_a_band_the_line_belongs_to_its_side() -> None:
    known = catalogue(metric(direction=Direction.WITHIN, band=Band(0.3, 0.5), red_at=0.8))
    low = values(("csat", "week", date(2026, 2, 23), 0.1, "final"))
    high = values(("csat", "week", date(2026, 2, 23), 0.85, "final"))
    assert red_lines(low, known, places(known)).alerts == ()
    assert len(red_lines(high, known, places(known)).alerts) == 1


# ── goals ───────────────────────────────────────────────────────────────────────────────────────────────────

KEY_RESULT = KeyResult(
    "kr1", "Raise CSAT from 80 % to 90 %", "ben", "increase", "outcome", metric="csat", target=0.9
)
OBJECTIVE = Objective("o1", "Customers who stay", "support", "cleo", "2026-Q1", (KEY_RESULT,))
CYCLE = Cycle("2026-Q1", "Q1", date(2026, 1, 1), date(2026, 3, 31), "open", (OBJECTIVE,))
GOALS = catalogue(metric(), cycles=(CYCLE,))


def score(**changes: object) -> KeyResultScoreRow:
    made = KeyResultScoreRow(
        "kr1", date(2026, 3, 1), 60, "ratio", "at_risk", "at_risk",
        current_value=0.82, score=Decimal("0.42"), expected_progress=Decimal("0.66"),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "pace", "expected"),
    [
        ("at_risk", "off_pace", [(AlertType.KEY_RESULT, Severity.INFO)]),
        ("off_track", None, [(AlertType.KEY_RESULT, Severity.WARNING)]),
        ("on_track", "off_pace", [(AlertType.PACE, Severity.INFO)]),
        ("on_track", "behind", []),
        ("stale", "off_pace", []),
        ("achieved", None, []),
        ("no_data", None, []),
    ],
)
def test_a_key_result_has_one_alert_at_a_time(
    status: str, pace: str | None, expected: list[tuple[AlertType, Severity]]
) -> None:
    found = key_results([score(published_status=status, pace_status=pace)], GOALS, places(GOALS))
    assert [(alert.type, alert.severity) for alert in found.alerts] == expected
    assert {kind for kind, _ in found.covered.scopes} == {AlertType.KEY_RESULT, AlertType.PACE}


def test_a_key_result_alert_goes_to_its_owner_and_says_where_it_stands() -> None:
    found = one(key_results([score()], GOALS, places(GOALS)))
    assert (found.owner, found.team) == ("ben", "support")
    assert [(fact.label, fact.text) for fact in found.facts] == [
        ("Now", "82 %"), ("Target", "90 %"), ("Score", "0.42"), ("Expected by now", "66 %"),
    ]  # fmt: skip


def test_a_restricted_metrics_key_result_shows_its_score_and_hides_its_value() -> None:
    hidden = catalogue(metric(visibility="restricted"), cycles=(CYCLE,))
    found = one(key_results([score()], hidden, places(hidden)))
    assert [fact.label for fact in found.facts] == ["Score", "Expected by now"]


def test_closed_cycles_and_frozen_scores_are_quiet() -> None:
    closed = catalogue(metric(), cycles=(replace(CYCLE, state="closed"),))
    assert key_results([score()], closed, places(closed)) == Found()
    assert key_results([score(is_final=True)], GOALS, places(GOALS)) == Found()


def test_nudges_become_alerts_for_one_person_with_a_key_per_rung() -> None:
    due = date(2026, 2, 27)
    messages = [
        Message("ben@example.com", (Nudge("kr1", due, 0, Rung.DUE),)),
        Message("sam", (Nudge("kr1", due, 7, Rung.LEAD),)),
        Message("nobody@example.com", (Nudge("kr1", due, 0, Rung.DUE),)),
    ]
    found = check_ins_due(messages, GOALS, places(GOALS)).alerts
    assert [alert.audience for alert in found] == [("person:ben",), ("person:sam",)]
    assert [alert.title for alert in found] == [
        "Check-in is due today: Raise CSAT from 80 % to 90 %",
        "Check-in was due 7 days ago: Raise CSAT from 80 % to 90 %",
    ]
    assert len({alert.episode for alert in found}) == 2


def test_check_ins_are_told_to_the_team_and_old_ones_are_history() -> None:
    def check_in(number: int, at: datetime, **more: object) -> CheckIn:
        facts: dict[str, object] = {
            "key_result": "kr1", "on": at.date(), "author": "ben@example.com", "how_it_happened": "two hires",
            "confidence": Decimal("0.7"), "created_at": at, "check_in_id": number, **more,
        }  # fmt: skip
        return CheckIn(**facts)  # type: ignore[arg-type]

    written = [
        check_in(1, MONDAY - timedelta(days=30)),
        check_in(2, MONDAY),
        check_in(3, MONDAY, supersedes=2, blockers="none left"),
    ]
    found = check_ins(written, GOALS, places(GOALS), MONDAY).alerts
    assert [alert.subject.id for alert in found] == ["2", "3"]
    assert [alert.title.partition(":")[0] for alert in found] == ["Check-in", "Check-in corrected"]
    assert found[0].audience == ("team:support",)
    assert ("By", "Ben Ode") in [(fact.label, fact.text) for fact in found[0].facts]


# ── operations ──────────────────────────────────────────────────────────────────────────────────────────────


def fresh(asset: str, *, is_late: bool = True, days: float = 1.5, system: str = "intercom") -> FreshnessRow:
    """Data that may be a day old and is `days` old."""
    return FreshnessRow(system, asset, 86_400, is_late, data_through_at=MONDAY - timedelta(days=days))


def test_a_late_system_is_one_alert_and_breaks_itself() -> None:
    found = one(late([fresh("conversations"), fresh("tickets")], CATALOGUE, WHERE, MONDAY))
    assert found.identity == "late:source:intercom"
    assert found.title == "intercom: data is late (2 of 2 assets)"
    assert (found.breaks, found.severity, found.team) == (("source:intercom",), Severity.WARNING, "data")
    assert found.since == MONDAY - timedelta(hours=12)


def test_a_late_table_of_a_fresh_system_breaks_the_table_alone() -> None:
    rows = [fresh("support.tickets"), fresh("support.other", is_late=False)]
    assert one(late(rows, CATALOGUE, WHERE, MONDAY)).breaks == ("table:support.tickets",)


def test_a_table_of_two_systems_is_no_system_of_its_own() -> None:
    found = one(late([fresh("accounts", system="salesforce, intercom")], CATALOGUE, WHERE, MONDAY))
    assert found.breaks == ("source:intercom", "source:salesforce")
    assert found.team == "data"


def test_an_owner_may_be_a_person() -> None:
    person = replace(CATALOGUE.sources["tickets"], owner="dora")
    known = replace(CATALOGUE, sources={"tickets": person})
    found = one(late([fresh("support.tickets")], known, places(known), MONDAY))
    assert (found.team, found.owner) == ("data", "dora")


def test_twice_as_old_as_allowed_is_critical() -> None:
    def severity(days: float, lateness: int = 0) -> Severity:
        row = replace(fresh("tickets", days=days), lateness_seconds=lateness)
        return one(late([row], CATALOGUE, WHERE, MONDAY)).severity

    assert [severity(days) for days in (1.01, 1.99, 2, 9)] == [Severity.WARNING] * 2 + [Severity.CRITICAL] * 2
    # How late rows arrive is not how old the data is.
    assert severity(1.5, lateness=9 * 86_400) is Severity.WARNING


def test_a_fresh_system_was_looked_at() -> None:
    found = late([fresh("tickets", is_late=False)], CATALOGUE, WHERE, MONDAY)
    assert found.alerts == ()
    assert found.covered.scopes == {(AlertType.LATE, "intercom")}


def check(**changes: object) -> QualityResultRow:
    made = QualityResultRow(
        "volume", "support.tickets", "intercom", "volume", "error", False, "393 rows after 102 the run before", False,
        MONDAY, metric_ids=("csat",), rows_checked=393, rows_failed=291,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("severity", "blocks", "expected", "breaks"),
    [
        ("warn", False, Severity.INFO, ()),
        ("error", False, Severity.WARNING, ("metric:csat",)),
        ("error", True, Severity.CRITICAL, ("metric:csat",)),
    ],
)
def test_a_failed_check(severity: str, blocks: bool, expected: Severity, breaks: tuple[str, ...]) -> None:
    found = one(failed_checks([check(severity=severity, blocks_publish=blocks)], CATALOGUE, WHERE))
    assert (found.severity, found.breaks) == (expected, breaks)
    assert found.title == "support.tickets: 393 rows after 102 the run before"


def test_a_failed_check_that_names_no_metric_breaks_its_table_or_system() -> None:
    assert one(failed_checks([check(metric_ids=())], CATALOGUE, WHERE)).breaks == ("table:support.tickets",)
    elsewhere = check(metric_ids=(), asset="salesforce.raw")
    assert one(failed_checks([elsewhere], CATALOGUE, WHERE)).breaks == ("source:intercom",)


def test_a_check_that_passed_was_looked_at() -> None:
    found = failed_checks([check(passed=True)], CATALOGUE, WHERE)
    assert found.alerts == ()
    assert found.covered.scopes == {(AlertType.CHECK_FAILED, "support.tickets/volume")}


def test_a_failed_run_is_an_incident_of_its_job() -> None:
    found = run_failed(
        "daily", "run-1", "boom", MONDAY, team="data", systems=["intercom"], run_url="http://x/run-1"
    )
    assert one(found).identity == "run_failed:job:daily"
    assert one(found).breaks == ("source:intercom",)
    assert found.covered == run_succeeded("daily").covered


def test_a_publication_that_changed_nothing_is_no_news() -> None:
    assert published("p1", date(2026, 3, 1), 0, MONDAY, WHERE) == Found()
    assert one(published("p1", date(2026, 3, 1), 12, MONDAY, WHERE)).audience == ("everyone",)


def test_a_changed_definition_is_told_for_two_weeks() -> None:
    change = Change(2, date(2026, 2, 20), "Spam is left out.", "ana", "sam", restate_from=date(2025, 1, 1))
    known = catalogue(metric(version=2, changes=(change,)))
    found = one(definitions_changed(known, places(known), date(2026, 3, 2)))
    assert found.audience == ("person:ana", "team:support")
    assert found.detail == "Spam is left out. Values since 2025-01-01 are computed anew."
    assert definitions_changed(known, places(known), date(2026, 3, 6)) == Found()
    first = catalogue(metric(version=1, changes=(replace(change, version=1),)))
    assert definitions_changed(first, places(first), date(2026, 3, 2)) == Found()


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("breaking", "CSAT is defined anew (version 2)"),
        ("clarify", "CSAT is worded more clearly (version 2); its values stay as they are"),
        ("new", "CSAT is a new metric (version 2)"),
    ],
)
def test_a_changed_definition_is_called_what_the_change_is(kind: str, title: str) -> None:
    change = Change(2, date(2026, 2, 20), "Spam is left out.", "ana", "sam", kind=kind)
    known = catalogue(metric(label="CSAT", version=2, changes=(change,)))
    found = one(definitions_changed(known, places(known), date(2026, 3, 2)))
    assert found.title == title
    assert [fact.label for fact in found.facts] == ["Proposed by", "Approved by"]


def test_a_deprecated_metric_is_told_with_its_last_day_and_its_successor() -> None:
    change = Change(2, date(2026, 2, 20), "Nobody uses it.", "ana", "sam", kind="retire")
    old = metric(
        label="CSAT", version=2, changes=(change,), status="deprecated",
        replaced_by="csat_all", deprecated_on=date(2026, 6, 30),
    )  # fmt: skip
    known = catalogue(old, metric(name="csat_all", label="CSAT of all"))
    found = one(definitions_changed(known, places(known), date(2026, 3, 2)))
    assert found.title == "CSAT is deprecated"
    facts = [(fact.label, fact.text) for fact in found.facts]
    assert facts[:2] == [("Computed through", "2026-06-30"), ("Use instead", "CSAT of all")]


def test_links_lead_into_the_report_where_it_has_an_address() -> None:
    base = SETTINGS.model_copy(update={"report_base": "https://vitals.example.com/"})
    linked = catalogue(settings=Settings(alerts=base))
    found = one(anomalies([flag()], TESTED, linked, places(linked)))
    assert [link.url for link in found.links] == ["https://vitals.example.com/metric-csat.html"]
