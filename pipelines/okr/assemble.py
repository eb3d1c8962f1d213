"""Key results and objectives of a cycle on one day, as rows ready to publish.

    scored = score_cycle(catalogue, cycle, values, as_of=date(2026, 11, 20), check_ins=check_ins)
    scored.key_results, scored.objectives, scored.charts

Works with KPIs only (no cycle, nothing to do) and with objectives only (an empty frame: efforts and values by hand).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pyarrow as pa

from definitions.model import Catalogue, Cycle, Direction, KeyResult, Objective
from pipelines.okr.assess import assess
from pipelines.okr.charts import Chart, chart_of
from pipelines.okr.dues import due_check_ins
from pipelines.okr.readings import Point, Window, chart_points, steps_in_cycle
from pipelines.okr.series import SeriesBook
from pipelines.okr.signals import find_signals
from pipelines.okr.subject import Assessment, Subject
from pipelines.publishing.records import CheckInDueRow, KeyResultScoreRow, ObjectiveScoreRow, SignalRow
from pipelines.scoring.arithmetic import quantise
from pipelines.scoring.cadence import Due, DueState, is_stale
from pipelines.scoring.checkin import CheckIn, current
from pipelines.scoring.cycle import GoalNumbers
from pipelines.scoring.forecast import Forecast, forecast
from pipelines.scoring.kinds import Band, Commitment, Curve, KeyResultStatus, PaceStatus
from pipelines.scoring.optimum import OptimumBand, score_optimum
from pipelines.scoring.pace import Expectation, Pace, pace
from pipelines.scoring.rollup import Node, Part, Rollup, roll_up
from pipelines.scoring.score import score_outcome
from pipelines.scoring.standing import Standing, standing

BACKFILLED = "backfilled"
"""A snapshot that was computed after its day, from values as they were known later."""


@dataclass(frozen=True, slots=True)
class ScoredCycle:
    """One cycle on one day, in the order of the dictionary.

    Attributes:
        check_ins_due: every due check-in of the cycle so far, with its state.
    """

    cycle: str
    as_of: date
    is_final: bool
    key_results: tuple[KeyResultScoreRow, ...]
    objectives: tuple[ObjectiveScoreRow, ...]
    charts: tuple[Chart, ...]
    check_ins_due: tuple[CheckInDueRow, ...]


def score_cycles(
    catalogue: Catalogue,
    values: pa.Table,
    as_of: date,
    *,
    check_ins: Iterable[CheckIn] = (),
    dues: Iterable[Due] = (),
    frozen: Iterable[str] = (),
    signals: Iterable[SignalRow] | None = None,
    agreed: Mapping[str, GoalNumbers] | None = None,
) -> tuple[ScoredCycle, ...]:
    """Score every cycle that has begun and is not frozen; `frozen` names those whose final scores are published.

    `signals` as `find_signals` gives them; found here where they are not handed in. `agreed` are the numbers that
    key results began their cycle with: one that differs now is an edit that readers are shown.
    """
    done = set(frozen)
    said, asked = tuple(check_ins), tuple(dues)
    cycles = [
        cycle
        for cycle in catalogue.cycles
        if cycle.state != "draft" and cycle.start <= as_of and cycle.key not in done
    ]
    if signals is None:
        signals = find_signals(catalogue, values, as_of) if cycles else ()
    hints = tuple(signals)
    return tuple(
        score_cycle(catalogue, cycle, values, as_of, check_ins=said, dues=asked, signals=hints, agreed=agreed)
        for cycle in cycles
    )


def score_history(
    catalogue: Catalogue,
    cycle: Cycle,
    values: pa.Table,
    days: Iterable[date],
    *,
    check_ins: Iterable[CheckIn] = (),
    dues: Iterable[Due] = (),
) -> tuple[ScoredCycle, ...]:
    """Snapshots of a cycle for days that have none yet, as far as can be known today; flagged `backfilled`.

    For a cycle that began before anything was published, or a day on which nothing ran, so that its charts and its
    weekly and monthly views have no holes. Values are those known now, complete up to each day; check-ins count
    from the day they were about, and of the due days only what was waived is taken over.
    """
    running = replace(cycle, state="open")  # a day before the close is never final
    book, said = SeriesBook(values, _metrics(cycle)), tuple(check_ins)
    waived = tuple(due for due in dues if due.state is DueState.WAIVED)
    past = (
        score_cycle(catalogue, running, values, day, check_ins=said, dues=waived, book=book, is_past=True)
        for day in sorted(days)
        if cycle.start <= day <= cycle.end
    )
    return tuple(_marked(one) for one in past)


def _marked(scored: ScoredCycle) -> ScoredCycle:
    rows = tuple(replace(row, flags=tuple(sorted({*row.flags, BACKFILLED}))) for row in scored.key_results)
    return replace(scored, key_results=rows)


def score_cycle(
    catalogue: Catalogue,
    cycle: Cycle,
    values: pa.Table,
    as_of: date,
    *,
    check_ins: Iterable[CheckIn] = (),
    dues: Iterable[Due] = (),
    signals: Iterable[SignalRow] = (),
    agreed: Mapping[str, GoalNumbers] | None = None,
    book: SeriesBook | None = None,
    is_past: bool = False,
) -> ScoredCycle:
    """Score one cycle as of the end of a day; a closed cycle as of its last day, for good (`is_final`).

    `values` is the KPI value frame. `check_ins` are all that were recorded, for any cycle; those after `as_of` are
    not seen, so that a past day comes out as it was. `dues` are the published ones, with the nudges sent. `signals`
    about a metric become flags of the key results that move it while the cycle runs. `book` is the frame as read
    before, for scoring many days; `is_past` says that `as_of` is a day gone by, of which later values say nothing.
    """
    is_final = cycle.state == "closed"
    as_of = cycle.end if is_final else min(as_of, cycle.end)
    book = book or SeriesBook(values, _metrics(cycle))
    seen = [item for item in check_ins if item.on <= as_of]
    said: dict[str, tuple[CheckIn, ...]] = {}
    for item in current(seen):
        said[item.key_result] = (*said.get(item.key_result, ()), item)
    asked = due_check_ins(catalogue, cycle, as_of, said, dues, is_final)
    dues_of: dict[str, tuple[Due, ...]] = {}
    for due in asked:
        dues_of[due.key_result] = (*dues_of.get(due.key_result, ()), due)
    hints = set() if is_final else {(signal.metric_id, signal.signal_kind) for signal in signals}
    rows: list[KeyResultScoreRow] = []
    charts: list[Chart] = []
    for objective in cycle.objectives:
        for key_result in objective.key_results:
            subject = Subject(
                key_result=key_result,
                metric=catalogue.metrics.get(key_result.metric or ""),
                window=Window(cycle.start, key_result.due or cycle.end, as_of, is_past),
                book=book,
                catalogue=catalogue,
                check_ins=said.get(key_result.key, ()),
                is_closing=is_final,
                agreed=(agreed or {}).get(key_result.key),
            )
            row, chart = _score(subject, objective, dues_of.get(key_result.key, ()), is_final)
            flags = {kind for metric, kind in hints if metric == key_result.metric}
            row = replace(row, flags=tuple(sorted({*row.flags, *flags})))
            rows.append(row)
            charts.append(chart)
    return ScoredCycle(
        cycle=cycle.key,
        as_of=as_of,
        is_final=is_final,
        key_results=tuple(rows),
        objectives=_objectives(catalogue, cycle, rows, as_of, is_final),
        charts=tuple(charts),
        check_ins_due=tuple(
            CheckInDueRow(due.key_result, due.due, str(due.state), due.nudges_sent, due.last_nudge_at)
            for due in asked
        ),
    )


def _metrics(cycle: Cycle) -> set[str]:
    """Metrics that the cycle's key results move."""
    return {kr.metric for o in cycle.objectives for kr in o.key_results if kr.metric is not None}


# ── one key result ──────────────────────────────────────────────────────────────────────────────────────────


def _score(
    subject: Subject, objective: Objective, dues: Sequence[Due], is_final: bool
) -> tuple[KeyResultScoreRow, Chart]:
    key_result, window = subject.key_result, subject.window
    settings = subject.settings
    found = assess(subject)
    if window.as_of < window.start:
        found = replace(found, band=Band.NOT_STARTED)
    expectation = _expectation(subject, found)
    on_pace = _pace(subject, found, expectation)
    points = _points(subject, found)
    ahead = None if is_final else _forecast(subject, found, points)
    chance = None
    if ahead is not None and found.comparison is not None:
        chance = ahead.hit_probability(found.comparison, found.low, found.high)
    last = subject.check_ins[-1] if subject.check_ins else None
    confidence = _confidence(key_result, last)
    late = not is_final and is_stale(dues, window.as_of, settings)
    shown = _standing(subject, objective, found, late, is_final)
    row = KeyResultScoreRow(
        key_result_key=key_result.key,
        as_of_date=window.as_of,
        cycle_day=(window.as_of - window.start).days + 1,
        current_value=None if found.reading.value is None else quantise(found.reading.value),
        value_as_of_date=found.reading.as_of,
        ratio_raw=found.ratio.value,
        ratio_reason=found.ratio.reason,
        progress_raw=found.progress.value,
        progress_reason=found.progress.reason,
        score=found.score,
        score_method=str(found.method),
        score_band=str(found.band),
        target_met=found.target_met,
        expected_progress=on_pace.expected,
        pace_ratio=on_pace.ratio,
        pace_gap=on_pace.gap,
        pace_status=str(on_pace.status),
        forecast_value=None if ahead is None else ahead.value,
        forecast_low=None if ahead is None else ahead.low,
        forecast_high=None if ahead is None else ahead.high,
        forecast_score=None if ahead is None else _forecast_score(subject, found, ahead),
        hit_probability=chance,
        owner_confidence=confidence,
        confidence_gap=None if confidence is None or chance is None else quantise(confidence - chance),
        published_status=str(shown.status),
        status_source=shown.source,
        override_reason=shown.reason,
        is_stale=late,
        days_since_check_in=None if last is None else (window.as_of - last.on).days,
        flags=found.flags,
        is_final=is_final,
    )
    return row, chart_of(subject, expectation, points, ahead)


def _expectation(subject: Subject, found: Assessment) -> Expectation:
    """How progress is expected; a phased effort without points follows the due days of its milestones."""
    key_result, metric, window = subject.key_result, subject.metric, subject.window
    steps = 1
    if metric is not None and found.grain is not None:
        steps = steps_in_cycle(subject.catalogue.calendars[metric.calendar], found.grain, window)
    points = key_result.curve.points
    if key_result.curve.kind == Curve.PHASED and not points:
        points = _milestone_points(key_result, window.end)
    return Expectation(window.start, window.end, Curve(key_result.curve.kind), steps, tuple(points))


def _milestone_points(key_result: KeyResult, end: date) -> tuple[tuple[date, float], ...]:
    total = sum(step.weight for step in key_result.milestones)
    if total <= 0:
        return ()
    so_far, points = 0.0, []
    for step in sorted(key_result.milestones, key=lambda step: step.due or end):
        so_far += step.weight
        points.append((step.due or end, so_far / total))
    return tuple(dict(points).items())


def _pace(subject: Subject, found: Assessment, expectation: Expectation) -> Pace:
    expected = expectation.at(subject.window.as_of, subject.settings)
    if found.band is Band.NOT_STARTED:
        return Pace(expected, None, None, PaceStatus.NOT_APPLICABLE)
    return pace(found.pace_progress, expected, subject.settings)


def _points(subject: Subject, found: Assessment) -> tuple[Point, ...]:
    """Values of the metric over time; without a metric, the values that people gave by hand."""
    key_result, metric = subject.key_result, subject.metric
    if metric is not None and found.grain is not None and found.comparison is not None:
        return chart_points(subject.book, metric, found.grain, key_result.segment, subject.window)
    return tuple(
        Point(item.on, float(item.value_override), True)
        for item in subject.check_ins
        if item.value_override is not None
    )


def _forecast(subject: Subject, found: Assessment, points: Sequence[Point]) -> Forecast | None:
    if found.comparison is None:
        return None
    final = [(point.day, point.value) for point in points if point.is_final]
    is_amount = subject.metric is not None and subject.metric.unit_family in {"count", "duration_seconds"}
    lowest = 0 if is_amount and all(value >= 0 for _, value in final) else None
    return forecast(final, subject.window.end, subject.settings, lowest=lowest)


def _forecast_score(subject: Subject, found: Assessment, ahead: Forecast) -> Decimal | None:
    """What the score would be at the forecast; a limit's share of periods is not foreseen."""
    key_result = subject.key_result
    if key_result.kr_type in {"increase", "decrease"}:
        direction = Direction(key_result.kr_type)
        baseline = None if key_result.baseline is None or found.progress.reason else key_result.baseline.value
        method = (
            type(found.method).LINEAR if key_result.score_method == "linear" else type(found.method).RATIO
        )
        return score_outcome(
            direction, ahead.value, key_result.target, baseline, method=method, settings=subject.settings
        ).score
    if key_result.score_method == "zones" and found.low is not None and found.high is not None:
        band = key_result.band
        edges = (band.floor, band.ceiling) if band is not None else (None, None)
        return score_optimum(ahead.value, OptimumBand(found.low, found.high, *edges)).score
    return None


def _confidence(key_result: KeyResult, last: CheckIn | None) -> Decimal | None:
    if last is not None:
        return last.confidence
    return None if key_result.confidence is None else Decimal(str(key_result.confidence))


def _standing(
    subject: Subject, objective: Objective, found: Assessment, late: bool, is_final: bool
) -> Standing:
    if subject.key_result.status == "cancelled" or objective.lifecycle == "cancelled":
        return Standing(KeyResultStatus.CANCELLED)
    if objective.lifecycle == "draft" or subject.window.as_of < subject.window.start:
        return Standing(KeyResultStatus.NOT_STARTED)
    override = subject.check_ins[-1].override if subject.check_ins else None
    return standing(
        found.band,
        found.target_met,
        is_done=found.is_done,
        is_stale=late,
        is_final=is_final,
        override=override,
    )


# ── objectives ──────────────────────────────────────────────────────────────────────────────────────────────


def _objectives(
    catalogue: Catalogue, cycle: Cycle, rows: Sequence[KeyResultScoreRow], as_of: date, is_final: bool
) -> tuple[ObjectiveScoreRow, ...]:
    by_key = {row.key_result_key: row for row in rows}
    here = {objective.key for objective in cycle.objectives}
    nodes = {
        objective.key: Node(
            key=objective.key,
            parts=tuple(_part(key_result, by_key[key_result.key]) for key_result in objective.key_results),
            commitment=Commitment(objective.commitment),
            parent=objective.parent if objective.parent in here else None,
            contributes=objective.contributes,
            rollup=Rollup(objective.rollup),
        )
        for objective in cycle.objectives
    }
    scores = roll_up(nodes, is_closing=is_final, settings=catalogue.settings.scoring)
    found = []
    for objective in cycle.objectives:
        score = scores[objective.key]
        status = score.status
        if objective.lifecycle == "cancelled":
            status = KeyResultStatus.CANCELLED
        elif objective.lifecycle == "draft":
            status = KeyResultStatus.NOT_STARTED
        found.append(
            ObjectiveScoreRow(
                objective_key=objective.key,
                as_of_date=as_of,
                score=score.score,
                coverage=score.coverage,
                expected_progress=score.expected,
                published_status=str(status),
                kr_total=score.total,
                kr_on_track=score.on_track,
                kr_at_risk=score.at_risk,
                kr_off_track=score.off_track,
                kr_no_data=score.no_data,
                flags=score.flags,
                is_final=is_final,
            )
        )
    return tuple(found)


def _part(key_result: KeyResult, row: KeyResultScoreRow) -> Part:
    return Part(
        key=key_result.key,
        score=None if row.score is None else quantise(row.score),
        status=KeyResultStatus(row.published_status),
        weight=Decimal(str(key_result.weight)),
        expected=None if row.expected_progress is None else quantise(row.expected_progress),
    )
