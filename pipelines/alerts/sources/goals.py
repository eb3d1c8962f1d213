"""Alerts about goals: key results at risk or off pace, check-ins that are due, check-ins that were written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from definitions.model import Catalogue, Cycle, KeyResult, Objective
from pipelines import report_links as links
from pipelines.alerts.decision import Covered
from pipelines.alerts.model import Alert, AlertType, Fact, Severity, Subject
from pipelines.alerts.say import say
from pipelines.publishing.records import KeyResultScoreRow
from pipelines.scoring.cadence import Message, Nudge, Rung
from pipelines.scoring.checkin import CheckIn

from .base import Found, Places, midnight

BROADCAST_DAYS = 7
"""A check-in older than this is history: a first run over a year of them tells nobody."""

_Goal = tuple[Cycle, Objective, KeyResult]
_RUNG_DAYS = {rung: step for step, rung in enumerate(Rung)}


def key_results(scores: Iterable[KeyResultScoreRow], catalogue: Catalogue, where: Places) -> Found:
    """Key results at risk (info), off track (warning), or off pace while still on track (info).

    A key result has one alert at a time: where its status says it already, its pace adds nothing. What is closed,
    stale, or without data is no alert here; silence has its own ladder.
    """
    goals = _goals(catalogue)
    alerts: list[Alert] = []
    scopes: set[tuple[AlertType, str]] = set()
    for score in sorted(scores, key=lambda score: (score.key_result_key, score.as_of_date)):
        goal = goals.get(score.key_result_key)
        if goal is None or goal[0].state != "open" or score.is_final:
            continue
        scopes |= {(AlertType.KEY_RESULT, score.key_result_key), (AlertType.PACE, score.key_result_key)}
        if score.published_status in ("at_risk", "off_track"):
            severity = Severity.WARNING if score.published_status == "off_track" else Severity.INFO
            word = score.published_status.replace("_", " ")
            alerts.append(_goal_alert(AlertType.KEY_RESULT, severity, word, score, goal, catalogue, where))
        elif score.published_status == "on_track" and score.pace_status == "off_pace":
            alerts.append(
                _goal_alert(AlertType.PACE, Severity.INFO, "off pace", score, goal, catalogue, where)
            )
    return Found(tuple(alerts), Covered(frozenset(scopes)))


def _goal_alert(
    kind: AlertType,
    severity: Severity,
    word: str,
    score: KeyResultScoreRow,
    goal: _Goal,
    catalogue: Catalogue,
    where: Places,
) -> Alert:
    _, objective, key_result = goal
    metric = catalogue.metrics.get(key_result.metric or "")
    is_restricted = metric is not None and metric.visibility == "restricted"
    family = metric.unit_family if metric is not None else "count"
    unit = (metric.currency or metric.unit) if metric is not None else (key_result.unit or "")
    facts = [
        ("Score", score.score, "score", ""),
        ("Expected by now", score.expected_progress, "ratio", ""),
        ("Chance of reaching it", score.hit_probability, "ratio", ""),
        ("Owner's confidence", score.owner_confidence, "ratio", ""),
    ]
    if not is_restricted:
        now_and_then = (("Now", score.current_value), ("Target", key_result.target))
        facts = [*((label, value, family, unit) for label, value in now_and_then), *facts]
    return Alert(
        type=kind,
        subject=Subject("key_result", key_result.key, key_result.statement),
        severity=severity,
        since=midnight(score.as_of_date),
        title=f"Key result {word}: {key_result.statement}",
        team=objective.team,
        owner=key_result.owner,
        detail=f"Objective: {objective.title}",
        facts=tuple(
            Fact(label, say(float(value), shape, measured_in), float(value))
            for label, value, shape, measured_in in facts
            if value is not None
        ),
        rests_on=where.rests_on.get(key_result.metric or "", ()),
        links=where.links(links.GOALS),
        weight=key_result.weight,
        # A restricted metric's key result shows its score and hides its value.
        is_restricted=is_restricted,
    )


def check_ins_due(messages: Iterable[Message], catalogue: Catalogue, where: Places) -> Found:
    """The ladder's nudges as alerts, one per check-in and rung; joined to one message per person when sent.

    Args:
        messages: from `scoring.cadence.decide_nudges`; recipients are e-mail addresses or keys of people.
    """
    goals = _goals(catalogue)
    people = {person.email: person.key for person in catalogue.people.values()} | {
        key: key for key in catalogue.people
    }
    return Found(
        tuple(
            _nudge(nudge, people[message.recipient], goals[nudge.key_result], where)
            for message in messages
            for nudge in message.nudges
            if nudge.key_result in goals and message.recipient in people
        )
    )


def _nudge(nudge: Nudge, person: str, goal: _Goal, where: Places) -> Alert:
    _, objective, key_result = goal
    late = "is due today" if not nudge.days_late else f"was due {nudge.days_late} days ago"
    late = "was due yesterday" if nudge.days_late == 1 else late
    return Alert(
        type=AlertType.CHECK_IN_DUE,
        subject=Subject("key_result", key_result.key, key_result.statement),
        severity=Severity.INFO,
        # One key per rung of the ladder: a minute apart, on the due day.
        since=midnight(nudge.due) + timedelta(minutes=_RUNG_DAYS[nudge.rung]),
        title=f"Check-in {late}: {key_result.statement}",
        team=objective.team,
        owner=key_result.owner,
        facts=(Fact("Due", nudge.due.isoformat()), Fact("Objective", objective.title)),
        action=f"vitals checkin {key_result.key}",
        audience=(f"person:{person}",),
        links=where.links(links.GOALS),
    )


def check_ins(written: Iterable[CheckIn], catalogue: Catalogue, where: Places, now: datetime) -> Found:
    """Each check-in of the last days, told to the objective's team; once, by its id. Source: scoring rules, 'Cycle'.

    A correction is a check-in of its own and says so.
    """
    goals = _goals(catalogue)
    names = {person.email: person.name for person in catalogue.people.values()}
    return Found(
        tuple(
            _check_in(check_in, check_in.created_at, goals[check_in.key_result], names, where)
            for check_in in written
            if check_in.key_result in goals
            and check_in.created_at is not None
            and now - check_in.created_at <= timedelta(days=BROADCAST_DAYS)
        )
    )


def _check_in(check_in: CheckIn, at: datetime, goal: _Goal, names: Mapping[str, str], where: Places) -> Alert:
    _, objective, key_result = goal
    facts = [
        ("Confidence", say(float(check_in.confidence), "ratio")),
        ("How it happened", check_in.how_it_happened),
        ("Blockers", check_in.blockers),
        ("To do differently", check_in.do_differently),
    ]
    word = "Check-in corrected" if check_in.supersedes is not None else "Check-in"
    return Alert(
        type=AlertType.CHECK_IN,
        subject=Subject("check_in", str(check_in.check_in_id), key_result.statement),
        severity=Severity.INFO,
        since=at,
        title=f"{word}: {key_result.statement}",
        team=objective.team,
        owner=key_result.owner,
        detail=check_in.progress_note,
        facts=(
            Fact("By", names.get(check_in.author, check_in.author)),
            *(Fact(label, text) for label, text in facts if text),
        ),
        audience=(f"team:{objective.team}",),
        links=where.links(links.GOALS),
    )


def _goals(catalogue: Catalogue) -> dict[str, _Goal]:
    return {
        key_result.key: (cycle, objective, key_result)
        for cycle, objective, key_result in catalogue.key_results()
    }
