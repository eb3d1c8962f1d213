"""Other vendors over the same sandbox company: their example sources, and their ids as the company counts them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import Ints
from connectors.sandbox.github_records import USER_ID_BASE
from connectors.sandbox.hubspot_activities import CALL_BASE, MEETING_BASE, call_numbers, meeting_numbers
from connectors.sandbox.hubspot_objects import COMPANY_BASE, CONTACT_BASE, DEAL_BASE, OWNER_BASE
from connectors.sandbox.hubspot_tickets import TICKET_BASE as HUBSPOT_TICKETS
from connectors.sandbox.zendesk_tickets import RATING_BASE, TICKET_BASE
from pipelines.installation import Installation
from pipelines.sandboxed import SOURCES, SandboxInstallation
from pipelines.steps.extract import extract
from pipelines.steps.stage import land, stage
from pipelines.warehouse import Warehouse
from pipelines.workspace import Workspace

EXAMPLES = Path(__file__).parents[3] / "examples"
HURRY = {"requests": 100_000, "seconds": 1}
"""The sandbox shares its limits with nobody."""

Names = Mapping[str, str | None]


def workspace_of(
    running: SandboxInstallation,
    home: Path,
    systems: Sequence[str],
    *,
    more: Sequence[str] = (),
    staging: Path | None = None,
    files: bool = False,
) -> Workspace:
    """An installation of its own that pulls the company from these systems' examples.

    more: streams on request of the first system. staging: a folder of models of its own. files: with what the company
    has in files only, and no system tells.
    """
    sources = home / "sources"
    sources.mkdir(parents=True)
    for name in systems:
        config = yaml.safe_load((EXAMPLES / name / f"{name}.yml").read_text(encoding="utf-8"))
        config["streams"] += more if name == systems[0] else ()
        (sources / f"{name}.yml").write_text(yaml.safe_dump({**config, "rate": HURRY}))
    if files:
        shutil.copyfile(SOURCES / "files.yml", sources / "files.yml")
    environment = {"VITALS_HOME": str(home), "VITALS_SOURCES": str(sources)}
    if staging is not None:
        environment["VITALS_STAGING"] = str(staging)
    return Workspace.from_environment(environment).at(running.sandbox.clock)


def shipped_workspace(running: SandboxInstallation, home: Path) -> Workspace:
    """An installation of its own over the sandbox's own sources."""
    shutil.copytree(SOURCES, home / "sources")
    return Workspace.from_environment({"VITALS_HOME": str(home)}).at(running.sandbox.clock)


def pull(workspace: Workspace, warehouse: Warehouse) -> Installation:
    """Pull, land and stage everything once."""
    installation = Installation.load(workspace)
    for source in installation.sources:
        for _ in extract(workspace, source):
            pass
    list(land(installation, warehouse))
    stage(installation, warehouse)
    return installation


def renamed(frame: pd.DataFrame, names: Mapping[str, Names]) -> pd.DataFrame:
    """The frame with values of columns replaced; a value that has no new name stays as it is."""
    frame = frame.copy()
    for column, mapping in names.items():
        if column in frame.columns:
            frame[column] = [
                mapping.get(value, value) if isinstance(value, str) else value for value in frame[column]
            ]
    return frame


def _numbers(count: int, vendor: Callable[[int], Any], company: Callable[[int], Any]) -> Names:
    return {str(vendor(number)): company(number) for number in range(count)}


def hubspot_names(company: Company) -> Mapping[str, Names]:
    """HubSpot's ids as Salesforce's, by neutral column."""

    def activities(prefix: str, base: int, chosen: Ints) -> Names:
        found = identity.salesforce_ids(prefix, chosen)
        return {str(base + number): str(found[number]) for number in range(chosen.size)}

    def ids(prefix: str, base: int, count: int) -> Names:
        found = identity.salesforce_ids(prefix, np.arange(count, dtype=np.int64))
        return {str(base + number): str(found[number]) for number in range(count)}

    return {
        "account_id": ids(identity.ACCOUNT, COMPANY_BASE, company.account_log.size),
        "lead_id": ids(identity.LEAD, CONTACT_BASE, company.leads.size),
        "opportunity_id": ids(identity.OPPORTUNITY, DEAL_BASE, company.deals.log.size),
        "owner_id": ids(identity.USER, OWNER_BASE, 1_000),
        "activity_id": {
            **activities(identity.EVENT, MEETING_BASE, meeting_numbers(company)),
            **activities(identity.TASK, CALL_BASE, call_numbers(company)),
        },
    }


def salesforce_cases(company: Company) -> Mapping[str, Names]:
    """Salesforce's cases as Intercom's conversations."""
    size = company.conversations.size
    found = identity.salesforce_ids(identity.CASE, np.arange(size, dtype=np.int64))
    return {"ticket_id": {str(found[n]): str(n + identity.CONVERSATION_BASE) for n in range(size)}}


def hubspot_tickets(company: Company) -> Mapping[str, Names]:
    """HubSpot's tickets as Intercom's conversations."""
    size = company.conversations.size
    tickets = _numbers(size, lambda n: HUBSPOT_TICKETS + n, lambda n: str(n + identity.CONVERSATION_BASE))
    return {**hubspot_names(company), "ticket_id": tickets}


def _people(vendor: Callable[[int], Any]) -> Names:
    return _numbers(1_000, vendor, identity.jira_person)


def linear_names(company: Company, issue_id: Callable[[int], str]) -> Mapping[str, Names]:
    """Linear's ids as Jira's, by neutral column; values of the changelog under the field's name."""
    sprints = company.sprints

    def cycle(number: int) -> str:
        return identity.uuid("linear cycle", number)

    return {
        "issue_id": _numbers(company.issues.size, issue_id, lambda number: str(number + identity.ISSUE_BASE)),
        "sprint_id": _numbers(sprints.size, cycle, lambda number: str(number + identity.SPRINT_BASE)),
        "assignee_id": _people(lambda number: identity.uuid("linear user", number)),
        "sprint": _numbers(
            sprints.size,
            cycle,
            lambda n: f"{words.TEAMS[int(sprints.team[n])]} Sprint {int(sprints.number[n]) + 1}",
        ),
    }


def github_names(company: Company, repository: Any) -> Mapping[str, Names]:
    """GitHub's numbers, people and words as Jira's, by neutral column."""

    def shown(number: int) -> str:
        return f"{repository.name}#{int(repository.place[number]) + 1}"

    return {
        "issue_id": _numbers(company.issues.size, shown, lambda number: str(number + identity.ISSUE_BASE)),
        "sprint_id": _numbers(
            company.sprints.size,
            lambda number: f"{repository.name}#{number + 1}",
            lambda number: str(number + identity.SPRINT_BASE),
        ),
        "assignee_id": _people(lambda number: USER_ID_BASE + number),
        "team": {team.lower(): team for team in words.TEAMS},
        "status": {
            "open": "To Do",
            "in progress": "In Progress",
            "in review": "In Review",
            "closed": "Done",
            "not planned": "Won't Do",
        },
    }


def jira_dc_names(person: Callable[[int], str]) -> Mapping[str, Names]:
    """Data Center's people as the Cloud's."""
    return {"assignee_id": _people(person)}


def zendesk_names(company: Company) -> Mapping[str, Names]:
    """Zendesk's ids as Intercom's, by neutral column; a closed ticket is a solved one."""
    size = company.conversations.size

    def conversation(number: int) -> str:
        return str(number + identity.CONVERSATION_BASE)

    return {
        "ticket_id": _numbers(size, lambda number: TICKET_BASE + number, conversation),
        "rating_id": _numbers(size, lambda number: RATING_BASE + number, conversation),
        "status": {"closed": "solved"},
    }
