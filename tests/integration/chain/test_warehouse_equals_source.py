"""From the vendors' APIs to the neutral tables: the warehouse equals the source, on the first day and on the next."""

from __future__ import annotations

import datetime as dt
import decimal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from connectors.sandbox.company.truth import TABLES, truth
from pipelines.installation import Installation
from pipelines.sandboxed import SandboxInstallation, sandbox_installation
from pipelines.steps.extract import extract
from pipelines.steps.stage import QUARANTINE, land, stage
from pipelines.warehouse import Warehouse, open_warehouse

SCALE = 0.15


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxInstallation]:
    with sandbox_installation(tmp_path_factory.mktemp("home"), scale=SCALE) as running:
        yield running


def run(sandbox: SandboxInstallation, installation: Installation, warehouse: Warehouse) -> dict[str, int]:
    """Pull, land and stage; returns the rows that each stream brought."""
    rows = {
        f"{source.name}.{pulled.stream}": pulled.rows
        for source in installation.sources
        for pulled in extract(sandbox.workspace, source)
    }
    list(land(installation, warehouse))
    stage(installation, warehouse)
    return rows


def plain(value: Any) -> Any:
    """A value that is equal wherever it comes from: pandas, Arrow, the generator."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, decimal.Decimal | float | int):
        return round(float(value), 6)
    if isinstance(value, dt.date):
        return pd.Timestamp(value).isoformat()
    return value


def rows_of(frame: pd.DataFrame, columns: list[str]) -> Counter[tuple[Any, ...]]:
    found = [tuple(plain(v) for v in row) for row in frame[columns].astype(object).itertuples(index=False)]
    return Counter(found)


def differences(sandbox: SandboxInstallation, warehouse: Warehouse) -> dict[str, Any]:
    """Rows on one side only, by table."""
    now = sandbox.sandbox.clock()
    # The vendor returns the 500 newest parts of a conversation: replies before those are nowhere to be had.
    capped = set(
        warehouse.query("SELECT conversation_id FROM intercom.conversations WHERE parts > 500")
        .column(0)
        .to_pylist()
    )
    gone = set(warehouse.query("SELECT issue_id FROM tracker.issues WHERE is_deleted").column(0).to_pylist())
    wrong = {}
    for table in sorted(TABLES):
        expected, found = (
            truth(sandbox.sandbox.company, table, now),
            warehouse.query(f"SELECT * FROM {table}").to_pandas(),
        )
        if table == "tracker.issue_changelog":
            # Staging writes priorities in lower case everywhere, so that states and issues agree.
            priority = expected["field"] == "priority"
            for column in ("old", "new"):
                expected.loc[priority, column] = expected.loc[priority, column].str.lower()
        if table.startswith(("tracker.", "support.")):
            # The tracker and the help desk forget what was deleted; the warehouse keeps it, marked.
            if "is_deleted" in found.columns:
                found = found[~found["is_deleted"]]
            if table == "tracker.issue_changelog":
                found = found[~found["issue_id"].isin(gone)]
        if "agent_replies" in expected.columns:
            expected = expected[~expected["ticket_id"].isin(capped)]
            found = found[~found["ticket_id"].isin(capped)]
        columns = [name for name in expected.columns if name in found.columns]
        assert columns, table
        left, right = rows_of(expected, columns), rows_of(found, columns)
        if left != right:
            wrong[table] = (list((left - right).items())[:2], list((right - left).items())[:2])
    return wrong


def test_the_warehouse_equals_the_source_day_after_day(sandbox: SandboxInstallation) -> None:
    installation = sandbox.load()
    with open_warehouse(sandbox.workspace.warehouse_url) as warehouse:
        first = run(sandbox, installation, warehouse)
        assert differences(sandbox, warehouse) == {}
        sandbox.sandbox.advance(days=1)
        second = run(sandbox, installation, warehouse)
        assert differences(sandbox, warehouse) == {}
        # The second run reads what changed, not everything again.
        for name in ("salesforce.leads", "jira.issues", "intercom.conversations", "jira.changelog"):
            assert second[name] < 0.3 * first[name], name
        sandbox.sandbox.advance(days=21)
        run(sandbox, installation, warehouse)
        assert differences(sandbox, warehouse) == {}
        assert not warehouse.exists(QUARANTINE)
        deleted = warehouse.query("SELECT count(*) AS n FROM tracker.issues WHERE is_deleted").column("n")
        assert deleted[0].as_py() > 0  # the three weeks saw deletions, and they were found
