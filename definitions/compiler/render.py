"""Last pass, render: neutral trees → text for an engine.

One spelling per engine for the nodes of our own; everything else is sqlglot's generator for that engine.
DuckDB and PostgreSQL are executed and tested against each other; Spark, Snowflake, BigQuery and Trino
are for reading and for running elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.generator import Generator
from sqlglot.generators.bigquery import BigQueryGenerator
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.generators.postgres import PostgresGenerator
from sqlglot.generators.snowflake import SnowflakeGenerator
from sqlglot.generators.spark import SparkGenerator
from sqlglot.generators.trino import TrinoGenerator

from definitions.compiler import nodes
from definitions.compiler.rows import Cte

Say = Callable[[Any, Any], str]

DIALECTS = ("duckdb", "postgres", "spark", "snowflake", "bigquery", "trino")


def _literal(node: exp.Expr) -> int | None:
    """The integer of a literal, signed; None for anything else."""
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
        return -int(node.this.this)
    return int(node.this) if isinstance(node, exp.Literal) and not node.is_string else None


def _unit(node: exp.Expr) -> str:
    return str(node.args["unit"].this)


def _operand(gen: Generator, node: exp.Expr) -> str:
    """A node as an operand of + and −."""
    text = gen.sql(node)
    loose = isinstance(node, exp.Binary | exp.Case | exp.AtTimeZone | nodes.AddDays | nodes.AddSeconds)
    return f"({text})" if loose else text


def _plus(gen: Generator, base: exp.Expr, amount: exp.Expr, spelled: Callable[[str], str]) -> str:
    """``base + amount`` or ``base - amount``, whichever reads well."""
    value = _literal(amount)
    if value is None:
        return f"{_operand(gen, base)} + {spelled(_operand(gen, amount))}"
    return f"{_operand(gen, base)} {'-' if value < 0 else '+'} {spelled(str(abs(value)))}"


def _interval(unit: str, quoted: bool) -> Callable[[str], str]:
    return lambda amount: f"INTERVAL '{amount}' {unit}" if quoted else f"INTERVAL {amount} {unit}"


# ── DuckDB ──────────────────────────────────────────────────────────────────────────────────────────────────


def _at_zone(gen: Generator, node: exp.Expr) -> str:
    return f"{_operand(gen, node.this)} AT TIME ZONE 'UTC' AT TIME ZONE {gen.sql(node, 'zone')}"


def _from_zone(gen: Generator, node: exp.Expr) -> str:
    return f"{_operand(gen, node.this)} AT TIME ZONE {gen.sql(node, 'zone')} AT TIME ZONE 'UTC'"


def _trunc_day(gen: Generator, node: exp.Expr) -> str:
    return f"CAST(DATE_TRUNC('{_unit(node)}', {gen.sql(node, 'this')}) AS DATE)"


def _trunc_time(gen: Generator, node: exp.Expr) -> str:
    return f"DATE_TRUNC('{_unit(node)}', {gen.sql(node, 'this')})"


def _add_days(gen: Generator, node: exp.Expr) -> str:
    return _plus(gen, node.this, node.args["days"], str)


def _add_months(quoted: bool) -> Say:
    def say(gen: Generator, node: exp.Expr) -> str:
        moved = _plus(gen, node.this, node.args["months"], _interval("MONTH", quoted))
        return moved if node.args.get("instant") else f"CAST({moved} AS DATE)"

    return say


def _add_seconds(quoted: bool) -> Say:
    return lambda gen, node: _plus(gen, node.this, node.args["seconds"], _interval("SECOND", quoted))


def _days_between(gen: Generator, node: exp.Expr) -> str:
    return f"({_operand(gen, node.expression)} - {_operand(gen, node.this)})"


def _duckdb_seconds(gen: Generator, node: exp.Expr) -> str:
    late, early = gen.sql(node, "expression"), gen.sql(node, "this")
    return f"CAST(EPOCH_US({late}) - EPOCH_US({early}) AS DOUBLE) / 1000000"


def _date_part(template: str) -> Say:
    def say(gen: Generator, node: exp.Expr) -> str:
        unit = "isodow" if _unit(node) == "dow" else _unit(node)
        return template.format(unit=unit.upper(), this=gen.sql(node, "this"))

    return say


def _duckdb_percentile(gen: Generator, node: exp.Expr) -> str:
    return gen.func("QUANTILE_CONT", node.this, node.args["fraction"])


def _within_group(gen: Generator, node: exp.Expr) -> str:
    return f"PERCENTILE_CONT({gen.sql(node, 'fraction')}) WITHIN GROUP (ORDER BY {gen.sql(node, 'this')})"


def _series(template: str) -> Say:
    def say(gen: Generator, node: exp.Expr) -> str:
        unit = node.args.get("unit")
        return template.format(
            start=gen.sql(node, "start"),
            end=gen.sql(node, "end"),
            alias=str(node.args["alias"].this),
            unit=str(unit.this).upper() if unit is not None else "DAY",
        )

    return say


def _duckdb_stack(gen: Generator, node: exp.Expr) -> str:
    """Rows as a list of structs, unnested."""
    names = [name.name for name in node.args["names"]]
    keys = ", ".join(gen.sql(key) for key in node.args["keys"])
    structs = [
        "{"
        + ", ".join(f"'{name}': {gen.sql(cell)}" for name, cell in zip(names, row.expressions, strict=True))
        + "}"
        for row in node.args["rows"]
    ]
    listed = gen.sep(",").join(structs)
    return f"(SELECT {keys}, UNNEST([{gen.sep('')}{listed}]) AS v FROM {gen.sql(node, 'this')}) AS stacked"


def _pg_stack(gen: Generator, node: exp.Expr) -> str:
    """Rows as a lateral VALUES list."""
    names = ", ".join(gen.sql(name) for name in node.args["names"])
    listed = gen.sep(",").join(gen.sql(row) for row in node.args["rows"])
    return f"{gen.sql(node, 'this')} CROSS JOIN LATERAL (VALUES {gen.sep('')}{listed}) AS v({names})"


_DUCKDB: dict[type[exp.Expr], Say] = {
    nodes.Stacked: _duckdb_stack,
    nodes.LocalTime: _at_zone,
    nodes.UtcTime: _from_zone,
    nodes.TruncDay: _trunc_day,
    nodes.TruncTime: _trunc_time,
    nodes.AddDays: _add_days,
    nodes.AddMonths: _add_months(quoted=False),
    nodes.AddSeconds: _add_seconds(quoted=False),
    nodes.DaysBetween: _days_between,
    nodes.SecondsBetween: _duckdb_seconds,
    nodes.DatePart: _date_part("EXTRACT({unit} FROM {this})"),
    nodes.Percentile: _duckdb_percentile,
    nodes.DaySeries: _series(
        "(SELECT CAST(UNNEST(GENERATE_SERIES({start}, {end}, INTERVAL 1 DAY)) AS DATE) AS day) AS {alias}"
    ),
    nodes.TickSeries: _series(
        "(SELECT UNNEST(GENERATE_SERIES({start}, {end}, INTERVAL 1 {unit})) AS moment) AS {alias}"
    ),
}


# ── PostgreSQL ──────────────────────────────────────────────────────────────────────────────────────────────


def _pg_trunc_day(gen: Generator, node: exp.Expr) -> str:
    return f"CAST(DATE_TRUNC('{_unit(node)}', CAST({gen.sql(node, 'this')} AS TIMESTAMP)) AS DATE)"


def _pg_seconds(gen: Generator, node: exp.Expr) -> str:
    late, early = _operand(gen, node.expression), _operand(gen, node.this)
    return f"CAST(EXTRACT(EPOCH FROM {late} - {early}) AS DOUBLE PRECISION)"


def _pg_arg(direction: str) -> Say:
    def say(gen: Generator, node: exp.Expr) -> str:
        value, order = gen.sql(node, "this"), gen.sql(node, "expression")
        kept = f"NOT {value} IS NULL AND NOT {order} IS NULL"
        return f"(ARRAY_AGG({value} ORDER BY {order} {direction}) FILTER(WHERE {kept}))[1]"

    return say


_POSTGRES: dict[type[exp.Expr], Say] = {
    **_DUCKDB,
    nodes.Stacked: _pg_stack,
    nodes.TruncDay: _pg_trunc_day,
    nodes.AddMonths: _add_months(quoted=True),
    nodes.AddSeconds: _add_seconds(quoted=True),
    nodes.SecondsBetween: _pg_seconds,
    nodes.DatePart: _date_part("CAST(EXTRACT({unit} FROM {this}) AS BIGINT)"),
    nodes.Percentile: _within_group,
    nodes.DaySeries: _series(
        "(SELECT CAST(GENERATE_SERIES(CAST({start} AS TIMESTAMP), CAST({end} AS TIMESTAMP), INTERVAL '1 DAY') AS DATE) "
        "AS day) AS {alias}"
    ),
    nodes.TickSeries: _series(
        "(SELECT GENERATE_SERIES({start}, {end}, INTERVAL '1 {unit}') AS moment) AS {alias}"
    ),
    exp.ArgMax: _pg_arg("DESC"),
    exp.ArgMin: _pg_arg("ASC"),
}


# ── engines to read and to run elsewhere ────────────────────────────────────────────────────────────────────


def _call(template: str) -> Say:
    """A function call; braces name the node's arguments."""

    def say(gen: Generator, node: exp.Expr) -> str:
        parts = {name: gen.sql(node, name) for name in node.arg_types if name != "unit"}
        if "unit" in node.args:
            parts["unit"] = _unit(node).upper()
        return template.format(**parts)

    return say


def _months(day: str, instant: str) -> Say:
    """Months added to a day, or to an ``instant``, which keeps its time of day."""
    on_day, on_instant = _call(day), _call(instant)
    return lambda gen, node: (on_instant if node.args.get("instant") else on_day)(gen, node)


def _ignoring_nulls(template: str) -> Say:
    """GREATEST and LEAST where the engine's own are NULL as soon as one value is."""

    def say(gen: Generator, node: exp.Expr) -> str:
        return template.format(values=", ".join(gen.sql(item) for item in (node.this, *node.expressions)))

    return say


_SPARK: dict[type[exp.Expr], Say] = {
    nodes.LocalTime: _call("FROM_UTC_TIMESTAMP({this}, {zone})"),
    nodes.UtcTime: _call("TO_UTC_TIMESTAMP({this}, {zone})"),
    nodes.TruncDay: _call("TRUNC({this}, '{unit}')"),
    nodes.TruncTime: _call("DATE_TRUNC('{unit}', {this})"),
    nodes.AddDays: _call("DATE_ADD({this}, {days})"),
    nodes.AddMonths: _months("ADD_MONTHS({this}, {months})", "{this} + MAKE_INTERVAL(0, {months})"),
    nodes.AddSeconds: _call("{this} + MAKE_INTERVAL(0, 0, 0, 0, 0, 0, {seconds})"),
    nodes.DaysBetween: _call("DATEDIFF({expression}, {this})"),
    nodes.SecondsBetween: _call("(UNIX_MICROS({expression}) - UNIX_MICROS({this})) / 1000000D"),
    nodes.DatePart: _call("EXTRACT({unit} FROM {this})"),
    nodes.Percentile: _call("PERCENTILE({this}, {fraction})"),
    nodes.DaySeries: _series("(SELECT EXPLODE(SEQUENCE({start}, {end}, INTERVAL 1 DAY)) AS day) AS {alias}"),
    nodes.TickSeries: _series(
        "(SELECT EXPLODE(SEQUENCE({start}, {end}, INTERVAL 1 {unit})) AS moment) AS {alias}"
    ),
}
_SNOWFLAKE: dict[type[exp.Expr], Say] = {
    nodes.LocalTime: _call("CONVERT_TIMEZONE('UTC', {zone}, {this})"),
    nodes.UtcTime: _call("CONVERT_TIMEZONE({zone}, 'UTC', {this})"),
    nodes.TruncDay: _call("DATE_TRUNC('{unit}', {this})"),
    nodes.TruncTime: _call("DATE_TRUNC('{unit}', {this})"),
    nodes.AddDays: _call("DATEADD(DAY, {days}, {this})"),
    nodes.AddMonths: _call("DATEADD(MONTH, {months}, {this})"),
    nodes.AddSeconds: _call("DATEADD(SECOND, {seconds}, {this})"),
    nodes.DaysBetween: _call("DATEDIFF(DAY, {this}, {expression})"),
    nodes.SecondsBetween: _call("DATEDIFF(MICROSECOND, {this}, {expression}) / 1000000::DOUBLE"),
    nodes.DatePart: _call("DATE_PART('{unit}', {this})"),
    nodes.Percentile: _within_group,
    nodes.DaySeries: _series(
        "(SELECT DATEADD(DAY, VALUE, {start}) AS day FROM TABLE(FLATTEN(ARRAY_GENERATE_RANGE(0, "
        "DATEDIFF(DAY, {start}, {end}) + 1)))) AS {alias}"
    ),
    nodes.TickSeries: _series(
        "(SELECT DATEADD({unit}, VALUE, {start}) AS moment FROM TABLE(FLATTEN(ARRAY_GENERATE_RANGE(0, "
        "DATEDIFF({unit}, {start}, {end}) + 1)))) AS {alias}"
    ),
}
_BIGQUERY: dict[type[exp.Expr], Say] = {
    nodes.LocalTime: _call("DATETIME(TIMESTAMP({this}, 'UTC'), {zone})"),
    nodes.UtcTime: _call("DATETIME(TIMESTAMP({this}, {zone}), 'UTC')"),
    nodes.TruncDay: lambda gen, node: (
        f"DATE_TRUNC({gen.sql(node, 'this')}, {'ISOWEEK' if _unit(node) == 'week' else _unit(node).upper()})"
    ),
    nodes.TruncTime: _call("DATETIME_TRUNC({this}, {unit})"),
    nodes.AddDays: _call("DATE_ADD({this}, INTERVAL {days} DAY)"),
    nodes.AddMonths: _months(
        "DATE_ADD({this}, INTERVAL {months} MONTH)", "DATETIME_ADD({this}, INTERVAL {months} MONTH)"
    ),
    nodes.AddSeconds: _call("DATETIME_ADD({this}, INTERVAL {seconds} SECOND)"),
    nodes.DaysBetween: _call("DATE_DIFF({expression}, {this}, DAY)"),
    nodes.SecondsBetween: _call("DATETIME_DIFF({expression}, {this}, MICROSECOND) / 1000000"),
    nodes.DatePart: _call("EXTRACT({unit} FROM {this})"),
    exp.Greatest: _ignoring_nulls("(SELECT MAX(v) FROM UNNEST([{values}]) AS v)"),
    exp.Least: _ignoring_nulls("(SELECT MIN(v) FROM UNNEST([{values}]) AS v)"),
    nodes.Percentile: _call("APPROX_QUANTILES({this}, 1000)[OFFSET(CAST({fraction} * 1000 AS INT64))]"),
    nodes.DaySeries: _series(
        "(SELECT day FROM UNNEST(GENERATE_DATE_ARRAY({start}, {end})) AS day) AS {alias}"
    ),
    nodes.TickSeries: _series(
        "(SELECT DATETIME_ADD({start}, INTERVAL step {unit}) AS moment FROM UNNEST(GENERATE_ARRAY(0, "
        "DATETIME_DIFF({end}, {start}, {unit}))) AS step) AS {alias}"
    ),
}
_TRINO: dict[type[exp.Expr], Say] = {
    nodes.LocalTime: _call("CAST(AT_TIMEZONE(WITH_TIMEZONE({this}, 'UTC'), {zone}) AS TIMESTAMP)"),
    nodes.UtcTime: _call("CAST(AT_TIMEZONE(WITH_TIMEZONE({this}, {zone}), 'UTC') AS TIMESTAMP)"),
    nodes.TruncDay: _call("DATE_TRUNC('{unit}', {this})"),
    nodes.TruncTime: _call("DATE_TRUNC('{unit}', {this})"),
    nodes.AddDays: _call("DATE_ADD('DAY', {days}, {this})"),
    nodes.AddMonths: _call("DATE_ADD('MONTH', {months}, {this})"),
    nodes.AddSeconds: _call("DATE_ADD('SECOND', {seconds}, {this})"),
    nodes.DaysBetween: _call("DATE_DIFF('DAY', {this}, {expression})"),
    nodes.SecondsBetween: _call("DATE_DIFF('MILLISECOND', {this}, {expression}) / 1000E0"),
    nodes.DatePart: _call("EXTRACT({unit} FROM {this})"),
    nodes.Percentile: _call("APPROX_PERCENTILE({this}, {fraction})"),
    exp.Greatest: _ignoring_nulls("ARRAY_MAX(FILTER(ARRAY[{values}], v -> NOT v IS NULL))"),
    exp.Least: _ignoring_nulls("ARRAY_MIN(FILTER(ARRAY[{values}], v -> NOT v IS NULL))"),
    nodes.DaySeries: _series("UNNEST(SEQUENCE({start}, {end}, INTERVAL '1' DAY)) AS {alias} (day)"),
    nodes.TickSeries: _series("UNNEST(SEQUENCE({start}, {end}, INTERVAL '1' {unit})) AS {alias} (moment)"),
}


class _DuckDB(DuckDBGenerator):
    TRANSFORMS = {**DuckDBGenerator.TRANSFORMS, **_DUCKDB}  # noqa: RUF012


class _Postgres(PostgresGenerator):
    TRANSFORMS = {**PostgresGenerator.TRANSFORMS, **_POSTGRES}  # noqa: RUF012


class _Spark(SparkGenerator):
    TRANSFORMS = {**SparkGenerator.TRANSFORMS, **_SPARK}  # noqa: RUF012


class _Snowflake(SnowflakeGenerator):
    TRANSFORMS = {**SnowflakeGenerator.TRANSFORMS, **_SNOWFLAKE}  # noqa: RUF012


class _BigQuery(BigQueryGenerator):
    TRANSFORMS = {**BigQueryGenerator.TRANSFORMS, **_BIGQUERY}  # noqa: RUF012


class _Trino(TrinoGenerator):
    TRANSFORMS = {**TrinoGenerator.TRANSFORMS, **_TRINO}  # noqa: RUF012


_GENERATORS: dict[str, type[Generator]] = {
    "duckdb": _DuckDB,
    "postgres": _Postgres,
    "spark": _Spark,
    "snowflake": _Snowflake,
    "bigquery": _BigQuery,
    "trino": _Trino,
}
_HINTED = ("duckdb", "postgres")
STACKING = ("duckdb", "postgres")
"""Engines that turn one row into several in place."""


def render(ctes: Sequence[Cte], final: exp.Query, dialect: str, *, pretty: bool = True) -> str:
    """A statement for an engine.

    Raises ValueError for an engine that is not in `DIALECTS`.
    """
    if dialect not in _GENERATORS:
        raise ValueError(f"no such engine: {dialect!r}; choose one of {', '.join(DIALECTS)}")
    generator = _GENERATORS[dialect](
        dialect=Dialect.get_or_raise(dialect), pretty=pretty, max_text_width=110, comments=False
    )
    spare = dialect not in _HINTED  # foreign generators rewrite the tree they print
    steps = []  # hints where engines would guess: scans are read through, what they aggregate to is kept
    for cte in ctes:
        hint = None if spare else not cte.inline
        steps.append(
            exp.CTE(
                this=cte.query.copy() if spare else cte.query,
                alias=exp.TableAlias(this=nodes.identifier(cte.name)),
                materialized=hint,
            )
        )
    statement = final.copy()
    if steps:
        statement.set("with_", exp.With(expressions=steps))
    return generator.generate(statement, copy=spare)
