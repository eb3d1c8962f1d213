"""Which segments carry a change, how surprising each is, and what to do first.

Each segment is predicted from its own past up to where the change began, as if the flagged periods were not there
yet. What it is away from that is its contribution, in units of the whole; how unlikely that is, its surprise. A cause
is large and surprising: a big segment that moved with everybody explains nothing. Source: detection rules, "Root cause
with each flag".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from definitions.settings import DetectionSettings
from pipelines.scoring.contributions import UNEXPLAINED

from .detector import DEFAULTS, detect
from .families import unlink
from .flags import Effect, Flag
from .series import Floats, Ints, Kind, SeriesBatch
from .wording import say, say_part, say_period, say_share

TOP = 3
SURPRISE_MAX = 12.0
"""Deviate beyond which more surprise counts no more."""


@dataclass(frozen=True, slots=True)
class SegmentCause:
    """What one segment did to a flagged total.

    observed, expected: of the segment over the flagged periods (sum of counts and money, else the mean).
    contribution: its part of the total's distance from expectation, in the total's unit. share: that part as a
    fraction, None where the total is where it should be. surprise: deviate of the segment's own distance.
    """

    dimension: str
    segment: str
    observed: float
    expected: float
    contribution: float
    share: float | None
    surprise: float


@dataclass(frozen=True, slots=True)
class DriverCause:
    """What one child of the driver tree did to its parent, as the scoring rules split it.

    The last one may be `UNEXPLAINED`: what the children leave of the change, so that all parts add up to it.
    """

    metric: str
    contribution: float
    share: float | None


@dataclass(frozen=True, slots=True)
class RelatedEvent:
    """Something known that happened around a flag: a release, an incident, a campaign, a holiday.

    metrics: those it may have touched; empty means any.
    """

    name: str
    kind: str
    start: date
    end: date
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Foresight:
    """What each segment was expected to be, knowing nothing of its flagged periods; arrays are (series, periods).

    expected: in units. deviate: surprise of each period alone.
    """

    batch: SeriesBatch
    expected: Floats
    deviate: Floats


def foresee(batch: SeriesBatch, first: Ints, last: Ints, settings: DetectionSettings = DEFAULTS) -> Foresight:
    """Predict every series with its own columns ``first``..``last`` (inclusive) kept out of what is learned."""
    columns = np.arange(batch.shape[1])
    ignored = np.zeros(batch.shape, dtype=bool) if batch.ignored is None else batch.ignored.copy()
    ignored |= (columns >= first[:, None]) & (columns <= last[:, None])
    found = detect(replace(batch, ignored=ignored, accepted=None, incomplete=None), settings)
    return Foresight(batch, unlink(found.code[:, None], found.scale[:, None], found.eta), found.deviate)


def segment_causes(
    foresight: Foresight,
    segments: Mapping[int, tuple[str, str]],
    first: int,
    last: int,
    top: int = TOP,
) -> tuple[SegmentCause, ...]:
    """The segments that carry a change of their total in columns ``first``..``last`` (inclusive).

    Args:
        foresight: of a batch that holds the segments' series.
        segments: row → (dimension, value).
        first, last: the flagged periods.
        top: how many to return, over all dimensions.
    """
    parts: list[SegmentCause] = []
    for dimension in sorted({name for name, _ in segments.values()}):
        rows = [row for row, (name, _) in segments.items() if name == dimension]
        parts.extend(_within(foresight, segments, rows, slice(first, last + 1)))
    return _ranked(parts)[:top]


def _within(
    foresight: Foresight, segments: Mapping[int, tuple[str, str]], rows: Sequence[int], window: slice
) -> list[SegmentCause]:
    """Contributions of the segments of one dimension; they add up to the dimension's distance as a whole."""
    batch, at = foresight.batch, np.array(rows)
    values, expected = batch.values[at, window], foresight.expected[at, window]
    deviates = foresight.deviate[at, window]
    samples = None if batch.kinds[rows[0]] in (Kind.COUNT, Kind.MONEY) else batch.samples
    additive = samples is None
    absent = ~np.isfinite(values)
    if samples is None:
        values = np.where(absent, 0.0, values)
        weights = np.ones(values.shape)
    else:
        counts = np.where(absent, 0.0, np.nan_to_num(samples[at, window]))
        total = counts.sum()
        weights = counts / total if total > 0 else np.zeros(counts.shape)
        values = np.where(absent, expected, values)
    away = ((values - expected) * weights).sum(axis=1)
    surprise = np.where(absent & ~np.bool_(additive), 0.0, deviates).sum(axis=1) / np.sqrt(values.shape[1])
    whole = float(away.sum())
    seen = values.sum(axis=1) if additive else values.mean(axis=1)
    meant = expected.sum(axis=1) if additive else expected.mean(axis=1)
    return [
        SegmentCause(
            dimension=segments[row][0],
            segment=segments[row][1],
            observed=round(float(seen[place]), 6),
            expected=_nine(meant[place]),
            contribution=_nine(away[place]),
            share=_nine(away[place] / whole) if whole else None,
            surprise=_nine(surprise[place]),
        )
        for place, row in enumerate(rows)
    ]


def _ranked(parts: Sequence[SegmentCause]) -> tuple[SegmentCause, ...]:
    """Strongest first: size of the contribution times its surprise squared; half where it goes against the whole.

    The square lets one segment that broke stand out from many that swayed together.
    """

    def strength(cause: SegmentCause) -> float:
        against = 0.5 if cause.share is not None and cause.share < 0 else 1.0
        return abs(cause.contribution) * against * min(abs(cause.surprise), SURPRISE_MAX) ** 2

    return tuple(
        sorted(
            (cause for cause in parts if strength(cause) > 0),
            key=lambda cause: (-strength(cause), cause.dimension, cause.segment),
        )
    )


def related_events(
    events: Iterable[RelatedEvent], since: date, end: date, days_before: int = 7
) -> tuple[RelatedEvent, ...]:
    """Events that touch the flagged periods or the days before them, the nearest first."""
    earliest = since - timedelta(days=days_before)
    near = [event for event in events if event.start <= end and event.end >= earliest]
    return tuple(sorted(near, key=lambda event: (abs((event.start - since).days), event.start, event.name)))


# ── what to do first ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Situation:
    """What the rule table looks at.

    owners: who answers for a metric, in words. sources: systems the metric is computed from. advice: actions
    that the metric's definition suggests. before: the last similar flag of the series and what was said of it.
    """

    flag: Flag
    metric: str
    owners: Mapping[str, str]
    sources: Sequence[str] = ()
    segments: Sequence[SegmentCause] = ()
    drivers: Sequence[DriverCause] = ()
    events: Sequence[RelatedEvent] = ()
    advice: Sequence[str] = ()
    before: tuple[date, str] | None = None


LEADS = 0.4
"""Share of a change from which a segment or a driver is named first."""


def suggested_action(case: Situation) -> str:
    """The first rule that fits, and where the series was like this before.

    Rules, in order: a gap → its source; good news → find out why; an event nearby → its people; the largest
    adverse driver → its owner; the leading segment; what the definition advises; the owner.
    """
    flag, owner = case.flag, case.owners.get(case.metric, "its owner")
    first = _first_action(case, owner)
    if case.before is None or flag.kind == "missing":
        return first
    when, said = case.before
    remark = f" ({said})" if said else ""
    return f"{first} Last like this: {say_period(when, flag.grain)}{remark}."


def _first_action(case: Situation, owner: str) -> str:
    flag = case.flag
    if flag.kind == "missing":
        where = " and ".join(case.sources) or "its source"
        return f"See whether {where} has been loaded; {owner} decides whether the period had no activity."
    leading = _leading_segment(case)
    if flag.effect is Effect.FAVOURABLE:
        where = f" in {leading}" if leading else ""
        return f"Find out what went well{where}, and keep it; ask {owner}."
    for event in case.events:
        if event.kind == "annotation":
            return f"See whether “{event.name}” ({say_period(event.start, 'day')}) explains it; ask {owner}."
        if event.kind not in ("holiday", "event"):
            return (
                f"Ask whoever ran the {event.kind} “{event.name}” ({say_period(event.start, 'day')}) first."
            )
    driver = _adverse_driver(case)
    if driver is not None and driver.share is not None:
        who = case.owners.get(driver.metric, owner)
        return (
            f"Look at {driver.metric} first: it carries {say_share(driver.share)} of the change; ask {who}."
        )
    if leading:
        share = case.segments[0].share or 0.0
        return f"Look at {leading} first: it carries {say_share(share)} of the change; ask {owner}."
    if case.advice:
        return f"{case.advice[0].rstrip('.')}."
    return f"Ask {owner} what changed."


def _leading_segment(case: Situation) -> str:
    if not case.segments or (case.segments[0].share or 0.0) < LEADS:
        return ""
    return f"{case.segments[0].dimension} {case.segments[0].segment}"


def _adverse_driver(case: Situation) -> DriverCause | None:
    """The driver that carries most of the change, if it carries enough of it."""
    known = [
        driver
        for driver in case.drivers
        if driver.share is not None and driver.share >= LEADS and driver.metric != UNEXPLAINED
    ]
    return max(known, key=lambda driver: (driver.share or 0.0, driver.metric), default=None)


def as_rows(
    kind: str,
    unit: str,
    segments: Sequence[SegmentCause],
    drivers: Sequence[DriverCause],
    events: Sequence[RelatedEvent],
) -> tuple[dict[str, Any], ...]:
    """Root causes as the published JSON has them; each has a label and a text for people."""
    rows: list[dict[str, Any]] = []
    for cause in segments:
        part = "" if cause.share is None else f", {say_share(cause.share)} of the change"
        rows.append(
            {
                "type": "segment",
                "label": f"{cause.dimension}: {cause.segment}",
                "text": f"{say(cause.observed, kind, unit)} instead of {say(cause.expected, kind, unit)}{part}",
                "dimension": cause.dimension,
                "segment": cause.segment,
                "observed": cause.observed,
                "expected": cause.expected,
                "contribution": cause.contribution,
                "share": cause.share,
                "surprise": cause.surprise,
            }
        )
    for driver in drivers:
        part = "" if driver.share is None else f" ({say_share(driver.share)} of the change)"
        row: dict[str, Any] = {
            "type": "driver",
            "label": driver.metric,
            "text": f"{say_part(driver.contribution, kind, unit)}{part}",
            "metric": driver.metric,
            "contribution": driver.contribution,
            "share": driver.share,
        }
        if driver.metric == UNEXPLAINED:
            row |= {"type": "unexplained", "label": "not explained by its drivers", "metric": None}
        rows.append(row)
    rows.extend(
        {
            "type": "event",
            "label": f"{event.kind}: {event.name}",
            "text": f"{event.start.isoformat()} to {event.end.isoformat()}",
            "start": event.start.isoformat(),
            "end": event.end.isoformat(),
        }
        for event in events
    )
    return tuple(rows)


def _nine(value: float) -> float:
    """Nine significant digits: the same bytes on every machine."""
    return float(f"{float(value):.9g}") if np.isfinite(value) else 0.0
