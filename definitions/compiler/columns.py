"""Aggregate columns of a stage: what is asked for once is computed once, whoever asks.

A measure becomes one to three columns: its rows (how many passed its filter), its aggregate, and its
sample (how many had a value). Additive columns can be merged from day to period and from segment to
total; the others (distinct counts, percentiles) cannot, and are computed from rows for every period and
segment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.nodes import Node
from definitions.compiler.resolve import Resolved, ResolvedMeasure
from definitions.compiler.shifts import UNMOVED, Shift
from definitions.model import Aggregation, ColumnType

Build = Callable[[], Node]


@dataclass(frozen=True, slots=True)
class Role:
    """Which time column places a row, and by how much it is moved later (an offset input sees older rows)."""

    time: str
    shift: Shift = UNMOVED

    @property
    def label(self) -> str:
        """How the role is called in SQL: ``solved_at``, ``created_at + 1 year``."""
        return f"{self.time}{self.shift.label}"


@dataclass(frozen=True, slots=True)
class Spec:
    """One aggregate over a stage's rows. ``kind``: count, sum, min, max, distinct, percentile."""

    kind: str
    expr: Resolved | None
    conditions: tuple[Resolved, ...]
    role: Role
    fraction: float | None = None

    @property
    def merges(self) -> bool:
        """Whether parts can be merged into the whole."""
        return self.kind not in ("distinct", "percentile")


@dataclass(frozen=True, slots=True)
class Leaf:
    """Columns of one measure in one relation. ``natural`` is the aggregate as it is, without a cast to double."""

    relation: str
    rows: str
    natural: Build = field(compare=False)
    sample: Build = field(compare=False)
    columns: tuple[str, ...] = ()


class Columns:
    """The aggregate columns of one relation."""

    def __init__(self, unique: Callable[[str], str]) -> None:
        self._unique = unique
        self.specs: dict[Spec, str] = {}

    def add(self, spec: Spec, wanted: str) -> str:
        """Name of the column for ``spec``; ``wanted`` is used when it is new and free."""
        name = self.specs.get(spec)
        if name is None:
            name = self._unique(wanted)
            self.specs[spec] = name
        return name

    def needs(self) -> set[Resolved]:
        """Every expression that the columns read."""
        found: set[Resolved] = set()
        for spec in self.specs:
            found.update(spec.conditions)
            if spec.expr is not None:
                found.add(spec.expr)
        return found


def add_measure(
    columns: Columns,
    measure: ResolvedMeasure,
    conditions: tuple[Resolved, ...],
    role: Role,
    name: str,
    relation: str,
) -> Leaf:
    """Register a measure; the leaf that reads it."""
    rows = columns.add(Spec("count", None, conditions, role), f"{name}_rows")

    def counted() -> str:
        expr = measure.expr
        if expr is None or not expr.nullable:
            return rows
        return columns.add(Spec("count", expr, conditions, role), f"{name}_values")

    def when_rows(column: str) -> Build:
        def build() -> Node:
            present = exp.GT(this=nodes.column(rows), expression=nodes.number(0))
            return nodes.when(present, nodes.column(column))

        return build

    def plain(column: str) -> Build:
        return lambda: nodes.column(column)

    agg = measure.agg
    if agg is Aggregation.COUNT and measure.expr is None:
        build: Build = lambda: nodes.nullif(nodes.column(rows), nodes.number(0))  # noqa: E731
        return Leaf(relation, rows, build, plain(rows), (rows,))
    if agg is Aggregation.COUNT:
        values = counted()
        return Leaf(relation, rows, when_rows(values), plain(values), (rows, values))
    if agg is Aggregation.SUM_BOOLEAN and measure.expr is not None:
        true = columns.add(Spec("count", None, (*conditions, measure.expr), role), name)
        return Leaf(relation, rows, when_rows(true), plain(rows), (rows, true))
    if agg is Aggregation.COUNT_DISTINCT:
        distinct = columns.add(Spec("distinct", measure.expr, conditions, role), name)
        return Leaf(relation, rows, when_rows(distinct), plain(rows), (rows, distinct))
    values = counted()
    if agg is Aggregation.AVG:
        total = columns.add(Spec("sum", measure.expr, conditions, role), f"{name}_sum")
        build = lambda: nodes.divide(nodes.column(total), nodes.column(values))  # noqa: E731
        return Leaf(relation, rows, build, plain(values), (rows, values, total))
    kind = {Aggregation.SUM: "sum", Aggregation.MIN: "min", Aggregation.MAX: "max"}.get(agg, "percentile")
    fraction = None
    if kind == "percentile":
        fraction = 0.5 if agg is Aggregation.MEDIAN else measure.percentile
    value = columns.add(Spec(kind, measure.expr, conditions, role, fraction), name)
    if kind == "percentile":  # engines interpolate with different last bits
        settled: Build = lambda: nodes.cast(nodes.column(value), ColumnType.DECIMAL)  # noqa: E731
        return Leaf(relation, rows, settled, plain(values), (rows, values, value))
    return Leaf(relation, rows, plain(value), plain(values), (rows, values, value))


def aggregate(spec: Spec, extra: Node | None, sign: Build | None = None) -> Node:
    """The aggregate of a spec over a stage's rows. ``extra`` is a further condition (the row's role);
    ``sign`` weighs
    rows that enter (1) and leave (−1) a state."""
    condition = nodes.all_of([extra, *(_copied(item) for item in spec.conditions)])
    if spec.kind == "count":
        if spec.expr is not None:
            present = nodes.not_null(spec.expr.node.copy())
            condition = nodes.all_of([condition, present])
        if sign is not None:
            counted = sign() if condition is None else nodes.case([(condition, sign())], nodes.number(0))
            return exp.Sum(this=counted)
        return nodes.count_rows(condition)
    if spec.expr is None:
        raise TypeError(f"the aggregate {spec.kind} needs a value")
    value = spec.expr.node.copy()
    match spec.kind:
        case "sum":
            value = exact_number(value, spec.expr.type)
            if sign is not None:
                value = exp.Mul(this=sign(), expression=nodes.paren(value))
            return exp.Sum(this=nodes.when(condition, value))
        case "min":
            return exp.Min(this=nodes.when(condition, value))
        case "max":
            return exp.Max(this=nodes.when(condition, value))
        case "distinct":
            return exp.Count(this=exp.Distinct(expressions=[nodes.when(condition, value)]))
    doubled = value if spec.expr.type is ColumnType.DOUBLE else nodes.double(value)
    return nodes.Percentile(this=nodes.when(condition, doubled), fraction=nodes.number(spec.fraction or 0.5))


def exact_number(value: Node, kind: ColumnType | None) -> Node:
    """A number whose sum does not depend on the order of rows: doubles are summed as decimals of nine places."""
    return nodes.cast(value, ColumnType.DECIMAL) if kind is ColumnType.DOUBLE else value


def merge(spec: Spec, name: str) -> Node:
    """The aggregate of already aggregated parts."""
    if spec.kind in ("min", "max"):
        return (exp.Min if spec.kind == "min" else exp.Max)(this=nodes.column(name))
    return exp.Sum(this=nodes.column(name))


def _copied(resolved: Resolved) -> Node:
    node = resolved.node.copy()
    return exp.Paren(this=node) if isinstance(node, exp.Or) else node


def merged_conditions(*groups: Iterable[Resolved | None]) -> tuple[Resolved, ...]:
    """Conditions of several origins, without repetition, in a stable order."""
    found = {item.sql: item for group in groups for item in group if item is not None}
    return tuple(found[sql] for sql in sorted(found))
