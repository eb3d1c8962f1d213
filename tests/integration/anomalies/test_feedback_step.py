"""What people say of a flag, by command, INSERT or annotation, through the detection step of the next run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, insert, text

import definitions
from definitions import load_catalogue
from definitions.versions import definition_hashes
from pipelines import handover
from pipelines.alerts.acknowledge import Verdict, acknowledge
from pipelines.alerts.raising import to_publish
from pipelines.alerts.sources import anomalies
from pipelines.anomalies.feedback import FeedbackVerdict
from pipelines.installation import Installation
from pipelines.publishing import Publication, open_reporting, publish, reading, writing
from pipelines.publishing.dictionary import dictionary_rows
from pipelines.publishing.migrations import upgrade
from pipelines.publishing.records import AnomalyRow
from pipelines.publishing.schema import alert_acknowledgement, annotation, anomaly_feedback
from pipelines.steps import detect as step
from pipelines.steps.assess import COLOURED
from pipelines.steps.feedback import words
from pipelines.warehouse import Warehouse, open_warehouse
from pipelines.workspace import Workspace
from tests.integration.anomalies.value_frames import AS_OF, DAYS, FIRST, frame, tickets

LATE = DAYS - 2
LATE_DAY = FIRST + timedelta(days=LATE)


@dataclass
class Company:
    """The shipped dictionary with one metric's values, published day by day; `day` is the last complete one."""

    workspace: Workspace
    engine: Engine
    day: date = AS_OF

    @property
    def now(self) -> datetime:
        return datetime.combine(self.day + timedelta(days=1), time(7), UTC)

    @property
    def installation(self) -> Installation:
        return Installation(self.workspace.at(lambda: self.now), CATALOGUE, (), ())

    def run(self, parts: Mapping[str, np.ndarray], day: date = AS_OF) -> list[AnomalyRow]:
        """Detect over the values up to a day and publish what was found, alerts included."""
        self.day = day
        known = {name: values[: (day - FIRST).days + 1] for name, values in parts.items()}
        with open_warehouse(self.workspace.warehouse_url) as warehouse:
            warehouse.write(COLOURED, frame(known))
            step.detect(self.installation, warehouse)
            rows, covered = self._left(warehouse)
        found = anomalies(rows, covered, CATALOGUE, self.installation.places)
        publication = Publication(
            f"run-{day}",
            "1.0.0",
            day,
            dictionary=dictionary_rows(
                CATALOGUE, definition_hashes(CATALOGUE), first=FIRST, last=date(2026, 12, 31)
            ),
            anomalies=rows,
            anomaly_coverage=covered,
            alerts=to_publish(self.engine, found, CATALOGUE, self.now, run_id=f"run-{day}"),
        )
        publish(self.engine, publication, clock=lambda: self.now, run_id=publication.publication_id)
        return [row for row in rows if row.metric_id == "ticket_volume"]

    def _left(self, warehouse: Warehouse) -> tuple[tuple[AnomalyRow, ...], tuple[Any, ...]]:
        return handover.take(warehouse, step.ANOMALIES, AnomalyRow), step.coverage(warehouse)

    def episode(self) -> str:
        """The alert that the last flag raised."""
        with reading(self.engine) as connection:
            found = connection.execute(
                text(
                    "SELECT episode FROM alert_log WHERE subject_id LIKE 'ticket_volume/%' ORDER BY alert_key DESC"
                )
            )
            return str(found.scalars().first())

    def open_anomalies(self) -> list[tuple[Any, ...]]:
        """What readers see."""
        with reading(self.engine) as connection:
            rows = connection.execute(text("SELECT period_start, kind FROM open_anomalies"))
            return [tuple(row) for row in rows]

    def say(self, table: Any, **values: Any) -> None:
        with writing(self.engine) as connection:
            connection.execute(insert(table).values(**values))


CATALOGUE = load_catalogue(Path(definitions.__file__).parent / "catalogue")


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    workspace = Workspace.from_environment({"VITALS_HOME": str(tmp_path)})
    engine = open_reporting(workspace.reporting_url)
    upgrade(engine)
    yield Company(workspace, engine)
    engine.dispose()


def states(rows: list[AnomalyRow]) -> list[tuple[date, str]]:
    return [(row.period_start, row.state) for row in rows]


def day(place: int) -> date:
    return FIRST + timedelta(days=place)


@pytest.mark.parametrize(
    ("verdict", "state"),
    [(Verdict.ACKNOWLEDGED, "acknowledged"), (Verdict.EXPECTED, "expected"), (Verdict.FALSE, "resolved")],
)
def test_an_answer_to_the_alert_is_the_flags_state_from_the_next_run_on(
    company: Company, verdict: Verdict, state: str
) -> None:
    parts = tickets({LATE: 90})
    assert states(company.run(parts)) == [(LATE_DAY, "open")]
    assert company.open_anomalies()
    acknowledge(
        company.engine, company.episode(), "ana", company.now, verdict=verdict, reason="portal outage"
    )
    assert states(company.run(parts)) == [(LATE_DAY, state)]
    assert (company.open_anomalies() == []) is (verdict is not Verdict.ACKNOWLEDGED)


def test_a_false_flags_like_is_not_raised_again(company: Company) -> None:
    again = LATE + 9
    parts = tickets({LATE: 90, again: 85, again + 2: 900}, days=DAYS + 20)
    assert states(company.run(parts)) == [(LATE_DAY, "open")]
    acknowledge(company.engine, company.episode(), "ana", company.now, verdict=Verdict.FALSE)
    later = company.run(parts, day(again + 3))
    assert states(later) == [(LATE_DAY, "resolved"), (day(again + 2), "open")]  # ten times as many is news


def test_an_expected_range_bends_neither_the_band_nor_what_is_expected(company: Company) -> None:
    first, last = LATE - 40, LATE - 10
    campaign = dict.fromkeys(range(first, last + 1), 60.0)
    parts, plain = tickets({**campaign, LATE: 90}), tickets({LATE: 90})
    (undisturbed,) = [row for row in company.run(plain) if row.period_start == LATE_DAY]
    company.say(
        anomaly_feedback,
        metric_id="ticket_volume",
        segment_key=None,
        start_date=day(first),
        end_date=day(last),
        verdict="expected",
        reason="spring campaign",
        given_by="ana",
        created_at=company.now,
    )
    rows = company.run(parts)
    (row,) = [row for row in rows if row.period_start == LATE_DAY]
    assert {row.state for row in rows if day(first) <= row.period_start <= day(last)} <= {"expected"}
    for bound in ("expected", "lower_bound", "upper_bound"):
        assert getattr(row, bound) == pytest.approx(getattr(undisturbed, bound), rel=0.12), bound


def test_a_row_inserted_by_hand_counts_like_an_answer(company: Company) -> None:
    parts = tickets({LATE: 90})
    company.run(parts)
    company.say(
        alert_acknowledgement,
        episode=company.episode(),
        verdict="false",
        given_by="ana",
        created_at=company.now,
    )
    (word,) = words(company.installation).feedback
    assert (word.metric, word.start, word.end, word.segment) == ("ticket_volume", LATE_DAY, day(DAYS), None)
    assert states(company.run(parts)) == [(LATE_DAY, "resolved")]


def test_an_answer_is_counted_once_though_it_is_recorded_twice(company: Company) -> None:
    company.run(tickets({LATE: 90}))
    acknowledge(
        company.engine, company.episode(), "ana", company.now, verdict=Verdict.EXPECTED, reason="launch"
    )
    with reading(company.engine) as connection:
        tables = (alert_acknowledgement, anomaly_feedback)
        assert [len(connection.execute(table.select()).all()) for table in tables] == [1, 1]
    (word,) = words(company.installation).feedback
    assert (word.verdict, word.reason) == (FeedbackVerdict.EXPECTED, "launch")


def test_an_annotation_explains_and_where_it_is_expected_leaves_the_history(company: Company) -> None:
    note = {
        "metric_id": None,
        "start_date": LATE_DAY,
        "end_date": LATE_DAY,
        "title": "Move to the new portal",
        "author_email": "ana@example.org",
        "created_at": company.now,
    }
    company.run(tickets())
    company.say(annotation, is_expected=False, **note)
    (row,) = company.run(tickets({LATE: 90}))
    assert row.state == "open"
    assert row.root_cause[-1]["label"] == "annotation: Move to the new portal"
    assert "Move to the new portal" in (row.suggested_action or "")
    company.say(annotation, is_expected=True, **note)
    assert states(company.run(tickets({LATE: 90}))) == [(LATE_DAY, "expected")]


def test_words_about_a_metric_that_is_gone_are_left_alone(company: Company) -> None:
    company.run(tickets({LATE: 90}))
    acknowledge(company.engine, company.episode(), "ana", company.now)
    metrics = {name: metric for name, metric in CATALOGUE.metrics.items() if name != "ticket_volume"}
    smaller = replace(company.installation, catalogue=replace(CATALOGUE, metrics=metrics))
    assert words(smaller).feedback == ()
