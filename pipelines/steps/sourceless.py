"""Metrics over tables that no configured system feeds: they are shown as `no source`, and the rest runs.

An empty table is not the same as nothing happening: without this, a count over a system that nobody connected would be
published as zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import pyarrow as pa

from definitions.calendars import period_of
from definitions.compiler.resolve import Resolver
from definitions.compiler.states import FRAME
from definitions.model import Catalogue, trailing_days
from definitions.versions import definition_hashes
from pipelines.staging import Model
from pipelines.staging.build import neutral_tables
from pipelines.staging.models import DERIVED
from pipelines.warehouse import Warehouse

NO_SOURCE = "no source"


def begun(models: Sequence[Model], warehouse: Warehouse) -> tuple[Model, ...]:
    """The models without those of files in which there never was a row: a template with its header only feeds nothing.

    A file whose rows are gone still counts; there, nothing is what happens.
    """
    return tuple(model for model in models if _is_made(model) or not _waits(model, warehouse))


def _is_made(model: Model) -> bool:
    """Whether a model is written by somebody, not made for a stream that speaks neutral words already."""
    return model.path.suffix == ".sql"


def _waits(model: Model, warehouse: Warehouse) -> bool:
    typed = [table for table in model.inputs if warehouse.exists(table)]
    return not any(warehouse.query(f"SELECT 1 AS one FROM {table} LIMIT 1").num_rows for table in typed)


def sourceless(catalogue: Catalogue, models: Sequence[Model]) -> dict[str, tuple[str, ...]]:
    """The metrics that rest on a table which no model of a configured system feeds, with those tables."""
    known = neutral_tables(catalogue)
    fed = {model.table for model in models if model.system != DERIVED}
    for model in models:  # derived ones stand in order of need
        if model.system == DERIVED and all(name in fed or name not in known for name in model.inputs):
            fed.add(model.table)
    resolver = Resolver(catalogue)
    found: dict[str, tuple[str, ...]] = {}
    for metric in catalogue.metrics:
        # What a segment is looked up in may be missing: its values are unknown then, and the total is not.
        tables = {_table(catalogue, measure.source) for _, measure in resolver.measures_of(metric)}
        absent = tuple(sorted(table for table in tables if table in known and table not in fed))
        if absent:
            found[metric] = absent
    return found


def _table(catalogue: Catalogue, name: str) -> str:
    """The table below a source, folded or not."""
    source = catalogue.sources[name]
    fold = source.derived or source.movements
    return _table(catalogue, fold.source) if fold is not None else source.table


def no_source_rows(
    catalogue: Catalogue,
    missing: Mapping[str, Iterable[str]],
    last_day: date,
    hashes: Mapping[str, str] | None = None,
) -> pa.Table:
    """One row a grain for each such metric: the last complete period, without a value, saying what is missing."""
    known = definition_hashes(catalogue) if hashes is None else hashes
    rows = []
    for name, tables in sorted(missing.items()):
        metric = catalogue.metrics[name]
        for grain in metric.grains:
            start, end = _last_complete(catalogue, name, grain, last_day)
            rows.append(
                {
                    "metric": name,
                    "version": metric.version,
                    "definition_hash": known[name],
                    "grain": grain,
                    "period_start": start,
                    "period_end": end,
                    "segment_dimension": "",
                    "segment_value": "",
                    "sample_size": 0,
                    "value_state": "no_data",
                    "state_reason": f"{NO_SOURCE}: nothing feeds {', '.join(tables)}",
                }
            )
    return pa.Table.from_pylist(rows, schema=FRAME)


def _last_complete(catalogue: Catalogue, name: str, grain: str, last_day: date) -> tuple[date, date]:
    """(first, last day) of the newest period that ended before ``last_day``."""
    days = trailing_days(grain)
    if days is not None:
        end = last_day - timedelta(days=1)
        return end - timedelta(days=days - 1), end
    calendar = catalogue.calendar_of(name)
    running = period_of(calendar, grain, last_day)
    before = period_of(calendar, grain, running.start - timedelta(days=1))
    return before.start, before.last_day
