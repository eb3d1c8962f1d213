"""Column lineage as Dagster shows it: from a metric's value to the columns of the neutral tables, from those to the
vendor's streams, and there to the vendor's own field.

    vendor field ─ raw/jira/issues · story_points ─ tracker/issues · story_points ─ kpi/velocity · value

Names are traced through the staging models by sqlglot. It costs milliseconds a column, so it is done when a step runs,
not when definitions load.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import dagster as dg
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage

from connectors.stream import Stream
from definitions.model import Catalogue
from pipelines.staging import Model
from quality.lineage import WHOLE_TABLE, Lineage

VALUE = "value"
Column = tuple[str, str]
"""(table, column)."""
Schemas = Mapping[str, Sequence[str]]
"""Columns by table, `schema.name`."""


def raw_schema(stream: Stream) -> dg.TableSchema:
    """The columns of a vendor stream; each says which field of the vendor's record it is."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type.value,
                _field(stream.name, column.path or column.name, column.description),
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
                tags={"vitals/field": column.path or column.name},
            )
            for column in stream.contract.columns
        ]
    )


def _field(stream: str, path: str, description: str) -> str:
    return f"field `{path}` of {stream}" + (f": {description}" if description else "")


def metric_columns(traced: Lineage, catalogue: Catalogue) -> dict[str, tuple[Column, ...]]:
    """The columns of neutral tables that each metric's value rests on, sorted."""
    columns = {source.table: tuple(source.columns) for source in catalogue.sources.values()}
    found: dict[str, set[Column]] = defaultdict(set)
    for (table, column), metrics in traced.by_column.items():
        places = (
            [(table, name) for name in columns.get(table, ())] if column == WHOLE_TABLE else [(table, column)]
        )
        for metric in metrics:
            found[metric].update(places)
    return {metric: tuple(sorted(places)) for metric, places in sorted(found.items())}


def staging_columns(models: Iterable[Model], schemas: Schemas) -> dict[str, dict[str, tuple[Column, ...]]]:
    """By neutral table and column: the columns of typed or neutral tables that it is made from, sorted.

    A statement that cannot be traced leaves its table out; the table's own lineage is still there.
    """
    found: dict[str, dict[str, set[Column]]] = {}
    for model in models:
        table = found.setdefault(model.table, {})
        known = tuple((name, tuple(schemas.get(name, ()))) for name in model.inputs)
        for column, sources in _traced(model.sql, known).items():
            table.setdefault(column, set()).update(sources)
    return {
        table: {column: tuple(sorted(sources)) for column, sources in sorted(columns.items())}
        for table, columns in sorted(found.items())
        if columns
    }


@lru_cache(maxsize=1024)
def _traced(sql: str, known: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, tuple[Column, ...]]:
    schema: dict[str, Any] = {}
    for name, columns in known:
        database, _, table = name.partition(".")
        schema.setdefault(database, {})[table] = dict.fromkeys(columns, "VARCHAR")
    try:
        nodes = lineage(None, sql, schema, dialect="duckdb", trim_selects=False)
    except (SqlglotError, ValueError):
        return {}
    return {column: _leaves(node) for column, node in nodes.items()}


def _leaves(root: Node) -> tuple[Column, ...]:
    found: set[Column] = set()
    for node in root.walk():
        if isinstance(node.expression, exp.Table) and not node.downstream:
            table = node.expression
            found.add((f"{table.db}.{table.name}", node.name.rpartition(".")[2].strip('"')))
    return tuple(sorted(found))


def column_lineage(
    columns: Mapping[str, Sequence[Column]], assets: Mapping[str, Sequence[dg.AssetKey]]
) -> dg.TableColumnLineage:
    """Lineage in Dagster's words; `assets` says which assets a table is, `crm.opportunities` or `jira.issues`."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset, name)
                for table, name in sources
                for asset in assets.get(table, ())
                if not name.startswith("_")
            ]
            for column, sources in columns.items()
        }
    )
