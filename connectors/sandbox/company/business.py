"""What spreadsheets and marketing tools know: ledger, cash, headcount, web and ads by day, surveys, timesheets,
training.

Money is int64 cents. Costs follow revenue and headcount, so that margins, burn and runway are plausible and move
slowly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.billing import InvoiceLines
from connectors.sandbox.company.demand import Leads
from connectors.sandbox.company.randoms import Rng, between, chance, growth, season, stream
from connectors.sandbox.company.timeline import (
    DAY,
    DAYS,
    END_DAY,
    HOUR,
    START_DAY,
    Floats,
    Ints,
    day_number,
    month_number,
    month_start,
    weekday,
)
from connectors.sandbox.company.words import LEDGER

CLOSE_DAY = 6
"""The ledger of a month is booked on this day of the next month, 17:00 UTC."""
OPENING_CASH = 4_800_000_00
HEADCOUNT = 46
CONSULTANTS = 9


@dataclass(frozen=True)
class Ledger:
    """One row per month and category; `booked` is when it became visible."""

    month: Ints
    category: Ints
    amount: Ints
    booked: Ints


@dataclass(frozen=True)
class Daily:
    """One row per day of the axis: cash at the end of the day, web traffic, ads. A day is visible from 05:00 of the
    next.
    """

    day: Ints
    cash: Ints
    visitors: Ints
    sessions: Ints
    bounces: Ints
    spend: Ints
    attributed: Ints


@dataclass(frozen=True)
class Headcount:
    """People at the company by month; visible from the month's second day."""

    month: Ints
    count: Ints


@dataclass(frozen=True)
class Survey:
    """Answers to surveys: survey code, respondent, score of five, instant."""

    survey: Ints
    wave: Ints
    respondent: Ints
    score: Ints
    at: Ints


@dataclass(frozen=True)
class Hours:
    """Quarter hours by person and month: billable and available ones, and training; visible on the third day after
    the month.
    """

    person: Ints
    month: Ints
    billable: Ints
    available: Ints
    training_person: Ints
    training_month: Ints
    training: Ints


@dataclass(frozen=True)
class Business:
    """Everything in this module."""

    ledger: Ledger
    daily: Daily
    headcount: Headcount
    survey: Survey
    hours: Hours


def _months() -> Ints:
    first, last = month_number(np.asarray([START_DAY, END_DAY], dtype=np.int64))
    return np.arange(first, last + 1, dtype=np.int64)


def _headcount(rng: Rng, scale: float, months: Ints) -> Headcount:
    level = growth(1.18, HEADCOUNT * max(scale, 0.2) ** 0.9)[
        np.clip(month_start(months) - START_DAY, 0, DAYS.size - 1)
    ]
    return Headcount(
        months, np.maximum(np.round(level + rng.normal(0, 0.6, months.size)), 5).astype(np.int64)
    )


def _marketing(rng: Rng, scale: float, leads: Leads) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Visitors, sessions, bounces, spend, attributed revenue of every day."""
    mean = growth(stories.GROWTH.demand, 620 * scale) * season("web")
    spend = growth(1.30, 700 * scale) * np.where(weekday(DAYS) >= 5, 0.75, 1.1)
    for campaign in stories.CAMPAIGNS:
        on = between(day_number(campaign.start), day_number(campaign.end))
        mean = np.where(on, mean * campaign.visitors, mean)
        spend = np.where(on, spend * campaign.spend, spend)
    created = np.bincount(np.clip(leads.created // DAY - START_DAY, 0, DAYS.size - 1), minlength=DAYS.size)
    noise = np.exp(rng.normal(0.0, 0.06, DAYS.size))
    visitors = np.maximum(rng.poisson(mean * noise), created)
    sessions = visitors + rng.binomial(visitors, 0.31)
    bounces = rng.binomial(sessions, np.clip(0.46 + rng.normal(0, 0.015, DAYS.size), 0.2, 0.8))
    cents = np.round(spend * np.exp(rng.normal(0, 0.08, DAYS.size)) * 100).astype(np.int64)
    attributed = np.round(cents * np.exp(rng.normal(1.05, 0.28, DAYS.size))).astype(np.int64)
    return visitors, sessions, bounces, cents, attributed


def _ledger(rng: Rng, revenue: Ints, ads: Ints, people: Ints, months: Ints) -> Ledger:
    """Costs of every month; cash out is all costs but depreciation, cash in is collected revenue."""
    noise: list[Floats] = [np.exp(rng.normal(0.0, 0.03, months.size)) for _ in range(6)]
    salaries = people * 8_200_00
    cogs = np.round(revenue * 0.21 * noise[0]).astype(np.int64)
    marketing = ads + np.round(salaries * 0.09 * noise[1]).astype(np.int64)
    sales = np.round(salaries * 0.26 * noise[2] + revenue * 0.04).astype(np.int64)
    research = np.round(salaries * 0.45 * noise[3]).astype(np.int64)
    general = np.round(salaries * 0.17 * noise[4]).astype(np.int64)
    depreciation = np.round(6_500_00 * noise[5] + people * 40_00).astype(np.int64)
    inflow = np.round(revenue * np.clip(rng.normal(0.985, 0.03, months.size), 0.85, 1.05)).astype(np.int64)
    outflow = cogs + marketing + sales + research + general
    columns = (cogs, marketing, sales, research, general, depreciation, inflow, outflow)
    count = len(LEDGER)
    booked = (month_start(months + 1) + CLOSE_DAY - 1) * DAY + 17 * HOUR
    return Ledger(
        month=np.repeat(months, count),
        category=np.tile(np.arange(count, dtype=np.int64), months.size),
        amount=np.stack(columns, axis=1).reshape(-1),
        booked=np.repeat(booked, count),
    )


def _cash(ledger: Ledger, months: Ints) -> Ints:
    """Cash at the end of each day: the month's net flow spread over its days."""
    inflow = ledger.amount[ledger.category == LEDGER.index("cash_inflow")]
    outflow = ledger.amount[ledger.category == LEDGER.index("cash_outflow")]
    days = month_start(months + 1) - month_start(months)
    index = month_number(DAYS) - months[0]
    net = (inflow - outflow)[index]
    day_of_month = DAYS - month_start(months)[index] + 1
    until = np.cumsum(np.concatenate([np.zeros(1, dtype=np.int64), inflow - outflow]))[:-1][index]
    cash: Ints = OPENING_CASH + until + net * day_of_month // days[index]
    return cash


def _survey(rng: Rng, people: Ints, months: Ints) -> Survey:
    """Quarterly surveys in the second month of the quarter; engineers answer a second one."""
    waves = np.flatnonzero(months % 3 == 1)
    parts: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []
    for wave in waves:
        for code, share, level in ((0, 1.0, 3.9), (1, 0.45, 3.7)):
            size = int(people[wave] * share)
            answers = np.flatnonzero(chance(rng, 0.82, size)).astype(np.int64)
            score = np.clip(np.round(rng.normal(level, 0.8, answers.size)), 1, 5).astype(np.int64)
            at = (month_start(months[wave : wave + 1])[0] + 4) * DAY + rng.integers(
                8 * 3600, 10 * 86_400, answers.size
            ) * 1000
            filled = np.full(answers.size, 0, dtype=np.int64)
            parts.append((filled + code, filled + months[wave], answers, score, at))
    survey, wave_month, respondent, score, at = (
        np.concatenate([part[i] for part in parts]) for i in range(5)
    )
    order = np.argsort(at, kind="stable")
    return Survey(survey[order], wave_month[order], respondent[order], score[order], at[order])


def _hours(rng: Rng, scale: float, people: Ints, months: Ints) -> Hours:
    consultants = max(3, round(CONSULTANTS * scale))
    person = np.tile(np.arange(consultants, dtype=np.int64), months.size)
    month = np.repeat(months, consultants)
    available = np.maximum(np.round(rng.normal(148, 9, person.size) * 4), 40).astype(np.int64)
    billable = np.round(available * np.clip(rng.normal(0.79, 0.06, person.size), 0.3, 1.0)).astype(np.int64)
    who = np.concatenate([np.arange(size, dtype=np.int64) for size in people])
    when = np.repeat(months, people)
    trained = chance(rng, 0.55, who.size)
    hours = rng.integers(2, 40, who.size)
    return Hours(person, month, billable, available, who[trained], when[trained], hours[trained])


def generate(seed: int, scale: float, leads: Leads, lines: InvoiceLines) -> Business:
    """Draw the company's books, marketing and people figures."""
    rng = stream(seed, "business")
    months = _months()
    headcount = _headcount(rng, scale, months)
    visitors, sessions, bounces, spend, attributed = _marketing(rng, scale, leads)
    revenue = np.zeros(months.size, dtype=np.int64)
    np.add.at(revenue, np.clip(lines.month - months[0], 0, months.size - 1), lines.amount)
    ads = np.zeros(months.size, dtype=np.int64)
    np.add.at(ads, month_number(DAYS) - months[0], spend)
    ledger = _ledger(rng, revenue, ads, headcount.count, months)
    daily = Daily(DAYS, _cash(ledger, months), visitors, sessions, bounces, spend, attributed)
    return Business(
        ledger,
        daily,
        headcount,
        _survey(rng, headcount.count, months),
        _hours(rng, scale, headcount.count, months),
    )
