"""Key results that hold a limit or stay inside an optimum band."""

from __future__ import annotations

from definitions.model import Direction
from pipelines.okr.limits import band_of
from pipelines.okr.readings import Reading, judged_periods
from pipelines.okr.subject import VALUE_BY_HAND, Assessment, Subject, read_value
from pipelines.scoring.arithmetic import Number
from pipelines.scoring.bands import band_of as words_for
from pipelines.scoring.control import score_control
from pipelines.scoring.kinds import Band, Comparison, Method
from pipelines.scoring.measure import Measure
from pipelines.scoring.optimum import OptimumBand, score_optimum
from pipelines.scoring.ratio import ratio


def assess_limit(subject: Subject) -> Assessment:
    """A limit to hold: the share of periods that held it; ratio and progress stand beside it."""
    key_result, metric = subject.key_result, subject.metric
    reading, grain, by_hand = read_value(subject, key_result.segment)
    comparison, low, high = _limit(subject)
    share, way = _beside(subject, reading)
    if low is None:
        return Assessment(reading, share, way, None, Method.PERIODS_MET, Band.NO_DATA, None, ("no_target",))
    periods = (
        judged_periods(
            subject.book.of(metric.name, grain, key_result.segment),
            subject.catalogue.calendars[metric.calendar],
            grain,
            subject.window,
        )
        if metric is not None and grain is not None
        else ()
    )
    found = score_control(
        comparison, low, periods, high=high, is_closing=subject.is_closing, settings=subject.settings
    )
    return Assessment(
        reading=reading,
        ratio=share,
        progress=way,
        score=found.score,
        method=Method.PERIODS_MET,
        band=found.band,
        target_met=found.target_met,
        flags=(*found.flags, VALUE_BY_HAND) if by_hand else found.flags,
        comparison=comparison,
        low=low,
        high=high,
        grain=grain,
    )


def assess_zones(subject: Subject) -> Assessment:
    """An optimum band: how far inside or outside of it the value is."""
    key_result = subject.key_result
    reading, grain, by_hand = read_value(subject, key_result.segment)
    share, way = _beside(subject, reading)
    band = _optimum(subject)
    if band is None:
        return Assessment(reading, share, way, None, Method.ZONES, Band.NO_DATA, None, ("no_target",))
    found = score_optimum(reading.value, band)
    is_inside_band = None if found.side is None else found.side == "inside"
    flags = [f"{found.side}_band"] if found.side is not None else []
    return Assessment(
        reading=reading,
        ratio=share,
        progress=way,
        score=found.score,
        method=Method.ZONES,
        band=words_for(found.score, subject.settings),
        target_met=is_inside_band,
        flags=(*flags, VALUE_BY_HAND) if by_hand else tuple(flags),
        comparison=Comparison.BETWEEN,
        low=band.low,
        high=band.high,
        grain=grain,
    )


def _limit(subject: Subject) -> tuple[Comparison, Number | None, Number | None]:
    key_result = subject.key_result
    if key_result.kr_type == "stay_between":
        band = _optimum(subject)
        return (Comparison.BETWEEN, None, None) if band is None else (Comparison.BETWEEN, band.low, band.high)
    strict = key_result.comparison in {"gt", "lt"}
    if key_result.kr_type == "stay_below":
        return (Comparison.LT if strict else Comparison.LTE), key_result.target, None
    return (Comparison.GT if strict else Comparison.GTE), key_result.target, None


def _optimum(subject: Subject) -> OptimumBand | None:
    own = subject.key_result.band
    if own is not None:
        return OptimumBand(own.low, own.high, own.floor, own.ceiling)
    return None if subject.metric is None else band_of(subject.metric)


def _beside(subject: Subject, reading: Reading) -> tuple[Measure, Measure]:
    """Ratio and progress of a limit: published, and never its score. One does not progress towards a limit."""
    kind = subject.key_result.kr_type
    way = Measure(None, "holds_a_limit")
    if kind == "stay_between":
        return Measure(None, "band_target"), way
    direction = Direction.INCREASE if kind == "stay_above" else Direction.DECREASE
    share = ratio(direction, reading.value, subject.key_result.target, subject.settings.zero_current_cap)
    return share, way
