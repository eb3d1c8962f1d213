"""What a metric becomes in a plan: how its number is read from relations, and how such values are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from definitions.compiler import nodes
from definitions.compiler.columns import Build
from definitions.compiler.fills import (
    Reading,
)
from definitions.compiler.nodes import Node
from definitions.compiler.rows import Cte
from definitions.model import (
    Expression,
    Metric,
    Span,
)

Segments = frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Value:
    """How a metric is read. ``columns`` are the columns needed, by relation; ``present`` says that a row exists."""

    value: Build
    present: Build
    sample: Build
    numerator: Build | None = None
    denominator: Build | None = None
    columns: tuple[tuple[str, str], ...] = ()

    @property
    def relations(self) -> tuple[str, ...]:
        """The relations that hold the columns, in order."""
        return tuple(dict.fromkeys(relation for relation, _ in self.columns))


@dataclass(frozen=True, slots=True)
class Asked:
    """In what form a metric is wanted: with further filters, moved later in time, for these segments, and of a frame's
    ``grains`` for these; None is all of the layout's."""

    filters: tuple[Expression, ...] = ()
    offsets: tuple[Span, ...] = ()
    segments: Segments = frozenset()
    grains: tuple[str, ...] | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What tells values of one metric apart; grains do where they are shifted differently."""
        return tuple(item.text for item in self.filters), self.offsets, self.grains if self.offsets else None


def value_of(reading: Reading) -> Value:
    """The value of a stage that holds one; a row of it exists where its sample does."""
    return Value(
        value=lambda: nodes.column(reading.value),
        present=lambda: nodes.not_null(nodes.column(reading.sample)),
        sample=lambda: nodes.column(reading.sample),
        columns=reading.columns,
    )


def full_join(keys: tuple[str, ...], columns: tuple[tuple[str, str], ...]) -> exp.Query:
    """Columns of several relations side by side, by key. Done as UNION ALL and GROUP BY, because a full
    outer join
    matches no NULL keys and some engines have none."""
    parts: list[exp.Query] = []
    relations = dict.fromkeys(relation for relation, _ in columns)
    for relation in relations:
        values = [
            nodes.aliased(nodes.double(nodes.column(name) if home == relation else nodes.null()), name)
            for home, name in columns
        ]
        parts.append(nodes.select([*(nodes.column(key) for key in keys), *values], nodes.table(relation)))
    merged = [nodes.aliased(exp.Max(this=nodes.column(name)), name) for _, name in columns]
    group = [nodes.column(key) for key in keys]
    return nodes.select(
        [*group, *merged], nodes.subquery(nodes.union_all(parts), "parts"), group=[g.copy() for g in group]
    )


def in_order(ctes: list[Cte]) -> list[Cte]:
    """The steps with every one after those that it reads."""
    by_name = {cte.name: cte for cte in ctes}
    reads = {
        cte.name: [
            t.name for t in cte.query.find_all(exp.Table) if t.name in by_name and not t.args.get("db")
        ]
        for cte in by_name.values()
    }
    done: dict[str, Cte] = {}

    def visit(name: str) -> None:
        if name in done:
            return
        for other in reads[name]:
            if other != name:
                visit(other)
        done[name] = by_name[name]

    for name in by_name:
        visit(name)
    return list(done.values())


def by_grain(whole: Value, daily: Value, grains: Sequence[str]) -> Value:
    """In a frame, one value at ``grains`` and another at the rest."""

    def either(first: Build, second: Build) -> Build:
        def build() -> Node:
            is_whole = exp.In(this=nodes.column("grain"), expressions=[nodes.text(grain) for grain in grains])
            return exp.Paren(this=nodes.case([(is_whole, first())], second()))

        return build

    def both(first: Build | None, second: Build | None) -> Build | None:
        return either(first, second) if first is not None and second is not None else None

    return Value(
        value=either(whole.value, daily.value),
        present=either(whole.present, daily.present),
        sample=either(whole.sample, daily.sample),
        numerator=both(whole.numerator, daily.numerator),
        denominator=both(whole.denominator, daily.denominator),
        columns=merged_columns(whole, daily),
    )


def any_of(*conditions: Node) -> Node:
    """True where any holds; equal conditions are said once."""
    unique = {condition.sql(): condition for condition in conditions}
    whole: Node | None = None
    for condition in unique.values():
        whole = condition if whole is None else exp.Or(this=whole, expression=condition)
    if whole is None:
        raise ValueError("no condition")
    return exp.Paren(this=whole) if isinstance(whole, exp.Or) else whole


def least(samples: list[Node]) -> Node:
    """The smallest sample behind a value; nothing at all is a sample of none, whatever else the plan reads."""
    unique = {sample.sql(): sample for sample in samples}
    first, *others = (nodes.coalesce(sample, nodes.number(0)) for sample in unique.values())
    return exp.Least(ignore_nulls=True, this=first, expressions=others) if others else first


def added(terms: list[Node]) -> Node:
    """The sum of terms."""
    whole = terms[0]
    for term in terms[1:]:
        whole = exp.Add(this=whole, expression=term)
    return whole


def merged_columns(*values: Value) -> tuple[tuple[str, str], ...]:
    """The columns of several values, each once."""
    return tuple(dict.fromkeys(column for value in values for column in value.columns))


def _short(relation: str) -> str:
    return relation.removesuffix("_periods").removesuffix("_values").removesuffix("_exact")


def segments_of(metrics: Iterable[Metric]) -> Segments:
    """All segments of some metrics."""
    return frozenset(segment for metric in metrics for segment in metric.segments)
