"""What definitions refer to must be there, and must fit: names across files, bands, baselines, joins
without fan-out.

Each rule is one small function that yields problems; `check_references` runs them all.
Source: definition lint, 'Errors'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from definitions.errors import Problem, unknown
from definitions.goal_references import GOAL_RULES
from definitions.model import (
    Balance,
    Catalogue,
    Column,
    Composite,
    Conversion,
    Cumulative,
    Derived,
    Direction,
    Measure,
    Metric,
    MetricInput,
    Ratio,
    Retention,
    Simple,
    Source,
)

Rule = Callable[[Catalogue], Iterator[Problem]]


def check_references(catalogue: Catalogue) -> list[Problem]:
    """Every problem that needs more than one definition to be seen."""
    return [problem for rule in _RULES for problem in rule(catalogue)]


def operands(metric: Metric) -> Iterator[tuple[str, Measure | MetricInput]]:
    """(part of the formula, measure or input) of a metric, in order."""
    match metric.formula:
        case Simple(measure) | Balance(measure):
            yield "measure", measure
        case Ratio(numerator, denominator):
            yield "numerator", numerator
            yield "denominator", denominator
        case Derived(_, inputs):
            for item in inputs:
                yield item.alias, item
        case Cumulative(operand):
            yield "input", operand
        case Conversion(base, conversion):
            yield "base", base
            yield "conversion", conversion
        case Retention(cohort, activity):
            yield "cohort", cohort
            yield "activity", activity
        case Composite(components):
            for component in components:
                yield (
                    component.metric,
                    MetricInput(component.metric, component.metric, location=component.location),
                )


# ── sources ─────────────────────────────────────────────────────────────────────────────────────────────────


def _columns_named(catalogue: Catalogue) -> Iterator[Problem]:
    for source in catalogue.sources.values():
        named = {
            "key": source.key,
            "time": (source.time,) if source.time else (),
            "validity": (source.validity.start, source.validity.end) if source.validity else (),
        }
        for part, columns in named.items():
            for name in columns:
                if name not in source.columns:
                    yield unknown("column", name, source.columns, source.location, source.name, part)
        time = source.columns.get(source.time or "")
        if time is not None and not time.type.is_time:
            message = f"the time column {time.name!r} is of type {time.type}; a date or timestamp is needed"
            yield Problem("WRONG_TYPE", message, source.location, time.name, (source.name, "time"))


def _dimensions_reach(catalogue: Catalogue) -> Iterator[Problem]:
    for source in catalogue.sources.values():
        for dimension in source.dimensions.values():
            if dimension.via is None:
                continue
            path = (source.name, "dimensions", dimension.name)
            *joins, wanted = (*dimension.via.split("."), *dimension.expr.text.split("."))
            here: Source | None = source
            for name in joins:
                if here is None:
                    break
                if name not in here.joins:
                    yield unknown("join", name, here.joins, dimension.location, *path, here.name)
                    break
                here = catalogue.sources.get(here.joins[name].to)
            else:
                if here is not None and wanted not in here.dimensions and wanted not in here.columns:
                    valid = [*here.dimensions, *here.columns]
                    yield unknown("dimension", wanted, valid, dimension.location, *path, here.name)


def _joins_are_many_to_one(catalogue: Catalogue) -> Iterator[Problem]:
    for source in catalogue.sources.values():
        for join in source.joins.values():
            path = (source.name, "joins", join.name)
            target = catalogue.sources.get(join.to)
            if target is None:
                yield unknown("source", join.to, catalogue.sources, join.location, *path)
                continue
            missing = [left for left, _ in join.on if left not in source.columns]
            missing_there = [right for _, right in join.on if right not in target.columns]
            for name in missing:
                yield unknown("column", name, source.columns, join.location, *path, "on")
            for name in missing_there:
                yield unknown("column", name, target.columns, join.location, *path, "on", target.name)
            if missing or missing_there:
                continue
            reason = _fan_out(target, join.relationship, {right for _, right in join.on})
            if reason:
                yield Problem(
                    "JOIN_FANS_OUT",
                    f"the join to {target.name!r} could multiply rows: {reason}",
                    join.location,
                    join.to,
                    path,
                    hint=f"Join on the whole key of {target.name} ({', '.join(_match_key(target))}).",
                )


def _match_key(target: Source) -> tuple[str, ...]:
    """Key columns that a join must name: of a source with validity, all but the start of the interval."""
    if target.validity is None:
        return target.key
    return tuple(column for column in target.key if column != target.validity.start)


def _fan_out(target: Source, relationship: str, on: set[str]) -> str | None:
    if relationship not in ("many_to_one", "one_to_one"):
        return f"its relationship is {relationship}, and only many_to_one is allowed"
    key = set(_match_key(target))
    if not key <= on:
        return f"the key of {target.name} is ({', '.join(target.key)}), and the join is on ({', '.join(sorted(on))})"
    return None


def _derived_sources(catalogue: Catalogue) -> Iterator[Problem]:
    for source in catalogue.sources.values():
        parent_name = (source.derived or source.movements) and (source.derived or source.movements).source  # type: ignore[union-attr]
        if not parent_name:
            continue
        path = (source.name, "derived" if source.derived else "movements")
        parent = catalogue.sources.get(parent_name)
        if parent is None:
            yield unknown("source", parent_name, catalogue.sources, source.location, *path)
            continue
        if parent.derived or parent.movements:
            message = f"{parent_name!r} is itself folded from another source; only one fold is allowed"
            yield Problem("NESTED_FOLD", message, source.location, parent_name, path)
        named = (
            source.derived.group_by
            if source.derived
            else (source.movements.entity,)
            if source.movements
            else ()
        )
        for name in named:
            if name not in parent.columns:
                yield unknown("column", name, parent.columns, source.location, *path)
        if source.movements and parent.validity is None:
            message = f"{parent_name!r} has no validity, so balances cannot be rebuilt from it"
            yield Problem("NO_VALIDITY", message, source.location, parent_name, path)
        if source.derived:
            yield from _folded_columns(source, source.derived.group_by, path)


def _folded_columns(source: Source, group_by: tuple[str, ...], path: tuple[str, ...]) -> Iterator[Problem]:
    def lacks(column: Column) -> bool:
        return column.expr is None and column.name not in group_by

    for column in filter(lacks, source.columns.values()):
        message = f"the column {column.name!r} is neither grouped by nor has an expr"
        yield Problem("MISSING_KEY", message, column.location, column.name, (*path, column.name))


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────


def _measures_reach(catalogue: Catalogue) -> Iterator[Problem]:
    for metric in catalogue.metrics.values():
        for part, operand in operands(metric):
            if isinstance(operand, MetricInput):
                if operand.metric not in catalogue.metrics:
                    yield unknown(
                        "metric", operand.metric, catalogue.metrics, operand.location, metric.name, part
                    )
                elif operand.metric == metric.name:
                    message = f"{metric.name!r} is an input of itself"
                    yield Problem("CYCLE", message, operand.location, operand.metric, (metric.name, part))
                continue
            yield from _measure(catalogue, metric, part, operand)


def _measure(catalogue: Catalogue, metric: Metric, part: str, measure: Measure) -> Iterator[Problem]:
    path = (metric.name, part)
    source = catalogue.sources.get(measure.source)
    if source is None:
        if not measure.source:
            message = "no source is named"
            yield Problem("MISSING_KEY", message, measure.location, "source", path, hint="Add 'source:'.")
        else:
            yield unknown("source", measure.source, catalogue.sources, measure.location, *path)
        return
    time = measure.time or source.time
    if time is None and not (isinstance(metric.formula, Balance) and source.validity):
        message = f"the source {source.name!r} has no time column"
        yield Problem(
            "NO_TIME", message, measure.location, "time", path, hint="Give 'time:' here or in the source."
        )
    elif time is not None and time not in source.columns:
        yield unknown("column", time, source.columns, measure.location, *path, "time")
    elif time is not None and not source.columns[time].type.is_time:
        message = f"the time column {time!r} is of type {source.columns[time].type}"
        yield Problem("WRONG_TYPE", message, measure.location, time, path)
    if measure.agg != "count" and measure.expr is None:
        message = f"the aggregate {measure.agg} needs an expr"
        yield Problem(
            "MISSING_KEY", message, measure.location, "expr", path, hint="Name the column to aggregate."
        )
    if (measure.agg == "percentile") != (measure.percentile is not None):
        message = "percentile: needs agg: percentile, and agg: percentile needs percentile:"
        yield Problem("WRONG_VALUE", message, measure.location, "percentile", path)


def _cycles(catalogue: Catalogue) -> Iterator[Problem]:
    edges = {name: tuple(dict.fromkeys(_inputs(metric))) for name, metric in catalogue.metrics.items()}
    yield from _acyclic(edges, catalogue, "CYCLE", "is computed from itself")
    trees = {name: m.drivers.inputs if m.drivers else () for name, m in catalogue.metrics.items()}
    yield from _acyclic(trees, catalogue, "CYCLIC_TREE", "drives itself")


def _inputs(metric: Metric) -> Iterator[str]:
    for _, operand in operands(metric):
        if isinstance(operand, MetricInput):
            yield operand.metric
    if isinstance(metric.formula, Derived):
        from definitions.compiler.parsing import free_names

        listed = {item.alias for item in metric.formula.inputs}
        yield from (name for name in free_names(metric.formula.expr) if name not in listed)


def _acyclic(
    edges: Mapping[str, tuple[str, ...]], catalogue: Catalogue, code: str, what: str
) -> Iterator[Problem]:
    done: set[str] = set()
    for start in edges:
        if start in done:
            continue
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(edges[start]))]
        trail = [start]
        while stack:
            name, following = stack[-1]
            for child in following:
                if child in trail:
                    loop = [*trail[trail.index(child) :], child]
                    message = f"{child!r} {what}: {' → '.join(loop)}"
                    yield Problem(code, message, catalogue.metrics[child].location, child, tuple(loop))
                elif child not in done and child in edges:
                    stack.append((child, iter(edges[child])))
                    trail.append(child)
                    break
            else:
                done.add(name)
                stack.pop()
                trail.pop()


def _related_metrics(catalogue: Catalogue) -> Iterator[Problem]:
    for metric in catalogue.metrics.values():
        related = {
            "guardrails": [guardrail.metric for guardrail in metric.guardrails],
            "drives": [drive.metric for drive in metric.drives],
            "drivers": list(metric.drivers.inputs) if metric.drivers else [],
            "replaced_by": [metric.replaced_by] if metric.replaced_by else [],
        }
        for part, names in related.items():
            for name in names:
                if name not in catalogue.metrics:
                    yield unknown("metric", name, catalogue.metrics, metric.location, metric.name, part)


def _calendars_and_owners(catalogue: Catalogue) -> Iterator[Problem]:
    for metric in catalogue.metrics.values():
        if metric.calendar not in catalogue.calendars:
            yield unknown("calendar", metric.calendar, catalogue.calendars, metric.location, metric.name)
        if catalogue.teams and metric.owner.team not in catalogue.teams:
            yield unknown("team", metric.owner.team, catalogue.teams, metric.location, metric.name, "owner")
        if catalogue.people and metric.owner.accountable not in catalogue.people:
            yield unknown(
                "person", metric.owner.accountable, catalogue.people, metric.location, metric.name, "owner"
            )


def _bands_and_windows(catalogue: Catalogue) -> Iterator[Problem]:
    for metric in catalogue.metrics.values():
        path = (metric.name,)
        band = metric.band
        if metric.direction is Direction.WITHIN and band is None:
            message = "direction 'within' needs a band (low and high)"
            yield Problem("MISSING_KEY", message, metric.location, "band", path)
        if band is not None and not band.low < band.high:
            message = f"the band's low {band.low:g} is not below its high {band.high:g}"
            yield Problem("WRONG_BAND", message, metric.location, "band", (*path, "band"))
        formula = metric.formula
        if isinstance(formula, Cumulative) and formula.window and formula.grain_to_date:
            message = "a cumulative metric has a window or a grain_to_date, not both"
            yield Problem("WRONG_VALUE", message, metric.location, "window", path)
        if isinstance(formula, Retention) and not 0 <= formula.first_day <= formula.last_day:
            message = f"days {formula.first_day}..{formula.last_day} are no range"
            yield Problem("WRONG_VALUE", message, metric.location, "days", path)


def _past_draft(catalogue: Catalogue) -> Iterator[Problem]:
    stars = [m for m in catalogue.metrics.values() if m.level == "north_star" and m.status != "deprecated"]
    for metric in stars[1:]:
        message = f"a second north star; the first is {stars[0].name!r} at {stars[0].location}"
        yield Problem("TWO_NORTH_STARS", message, metric.location, metric.name, (metric.name, "level"))
    for metric in catalogue.metrics.values():
        if metric.status != "draft" and not metric.definition:
            message = "a metric past draft needs a definition in words"
            yield Problem("MISSING_KEY", message, metric.location, "definition", (metric.name,))
        if metric.status == "deprecated" and not (metric.replaced_by and metric.deprecated_on):
            message = "a deprecated metric needs replaced_by and deprecated_on"
            yield Problem("MISSING_KEY", message, metric.location, "replaced_by", (metric.name,))
        for change in metric.changes:
            if change.approved_by == change.proposed_by:
                message = f"version {change.version} is approved by who proposed it"
                yield Problem(
                    "SAME_APPROVER", message, metric.location, change.approved_by, (metric.name, "changes")
                )


def _names_differ(catalogue: Catalogue) -> Iterator[Problem]:
    labels: dict[str, Metric] = {}
    for metric in catalogue.metrics.values():
        first = labels.setdefault(metric.label, metric)
        if first is not metric:
            message = f"the label {metric.label!r} is taken by {first.name!r} at {first.location}"
            yield Problem("DUPLICATE_NAME", message, metric.location, metric.label, (metric.name, "label"))


_RULES: tuple[Rule, ...] = (
    _columns_named,
    _dimensions_reach,
    _joins_are_many_to_one,
    _derived_sources,
    _measures_reach,
    _cycles,
    _related_metrics,
    _calendars_and_owners,
    _bands_and_windows,
    _past_draft,
    _names_differ,
    *GOAL_RULES,
)
