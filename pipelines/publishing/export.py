"""Files to hand out: a SQLite database per audience, and a table as CSV that a spreadsheet can open safely.

    export_sqlite(engine, Path("board.db"), roles={"board"})
    export_csv(engine, "kpi_latest", Path("latest.csv"))

The exported database has the same views. Restricted metrics are in it (in the `restricted_` views) only for
the roles they name; of every other restricted metric it holds the definition and the scores of its key
results, and no value, target or flag anywhere, not even in a base table.
"""

from __future__ import annotations

import csv
import os
import sqlite3
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Engine, Table, null, or_, select, text
from sqlalchemy import inspect as inspect_database

from pipelines.publishing import migrations, schema, staging
from pipelines.publishing.arrow import fetch
from pipelines.publishing.engine import open_reporting, reading, writing
from pipelines.publishing.errors import DatabaseUnavailable, UnknownView
from pipelines.publishing.schema import metadata

LEFT_OUT = (
    schema.publisher_lease,
    schema.value_digest,
    schema.kpi_value_refresh,
    schema.object_comment,
    schema.alert_silence,
    schema.alert_acknowledgement,
    schema.anomaly_feedback,
    schema.target_entry,
)
"""Tables that only the pipeline needs; the exported file makes its own comments."""

HIDDEN_COLUMNS = {
    schema.key_result_score.name: ("current_value", "forecast_value", "forecast_low", "forecast_high"),
    schema.key_result_terms.name: (
        "baseline_value",
        "target_value",
        "stretch_value",
        "commit_value",
        "band_low",
        "band_high",
        "revised_reason",
    ),
    schema.check_in.name: ("value_override", "progress_note"),
}
"""Columns of key results that show a restricted metric's values."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Text that begins with one of these would be run as a formula by a spreadsheet. Source: OWASP, CSV
injection."""


def export_sqlite(engine: Engine, path: Path, *, roles: Collection[str] = ()) -> Path:
    """Write the current publication, as the audience with `roles` may see it, into a SQLite file of its own.

    The file is complete or not there: it is written beside `path` and renamed. Only current rows are
    exported.

    Raises:
        DatabaseUnavailable: the source cannot be read or the file not written.
    """
    unfinished = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        target = open_reporting(f"sqlite:///{unfinished}")
        try:
            migrations.upgrade(target)
            with reading(engine) as source, writing(target) as sink:
                _copy_tables(source, sink, roles)
            migrations.upgrade(target)  # makes the scorecards of the teams that are there now
        finally:
            target.dispose()
        _make_portable(unfinished)
        os.replace(unfinished, path)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise DatabaseUnavailable(str(path), problem, "choose a place you may write to") from error
    finally:
        for leftover in (
            unfinished,
            *(unfinished.with_name(unfinished.name + end) for end in ("-wal", "-shm")),
        ):
            with suppress(FileNotFoundError, NotADirectoryError):
                leftover.unlink()
    return path


def export_csv(engine: Engine, view: str, path: Path) -> int:
    """Write a view of schema kpi as CSV (UTF-8); returns the number of rows.

    Text that a spreadsheet would take for a formula gets an apostrophe in front; NULL is an empty cell.

    Raises:
        UnknownView: there is no such view.
    """
    with reading(engine) as connection:
        has_schemas = connection.dialect.name == "postgresql"
        known = inspect_database(connection).get_view_names(schema="kpi" if has_schemas else None)
        if view not in known:
            raise UnknownView(view, known)
        name = connection.dialect.identifier_preparer.quote(view)
        result = connection.execute(text(f"SELECT * FROM {'kpi.' if has_schemas else ''}{name}"))
        count = 0
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(result.keys())
            for row in result:
                writer.writerow([spreadsheet_safe(cell) for cell in row])
                count += 1
    return count


def spreadsheet_safe(cell: Any) -> Any:
    """A cell that no spreadsheet runs: text that looks like a formula gets an apostrophe in front.

    >>> spreadsheet_safe("=1+1"), spreadsheet_safe("emea"), spreadsheet_safe(-3)
    ("'=1+1", 'emea', -3)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def _copy_tables(source: Connection, sink: Connection, roles: Collection[str]) -> None:
    hidden = _hidden_metrics(source, roles)
    hidden_key_results = set(
        source.execute(
            select(schema.key_result.c.key_result_key).where(schema.key_result.c.metric_id.in_(hidden))
        ).scalars()
    )
    for table in metadata.sorted_tables:
        if table in LEFT_OUT:
            continue
        if table is schema.kpi_value:
            _copy_values(source, sink, hidden)
            continue
        rows = [dict(row._mapping) for row in source.execute(select(table).where(*_visible(table, hidden)))]
        for row in rows:
            _hide(table, row, hidden_key_results)
        if rows:
            sink.execute(table.insert(), rows)


def _hidden_metrics(source: Connection, roles: Collection[str]) -> list[str]:
    audience = schema.metric_audience
    allowed = select(audience.c.metric_id).where(audience.c.role_name.in_(sorted(roles)))
    query = select(schema.metric.c.metric_id).where(
        schema.metric.c.sensitivity == "restricted", schema.metric.c.metric_id.not_in(allowed)
    )
    return sorted(source.execute(query).scalars())


def _visible(table: Table, hidden: Collection[str]) -> list[ColumnElement[bool]]:
    """Current rows, without what belongs to a hidden metric. Definitions and key results are for
    everybody."""
    conditions: list[ColumnElement[bool]] = []
    if "retired_batch_id" in table.c:
        conditions.append(table.c.retired_batch_id.is_(null()))
    if table is schema.data_quality_result:
        conditions.append(table.c.is_current)
    if table is schema.data_quality_metric:
        current = select(schema.data_quality_result.c.dq_result_key).where(
            schema.data_quality_result.c.is_current
        )
        conditions.append(table.c.dq_result_key.in_(current))
    if table in (
        schema.target,
        schema.anomaly,
        schema.suggestion,
        schema.segment_effect,
        schema.blocked_metric,
    ):
        conditions.append(table.c.metric_id.not_in(hidden))
    if table is schema.metric_contribution:
        conditions += [table.c.parent_metric_id.not_in(hidden), table.c.child_metric_id.not_in(hidden)]
    if table is schema.metric_influence:
        conditions += [table.c.driver_metric_id.not_in(hidden), table.c.driven_metric_id.not_in(hidden)]
    if table is schema.metric_signal:
        conditions += [table.c.metric_id.not_in(hidden), table.c.other_metric_id.not_in(hidden)]
    if table is schema.annotation:
        conditions.append(or_(table.c.metric_id.is_(null()), table.c.metric_id.not_in(hidden)))
    return conditions


def _hide(table: Table, row: dict[str, Any], hidden_key_results: Collection[str]) -> None:
    if table is schema.alert_log:
        row["payload"] = "{}"
        if row["is_restricted"]:
            row["message"] = "restricted"
    if table.name in HIDDEN_COLUMNS and row["key_result_key"] in hidden_key_results:
        row.update(dict.fromkeys(HIDDEN_COLUMNS[table.name]))


def _copy_values(source: Connection, sink: Connection, hidden: Collection[str]) -> None:
    value = schema.kpi_value
    query = (
        select(value)
        .where(value.c.is_current, value.c.metric_id.not_in(hidden))
        .order_by(value.c.kpi_value_key)
    )
    staging.insert_many(sink, value.name, fetch(source, query))


def _make_portable(path: Path) -> None:
    """One file without a write-ahead log beside it, as small as it gets."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")
    finally:
        connection.close()
