"""The weekly digest: ranked by severity × weight, once a week, nothing when nothing changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.alerts.digest import Item, compose_digests, due_at, incident_items
from pipelines.alerts.incidents import remember
from pipelines.alerts.model import Notice, Severity
from pipelines.alerts.sources import Found, places
from tests.unit.alerts.company import MONDAY, SETTINGS, alert, catalogue, told

CATALOGUE = catalogue()
WHERE = places(CATALOGUE)


def digest(*items: Item) -> Found:
    return compose_digests(items, CATALOGUE, MONDAY, WHERE)


def test_the_worst_and_weightiest_comes_first() -> None:
    (found,) = digest(
        Item("support", "Calls", Severity.CRITICAL, 1.0, "green → red"),
        Item("support", "NPS", Severity.WARNING, 4.0, "green → amber"),
        Item("support", "CSAT", Severity.INFO, 2.0, "red → green"),
    ).alerts
    assert [fact.label for fact in found.facts] == ["NPS", "Calls", "CSAT"]
    assert (found.title, found.audience) == ("Your week: 3 changes", ("team:support",))


def test_nothing_when_nothing_changed() -> None:
    assert digest() == Found()
    assert (
        digest(Item("support", "CSAT", Severity.CRITICAL, 1.0, "open since 3 Jan", is_change=False))
        == Found()
    )


def test_what_is_still_open_stands_beside_what_changed() -> None:
    (found,) = digest(
        Item("support", "CSAT", Severity.CRITICAL, 1.0, "open since 3 Jan", is_change=False),
        Item("support", "NPS", Severity.INFO, 1.0, "red → green"),
    ).alerts
    assert found.title == "Your week: 1 change"
    assert len(found.facts) == 2


def test_a_long_week_is_cut() -> None:
    (found,) = digest(*(Item("support", f"KPI {n}", Severity.INFO, 1.0, "x") for n in range(30))).alerts
    assert len(found.facts) == SETTINGS.digest_length + 1
    assert found.facts[-1].text == "18 further entries in the report"


def test_every_team_hears_of_its_own() -> None:
    found = digest(
        Item("support", "A", Severity.INFO, 1.0, "x"), Item("data", "B", Severity.INFO, 1.0, "x"),
        Item("nowhere", "C", Severity.INFO, 1.0, "x"),
    )  # fmt: skip
    assert [alert.team for alert in found.alerts] == ["data", "support"]


@pytest.mark.parametrize(
    ("now", "is_due"),
    [
        (MONDAY.replace(hour=7, minute=59), False),
        (MONDAY.replace(hour=8, minute=0), True),
        (MONDAY.replace(hour=23, minute=59), True),
        (MONDAY + timedelta(days=1), False),
        (MONDAY - timedelta(days=1), False),
    ],
)
def test_it_goes_out_on_its_day_from_its_hour_on(now: datetime, is_due: bool) -> None:
    assert (due_at(now, SETTINGS) is not None) == is_due


def test_every_look_of_the_day_makes_the_same_digest() -> None:
    items = [Item("support", "A", Severity.INFO, 1.0, "x")]
    at_eight = compose_digests(items, CATALOGUE, MONDAY.replace(hour=8), WHERE)
    at_night = compose_digests(items, CATALOGUE, MONDAY.replace(hour=23), WHERE)
    next_week = compose_digests(items, CATALOGUE, MONDAY + timedelta(days=7), WHERE)
    assert at_eight.alerts[0].episode == at_night.alerts[0].episode
    assert next_week.alerts[0].episode != at_night.alerts[0].episode


def test_alerts_of_the_week_are_items() -> None:
    long_ago = datetime(2026, 1, 5, 9, tzinfo=UTC)
    new, old, ended = (
        alert(subject="new/day/total"),
        alert(subject="old/day/total", since=long_ago),
        alert(subject="ended/day/total", since=long_ago),
    )
    untold = alert(subject="untold/day/total")
    memory = remember(
        [
            told(new, MONDAY), told(old, long_ago), told(ended, long_ago),
            told(ended, MONDAY - timedelta(days=1), Notice.RESOLVED),
            told(untold, MONDAY, state="suppressed", reason="silenced", recipient="", channel=""),
        ]
    )  # fmt: skip
    found = {item.subject: (item.is_change, item.text) for item in incident_items(memory, MONDAY)}
    assert found == {
        "new/day/total": (True, "open since 2 Mar: new/day/total is unusual"),
        "old/day/total": (False, "open since 5 Jan: old/day/total is unusual"),
        "ended/day/total": (True, "resolved: ended/day/total is unusual"),
    }
