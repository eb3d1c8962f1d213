"""Answers to alerts: by command, by the page behind a signed link, by INSERT; and digests from published rows."""

from __future__ import annotations

import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import uvicorn
from sqlalchemy import Engine, insert, select, text
from starlette.applications import Starlette
from starlette.routing import Mount

from definitions.model import Cycle, KeyResult, Objective
from pipelines.alerts import outbox
from pipelines.alerts.acknowledge import CannotAcknowledge, Verdict, acknowledge
from pipelines.alerts.acknowledge_page import acknowledge_app
from pipelines.alerts.digest import digests
from pipelines.alerts.drain import drain
from pipelines.alerts.model import Severity
from pipelines.alerts.raising import raise_now, to_publish
from pipelines.alerts.signing import LinkSigner
from pipelines.alerts.silencing import CannotSilence, silence
from pipelines.alerts.sources import Found
from pipelines.publishing.dictionary import dictionary_rows
from pipelines.publishing.engine import reading, writing
from pipelines.publishing.publication import STATUS_SCHEMA, VALUE_SCHEMA, Publication
from pipelines.publishing.publish import publish
from pipelines.publishing.records import KeyResultScoreRow
from pipelines.publishing.schema import alert_acknowledgement, alert_log, anomaly_feedback
from tests.integration.alerts.conftest import FakeClock
from tests.integration.alerts.receivers import free_port, http_receiver, mailbox, until
from tests.integration.alerts.test_alert_drain import channels_to, raise_alerts
from tests.unit.alerts.company import MONDAY, alert, catalogue, metric

KEY_RESULT = KeyResult(
    "kr1", "Raise CSAT from 80 % to 90 %", "ben", "increase", "outcome", metric="csat", target=0.9
)
OBJECTIVE = Objective("o1", "Customers who stay", "support", "cleo", "2026-Q1", (KEY_RESULT,))
CYCLE = Cycle("2026-Q1", "Q1", date(2026, 1, 1), date(2026, 3, 31), "open", (OBJECTIVE,))
CATALOGUE = catalogue(metric(), cycles=(CYCLE,))
SIGNER = LinkSigner((b"k" * 32,), "http://127.0.0.1", 14)
ABOUT = alert(severity=Severity.CRITICAL)


@pytest.fixture
def company(engine: Engine) -> Engine:
    """A reporting database in which the small company is published."""
    publish_at(engine, "p0", MONDAY - timedelta(days=30))
    return engine


def publish_at(engine: Engine, name: str, now: datetime, **more: Any) -> None:
    rows = dictionary_rows(CATALOGUE, {"csat": "a" * 64}, first=date(2025, 1, 1), last=date(2026, 12, 31))
    publication = Publication(name, "1.0.0", now.date(), dictionary=rows, **more)
    publish(engine, publication, clock=lambda: now, run_id=name)


def rows_of(engine: Engine, table: Any) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


# ── by command ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_stops_escalation_and_stands_in_the_history(company: Engine, clock: FakeClock) -> None:
    with http_receiver() as receiver, mailbox() as box:
        channels = channels_to(receiver, box)
        raise_alerts(company, ABOUT)
        drain(company, channels, clock)
        clock.forward(minutes=5)
        assert acknowledge(company, ABOUT.episode, "ana", clock.now) == "csat/day/total is unusual"
        clock.forward(hours=9)
        assert drain(company, channels, clock).escalated == 0
    found = {(row["acknowledged_by"], row["acknowledged_at"]) for row in rows_of(company, alert_log)}
    assert found == {("ana", MONDAY + timedelta(minutes=5))}


def test_expected_teaches_the_detector(company: Engine) -> None:
    raise_alerts(company, ABOUT)
    acknowledge(
        company,
        ABOUT.episode,
        "ana@example.com",
        MONDAY + timedelta(days=2),
        verdict=Verdict.EXPECTED,
        reason="campaign",
    )
    (feedback,) = rows_of(company, anomaly_feedback)
    assert (feedback["metric_id"], feedback["segment_key"], feedback["verdict"]) == (
        "csat",
        "total",
        "expected",
    )
    assert (feedback["start_date"], feedback["end_date"]) == (date(2026, 3, 2), date(2026, 3, 4))
    (answer,) = rows_of(company, alert_acknowledgement)
    assert (answer["expected_from"], answer["expected_to"]) == (date(2026, 3, 2), date(2026, 3, 4))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"episode": "late:source:x@2026-03-02T10:00:00Z"}, "there is no alert"),
        ({"by": " "}, "who answers"),
        ({"verdict": Verdict.EXPECTED}, "needs its reason"),
        ({"expected_from": date(2026, 3, 9), "expected_to": date(2026, 3, 1)}, "before it starts"),
    ],
)
def test_an_answer_that_says_nothing_is_refused(sqlite: Engine, change: dict[str, Any], problem: str) -> None:
    raise_alerts(sqlite, ABOUT)
    facts: dict[str, Any] = {"episode": ABOUT.episode, "by": "ana", **change}
    with pytest.raises(CannotAcknowledge, match=problem):
        acknowledge(sqlite, facts.pop("episode"), facts.pop("by"), MONDAY, **facts)
    assert rows_of(sqlite, alert_acknowledgement) == []


def test_an_insert_by_hand_counts_as_well(company: Engine, clock: FakeClock) -> None:
    raise_alerts(company, ABOUT)
    with writing(company) as connection:
        connection.execute(
            insert(alert_acknowledgement).values(
                episode=ABOUT.episode, verdict="acknowledged", given_by="sam", created_at=MONDAY
            )
        )
        assert outbox.take_over_acknowledgements(connection) == 3
        assert outbox.take_over_acknowledgements(connection) == 0


def test_an_insert_by_hand_teaches_the_detector_once(company: Engine, clock: FakeClock) -> None:
    """A plain INSERT as an SQL client writes it, and one that names no alert of a known metric."""
    raise_alerts(company, ABOUT)
    core = "kpi_input." if company.dialect.name == "postgresql" else ""
    with writing(company) as connection:
        for episode in (ABOUT.episode, "anomaly:metric:gone/day/total@2026-03-02T10:00:00Z", "no episode"):
            connection.execute(
                text(
                    f"INSERT INTO {core}alert_acknowledgement (episode, verdict, reason, given_by, created_at)"
                    " VALUES (:episode, 'expected', 'outage', 'sam', :at)"
                ),
                {"episode": episode, "at": "2026-03-03 09:00:00+00:00"[: 19 if not core else 25]},
            )
    clock.forward(days=2)
    with http_receiver() as receiver, mailbox() as box:
        for _ in range(2):
            drain(company, channels_to(receiver, box), clock)
    (feedback,) = rows_of(company, anomaly_feedback)
    assert (feedback["metric_id"], feedback["segment_key"], feedback["verdict"]) == (
        "csat",
        "total",
        "expected",
    )
    assert (feedback["start_date"], feedback["end_date"]) == (date(2026, 3, 2), date(2026, 3, 3))
    assert (feedback["reason"], feedback["given_by"]) == ("outage", "sam")


def test_an_answer_does_not_cover_what_got_worse_afterwards(company: Engine) -> None:
    was = replace(ABOUT, severity=Severity.WARNING)
    raise_alerts(company, was)
    acknowledge(company, was.episode, "ana", MONDAY + timedelta(minutes=1))
    raise_alerts(company, ABOUT, now=MONDAY + timedelta(hours=1))
    with writing(company) as connection:
        outbox.take_over_acknowledgements(connection)
        memory = outbox.recall(connection, MONDAY + timedelta(hours=1))
    assert memory.incidents[was.identity].acknowledged_by is None
    assert {row["notice"]: row["acknowledged_by"] for row in rows_of(company, alert_log)} == {
        "firing": "ana",
        "worsened": None,
    }


def test_a_silence_says_who_why_and_until_when(engine: Engine) -> None:
    number = silence(engine, "ana", "migration", MONDAY, MONDAY + timedelta(hours=2), subject="csat/*")
    with reading(engine) as connection:
        (found,) = outbox.silences(connection, MONDAY)
        assert outbox.silences(connection, MONDAY + timedelta(hours=2)) == ()
    assert (found.id, found.reason) == (number, "migration")
    assert found.covers(ABOUT, MONDAY)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"by": ""}, "who asks"),
        ({"reason": " "}, "why"),
        ({"ends_at": MONDAY}, "not after"),
        ({"ends_at": MONDAY + timedelta(days=91)}, "over 90 days"),
        ({"subject": None}, "everything"),
        ({"alert_type": "anomally"}, "no alert type"),
    ],
)
def test_a_silence_that_is_too_wide_is_refused(sqlite: Engine, change: dict[str, Any], problem: str) -> None:
    facts: dict[str, Any] = {
        "by": "ana", "reason": "drill", "starts_at": MONDAY, "ends_at": MONDAY + timedelta(hours=1),
        "subject": "csat/*", **change,
    }  # fmt: skip
    with pytest.raises(CannotSilence, match=problem):
        silence(sqlite, **facts)


# ── by the page ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def page(sqlite_company: Engine) -> Iterator[str]:
    """The page behind the link, served on loopback."""
    port = free_port()
    app = acknowledge_app(sqlite_company, SIGNER, lambda: MONDAY + timedelta(hours=1))
    with served(app, port):
        yield f"http://127.0.0.1:{port}/acknowledge"


@contextmanager
def served(app: Starlette, port: int) -> Iterator[None]:
    """An application on loopback."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert until(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def sqlite_company(sqlite: Engine) -> Engine:
    publish_at(sqlite, "p0", MONDAY - timedelta(days=30))
    raise_alerts(sqlite, replace(ABOUT, title="<script>alert(1)</script> & co"))
    return sqlite


def call(url: str, token: str, form: dict[str, str] | None = None) -> tuple[int, str, dict[str, str]]:
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    try:
        with urllib.request.urlopen(
            f"{url}?{urllib.parse.urlencode({'token': token})}", data, timeout=10
        ) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def test_opening_the_link_answers_nothing_and_the_button_does(page: str, sqlite_company: Engine) -> None:
    token = SIGNER.token(ABOUT.episode, "person:ana", MONDAY)
    for _ in range(3):  # mail scanners open links
        status, shown, headers = call(page, token)
        assert status == 200
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert rows_of(sqlite_company, alert_acknowledgement) == []
    assert call(page, token, {"verdict": "acknowledged"})[0] == 200
    (answer,) = rows_of(sqlite_company, alert_acknowledgement)
    assert (answer["given_by"], answer["verdict"]) == ("ana", "acknowledged")


def test_the_page_takes_a_reason_and_a_range(page: str, sqlite_company: Engine) -> None:
    token = SIGNER.token(ABOUT.episode, "person:ana", MONDAY)
    form = {"verdict": "expected", "reason": "outage; 'quoted'", "from": "2026-03-01", "to": "2026-03-02"}
    assert call(page, token, form)[0] == 200
    (feedback,) = rows_of(sqlite_company, anomaly_feedback)
    assert (feedback["reason"], feedback["start_date"]) == ("outage; 'quoted'", date(2026, 3, 1))


def test_from_the_alert_through_the_link_to_the_log(sqlite_company: Engine, clock: FakeClock) -> None:
    """The whole way: a delivered alert carries a link, scanners open it, its reader answers, escalation stops."""
    port = free_port()
    settings = CATALOGUE.settings.alerts.model_copy(
        update={"link_base": f"http://127.0.0.1:{port}/vitals", "link_key": "env:LINK_KEY"}
    )
    with http_receiver() as receiver, mailbox() as box:
        channels = channels_to(receiver, box, settings, LINK_KEY="o" * 32)
        drain(sqlite_company, channels, clock)
        links = {arrival.body["alerts"][0]["acknowledge"] for arrival in receiver.arrivals}
        assert all(link.startswith(f"http://127.0.0.1:{port}/vitals/acknowledge?token=") for link in links)
        (letter,) = [message for _, message in box.messages]
        body = letter.get_body(("html",))
        assert body is not None
        assert "/vitals/acknowledge?token=" in body.get_content().replace("&amp;", "&")
        # The key was replaced since: the new one signs, the old one still opens what was sent.
        signer = channels_to(receiver, box, settings, LINK_KEY=f"{'n' * 32} {'o' * 32}").signer()
        assert signer is not None
        app = Starlette(routes=[Mount("/vitals", acknowledge_app(sqlite_company, signer, clock))])
        with served(app, port):
            link = min(links)
            for method in ("GET", "HEAD", "GET"):
                with urllib.request.urlopen(
                    urllib.request.Request(link, method=method), timeout=10
                ) as answer:
                    assert answer.status == 200
            assert rows_of(sqlite_company, alert_acknowledgement) == []
            address, _, token = link.partition("?token=")
            clock.forward(minutes=3)
            assert call(address, urllib.parse.unquote(token), {"verdict": "acknowledged"})[0] == 200
            clock.forward(hours=9)
            assert drain(sqlite_company, channels, clock).escalated == 0
            clock.forward(days=settings.link_days)
            assert call(address, urllib.parse.unquote(token), {"verdict": "false"})[0] == 403
        assert [row["given_by"] for row in rows_of(sqlite_company, alert_acknowledgement)] != []
        assert all(row["acknowledged_by"] for row in rows_of(sqlite_company, alert_log))


@pytest.mark.parametrize(
    ("token", "form", "status"),
    [
        ("", None, 403),
        ("nonsense", {}, 403),
        ("expired", {}, 403),
        ("good", {"verdict": "expected"}, 400),
        ("good", {"verdict": "maybe"}, 400),
        ("good", {"verdict": "expected", "reason": "x", "from": "yesterday"}, 400),
        ("good", {"reason": "x" * 20_000}, 400),
        ("other", None, 400),
    ],
)
def test_what_the_page_refuses(
    page: str, sqlite_company: Engine, token: str, form: dict[str, str] | None, status: int
) -> None:
    tokens = {
        "good": SIGNER.token(ABOUT.episode, "person:ana", MONDAY),
        "expired": SIGNER.token(ABOUT.episode, "person:ana", MONDAY - timedelta(days=20)),
        "other": SIGNER.token("late:source:x@2026-03-02T10:00:00Z", "person:ana", MONDAY),
    }
    assert call(page, tokens.get(token, token), form)[0] == status
    assert rows_of(sqlite_company, alert_acknowledgement) == []


# ── with a publication ──────────────────────────────────────────────────────────────────────────────────────


def test_alerts_commit_with_the_batch_that_raised_them(company: Engine) -> None:
    found = Found((ABOUT,))
    rows = to_publish(company, found, CATALOGUE, MONDAY)
    assert rows_of(company, alert_log) == []
    publish_at(company, "p1", MONDAY, alerts=rows)
    written = rows_of(company, alert_log)
    assert [(row["delivery_state"], row["batch_id"] is not None) for row in written] == [("queued", True)] * 3
    # A retried publication, and the next one that finds the same, write nothing new.
    publish_at(company, "p1", MONDAY, alerts=rows)
    publish_at(company, "p2", MONDAY + timedelta(hours=1), alerts=rows)
    again = to_publish(company, found, CATALOGUE, MONDAY + timedelta(hours=2))
    assert again == ()
    assert rows_of(company, alert_log) == written


def week(day: date, value: float, status: str) -> dict[str, Any]:
    return {
        "metric": "csat", "version": 1, "definition_hash": "a" * 64, "grain": "week",
        "period_start": day, "period_end": day + timedelta(days=6),
        "segment_dimension": "", "segment_value": "", "value": value, "numerator": None, "denominator": None,
        "sample_size": 10, "value_state": "final", "state_reason": None, "target_value": 0.9, "attainment": value / 0.9,
        "status": status, "trend": "flat", "previous_value": None, "change_abs": None, "change_pct": None,
        "same_period_last_year": None,
    }  # fmt: skip


def score(day: date, status: str) -> KeyResultScoreRow:
    return KeyResultScoreRow("kr1", day, 10, "ratio", "on_track", status, score=Decimal("0.7"))


def test_a_digest_says_which_kpis_and_key_results_changed_this_week(company: Engine) -> None:
    monday = MONDAY.replace(day=9, hour=9)
    schema = pa.unify_schemas([VALUE_SCHEMA, STATUS_SCHEMA])
    frame = pa.Table.from_pylist(
        [week(date(2026, 2, 23), 0.92, "green"), week(date(2026, 3, 2), 0.7, "red")], schema=schema
    )
    scores = (score(date(2026, 3, 1), "on_track"), score(date(2026, 3, 8), "at_risk"))
    publish_at(company, "digest", monday - timedelta(hours=2), values=frame, key_result_scores=scores)
    (found,) = digests(company, CATALOGUE, monday).alerts
    assert (found.team, found.title) == ("support", "Your week: 2 changes")
    assert [(fact.label, fact.text) for fact in found.facts] == [
        ("Raise CSAT from 80 % to 90 %", "on track → at risk (warning)"),
        ("CSAT", "green → red (critical)"),
    ]
    assert raise_now(company, Found((found,)), CATALOGUE, monday) == 1
    assert (
        raise_now(company, digests(company, CATALOGUE, monday + timedelta(hours=3)), CATALOGUE, monday) == 0
    )
    assert digests(company, CATALOGUE, monday + timedelta(days=1)) == Found()
    # A week later, nothing has changed since.
    assert digests(company, CATALOGUE, monday + timedelta(days=7)) == Found()
