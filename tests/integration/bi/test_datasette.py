"""Datasette serves the SQLite file as it is: its JSON answers are the published rows."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from datasette.app import Datasette
from sqlalchemy import Engine, text

from pipelines.publishing.engine import reading
from pipelines.publishing.views import VIEWS
from tests.integration.bi.company import publish_company


@pytest.fixture
def served(sqlite_engine: Engine) -> Served:
    """Datasette over a published file, asked without a socket in between."""
    publish_company(sqlite_engine)
    return Served(sqlite_engine)


class Served:
    """What Datasette answers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # What is served is tested, not how fast a machine that runs other tests is: the default is one second.
        limit = {"sql_time_limit_ms": 60_000}
        self._datasette = Datasette([str(engine.url.database)], settings=limit)

    def get(self, path: str) -> Any:
        """The JSON at a path."""

        async def ask() -> Any:
            await self._datasette.invoke_startup()
            return await self._datasette.client.get(path)

        answer = asyncio.run(ask())
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return json.loads(answer.text)


def test_every_view_is_served_with_its_rows(served: Served) -> None:
    names = {view.name for view in VIEWS if not view.only_with_schemas}
    database = served.get("/reporting.json")
    assert {view["name"] for view in database["views"]} >= names
    with reading(served.engine) as connection:
        for name in sorted(names):
            answer = served.get(f"/reporting/{name}.json?_shape=objects&_size=max")
            wanted = connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            assert len(answer["rows"]) == min(wanted, 1000), name


def test_a_value_arrives_as_number_text_and_null(served: Served) -> None:
    [csat] = served.get("/reporting/kpi_latest.json?_shape=array&metric_id=csat")
    assert csat["value"] == 0.85
    assert csat["status"] == "amber"
    assert csat["status_rank"] == 2
    assert csat["period_start"] == "2026-02-01"
    assert csat["is_blocked"] == 0
    [volume] = served.get("/reporting/kpi_monthly.json?_shape=array&metric_id=ticket_volume")
    assert volume["value"] is None
    assert volume["state_reason"]


def test_filters_and_sql_of_people_work_on_the_views(served: Served) -> None:
    segments = served.get(
        "/reporting/kpi_monthly_by_segment.json?_shape=array&segment_dimension=region&_sort=segment_value"
    )
    assert [row["segment_value"] for row in segments] == ["emea", "na"]
    query = (
        "SELECT k.metric_name, d.fiscal_quarter_label, k.value FROM kpi_monthly AS k "
        "JOIN dim_date AS d ON d.date_key = k.month_start WHERE k.metric_id = :metric ORDER BY k.month_start"
    )
    joined = served.get(f"/reporting.json?_shape=array&metric=csat&sql={query.replace(' ', '+')}")
    assert [row["value"] for row in joined] == [0.8, 0.85]


def test_comments_are_there_to_read(served: Served) -> None:
    found = served.get(
        "/reporting/published_columns.json?_shape=array&object_name=kpi_monthly&column_name=value"
    )
    assert "NULL is not zero" in found[0]["description"]
