"""Checks as aggregates, so that one statement per table measures all of them inside the engine.

Each check becomes a `Probe`: one number (rows that break it, or a value to be judged), the interval that number
must lie in, and the SELECT that finds offending rows. All trees are sqlglot's, rendered per dialect; null
handling follows Great Expectations: value expectations skip NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor

from sqlglot import exp

from .checks import INTERVALS_DO_NOT_OVERLAP, REFERENCES_EXIST, ROWS_SATISFY, Check
from .conditions import parse_condition


@dataclass(frozen=True, slots=True)
class Probe:
    """How one check is measured. ``counts_rows``: the number is how many rows break the check. ``eligible`` counts
    the rows that could break it, where a share of them may (``mostly``)."""

    number: exp.Expr
    low: float | None
    high: float | None
    counts_rows: bool
    offenders: exp.Select | None = None
    eligible: exp.Expr | None = None


def probe(check: Check) -> Probe | None:
    """The pushed-down form of a check, or None when there is none and its columns must be pulled."""
    build = _FORMS.get(check.expect)
    if build is None:
        return None
    made = build(check)
    return replace(made, eligible=_eligible(check)) if made.counts_rows and "mostly" in check.kwargs else made


def most_failing(eligible: float, mostly: float) -> float:
    """How many rows may break a check that is to hold for ``mostly`` of the eligible ones."""
    return floor((1 - mostly) * eligible + 1e-9)


def _eligible(check: Check) -> exp.Expr:
    """Rows that a check looks at: those with a value, but for the checks that are about having one."""
    about_null = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_null")
    named = check.kwargs.get("columns") or ([check.kwargs["column"]] if "column" in check.kwargs else [])
    if check.expect in about_null or not isinstance(named, list | tuple) or not named:
        return exp.Count(this=exp.Star())
    known = exp.and_(*(exp.Is(this=column(str(name)), expression=exp.Null()).not_() for name in named))
    return exp.Count(this=exp.Case(ifs=[exp.If(this=known, true=exp.Literal.number(1))]))


def scan(table: str, probes: Sequence[Probe], dialect: str) -> str:
    """One SELECT over a table: column ``n`` holds its rows, ``c0``, ``c1``, … the probes' numbers, ``e0``, ``e1``, …
    the eligible rows of those that have them."""
    select = exp.select(exp.alias_(exp.Count(this=exp.Star()), "n"))
    for position, one in enumerate(probes):
        select = select.select(exp.alias_(one.number.copy(), f"c{position}"))
        if one.eligible is not None:
            select = select.select(exp.alias_(one.eligible.copy(), f"e{position}"))
    return select.from_(table_of(table)).sql(dialect=dialect)


def sample(check: Check, one: Probe, key: Sequence[str], size: int, dialect: str) -> str | None:
    """A SELECT of a few offending rows' keys, always the same ones; None where rows are not the matter."""
    if one.offenders is None or not key:
        return None
    columns = [column(name) for name in key]
    ordered = [exp.Ordered(this=c.copy(), nulls_first=True) for c in columns]
    rows = one.offenders.copy().select(*columns, append=False).order_by(*ordered).limit(size)
    return rows.sql(dialect=dialect)


def table_of(name: str) -> exp.Table:
    """``crm.opportunities`` as a quoted table."""
    schema, _, table = name.rpartition(".")
    return exp.table_(table, db=schema or None, quoted=True)


def column(name: str, table: str | None = None) -> exp.Column:
    """A quoted column."""
    return exp.column(name, table=table, quoted=True)


def _rows(check: Check, breaks: exp.Expr) -> Probe:
    counted = exp.Count(this=exp.Case(ifs=[exp.If(this=breaks.copy(), true=exp.Literal.number(1))]))
    offenders = exp.select(exp.Star()).from_(table_of(check.table)).where(breaks)
    return Probe(counted, 0, 0, True, offenders)


def _number(number: exp.Expr, check: Check) -> Probe:
    return Probe(number, _limit(check, "min_value"), _limit(check, "max_value"), False)


def _limit(check: Check, name: str) -> float | None:
    value = check.kwargs.get(name)
    return None if value is None else float(value)  # type: ignore[arg-type]


def _named(check: Check, name: str = "column") -> exp.Column:
    return column(str(check.kwargs[name]))


def _listed(check: Check, name: str) -> list[str]:
    value = check.kwargs[name]
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]


def _literal(value: object) -> exp.Expr:
    """A value of a suite as SQL; an ISO date or time stamp is told by its shape and cast."""
    if isinstance(value, str) and len(value) >= 10 and value[4:5] == value[7:8] == "-":
        kind = exp.DataType.build("timestamp" if len(value) > 10 else "date")
        return exp.Cast(this=exp.Literal.string(value), to=kind)
    if isinstance(value, float):
        return exp.Cast(this=exp.Literal.number(repr(value)), to=exp.DataType.build("double"))
    return exp.convert(value)


def _not_null(check: Check) -> Probe:
    return _rows(check, exp.Is(this=_named(check), expression=exp.Null()))


def _null(check: Check) -> Probe:
    return _rows(check, exp.Is(this=_named(check), expression=exp.Null()).not_())


def _in_set(check: Check) -> Probe:
    values = [_literal(value) for value in check.kwargs["value_set"]]  # type: ignore[attr-defined]
    return _rows(check, exp.In(this=_named(check), expressions=values).not_())


def _not_in_set(check: Check) -> Probe:
    values = [_literal(value) for value in check.kwargs["value_set"]]  # type: ignore[attr-defined]
    return _rows(check, exp.In(this=_named(check), expressions=values))


def _between(check: Check) -> Probe:
    breaks: list[exp.Expr] = []
    low, high = check.kwargs.get("min_value"), check.kwargs.get("max_value")
    if low is not None:
        below = exp.LTE if check.kwargs.get("strict_min") else exp.LT
        breaks.append(below(this=_named(check), expression=_literal(low)))
    if high is not None:
        above = exp.GTE if check.kwargs.get("strict_max") else exp.GT
        breaks.append(above(this=_named(check), expression=_literal(high)))
    return _rows(check, exp.or_(*breaks) if breaks else exp.false())


def _lengths(check: Check) -> Probe:
    length = exp.Length(this=_named(check))
    breaks: list[exp.Expr] = []
    if check.kwargs.get("min_value") is not None:
        breaks.append(exp.LT(this=length.copy(), expression=exp.convert(check.kwargs["min_value"])))
    if check.kwargs.get("max_value") is not None:
        breaks.append(exp.GT(this=length.copy(), expression=exp.convert(check.kwargs["max_value"])))
    return _rows(check, exp.or_(*breaks) if breaks else exp.false())


def _regex(check: Check) -> Probe:
    pattern = exp.Literal.string(str(check.kwargs["regex"]))
    return _rows(check, exp.RegexpLike(this=_named(check), expression=pattern).not_())


def _not_regex(check: Check) -> Probe:
    pattern = exp.Literal.string(str(check.kwargs["regex"]))
    return _rows(check, exp.RegexpLike(this=_named(check), expression=pattern))


def _greater(check: Check) -> Probe:
    order = exp.LT if check.kwargs.get("or_equal") else exp.LTE
    return _rows(check, order(this=_named(check, "column_A"), expression=_named(check, "column_B")))


def _equal(check: Check) -> Probe:
    return _rows(check, exp.NEQ(this=_named(check, "column_A"), expression=_named(check, "column_B")))


def _satisfy(check: Check) -> Probe:
    condition = parse_condition(str(check.kwargs["condition"])).copy()
    quoted = condition.transform(lambda node: column(node.name) if isinstance(node, exp.Column) else node)
    return _rows(check, exp.paren(quoted).not_())


def _unique(check: Check) -> Probe:
    names = [str(check.kwargs["column"])] if "column" in check.kwargs else _listed(check, "column_list")
    keys = [column(name) for name in names]
    known = exp.and_(*(exp.Is(this=key.copy(), expression=exp.Null()).not_() for key in keys))
    again = (
        exp.select(*keys, exp.alias_(exp.Count(this=exp.Star()), "n"))
        .from_(table_of(check.table))
        .where(known)
        .group_by(*keys)
        .having(exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1)))
    )
    total = exp.func("COALESCE", exp.Sum(this=exp.column("n")), exp.Literal.number(0))
    number = exp.select(total).from_(again.subquery("again")).subquery()
    return Probe(number, 0, 0, True, exp.select(exp.Star()).from_(again.subquery("again")))


def _references(check: Check) -> Probe:
    here, there = _listed(check, "columns"), _listed(check, "to_columns")
    partner = (
        exp.select(exp.Literal.number(1))
        .from_(table_of(str(check.kwargs["to"])).as_("target"))
        .where(*(column(b, "target").eq(column(a, "child")) for a, b in zip(here, there, strict=True)))
    )
    orphans = (
        exp.select(exp.Star())
        .from_(table_of(check.table).as_("child"))
        .where(*(exp.Is(this=column(a, "child"), expression=exp.Null()).not_() for a in here))
        .where(exp.Exists(this=partner).not_())
    )
    counted = orphans.select(exp.Count(this=exp.Star()), append=False).subquery()
    return Probe(counted, 0, 0, True, orphans)


def _no_overlap(check: Check) -> Probe:
    entity, start, end = _listed(check, "entity"), str(check.kwargs["start"]), str(check.kwargs["end"])
    following = exp.Window(
        this=exp.Lead(this=column(start)),
        partition_by=[column(name) for name in entity],
        order=exp.Order(expressions=[exp.Ordered(this=column(start))]),
    )
    chain = exp.select(exp.Star(), exp.alias_(following, "next_start")).from_(table_of(check.table))
    after = exp.column("next_start")
    open_end = exp.Is(this=column(end), expression=exp.Null())
    late = exp.or_(exp.and_(open_end, after.is_(exp.Null()).not_()), column(end) > after)
    rows = exp.select(exp.Star()).from_(chain.subquery("chain")).where(late)
    return Probe(rows.select(exp.Count(this=exp.Star()), append=False).subquery(), 0, 0, True, rows)


def _row_count(check: Check) -> Probe:
    return _number(exp.Count(this=exp.Star()), check)


def _over(build: Callable[[exp.Expr], exp.Expr]) -> Callable[[Check], Probe]:
    return lambda check: _number(build(_named(check)), check)


def _distinct(of: exp.Expr) -> exp.Expr:
    return exp.Count(this=exp.Distinct(expressions=[of]))


def _known_share(of: exp.Expr) -> exp.Expr:
    known = exp.Cast(this=exp.Count(this=of), to=exp.DataType.build("double"))
    every = exp.func("NULLIF", exp.Count(this=exp.Star()), exp.Literal.number(0))
    return exp.Div(this=known, expression=every)


_FORMS: Mapping[str, Callable[[Check], Probe]] = {
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_values_to_be_between": _between,
    "expect_column_value_lengths_to_be_between": _lengths,
    "expect_column_values_to_match_regex": _regex,
    "expect_column_values_to_not_match_regex": _not_regex,
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    "expect_column_pair_values_to_be_equal": _equal,
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _unique,
    "expect_table_row_count_to_be_between": _row_count,
    "expect_column_max_to_be_between": _over(lambda of: exp.Max(this=of)),
    "expect_column_min_to_be_between": _over(lambda of: exp.Min(this=of)),
    "expect_column_mean_to_be_between": _over(lambda of: exp.Avg(this=of)),
    "expect_column_sum_to_be_between": _over(lambda of: exp.Sum(this=of)),
    "expect_column_unique_value_count_to_be_between": _over(_distinct),
    "expect_column_proportion_of_non_null_values_to_be_between": _over(_known_share),
    ROWS_SATISFY: _satisfy,
    REFERENCES_EXIST: _references,
    INTERVALS_DO_NOT_OVERLAP: _no_overlap,
}
