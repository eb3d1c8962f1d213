"""Leads and accounts: who shows interest, and who becomes an account in the CRM.

Accounts come from three places: customers from before the history starts, leads that convert, and free sign-ups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.log import Change, Log
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
from connectors.sandbox.company.timeline import DAY, NEVER, NONE, START, Bools, Ints, day_number, working_time
from connectors.sandbox.company.words import (
    ENTERPRISE,
    FREE,
    LEAD_CONVERTED,
    LEAD_DISQUALIFIED,
    LEAD_MQL,
    LEAD_NEW,
    LEAD_SQL,
    PRO,
    REGIONS,
    TIERS,
)

LEADS_PER_DAY = 14.0
SIGNUPS_PER_DAY = 1.0
BASE_CUSTOMERS = 150
ORIGIN_BASE, ORIGIN_LEAD, ORIGIN_SIGNUP = range(3)


@dataclass(frozen=True)
class Accounts:
    """The accounts by number; `deleted` is NEVER for most; `tier` is the one they start with, `origin` where they
    came from, `lead` the lead
    behind them.
    """

    created: Ints
    tier: Ints
    region: Ints
    industry: Ints
    origin: Ints
    lead: Ints
    is_test: Bools
    deleted: Ints

    @property
    def size(self) -> int:
        """Number of accounts."""
        return int(self.created.size)


@dataclass(frozen=True)
class Leads:
    """The leads by number; `log` knows status, mql, sql, converted (instants or NONE) and the account they became."""

    created: Ints
    source: Ints
    is_test: Bools
    account: Ints
    converted: Ints
    sql: Ints
    mql: Ints
    log: Log

    @property
    def size(self) -> int:
        """Number of leads."""
        return int(self.created.size)


def in_lost_segment(region: Ints, tier: Ints) -> Bools:
    """Which region and tier pairs are the lost segment's."""
    story = stories.LOST_SEGMENT
    return np.asarray(
        (region == REGIONS.index(story.region)) & (tier == TIERS.index(story.tier)), dtype=np.bool_
    )


def _region(rng: Rng, size: int) -> Ints:
    region = pick(rng, size, (0.42, 0.30, 0.18, 0.10))
    region[chance(rng, 0.02, size)] = NONE
    return region


def generate(seed: int, scale: float) -> tuple[Leads, Accounts]:
    """Draw leads and accounts."""
    rng = stream(seed, "demand", "leads")
    per_day = growth(stories.GROWTH.demand, LEADS_PER_DAY * scale) * season("demand")
    for campaign in stories.CAMPAIGNS:
        per_day = np.where(
            between(day_number(campaign.start), day_number(campaign.end)), per_day * campaign.leads, per_day
        )
    created = arrivals(rng, per_day)
    n = created.size
    source = pick(rng, n, (0.34, 0.14, 0.12, 0.08, 0.18, 0.10, 0.04))
    good = np.asarray((0.95, 1.2, 1.6, 0.9, 0.8, 1.05, 0.6))[source]
    source[chance(rng, 0.03, n)] = NONE
    region = _region(rng, n)
    tier = np.where(chance(rng, 0.24, n), ENTERPRISE, PRO)
    is_test = chance(rng, 0.008, n)

    mql = np.where(chance(rng, 0.44 * good, n), working_time(created + delay(rng, 1.6, 0.9, n)), NEVER)
    sql = np.where(
        (mql < NEVER) & chance(rng, 0.52, n),
        working_time(np.minimum(mql, NEVER // 2) + delay(rng, 4.0, 0.8, n)),
        NEVER,
    )
    converted = np.where(
        (sql < NEVER) & chance(rng, 0.68, n),
        working_time(np.minimum(sql, NEVER // 2) + delay(rng, 5.0, 0.7, n)),
        NEVER,
    )
    lost_since = day_number(stories.LOST_SEGMENT.since) * DAY
    gone = in_lost_segment(region, tier) & (converted >= lost_since) & chance(rng, 0.85, n)
    converted[gone] = NEVER
    disqualified = np.where((mql == NEVER) & chance(rng, 0.55, n), created + delay(rng, 25.0, 0.5, n), NEVER)
    deleted = np.where(
        (converted == NEVER) & chance(rng, 0.012, n), created + delay(rng, 60.0, 1.0, n), NEVER
    )
    converted = np.where(deleted < converted, NEVER, converted)

    accounts, lead_account = _accounts(seed, scale, converted, region, tier, is_test)
    rows = np.arange(n, dtype=np.int64)
    log = Log.build(
        created=created,
        initial={
            "status": np.full(n, LEAD_NEW, dtype=np.int64),
            "mql": np.full(n, NONE, dtype=np.int64),
            "sql": np.full(n, NONE, dtype=np.int64),
            "converted": np.full(n, NONE, dtype=np.int64),
        },
        changes=[
            Change(rows, mql, {"status": np.full(n, LEAD_MQL, dtype=np.int64), "mql": mql}),
            Change(rows, sql, {"status": np.full(n, LEAD_SQL, dtype=np.int64), "sql": sql}),
            Change(
                rows,
                converted,
                {"status": np.full(n, LEAD_CONVERTED, dtype=np.int64), "converted": converted},
            ),
            Change(rows, disqualified, {"status": np.full(n, LEAD_DISQUALIFIED, dtype=np.int64)}),
        ],
        deleted=deleted,
    )
    leads = Leads(created, source, is_test, lead_account, converted, sql, mql, log)
    return leads, accounts


def _accounts(
    seed: int, scale: float, converted: Ints, region: Ints, tier: Ints, is_test: Bools
) -> tuple[Accounts, Ints]:
    """The accounts in order of creation, and for each lead the account it became (NONE where it did not)."""
    rng = stream(seed, "demand", "accounts")
    base = max(1, round(BASE_CUSTOMERS * scale))
    base_created = START - rng.integers(40, 520, base) * DAY + rng.integers(0, DAY // 1000, base) * 1000
    signups = arrivals(
        rng, growth(stories.GROWTH.demand, SIGNUPS_PER_DAY * scale) * season("web"), spread=5.0
    )
    winners = np.flatnonzero(converted < NEVER).astype(np.int64)
    m = signups.size

    created = np.concatenate([working_time(base_created), converted[winners], signups])
    origin = np.repeat(
        np.asarray([ORIGIN_BASE, ORIGIN_LEAD, ORIGIN_SIGNUP], dtype=np.int64), [base, winners.size, m]
    )
    lead = np.concatenate([np.full(base, NONE), winners, np.full(m, NONE)]).astype(np.int64)
    tiers = np.concatenate(
        [np.where(chance(rng, 0.26, base), ENTERPRISE, PRO), tier[winners], np.full(m, FREE)]
    ).astype(np.int64)
    regions = np.concatenate([_region(rng, base), region[winners], _region(rng, m)])
    tests = np.concatenate([chance(rng, 0.01, base), is_test[winners], chance(rng, 0.02, m)])
    industry = pick(rng, created.size, (0.24, 0.15, 0.14, 0.12, 0.11, 0.09, 0.08, 0.07))
    industry[chance(rng, 0.06, created.size)] = NONE

    leaves = chance(rng, 0.025, created.size) & (origin != ORIGIN_BASE)
    deleted = np.where(leaves, created + delay(rng, 90.0, 0.8, created.size), NEVER)

    order = np.argsort(created, kind="stable")
    accounts = Accounts(
        created=created[order],
        tier=tiers[order],
        region=regions[order],
        industry=industry[order],
        origin=origin[order],
        lead=lead[order],
        is_test=tests[order],
        deleted=deleted[order],
    )
    became = np.full(converted.size, NONE, dtype=np.int64)
    from_lead = accounts.lead != NONE
    became[accounts.lead[from_lead]] = np.flatnonzero(from_lead)
    return accounts, became
