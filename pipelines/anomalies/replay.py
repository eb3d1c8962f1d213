"""What settings would have flagged in a stretch of the past: per metric, as rows, and as a picture.

    replays = replay(catalogue, values, date(2025, 6, 1), date(2026, 5, 31), metrics=["ticket_volume"])
    replays[0].flags, replays[0].per_year, render_svg(replays[0].picture())
    differences(replays, replay(..., settings=tried))

The same walk through time as every day's: a verdict rests on its own period and earlier ones. What it walks over are
the values as they are known now; a value restated since is not as it was then. Source: detection rules, "backtest and
replay as a command".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from definitions.model import Catalogue, DeclaredEvent
from definitions.settings import DetectionSettings

from .backtest import PERIODS_PER_YEAR
from .charts import Annotation, BandPoint, band_chart_spec
from .detector import Detection, detect
from .feedback import Feedback, FeedbackVerdict
from .flags import Flag, flags_of
from .frame import GRAINS, Watched, batches


@dataclass(frozen=True)
class Replayed:
    """One metric at one grain, replayed.

    first, last: columns of the stretch, inclusive. tested: complete periods in it that were tested. flags: in it,
    oldest first. known: what was declared or said about its days, for the picture.
    """

    metric: str
    label: str
    grain: str
    row: int
    first: int
    last: int
    tested: int
    flags: tuple[Flag, ...]
    known: tuple[Annotation, ...]
    watched: Watched
    detection: Detection

    @property
    def per_year(self) -> float:
        """Flags per year of tested periods; 0 where nothing could be tested."""
        years = self.tested / PERIODS_PER_YEAR[self.grain]
        return len(self.flags) / years if years else 0.0

    def kinds(self) -> Mapping[str, int]:
        """Flags by kind."""
        return dict(sorted(Counter(flag.kind for flag in self.flags).items()))

    def picture(self, note: str = "") -> dict[str, Any]:
        """The stretch as a chart: values, expected range, flags, and what was known of its days."""
        batch, columns = self.watched.batch, np.arange(self.first, self.last + 1)
        rows = np.full(len(columns), self.row)
        lower, upper = self.detection.band(rows, columns)
        expected = self.detection.expected()[self.row, columns]
        values, flagged = (
            batch.values[self.row, columns],
            {flag.period_start: flag.kind for flag in self.flags},
        )
        starts: list[date] = batch.starts[columns].tolist()
        points = [
            BandPoint(start, _known(value), _known(middle), _known(low), _known(high), flagged.get(start, ""))
            for start, value, middle, low, high in zip(starts, values, expected, lower, upper, strict=True)
        ]
        counted = f"{len(self.flags)} flagged of {self.tested} tested {self.grain}s"
        return band_chart_spec(
            points,
            title=f"{self.label}, {self.grain} by {self.grain}",
            subtitle=f"{counted}; {note}" if note else counted,
            kind=batch.format(self.row),
            unit=batch.unit(self.row),
            grain=self.grain,
            annotations=self.known,
            width=900,
        )


def replay(
    catalogue: Catalogue,
    values: pa.Table,
    first: date,
    last: date,
    *,
    metrics: Collection[str] = (),
    grain: str | None = None,
    feedback: Sequence[Feedback] = (),
    settings: DetectionSettings | None = None,
) -> tuple[Replayed, ...]:
    """Replay the totals of metrics (none named: all) at the grains they are watched at.

    Args:
        values: the KPI value frame; its periods before ``first`` are the history the first verdicts rest on.
        first, last: days the flagged periods start on and end by, inclusive.
        grain: only this one.
        feedback: what people said, as the daily run knows it.
        settings: thresholds to try; None takes the catalogue's.
    """
    settings = settings or catalogue.settings.detection
    if metrics:
        values = values.filter(pc.is_in(values["metric"], value_set=pa.array(sorted(metrics), pa.string())))
    found = []
    if grain is not None:
        values = values.filter(pc.equal(values["grain"], grain))
    for watched in batches(catalogue, values, last, feedback, settings):
        detection = detect(watched.batch, settings)
        flags: dict[int, list[Flag]] = {}
        for flag in flags_of(detection, first):
            flags.setdefault(flag.row, []).append(flag)
        for row, (metric, _) in enumerate(watched.series):
            found.append(_replayed(catalogue, watched, detection, row, metric, first, last, flags, feedback))
    return tuple(
        sorted(
            (one for one in found if one.first <= one.last),
            key=lambda one: (one.metric, GRAINS.index(one.grain)),
        )
    )


def _replayed(
    catalogue: Catalogue,
    watched: Watched,
    detection: Detection,
    row: int,
    metric: str,
    first: date,
    last: date,
    flags: Mapping[int, Sequence[Flag]],
    feedback: Iterable[Feedback],
) -> Replayed:
    batch = watched.batch
    begin = int(np.searchsorted(batch.starts, np.datetime64(first)))
    end = int(np.searchsorted(watched.ends, np.datetime64(last), side="right")) - 1
    values = np.isfinite(batch.values[row, begin : end + 1])
    return Replayed(
        metric=metric,
        label=batch.name(row),
        grain=watched.grain,
        row=row,
        first=begin,
        last=end,
        tested=int((detection.ready[row, begin : end + 1] & values).sum()),
        flags=tuple(flags.get(row, ())),
        known=tuple(_annotations(catalogue, metric, first, last, feedback)),
        watched=watched,
        detection=detection,
    )


def _annotations(
    catalogue: Catalogue, metric: str, first: date, last: date, feedback: Iterable[Feedback]
) -> list[Annotation]:
    """Declared events and what people called expected or false, within the stretch."""
    events: Iterable[DeclaredEvent] = catalogue.calendars[catalogue.metrics[metric].calendar].events
    found = {
        Annotation(max(event.start, first), min(event.end, last), event.name)
        for event in events
        if event.start <= last and event.end >= first and (not event.metrics or metric in event.metrics)
    }
    for word in feedback:
        about = word.metric == metric and word.segment is None and word.start <= last and word.end >= first
        if about and word.verdict is not FeedbackVerdict.ACKNOWLEDGED:
            found.add(
                Annotation(max(word.start, first), min(word.end, last), word.reason or str(word.verdict))
            )
    return sorted(found, key=lambda one: (one.start, one.end, one.text))


def summary(replays: Sequence[Replayed]) -> list[dict[str, Any]]:
    """A row per metric and grain: how many periods were tested, and what would have been flagged."""
    return [
        {
            "metric": one.metric,
            "grain": one.grain,
            "tested": one.tested,
            "flags": len(one.flags),
            "a_year": round(one.per_year, 1),
            "kinds": ", ".join(f"{count} {kind}" for kind, count in one.kinds().items()),
            "latest": one.flags[-1].period_start if one.flags else None,
        }
        for one in replays
    ]


def flag_rows(replays: Sequence[Replayed]) -> list[dict[str, Any]]:
    """A row per flag, the latest first."""
    rows = [
        {
            "period": flag.period_start,
            "metric": one.metric,
            "grain": one.grain,
            "kind": flag.kind,
            "severity": str(flag.severity),
            "effect": str(flag.effect),
            "observed": flag.observed,
            "expected": flag.expected,
            "lower": flag.lower,
            "upper": flag.upper,
            "score": flag.score,
            "explanation": flag.explanation,
            "detector_version": flag.detector_version,
        }
        for one in replays
        for flag in one.flags
    ]
    rows.sort(key=lambda row: (str(row["metric"]), GRAINS.index(str(row["grain"]))))
    return sorted(rows, key=lambda row: row["period"], reverse=True)


def differences(now: Sequence[Replayed], tried: Sequence[Replayed]) -> list[dict[str, Any]]:
    """A row per flag that only one of two settings raises; ``raised_by`` is ``now`` or ``tried``."""
    known = {(one.metric, one.grain): {flag.period_start for flag in one.flags} for one in now}
    other = {(one.metric, one.grain): {flag.period_start for flag in one.flags} for one in tried}
    found = []
    for name, replays, against in (("now", now, other), ("tried", tried, known)):
        for row in flag_rows(replays):
            if row["period"] not in against.get((row["metric"], row["grain"]), set()):
                shown = ("period", "metric", "grain", "kind", "severity", "explanation")
                found.append({"raised_by": name} | {column: row[column] for column in shown})
    found.sort(key=lambda row: (str(row["metric"]), str(row["raised_by"])))
    return sorted(found, key=lambda row: row["period"], reverse=True)


def _known(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None
