"""The page of all shipped KPIs, from the default catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import definitions
from definitions import load_catalogue
from definitions.compiler.resolve import Resolver
from definitions.compiler.states import settling_of
from definitions.model import (
    Balance,
    Benchmark,
    Catalogue,
    Composite,
    Conversion,
    Cumulative,
    Derived,
    Measure,
    Metric,
    MetricInput,
    Operand,
    Ratio,
    Retention,
    Simple,
)
from pipelines.reference.markdown import sentence

HEAD = """# The shipped KPIs

Every KPI of the default catalogue with its formula over the neutral tables ([architecture](../architecture.md)), by
family. A period is `[start, end)` in the calendar's zone; rows that are deleted, spam or of test accounts are left out;
an empty denominator is no data. *Row* is the KPI's number in the KPI catalogue that the product follows; numbers are
compared with an independent computation, at every grain, by `tests/integration/catalogue`. This page is written from
the YAML.

Asked for by: S0 *Building a fitness tracker for your org*, S1 *Defining & Tracking KPIs* (W. Zafar, 2026), S2 *OKRs vs.
KPIs: which should you use to track progress?* (Bookafy), S3 *OKR & KPI patterns*, S4 *KPIs in Gtmhub and going beyond
OKRs*.
"""
DIRECTIONS = {"increase": "higher is better", "decrease": "lower is better", "within": "best inside its band"}


def kpis_page(catalogue: Catalogue | None = None) -> str:
    """One section a family, one entry a KPI: in the order of the KPI catalogue, what else there is after it."""
    known = catalogue or load_catalogue(Path(definitions.__file__).parent / "catalogue")
    families: dict[str, list[Metric]] = {}
    for metric in sorted(known.metrics.values(), key=_place):
        families.setdefault(metric.category or "other", []).append(metric)
    parts = [HEAD]
    for family, metrics in families.items():
        parts.append(f"## {family.capitalize()}\n")
        parts += [_entry(known, metric) for metric in metrics]
    return "\n".join(parts)


def _place(metric: Metric) -> tuple[int, str]:
    return int(metric.meta.get("catalogue_row", "999")), metric.name


def _entry(catalogue: Catalogue, metric: Metric) -> str:
    lines = "\n".join(f"- {name}: {value}" for name, value in _facts(catalogue, metric) if value)
    return f"### {metric.label}\n\n`{metric.name}` · {sentence(metric.definition)}\n\n{lines}\n"


def _facts(catalogue: Catalogue, metric: Metric) -> Iterator[tuple[str, str]]:
    """What a reader compares with their own definition, by name."""
    settling = settling_of(Resolver(catalogue), metric.name)
    yield "Formula", formula(metric)
    yield "Unit", f"{metric.unit}, {DIRECTIONS[metric.direction]}{_band(metric)}"
    yield "Grains", f"{', '.join(metric.grains)}; gaps are {_gaps(metric)}"
    yield "Minimum sample", str(metric.minimum_sample or "")
    yield "Provisional", f"for {settling.days} days after a period's end" if settling.days else ""
    yield "Segments", ", ".join(" × ".join(segment) for segment in metric.segments)
    yield "Owner", f"{metric.owner.accountable} ({metric.owner.team})"
    yield "Read with care", sentence(metric.known_pitfalls)
    yield "Benchmarks", "; ".join(_benchmark(item) for item in metric.benchmarks)
    asked = metric.meta.get("asked_by")
    yield "Row", metric.meta.get("catalogue_row", "") + (f", asked for by {asked}" if asked else "")


def _band(metric: Metric) -> str:
    return f" ({metric.band.low:g} to {metric.band.high:g})" if metric.band else ""


def _gaps(metric: Metric) -> str:
    return {"empty": "no data", "zero": "zero", "carry_forward": "the last known value"}[metric.missing]


def _benchmark(item: Benchmark) -> str:
    if item.low is not None and item.high is not None:
        value = f"{item.low:g} to {item.high:g}"
    else:
        value = f"at least {item.low:g}" if item.low is not None else f"at most {item.high:g}"
    return f"{item.label}: {value} for {item.applies_to} ({item.source})"


# ── formulas in words ───────────────────────────────────────────────────────────────────────────────────────


def formula(metric: Metric) -> str:
    """A metric's formula in a line: `count(tickets)`, `median(a − b of tickets where …)`, `this ÷ that`."""
    match metric.formula:
        case Simple(measure):
            return _measure(measure)
        case Ratio(numerator, denominator):
            return f"{_operand(numerator)} ÷ {_operand(denominator)}"
        case Derived(expr, inputs):
            shifted = [
                f"`{item.alias}` is {_input(item)}" for item in inputs if item.offset or item.offset_to
            ]
            return f"`{_flat(expr.text)}`" + (f", where {', '.join(shifted)}" if shifted else "")
        case Cumulative(operand, window, to_date, period_agg):
            reach = (
                f"over {window}" if window else f"since the start of the {to_date}" if to_date else "so far"
            )
            read = {"first": "first day", "last": "last day", "average": "daily mean"}[period_agg]
            return f"{_operand(operand)} {reach}, read as the {read} of the period"
        case Balance(measure):
            return f"{_measure(measure)} as of the period's end"
        case Conversion() as conversion:
            within = f" within {conversion.window}" if conversion.window else ""
            return f"{_measure(conversion.conversion)}{within} of {_measure(conversion.base)}, by `{conversion.entity}`"
        case Retention() as retention:
            days = f"days {retention.first_day} to {retention.last_day}"
            return f"{_measure(retention.cohort)} active on {days} in `{retention.activity.source}` ÷ all of them"
        case Composite(components, scale):
            listed = ", ".join(
                f"`{c.metric}` × {c.weight:g} ({c.low:g} → 0, {c.high:g} → 1)" for c in components
            )
            return f"weighted mean of {listed}, on a scale of {scale:g}"


def _operand(operand: Operand) -> str:
    return _measure(operand) if isinstance(operand, Measure) else _input(operand)


def _input(item: MetricInput) -> str:
    shift = (
        f" {item.offset} before"
        if item.offset
        else f" at the start of the {item.offset_to}"
        if item.offset_to
        else ""
    )
    where = f" where `{_flat(item.filter.text)}`" if item.filter else ""
    return f"`{item.metric}`{shift}{where}"


def _measure(measure: Measure) -> str:
    name = (
        f"{measure.percentile * 100:g}th percentile" if measure.percentile else measure.agg.replace("_", " ")
    )
    what = f"`{_flat(measure.expr.text)}` of " if measure.expr else ""
    where = f" where `{_flat(measure.filter.text)}`" if measure.filter else ""
    by = f" by `{measure.time}`" if measure.time else ""
    return f"{name}({what}`{measure.source}`{where}{by})"


def _flat(text: str) -> str:
    return " ".join(text.split())
