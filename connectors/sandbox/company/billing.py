"""Subscriptions and invoice lines: what customers pay, to the cent, consistent with the deals they signed.

A change of price ends one subscription row and starts the next on the same day, so the rows of an account never
overlap
within one plan. Money is int64 cents; `amount` covers `interval_months` months.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.deals import Customers, Deals
from connectors.sandbox.company.randoms import Rng, chance, stream
from connectors.sandbox.company.timeline import (
    DAY,
    END,
    END_DAY,
    HOUR,
    NEVER,
    START_DAY,
    Ints,
    day_number,
    month_number,
    month_start,
)
from connectors.sandbox.company.words import (
    ADDON_PLAN,
    BASE_LINE,
    CROSS_SELL,
    CROSS_SELL_LINE,
    ENTERPRISE,
    ENTERPRISE_PLAN,
    ONE_TIME_LINE,
    PRO_PLAN,
    SERVICES_PLAN,
    UPSELL,
    UPSELL_LINE,
)

UNKNOWN_ACCOUNTS = 4
"""Subscriptions of legacy customers that the CRM does not know, at scale 1: account numbers below -1."""


@dataclass(frozen=True)
class Subscriptions:
    """One row per plan, price and span; by start.

    account: number, or below -1 for accounts unknown to the CRM. start_day, end_day: [start, end), NEVER = open.
    recorded, end_recorded: when the row and when its end became visible. monthly: cents a month; upsold: the part
    of it that upsells added.
    """

    account: Ints
    plan: Ints
    start_day: Ints
    end_day: Ints
    monthly: Ints
    upsold: Ints
    interval: Ints
    recurring: Ints
    recorded: Ints
    end_recorded: Ints

    @property
    def size(self) -> int:
        """Number of subscription rows."""
        return int(self.account.size)


@dataclass(frozen=True)
class InvoiceLines:
    """One row per subscription, service month and kind of line; by record time. `month` counts from 1970-01."""

    subscription: Ints
    account: Ints
    month: Ints
    amount: Ints
    billed: Ints
    kind: Ints
    recorded: Ints

    @property
    def size(self) -> int:
        """Number of invoice lines."""
        return int(self.account.size)


def generate(
    seed: int, scale: float, deals: Deals, customers: Customers
) -> tuple[Subscriptions, InvoiceLines]:
    """Draw subscriptions and invoice lines."""
    subscriptions = _subscriptions(stream(seed, "billing", "subscriptions"), scale, deals, customers)
    return subscriptions, _lines(stream(seed, "billing", "lines"), subscriptions)


def _base_rows(rng: Rng, deals: Deals, customers: Customers) -> dict[str, Ints]:
    """The main plan of each customer, cut at every change of price."""
    count = customers.account.size
    everyone = np.arange(count, dtype=np.int64)
    by_account = np.full(int(customers.account.max(initial=0)) + 2, -1, dtype=np.int64)
    by_account[customers.account] = everyone

    bought = np.flatnonzero((deals.kind == UPSELL) & deals.won & (deals.closed < END))
    upsell = (by_account[deals.account[bought]], deals.closed[bought] // DAY + 1, deals.acv[bought] // 12)
    begin = np.maximum(customers.start, START_DAY)
    finish = np.minimum(customers.end, END_DAY)
    shrink = np.repeat(everyone, np.minimum(rng.poisson(np.maximum(finish - begin, 0) / 365.25 * 0.10), 2))
    shrink_day = (
        begin[shrink]
        + 20
        + (rng.random(shrink.size) * np.maximum(finish - begin - 20, 1)[shrink]).astype(np.int64)
    )
    uplift_who, uplift_day = [], []
    for year in range(1, 5):
        due = customers.start + 365 * year
        who = np.flatnonzero(customers.annual & (due >= START_DAY) & (due < finish) & chance(rng, 0.6, count))
        uplift_who.append(who)
        uplift_day.append(due[who])
    uplift = np.concatenate(uplift_who).astype(np.int64)
    back = np.flatnonzero(customers.back < NEVER).astype(np.int64)
    gone = np.flatnonzero(customers.end < NEVER).astype(np.int64)

    tenth = customers.monthly // 1000 * 100
    nothing = np.zeros
    who = np.concatenate([everyone, upsell[0], shrink, uplift, gone, back])
    day = np.concatenate(
        [
            customers.start,
            upsell[1],
            shrink_day,
            np.concatenate(uplift_day),
            customers.end[gone],
            customers.back[back],
        ]
    )
    delta = np.concatenate(
        [
            nothing(count),
            upsell[2],
            -(tenth[shrink] + tenth[shrink] // 2),
            tenth[uplift] // 2,
            nothing(gone.size),
            nothing(back.size),
        ]
    ).astype(np.int64)
    is_upsell = np.concatenate(
        [nothing(count), np.ones(bought.size), nothing(shrink.size + uplift.size + gone.size + back.size)]
    )
    paying = np.ones(who.size, dtype=np.int64)
    paying[count + bought.size + shrink.size + uplift.size : who.size - back.size] = 0
    inside = (
        (day < END_DAY)
        & (day >= customers.start[who])
        & ((day <= customers.end[who]) | (day == customers.back[who]))
    )
    rank = np.where(paying == 0, 1, 0)
    who, day, delta, is_upsell, paying, rank = (
        column[inside] for column in (who, day, delta, is_upsell, paying, rank)
    )

    order = np.lexsort((rank, day, who))
    who, day, delta, is_upsell, paying = (column[order] for column in (who, day, delta, is_upsell, paying))
    first = np.searchsorted(who, everyone)
    total = np.cumsum(delta)
    running = total - (total - delta)[first][who] + customers.monthly[who]
    added = np.cumsum(np.where(is_upsell == 1, delta, 0))
    upsold = added - (added - np.where(is_upsell == 1, delta, 0))[first][who]
    last_of_day = np.ones(who.size, dtype=np.bool_)
    last_of_day[:-1] = (who[1:] != who[:-1]) | (day[1:] != day[:-1])
    who, day, running, upsold, paying = (
        column[last_of_day] for column in (who, day, running, upsold, paying)
    )
    end = np.full(who.size, NEVER, dtype=np.int64)
    same = who[1:] == who[:-1]
    end[:-1][same] = day[1:][same]
    leaves = np.zeros(who.size, dtype=np.bool_)
    leaves[:-1] = same & (paying[1:] == 0)
    rows = paying == 1
    who, day, end, running, upsold, leaves = (
        column[rows] for column in (who, day, end, running, upsold, leaves)
    )
    end_recorded = np.where(
        leaves, np.maximum(customers.notice[who], day * DAY + 2 * HOUR), end * np.where(end < NEVER, DAY, 1)
    )
    return {
        "account": customers.account[who],
        "plan": np.where(customers.tier[who] == ENTERPRISE, ENTERPRISE_PLAN, PRO_PLAN).astype(np.int64),
        "start_day": day,
        "end_day": end,
        "monthly": np.maximum(running, 1000),
        "upsold": np.clip(upsold, 0, np.maximum(running, 1000)),
        "interval": np.where(customers.annual[who], 12, 1).astype(np.int64),
        "recurring": np.ones(who.size, dtype=np.int64),
        "end_recorded": np.where(end < NEVER, end_recorded, NEVER),
    }


def _subscriptions(rng: Rng, scale: float, deals: Deals, customers: Customers) -> Subscriptions:
    base = _base_rows(rng, deals, customers)
    by_account = np.full(int(customers.account.max(initial=0)) + 2, -1, dtype=np.int64)
    by_account[customers.account] = np.arange(customers.account.size)

    addon = np.flatnonzero((deals.kind == CROSS_SELL) & deals.won & (deals.closed < END))
    addon_customer = by_account[deals.account[addon]]
    addon_start = deals.closed[addon] // DAY + 1
    addon_end = np.where(
        customers.end[addon_customer] > addon_start, customers.end[addon_customer], addon_start + 30
    )
    addon_known = np.where(
        addon_end < NEVER, np.maximum(customers.notice[addon_customer], (addon_start + 1) * DAY), NEVER
    )

    served = np.flatnonzero((deals.services > 0) & deals.won & (deals.closed < END))
    served_start = deals.closed[served] // DAY + 3

    unknown = max(1, round(UNKNOWN_ACCOUNTS * scale))
    unknown_start = START_DAY - rng.integers(30, 400, unknown)
    parts: dict[str, list[Ints]] = {name: [column] for name, column in base.items()}
    ones, many = np.ones(addon.size, dtype=np.int64), np.ones(served.size, dtype=np.int64)
    extra: dict[str, tuple[Ints, Ints, Ints]] = {
        "account": (deals.account[addon], deals.account[served], -2 - np.arange(unknown, dtype=np.int64)),
        "plan": (ones * ADDON_PLAN, many * SERVICES_PLAN, np.full(unknown, PRO_PLAN, dtype=np.int64)),
        "start_day": (addon_start, served_start, unknown_start),
        "end_day": (addon_end, served_start + 30, np.full(unknown, NEVER, dtype=np.int64)),
        "monthly": (deals.acv[addon] // 12, deals.services[served], rng.integers(80, 500, unknown) * 100),
        "upsold": (ones * 0, many * 0, np.zeros(unknown, dtype=np.int64)),
        "interval": (ones, many, np.ones(unknown, dtype=np.int64)),
        "recurring": (ones, many * 0, np.ones(unknown, dtype=np.int64)),
        "end_recorded": (addon_known, served_start * DAY + 2 * HOUR, np.full(unknown, NEVER, dtype=np.int64)),
    }
    for name, columns in extra.items():
        parts[name].extend(columns)
    joined = {name: np.concatenate(columns) for name, columns in parts.items()}
    order = np.lexsort((joined["plan"], joined["account"], joined["start_day"]))
    joined = {name: column[order] for name, column in joined.items()}
    return Subscriptions(recorded=joined["start_day"] * DAY + 2 * HOUR, **joined)


def _lines(rng: Rng, subscriptions: Subscriptions) -> InvoiceLines:
    """Monthly lines of every row that ran in the month; part months by days; credit notes after outages."""
    begin = np.maximum(subscriptions.start_day, START_DAY)
    finish = np.minimum(subscriptions.end_day, END_DAY)
    runs = np.flatnonzero(finish > begin)
    first, last = month_number(begin[runs]), month_number(finish[runs] - 1)
    recurring = subscriptions.recurring[runs] == 1
    last = np.where(recurring, last, first)
    row = np.repeat(runs, last - first + 1)
    offset = np.arange(row.size) - np.repeat(
        np.cumsum(last - first + 1) - (last - first + 1), last - first + 1
    )
    month = np.repeat(first, last - first + 1) + offset
    month_begin, month_end = month_start(month), month_start(month + 1)
    active_begin = np.maximum(subscriptions.start_day[row], month_begin)
    days = np.minimum(subscriptions.end_day[row], month_end) - active_begin
    one_time = subscriptions.recurring[row] == 0
    share = np.where(one_time, month_end - month_begin, days)

    def prorated(cents: Ints) -> Ints:
        result: Ints = cents * share // (month_end - month_begin)
        return result

    whole = prorated(subscriptions.monthly[row])
    upsold = prorated(subscriptions.upsold[row])
    recorded = np.maximum(active_begin, month_begin) * DAY + 3 * HOUR
    discount = rng.integers(0, 19, int(subscriptions.account.max(initial=0)) + 1)
    rate = np.where(subscriptions.account[row] >= 0, discount[np.maximum(subscriptions.account[row], 0)], 0)
    base_kind = np.where(
        one_time, ONE_TIME_LINE, np.where(subscriptions.plan[row] == ADDON_PLAN, CROSS_SELL_LINE, BASE_LINE)
    )
    has_upsell = np.flatnonzero(upsold > 0)

    credit_rows, credit_months, credit_days = [], [], []
    for outage in stories.OUTAGES:
        day = day_number(outage.day)
        hit = (month == month_number(np.asarray([day], dtype=np.int64))[0]) & (
            subscriptions.plan[row] == ENTERPRISE_PLAN
        )
        who = np.flatnonzero(hit & (active_begin <= day) & chance(rng, 0.25, row.size))
        credit_rows.append(who)
        credit_months.append(month[who])
        credit_days.append(np.full(who.size, day + 4, dtype=np.int64))
    credit = np.concatenate(credit_rows).astype(np.int64)

    amount = np.concatenate([whole - upsold, upsold[has_upsell], -(whole[credit] // 10)])
    billed_rate = np.concatenate([rate, rate[has_upsell], np.zeros(credit.size, dtype=np.int64)])
    billed = amount * 100 // (100 - billed_rate)
    billed[amount.size - credit.size :] = 0
    joined_row = np.concatenate([row, row[has_upsell], row[credit]])
    joined_recorded = np.concatenate(
        [recorded, recorded[has_upsell], np.concatenate(credit_days) * DAY + 9 * HOUR]
    )
    joined_month = np.concatenate([month, month[has_upsell], np.concatenate(credit_months)])
    kind = np.concatenate(
        [base_kind, np.full(has_upsell.size, UPSELL_LINE), np.full(credit.size, BASE_LINE)]
    ).astype(np.int64)
    keep = np.flatnonzero(amount != 0)
    order = keep[np.lexsort((kind[keep], joined_row[keep], joined_recorded[keep]))]
    return InvoiceLines(
        subscription=joined_row[order],
        account=subscriptions.account[joined_row[order]],
        month=joined_month[order],
        amount=amount[order],
        billed=billed[order],
        kind=kind[order],
        recorded=joined_recorded[order],
    )
