"""The bundle: the same bytes each time, no password, and a description that is told what is wrong with it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.bi import BundleError, write_bundle
from pipelines.bi.description import load_dashboards
from pipelines.bi.superset import MASKED

URL = "postgresql+psycopg2://bi:sec%40ret@db.example.com:5433/kpis"


def documents(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as bundle:
        return {name: yaml.safe_load(bundle.read(name)) for name in bundle.namelist()}


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        write_bundle(tmp_path / name, URL)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_the_password_stays_out_and_is_asked_for(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b.zip", URL)
    database = documents(tmp_path / "b.zip")["vitals/databases/vitals.yaml"]
    assert database["sqlalchemy_uri"] == f"postgresql+psycopg2://bi:{MASKED}@db.example.com:5433/kpis"
    assert database["allow_dml"] is False


def test_every_reference_inside_the_bundle_leads_somewhere(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b.zip", URL)
    found = documents(tmp_path / "b.zip")
    by_kind = {
        kind: {d["uuid"]: d for name, d in found.items() if name.startswith(f"vitals/{kind}/")}
        for kind in ("databases", "datasets", "charts", "dashboards")
    }
    assert all(d["database_uuid"] in by_kind["databases"] for d in by_kind["datasets"].values())
    for chart in by_kind["charts"].values():
        columns = {column["column_name"] for column in by_kind["datasets"][chart["dataset_uuid"]]["columns"]}
        query = json.loads(chart["query_context"])["queries"][0]
        named = [c if isinstance(c, str) else c["sqlExpression"] for c in query["columns"]]
        assert {*named, *(one["col"] for one in query["filters"])} <= columns
    for dashboard in by_kind["dashboards"].values():
        position = dashboard["position"]
        placed = [
            part["meta"]["uuid"]
            for part in position.values()
            if isinstance(part, dict) and part["type"] == "CHART"
        ]
        assert set(placed) <= by_kind["charts"].keys()
        assert len(placed) == len(set(placed))


def test_on_sqlite_there_is_no_schema(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b.zip", "sqlite:////srv/reporting.db")
    assert documents(tmp_path / "b.zip")["vitals/datasets/vitals/kpi_latest.yaml"]["schema"] is None


def test_another_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="mysql is no URL of a reporting database"):
        write_bundle(tmp_path / "b.zip", "mysql://u@h/d")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"view": "kpi_latst"}, "did you mean kpi_latest"),
        ({"columns": ["metric_nam"]}, "did you mean metric_name"),
        ({"where": {"statuss": "red"}}, "did you mean status"),
        ({"kind": "pie"}, "Input should be 'number', 'table', 'line' or 'bar'"),
        ({"columns": []}, "a table needs columns"),
        ({"width": 13}, "less than or equal to 12"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, wrong: dict[str, Any], told: str) -> None:
    chart = {"key": "all", "title": "All", "view": "kpi_latest", "kind": "table", "columns": ["metric_name"]}
    page = {"key": "p", "title": "P", "description": "d", "rows": [{"charts": [chart | wrong]}]}
    path = tmp_path / "dashboards.yml"
    path.write_text(yaml.safe_dump({"dashboards": [page]}), encoding="utf-8")
    with pytest.raises(BundleError, match=told) as caught:
        load_dashboards(path)
    assert str(path) in str(caught.value)


def test_values_are_never_added_up(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b.zip", URL)
    for name, document in documents(tmp_path / "b.zip").items():
        assert "SUM(" not in json.dumps(document), name
        assert '"SUM"' not in json.dumps(document), name
