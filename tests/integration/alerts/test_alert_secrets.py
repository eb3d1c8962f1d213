"""Canary tokens in every channel URL and key: in no log line, no row, no report, no error. Source: faults, 27."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from apprise.plugins import opsgenie, pagerduty
from apprise.plugins.slack import NotifySlack
from sqlalchemy import Engine, select

from definitions.model import Channel, Organisation, Person
from pipelines.alerts import outbox
from pipelines.alerts.decide import decide
from pipelines.alerts.decision import Covered
from pipelines.alerts.drain import Channels, drain
from pipelines.publishing.engine import reading, writing
from pipelines.publishing.schema import alert_log
from tests.integration.alerts.conftest import FakeClock
from tests.integration.alerts.receivers import Receiver, free_port, http_receiver
from tests.unit.alerts.company import MONDAY, SETTINGS, alert, world

CANARY = "cAnArY0dEaDbEeF"
SERVICES = {
    "web": "json://user:{canary}pw@127.0.0.1:{port}/{canary}path?+X-Token={canary}header&-q={canary}query",
    "slack": "slack://T{canary}/B{canary}/c{canary}",
    "teams": "workflows://127.0.0.1:{port}/{canary}flow/{canary}sig?verify=no",
    "pager": "pagerduty://{canary}routing@{canary}api",
    "genie": "opsgenie://{canary}api/",
    "mail": "mailto://user:{canary}pw@127.0.0.1:{nobody}?from=vitals@example.com&mode=insecure",
    "broken": "pagerduty://{canary}@",
    "nonsense": "{canary}",
}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with http_receiver() as running:
        monkeypatch.setattr(NotifySlack, "webhook_url", running.url("/services"))
        monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", running.url("/v2/enqueue"))
        monkeypatch.setitem(opsgenie.OPSGENIE_API_LOOKUP, "us", running.url("/v2/alerts"))
        yield running


@pytest.mark.parametrize("mode", ["ok", 401, 429, 500, "hang"])
def test_no_secret_anywhere(
    sqlite: Engine,
    receiver: Receiver,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str | int,
) -> None:
    caplog.set_level(1)
    for name in ("apprise", "urllib3", "urllib3.connectionpool", "sqlalchemy.engine", "mail.log"):
        monkeypatch.setattr(logging.getLogger(name), "level", 1)
    logging.getLogger("apprise").manager._clear_cache()  # type: ignore[attr-defined]
    receiver.mode = mode
    places = {"canary": CANARY, "port": receiver.port, "nobody": free_port()}
    key_file = tmp_path / "key"
    key_file.write_text(f"{CANARY}signing-key\n")
    settings = SETTINGS.model_copy(
        update={
            "send_seconds": 0.4,
            "link_base": "https://vitals.example.com",
            "link_key": f"file:{key_file}",
        }
    )
    people = {name: Person(name, name, f"{name}@example.com", channels=(name,)) for name in SERVICES}
    organisation = Organisation({}, people, {name: Channel(name, f"env:{name.upper()}") for name in SERVICES})
    environment = {name.upper(): url.format(**places) for name, url in SERVICES.items()}
    channels = Channels(organisation, settings, environment)
    for name in SERVICES:
        raise_alerts_to(sqlite, organisation, name)
    reports = []
    for _ in range(1 if mode == "hang" else 3):
        reports.append(drain(sqlite, channels, clock))
        clock.forward(hours=2)
    if mode == "ok":
        assert sum(report.sent for report in reports) >= 4
    if mode == 500:
        assert len(reports[0].errors) == len(SERVICES)
    with reading(sqlite) as connection:
        rows: list[dict[str, Any]] = [dict(row) for row in connection.execute(select(alert_log)).mappings()]
    assert len(rows) == len(SERVICES)
    shown = {
        "log": "\n".join(record.getMessage() for record in caplog.records),
        "log arguments": repr([record.args for record in caplog.records]),
        "tracebacks": "\n".join(record.exc_text or "" for record in caplog.records),
        "output": "".join(capfd.readouterr()),
        "rows": json.dumps(rows, default=str),
        "reports": repr(reports),
        "channels": repr(channels),
        "signer": repr(channels.signer()),
    }
    assert "apprise" in {record.name for record in caplog.records}, "the log that could leak was not captured"
    folded = {place: text.lower() for place, text in shown.items()}
    leaks = {
        place: text[max(0, text.find(CANARY.lower()) - 80) :][:160]
        for place, text in folded.items()
        if CANARY.lower() in text
    }
    assert leaks == {}
    assert "token=" not in folded["log"], "a link that acknowledges was logged"


def raise_alerts_to(engine: Engine, organisation: Organisation, name: str) -> None:
    here = replace(world(), organisation=organisation)
    decisions = decide([alert(subject=f"{name}/day/total", audience=(f"person:{name}",))], Covered(), here)
    with writing(engine) as connection:
        assert outbox.record(connection, outbox.rows(decisions, here.memory, MONDAY)) == 1


def test_a_reference_that_leads_nowhere_is_named(sqlite: Engine, clock: FakeClock) -> None:
    people = {"ana": Person("ana", "Ana", "ana@example.com", channels=("web",))}
    organisation = Organisation({}, people, {"web": Channel("web", "env:NOWHERE")})
    raise_alerts_to(sqlite, organisation, "ana")
    report = drain(sqlite, Channels(organisation, SETTINGS, {"OTHER": CANARY}), clock)
    assert "NOWHERE" in report.errors["web"]
    assert CANARY not in repr(report)
