"""The generated company: deterministic, consistent with itself, and telling the stories that are written down."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from connectors.sandbox.company import stories, words
from connectors.sandbox.company.demand import in_lost_segment
from connectors.sandbox.company.generate import Company, generate
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import (
    DAY,
    DAYS,
    DEFAULT_NOW,
    END,
    NEVER,
    NONE,
    NOW,
    NOW_DAY,
    START,
    START_DAY,
    day_number,
    working_time,
)


def fingerprint(value: Any) -> str:
    """A hash over every array of a company, in the order of its fields."""
    digest = hashlib.sha256()

    def walk(part: Any) -> None:
        if isinstance(part, np.ndarray):
            digest.update(str(part.dtype).encode() + part.tobytes())
        elif isinstance(part, dict):
            for name in part:
                walk(part[name])
        elif is_dataclass(part):
            for field in fields(part):
                walk(getattr(part, field.name))

    walk(value)
    return digest.hexdigest()


def logs(company: Company) -> dict[str, Log]:
    return {
        "accounts": company.account_log,
        "leads": company.leads.log,
        "deals": company.deals.log,
        "activities": company.activities.log,
        "issues": company.issues.log,
        "conversations": company.conversations.log,
        "contacts": company.contacts.log,
        "escalations": company.escalations.log,
    }


def test_same_seed_same_company_other_seed_another() -> None:
    first, second, other = generate(3, 0.2), generate(3, 0.2), generate(4, 0.2)
    assert fingerprint(first) == fingerprint(second)
    assert fingerprint(first) != fingerprint(other)


def test_scale_one_is_about_a_hundred_thousand_records(company: Company) -> None:
    counts = company.counts(DEFAULT_NOW)
    assert 90_000 <= sum(counts.values()) <= 150_000
    assert min(counts.values()) > 0


def test_scale_multiplies_the_company() -> None:
    small, large = generate(5, 0.1).counts(DEFAULT_NOW), generate(5, 0.8).counts(DEFAULT_NOW)
    for name in ("leads", "issues", "conversations", "product_events"):
        assert 5 < large[name] / small[name] < 12, name


@pytest.mark.parametrize("scale", [0.0, -1.0, 1_000.0])
def test_a_senseless_scale_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale must lie between"):
        generate(1, scale)


def test_the_future_is_there_to_be_advanced_into(company: Company) -> None:
    now, later = company.counts(DEFAULT_NOW), company.counts(DEFAULT_NOW + timedelta(days=60))
    assert all(later[name] >= now[name] for name in now if name not in {"sprints"})
    assert later["conversations"] > now["conversations"] + 300


@pytest.mark.parametrize(
    "name", ["accounts", "leads", "deals", "activities", "issues", "conversations", "contacts"]
)
def test_every_kind_has_new_changed_and_deleted_records_after_two_months(company: Company, name: str) -> None:
    log = logs(company)[name]
    later = NOW + 60 * DAY
    before, after = log.current(NOW), log.current(later)
    created = np.setdiff1d(log.record[after], log.record[before])
    removed = np.setdiff1d(log.record[before], log.record[after])
    both = np.intersect1d(log.record[before], log.record[after])
    stamps = {int(log.record[v]): int(log.at[v]) for v in before}
    moved = sum(
        1 for v in after if int(log.record[v]) in stamps and int(log.at[v]) != stamps[int(log.record[v])]
    )
    assert created.size > 0
    assert removed.size > 0
    assert both.size > 0
    assert moved > 0


@pytest.mark.parametrize(
    "name", ["accounts", "leads", "deals", "activities", "issues", "conversations", "contacts"]
)
def test_versions_are_in_order(company: Company, name: str) -> None:
    log = logs(company)[name]
    same = log.record[1:] == log.record[:-1]
    assert (log.at[1:][same] > log.at[:-1][same]).all()
    assert (log.until[:-1][same] == log.at[1:][same]).all()
    assert (log.until[:-1][~same] == NEVER).all()


def test_references_point_at_records_that_exist_by_then(company: Company) -> None:
    deals, leads, accounts = company.deals, company.leads, company.accounts
    known = deals.account != NONE
    assert (accounts.created[deals.account[known]] <= deals.created[known]).all()
    converted = leads.account != NONE
    assert (accounts.created[leads.account[converted]] == leads.converted[converted]).all()
    from_lead = deals.lead != NONE
    assert (leads.converted[deals.lead[from_lead]] == deals.created[from_lead]).all()
    assert (company.issues.created[company.worklogs.issue] <= company.worklogs.created).all()
    talk = company.conversations
    assert (accounts.created[talk.account[talk.account >= 0]] <= talk.created[talk.account >= 0]).all()
    assert (talk.created[talk.parts.conversation] <= talk.parts.at).all()


def test_deals_go_through_their_stages_once_and_close_as_they_say(company: Company) -> None:
    log = company.deals.log
    stage = log.state["stage"]
    same = (log.record[1:] == log.record[:-1]) & ~log.gone[1:]
    assert (stage[1:][same] >= stage[:-1][same]).all()
    last = log.first[1:] - 1
    closed = (company.deals.closed < END) & ~log.gone[last]
    assert ((stage[last] == words.WON) == company.deals.won)[closed].all()
    assert (log.state["close_day"][last] == company.deals.closed // DAY)[closed].all()
    won = closed & company.deals.won
    assert (log.state["acv"][last] == company.deals.acv)[won].all()


def test_subscriptions_of_one_plan_never_overlap(company: Company) -> None:
    data = company.subscriptions
    main = np.flatnonzero(np.isin(data.plan, [words.PRO_PLAN, words.ENTERPRISE_PLAN]) & (data.account >= 0))
    order = main[np.lexsort((data.start_day[main], data.account[main]))]
    same = data.account[order][1:] == data.account[order][:-1]
    assert (data.end_day[order][:-1][same] <= data.start_day[order][1:][same]).all()
    assert (data.end_day > data.start_day).all()
    assert (data.monthly > 0).all()
    assert (data.end_recorded[data.end_day < NEVER] >= data.recorded[data.end_day < NEVER]).all()


def test_every_first_won_deal_becomes_a_subscription(company: Company) -> None:
    deals, data = company.deals, company.subscriptions
    won = np.flatnonzero((deals.kind == words.NEW) & deals.won & (deals.closed < END - 8 * DAY))
    first_start = {}
    main = np.isin(data.plan, [words.PRO_PLAN, words.ENTERPRISE_PLAN])
    rows = zip(
        data.account[main].tolist(), data.start_day[main].tolist(), data.monthly[main].tolist(), strict=True
    )
    for account, day, monthly in rows:
        first_start.setdefault(account, (day, monthly))
    for deal in won.tolist():
        day, monthly = first_start[int(deals.account[deal])]
        assert 0 <= day - int(deals.closed[deal]) // DAY <= 7
        assert monthly == int(deals.acv[deal]) // 12


def test_a_month_of_a_steady_row_is_invoiced_to_the_cent(company: Company) -> None:
    data, lines = company.subscriptions, company.invoice_lines
    month = (2025 - 1970) * 12 + 10
    first, after = day_number(date(2025, 11, 1)), day_number(date(2025, 12, 1))
    steady = np.flatnonzero((data.start_day <= first) & (data.end_day >= after) & (data.recurring == 1))
    mine = (lines.month == month) & (lines.amount > 0)
    billed = np.bincount(lines.subscription[mine], weights=lines.amount[mine], minlength=data.size).astype(
        np.int64
    )
    assert steady.size > 100
    assert (billed[steady] == data.monthly[steady]).all()


def test_cash_moves_by_what_the_ledger_says(company: Company) -> None:
    ledger, daily = company.business.ledger, company.business.daily
    for month in (day_number(date(2025, 4, 1)), day_number(date(2026, 1, 1))):
        number = int(np.datetime64(month, "D").astype("datetime64[M]").astype(int))
        mine = ledger.month == number
        flows = dict(zip(ledger.category[mine].tolist(), ledger.amount[mine].tolist(), strict=True))
        net = flows[words.LEDGER.index("cash_inflow")] - flows[words.LEDGER.index("cash_outflow")]
        end = int(np.datetime64(number + 1, "M").astype("datetime64[D]").astype(int))
        assert int(daily.cash[end - 1 - START_DAY] - daily.cash[month - 1 - START_DAY]) == net


def paying(company: Company, day: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    data = company.subscriptions
    running: np.ndarray[Any, np.dtype[np.bool_]] = (
        (data.start_day <= day) & (data.end_day > day) & (data.recurring == 1) & (data.account >= 0)
    )
    return running


def test_story_growth(company: Company) -> None:
    def revenue(day: int) -> int:
        return int(company.subscriptions.monthly[paying(company, day)].sum())

    assert revenue(NOW_DAY) > 1.3 * revenue(NOW_DAY - 365) > 1.3 * 1.2 * revenue(START_DAY)


def test_story_weekly_season_and_holidays(company: Company) -> None:
    rest = {day_number(holiday.day) for holiday in stories.holidays()}
    for instants in (company.leads.created, company.events.at, company.conversations.created):
        per_day = np.bincount(instants // DAY - START_DAY, minlength=DAYS.size)[: DAYS.size]
        weekday = (DAYS + 3) % 7
        holiday = np.isin(DAYS, list(rest))
        plain = per_day[(weekday < 5) & ~holiday].mean()
        assert per_day[(weekday >= 5) & ~holiday].mean() < 0.55 * plain
        assert per_day[(weekday < 5) & holiday].mean() < 0.6 * plain


def test_story_outages_bring_tickets_and_a_p0_incident(company: Company) -> None:
    per_day = np.bincount(company.conversations.created // DAY - START_DAY, minlength=DAYS.size)
    issues, log = company.issues, company.issues.log
    first = log.first[:-1]
    for outage in stories.OUTAGES:
        day = day_number(outage.day)
        usual = np.median([per_day[day - 7 * week - START_DAY] for week in range(1, 8)])
        assert per_day[day - START_DAY] > 3.5 * usual
        incident = np.flatnonzero(
            (issues.created // DAY == day)
            & (issues.kind == words.INCIDENT)
            & (log.state["priority"][first] == words.P0)
        )
        spans = [
            int(log.state["resolution"][int(log.first[n]) : int(log.first[n + 1])].max() - issues.created[n])
            / 3_600_000
            for n in incident
        ]
        assert any(abs(span - outage.hours) < 0.01 for span in spans)


def test_story_bad_release_raises_critical_bugs_and_lowers_satisfaction(company: Company) -> None:
    release = stories.BAD_RELEASE
    issues, log = company.issues, company.issues.log
    critical = (issues.kind == words.BUG) & (log.state["priority"][log.first[:-1]] == words.CRITICAL)
    start, end = day_number(release.start), day_number(release.end)
    day = issues.created // DAY
    inside = int((critical & (day >= start) & (day < end)).sum())
    before = int((critical & (day >= start - 60) & (day < start)).sum())
    assert inside / (end - start) > 4 * before / 60
    talk = company.conversations.log
    rated = talk.state["rated"] // DAY
    is_last = talk.until == NEVER

    def good(first: int, last: int) -> float:
        which = is_last & (rated >= first) & (rated < last) & (talk.state["rating"] > 0)
        return float((talk.state["rating"][which] >= 4).mean())

    assert good(start, end) < 0.65 < 0.8 < good(start - 60, start)


def test_story_lost_segment_leaves_and_buys_no_more(company: Company) -> None:
    story = stories.LOST_SEGMENT
    customers = company.customers
    segment = in_lost_segment(company.accounts.region[customers.account], customers.tier)

    def count(day: int, which: Any) -> int:
        return int((which & (customers.start <= day) & (customers.end > day)).sum())

    since = day_number(story.since)
    assert count(since - 1, segment) > 20
    assert count(NOW_DAY, segment) < 0.3 * count(since - 1, segment)
    assert count(NOW_DAY, ~segment) >= count(since - 1, ~segment)
    assert int((segment & (customers.start > since + 14)).sum()) == 0


def test_the_mess_of_real_systems_is_there(company: Company) -> None:
    assert (company.accounts.region == NONE).any()
    assert (company.deals.account == NONE).any()
    assert company.accounts.is_test.any()
    assert company.leads.is_test.any()
    assert (company.conversations.account < NONE).any()
    assert (company.subscriptions.account < NONE).any()
    assert (company.conversations.log.state["spam"] == 1).any()
    assert np.diff(company.conversations.first_part).max() > 500
    ties = np.unique(company.account_log.at, return_counts=True)[1]
    assert ties.max() > 50


def test_holidays_are_the_declared_ones() -> None:
    days = {holiday.day: holiday.name for holiday in stories.holidays(date(2025, 1, 1), date(2026, 12, 31))}
    assert days[date(2025, 4, 18)] == "Good Friday"
    assert days[date(2026, 4, 6)] == "Easter Monday"
    assert days[date(2025, 11, 27)] == "Thanksgiving"
    assert list(days) == sorted(days)


def test_holidays_print_as_a_calendar(capsys: pytest.CaptureFixture[str]) -> None:
    import yaml

    stories.main()
    printed = yaml.safe_load(capsys.readouterr().out)
    assert [entry["date"] for entry in printed["holidays"]] == [holiday.day for holiday in stories.holidays()]


def test_working_time_keeps_the_order_and_leaves_weekends_free() -> None:
    rng = np.random.default_rng(1)
    at = np.sort(rng.integers(START, END, 5_000))
    moved = working_time(at)
    assert (np.diff(moved) >= 0).all()
    assert ((moved // DAY + 3) % 7 < 5).all()
    moment = datetime.fromtimestamp(int(moved[0]) / 1000, UTC)
    assert 7 <= moment.hour < 20
