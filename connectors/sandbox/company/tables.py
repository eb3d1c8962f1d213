"""The neutral tables that arrive as files (billing, finance, marketing, product, people, and a few of tracker and
support),
as of an instant. `exports.py` writes them; `truth.py` hands them out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from connectors.sandbox.company import identity
from connectors.sandbox.company.columns import (
    coded,
    dates,
    doubles,
    instants,
    integers,
    money,
    numbered,
    texts,
)
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import DAY, HOUR, NEVER, NONE, Ints, month_start
from connectors.sandbox.company.words import (
    DEPLOYMENT_STATUS,
    ENVIRONMENTS,
    FEATURES,
    LEDGER,
    LINE_TYPES,
    PLANS,
    PRODUCT_EVENTS,
    SERVICES,
    SURVEYS,
)


def _rows(visible: Ints, now: int) -> Ints:
    return np.flatnonzero(visible <= now).astype(np.int64)


def subscriptions(company: Company, now: int) -> pa.Table:
    """billing.subscriptions: an end date shows once it is known."""
    data = company.subscriptions
    rows = _rows(data.recorded, now)
    months = data.interval[rows]
    return pa.table(
        {
            "subscription_id": numbered("sub_%07d", rows + 1),
            "account_id": texts(identity.account_ids(data.account[rows])),
            "start_date": dates(data.start_day[rows]),
            "end_date": dates(data.end_day[rows], data.end_recorded[rows] > now),
            "amount": money(data.monthly[rows] * months),
            "interval_months": integers(months),
            "is_recurring": pa.array(data.recurring[rows] == 1),
            "plan": coded(data.plan[rows], PLANS),
        }
    )


def invoice_lines(company: Company, now: int) -> pa.Table:
    """billing.invoice_lines, in the order of recording."""
    data = company.invoice_lines
    rows = _rows(data.recorded, now)
    month = month_start(data.month[rows])
    invoice = (data.account[rows] + 10) * 100_000 + data.month[rows]
    return pa.table(
        {
            "invoice_line_id": numbered("il_%08d", rows + 1),
            "invoice_id": numbered("inv_%012d", invoice),
            "account_id": texts(identity.account_ids(data.account[rows])),
            "service_month": dates(month),
            "amount": money(data.amount[rows]),
            "billed_amount": money(data.billed[rows]),
            "type": coded(data.kind[rows], LINE_TYPES),
        }
    )


def ledger(company: Company, now: int) -> pa.Table:
    """finance.ledger: closed months only."""
    data = company.business.ledger
    rows = _rows(data.booked, now)
    return pa.table(
        {
            "month": dates(month_start(data.month[rows])),
            "category": coded(data.category[rows], LEDGER),
            "amount": money(data.amount[rows]),
        }
    )


def _days(company: Company, now: int) -> Ints:
    """Rows of the daily figures: a day is known at 05:00 of the next."""
    return _rows((company.business.daily.day + 1) * DAY + 5 * HOUR, now)


def cash_balance(company: Company, now: int) -> pa.Table:
    """finance.cash_balance by day."""
    data, rows = company.business.daily, _days(company, now)
    return pa.table({"date": dates(data.day[rows]), "amount": money(data.cash[rows])})


def headcount(company: Company, now: int) -> pa.Table:
    """finance.headcount by month."""
    data = company.business.headcount
    rows = _rows((month_start(data.month) + 1) * DAY, now)
    return pa.table({"month": dates(month_start(data.month[rows])), "count": integers(data.count[rows])})


def web_daily(company: Company, now: int) -> pa.Table:
    """marketing.web_daily by day."""
    data, rows = company.business.daily, _days(company, now)
    return pa.table(
        {
            "date": dates(data.day[rows]),
            "visitors": integers(data.visitors[rows]),
            "sessions": integers(data.sessions[rows]),
            "bounces": integers(data.bounces[rows]),
        }
    )


def ads_daily(company: Company, now: int) -> pa.Table:
    """marketing.ads_daily by day."""
    data, rows = company.business.daily, _days(company, now)
    return pa.table(
        {
            "date": dates(data.day[rows]),
            "spend": money(data.spend[rows]),
            "attributed_revenue": money(data.attributed[rows]),
        }
    )


def events(company: Company, now: int) -> pa.Table:
    """product.events, by time."""
    data = company.events
    rows = _rows(data.at, now)
    account = company.users.account[data.user[rows]]
    team = np.char.mod("t_%06d", account * 10 + data.team[rows]).astype(np.object_)
    team[account == NONE] = None
    return pa.table(
        {
            "event_id": numbered("e_%09d", rows + 1),
            "user_id": numbered("u_%07d", data.user[rows] + 1),
            "account_id": texts(_account_ids(company)[account]),
            "team_id": texts(team),
            "event": coded(data.event[rows], PRODUCT_EVENTS),
            "feature": coded(data.feature[rows], FEATURES),
            "occurred_at": instants(data.at[rows]),
        }
    )


def _account_ids(company: Company) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """All account ids and None as the last entry, so that NONE finds it."""
    return identity.account_ids(np.append(np.arange(company.accounts.size, dtype=np.int64), NONE))


def users(company: Company, now: int) -> pa.Table:
    """product.users: onboarding and first value show once they happened."""
    data = company.users
    rows = _rows(data.signed_up, now)
    return pa.table(
        {
            "user_id": numbered("u_%07d", rows + 1),
            "account_id": texts(_account_ids(company)[data.account[rows]]),
            "signed_up_at": instants(data.signed_up[rows]),
            "onboarded_at": instants(data.onboarded[rows], now),
            "first_value_at": instants(data.first_value[rows], now),
        }
    )


def surveys(company: Company, now: int) -> pa.Table:
    """people.surveys: one wave a quarter; the respondent's pseudonym changes with each wave."""
    data = company.business.survey
    rows = _rows(data.at, now)
    return pa.table(
        {
            "survey": coded(data.survey[rows], SURVEYS),
            "respondent": numbered("r_%08d", data.wave[rows] * 10_000 + data.respondent[rows]),
            "score": doubles(data.score[rows].astype(np.float64)),
            "max_score": doubles(np.full(rows.size, 5.0)),
            "answered_on": dates(data.at[rows] // DAY),
        }
    )


def timesheets(company: Company, now: int) -> pa.Table:
    """people.timesheets of the consultants, by month."""
    data = company.business.hours
    rows = _rows((month_start(data.month + 1) + 2) * DAY, now)
    return pa.table(
        {
            "person": numbered("p_%05d", data.person[rows] + 1),
            "month": dates(month_start(data.month[rows])),
            "billable_hours": doubles(data.billable[rows] / 4),
            "available_hours": doubles(data.available[rows] / 4),
        }
    )


def training(company: Company, now: int) -> pa.Table:
    """people.training, by month."""
    data = company.business.hours
    rows = _rows((month_start(data.training_month + 1) + 2) * DAY, now)
    return pa.table(
        {
            "person": numbered("p_%05d", data.training_person[rows] + 1),
            "month": dates(month_start(data.training_month[rows])),
            "hours": doubles(data.training[rows] / 4),
        }
    )


def nps_responses(company: Company, now: int) -> pa.Table:
    """support.nps_responses, by time."""
    data = company.nps
    rows = _rows(data.at, now)
    return pa.table(
        {
            "response_id": numbered("nps_%06d", rows + 1),
            "account_id": texts(identity.account_ids(data.account[rows])),
            "score": integers(data.score[rows]),
            "responded_at": instants(data.at[rows]),
        }
    )


def deployments(company: Company, now: int) -> pa.Table:
    """tracker.deployments, by time of finishing."""
    data = company.deployments
    rows = _rows(data.finished, now)
    return pa.table(
        {
            "deployment_id": numbered("dep_%06d", rows + 1),
            "service": coded(data.service[rows], SERVICES),
            "environment": coded(data.environment[rows], ENVIRONMENTS),
            "status": coded(data.status[rows], DEPLOYMENT_STATUS),
            "merged_at": instants(data.merged[rows]),
            "finished_at": instants(data.finished[rows]),
        }
    )


def reviews(company: Company, now: int) -> pa.Table:
    """tracker.reviews: the first review shows once it happened."""
    data = company.reviews
    rows = _rows(data.opened, now)
    return pa.table(
        {
            "change_id": numbered("PR-%d", rows + 1),
            "opened_at": instants(data.opened[rows]),
            "first_review_at": instants(np.where(data.first[rows] == NEVER, NONE, data.first[rows]), now),
        }
    )


FILE_TABLES: Mapping[str, Callable[[Company, int], pa.Table]] = {
    "billing.subscriptions": subscriptions,
    "billing.invoice_lines": invoice_lines,
    "finance.ledger": ledger,
    "finance.cash_balance": cash_balance,
    "finance.headcount": headcount,
    "marketing.web_daily": web_daily,
    "marketing.ads_daily": ads_daily,
    "product.events": events,
    "product.users": users,
    "people.surveys": surveys,
    "people.timesheets": timesheets,
    "people.training": training,
    "support.nps_responses": nps_responses,
    "tracker.deployments": deployments,
    "tracker.reviews": reviews,
}
"""The neutral tables that come from files, by name."""
