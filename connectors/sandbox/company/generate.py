"""The whole company in one frozen value, generated from a seed and a scale.

    company = generate(seed=7, scale=1.0)      # about 100,000 records over two years, in well under a second
    company.counts(now)                        # records by kind as of an instant

Everything downstream (fakes, exports, truth) is a pure function of this value and the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connectors.sandbox.company import (
    billing,
    business,
    crm,
    deals,
    delivery,
    demand,
    engagement,
    product,
    recommendation,
    support,
    tracker,
)
from connectors.sandbox.company.deals import Customers, Deals
from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import DAY, instant


@dataclass(frozen=True)
class Company:
    """All records that the sandbox company ever had and will have, up to the end of its time axis."""

    seed: int
    scale: float
    leads: demand.Leads
    accounts: demand.Accounts
    account_log: Log
    deals: Deals
    customers: Customers
    activities: engagement.Activities
    account_events: engagement.AccountEvents
    subscriptions: billing.Subscriptions
    invoice_lines: billing.InvoiceLines
    sprints: tracker.Sprints
    issues: tracker.Issues
    worklogs: tracker.Worklogs
    deployments: delivery.Deployments
    reviews: delivery.Reviews
    conversations: support.Conversations
    contacts: support.Contacts
    escalations: support.Escalations
    nps: recommendation.Nps
    users: product.Users
    events: product.Events
    business: business.Business

    def counts(self, now: datetime) -> dict[str, int]:
        """Records by kind that exist at `now` (deleted ones not counted, history rows counted)."""
        at = instant(now)
        day_end = at // DAY
        return {
            "accounts": self.account_log.current(at).size,
            "leads": self.leads.log.current(at).size,
            "opportunities": self.deals.log.current(at).size,
            "opportunity_versions": int((self.deals.log.at <= at).sum()),
            "activities": self.activities.log.current(at).size,
            "account_events": int((self.account_events.recorded <= at).sum()),
            "subscriptions": int((self.subscriptions.recorded <= at).sum()),
            "invoice_lines": int((self.invoice_lines.recorded <= at).sum()),
            "sprints": int((self.sprints.start <= at).sum()),
            "issues": self.issues.log.current(at).size,
            "issue_versions": int((self.issues.log.at <= at).sum()),
            "worklogs": int(((self.worklogs.created <= at) & (self.worklogs.deleted > at)).sum()),
            "deployments": int((self.deployments.finished <= at).sum()),
            "reviews": int((self.reviews.opened <= at).sum()),
            "conversations": self.conversations.log.current(at).size,
            "conversation_parts": int((self.conversations.parts.at <= at).sum()),
            "contacts": self.contacts.log.current(at).size,
            "nps_responses": int((self.nps.at <= at).sum()),
            "users": int((self.users.signed_up <= at).sum()),
            "product_events": int((self.events.at <= at).sum()),
            "daily_rows": 3 * int((self.business.daily.day < day_end).sum()),
            "ledger": int((self.business.ledger.booked <= at).sum()),
            "survey_answers": int((self.business.survey.at <= at).sum()),
        }


def generate(seed: int = 7, scale: float = 1.0) -> Company:
    """Generate the company. Deterministic: the same seed and scale give the same company on every machine.

    Args:
        seed: any non-negative integer.
        scale: size factor; 1 is about 100,000 records, 100 about ten million (some 3 GB while generating).

    Raises:
        ValueError: the scale is not between 0.05 and 200.
    """
    if not 0.05 <= scale <= 200:
        raise ValueError(f"sandbox company: scale must lie between 0.05 and 200, found {scale}")
    leads, accounts = demand.generate(seed, scale)
    opportunities, customers = deals.generate(seed, accounts)
    subscriptions, lines = billing.generate(seed, scale, opportunities, customers)
    issues = tracker.issues(seed, scale)
    conversations, contacts, escalations = support.generate(seed, scale, accounts, customers)
    users = product.users(seed, accounts, customers)
    return Company(
        seed=seed,
        scale=scale,
        leads=leads,
        accounts=accounts,
        account_log=crm.account_log(seed, accounts, customers),
        deals=opportunities,
        customers=customers,
        activities=engagement.activities(seed, leads, opportunities),
        account_events=engagement.account_events(seed, customers),
        subscriptions=subscriptions,
        invoice_lines=lines,
        sprints=tracker.sprints(),
        issues=issues,
        worklogs=tracker.worklogs(seed, issues),
        deployments=delivery.deployments(seed, scale),
        reviews=delivery.reviews(seed, scale),
        conversations=conversations,
        contacts=contacts,
        escalations=escalations,
        nps=recommendation.nps(seed, customers),
        users=users,
        events=product.events(seed, users),
        business=business.generate(seed, scale, leads, lines),
    )
