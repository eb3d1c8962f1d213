"""`vitals alerts …` on a real reporting database with the shipped catalogue: what people see and may do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from definitions import load_catalogue
from definitions.model import Catalogue
from definitions.versions import definition_hashes
from pipelines.alerts.decision import Covered, scope
from pipelines.alerts.model import Alert, AlertType, Contributor, Fact, Severity, Subject
from pipelines.alerts.raising import raise_now
from pipelines.alerts.sources import Found
from pipelines.cli.app import app
from pipelines.cli.output import console
from pipelines.publishing.dictionary import dictionary_rows
from pipelines.publishing.engine import open_reporting, reading
from pipelines.publishing.migrations import upgrade
from pipelines.publishing.publication import Publication
from pipelines.publishing.publish import publish
from pipelines.publishing.schema import alert_acknowledgement, alert_log, anomaly_feedback
from pipelines.workspace import Workspace
from tests.integration.alerts.conftest import cleared
from tests.integration.alerts.receivers import Mailbox, Receiver, http_receiver, mailbox

NOW = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)  # a Monday
Run = Callable[..., tuple[int, str]]


@dataclass(frozen=True)
class Installed:
    """An installation that has published its dictionary, with receivers for its channels."""

    engine: Engine
    catalogue: Catalogue
    receiver: Receiver
    box: Mailbox

    def raise_alerts(self, *alerts: Alert, at: datetime = NOW) -> int:
        covered = Covered(frozenset((each.type, scope(each)) for each in alerts))
        return raise_now(self.engine, Found(alerts, covered), self.catalogue, at)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Engine, Catalogue]]:
    home = tmp_path_factory.mktemp("alerts")
    catalogue = load_catalogue(Workspace.from_environment({}).catalogue)
    engine = open_reporting(f"sqlite:///{home / 'reporting.db'}")
    upgrade(engine)
    dictionary = dictionary_rows(
        catalogue, definition_hashes(catalogue), first=date(2026, 1, 1), last=date(2026, 12, 31)
    )
    before = NOW - timedelta(days=30)
    publish(
        engine,
        Publication("p0", "1.0.0", before.date(), dictionary=dictionary),
        clock=lambda: before,
        run_id="p0",
    )
    yield home, engine, catalogue
    engine.dispose()


@pytest.fixture
def installed(
    published: tuple[Path, Engine, Catalogue], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installed]:
    home, engine, catalogue = published
    with http_receiver() as receiver, mailbox() as box:
        for name, text in {
            "VITALS_HOME": str(home),
            "VITALS_NOW": NOW.isoformat(),
            "VITALS_MAIL_URL": f"mailto://127.0.0.1:{box.port}?from=vitals@example.com&mode=insecure",
            "VITALS_ON_CALL_URL": f"json://127.0.0.1:{receiver.port}/on-call",
        }.items():
            monkeypatch.setenv(name, text)
        # A console measures the screen when it is made, which another test may have done before.
        monkeypatch.setattr(console, "_width", 200)
        for name in ("VITALS_CATALOGUE", "VITALS_REPORTING_URL", "VITALS_USER"):
            monkeypatch.delenv(name, raising=False)
        yield Installed(cleared(engine), catalogue, receiver, box)


@pytest.fixture
def vitals() -> Run:
    """Calls `vitals alerts …`; returns the exit code and everything it said."""

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["alerts", *arguments], catch_exceptions=False)
        return result.exit_code, result.output

    return run


def told(run: Run, *arguments: str) -> Any:
    code, output = run(*arguments, "--json")
    assert code == 0, output
    return json.loads(output)


def csat(severity: Severity = Severity.CRITICAL, segment: str = "total", **more: Any) -> Alert:
    return Alert(
        AlertType.ANOMALY,
        Subject("metric", f"csat/day/{segment}", "Customer satisfaction"),
        severity,
        NOW,
        "Customer satisfaction: 71 % (Mon 15 Jun 2026), expected 84 %–91 % [/b]",
        team="support",
        owner="head_of_support",
        facts=(Fact("Value", "71 %", 0.71),),
        contributors=(Contributor("region=emea", "-0.09, 71 %"),),
        **more,
    )


def rows_of(engine: Engine, table: Any) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_list_shows_what_is_open_the_worst_first(installed: Installed, vitals: Run) -> None:
    assert vitals("list") == (0, "nothing is open\n")
    late = Alert(
        AlertType.LATE, Subject("source", "jira"), Severity.WARNING, NOW, "jira: data is late", "engineering"
    )
    installed.raise_alerts(late, csat())
    rows = told(vitals, "list")
    assert [(row["severity"], row["team"]) for row in rows] == [
        ("critical", "support"),
        ("warning", "engineering"),
    ]
    assert "person:head_of_support over mail" in rows[0]["told"]
    assert [row["team"] for row in told(vitals, "list", "--team", "support")] == ["support"]
    assert len(told(vitals, "list", "--severity", "critical")) == 1
    table = vitals("list")[1]
    assert "Customer satisfaction: 71 %" in table
    assert "head_of_support by mail" in table
    # The last column is enough for `ack`: as much of the episode as only one alert contains.
    assert any(line.split()[-1] == "csat/day/total" for line in table.splitlines())


def test_history_shows_every_notice_and_why_it_was_held_back(installed: Installed, vitals: Run) -> None:
    broken = Alert(
        AlertType.LATE, Subject("source", "intercom"), Severity.CRITICAL, NOW, "late", "engineering",
        breaks=("source:intercom",),
    )  # fmt: skip
    installed.raise_alerts(broken, csat(rests_on=("source:intercom",)))
    rows = told(vitals, "list", "--history")
    held = [row for row in rows if row["state"] == "suppressed"]
    assert [(row["reason"], row["by"]) for row in held] == [("inhibited", "late:source:intercom")]
    assert {row["state"] for row in told(vitals, "list", "--history", "--state", "queued")} == {"queued"}
    code, output = vitals("list", "--history", "--state", "sended")
    assert (code, "did you mean sent?" in output or "queued" in output) == (2, True)


def test_show_tells_everything_about_one(installed: Installed, vitals: Run) -> None:
    installed.raise_alerts(csat())
    (shown,) = told(vitals, "show", "csat/day/total")
    assert shown["state"] == "open"
    assert shown["facts"] == {"Value": "71 %"}
    assert (shown["owner"], shown["team"]) == ("Sofia Duarte", "Support")
    assert {row["channel"] for row in shown["notices"]} == {"mail", "on_call"}
    text = vitals("show", shown["episode"])[1]
    assert "84 %–91 % [/b]" in text  # text from data is no markup
    assert "region=emea" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("csat/day/totl", "did you mean anomaly:metric:csat/day/total"),
        ("csat", "could be anomaly:metric:csat/day/region=emea, anomaly:metric:csat/day/total"),
        ("nothing like it", "vitals alerts list --history"),
    ],
)
def test_a_wrong_name_is_answered_with_near_ones(
    installed: Installed, vitals: Run, name: str, said: str
) -> None:
    installed.raise_alerts(csat(), csat(segment="region=emea"))
    code, output = vitals("show", name)
    assert code == 2
    assert said in output


def test_explain_says_why_and_what_comes_next(installed: Installed, vitals: Run) -> None:
    installed.raise_alerts(csat())
    (found,) = told(vitals, "explain", "csat/day/total")
    lines = found["lines"]
    assert any("firing to person:head_of_support over mail, because it began" in line for line in lines)
    assert "ahead: Mon 2026-06-15 11:00 UTC it goes to the next lead, unless someone acknowledges" in lines
    assert vitals("ack", "csat/day/total", "--by", "head_of_support")[0] == 0
    assert vitals("drain")[0] == 0
    (found,) = told(vitals, "explain", "csat/day/total")
    assert "delivered Mon 2026-06-15 10:00 UTC" in found["lines"][0]
    assert found["lines"][-1].startswith("ahead: head_of_support took it on")
    assert found["state"] == "acknowledged"


def test_route_test_says_who_when_and_why(installed: Installed, vitals: Run) -> None:
    rows = told(vitals, "route-test", "csat", "--severity", "critical", "--at", "2026-06-14T23:00:00+02:00")
    assert {(row["recipient"], row["channel"]) for row in rows if row["reason"] == "started"} == {
        ("person:head_of_support", "mail"),
        ("team:support", "on_call"),
    }
    assert [row["recipient"] for row in rows if row["reason"] == "escalated"] == [
        "person:chief_executive"
    ] * 2
    night = told(vitals, "route-test", "csat", "--at", "2026-06-14T21:00:00Z")
    assert {row["at"] for row in night} == {"2026-06-15T07:00:00+00:00"}
    assert "[quiet_hours]" in vitals("route-test", "csat", "--at", "2026-06-14T21:00:00Z")[1]
    assert vitals("route-test", "csta")[0] == 2
    assert "did you mean csat" in vitals("route-test", "csta")[1]
    assert rows_of(installed.engine, alert_log) == []
    vitals("silence", "--subject", "csat/*", "--by", "data_team", "--reason", "migration")
    code, output = vitals("route-test", "csat")
    assert (code, "not sent: silenced" in output) == (1, True)


# ── answering ───────────────────────────────────────────────────────────────────────────────────────────────


def test_ack_is_recorded_under_the_persons_key(installed: Installed, vitals: Run) -> None:
    installed.raise_alerts(csat())
    code, output = vitals("ack", "csat/day/total", "--by", "sofia.duarte@example.com", "--reason", "on it")
    assert code == 0, output
    (answer,) = rows_of(installed.engine, alert_acknowledgement)
    assert (answer["given_by"], answer["verdict"], answer["reason"]) == (
        "head_of_support",
        "acknowledged",
        "on it",
    )
    assert vitals("ack", "csat/day/total", "--by", "head_of_suport") == (
        2,
        "✗ there is no person 'head_of_suport'; did you mean head_of_support?\n",
    )


def test_expected_and_false_teach_the_detector(installed: Installed, vitals: Run) -> None:
    installed.raise_alerts(csat(), csat(segment="region=emea"))
    (answer,) = told(
        vitals, "expected", "csat/day/total", "--by", "head_of_support", "--reason", "campaign",
        "--from", "2026-06-10", "--to", "2026-06-20",
    )  # fmt: skip
    assert answer["verdict"] == "expected"
    assert vitals("false", "csat/day/region=emea", "--by", "head_of_support")[0] == 0
    found = {row["segment_key"]: row for row in rows_of(installed.engine, anomaly_feedback)}
    assert (found["total"]["start_date"], found["total"]["end_date"]) == (
        date(2026, 6, 10),
        date(2026, 6, 20),
    )
    assert found["region=emea"]["verdict"] == "false"
    # What was carried by the command is not carried a second time by the drain.
    assert vitals("drain")[0] == 0
    assert len(rows_of(installed.engine, anomaly_feedback)) == 2
    code, output = vitals(
        "expected", "csat/day/total", "--by", "head_of_support", "--reason", "x", "--to", "soon"
    )
    assert (code, "is no day" in output) == (2, True)


def test_a_silence_is_made_listed_and_ended(installed: Installed, vitals: Run) -> None:
    (made,) = told(
        vitals, "silence", "--subject", "csat/*", "--by", "data_team", "--reason", "migration", "--for", "2d"
    )
    (listed,) = told(vitals, "silence", "--list")
    assert (listed["subject"], listed["by"], listed["to"]) == (
        "csat/*",
        "data_team",
        "2026-06-17T10:00:00+00:00",
    )
    assert vitals("silence", "--end", str(made["number"]))[0] == 0
    assert told(vitals, "silence", "--list") in ([], [{**listed, "to": "2026-06-15T10:00:01+00:00"}])
    code, output = vitals("silence", "--end", "999")
    assert (code, "there is no silence 999" in output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--subject", "csat/*"], "who asks for it"),
        (["--by", "data_team", "--reason", "x"], "would silence everything"),
        (["--by", "data_team", "--reason", "x", "--subject", "a", "--for", "long"], "is no duration"),
        (["--by", "data_team", "--reason", "x", "--subject", "a", "--for", "100d"], "over 90 days"),
        (["--by", "data_team", "--reason", "x", "--team", "suport"], "did you mean support?"),
        (["--by", "data_team", "--reason", "x", "--type", "anomly"], "there is no alert type"),
        (
            ["--by", "data_team", "--reason", "x", "--subject", "a", "--from", "2026-06-15T10:00:00"],
            "has no zone",
        ),
    ],
)
def test_a_silence_that_says_too_little_is_refused(
    installed: Installed, vitals: Run, arguments: list[str], said: str
) -> None:
    code, output = vitals("silence", *arguments)
    assert code == 2
    assert said in output


# ── delivering ──────────────────────────────────────────────────────────────────────────────────────────────


def test_drain_sends_once_and_says_what_failed(installed: Installed, vitals: Run) -> None:
    installed.raise_alerts(csat())
    installed.receiver.mode = 500
    code, output = vitals("drain", "--json")
    (report,) = json.loads(output)
    assert code == 1
    assert (report["sent"], report["retried"]) == (2, 1)  # the mail about it, and Monday's digest
    assert report["errors"] == {"on_call": "HTTP 500"}
    assert len(installed.box.messages) == 2
    installed.receiver.mode = "ok"
    assert told(vitals, "drain")[0]["sent"] == 0  # its next try is not due yet


def test_digest_says_what_the_week_was_like(installed: Installed, vitals: Run) -> None:
    assert "no digest goes out" in vitals("digest", "support")[1]
    installed.raise_alerts(csat(), at=NOW - timedelta(hours=2))
    vitals("drain")
    (digest,) = told(vitals, "digest", "support")
    assert digest["title"] == "Your week: 1 change"
    assert digest["entries"][0]["subject"] == "Customer satisfaction"
    assert vitals("digest", "suport")[0] == 2
