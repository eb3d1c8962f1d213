"""The product's users and what they do in it: sign-ups, onboarding, first value, daily events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.deals import Customers
from connectors.sandbox.company.demand import ORIGIN_BASE, ORIGIN_SIGNUP, Accounts
from connectors.sandbox.company.randoms import axis_index, chance, delay, pick, season, stream
from connectors.sandbox.company.timeline import (
    DAY,
    END,
    END_DAY,
    HOUR,
    NEVER,
    NONE,
    SECOND,
    START,
    START_DAY,
    Floats,
    Ints,
    day_number,
)
from connectors.sandbox.company.words import API_CALL, API_FEATURE, ENTERPRISE, FEATURES, INVITE, LOGIN

EVENTS_PER_USER_DAY = 0.064


@dataclass(frozen=True)
class Users:
    """The users by number, in order of signing up; `until` is the last instant of use. account: number or NONE."""

    account: Ints
    signed_up: Ints
    onboarded: Ints
    first_value: Ints
    until: Ints

    @property
    def size(self) -> int:
        """Number of users."""
        return int(self.account.size)


@dataclass(frozen=True)
class Events:
    """Product events by time; feature is a code or NONE, team a number inside the account."""

    user: Ints
    team: Ints
    event: Ints
    feature: Ints
    at: Ints

    @property
    def size(self) -> int:
        """Number of events."""
        return int(self.at.size)


def users(seed: int, accounts: Accounts, customers: Customers) -> Users:
    """Draw users: one to three for free accounts, more for paying ones, the first soon after the account's
    creation.
    """
    rng = stream(seed, "product", "users")
    n = accounts.size
    start = np.full(n, NEVER, dtype=np.int64)
    end = np.full(n, NEVER, dtype=np.int64)
    start[customers.account] = customers.start * DAY
    end[customers.account] = np.where(
        (customers.end < NEVER) & (customers.back == NEVER), np.minimum(customers.end, END_DAY) * DAY, NEVER
    )
    pays = start < NEVER
    enterprise = np.zeros(n, dtype=np.bool_)
    enterprise[customers.account] = customers.tier == ENTERPRISE
    mean = np.where(
        pays, np.where(enterprise, 6.5, 3.0), np.where(accounts.origin == ORIGIN_SIGNUP, 0.5, -1.0)
    )
    trials = (~pays) & (accounts.origin != ORIGIN_SIGNUP)
    count = np.where(trials, (rng.random(n) < 0.3).astype(np.int64), 1 + rng.poisson(np.maximum(mean, 0.0)))
    account = np.repeat(np.arange(n, dtype=np.int64), count)
    rank = np.arange(account.size) - np.repeat(np.cumsum(count) - count, count)
    opening = np.where(
        pays & (accounts.origin != ORIGIN_SIGNUP), np.maximum(start, accounts.created), accounts.created
    )[account]
    opening = np.where(opening < NEVER, opening, accounts.created[account])
    signed_up = opening + delay(rng, np.where(rank == 0, 0.3, 45.0), 1.0, account.size)
    base = accounts.origin[account] == ORIGIN_BASE
    signed_up = np.where(
        base & (rank > 2), np.maximum(signed_up, START + rng.integers(0, 500, account.size) * DAY), signed_up
    )
    leaves = end[account]
    keep = np.flatnonzero(signed_up < np.minimum(leaves, END))
    keep = keep[np.argsort(signed_up[keep], kind="stable")]
    account, signed_up, leaves = account[keep], signed_up[keep], leaves[keep]
    m = account.size
    on = chance(rng, 0.68, m)
    onboarded = np.where(on, signed_up + delay(rng, 2.6, 1.0, m), NEVER)
    valued = np.where(chance(rng, np.where(on, 0.88, 0.25), m), signed_up + delay(rng, 4.5, 1.0, m), NEVER)
    stays = np.round(rng.exponential(np.where(on, 420.0, 25.0)) * DAY).astype(np.int64) + HOUR
    lost = chance(rng, 0.03, m)
    return Users(
        np.where(lost, NONE, account), signed_up, onboarded, valued, np.minimum(signed_up + stays, leaves)
    )


def events(seed: int, users: Users) -> Events:
    """Draw product events: at random days of each user's time, thinned by the week, the holidays and outages."""
    rng = stream(seed, "product", "events")
    begin = np.maximum(users.signed_up, START)
    finish = np.minimum(users.until, END)
    weight = np.exp(rng.normal(-0.35, 0.85, users.size))
    expected = np.maximum(finish - begin, 0) / DAY * weight * EVENTS_PER_USER_DAY / 0.75
    who = np.repeat(np.arange(users.size, dtype=np.int64), rng.poisson(expected))
    day = (begin[who] + (rng.random(who.size) * (finish - begin)[who]).astype(np.int64)) // DAY
    shape = _shape()
    kept = rng.random(who.size) < shape[axis_index(day)] / shape.max()
    who, day = who[kept], day[kept]
    at = day * DAY + (np.clip(rng.normal(13.5, 4.5, who.size), 0.1, 23.9) * HOUR).astype(np.int64)
    at = np.maximum(at // SECOND * SECOND, users.signed_up[who] + SECOND)
    order = np.argsort(at, kind="stable")
    order = order[at[order] < END]
    who, at = who[order], at[order]
    n = who.size
    event = pick(rng, n, (0.30, 0.30, 0.12, 0.07, 0.07, 0.03, 0.11))
    feature = pick(rng, n, (0.42, 0.28, 0.18, 0.12))
    launched = START_DAY * DAY + 400 * DAY
    feature = np.where((feature == FEATURES.index("integrations")) & (at < launched), 0, feature)
    feature = np.where(
        event == API_CALL, API_FEATURE, np.where((event == LOGIN) | (event == INVITE), NONE, feature)
    )
    team = who % 3 + (who % 7 == 0)
    return Events(who, team, event, feature, at)


def _shape() -> Floats:
    shape = season("product")
    for outage in stories.OUTAGES:
        index = day_number(outage.day) - START_DAY
        shape[index] *= 1 - outage.hours / 12
    return shape
