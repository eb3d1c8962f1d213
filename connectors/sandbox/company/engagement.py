"""Activities of the sales people (meetings, demos, calls) and what happens in customer accounts (onboarded, at
risk, cleared).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.deals import Customers, Deals
from connectors.sandbox.company.demand import Leads
from connectors.sandbox.company.log import Change, Log
from connectors.sandbox.company.randoms import Rng, chance, delay, stream
from connectors.sandbox.company.timeline import (
    DAY,
    END,
    END_DAY,
    HOUR,
    NEVER,
    NONE,
    START,
    Bools,
    Ints,
    day_number,
    working_time,
)
from connectors.sandbox.company.words import (
    CALL,
    CANCELLED,
    CLEARED,
    DEMO,
    DEMONSTRATION,
    FIRST_VALUE,
    FLAGGED,
    HELD,
    MEETING,
    NEGOTIATION,
    ONBOARDED,
    PLANNED,
    PROPOSAL,
    QUALIFICATION,
)


@dataclass(frozen=True)
class Activities:
    """The activities by number, in order of booking; references are numbers or NONE. log columns: status, starts
    (instant).
    """

    booked: Ints
    kind: Ints
    deal: Ints
    lead: Ints
    account: Ints
    qualified: Bools
    log: Log

    @property
    def size(self) -> int:
        """Number of activities."""
        return int(self.booked.size)


@dataclass(frozen=True)
class AccountEvents:
    """One row per event of an account, by time; recorded in the CRM within the hour; deleted where entered by
    mistake.
    """

    account: Ints
    event: Ints
    at: Ints
    recorded: Ints
    deleted: Ints

    @property
    def size(self) -> int:
        """Number of account events."""
        return int(self.at.size)


def _planned(rng: Rng, when: Ints, median_days: float) -> tuple[Ints, Ints]:
    """When an activity that became due at `when` was booked, and for when (on the quarter hour)."""
    booked = working_time(when + rng.integers(0, 20 * 3600, when.size) * 1000)
    starts = working_time(booked + delay(rng, median_days, 0.6, when.size)) // (15 * 60_000) * (15 * 60_000)
    return booked, np.maximum(starts, booked + HOUR)


def activities(seed: int, leads: Leads, deals: Deals) -> Activities:
    """Draw activities around leads and deals."""
    rng = stream(seed, "engagement", "activities")
    parts: list[tuple[int, Ints, Ints, Ints, Ints]] = []
    for sort, due, share, wait in ((CALL, leads.mql, 0.45, 0.8), (DEMONSTRATION, leads.sql, 0.62, 2.5)):
        who = np.flatnonzero((due < NEVER) & chance(rng, share, leads.size)).astype(np.int64)
        parts.append((sort, np.full(who.size, NONE, dtype=np.int64), who, *_planned(rng, due[who], wait)))
    for sort, stage, share, wait in (
        (MEETING, QUALIFICATION, 0.75, 2.0),
        (DEMONSTRATION, DEMO, 0.85, 2.5),
        (MEETING, PROPOSAL, 0.45, 2.0),
        (CALL, NEGOTIATION, 0.35, 1.0),
    ):
        due = deals.entered[:, stage]
        who = np.flatnonzero((due < NEVER) & chance(rng, share, deals.size)).astype(np.int64)
        parts.append((sort, who, np.full(who.size, NONE, dtype=np.int64), *_planned(rng, due[who], wait)))
    kind = np.concatenate([np.full(part[1].size, part[0], dtype=np.int64) for part in parts])
    deal, lead, booked, starts = (np.concatenate([part[i] for part in parts]) for i in range(1, 5))
    order = np.flatnonzero(booked < END)
    order = order[np.argsort(booked[order], kind="stable")]
    kind, deal, lead, booked, starts = kind[order], deal[order], lead[order], booked[order], starts[order]
    n = kind.size
    moved = chance(rng, 0.08, n)
    moved_at = booked + (starts - booked) // 2
    new_start = working_time(starts + delay(rng, 3.0, 0.5, n)) // (15 * 60_000) * (15 * 60_000)
    happens = np.where(moved, new_start, starts)
    held = chance(rng, 0.86, n)
    told = np.where(held, happens + HOUR, happens - rng.integers(1, 30, n) * HOUR)
    closed = np.where(deal != NONE, deals.closed[np.maximum(deal, 0)], NEVER)
    late = happens > closed
    told = np.where(late, closed, told)
    deleted = np.where(chance(rng, 0.012, n), booked + delay(rng, 20.0, 1.0, n), NEVER)
    rows = np.arange(n, dtype=np.int64)
    account = np.where(deal != NONE, deals.account[np.maximum(deal, 0)], NONE)
    log = Log.build(
        created=booked,
        initial={"status": np.full(n, PLANNED, dtype=np.int64), "starts": starts},
        changes=[
            Change(rows, np.where(moved & (moved_at < told), moved_at, NEVER), {"starts": new_start}),
            Change(
                rows, np.maximum(told, booked + HOUR), {"status": np.where(held & ~late, HELD, CANCELLED)}
            ),
        ],
        deleted=deleted,
    )
    return Activities(
        booked, kind, deal, lead, account, chance(rng, np.where(lead != NONE, 0.55, 0.82), n), log
    )


def account_events(seed: int, customers: Customers) -> AccountEvents:
    """Draw what happens in customers' accounts; most that leave were flagged before, many flagged stay."""
    rng = stream(seed, "engagement", "accounts")
    n = customers.account.size
    started = customers.start * DAY + 9 * HOUR
    fresh = (started >= START) & chance(rng, 0.93, n)
    onboarded = np.where(fresh, working_time(started + delay(rng, 9.0, 0.6, n)), NEVER)
    valued = np.where(fresh & chance(rng, 0.9, n), working_time(started + delay(rng, 16.0, 0.7, n)), NEVER)
    finish = np.minimum(customers.end, END_DAY)
    ends = np.where(customers.end < NEVER, customers.end, 0)
    warned = np.where(
        (customers.end < NEVER) & chance(rng, 0.68, n),
        working_time((ends - rng.integers(15, 80, n)) * DAY + rng.integers(0, DAY, n)),
        NEVER,
    )
    begin = np.maximum(customers.start, START // DAY)
    alarms = np.repeat(np.arange(n), rng.poisson(np.maximum(finish - begin, 0) / 365.25 * 0.35))
    alarm = working_time(
        (begin[alarms] * DAY + (rng.random(alarms.size) * (finish - begin)[alarms] * DAY)).astype(np.int64)
    )
    release = stories.BAD_RELEASE
    shaken = np.flatnonzero(
        (customers.start < day_number(release.start))
        & (finish > day_number(release.end))
        & chance(rng, 0.04, n)
    )
    shock = working_time(day_number(release.start) * DAY + rng.integers(2 * DAY, 14 * DAY, shaken.size))
    flagged = np.concatenate([alarms, shaken])
    flagged_at = np.concatenate([alarm, shock])
    cleared = np.where(
        chance(rng, 0.8, flagged.size), working_time(flagged_at + delay(rng, 24.0, 0.6, flagged.size)), NEVER
    )
    everyone = np.arange(n)
    who = np.concatenate([everyone, everyone, everyone, flagged, flagged])
    at = np.concatenate([onboarded, valued, warned, flagged_at, cleared])
    event = np.repeat(
        np.asarray([ONBOARDED, FIRST_VALUE, FLAGGED, FLAGGED, CLEARED], dtype=np.int64),
        [n, n, n, flagged.size, flagged.size],
    )
    order = np.flatnonzero((at < END) & (at >= START))
    order = order[np.argsort(at[order], kind="stable")]
    who, at, event = who[order], at[order], event[order]
    recorded = at + rng.integers(1, 55, at.size) * 60_000
    deleted = np.where(chance(rng, 0.006, at.size), recorded + delay(rng, 3.0, 1.0, at.size), NEVER)
    return AccountEvents(customers.account[who], event, at, recorded, deleted)
