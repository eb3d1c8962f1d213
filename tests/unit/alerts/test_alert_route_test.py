"""`vitals alerts route-test`: who would get it, when, over which channel, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from definitions.settings import Settings
from pipelines.alerts.incidents import Silence
from pipelines.alerts.model import Severity
from pipelines.alerts.route_test import UnknownMetric, explain, route_test
from tests.unit.alerts.company import MONDAY, SETTINGS, catalogue

NIGHT = datetime(2026, 3, 3, 23, 0, tzinfo=UTC)


def test_it_says_who_and_why() -> None:
    assert list(explain(route_test(catalogue(), "csat", Severity.WARNING, MONDAY))) == [
        "person:ana over mail, now: Ana Ruiz answers for it",
        "team:support over chat-support, now: Support hears of warnings",
    ]


def test_it_says_what_waits_and_who_comes_next() -> None:
    berlin = catalogue(settings=Settings(alerts=SETTINGS.model_copy(update={"time_zone": "Europe/Berlin"})))
    waits = list(explain(route_test(berlin, "csat", Severity.WARNING, NIGHT)))
    assert waits[0].startswith("person:ana over mail, at Wed 2026-03-04 07:00 CET [quiet_hours]: ")
    steps = list(explain(route_test(berlin, "csat", Severity.CRITICAL, NIGHT)))
    assert [line.partition(":")[2].partition(" ")[0] for line in steps] == [
        "ana",
        "support",
        "support",
        "sam",
        "cleo",
    ]
    assert "Wed 2026-03-04 01:00 CET: escalation 1: nobody acknowledged" in steps[3]


def test_it_says_what_holds_it_back() -> None:
    silence = Silence(4, MONDAY, MONDAY + timedelta(hours=1), "migration", subject_id="csat/*")
    test = route_test(catalogue(), "csat", Severity.CRITICAL, MONDAY, (silence,))
    assert list(explain(test)) == ["not sent: silenced (silence 4: migration)"]


def test_an_unknown_metric_is_answered_with_near_names() -> None:
    with pytest.raises(UnknownMetric, match="did you mean csat"):
        route_test(catalogue(), "csta", Severity.INFO, MONDAY)
