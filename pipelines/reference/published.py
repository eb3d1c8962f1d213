"""The reference of what is published: every view of schema kpi, and the tables behind, from their comments."""

from __future__ import annotations

from sqlalchemy import Table

from pipelines.publishing.schema import metadata
from pipelines.publishing.schema.base import CORE, INPUT
from pipelines.publishing.views import VIEWS
from pipelines.publishing.views.kinds import column_kinds
from pipelines.publishing.views.model import View
from pipelines.reference.markdown import sentence, table

HEAD = """# Published tables

Business users read the views of schema `kpi` (on SQLite: views without a schema), through which everything is
published in one transaction: a reader never sees half a batch. Columns are only ever added. Where a metric is
restricted, the same views exist in `kpi_restricted` for the roles that may read it. The comments below are in the
database too: as comments on PostgreSQL, in `published_columns` everywhere.

How to read them from a BI tool: [BI tools](../bi/index.md). This page is written from the code.
"""
BEHIND = """# Behind the views

`kpi_core` holds the rows by revision: nothing is overwritten, a row that was superseded says by which batch. It may
change between versions; read the views. `kpi_input` is where people enter check-ins and targets.
"""


def published_page() -> str:
    """Views with their columns, then the tables behind with their comments."""
    parts = [HEAD, _contents(), *(_view(view) for view in VIEWS), BEHIND.replace("# ", "## ", 1)]
    for schema in (CORE, INPUT):
        tables = sorted((t for t in metadata.tables.values() if t.schema == schema), key=lambda t: t.name)
        parts.append(f"### {schema}\n")
        parts.append(table(("table", "one row is", "key"), (_table(entry) for entry in tables)))
    return "\n".join(parts)


def _contents() -> str:
    return table(
        ("view", "what it holds"), ((f"[`{v.name}`](#{v.name})", sentence(v.comment)) for v in VIEWS)
    )


def _view(view: View) -> str:
    kinds = column_kinds()[view.name]
    rows = ((f"`{c.name}`", str(kinds[c.name]), sentence(c.comment)) for c in view.columns)
    return f"## {view.name}\n\n{sentence(view.comment)}\n\n" + table(("column", "kind", "meaning"), rows)


def _table(entry: Table) -> tuple[str, str, str]:
    key = ", ".join(f"`{column.name}`" for column in entry.primary_key.columns)
    return f"`{entry.name}`", sentence(entry.comment or ""), key
