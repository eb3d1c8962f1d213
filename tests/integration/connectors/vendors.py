"""The vendors under test: their fake, how a source reaches it, and which stream shows which of its objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.github import REPOSITORY, GitHub
from connectors.sandbox.hubspot import HubSpot
from connectors.sandbox.intercom import Intercom
from connectors.sandbox.jira import JiraCloud
from connectors.sandbox.jira_dc import JiraDataCenter
from connectors.sandbox.linear import Linear
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.salesforce import Salesforce
from connectors.sandbox.zendesk import Zendesk


@dataclass(frozen=True)
class Vendor:
    """What the tests that hold for every vendor need to know.

    stream: the main stream. shelf: its object in the fake. columns: a typed column and where the fake's record
    has it. path: part of the path of the main request. others: further streams and their objects. key: the row's
    key for the fake's id. belongs: whether a record of the fake is in the stream. heavy: streams that take a
    request for each parent.
    """

    fake: type[Fake]
    source: Callable[[Any], tuple[Mapping[str, Any], Mapping[str, str]]]
    stream: str
    shelf: str
    path: str
    columns: Mapping[str, Callable[[Any], Any]]
    others: Mapping[str, str]
    key: Callable[[str], str] = str
    belongs: Callable[[Any], bool] = bool
    heavy: tuple[str, ...] = ()


def _salesforce(fake: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    auth = {"kind": "client_credentials", "client_id": "env:SF_ID", "client_secret": "env:SF_SECRET"}
    return {"system": "salesforce", "auth": auth}, {"SF_ID": fake.client_id, "SF_SECRET": fake.client_secret}


def _jira(fake: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    auth = {"kind": "basic", "user": "env:JIRA_EMAIL", "password": "env:JIRA_TOKEN"}
    return {"system": "jira", "auth": auth}, {"JIRA_EMAIL": fake.email, "JIRA_TOKEN": fake.api_token}


def _intercom(fake: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    auth = {"kind": "bearer", "token": "env:INTERCOM_TOKEN"}
    return {"system": "intercom", "auth": auth}, {"INTERCOM_TOKEN": fake.access_token}


def _hubspot(fake: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    auth = {"kind": "bearer", "token": "env:HUBSPOT_TOKEN"}
    return {"system": "hubspot", "auth": auth}, {"HUBSPOT_TOKEN": fake.access_token}


def _jira_dc(fake: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    return {"system": "jira_dc", "auth": {"kind": "bearer", "token": "env:DC_TOKEN"}}, {
        "DC_TOKEN": fake.token
    }


def _github(fake: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    auth = {"kind": "bearer", "token": "env:GITHUB_TOKEN"}
    options = {"repositories": REPOSITORY}
    return {"system": "github", "auth": auth, "options": options}, {"GITHUB_TOKEN": fake.token}


def _linear(fake: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    auth = {"kind": "header", "token": "env:LINEAR_KEY"}
    return {"system": "linear", "auth": auth, "base_url": "env:LINEAR_URL"}, {
        "LINEAR_KEY": fake.api_key,
        "LINEAR_URL": f"{fake.base_url}/graphql",
    }


def _zendesk(fake: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    auth = {"kind": "basic", "user": "env:ZENDESK_EMAIL", "password": "env:ZENDESK_TOKEN"}
    return {"system": "zendesk", "auth": auth}, {"ZENDESK_EMAIL": fake.email, "ZENDESK_TOKEN": fake.api_token}


VENDORS = {
    "salesforce": Vendor(
        fake=Salesforce,
        source=_salesforce,
        stream="opportunities",
        shelf="Opportunity",
        path="/query",
        columns={"stage": lambda record: record["StageName"], "name": lambda record: record["Name"]},
        others={
            "accounts": "Account",
            "leads": "Lead",
            "opportunity_history": "OpportunityHistory",
            "opportunity_line_items": "OpportunityLineItem",
            "cases": "Case",
            "case_history": "CaseHistory",
            "dated_conversion_rates": "DatedConversionRate",
        },
    ),
    "jira": Vendor(
        fake=JiraCloud,
        source=_jira,
        stream="issues",
        shelf="issue",
        path="/search/jql",
        columns={
            "status": lambda record: record["fields"]["status"]["name"],
            "key": lambda record: record["key"],
        },
        others={"worklogs": "worklog"},
    ),
    "intercom": Vendor(
        fake=Intercom,
        source=_intercom,
        stream="conversations",
        shelf="conversation",
        path="/conversations/search",
        columns={"state": lambda record: record["state"]},
        others={"contacts": "contact", "tickets": "ticket"},
        heavy=("conversation_parts",),
    ),
    "hubspot": Vendor(
        fake=HubSpot,
        source=_hubspot,
        stream="deals",
        shelf="deals",
        path="/0-3",
        columns={
            "stage_id": lambda record: record["properties"]["dealstage"],
            "name": lambda record: record["properties"]["dealname"],
        },
        others={name: name for name in ("companies", "contacts", "meetings", "calls", "tickets")},
    ),
    "jira_dc": Vendor(
        fake=JiraDataCenter,
        source=_jira_dc,
        stream="issues",
        shelf="issue",
        path="/search",
        columns={
            "status": lambda record: record["fields"]["status"]["name"],
            "key": lambda record: record["key"],
        },
        others={"worklogs": "worklog"},
    ),
    "github": Vendor(
        fake=GitHub,
        source=_github,
        stream="issues",
        shelf="issue",
        path="/issues",
        columns={"state": lambda record: record["state"], "number": lambda record: record["number"]},
        others={},
        key=lambda identifier: f"{REPOSITORY}|{identifier}",
        belongs=lambda record: "pull_request" not in record,
        heavy=("reviews", "events"),
    ),
    "linear": Vendor(
        fake=Linear,
        source=_linear,
        stream="issues",
        shelf="issue",
        path="/graphql",
        columns={"state": lambda record: record["state"]["name"], "key": lambda record: record["identifier"]},
        others={},
    ),
    "zendesk": Vendor(
        fake=Zendesk,
        source=_zendesk,
        stream="tickets",
        shelf="ticket",
        path="/incremental/tickets",
        columns={
            "status": lambda record: record["status"],
            "channel": lambda record: record["via"]["channel"],
        },
        others={},
    ),
}
