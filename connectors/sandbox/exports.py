"""File exports of the sandbox company: the neutral tables that no API serves, in the formats that people really
send.

    write_exports(company, now, folder)     # returns the files that changed

CSV, CSV.gz, NDJSON (plain, gz, zst) and Parquet, as of the clock. A file is replaced in one step (temporary file,
then
rename) and only when its bytes change, so a second run after a quiet day finds nothing new. Layout: see FIELDS.md.
"""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import zstandard

from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.tables import FILE_TABLES
from connectors.sandbox.company.timeline import instant


@dataclass(frozen=True)
class Export:
    """How one table is written: file name ({month} for one file a month of `by`) and format by its endings."""

    table: str
    path: str
    by: str | None = None


EXPORTS: tuple[Export, ...] = (
    Export("billing.subscriptions", "billing/subscriptions.csv"),
    Export("billing.invoice_lines", "billing/invoice_lines-{month}.csv.gz", by="service_month"),
    Export("finance.ledger", "finance/ledger.csv"),
    Export("finance.cash_balance", "finance/cash_balance.csv"),
    Export("finance.headcount", "finance/headcount.csv"),
    Export("marketing.web_daily", "marketing/web_daily.parquet"),
    Export("marketing.ads_daily", "marketing/ads_daily.ndjson"),
    Export("product.events", "product/events-{month}.ndjson.zst", by="occurred_at"),
    Export("product.users", "product/users.parquet"),
    Export("people.surveys", "people/surveys.csv"),
    Export("people.timesheets", "people/timesheets.csv"),
    Export("people.training", "people/training.csv"),
    Export("support.nps_responses", "support/nps_responses.ndjson.gz"),
    Export("tracker.deployments", "tracker/deployments.ndjson"),
    Export("tracker.reviews", "tracker/reviews.csv"),
)


def write_exports(company: Company, now: datetime, folder: Path) -> list[Path]:
    """Write every export as of `now` below `folder`; return the files whose content changed, sorted.

    Raises:
        OSError: the folder cannot be written.
    """
    changed = []
    for export in EXPORTS:
        table = FILE_TABLES[export.table](company, instant(now))
        for path, part in _parts(export, table):
            target = folder / path
            if _replace(target, _encode(part, path)):
                changed.append(target)
    return sorted(changed)


def _parts(export: Export, table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    if export.by is None:
        yield export.path, table
        return
    months = pc.strftime(table[export.by], format="%Y-%m").combine_chunks()
    order = pc.sort_indices(months)
    table, months = table.take(order), months.take(order)
    names, starts = np.unique(months.to_numpy(zero_copy_only=False).astype(str), return_index=True)
    ends = [*starts[1:].tolist(), table.num_rows]
    for name, start, end in zip(names.tolist(), starts.tolist(), ends, strict=True):
        yield export.path.format(month=name), table.slice(start, end - start)


def _plain(table: pa.Table) -> pa.Table:
    """Instants as ISO text with a Z, money as decimal text: what CSV and JSON carry."""
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            text = pc.strftime(table[index].cast(pa.timestamp("s")), format="%Y-%m-%dT%H:%M:%SZ")
            table = table.set_column(index, field.name, text)
        elif pa.types.is_decimal(field.type) or pa.types.is_date(field.type):
            table = table.set_column(index, field.name, table[index].cast(pa.string()))
    return table


def _csv(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pa_csv.write_csv(_plain(table), buffer, pa_csv.WriteOptions(quoting_style="needed"))
    return buffer.getvalue()


def _ndjson(table: pa.Table) -> bytes:
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in _plain(table).to_pylist())


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


_FORMATS: tuple[tuple[str, Callable[[pa.Table], bytes]], ...] = (
    (".csv", _csv),
    (".csv.gz", lambda table: gzip.compress(_csv(table), 6, mtime=0)),
    (".ndjson", _ndjson),
    (".ndjson.gz", lambda table: gzip.compress(_ndjson(table), 6, mtime=0)),
    (".ndjson.zst", lambda table: zstandard.ZstdCompressor(level=3).compress(_ndjson(table))),
    (".parquet", _parquet),
)


def _encode(table: pa.Table, path: str) -> bytes:
    for ending, encode in _FORMATS:
        if path.endswith(ending):
            return encode(table)
    raise ValueError(f"no format for {path}: known endings are {', '.join(ending for ending, _ in _FORMATS)}")


def _replace(target: Path, content: bytes) -> bool:
    """Put `content` at `target` in one step; False when it is there already."""
    if target.is_file() and target.read_bytes() == content:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(target)
    return True
