"""Flags: what the detector found, as rows that people and tables can read.

flags = flags_of(detect(batch))
flags[0].explanation  # "42 tickets on Tue 3 Nov, expected 88–131; lowest Tuesday in 60 weeks"
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import numpy as np

from .detector import DETECTOR, Change, Detection, Verdict
from .families import unlink
from .series import Better, Kind
from .wording import say, say_change, say_period, say_range, say_slot


class Effect(StrEnum):
    """Whether a surprise is good news, by the metric's direction."""

    FAVOURABLE = "favourable"
    UNFAVOURABLE = "unfavourable"
    NEUTRAL = "neutral"


class Severity(StrEnum):
    """How much a flag asks for."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Flag:
    """One flagged period of one series.

    row: the series' row in its batch. since: first period of what was found (of a level shift, a trend, a gap).
    observed: None where a value is missing. score: how far outside, in normal standard deviations.
    kind: point, level_shift, trend, streak, missing or below_baseline.
    """

    row: int
    key: str
    grain: str
    period_start: date
    since: date
    observed: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    score: float
    kind: str
    severity: Severity
    effect: Effect
    explanation: str
    detector: str
    detector_version: str


def flags_of(detection: Detection, first: date | None = None) -> tuple[Flag, ...]:
    """All flags from ``first`` on (None: from the beginning), in order of series and period."""
    found = detection.verdict != Verdict.NONE
    if first is not None:
        found &= detection.batch.starts >= np.datetime64(first)
    rows, periods = np.nonzero(found)
    lower, upper = detection.band(rows, periods)
    expected = unlink(detection.code[rows], detection.scale[rows], detection.eta[rows, periods])
    changes = {(change.row, change.period): change for change in detection.changes}
    flags = []
    for place, (row, period) in enumerate(zip(rows.tolist(), periods.tolist(), strict=True)):
        band = (float(expected[place]), float(lower[place]), float(upper[place]))
        flags.append(_flag(detection, row, period, band, changes.get((row, period))))
    return tuple(flags)


def effect_of(better: Better, difference: float) -> Effect:
    """Good or bad news, by direction and sign."""
    if better is Better.WITHIN or difference == 0 or not math.isfinite(difference):
        return Effect.NEUTRAL
    return Effect.FAVOURABLE if (difference > 0) == (better is Better.INCREASE) else Effect.UNFAVOURABLE


def _flag(
    detection: Detection, row: int, period: int, band: tuple[float, float, float], change: Change | None
) -> Flag:
    batch = detection.batch
    verdict = Verdict(int(detection.verdict[row, period]))
    start = _day(detection, period)
    expected, lower, upper = band
    value = float(batch.values[row, period])
    score = float(detection.score[row, period])
    since = period
    if verdict is Verdict.MISSING:
        while since > 0 and np.isnan(batch.values[row, since - 1]):
            since -= 1
        difference, score = 0.0, detection.settings.point_alarm
        text = _missing(detection, row, period, since, band)
    elif change is not None and verdict in (Verdict.LEVEL_SHIFT, Verdict.TREND):
        since = change.start
        difference, text = _changed(detection, change)
    else:
        difference = value - expected
        text = _point(detection, row, period, band)
        if change is not None:
            since, difference = change.start, change.size
            side = "high" if change.size > 0 else "low"
            text = f"{period - since + 1} {batch.grain}s in a row {side}, together beyond chance; now {text}"
    effect = Effect.UNFAVOURABLE if verdict is Verdict.MISSING else effect_of(batch.better[row], difference)
    return Flag(
        row=row,
        key=batch.keys[row],
        grain=batch.grain,
        period_start=start,
        since=_day(detection, since),
        observed=value if math.isfinite(value) else None,
        expected=_rounded(expected),
        lower=_rounded(lower),
        upper=_rounded(upper),
        score=round(score, 4),
        kind=verdict.name.lower(),
        severity=_severity(verdict, effect, score, detection.settings.critical_score),
        effect=effect,
        explanation=text,
        detector=DETECTOR,
        detector_version=detection.version,
    )


def _severity(verdict: Verdict, effect: Effect, score: float, critical: float) -> Severity:
    """A favourable surprise is news; an unfavourable one is critical when it is far out, or a lasting level."""
    if effect is Effect.FAVOURABLE:
        return Severity.INFO
    if effect is Effect.UNFAVOURABLE and verdict is not Verdict.MISSING and score >= critical:
        return Severity.CRITICAL
    return Severity.WARNING


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _point(detection: Detection, row: int, period: int, band: tuple[float, float, float]) -> str:
    batch = detection.batch
    kind, unit, start = batch.format(row), batch.unit(row), _day(detection, period)
    value = float(batch.values[row, period])
    on = "on" if batch.grain == "day" else "in"
    text = (
        f"{say(value, kind, unit)} {on} {say_period(start, batch.grain, year=False)}, "
        f"expected {say_range(band[1], band[2], kind, unit)}"
    )
    record = _record(detection, row, period)
    return f"{text}; {record}" if record else text


def _record(detection: Detection, row: int, period: int) -> str:
    """How long ago a like period was as high or as low."""
    batch = detection.batch
    step = 7 if batch.grain == "day" else 1
    earlier = batch.values[row, period % step : period : step][::-1]
    earlier = earlier[np.isfinite(earlier)]
    value = float(batch.values[row, period])
    high = value > _expected(detection, row, period)
    reached = np.flatnonzero(earlier >= value if high else earlier <= value)
    count = int(reached[0]) if len(reached) else len(earlier)
    if count < 8:
        return ""
    unit = "weeks" if batch.grain == "day" else f"{batch.grain}s"
    extreme = "highest" if high else "lowest"
    slot = say_slot(_day(detection, period), batch.grain)
    return f"{extreme} {slot} in {count} {unit}"


def _expected(detection: Detection, row: int, period: int) -> float:
    return float(
        unlink(
            detection.code[row : row + 1],
            detection.scale[row : row + 1],
            detection.eta[row : row + 1, period],
        )[0]
    )


def _changed(detection: Detection, change: Change) -> tuple[float, str]:
    """(change in units, words) of a level shift or a trend, at the series' average place in its season."""
    batch, row = detection.batch, change.row
    code, scale = detection.code[row : row + 1], detection.scale[row : row + 1]
    before = float(unlink(code, scale, np.array([change.before]))[0])
    after = float(unlink(code, scale, np.array([change.before + change.size]))[0])
    kind, unit, grain = batch.format(row), batch.unit(row), batch.grain
    since = say_period(_day(detection, change.start), grain, year=False)
    relative = f", {say_change(after / before - 1)}" if before > 0 and after > 0 and kind != "ratio" else ""
    shown = "level" if kind == "count" else kind  # an average of counts is no whole number
    per = f" a {grain}" if batch.kinds[row] in (Kind.COUNT, Kind.MONEY) else ""
    values = f"{say(after, shown, unit)}{per} instead of {say(before, shown, unit)}{relative}"
    if change.verdict is Verdict.LEVEL_SHIFT:
        return after - before, f"a new level since {since}: about {values}"
    course = "rising" if change.size > 0 else "falling"
    return after - before, f"{course} away from its course since about {since}: now about {values}"


def _missing(
    detection: Detection, row: int, period: int, since: int, band: tuple[float, float, float]
) -> str:
    batch = detection.batch
    when = say_period(_day(detection, since), batch.grain, year=False)
    gap = period - since + 1
    usual = say_range(band[1], band[2], batch.format(row), batch.unit(row))
    length = f"for {gap} {batch.grain}s, since {when}" if gap > 1 else f"for {when}"
    return f"no value {length}, where values have come reliably; expected {usual}"


def _day(detection: Detection, period: int) -> date:
    day: date = detection.batch.starts[period].astype("datetime64[D]").item()
    return day


def end_of(start: date, grain: str) -> date:
    """Last day of the period that starts on ``start``."""
    if grain.startswith("trailing_"):
        return start + timedelta(days=int(grain.removeprefix("trailing_").removesuffix("d")) - 1)
    if grain in ("day", "week"):
        return start + timedelta(days=0 if grain == "day" else 6)
    months = {"month": 1, "quarter": 3}.get(grain, 12)
    after = start.month - 1 + months
    return date(start.year + after // 12, after % 12 + 1, 1) - timedelta(days=1)


def _rounded(value: float) -> float | None:
    """Nine significant digits: the same bytes on every machine."""
    return float(f"{value:.9g}") if math.isfinite(value) else None
