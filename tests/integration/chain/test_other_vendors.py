"""HubSpot, Linear, GitHub, Jira Data Center and Zendesk fill the same neutral tables as Salesforce, Jira, Intercom.

One company, served by all fakes: each vendor's staging models must give the company's truth, day after day, and the
KPIs over them must be those of the other route. What a vendor does not know, or says in words of its own, is written
down here, once for each vendor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.timeline import NEVER
from connectors.sandbox.company.truth import truth
from connectors.sandbox.linear_records import LinearRecords
from definitions.model import Catalogue
from pipelines.sandboxed import SandboxInstallation, sandbox_installation
from pipelines.staging.models import load_models
from pipelines.steps.compute import VALUES, compute
from pipelines.steps.stage import QUARANTINE, check_staging
from pipelines.warehouse import Warehouse, open_warehouse
from pipelines.workspace import Workspace
from quality.lineage import lineage
from tests.integration.chain import routes
from tests.integration.chain.test_warehouse_equals_source import rows_of

SCALE = 0.05


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxInstallation]:
    with sandbox_installation(tmp_path_factory.mktemp("sandbox"), scale=SCALE) as sandbox:
        yield sandbox


class Route:
    """One installation over the company, its warehouse, and the company's truth to compare it with."""

    def __init__(self, running: SandboxInstallation, workspace: Workspace) -> None:
        self.company = running.sandbox.company
        self.workspace = workspace
        self.warehouse: Warehouse = open_warehouse(workspace.warehouse_url)
        self.names: dict[str, Any] = {}
        self.values: dict[str, Any] = {}

    def pull(self) -> None:
        self.installation = routes.pull(self.workspace, self.warehouse)
        assert not self.warehouse.exists(QUARANTINE)

    def truth(self, table: str) -> pd.DataFrame:
        return truth(self.company, table, self.workspace.now())

    def found(self, table: str) -> pd.DataFrame:
        frame = self.warehouse.query(f"SELECT * FROM {table}").to_pandas()
        frame = routes.renamed(frame, self.names)
        if table == "tracker.issue_changelog":
            for column in ("old", "new"):
                for field, mapping in self.values.items():
                    rows = frame["field"] == field
                    frame.loc[rows, column] = frame.loc[rows, column].map(
                        lambda value, mapping=mapping: mapping.get(value, value)
                    )
        return frame

    def assert_same(
        self, table: str, expected: pd.DataFrame, found: pd.DataFrame, *, without: Sequence[str] = ()
    ) -> None:
        columns = [name for name in expected.columns if name in found.columns and name not in without]
        assert len(expected) > 20, table
        left, right = rows_of(expected, columns), rows_of(found, columns)
        missing, strange = list((left - right).items())[:3], list((right - left).items())[:3]
        assert (missing, strange) == ([], []), (table, columns)


def alive(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[~frame["is_deleted"].astype(bool)]


def in_lower_case(changelog: pd.DataFrame) -> pd.DataFrame:
    priority = changelog["field"] == "priority"
    for column in ("old", "new"):
        changelog.loc[priority, column] = changelog.loc[priority, column].str.lower()
    return changelog


# HubSpot.


def assert_crm(route: Route) -> None:
    route.assert_same("crm.accounts", route.truth("crm.accounts"), route.found("crm.accounts"))
    # The associations of what is archived already are not listed.
    expected, found = route.truth("crm.leads"), route.found("crm.leads")
    route.assert_same("crm.leads", expected, found, without=("account_id", "opportunity_id"))
    route.assert_same("crm.leads", alive(expected), alive(found))
    route.assert_same("crm.activities", route.truth("crm.activities"), route.found("crm.activities"))
    expected, found = route.truth("crm.opportunities"), route.found("crm.opportunities")
    route.assert_same("crm.opportunities", expected, found, without=("account_id",))
    route.assert_same("crm.opportunities", alive(expected), alive(found))
    # The history of a deal ends where it is archived, and one that was archived before the first load has none.
    here = set(alive(expected)["opportunity_id"])
    history, states = route.truth("crm.opportunity_history"), route.truth("crm.opportunity_states")
    found = route.found("crm.opportunity_history")
    route.assert_same(
        "crm.opportunity_history",
        history[history["opportunity_id"].isin(here)],
        found[found["opportunity_id"].isin(here)],
    )
    route.assert_same("crm.opportunity_states", states, route.found("crm.opportunity_states"))


def test_hubspot_becomes_the_crm(running: SandboxInstallation, tmp_path: Path) -> None:
    route = Route(running, routes.workspace_of(running, tmp_path, ["hubspot"]))
    route.names = dict(routes.hubspot_names(route.company))
    route.pull()
    assert_crm(route)
    stages = {row["stage"]: row for row in route.warehouse.query("SELECT * FROM crm.stages").to_pylist()}
    assert set(stages) == set(words.STAGES)
    assert [name for name, row in stages.items() if row["is_won"]] == ["Closed Won"]
    assert {name for name, row in stages.items() if row["is_closed"]} == {"Closed Won", "Closed Lost"}
    running.sandbox.advance(days=3)
    route.pull()
    assert_crm(route)


# The CRMs' own help desks.


def assert_tickets(route: Route, *, known_accounts: bool) -> None:
    """known_accounts: the vendor links to accounts that it has; the id of a stranger is lost."""
    expected = route.truth("support.tickets")
    if known_accounts:
        accounts = set(route.found("crm.accounts")["account_id"])
        expected["account_id"] = expected["account_id"].where(expected["account_id"].isin(accounts), None)
    for column in ("channel", "priority", "status", "team"):
        expected[column] = expected[column].astype(object)
    found = alive(route.found("support.tickets"))
    route.assert_same("support.tickets", expected, found, without=("updated_at",))
    assert expected["reopens"].sum() > 0
    metrics = "support.ticket_metrics"
    route.assert_same(metrics, route.truth(metrics), route.found(metrics))


def test_salesforce_cases_become_tickets(running: SandboxInstallation, tmp_path: Path) -> None:
    more = ["cases", "case_history", "case_statuses", "opportunity_line_items"]
    route = Route(running, routes.workspace_of(running, tmp_path, ["salesforce"], more=more))
    route.names = dict(routes.salesforce_cases(route.company))
    for _ in range(2):
        route.pull()
        assert_tickets(route, known_accounts=False)
        lines = route.warehouse.query(
            "SELECT opportunity_id, sum(total_price) AS lines FROM salesforce.opportunity_line_items"
            " WHERE NOT (is_deleted OR _deleted) GROUP BY ALL"
        ).to_pylist()
        amounts = route.found("crm.opportunities").set_index("opportunity_id")["amount"]
        assert len(lines) > 50
        assert all(row["lines"] == amounts[row["opportunity_id"]] for row in lines)
        running.sandbox.advance(days=9)


def test_hubspot_tickets_become_tickets_and_a_property_what_became_of_accounts(
    running: SandboxInstallation, tmp_path: Path
) -> None:
    more = ["ticket_stages", "tickets", "ticket_history", "ticket_links", "company_history"]
    route = Route(running, routes.workspace_of(running, tmp_path, ["hubspot"], more=more))
    route.names = dict(routes.hubspot_tickets(route.company))
    data = route.company.account_events
    for _ in range(2):
        route.pull()
        assert_tickets(route, known_accounts=True)
        now = int(route.workspace.now().timestamp() * 1000)
        # When it was written down, without what was entered by mistake; the same again is no change.
        told = pd.DataFrame({"account": data.account, "event": data.event, "at": data.recorded})
        told = told[(data.deleted >= NEVER) & (data.recorded <= now)].sort_values(["at", "event"])
        told = told[told["event"] != told.groupby("account")["event"].shift()]
        expected = pd.DataFrame(
            {
                "account_id": identity.account_ids(told["account"].to_numpy()),
                "event": [words.ACCOUNT_EVENTS[code] for code in told["event"]],
                "occurred_at": pd.to_datetime(told["at"], unit="ms").astype("datetime64[us]"),
            }
        )
        route.assert_same("crm.account_events", expected, route.found("crm.account_events"))
        running.sandbox.advance(days=9)


def test_amounts_in_other_currencies_are_converted_at_their_day(tmp_path: Path) -> None:
    """The example's own models over dated rates; in a sandbox of its own, since the CRM is changed by hand."""
    models = routes.EXAMPLES / "salesforce" / "staging"
    more = ["dated_conversion_rates"]
    with sandbox_installation(tmp_path / "sandbox", scale=SCALE) as running:
        fake = running.sandbox.salesforce
        one, two = sorted(fake.snapshot("Opportunity"))[:2]
        for key, code in ((one, "EUR"), (two, "CHF")):
            changed = {"CurrencyIsoCode": code, "Amount": 920.0, "CloseDate": "2024-07-01"}
            fake.put("Opportunity", {"Id": key, **changed})
        running.sandbox.advance(seconds=60)
        home = tmp_path / "home"
        route = Route(running, routes.workspace_of(running, home, ["salesforce"], more=more, staging=models))
        route.pull()
    found = route.found("crm.opportunities").set_index("opportunity_id")
    assert (found.loc[one, "amount"], found.loc[one, "currency"]) == (1000, "USD")
    assert found["amount"].isna()[two]  # nobody knows what it is worth
    states = route.found("crm.opportunity_states")
    newest = states[states["opportunity_id"] == one].sort_values("valid_from").iloc[-1]
    assert newest["amount"] == 1000


# The trackers.


def assert_tracker(
    route: Route,
    fields: Sequence[str],
    *,
    without: Sequence[str] = (),
    second: bool = False,
    team_known: bool = False,
) -> None:
    """The tracker's tables but for what the vendor does not have.

    fields: of the changelog. second: instants are whole seconds, and what happens within one is one change.
    team_known: the vendor always knows the team.
    """
    expected = pd.DataFrame(route.truth("tracker.issues"))
    changes = in_lower_case(route.truth("tracker.issue_changelog"))
    states = route.truth("tracker.issue_states")
    if team_known:
        by_key = {
            identity.issue_key(int(team), int(number)): words.TEAMS[int(team)]
            for team, number in zip(route.company.issues.team, route.company.issues.number, strict=True)
        }
        expected["team"] = expected["key"].map(by_key)
        states["team"] = states["issue_id"].map(
            dict(zip(expected["issue_id"], expected["team"], strict=True))
        )
    changes = changes[changes["field"].isin(fields)]
    if second:
        for frame, columns in (
            (expected, ("created_at", "resolved_at")),
            (changes, ("changed_at",)),
            (states, ("valid_from", "valid_to")),
        ):
            for column in columns:
                frame[column] = frame[column].dt.floor("s")
        changes = folded(changes)
        states = states[states["valid_to"].isna() | (states["valid_to"] > states["valid_from"])]
    found = route.found("tracker.issues")
    gone = set(found[found["is_deleted"].astype(bool)]["issue_id"])
    route.assert_same("tracker.issues", expected, alive(found), without=("updated_at", *without))
    found = route.found("tracker.issue_changelog")
    found = found[found["field"].isin(fields) & ~found["issue_id"].isin(gone)]
    assert not found.duplicated(["issue_id", "change_id", "field"]).any()
    assert set(found["field"]) == set(fields)
    route.assert_same("tracker.issue_changelog", changes, found, without=("change_id",))
    route.assert_same("tracker.issue_states", states, route.found("tracker.issue_states"))


def folded(changes: pd.DataFrame) -> pd.DataFrame:
    """Several changes of one field within one second as one change, and none where nothing is left of it."""
    found = (
        changes.sort_values(["changed_at"], kind="stable")
        .groupby(["issue_id", "field", "changed_at"], sort=False)
        .agg(old=("old", lambda values: values.iloc[0]), new=("new", lambda values: values.iloc[-1]))
        .reset_index()
    )
    same = (found["old"] == found["new"]) | (found["old"].isna() & found["new"].isna())
    return found[~same]


def test_linear_becomes_the_tracker(running: SandboxInstallation, tmp_path: Path) -> None:
    route = Route(running, routes.workspace_of(running, tmp_path, ["linear"]))
    names = dict(routes.linear_names(route.company, LinearRecords(route.company).issue_id))
    route.names = names
    route.values = {"assignee": names["assignee_id"], "sprint": names["sprint"]}
    check = partial(
        assert_tracker, route, ("status", "priority", "assignee", "sprint", "story points"), team_known=True
    )
    route.pull()
    check()
    route.assert_same("tracker.sprints", route.truth("tracker.sprints"), route.found("tracker.sprints"))
    running.sandbox.advance(days=9)
    route.pull()
    check()


def test_github_becomes_the_tracker(running: SandboxInstallation, tmp_path: Path) -> None:
    route = Route(running, routes.workspace_of(running, tmp_path, ["github"]))
    names = dict(routes.github_names(route.company, running.sandbox.github.repository))
    route.names = names
    route.values = {"assignee": names["assignee_id"], "status": names["status"]}
    check = partial(
        assert_tracker,
        route,
        ("status", "priority", "assignee", "story points"),
        without=("key",),
        second=True,
    )
    route.pull()
    check()
    expected = route.truth("tracker.reviews")
    for column in ("opened_at", "first_review_at"):
        expected[column] = expected[column].dt.floor("s")
    route.assert_same("tracker.reviews", expected, route.found("tracker.reviews"), without=("change_id",))
    # A milestone is a sprint without a start; its team is that of its issues.
    ends = route.truth("tracker.sprints")[["sprint_id", "team", "end_at"]]
    found = route.found("tracker.sprints")
    issues = route.found("tracker.issues")
    used = set(issues[issues["team"].notna()]["sprint_id"])
    route.assert_same(
        "tracker.sprints", ends[ends["sprint_id"].isin(used)], found[found["sprint_id"].isin(used)]
    )
    assert (found["start_at"] < found["end_at"]).all()
    running.sandbox.advance(days=9)
    route.pull()
    check()


def test_jira_data_center_becomes_the_tracker(running: SandboxInstallation, tmp_path: Path) -> None:
    route = Route(running, routes.workspace_of(running, tmp_path, ["jira_dc"]))
    names = dict(routes.jira_dc_names(lambda number: f"JIRAUSER{10_100 + number}"))
    route.names = names
    route.values = {"assignee": names["assignee_id"]}
    fields = ("status", "priority", "assignee", "sprint", "story points", "resolution", "labels")
    route.pull()
    assert_tracker(route, fields)
    for table in ("tracker.sprints", "tracker.worklogs"):
        route.assert_same(table, route.truth(table), route.found(table))
    running.sandbox.advance(days=9)
    route.pull()
    assert_tracker(route, fields)


def test_the_two_jiras_have_one_set_of_models() -> None:
    cloud, server = (
        {model.table: model for model in load_models([name]) if model.system == name}
        for name in ("jira", "jira_dc")
    )
    assert server.keys() == cloud.keys()
    for table, model in server.items():
        assert model.path == cloud[table].path
        assert model.inputs == tuple(name.replace("jira.", "jira_dc.") for name in cloud[table].inputs)


# Zendesk.


def assert_support(route: Route) -> None:
    # An organisation is named by the CRM's id; the fake has none for an account that the CRM never knew.
    known = set(route.warehouse.query("SELECT external_id FROM zendesk.organizations").column(0).to_pylist())

    def expected(table: str) -> pd.DataFrame:
        frame = route.truth(table)
        if "account_id" in frame.columns:
            frame["account_id"] = frame["account_id"].where(frame["account_id"].isin(known), None)
        return frame

    tickets = expected("support.tickets")
    tickets["channel"] = tickets["channel"].astype(object)
    route.assert_same(
        "support.tickets", tickets, alive(route.found("support.tickets")), without=("updated_at",)
    )
    for table in ("support.ticket_metrics", "support.satisfaction_ratings"):
        route.assert_same(table, expected(table), route.found(table))


def test_zendesk_becomes_the_help_desk(running: SandboxInstallation, tmp_path: Path) -> None:
    route = Route(running, routes.workspace_of(running, tmp_path, ["zendesk"]))
    route.names = dict(routes.zendesk_names(route.company))
    route.pull()
    assert_support(route)
    running.sandbox.advance(days=9)
    route.pull()
    assert_support(route)
    deleted = route.found("support.tickets")
    assert deleted["is_deleted"].any()  # the export keeps them; they are marked


# Two trackers and two CRMs at once.


def test_several_systems_fill_one_table(running: SandboxInstallation, tmp_path: Path) -> None:
    """While a company moves from one tool to another it has both; words that both know are listed once."""
    one, two = (
        Route(running, routes.workspace_of(running, tmp_path / name, [name])) for name in ("jira", "linear")
    )
    systems = ["jira", "linear", "salesforce", "hubspot"]
    both = Route(running, routes.workspace_of(running, tmp_path / "both", systems, files=True))
    for route in (one, two, both):
        route.pull()
    for table in ("tracker.issues", "tracker.issue_changelog", "tracker.issue_states", "tracker.sprints"):
        rows = [rows_of(route.found(table), list(route.found(table).columns)) for route in (one, two, both)]
        assert rows[0] + rows[1] == rows[2], table
    statuses = {
        row["status"]: row["status_category"]
        for row in both.warehouse.query("FROM tracker.statuses").to_pylist()
    }
    assert statuses == dict(zip(words.STATUSES, words.STATUS_CATEGORY, strict=True))
    stages = both.found("crm.stages")
    assert sorted(stages["stage"]) == sorted(words.STAGES)
    assert set(stages[stages["is_won"]]["stage"]) == {"Closed Won"}
    failed = [check for check in check_staging(both.installation, both.warehouse) if check.is_error]
    assert not failed


# The KPIs.

UNKNOWN = (
    "crm.activities",
    "crm.account_events",
    "crm.risk_periods",
    "crm.account_saves",
    "tracker.worklogs",
)
"""HubSpot's example tells no meetings and no milestones, Linear no hours: metrics over them have no source there."""


def compared(catalogue: Catalogue) -> tuple[list[str], list[str]]:
    """The metrics that rest on the CRM alone, and those that rest on the tracker or the help desk.

    Tickets name their accounts by the CRM's ids, so trackers and help desks are compared beside one CRM.
    """
    traced = lineage(catalogue)
    tables: dict[str, set[str]] = {}
    for table in traced.by_table:
        for name in traced.metrics_of(table):
            tables.setdefault(name, set()).add(table)
    known = {name: rests_on for name, rests_on in tables.items() if not rests_on & set(UNKNOWN)}
    return (
        sorted(name for name, on in known.items() if all(table.startswith("crm.") for table in on)),
        sorted(name for name, on in known.items() if any(t.startswith(("tracker.", "support.")) for t in on)),
    )


def test_the_kpis_do_not_depend_on_the_vendor(running: SandboxInstallation, tmp_path: Path) -> None:
    """Every KPI over CRM, tracker and help desk has the same values from either set of vendors, every period."""

    def values(route: Route, metrics: Sequence[str]) -> pd.DataFrame:
        list(compute(route.installation, route.warehouse, metrics))
        names = ", ".join(f"'{name}'" for name in metrics)
        found: pd.DataFrame = route.warehouse.query(
            f"SELECT metric, grain, period_start, value, sample_size, value_state FROM {VALUES}"
            f" WHERE segment_dimension = '' AND metric IN ({names})"
        ).to_pandas()
        return found

    usual = Route(running, routes.shipped_workspace(running, tmp_path / "usual"))
    usual.pull()
    others = (["hubspot"], ["salesforce", "linear", "zendesk"])
    for systems, metrics in zip(others, compared(usual.installation.catalogue), strict=True):
        assert len(metrics) >= 10, systems
        other = Route(running, routes.workspace_of(running, tmp_path / systems[0], systems, files=True))
        other.pull()
        found = [values(route, metrics) for route in (usual, other)]
        columns = list(found[0].columns)
        left, right = rows_of(found[0], columns), rows_of(found[1], columns)
        assert sum(left.values()) > 2_000
        assert (list((left - right).items())[:5], list((right - left).items())[:5]) == ([], []), systems
