"""Who hears of an alert: the accountable person, the team, the next wider circle; each once."""

from __future__ import annotations

from dataclasses import replace

from definitions.model import Channel, Organisation
from pipelines.alerts.model import AlertType, Severity
from pipelines.alerts.routing import escalation_route, fallback_routes, routes
from tests.unit.alerts.company import SETTINGS, alert, organisation


def ways(**about: object) -> list[tuple[str, str]]:
    return [(r.recipient, r.channel) for r in routes(alert(**about), organisation(), SETTINGS)]  # type: ignore[arg-type]


def changed(**people_channels: tuple[str, ...]) -> Organisation:
    known = organisation()
    people = {
        key: replace(person, channels=people_channels.get(key, person.channels))
        for key, person in known.people.items()
    }
    return replace(known, people=people)


def test_every_route_says_why() -> None:
    whys = [route.why for route in routes(alert(), organisation(), SETTINGS)]
    assert whys == ["Ana Ruiz answers for it", "Support hears of warnings"]


def test_without_an_active_owner_the_lead_of_the_team_hears_of_it() -> None:
    assert ways(owner="gone") == [("person:sam", "mail"), ("team:support", "chat-support")]
    assert ways(owner=None, severity=Severity.INFO) == [("person:sam", "mail")]


def test_an_owner_without_a_channel_is_stood_in_for_by_the_team_even_for_an_info() -> None:
    found = routes(alert(severity=Severity.INFO), changed(ana=()), SETTINGS)
    assert [(route.recipient, route.channel) for route in found] == [("team:support", "chat-support")]
    assert "nobody nearer" in found[0].why


def test_an_unknown_team_and_owner_reach_the_company() -> None:
    assert ways(owner="nobody", team="nowhere") == [("team:company", "news")]


def test_the_fallback_team_comes_before_the_company() -> None:
    settings = SETTINGS.model_copy(update={"fallback_team": "data"})
    found = routes(alert(owner=None, team=None), organisation(), settings)
    assert [(route.recipient, route.channel) for route in found] == [("team:data", "chat-data")]
    assert [r.channel for r in fallback_routes(Severity.INFO, organisation(), settings)] == ["chat-data"]


def test_a_team_is_not_told_over_the_channel_that_tells_its_member() -> None:
    shared = changed(ana=("chat-support",))
    found = routes(alert(), shared, SETTINGS)
    assert [(route.recipient, route.channel) for route in found] == [("person:ana", "chat-support")]


def test_a_channel_takes_the_severities_it_names() -> None:
    assert ("team:support", "pager") not in ways(severity=Severity.WARNING)
    assert ("team:support", "pager") in ways(severity=Severity.CRITICAL)


def test_an_audience_replaces_owner_and_team() -> None:
    assert ways(audience=("team:data", "person:ben", "person:gone", "team:nowhere")) == [
        ("team:data", "chat-data"),
        ("person:ben", "mail"),
    ]
    assert ways(audience=("everyone",)) == [("team:company", "news")]


def test_a_nudge_takes_one_channel_of_a_person() -> None:
    two = changed(ana=("mail", "chat-data"))
    nudge = alert(AlertType.CHECK_IN_DUE, "kr1", Severity.INFO, audience=("person:ana",))
    assert [route.channel for route in routes(nudge, two, SETTINGS)] == ["mail"]


def test_escalation_climbs_the_line_of_leads_past_the_owner_and_the_told() -> None:
    known = organisation()
    assert escalation_route(alert(), 1, frozenset({"person:ana"}), known)[0].recipient == "person:sam"
    told = frozenset({"person:ana", "person:sam"})
    assert escalation_route(alert(), 2, told, known)[0].recipient == "person:cleo"
    everybody = told | {"person:cleo"}
    assert escalation_route(alert(), 3, everybody, known)[0].recipient == "person:cleo"
    assert escalation_route(alert(owner="sam"), 1, frozenset(), known)[0].recipient == "person:cleo"


def test_a_loop_of_teams_ends() -> None:
    known = organisation()
    looped = {**known.teams, "company": replace(known.teams["company"], parent="support", level="department")}
    lost = replace(known, teams=looped, channels={"mail": Channel("mail", "env:X", severities=("critical",))})
    assert routes(alert(), lost, SETTINGS) == ()
