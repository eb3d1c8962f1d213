"""The neutral tables: columns as promised, history consistent with the present, the past untouched by the future."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import DEFAULT_NOW
from connectors.sandbox.company.truth import TABLES, truth, vanished

KEYS = {
    "crm.accounts": ["account_id"],
    "crm.leads": ["lead_id"],
    "crm.opportunities": ["opportunity_id"],
    "crm.opportunity_history": ["opportunity_id", "changed_at", "field"],
    "crm.opportunity_states": ["opportunity_id", "valid_from"],
    "crm.activities": ["activity_id"],
    "crm.account_events": ["account_id", "event", "occurred_at"],
    "billing.subscriptions": ["subscription_id"],
    "billing.invoice_lines": ["invoice_line_id"],
    "tracker.issues": ["issue_id"],
    "tracker.issue_changelog": ["issue_id", "change_id", "field"],
    "tracker.issue_states": ["issue_id", "valid_from"],
    "tracker.sprints": ["sprint_id"],
    "tracker.worklogs": ["worklog_id"],
    "tracker.deployments": ["deployment_id"],
    "tracker.reviews": ["change_id"],
    "support.tickets": ["ticket_id"],
    "support.ticket_metrics": ["ticket_id"],
    "support.satisfaction_ratings": ["rating_id"],
    "support.nps_responses": ["response_id"],
    "finance.ledger": ["month", "category"],
    "finance.cash_balance": ["date"],
    "finance.headcount": ["month"],
    "marketing.web_daily": ["date"],
    "marketing.ads_daily": ["date"],
    "product.events": ["event_id"],
    "product.users": ["user_id"],
    "people.surveys": ["survey", "respondent", "answered_on"],
    "people.timesheets": ["person", "month"],
    "people.training": ["person", "month"],
}


def test_every_neutral_table_is_known() -> None:
    assert set(TABLES) == set(KEYS)


@pytest.mark.parametrize("table", sorted(KEYS))
def test_keys_are_unique_and_complete(company: Company, table: str) -> None:
    frame = truth(company, table, DEFAULT_NOW)
    assert len(frame) > 0
    assert not frame[KEYS[table]].isna().any().any()
    assert not frame.duplicated(KEYS[table]).any()


def test_an_unknown_table_is_an_error(company: Company) -> None:
    with pytest.raises(KeyError, match=r"crm\.accounts"):
        truth(company, "crm.nothing", DEFAULT_NOW)


def test_the_last_state_of_a_deal_is_what_it_is_now(company: Company) -> None:
    deals = truth(company, "crm.opportunities", DEFAULT_NOW).set_index("opportunity_id")
    states = truth(company, "crm.opportunity_states", DEFAULT_NOW)
    current = states[states.valid_to.isna()].set_index("opportunity_id")
    alive = deals[~deals.is_deleted]
    assert sorted(current.index) == sorted(alive.index)
    joined = current.join(alive, suffixes=("", "_now"))
    assert (joined.stage == joined.stage_now).all()
    assert (joined.amount.fillna(-1) == joined.amount_now.fillna(-1)).all()
    assert (joined.is_won == joined.is_won_now).all()


def test_the_history_of_a_deal_replays_to_its_states(company: Company) -> None:
    history = truth(company, "crm.opportunity_history", DEFAULT_NOW)
    states = truth(company, "crm.opportunity_states", DEFAULT_NOW).set_index("opportunity_id")
    moved = history[(history.field == "stage") & history.opportunity_id.isin(states.index)]
    stages = states.reset_index().sort_values(["opportunity_id", "valid_from"])
    changes = stages.groupby("opportunity_id").stage.apply(lambda s: (s != s.shift()).sum() - 1)
    assert changes.sum() == len(moved)


def test_the_last_state_of_an_issue_is_what_it_is_now(company: Company) -> None:
    issues = truth(company, "tracker.issues", DEFAULT_NOW).set_index("issue_id")
    states = truth(company, "tracker.issue_states", DEFAULT_NOW)
    current = states[states.valid_to.isna()].set_index("issue_id").join(issues, suffixes=("", "_now"))
    assert len(current) == len(issues)
    assert (current.status_category == current.status_category_now).all()
    assert (current.priority.fillna("") == current.priority_now.fillna("")).all()
    resolved = issues.resolved_at.notna()
    assert ((issues.status_category == "done") == resolved).all()


def test_closed_intervals_never_change_afterwards(company: Company) -> None:
    then, now = DEFAULT_NOW - timedelta(days=40), DEFAULT_NOW
    for table in ("tracker.issue_states", "crm.opportunity_states"):
        before, after = truth(company, table, then), truth(company, table, now)
        key = KEYS[table][0]
        closed = before[before.valid_to.notna() & before[key].isin(after[key])].reset_index(drop=True)
        again = closed.merge(after, how="left", on=list(closed.columns), indicator=True)
        assert (again["_merge"] == "both").all()


def test_tickets_and_their_metrics_agree(company: Company) -> None:
    tickets = truth(company, "support.tickets", DEFAULT_NOW).set_index("ticket_id")
    metrics = truth(company, "support.ticket_metrics", DEFAULT_NOW).set_index("ticket_id")
    joined = tickets.join(metrics, suffixes=("", "_metrics"))
    waited = (joined.first_reply_at - joined.created_at).dt.total_seconds()
    assert (waited.dropna() == joined.first_reply_seconds.dropna().astype(float)).all()
    assert (joined.agent_replies == joined.agent_replies_metrics).all()
    assert ((joined.status == "solved") == joined.solved_at.notna()).all()
    assert (joined.first_reply_at.notna() == (joined.agent_replies > 0)).all()


def test_subscription_ends_show_when_they_are_known(company: Company) -> None:
    then = truth(company, "billing.subscriptions", DEFAULT_NOW - timedelta(days=120)).set_index(
        "subscription_id"
    )
    now = truth(company, "billing.subscriptions", DEFAULT_NOW).set_index("subscription_id")
    both = then.join(now, suffixes=("", "_now"))
    told = both.end_date.isna() & both.end_date_now.notna()
    assert told.sum() > 10
    assert (both.end_date_now[told] >= (DEFAULT_NOW - timedelta(days=121)).date()).all()
    assert (both.amount == both.amount_now).all()


def test_what_vanished_is_named(company: Company) -> None:
    then, now = DEFAULT_NOW, DEFAULT_NOW + timedelta(days=60)
    for table in ("tracker.issues", "support.tickets", "tracker.worklogs"):
        key = KEYS[table][0]
        before, after = truth(company, table, then), truth(company, table, now)
        assert vanished(company, table, then, now) == sorted(set(before[key]) - set(after[key]), key=int)


def test_instants_are_naive_utc_and_money_is_exact(company: Company) -> None:
    deals = truth(company, "crm.opportunities", DEFAULT_NOW)
    assert deals.created_at.dtype == "datetime64[us]"
    assert str(deals.amount.dropna().iloc[0]).partition(".")[2] in {"00", "50"}
    assert deals.created_at.max() <= pd.Timestamp(DEFAULT_NOW).tz_localize(None)
