"""Two accounts of one system side by side, with the same ids: from the vendors to the neutral tables nothing mixes.

Two companies of different seeds number their records from the same beginnings, as two sites of a vendor do. Together
they must give what each gives alone, the second one's ids under its source's name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.config import load_sources
from connectors.errors import ConfigurationError
from connectors.sandbox.company.generate import Company, generate
from connectors.sandbox.serve import Sandbox
from pipelines.sandboxed import SOURCES
from pipelines.staging.accounts import of_account
from pipelines.staging.build import neutral_tables
from pipelines.steps.compute import VALUES, compute
from pipelines.steps.freshness import freshness
from pipelines.steps.load_log import note_failure
from pipelines.warehouse import Warehouse, open_warehouse
from pipelines.workspace import Workspace
from tests.integration.chain import routes

SYSTEMS = ("jira", "salesforce")
TABLES = {
    "tracker.issues": ("issue_id", "sprint_id", "assignee_id"),
    "tracker.issue_changelog": ("issue_id",),
    "tracker.issue_states": ("issue_id",),
    "tracker.sprints": ("sprint_id",),
    "tracker.sprint_work": ("issue_id", "sprint_id", "assignee_id"),
    "tracker.worklogs": ("worklog_id", "issue_id"),
    "crm.accounts": ("account_id",),
    "crm.leads": ("lead_id", "account_id", "opportunity_id"),
    "crm.opportunities": ("opportunity_id", "account_id", "owner_id"),
    "crm.opportunity_history": ("opportunity_id",),
    "crm.opportunity_states": ("opportunity_id", "account_id"),
    "crm.activities": ("activity_id", "lead_id", "account_id", "opportunity_id"),
    "crm.account_events": ("account_id",),
}
"""Neutral tables and their ids."""


class Site:
    """One account of each system, as a company has them, and its sources' files."""

    def __init__(self, company: Company, account: str) -> None:
        self.account = account
        self.sandbox = Sandbox(company=company, systems=SYSTEMS)

    def describe(self, folder: Path, patch: pytest.MonkeyPatch, **names: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        prefix = self.account.upper()
        for name, value in self.sandbox.environment().items():
            patch.setenv(f"{prefix}_{name}", value)
        for system in SYSTEMS:
            text = (SOURCES / f"{system}.yml").read_text(encoding="utf-8").replace("env:", f"env:{prefix}_")
            config = {**yaml.safe_load(text), "account": self.account, "rate": routes.HURRY}
            if system in names:
                config["name"] = names[system]
            (folder / f"{system}-{self.account}.yml").write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[Site, Site]]:
    one, two = Site(generate(11, 0.05), "acme"), Site(generate(12, 0.05), "second")
    with one.sandbox, two.sandbox:
        yield one, two


def workspace(home: Path, site: Site) -> Workspace:
    return Workspace.from_environment({"VITALS_HOME": str(home)}).at(site.sandbox.clock)


def rows(warehouse: Warehouse, table: str, prefix: str = "") -> Counter[str]:
    """The rows of a table, its ids under `prefix`."""
    found = []
    for row in warehouse.query(f"SELECT * FROM {table}").to_pylist():
        shown: dict[str, Any] = dict(row)
        names: tuple[str, ...] = TABLES[table]
        if table == "tracker.issue_changelog" and row["field"] == "assignee":
            names = (*names, "old", "new")
        for name in names:
            if shown[name] is not None:
                shown[name] = prefix + shown[name]
        if shown.get("sprint_assignee"):
            shown["sprint_assignee"] = f"{shown['sprint_id']} {shown['assignee_id']}"
        shown.pop("change_id", None)
        found.append(repr(sorted(shown.items(), key=lambda pair: pair[0])))
    return Counter(found)


@pytest.fixture(scope="module")
def pulled(
    sites: tuple[Site, Site], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, tuple[Any, Warehouse]]]:
    """Each account alone, both together, and both after the first one had been alone."""
    one, two = sites
    homes = {name: tmp_path_factory.mktemp(name) for name in ("one", "two", "both")}
    with pytest.MonkeyPatch.context() as patch:
        one.describe(homes["one"] / "sources", patch)
        two.describe(homes["two"] / "sources", patch)
        one.describe(homes["both"] / "sources", patch)
        found = {}
        warehouses = {
            name: open_warehouse(workspace(home, one).warehouse_url) for name, home in homes.items()
        }
        for name in ("one", "two"):
            found[name] = (routes.pull(workspace(homes[name], one), warehouses[name]), warehouses[name])
        # The second account comes when the first one is there; only the second has names.
        routes.pull(workspace(homes["both"], one), warehouses["both"])
        two.describe(homes["both"] / "sources", patch, jira="jira_second", salesforce="salesforce_second")
        found["both"] = (routes.pull(workspace(homes["both"], one), warehouses["both"]), warehouses["both"])
        yield found
        for warehouse in warehouses.values():
            warehouse.close()


@pytest.mark.parametrize("table", TABLES)
def test_accounts_with_the_same_ids_do_not_mix(
    pulled: Mapping[str, tuple[Any, Warehouse]], table: str
) -> None:
    one, two, both = (pulled[name][1] for name in ("one", "two", "both"))
    system = "jira" if table.startswith("tracker") else "salesforce"
    expected = rows(one, table) + rows(two, table, f"{system}_second:")
    found = rows(both, table)
    assert sum(found.values()) > 10
    assert (list(expected - found)[:2], list(found - expected)[:2]) == ([], [])


def test_the_ids_do_collide(pulled: Mapping[str, tuple[Any, Warehouse]]) -> None:
    ids = [
        set(pulled[name][1].query("SELECT issue_id FROM tracker.issues").column(0).to_pylist())
        for name in ("one", "two")
    ]
    assert len(ids[0] & ids[1]) > 50


def test_keys_are_unique_and_counts_add_up_over_both(pulled: Mapping[str, tuple[Any, Warehouse]]) -> None:
    installation, warehouse = pulled["both"]
    tables = neutral_tables(installation.catalogue)
    for table in TABLES:
        key = ", ".join(tables[table].key)
        found = warehouse.query(f"SELECT count(*) AS n FROM {table} GROUP BY {key} HAVING count(*) > 1")
        assert found.num_rows == 0, table
    totals = {}
    for name in ("one", "two", "both"):
        installation, warehouse = pulled[name]
        list(compute(installation, warehouse, ["throughput"]))
        totals[name] = (
            warehouse.query(
                f"SELECT sum(value) FROM {VALUES} WHERE metric = 'throughput' AND grain = 'day'"
                " AND segment_dimension = ''"
            )
            .column(0)[0]
            .as_py()
        )
    assert totals["one"] > 0
    assert totals["one"] + totals["two"] == totals["both"]


def test_each_account_has_a_load_log_of_its_own(pulled: Mapping[str, tuple[Any, Warehouse]]) -> None:
    """The table is as old as the older of its two loads, and the failed one is named."""
    installation, _ = pulled["both"]
    now = installation.workspace.now()
    note_failure(installation.workspace, "jira_second", "jira", "issues", now, "503 again and again")
    known = freshness(installation)
    streams = {row.asset: row for row in known.streams}
    assert streams["jira.issues"].error is None
    assert streams["jira_second.issues"].error == "503 again and again"
    assert streams["jira.issues"].rows_last_run != streams["jira_second.issues"].rows_last_run
    table = next(row for row in known.rows if row.asset == "tracker.issues")
    assert table.error == "issues: 503 again and again"


def test_an_account_that_is_described_no_more_is_not_counted(
    pulled: Mapping[str, tuple[Any, Warehouse]], tmp_path: Path, sites: tuple[Site, Site]
) -> None:
    """Its rows stay in the typed table, and no model reads them."""
    installation, _ = pulled["one"]
    model = next(model for model in installation.models if model.table == "tracker.issues")
    _, both = pulled["both"]
    alone = both.query(f"SELECT count(*) AS n FROM ({model.sql})").column("n")[0].as_py()
    _, one = pulled["one"]
    assert alone == one.query("SELECT count(*) AS n FROM tracker.issues").column("n")[0].as_py()


def test_accounts_without_names_are_called_by_system_and_account(
    tmp_path: Path, sites: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    for site in sites:
        site.describe(tmp_path, monkeypatch)
    assert sorted(source.label for source in load_sources(tmp_path)) == [
        "jira_acme", "jira_second", "salesforce_acme", "salesforce_second"
    ]  # fmt: skip
    for site in sites:
        site.describe(tmp_path, monkeypatch, jira="ours")
    with pytest.raises(ConfigurationError, match=r"the name ours is described by .*jira-acme\.yml too"):
        load_sources(tmp_path)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM v.t", "SELECT a FROM (SELECT * FROM v.t WHERE _account = 'x''y') AS t"),
        ("SELECT v.t.a FROM v.t", "SELECT t.a FROM (SELECT * FROM v.t WHERE _account = 'x''y') AS t"),
        ("FROM v.t AS u, v.t w", "FROM (SELECT * FROM v.t WHERE _account = 'x''y') AS u, "
         "(SELECT * FROM v.t WHERE _account = 'x''y') w"),
        ("SELECT 'v.t' FROM o.v JOIN v.other -- v.t", "SELECT 'v.t' FROM o.v JOIN v.other -- v.t"),
        ('SELECT a FROM "v"."t" WHERE b', "SELECT a FROM (SELECT * FROM v.t WHERE _account = 'x''y') AS t WHERE b"),
    ],
)  # fmt: skip
def test_a_model_sees_one_account_however_it_is_written(sql: str, expected: str) -> None:
    assert of_account(sql, {"v.t"}, "x'y") == expected
