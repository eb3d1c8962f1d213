"""Opportunities with their stage paths, and the customer lives that follow from the won ones.

An account becomes a customer with its first won deal (or was one before the history starts), buys more, and may
leave.
Deals of customers (upsell, cross-sell, renewal) happen inside that life, so that CRM and billing tell one story.
Money is int64 cents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.demand import (
    ORIGIN_BASE,
    ORIGIN_LEAD,
    ORIGIN_SIGNUP,
    Accounts,
    in_lost_segment,
)
from connectors.sandbox.company.log import KEEP, Change, Log
from connectors.sandbox.company.randoms import Rng, chance, delay, pick, stream
from connectors.sandbox.company.timeline import (
    DAY,
    END,
    END_DAY,
    HOUR,
    NEVER,
    NONE,
    START_DAY,
    Bools,
    Floats,
    Ints,
    day_number,
    month_number,
    month_start,
    working_time,
)
from connectors.sandbox.company.words import (
    CROSS_SELL,
    DEMO,
    ENTERPRISE,
    FREE,
    LOST,
    NEGOTIATION,
    NEW,
    PRO,
    PROPOSAL,
    PROSPECTING,
    QUALIFICATION,
    REGIONS,
    RENEWAL,
    UPSELL,
    WON,
)

OPEN_STAGES = 5
REPRESENTATIVES = 12


@dataclass(frozen=True)
class Customers:
    """The life of each paying account, by account number.

    start, end, back: day numbers (NEVER where it does not happen): first paid day, first unpaid day, first paid day
    again.
    notice: the instant at which the end became known. monthly: cents a month at the start. annual: paid by the
    year.
    """

    account: Ints
    start: Ints
    end: Ints
    notice: Ints
    back: Ints
    monthly: Ints
    annual: Bools
    tier: Ints


@dataclass(frozen=True)
class Deals:
    """The opportunities by number.

    entered: instants at which each open stage was entered (columns), NEVER where it was not. closed, won: the
    outcome.
    log columns: stage, amount, acv (cents or NONE), close_day, competitor (code or NONE), owner.
    """

    created: Ints
    account: Ints
    kind: Ints
    lead: Ints
    acv: Ints
    services: Ints
    closed: Ints
    won: Bools
    entered: Ints
    log: Log

    @property
    def size(self) -> int:
        """Number of opportunities."""
        return int(self.created.size)


@dataclass(frozen=True)
class _Draft:
    """Deals before their paths are written out."""

    created: Ints
    account: Ints
    kind: Ints
    lead: Ints
    acv: Ints
    services: Ints
    entered: Ints
    closed: Ints
    won: Bools


def monthly_price(rng: Rng, tier: Ints, pro: float, enterprise: float) -> Ints:
    """Monthly cents in whole currency units, log-normal around the tier's median."""
    median = np.where(tier == ENTERPRISE, enterprise, pro)
    units = np.maximum(np.round(median * np.exp(rng.normal(0.0, 0.5, tier.size))), 20)
    return units.astype(np.int64) * 100


def _paths(rng: Rng, created: Ints, pace: Floats, wins: Bools, stuck: Bools) -> tuple[Ints, Ints]:
    """Instants of entering the open stages and of closing; `pace` is the median number of days a stage takes."""
    n = created.size
    entered = np.full((n, OPEN_STAGES), NEVER, dtype=np.int64)
    first = pick(rng, n, (0.7, 0.3))
    reach = np.where(wins, NEGOTIATION, np.maximum(pick(rng, n, (0.22, 0.26, 0.22, 0.18, 0.12)), first))
    at = working_time(created)
    for stage in range(OPEN_STAGES):
        here = (stage >= first) & (stage <= reach)
        entered[:, stage] = np.where(here, at, NEVER)
        onward = (stage >= first) & (stage < reach)
        at = np.where(onward, working_time(at + delay(rng, pace, 0.55, n)), at)
    closed = working_time(at + delay(rng, np.where(wins, pace, pace * 1.6), 0.6, n))
    entered[np.arange(n), first] = created
    return entered, np.where(stuck, NEVER, closed)


def _new_deals(rng: Rng, accounts: Accounts) -> _Draft:
    """First deals: one for each converted lead, one for some of the free sign-ups."""
    signup = np.flatnonzero((accounts.origin == ORIGIN_SIGNUP) & chance(rng, 0.42, accounts.size))
    converted = np.flatnonzero(accounts.origin == ORIGIN_LEAD)
    account = np.concatenate([converted, signup]).astype(np.int64)
    wait = np.concatenate([np.zeros(converted.size, dtype=np.int64), delay(rng, 18.0, 0.9, signup.size)])
    created = working_time(accounts.created[account] + wait)
    created[: converted.size] = accounts.created[converted]
    alive = created < accounts.deleted[account]
    account, created = account[alive], created[alive]
    tier = np.where(accounts.tier[account] == FREE, PRO, accounts.tier[account])
    since = day_number(stories.LOST_SEGMENT.since) * DAY
    lost = in_lost_segment(accounts.region[account], tier)
    stay = ~(lost & (created >= since) & chance(rng, 0.8, account.size))
    account, created, tier, lost = account[stay], created[stay], tier[stay], lost[stay]
    n = account.size
    odds = np.where(tier == ENTERPRISE, 0.27, 0.38) + np.where(accounts.region[account] == 0, 0.04, 0.0)
    wins = chance(rng, odds, n) & (accounts.deleted[account] == NEVER)
    stuck = chance(rng, 0.05, n) & ~wins
    pace = np.where(tier == ENTERPRISE, 11.0, 5.0)
    entered, closed = _paths(rng, created, pace, wins, stuck)
    wins = wins & ~(lost & (closed >= since))
    monthly = monthly_price(rng, tier, 420.0, 2400.0)
    services = np.where(
        chance(rng, np.where(tier == ENTERPRISE, 0.5, 0.15), n), rng.integers(8, 60, n) * 25_000, 0
    )
    return _Draft(
        created,
        account,
        np.full(n, NEW, dtype=np.int64),
        accounts.lead[account],
        monthly * 12,
        services,
        entered,
        closed,
        wins,
    )


def _customers(rng: Rng, accounts: Accounts, first: _Draft) -> Customers:
    """Who pays from when to when: base customers, and winners of first deals."""
    base = np.flatnonzero(accounts.origin == ORIGIN_BASE).astype(np.int64)
    base_start = np.minimum(accounts.created[base] // DAY + rng.integers(5, 50, base.size), START_DAY - 1)
    won = np.flatnonzero(first.won & (first.closed < END))
    account = np.concatenate([base, first.account[won]])
    start = np.concatenate([base_start, first.closed[won] // DAY + rng.integers(0, 7, won.size)])
    base_tier = accounts.tier[base]
    monthly = np.concatenate([monthly_price(rng, base_tier, 400.0, 2300.0), first.acv[won] // 12])
    tier = np.where(accounts.tier[account] == FREE, PRO, accounts.tier[account])
    n = account.size
    lost = in_lost_segment(accounts.region[account], tier)
    annual = chance(rng, np.where(tier == ENTERPRISE, 0.72, 0.22), n) & ~lost

    mean_days = np.where(tier == ENTERPRISE, 2600.0, 1150.0)
    began = np.maximum(start, START_DAY - 1)
    end = began + 1 + np.round(rng.exponential(mean_days)).astype(np.int64) + 25
    anniversary = start + -(-(end - start) // 365) * 365
    end = np.where(annual, anniversary, end)
    since = day_number(stories.LOST_SEGMENT.since)
    leaving = np.maximum(since, start + 10) + np.round(rng.exponential(stories.LOST_SEGMENT.days, n)).astype(
        np.int64
    )
    end = np.where(lost, np.minimum(end, leaving), end)
    notice = (end - rng.integers(0, 25, n)) * DAY + 10 * HOUR + rng.integers(0, 8 * 3600, n) * 1000
    notice = np.maximum(notice, (start + 2) * DAY)
    returns = chance(rng, 0.07, n) & ~lost
    back = np.where(returns, end + rng.integers(45, 210, n), NEVER)
    inside = end < END_DAY
    end = np.where(inside, end, NEVER)
    order = np.argsort(account, kind="stable")
    order = order[start[order] < END_DAY]
    return Customers(
        account=account[order],
        start=start[order],
        end=end[order],
        notice=np.where(inside, notice, NEVER)[order],
        back=np.where(inside & (back < END_DAY), back, NEVER)[order],
        monthly=monthly[order],
        annual=annual[order],
        tier=tier[order],
    )


def _customer_deals(rng: Rng, customers: Customers) -> _Draft:
    """Upsells and cross-sells at random times of a customer's life, renewals before each anniversary of yearly
    contracts.
    """
    begin = np.maximum(customers.start, START_DAY)
    finish = np.minimum(customers.end, END_DAY)
    years = np.maximum(finish - begin, 0) / 365.25
    parts: list[tuple[Ints, Ints, int]] = []
    for sort, rate in ((UPSELL, 0.62), (CROSS_SELL, 0.34)):
        counts = rng.poisson(years * np.where(customers.tier == ENTERPRISE, rate * 1.7, rate))
        who = np.repeat(np.arange(customers.account.size), counts)
        day = begin[who] + (rng.random(who.size) * (finish - begin)[who]).astype(np.int64)
        parts.append((who, working_time(day * DAY + rng.integers(0, 86_400, who.size) * 1000), sort))
    for year in range(1, 6):
        due = customers.start + 365 * year
        who = np.flatnonzero(customers.annual & (due - 60 >= START_DAY) & (due <= finish))
        parts.append(
            (who, working_time((due[who] - 60) * DAY + rng.integers(0, 86_400, who.size) * 1000), RENEWAL)
        )
    who = np.concatenate([part[0] for part in parts]).astype(np.int64)
    created = np.concatenate([part[1] for part in parts])
    kind = np.concatenate([np.full(part[0].size, part[2], dtype=np.int64) for part in parts])
    n = who.size
    tier = customers.tier[who]
    renewal = kind == RENEWAL
    due = created // DAY + 60
    leaves = customers.end[who] <= due + 3
    wins = chance(rng, np.where(renewal, 1.0, np.where(kind == UPSELL, 0.46, 0.36)), n) & ~(renewal & leaves)
    stuck = chance(rng, 0.05, n) & ~wins & ~renewal
    pace = np.where(renewal, 7.0, np.where(tier == ENTERPRISE, 5.5, 3.0))
    entered, closed = _paths(rng, created, pace, wins, stuck)
    closed = np.where(
        renewal, np.maximum(np.minimum(closed, due * DAY + 12 * HOUR), created + 20 * DAY), closed
    )
    entered = np.where(
        renewal[:, None] & (entered < NEVER), np.minimum(entered, closed[:, None] - HOUR), entered
    )
    wins = wins & (renewal | (closed // DAY < np.minimum(customers.end[who], END_DAY)))
    extra = monthly_price(rng, tier, 130.0, 620.0)
    acv = np.where(renewal, customers.monthly[who], extra) * 12
    nothing = np.zeros(n, dtype=np.int64)
    return _Draft(
        created,
        customers.account[who],
        kind,
        np.full(n, NONE, dtype=np.int64),
        acv,
        nothing,
        entered,
        closed,
        wins,
    )


def generate(seed: int, accounts: Accounts) -> tuple[Deals, Customers]:
    """Draw all opportunities, and the customers that the won ones make."""
    first = _new_deals(stream(seed, "deals", "new"), accounts)
    customers = _customers(stream(seed, "deals", "customers"), accounts, first)
    more = _customer_deals(stream(seed, "deals", "customers", "more"), customers)
    drafts = (first, more)
    created = np.concatenate([d.created for d in drafts])
    order = np.flatnonzero(created < END)[np.argsort(created[created < END], kind="stable")]

    def joined(name: str) -> Ints:
        column: Ints = np.concatenate([getattr(d, name) for d in drafts])[order]
        return column

    kind, closed, entered, account = joined("kind"), joined("closed"), joined("entered"), joined("account")
    won = np.concatenate([d.won for d in drafts])[order]
    acv, services, lead = joined("acv"), joined("services"), joined("lead")
    rng = stream(seed, "deals", "log")
    shown = account.copy()
    shown[chance(rng, 0.004, account.size) & ~won] = NONE
    log = _log(rng, accounts, created[order], account, acv, services, entered, closed, won)
    return Deals(created[order], shown, kind, lead, acv, services, closed, won, entered, log), customers


def _log(
    rng: Rng,
    accounts: Accounts,
    created: Ints,
    account: Ints,
    acv: Ints,
    services: Ints,
    entered: Ints,
    closed: Ints,
    won: Bools,
) -> Log:
    """Write every deal's changes: stages, guesses of the amount that get better, close dates that slip, owners."""
    n = created.size
    rows = np.arange(n, dtype=np.int64)
    final = acv + services
    guess = np.maximum(np.round(final / 10_000 * np.exp(rng.normal(0, 0.3, n))), 1).astype(np.int64) * 10_000
    better = np.maximum(np.round(final / 10_000 * np.exp(rng.normal(0, 0.1, n))), 1).astype(np.int64) * 10_000
    unknown = chance(rng, 0.25, n)
    start_stage = np.argmin(entered, axis=1).astype(np.int64)
    planned = created // DAY + 30 + rng.integers(0, 45, n)
    at_month_end = chance(rng, 0.4, n)
    planned = np.where(at_month_end, month_start(month_number(planned) + 1) - 1, planned)
    competitor = np.where(chance(rng, 0.38, n), pick(rng, n, (0.3, 0.25, 0.2, 0.1, 0.15)), NONE)
    initial_close = planned
    changes = []
    for stage in range(QUALIFICATION, OPEN_STAGES):
        at = np.where(start_stage == stage, NEVER, entered[:, stage])
        values: dict[str, Ints] = {"stage": np.full(n, stage, dtype=np.int64)}
        slipped = (at // DAY >= planned - 5) | chance(rng, 0.18, n)
        later = np.where(at < NEVER, at // DAY, 0) + 20 + rng.integers(0, 40, n)
        values["close_day"] = np.where(slipped, later, KEEP)
        planned = np.where(slipped & (at < NEVER), later, planned)
        if stage == QUALIFICATION:
            values["amount"] = np.where(unknown, guess, KEEP)
        if stage == DEMO:
            values["competitor"] = competitor
        if stage == PROPOSAL:
            values["amount"] = better
            values["acv"] = acv
        if stage == NEGOTIATION:
            values["amount"] = np.where(chance(rng, 0.5, n), final, KEEP)
        changes.append(Change(rows, at, values))
    changes.append(
        Change(
            rows,
            closed,
            {
                "stage": np.where(won, WON, LOST),
                "close_day": closed // DAY,
                "amount": np.where(won, final, KEEP),
                "acv": np.where(won, acv, KEEP),
            },
        )
    )
    for months in (2, 4, 8):
        at = working_time(created + months * 30 * DAY)
        at = np.where((at < closed) & (closed == NEVER), at, NEVER)
        changes.append(Change(rows, at, {"close_day": np.where(at < NEVER, at // DAY + 45, KEEP)}))
    owner = rng.integers(0, REPRESENTATIVES, n)
    for day in stories.BULK_EDITS:
        at_once = day_number(day) * DAY + 3 * HOUR
        moved = np.flatnonzero(
            (created < at_once) & (closed > at_once) & (accounts.region[account] == REGIONS.index("emea"))
        )
        new_owner = rng.integers(0, REPRESENTATIVES, moved.size)
        changes.append(
            Change(moved.astype(np.int64), np.full(moved.size, at_once, dtype=np.int64), {"owner": new_owner})
        )
    deleted = np.where(chance(rng, 0.009, n) & ~won, created + delay(rng, 20.0, 1.0, n), NEVER)
    deleted = np.minimum(deleted, accounts.deleted[account])
    missing = np.where(unknown & (start_stage == PROSPECTING), NONE, guess)
    return Log.build(
        created=created,
        initial={
            "stage": start_stage,
            "amount": missing,
            "acv": np.full(n, NONE, dtype=np.int64),
            "close_day": initial_close,
            "competitor": np.full(n, NONE, dtype=np.int64),
            "owner": owner,
        },
        changes=changes,
        deleted=deleted,
    )
