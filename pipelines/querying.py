"""Asking the dictionary: any metrics together, by any dimensions they share, over the warehouse as it is now.

    from pipelines.querying import query
    from pipelines.workspace import Workspace

    table = query(Workspace.from_environment(), ["bookings", "win_rate"], by=["region"], grain="month")
    frame = table.to_pandas()

The answer is computed from the neutral tables by the same compiler as the published values, read-only, as of today: it
equals what a run would publish now. What was published, and when, is in the reporting database instead
(`pipelines.publishing.history.as_of`).
Source: dictionary rules, 'What the numbers must mean'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Unpack

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from definitions import load_catalogue
from definitions.calendars import local_day, parse_period
from definitions.compiler.query import Statement
from definitions.compiler.query import query as compile_query
from definitions.errors import Problem, QueryError, nearest
from definitions.governance.retirement import refuse_retired
from definitions.model import Calendar, Catalogue
from pipelines.warehouse import Warehouse, open_warehouse
from pipelines.workspace import Workspace

if TYPE_CHECKING:  # an installation brings all connectors with it
    import pyarrow as pa

    from pipelines.installation import Installation

Bound = str | int | float | Decimal | bool | date | datetime | None
"""A value for a parameter of a condition."""

Asked: TypeAlias = "Workspace | Installation"
_NOTICES = "vitals.notices"


class Question(TypedDict, total=False):
    """How values are asked for; what is not said groups by nothing and keeps everything.

    Attributes:
        by: dimensions (dotted over joins), times cut to a grain (`created_at.month`), `metric_time.<grain>`.
        grain: second to year; short for `metric_time.<grain>`. None groups by no time.
        where: conditions over dimensions and `metric_time`, joined by AND; `:name` stands for a parameter.
        parameters: values for the names in `where`; they become literals of the parsed condition, never text.
        start, end: first and last day (inclusive, widened to whole grains), an instant, or a period's label
            such as `2026-Q3`, of which `start` takes the first and `end` the last day.
        order: columns of the result, `-name` for descending; by default the keys.
        limit: the most rows.
    """

    by: Sequence[str]
    grain: str | None
    where: str | Sequence[str] | None
    parameters: Mapping[str, Bound] | None
    start: date | datetime | str | None
    end: date | datetime | str | None
    order: Sequence[str]
    limit: int | None


def query(installation: Asked, metrics: Sequence[str] = (), **question: Unpack[Question]) -> pa.Table:
    """Values of metrics as an Arrow table (`.to_pandas()` makes a frame of it).

    Args:
        installation: where the warehouse and the dictionary are.
        metrics: names; none lists the values of the dimensions.
        question: how to group, filter and order; see `Question`.

    Returns: one row per group: time keys, dimensions, then the metrics as doubles, NULL where unknown. What a reader
        has to know of deprecated metrics among them goes with it (`notices_of`).

    Raises:
        QueryError: something asked for is not there or has no single meaning, or a deprecated metric has had its last
            day; names the nearest valid name, or the successor.
        WarehouseError: there is no warehouse yet, or a run is writing it.
    """
    catalogue = catalogue_of(installation)
    now = _workspace(installation).now()
    notices = refuse_retired(catalogue, metrics, now)
    statement = compiled(catalogue, metrics, now=now, **question)
    with reading_warehouse(installation) as warehouse:
        answer = warehouse.query(statement.sql(warehouse.dialect))
    return answer.replace_schema_metadata({_NOTICES: "\n".join(notices)}) if notices else answer


def notices_of(answer: pa.Table) -> tuple[str, ...]:
    """What a reader of an answer has to know: which of its metrics are deprecated, until when, what to use instead."""
    told = (answer.schema.metadata or {}).get(_NOTICES.encode(), b"").decode()
    return tuple(told.splitlines())


def compiled(
    catalogue: Catalogue,
    metrics: Sequence[str] = (),
    *,
    now: datetime | None = None,
    **question: Unpack[Question],
) -> Statement:
    """The statement that `query` runs, for reading or for another engine: `compiled(...).sql("snowflake")`.

    As in what is published, a state is read on the day of `now` at the latest, and what is to come is no gap; None
    reads whatever the tables hold of the future.
    """
    where, parameters = question.get("where"), question.get("parameters") or {}
    texts = [where] if isinstance(where, str) else list(where or ())
    return compile_query(
        catalogue,
        metrics,
        by=question.get("by", ()),
        grain=question.get("grain"),
        where=[bound(text, parameters) if ":" in text else text for text in texts],
        start=_moment(question.get("start"), catalogue, metrics, last=False),
        end=_moment(question.get("end"), catalogue, metrics, last=True),
        as_of=local_day(_calendar(catalogue, metrics), now) if now is not None else None,
        order=question.get("order", ()),
        limit=question.get("limit"),
    )


def catalogue_of(installation: Asked) -> Catalogue:
    """The dictionary of an installation; of a workspace it is loaded without its sources."""
    if isinstance(installation, Workspace):
        return load_catalogue(installation.catalogue)
    return installation.catalogue


@contextmanager
def reading_warehouse(installation: Asked) -> Iterator[Warehouse]:
    """The warehouse of an installation, opened for reading only, for one question.

    Raises:
        WarehouseError: there is none yet, or a run holds it; says so at once instead of waiting for the run.
    """
    with open_warehouse(_workspace(installation).warehouse_url, read_only=True) as warehouse:
        yield warehouse


def _workspace(installation: Asked) -> Workspace:
    return installation if isinstance(installation, Workspace) else installation.workspace


def bound(condition: str, parameters: Mapping[str, Bound]) -> str:
    """A condition with each `:name` replaced by the literal of its value, in the parsed tree.

    >>> bound("region = :region and score > :least", {"region": "it's", "least": 3})
    "region = 'it''s' AND score > 3"

    Raises:
        QueryError: the condition does not parse, or names a parameter that has no value.
    """
    try:
        tree = sqlglot.parse_one(condition, into=exp.Condition, read="duckdb")
    except SqlglotError as error:
        message = f"{condition!r} is not a single condition"
        raise QueryError([Problem("BAD_SQL", message, text=condition, path=("where",))]) from error

    def value_of(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Placeholder):
            return node
        name = str(node.this or "")
        if name not in parameters:
            message = f"the condition names the parameter {name!r}, which has no value"
            hint = "Give it a value, or write the condition without the colon."
            problem = Problem(
                "UNKNOWN_PARAMETER", message, text=name, suggestion=nearest(name, parameters), hint=hint
            )
            raise QueryError([problem])
        return _literal(parameters[name])

    return tree.transform(value_of).sql(dialect="duckdb")


def _literal(value: Bound) -> exp.Expr:
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int | float | Decimal):
        return exp.Literal.number(value)
    if isinstance(value, datetime):
        text, kind = value.isoformat(sep=" "), "TIMESTAMP"
    elif isinstance(value, date):
        text, kind = value.isoformat(), "DATE"
    else:
        return exp.Literal.string(value)
    return exp.Cast(this=exp.Literal.string(text), to=exp.DataType.build(kind))


def _moment(
    value: date | datetime | str | None, catalogue: Catalogue, metrics: Sequence[str], *, last: bool
) -> date | datetime | None:
    """A bound of the range: a day or instant as it is, a text as a day, an instant or a period's label."""
    if not isinstance(value, str):
        return value
    if "T" in value or " " in value.strip():
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise _no_moment(value) from error
    try:
        period = parse_period(_calendar(catalogue, metrics), value.strip())
    except ValueError as error:
        raise _no_moment(value) from error
    return period.last_day if last else period.start


def _no_moment(value: str) -> QueryError:
    hint = "Write 2026, 2026-Q3, 2026-07, 2026-W27, 2026-07-14 or 2026-07-14T08:30."
    return QueryError(
        [Problem("BAD_MOMENT", f"{value!r} is no period, day or instant", text=value, hint=hint)]
    )


def _calendar(catalogue: Catalogue, metrics: Sequence[str]) -> Calendar:
    names = [catalogue.metrics[name].calendar for name in metrics if name in catalogue.metrics]
    return catalogue.calendars[names[0] if names else "company"]


def save(table: pa.Table, path: Path, form: str) -> None:
    """Write an answer to a file: csv, json (an array of objects), arrow (IPC file, also Feather) or parquet."""
    import pyarrow.csv
    import pyarrow.feather
    import pyarrow.parquet

    if form == "csv":
        pyarrow.csv.write_csv(table, path)
    elif form == "arrow":
        pyarrow.feather.write_feather(table, path, compression="zstd")
    elif form == "parquet":
        pyarrow.parquet.write_table(table, path, compression="zstd")
    elif form == "json":
        path.write_text(as_json(table), encoding="utf-8")
    else:
        raise ValueError(f"{form!r} is no file format: write csv, json, arrow or parquet")


def as_json(table: pa.Table) -> str:
    """Rows as a JSON array of objects, one to a line; days and instants in ISO 8601."""
    import orjson

    rows = [orjson.dumps(row).decode() for row in table.to_pylist()]
    return "[\n" + ",\n".join(rows) + "\n]\n" if rows else "[]\n"
