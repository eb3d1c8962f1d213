"""The issue tracker: issues with their changes, sprints, worklogs.

Instants in the tracker have milliseconds. A bad release brings extra critical bugs, an outage a P0 incident; an
administrator's bulk edit touches many issues in the same millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.log import KEEP, Change, Log
from connectors.sandbox.company.randoms import (
    Rng,
    arrivals,
    between,
    chance,
    delay,
    growth,
    pick,
    season,
    stream,
)
from connectors.sandbox.company.timeline import (
    DAY,
    END,
    HOUR,
    MINUTE,
    NEVER,
    NONE,
    SECOND,
    START_DAY,
    Ints,
    day_number,
    weekday,
    working_time,
)
from connectors.sandbox.company.words import (
    BUG,
    CRITICAL,
    DONE,
    HIGH,
    IN_PROGRESS,
    IN_REVIEW,
    INCIDENT,
    LOW,
    MEDIUM,
    P0,
    P1,
    P2,
    P3,
    STORY,
    TASK,
    TEAMS,
    TO_DO,
    WONT_DO,
)

ISSUES_PER_DAY = 7.4
SPRINT_DAYS = 14
ENGINEERS_PER_TEAM = 7
FIRST_SPRINT = START_DAY + (7 - weekday(np.asarray([START_DAY], dtype=np.int64))[0]) % 7


@dataclass(frozen=True)
class Sprints:
    """Two-week sprints of every team, by team then time; a sprint is visible from two sprints before its start."""

    team: Ints
    number: Ints
    start: Ints
    end: Ints

    @property
    def size(self) -> int:
        """Number of sprints."""
        return int(self.team.size)


@dataclass(frozen=True)
class Issues:
    """The issues by number, in order of creation.

    number: running number in the team's project (its key). log columns: status, priority (code or NONE), assignee
    (person or
    NONE), resolution (instant of the present one or NONE), points (story points × 2 or NONE), sprint (number or
    NONE), label.
    """

    created: Ints
    team: Ints
    number: Ints
    kind: Ints
    hidden_team: Ints
    reporter: Ints
    log: Log

    @property
    def size(self) -> int:
        """Number of issues."""
        return int(self.created.size)


@dataclass(frozen=True)
class Worklogs:
    """Time booked on issues, by time of booking; edited: seconds after a correction, NONE where there is none."""

    issue: Ints
    author: Ints
    created: Ints
    started: Ints
    seconds: Ints
    edited_at: Ints
    edited_seconds: Ints
    deleted: Ints

    @property
    def size(self) -> int:
        """Number of worklogs."""
        return int(self.issue.size)


def sprints() -> Sprints:
    """The sprint calendar of every team."""
    count = (END // DAY - FIRST_SPRINT) // SPRINT_DAYS
    number = np.tile(np.arange(count, dtype=np.int64), len(TEAMS))
    team = np.repeat(np.arange(len(TEAMS), dtype=np.int64), count)
    start = (FIRST_SPRINT + number * SPRINT_DAYS) * DAY + 9 * HOUR
    return Sprints(team, number, start, start + 11 * DAY + 8 * HOUR)


def sprint_at(at: Ints, team: Ints) -> Ints:
    """The team's sprint that runs at an instant, or the next one; NONE outside the calendar."""
    count = (END // DAY - FIRST_SPRINT) // SPRINT_DAYS
    index = (at // DAY - FIRST_SPRINT) // SPRINT_DAYS
    inside = (index >= 0) & (index < count)
    found: Ints = np.where(inside, team * count + np.clip(index, 0, count - 1), NONE)
    return found


def _created(rng: Rng, scale: float) -> tuple[Ints, Ints, Ints]:
    """Instants, kinds and priorities of all issues, planted stories included, in order of creation."""
    rate = growth(stories.GROWTH.engineering, ISSUES_PER_DAY * scale) * season("engineering")
    usual = arrivals(rng, rate, noon=13.0, spread=3.0, unit=1)
    kind = pick(rng, usual.size, (0.25, 0.42, 0.33))
    priority = np.where(
        kind == BUG,
        np.asarray([CRITICAL, HIGH, MEDIUM, LOW])[pick(rng, usual.size, (0.11, 0.29, 0.42, 0.18))],
        np.asarray([CRITICAL, HIGH, MEDIUM, LOW])[pick(rng, usual.size, (0.02, 0.18, 0.55, 0.25))],
    )
    priority[chance(rng, 0.03, usual.size)] = NONE
    incidents = arrivals(rng, growth(1.0, 0.075 * scale), noon=13.0, spread=6.0, unit=1)
    incident_priority = np.asarray([P0, P1, P2, P3])[pick(rng, incidents.size, (0.06, 0.22, 0.42, 0.30))]
    outages = np.asarray(
        [day_number(o.day) * DAY + 8 * HOUR + 12 * MINUTE + 345 for o in stories.OUTAGES], dtype=np.int64
    )
    release = stories.BAD_RELEASE
    in_release = between(day_number(release.start), day_number(release.end))
    extra = arrivals(
        rng, np.where(in_release, release.critical_bugs_per_day * scale * season("engineering"), 0.0), unit=1
    )
    created = np.concatenate([usual, incidents, outages, extra])
    kinds = np.concatenate(
        [kind, np.full(incidents.size + outages.size, INCIDENT), np.full(extra.size, BUG)]
    ).astype(np.int64)
    priorities = np.concatenate(
        [priority, incident_priority, np.full(outages.size, P0), np.full(extra.size, CRITICAL)]
    ).astype(np.int64)
    order = np.argsort(created, kind="stable")
    return created[order], kinds[order], priorities[order]


def issues(seed: int, scale: float) -> Issues:
    """Draw the issues and their changes."""
    rng = stream(seed, "tracker", "issues")
    created, kind, priority = _created(rng, scale)
    n = created.size
    rows = np.arange(n, dtype=np.int64)
    is_incident = kind == INCIDENT
    team = pick(rng, n, (0.26, 0.22, 0.18, 0.14, 0.20))
    number = np.zeros(n, dtype=np.int64)
    for code in range(len(TEAMS)):
        mine = team == code
        number[mine] = np.arange(1, int(mine.sum()) + 1)
    engineers = ENGINEERS_PER_TEAM * max(1, round(scale))
    critical = np.isin(priority, [CRITICAL, P0, P1])
    points = np.where(
        np.isin(kind, [STORY, TASK]) & chance(rng, 0.9, n),
        np.asarray([2, 4, 6, 10, 16, 1])[pick(rng, n, (20, 26, 24, 18, 9, 3))],
        NONE,
    )
    big = np.where(points == NONE, 4, points) / 6

    wait = np.where(is_incident, 0.01, np.where(critical, 0.9, np.where(kind == BUG, 2.5, 6.0)))
    begun = created + delay(rng, wait, 0.9, n)
    work = np.where(is_incident, 0.04, np.where(kind == BUG, 1.3, 2.2 * np.sqrt(big)))
    reviewed = begun + delay(rng, work, 0.7, n)
    finished = reviewed + delay(rng, np.where(is_incident, 0.03, 0.8), 0.8, n)
    outage_day = {day_number(o.day): o for o in stories.OUTAGES}
    planted = (
        is_incident
        & (priority == P0)
        & np.isin(created // DAY, list(outage_day))
        & (created % DAY == 8 * HOUR + 12 * MINUTE + 345)
    )
    hours = np.asarray([outage_day[int(day)].hours for day in (created[planted] // DAY)])
    begun[planted] = created[planted] + 4 * MINUTE
    reviewed[planted] = created[planted] + (hours * HOUR * 0.8).astype(np.int64)
    finished[planted] = created[planted] + (hours * HOUR).astype(np.int64)
    jitter = rng.integers(0, SECOND, n)
    around_the_clock = is_incident
    begun, reviewed, finished = (
        np.where(around_the_clock, at, working_time(at) + jitter) for at in (begun, reviewed, finished)
    )
    begun = np.maximum(begun, created + 30 * SECOND)
    reviewed, finished = np.maximum(reviewed, begun + MINUTE), np.maximum(finished, begun + 2 * MINUTE)

    fate = pick(rng, n, (0.89, 0.06, 0.05))
    fate[is_incident | (kind == BUG) & critical] = 0
    straight = (fate == 0) & chance(rng, np.where(is_incident, 1.0, 0.12), n)
    dropped = np.where(fate == 1, working_time(created + delay(rng, 30.0, 0.8, n)) + jitter, NEVER)
    begun_at = np.where(fate == 0, begun, np.where((fate == 2) & chance(rng, 0.4, n), begun, NEVER))
    review_at = np.where((fate == 0) & ~straight, reviewed, NEVER)
    done_at = np.where(fate == 0, finished, NEVER)
    again = np.where(
        (fate == 0) & chance(rng, np.where(kind == BUG, 0.09, 0.04), n),
        working_time(finished + delay(rng, 4.0, 0.8, n)) + jitter,
        NEVER,
    )
    redone = np.where(again < NEVER, np.minimum(again, NEVER // 2) + delay(rng, 1.5, 0.7, n), NEVER)

    assignee = team * engineers + rng.integers(0, engineers, n)
    other = team * engineers + rng.integers(0, engineers, n)
    assigned_early = chance(rng, 0.3, n)
    handed = np.where(chance(rng, 0.10, n) & (fate == 0), begun + (finished - begun) // 2, NEVER)
    up = chance(rng, 0.07, n) & ~is_incident
    changed_priority = np.where(up, created + (delay(rng, 1.5, 0.8, n)), NEVER)
    new_priority = np.where(
        priority == NONE, MEDIUM, np.clip(priority + np.where(chance(rng, 0.6, n), -1, 1), CRITICAL, LOW)
    )
    estimated = np.where(chance(rng, 0.5, n) & (points != NONE), created + (begun - created) // 2, NEVER)
    repointed = np.where(
        chance(rng, 0.06, n) & (points != NONE) & (fate == 0), begun + (finished - begun) // 3, NEVER
    )
    plan = sprint_at(begun, team)
    planned_at = np.where(
        (plan != NONE) & ~is_incident & (begun_at < NEVER),
        np.maximum(created + 10 * SECOND, begun - HOUR),
        NEVER,
    )
    changes = [
        Change(rows, estimated, {"points": points}),
        Change(rows, planned_at, {"sprint": plan}),
        Change(
            rows,
            begun_at,
            {"status": np.full(n, IN_PROGRESS), "assignee": np.where(assigned_early, KEEP, assignee)},
        ),
        Change(rows, changed_priority, {"priority": new_priority}),
        Change(rows, handed, {"assignee": other}),
        Change(rows, repointed, {"points": np.minimum(points * 2, 26)}),
        Change(rows, review_at, {"status": np.full(n, IN_REVIEW)}),
        Change(rows, done_at, {"status": np.full(n, DONE), "resolution": done_at}),
        Change(rows, dropped, {"status": np.full(n, WONT_DO), "resolution": dropped}),
        Change(rows, again, {"status": np.full(n, IN_PROGRESS), "resolution": np.full(n, NONE)}),
        Change(rows, redone, {"status": np.full(n, DONE), "resolution": redone}),
    ]
    commented = np.where(chance(rng, 0.45, n), created + delay(rng, 3.0, 1.2, n) + jitter, NEVER)
    changes.append(Change(rows, commented, {}))
    changes += _carry_over(rows, team, plan, planned_at, np.minimum(done_at, NEVER))
    labelled = np.zeros(n, dtype=np.int64)
    for index, day in enumerate(stories.BULK_EDITS, start=1):
        at_once = day_number(day) * DAY + 3 * HOUR
        touched = np.flatnonzero(
            (created < at_once) & (created > at_once - 60 * DAY) & (labelled == 0) & (rows % 3 == 0)
        ).astype(np.int64)
        changes.append(
            Change(touched, np.full(touched.size, at_once), {"label": np.full(touched.size, index)})
        )
    deleted = np.where(
        chance(rng, 0.015, n) & ~is_incident & ~critical, created + delay(rng, 40.0, 1.0, n), NEVER
    )
    nothing = np.full(n, NONE, dtype=np.int64)
    log = Log.build(
        created=created,
        initial={
            "status": np.full(n, TO_DO, dtype=np.int64),
            "priority": priority,
            "assignee": np.where(assigned_early, assignee, nothing),
            "resolution": nothing,
            "points": np.where(estimated < NEVER, nothing, points),
            "sprint": nothing,
            "label": labelled,
        },
        changes=changes,
        deleted=deleted,
    )
    reporter = rng.integers(0, len(TEAMS) * engineers, n)
    return Issues(created, team, number, kind, np.where(chance(rng, 0.03, n), 1, 0), reporter, log)


def _carry_over(rows: Ints, team: Ints, plan: Ints, planned_at: Ints, done: Ints) -> list[Change]:
    """What is not done at the end of a sprint moves into the next one, at most twice, one minute after the end."""
    found = []
    count = (END // DAY - FIRST_SPRINT) // SPRINT_DAYS
    for _ in range(2):
        index = plan - team * count
        end = (FIRST_SPRINT + index * SPRINT_DAYS + 11) * DAY + 17 * HOUR + MINUTE
        moves = (planned_at < NEVER) & (done > end) & (end > planned_at) & (index + 1 < count)
        plan = np.where(moves, plan + 1, plan)
        planned_at = np.where(moves, end, NEVER)
        found.append(Change(rows, planned_at, {"sprint": plan}))
    return found


def worklogs(seed: int, issues: Issues) -> Worklogs:
    """Draw time booked on issues in progress."""
    rng = stream(seed, "tracker", "worklogs")
    status = issues.log.state["status"]
    begins = np.flatnonzero((status == IN_PROGRESS) & (issues.log.until < NEVER))
    per_issue = rng.poisson(np.where(issues.kind[issues.log.record[begins]] == BUG, 1.1, 0.5))
    version = np.repeat(begins, per_issue)
    issue = issues.log.record[version]
    span = issues.log.until[version] - issues.log.at[version]
    started = issues.log.at[version] + (rng.random(version.size) * span).astype(np.int64) // SECOND * SECOND
    seconds = np.maximum(np.round(np.exp(rng.normal(1.9, 0.6, version.size))), 1).astype(np.int64) * 900
    created = started + seconds * SECOND + rng.integers(0, 3 * HOUR, version.size)
    edited = chance(rng, 0.04, version.size)
    edited_at = np.where(edited, created + delay(rng, 1.0, 1.0, version.size), NEVER)
    deleted = np.where(chance(rng, 0.012, version.size), created + delay(rng, 6.0, 1.0, version.size), NEVER)
    order = np.flatnonzero(created < END)
    order = order[np.argsort(created[order], kind="stable")]
    author = issues.log.state["assignee"][version]
    return Worklogs(
        issue=issue[order],
        author=np.maximum(author, 0)[order],
        created=created[order],
        started=started[order],
        seconds=seconds[order],
        edited_at=edited_at[order],
        edited_seconds=np.where(edited, np.maximum(seconds - 900, 900), seconds)[order],
        deleted=deleted[order],
    )
