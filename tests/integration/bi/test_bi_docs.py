"""The pages for BI tools name what is published, and their SQL runs on both engines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from pipelines.publishing.engine import reading
from pipelines.publishing.views.kinds import column_kinds
from tests.integration.bi.company import publish_company

PAGES = sorted((Path(__file__).parents[3] / "docs" / "bi").glob("*.md"))
TOOLS = {"superset", "metabase", "power-bi", "tableau", "evidence", "excel"}
NAMES = re.compile(r"`([a-z][a-z0-9_]*_[a-z0-9_]+)(?:\[([a-z_]+)\])?`")


def test_there_is_a_page_for_every_tool_and_the_index_leads_to_it() -> None:
    pages = {page.stem: page for page in PAGES}
    assert pages.keys() >= TOOLS
    index = pages["index"].read_text(encoding="utf-8")
    assert {tool for tool in TOOLS if f"({tool}.md)" not in index} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_name_is_published(page: Path) -> None:
    views = column_kinds()
    columns = {name for kinds in views.values() for name in kinds}
    other = {"kpi_bi_reader", "kpi_restricted", "kpi_restricted_board", "no_target", "no_data"}
    for name, column in NAMES.findall(page.read_text(encoding="utf-8")):
        assert name in views or name in columns or name in other, f"{page.name}: {name} is published nowhere"
        if column:
            assert column in views[name], f"{page.name}: {name} has no column {column}"


def test_the_join_list_joins_one_row_to_each(engine: Engine) -> None:
    publish_company(engine)
    index = next(page for page in PAGES if page.stem == "index").read_text(encoding="utf-8")
    section = index.split("## The join list")[1].split("\n## ")[0]
    joins = re.findall(r"^\| (.+?) \| `(\w+)` \| `(\w+)` \| `(\w+)` \|$", section, re.MULTILINE)
    assert len(joins) >= 12
    views = column_kinds()
    with reading(engine) as connection:
        for named, column, other, key in joins:
            twice = text(f"SELECT {key} FROM {other} GROUP BY {key} HAVING count(*) > 1")
            assert connection.execute(twice).all() == [], f"{other}.{key} is no key"
            for view in re.findall(r"`([a-z_]+)`", named):
                assert column in views[view], f"{view} has no {column}"
                connection.execute(
                    text(f"SELECT 1 FROM {view} AS a JOIN {other} AS b ON a.{column} = b.{key}")
                ).all()
            if "every `kpi_…` view" in named:
                for view in (name for name in views if re.match(r"kpi_", name)):
                    assert column in views[view], f"{view} has no {column}"


def test_the_sql_of_the_pages_runs(engine: Engine) -> None:
    publish_company(engine)
    statements = [
        (page.name, sql)
        for page in PAGES
        for sql in re.findall(
            r"^ *```sql\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
    ]
    assert len(statements) >= 4
    with reading(engine) as connection:
        for page, sql in statements:
            assert connection.execute(text(sql)).all() != [], f"{page}: {sql}"
