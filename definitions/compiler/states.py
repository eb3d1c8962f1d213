"""From computed values to the KPI value frame: the time spine, gaps, samples, and the state of every value.

A pure function over columns; the clock is an argument. Source: dictionary rules, semantics 8 and 10;
published tables, point 4 (NULL means unknown and carries its state and reason; zero means zero).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from definitions.calendars import local_day, periods
from definitions.compiler.resolve import Resolver
from definitions.errors import CompileError, Problem, listing, nearest
from definitions.model import (
    Calendar,
    Catalogue,
    Composite,
    Conversion,
    Derived,
    Measure,
    Metric,
    MetricInput,
    Missing,
    Retention,
    Source,
    Span,
    trailing_days,
)
from definitions.references import operands
from definitions.versions import definition_hash

FINAL, PROVISIONAL, NO_DATA, INSUFFICIENT = "final", "provisional", "no_data", "insufficient_sample"
Values = npt.NDArray[Any]
Texts = npt.NDArray[np.object_]
Flags = npt.NDArray[np.bool_]
FRAME = pa.schema(
    [
        ("metric", pa.string()),
        ("version", pa.int32()),
        ("definition_hash", pa.string()),
        ("grain", pa.string()),
        ("period_start", pa.date32()),
        ("period_end", pa.date32()),
        ("segment_dimension", pa.string()),
        ("segment_value", pa.string()),
        ("value", pa.float64()),
        ("numerator", pa.float64()),
        ("denominator", pa.float64()),
        ("sample_size", pa.int64()),
        ("value_state", pa.string()),
        ("state_reason", pa.string()),
    ]
)
"""The KPI value frame (docs/architecture.md)."""

KEYS = ["metric", "grain", "segment_dimension", "segment_value", "period_start"]


@dataclass(frozen=True, slots=True)
class Settling:
    """How long after a period's end its value may change. ``cohort``: until every window has closed.
    ``revision``: until
    the sources have settled. Both in whole days."""

    cohort: int = 0
    revision: int = 0

    @property
    def days(self) -> int:
        """Days after the period's last day on which the value becomes final."""
        return max(self.cohort, self.revision)


def settling_of(resolver: Resolver, name: str) -> Settling:
    """How long a metric's values settle: the longest of its own, its sources' and its inputs'.

    Raises CompileError where a measure's source is not in the catalogue.
    """
    catalogue = resolver.catalogue
    metric = catalogue.metrics[name]
    formula = metric.formula
    cohort = 0
    if isinstance(formula, Conversion) and formula.window is not None:
        cohort = _whole_days(formula.window)
    elif isinstance(formula, Retention):
        cohort = formula.last_day
    spans = [
        _source(catalogue, metric, trail, measure).settles_after
        for trail, measure in resolver.measures_of(name)
    ]
    if metric.settles_after is not None:
        spans = [metric.settles_after]
    revision = max((_whole_days(span) for span in spans if span is not None), default=0)
    for inner in _inputs(resolver, metric):
        cohort = max(cohort, settling_of(resolver, inner).cohort)
    return Settling(cohort, revision)


def apply_states(
    values: pa.Table,
    catalogue: Catalogue,
    *,
    as_of: datetime,
    start: date | None = None,
    end: date | None = None,
    metrics: Iterable[str] | None = None,
    grains: Sequence[str] | None = None,
) -> pa.Table:
    """Computed values (`batch.COLUMNS`) → the KPI value frame (`FRAME`), one row per period of the spine.

    The spine of a metric's total runs from ``start`` (else its first value) to ``end`` or the local day
    of ``as_of``,
    whichever is earlier; that of a segment begins with its first value. Periods that have not begun are
    left out.
    ``as_of`` is an aware instant. ``metrics`` and ``grains`` are those that were computed; all and their
    own by default.
    """
    if as_of.tzinfo is None:
        raise ValueError("as_of must be an aware instant")
    names = sorted(metrics) if metrics is not None else list(catalogue.metrics)
    known = _pandas(values)
    groups: dict[Any, pd.DataFrame] = dict(
        iter(known.groupby(["metric", "grain"], sort=False, observed=True))
    )
    segments = _segments(known)
    parts: list[pd.DataFrame] = []
    for name in names:
        metric = catalogue.metrics[name]
        calendar = catalogue.calendars[metric.calendar]
        today = local_day(calendar, as_of)
        last = min(end, today) if end is not None else today
        for grain in grains if grains is not None else metric.grains:
            rows = groups.get((name, grain))
            first = start
            if first is None and rows is not None:
                first = rows["period_end"].min().date()
            if first is not None and first <= last:
                parts.append(
                    _grid(name, grain, segments.get((name, grain)), _spine(calendar, grain, first, last))
                )
    if not parts:
        return FRAME.empty_table()
    dense = pd.concat(parts, ignore_index=True).merge(
        known[[*KEYS, *_NUMBERS]].assign(observed=True), how="left", on=KEYS
    )
    dense = dense.sort_values(KEYS, kind="stable", ignore_index=True)
    return _arrow(_states(dense, _rules(catalogue, names, as_of)))


_NUMBERS = ["value", "numerator", "denominator", "sample_size"]


def _spine(calendar: Calendar, grain: str, first: date, last: date) -> pd.DataFrame:
    """(period_start, period_end) of every period that touches the days."""
    length = trailing_days(grain)
    if length is not None:
        ends = pd.date_range(first, last, freq="D").to_series(index=None)
        return pd.DataFrame({"period_start": ends - pd.Timedelta(days=length - 1), "period_end": ends})
    spans = [(p.start, p.last_day) for p in periods(calendar, grain, first, last)]
    return pd.DataFrame(
        {
            "period_start": pd.to_datetime([s for s, _ in spans]),
            "period_end": pd.to_datetime([e for _, e in spans]),
        }
    )


def _segments(known: pd.DataFrame) -> dict[Any, pd.DataFrame]:
    """The segments of every metric and grain, each with the start of its first period, in order."""
    keys = ["metric", "grain", "segment_dimension", "segment_value"]
    seen = known[known["segment_dimension"] != ""]
    firsts = seen.groupby(keys, sort=True, observed=True)["period_start"].min().reset_index()
    return dict(iter(firsts.groupby(["metric", "grain"], sort=False, observed=True)))


def _grid(name: str, grain: str, segments: pd.DataFrame | None, spine: pd.DataFrame) -> pd.DataFrame:
    """Every segment on every period since its first value; the total on all of them."""
    dimensions, values, firsts = [""], [""], [spine["period_start"].iloc[0]]
    if segments is not None:
        dimensions += segments["segment_dimension"].tolist()
        values += segments["segment_value"].tolist()
        firsts += segments["period_start"].tolist()
    count = len(dimensions)
    starts = np.tile(spine["period_start"].to_numpy(), count)
    kept = starts >= np.repeat(pd.to_datetime(pd.Series(firsts)).to_numpy(), len(spine))
    return pd.DataFrame(
        {
            "metric": name,
            "grain": grain,
            "segment_dimension": np.repeat(np.array(dimensions, dtype=object), len(spine))[kept],
            "segment_value": np.repeat(np.array(values, dtype=object), len(spine))[kept],
            "period_start": starts[kept],
            "period_end": np.tile(spine["period_end"].to_numpy(), count)[kept],
        }
    )


def _rules(catalogue: Catalogue, names: Sequence[str], as_of: datetime) -> pd.DataFrame:
    """What decides a value's state, by metric."""
    resolver = Resolver(catalogue)
    rows = []
    for name in names:
        metric = catalogue.metrics[name]
        settling = settling_of(resolver, name)
        rows.append(
            {
                "metric": name,
                "version": metric.version,
                "definition_hash": definition_hash(resolver, name),
                "missing": str(metric.missing),
                "least": metric.minimum_sample or 0,
                "cohort": settling.cohort,
                "revision": settling.revision,
                "no_value": metric.no_value,
                "today": pd.Timestamp(local_day(catalogue.calendars[metric.calendar], as_of)),
            }
        )
    return pd.DataFrame(rows)


def _states(frame: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """Fill gaps by policy, withhold what has too small a sample, and say of every value how sure it is."""
    frame = frame.merge(rules, how="left", on="metric")
    observed = frame["observed"].eq(True).to_numpy()
    missing = frame["missing"].to_numpy(dtype=object)
    ends, today = frame["period_end"].to_numpy(), frame["today"].to_numpy()
    sample = frame["sample_size"].fillna(0).to_numpy().astype("int64")
    value = frame["value"].to_numpy(dtype="float64", na_value=np.nan).copy()
    state = np.full(len(frame), FINAL, dtype=object)
    reason = np.full(len(frame), None, dtype=object)
    value[~observed & (missing == Missing.ZERO)] = 0.0
    _carry(frame, value, reason, missing == Missing.CARRY_FORWARD)
    for column, told in (("revision", "may still be revised until "), ("cohort", "windows close on ")):
        days = frame[column].to_numpy()
        final_on = ends + days.astype("timedelta64[D]")
        _mark(state, reason, (days > 0) & (final_on >= today), PROVISIONAL, told, final_on)
    _mark(state, reason, ends >= today, PROVISIONAL, "the period runs until ", ends)
    least = frame["least"].to_numpy()
    filled = ~observed & (missing == Missing.ZERO)
    small = ~np.isnan(value) & (sample < least) & ~filled
    state[small] = INSUFFICIENT
    reason[small] = [f"{n} of at least {m}" for n, m in zip(sample[small], least[small], strict=True)]
    value[small] = np.nan
    unknown = np.isnan(value) & ~small
    numerator = frame["numerator"].mask(small)
    denominator = frame["denominator"].mask(small)
    state[unknown] = NO_DATA
    empty = denominator.eq(0) | (numerator.notna() & denominator.isna())
    reason[unknown] = "no rows in the period"
    reason[unknown & observed] = "rows without a value"
    reason[unknown & observed & empty.to_numpy()] = "the denominator is empty"
    # A sample is the smallest of the inputs', so that one above zero says that each of them has rows.
    meaning = frame["no_value"].to_numpy(dtype=object)
    explained = unknown & observed & (sample > 0) & (meaning != "")
    reason[explained] = meaning[explained]
    return frame.assign(
        value=value,
        numerator=numerator,
        denominator=denominator,
        sample_size=sample,
        value_state=state,
        state_reason=reason,
    )


def _carry(frame: pd.DataFrame, value: Values, reason: Texts, carries: Flags) -> None:
    """Fill gaps with the last known value of the same series, and say of when it is. Rows are in order of period."""
    if not carries.any():
        return
    rows = np.flatnonzero(carries)
    part = frame.iloc[rows]
    series = [part[key] for key in KEYS[:-1]]
    own = pd.Series(value[rows], index=part.index)
    carried = own.groupby(series, observed=True).ffill()
    since = part["period_start"].where(own.notna()).groupby(series, observed=True).ffill()
    filled = (own.isna() & carried.notna()).to_numpy()
    value[rows] = carried.to_numpy()
    days = since.to_numpy()[filled].astype("datetime64[D]").astype(str)
    reason[rows[filled]] = [f"carried forward from {day}" for day in days]


def _mark(state: Texts, reason: Texts, where: Flags, to: str, told: str, days: Values) -> None:
    """Set a state and a reason that names a day."""
    state[where] = to
    reason[where] = [told + day for day in days[where].astype("datetime64[D]").astype(str)]


def _pandas(values: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = values.to_pandas(date_as_object=False)
    for column in ("period_start", "period_end"):
        frame[column] = pd.to_datetime(frame[column])
    return frame


def _arrow(frame: pd.DataFrame) -> pa.Table:
    columns = []
    for item in FRAME:
        if item.name not in frame.columns:
            columns.append(pa.nulls(len(frame), item.type))
        elif pa.types.is_date(item.type):
            columns.append(pa.array(frame[item.name].dt.date, type=item.type, from_pandas=True))
        else:
            columns.append(pa.array(frame[item.name], type=item.type, from_pandas=True))
    return pa.table(columns, schema=FRAME)


def _inputs(resolver: Resolver, metric: Metric) -> list[str]:
    if isinstance(metric.formula, Derived):
        return [item.metric for item in resolver.derived(metric)[1]]
    if isinstance(metric.formula, Composite):
        return [component.metric for component in metric.formula.components]
    return [operand.metric for _, operand in operands(metric) if isinstance(operand, MetricInput)]


def _source(catalogue: Catalogue, metric: Metric, trail: tuple[str, ...], measure: Measure) -> Source:
    """The source of a measure, or an error that says which metric misses it and where."""
    found = catalogue.sources.get(measure.source)
    if found is not None:
        return found
    message = (
        f"{metric.name!r} is computed from the source {measure.source!r}, which is not in the dictionary"
    )
    place = measure.location if measure.location.file else metric.location
    hint = f"Define it under sources/, or correct 'source:'. There are: {listing(catalogue.sources)}."
    suggestion = nearest(measure.source, catalogue.sources)
    raise CompileError([Problem("UNKNOWN_SOURCE", message, place, measure.source, trail, suggestion, hint)])


def _whole_days(span: Span) -> int:
    """A span in days, rounded up."""
    return int(-(-span.days // 1))
