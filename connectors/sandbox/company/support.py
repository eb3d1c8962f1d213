"""Support conversations with their parts and ratings, the contacts who write them, and escalations.

Volume follows the number of paying customers, the week and the holidays; outages and the bad release bring more
tickets
and worse ratings. Instants are whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.audience import UNKNOWN_ACCOUNT, paying_account, paying_per_day
from connectors.sandbox.company.deals import Customers
from connectors.sandbox.company.demand import Accounts
from connectors.sandbox.company.log import KEEP, Change, Log
from connectors.sandbox.company.randoms import (
    Rng,
    arrivals,
    axis_index,
    between,
    chance,
    delay,
    pick,
    season,
    stream,
)
from connectors.sandbox.company.timeline import (
    DAY,
    DAYS,
    HOUR,
    MINUTE,
    NEVER,
    NONE,
    SECOND,
    Bools,
    Floats,
    Ints,
    day_number,
    weekday,
)
from connectors.sandbox.company.words import OPEN, PENDING, SOLVED

TICKETS_PER_CUSTOMER_DAY = 0.0195
AGENTS = 12
ASSIGNMENT, ADMIN_COMMENT, USER_COMMENT, NOTE, SNOOZE, CLOSE, REOPEN = range(7)
"""Kinds of conversation parts; REOPEN is a user's comment on a closed conversation."""
MAX_TURNS = 7


@dataclass(frozen=True)
class Parts:
    """Conversation parts by conversation and time; `author` is an agent's number, NONE for the contact."""

    conversation: Ints
    at: Ints
    kind: Ints
    author: Ints

    @property
    def size(self) -> int:
        """Number of parts."""
        return int(self.at.size)


@dataclass(frozen=True)
class Conversations:
    """The conversations by number, in order of creation.

    account: number, NONE, or -2 for an id that the CRM does not know. team: code or NONE. log columns: status,
    parts, replies
    (admin comments), reopens, first_reply, last_close (instants or NONE), rating (1–5, 0 = none), rated (instant or
    NONE), spam.
    """

    created: Ints
    account: Ints
    contact: Ints
    channel: Ints
    team: Ints
    urgent: Bools
    first_part: Ints
    parts: Parts
    log: Log

    @property
    def size(self) -> int:
        """Number of conversations."""
        return int(self.created.size)


@dataclass(frozen=True)
class Contacts:
    """The people who write, by number; `log` has no columns: a contact is touched by each conversation."""

    account: Ints
    created: Ints
    log: Log

    @property
    def size(self) -> int:
        """Number of contacts."""
        return int(self.account.size)


@dataclass(frozen=True)
class Escalations:
    """Back-office tickets linked to conversations, by number. log column: state (0 submitted … 3 resolved)."""

    conversation: Ints
    log: Log

    @property
    def size(self) -> int:
        """Number of escalations."""
        return int(self.conversation.size)


def satisfaction(at: Ints) -> Floats:
    """Share of good ratings expected at an instant: 0.88, worse after outages and the bad release."""
    level = np.full(DAYS.size, 0.885)
    for outage in stories.OUTAGES:
        day = day_number(outage.day)
        level[between(day, day + 3)] = 0.62
    release = stories.BAD_RELEASE
    level[between(day_number(release.start), day_number(release.csat_until))] = release.csat
    result: Floats = level[axis_index(at // DAY)]
    return result


def _office_hours(at: Ints) -> Ints:
    """The instant itself in office hours (06:00–21:00 UTC; weekends 09:00–15:00), else the next opening."""
    day, rest = np.divmod(at, DAY)
    weekend = weekday(day) >= 5
    opens, closes = np.where(weekend, 9, 6) * HOUR, np.where(weekend, 15, 21) * HOUR
    tomorrow = np.where(weekday(day + 1) >= 5, 9, 6) * HOUR
    result: Ints = np.where(
        rest < opens, day * DAY + opens, np.where(rest >= closes, (day + 1) * DAY + tomorrow, at)
    )
    return result


def generate(
    seed: int, scale: float, accounts: Accounts, customers: Customers
) -> tuple[Conversations, Contacts, Escalations]:
    """Draw conversations, contacts and escalations."""
    rng = stream(seed, "support", "conversations")
    rate = paying_per_day(customers) * TICKETS_PER_CUSTOMER_DAY * season("support")
    burst = np.ones(DAYS.size)
    for outage in stories.OUTAGES:
        day = day_number(outage.day)
        burst[between(day, day + 1)] *= outage.tickets
        burst[between(day + 1, day + 2)] *= 1.6
    release = stories.BAD_RELEASE
    burst[between(day_number(release.start), day_number(release.end))] *= release.tickets
    created = arrivals(rng, rate * burst, noon=13.5, spread=4.0)
    n = created.size
    account = paying_account(rng, customers, created // DAY)
    free = chance(rng, 0.05, n)
    account = np.where(free, rng.integers(0, accounts.size, n), account)
    account = np.where(accounts.created[np.maximum(account, 0)] > created, NONE, account)
    account[chance(rng, 0.05, n)] = NONE
    account[chance(rng, 0.008, n)] = UNKNOWN_ACCOUNT
    channel = pick(rng, n, (0.52, 0.33, 0.08, 0.07))
    team = pick(rng, n, (0.64, 0.26, 0.10))
    team[chance(rng, 0.03, n)] = NONE
    urgent = chance(rng, np.where(burst[axis_index(created // DAY)] > 2, 0.35, 0.06), n)
    spam = chance(rng, 0.022, n)
    parts = _parts(rng, created, spam, scale)
    contact, contacts = _contacts(rng, created, account)
    conversations = _conversations(rng, created, account, contact, channel, team, urgent, spam, parts)
    return conversations, contacts, _escalations(rng, conversations)


def _parts(rng: Rng, created: Ints, spam: Bools, scale: float) -> Parts:
    """Write the conversations: assignment, turns of replies, close, sometimes a reopening, seldom a very long
    exchange.
    """
    n = created.size
    agent = rng.integers(0, AGENTS, n)
    found: list[tuple[Ints, Ints, int, Ints]] = []

    def add(kind: int, who: Ints, at: Ints, author: Ints) -> None:
        found.append((who, at, kind, author))

    assigned = np.flatnonzero(chance(rng, 0.8, n) & ~spam)
    add(
        ASSIGNMENT,
        assigned,
        created[assigned] + rng.integers(5, 600, assigned.size) * SECOND,
        agent[assigned],
    )
    silent = chance(rng, 0.025, n) | spam
    turns = np.where(silent, 0, np.minimum(rng.geometric(0.5, n), MAX_TURNS))
    busy = np.isin(created // DAY, [day_number(o.day) for o in stories.OUTAGES])
    at = _office_hours(created) + delay(rng, np.where(busy, 0.14, 0.028), 1.0, n)
    first_reply = at
    noted = np.flatnonzero(chance(rng, 0.14, n) & ~spam)
    add(NOTE, noted, created[noted] + delay(rng, 0.05, 1.0, noted.size), agent[noted])
    for turn in range(MAX_TURNS):
        who = np.flatnonzero(turns > turn)
        if who.size == 0:
            break
        add(ADMIN_COMMENT, who, at[who], agent[who])
        answered = np.flatnonzero(turns > turn + 1)
        sleeps = answered[chance(rng, 0.10, answered.size)]
        add(SNOOZE, sleeps, at[sleeps] + MINUTE, agent[sleeps])
        reply = at + delay(rng, 0.07, 1.1, n)
        add(USER_COMMENT, answered, reply[answered], np.full(answered.size, NONE, dtype=np.int64))
        at = np.where(turns > turn + 1, _office_hours(reply) + delay(rng, 0.03, 1.0, n), at)
    forgotten = chance(rng, 0.02, n) | silent & ~spam & chance(rng, 0.5, n)
    asleep = np.flatnonzero(forgotten & (turns > 0) & chance(rng, 0.6, n))
    add(SNOOZE, asleep, at[asleep] + 2 * MINUTE, agent[asleep])
    closed = np.where(spam, created + rng.integers(60, 7200, n) * SECOND, at + delay(rng, 0.12, 1.0, n))
    closing = np.flatnonzero(~forgotten)
    add(CLOSE, closing, closed[closing], agent[closing])
    again = np.flatnonzero(~forgotten & ~spam & (turns > 0) & chance(rng, 0.085, n))
    reopened = closed[again] + delay(rng, 0.6, 1.0, again.size)
    add(REOPEN, again, reopened, np.full(again.size, NONE, dtype=np.int64))
    answer = _office_hours(reopened) + delay(rng, 0.05, 1.0, again.size)
    add(ADMIN_COMMENT, again, answer, agent[again])
    sure = chance(rng, 0.93, again.size)
    add(CLOSE, again[sure], (answer + delay(rng, 0.2, 1.0, again.size))[sure], agent[again[sure]])
    # A monitoring integration floods a few with notes before anybody answers: more parts than the vendor returns.
    answered_late = np.flatnonzero((turns > 0) & (first_reply > created + HOUR))
    for giant in np.sort(rng.choice(answered_late, size=max(2, round(2 * scale)), replace=False)):
        size = int(rng.integers(510, 640))
        gap = int(first_reply[giant] - created[giant]) // SECOND
        when = created[giant] + np.sort(rng.integers(5, gap, size)) * SECOND
        add(NOTE, np.full(size, giant, dtype=np.int64), when, np.full(size, agent[giant]))
    conversation = np.concatenate([part[0] for part in found]).astype(np.int64)
    moment = np.concatenate([part[1] for part in found])
    kind = np.concatenate([np.full(part[0].size, part[2], dtype=np.int64) for part in found])
    author = np.concatenate([part[3] for part in found]).astype(np.int64)
    order = np.lexsort((kind, moment, conversation))
    return Parts(conversation[order], moment[order], kind[order], author[order])


def _running(values: Ints, starts: Ints, rows: Ints) -> Ints:
    """Running sums that start anew with each conversation; `starts` is the position of each conversation's first
    part.
    """
    total = np.cumsum(values)
    before = np.where(starts > 0, total[np.maximum(starts - 1, 0)], 0)
    result: Ints = total - before[rows]
    return result


def _conversations(
    rng: Rng,
    created: Ints,
    account: Ints,
    contact: Ints,
    channel: Ints,
    team: Ints,
    urgent: Bools,
    spam: Bools,
    parts: Parts,
) -> Conversations:
    """Fold parts, ratings, spam marks and deletions into versions."""
    n = created.size
    first_part = np.searchsorted(parts.conversation, np.arange(n + 1)).astype(np.int64)
    starts = first_part[:-1]
    status = np.full(parts.size, KEEP, dtype=np.int64)
    for kinds, state in (((CLOSE,), SOLVED), ((REOPEN, USER_COMMENT), OPEN), ((SNOOZE,), PENDING)):
        status[np.isin(parts.kind, kinds)] = state
    replies = _running((parts.kind == ADMIN_COMMENT).astype(np.int64), starts, parts.conversation)
    reopens = _running((parts.kind == REOPEN).astype(np.int64), starts, parts.conversation)
    count = _running(np.ones(parts.size, dtype=np.int64), starts, parts.conversation)
    is_close = parts.kind == CLOSE
    is_first = (parts.kind == ADMIN_COMMENT) & (replies == 1)
    changes = [
        Change(
            parts.conversation,
            parts.at,
            {
                "status": status,
                "parts": count,
                "replies": replies,
                "reopens": reopens,
                "last_close": np.where(is_close, parts.at, KEEP),
                "first_reply": np.where(is_first, parts.at, KEEP),
            },
        )
    ]
    closes = np.flatnonzero(is_close)
    final = np.full(n, NEVER, dtype=np.int64)
    final[parts.conversation[closes]] = parts.at[closes]
    has_reply = np.zeros(n, dtype=np.bool_)
    has_reply[parts.conversation[is_first]] = True
    asked = np.flatnonzero((final < NEVER) & has_reply & ~spam & chance(rng, 0.66, n))
    rated = final[asked] + delay(rng, 0.08, 1.3, asked.size)
    good = chance(rng, satisfaction(rated), asked.size)
    rating = np.where(
        good, pick(rng, asked.size, (0.3, 0.7)) + 4, pick(rng, asked.size, (0.45, 0.25, 0.30)) + 1
    )
    changes.append(Change(asked, rated, {"rating": rating, "rated": rated}))
    second = np.flatnonzero(chance(rng, 0.012, asked.size))
    changes.append(Change(asked[second], rated[second] + 2 * HOUR, {"rating": 6 - rating[second]}))
    marked = np.flatnonzero(spam)
    changes.append(
        Change(marked, created[marked] + 50 * SECOND, {"spam": np.ones(marked.size, dtype=np.int64)})
    )
    deleted = np.where(chance(rng, np.where(spam, 0.15, 0.008), n), created + delay(rng, 25.0, 1.0, n), NEVER)
    nothing = np.full(n, NONE, dtype=np.int64)
    zero = np.zeros(n, dtype=np.int64)
    log = Log.build(
        created=created,
        initial={
            "status": np.full(n, OPEN, dtype=np.int64),
            "parts": zero,
            "replies": zero,
            "reopens": zero,
            "first_reply": nothing,
            "last_close": nothing,
            "rating": zero,
            "rated": nothing,
            "spam": zero,
        },
        changes=changes,
        deleted=deleted,
    )
    return Conversations(created, account, contact, channel, team, urgent, first_part, parts, log)


def _contacts(rng: Rng, created: Ints, account: Ints) -> tuple[Ints, Contacts]:
    """The contact of each conversation, and the contacts: up to three people an account, one for each stranger."""
    n = created.size
    key = np.where(account >= 0, account * 3 + rng.integers(0, 3, n), -1 - np.arange(n))
    unique, first, contact = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(unique.size, dtype=np.int64)
    rank[order] = np.arange(unique.size)
    contact = rank[contact]
    first = first[order]
    begun = created[first] - rng.integers(30, 40 * 86_400, first.size) * SECOND
    deleted = np.where(
        chance(rng, 0.006, first.size), created[first] + delay(rng, 90.0, 0.8, first.size), NEVER
    )
    log = Log.build(created=begun, initial={}, changes=[Change(contact, created, {})], deleted=deleted)
    return contact, Contacts(np.where(account[first] >= 0, account[first], NONE), begun, log)


def _escalations(rng: Rng, conversations: Conversations) -> Escalations:
    first_reply = np.full(conversations.size, NEVER, dtype=np.int64)
    seen = conversations.log.state["first_reply"]
    known = np.flatnonzero(seen != NONE)
    first_reply[conversations.log.record[known]] = seen[known]
    who = np.flatnonzero((first_reply < NEVER) & chance(rng, 0.045, conversations.size)).astype(np.int64)
    created = first_reply[who] + 10 * MINUTE
    order = np.argsort(created, kind="stable")
    who, created = who[order], created[order]
    m = who.size
    begun = created + delay(rng, 0.2, 0.8, m)
    waiting = np.where(chance(rng, 0.4, m), begun + delay(rng, 0.5, 0.8, m), NEVER)
    resolved = np.where(waiting < NEVER, np.minimum(waiting, NEVER // 2), begun) + delay(rng, 2.0, 0.8, m)
    rows = np.arange(m, dtype=np.int64)
    log = Log.build(
        created=created,
        initial={"state": np.zeros(m, dtype=np.int64)},
        changes=[
            Change(rows, at, {"state": np.full(m, state)})
            for state, at in ((1, begun), (2, waiting), (3, resolved))
        ],
    )
    return Escalations(who, log)
