"""The vendors under test: their fake, how a source reaches it, and which stream shows which of its objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.intercom import Intercom
from connectors.sandbox.jira import JiraCloud
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.salesforce import Salesforce


@dataclass(frozen=True)
class Vendor:
    """What the tests that hold for every vendor need to know.

    stream: the main stream. shelf: its object in the fake. columns: a typed column and where the fake's record
    has it. path: part of the path of the main request. reads: how many requests a quiet load of it takes.
    """

    fake: type[Fake]
    source: Callable[[Any], tuple[Mapping[str, Any], Mapping[str, str]]]
    stream: str
    shelf: str
    path: str
    columns: Mapping[str, Callable[[Any], Any]]
    others: Mapping[str, str]


def _salesforce(fake: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    auth = {"kind": "client_credentials", "client_id": "env:SF_ID", "client_secret": "env:SF_SECRET"}
    return {"system": "salesforce", "auth": auth}, {"SF_ID": fake.client_id, "SF_SECRET": fake.client_secret}


def _jira(fake: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    auth = {"kind": "basic", "user": "env:JIRA_EMAIL", "password": "env:JIRA_TOKEN"}
    return {"system": "jira", "auth": auth}, {"JIRA_EMAIL": fake.email, "JIRA_TOKEN": fake.api_token}


def _intercom(fake: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    auth = {"kind": "bearer", "token": "env:INTERCOM_TOKEN"}
    return {"system": "intercom", "auth": auth}, {"INTERCOM_TOKEN": fake.access_token}


VENDORS = {
    "salesforce": Vendor(
        fake=Salesforce,
        source=_salesforce,
        stream="opportunities",
        shelf="Opportunity",
        path="/query",
        columns={"stage": lambda record: record["StageName"], "name": lambda record: record["Name"]},
        others={"accounts": "Account", "leads": "Lead", "opportunity_history": "OpportunityHistory"},
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
    ),
}
