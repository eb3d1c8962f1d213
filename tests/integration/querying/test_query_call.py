"""The same from Python: an Arrow table, a pandas frame, and the example of the docs."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions import QueryError
from pipelines.installation import Installation
from pipelines.querying import bound, query
from pipelines.warehouse import WarehouseError, open_warehouse
from pipelines.workspace import Workspace
from tests.desk import Desk

DOCS = Path(__file__).parents[3] / "docs" / "querying.md"


def test_an_arrow_table_with_typed_columns(asked: Desk) -> None:
    table = query(
        Workspace.from_environment(asked.environment), ["tickets_opened"], by=["team"], grain="month"
    )
    assert isinstance(table, pa.Table)
    assert table.schema.names == ["metric_time", "team", "tickets_opened"]
    assert table.schema.field("metric_time").type == pa.date32()
    assert table.schema.field("tickets_opened").type == pa.float64()


def test_an_installation_or_a_workspace_is_asked_alike(asked: Desk) -> None:
    workspace = Workspace.from_environment(asked.environment)
    question: dict[str, Any] = {"metrics": ["tickets_opened"], "start": date(2026, 3, 1), "end": "2026-03"}
    assert query(Installation.load(workspace), **question) == query(workspace, **question)


def test_parameters_of_every_kind(asked: Desk) -> None:
    workspace = Workspace.from_environment(asked.environment)
    table = query(
        workspace,
        ["tickets_opened"],
        where=["team = :team and cost > :least", "metric_time >= :since"],
        parameters={"team": "red", "least": Decimal("12.50"), "since": date(2026, 5, 1)},
    )
    wanted = [
        t
        for t in asked.tickets
        if t["team"] == "red" and float(t["cost"]) > 12.5 and t["opened_at"] >= "2026-05-01"
    ]
    assert table.column("tickets_opened").to_pylist() == [float(len(wanted))]


@given(st.text(max_size=30))
@settings(max_examples=60)
def test_a_text_is_bound_as_it_is(text: str) -> None:
    import sqlglot

    tree = sqlglot.parse_one(bound("region = :value", {"value": text}), read="duckdb")
    assert tree.expression.is_string
    assert tree.expression.this == text


def test_a_condition_is_one_condition(asked: Desk) -> None:
    with pytest.raises(QueryError, match="BAD_SQL"):
        bound("region = :r; drop table x", {"r": "emea"})


def test_questions_do_not_shut_each_other_out(asked: Desk) -> None:
    workspace = Workspace.from_environment(asked.environment)
    with open_warehouse(workspace.warehouse_url, read_only=True):
        assert query(workspace, ["tickets_opened"]).num_rows == 1


def test_a_run_in_the_same_process_is_told_apart(asked: Desk) -> None:
    workspace = Workspace.from_environment(asked.environment)
    with open_warehouse(workspace.warehouse_url), pytest.raises(WarehouseError, match="by a run"):
        query(workspace, ["tickets_opened"])


def test_nothing_can_be_written(asked: Desk) -> None:
    import duckdb

    workspace = Workspace.from_environment(asked.environment)
    with open_warehouse(workspace.warehouse_url, read_only=True) as warehouse:
        with pytest.raises(duckdb.Error):
            warehouse.execute("CREATE TABLE x (y INTEGER)")
        with pytest.raises(duckdb.PermissionException):
            warehouse.query("SELECT * FROM read_csv('/etc/passwd')")


def test_the_examples_of_the_docs_run(asked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in asked.environment.items():
        monkeypatch.setenv(name, value)
    examples = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    names: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, str(DOCS), "exec"), names)
    assert list(names["frame"].columns) == ["metric_time", "region", "tickets_opened", "resolution_rate"]
    assert len(names["frame"]) > 3
