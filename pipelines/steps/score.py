"""Key results, objectives, driver trees and signals of the open cycles, from the values and what people said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from definitions.model import Catalogue
from pipelines import handover
from pipelines.installation import Installation
from pipelines.okr.assemble import ScoredCycle, score_cycles, score_history
from pipelines.okr.contributions import contribution_rows, influences
from pipelines.okr.effects import segment_effects
from pipelines.okr.signals import find_signals, suggestions
from pipelines.publishing.records import (
    CheckInDueRow,
    ContributionRow,
    InfluenceRow,
    KeyResultScoreRow,
    ObjectiveScoreRow,
    SegmentEffectRow,
    SignalRow,
    SuggestionRow,
)
from pipelines.steps.assess import coloured_values, last_complete_day
from pipelines.steps.people import Voices, said
from pipelines.steps.targets import with_targets_in_force
from pipelines.warehouse import Warehouse

KEY_RESULTS, OBJECTIVES, DUES = "key_result_scores", "objective_scores", "check_ins_due"
KEY_RESULT_HISTORY, OBJECTIVE_HISTORY = "key_result_history", "objective_history"
CONTRIBUTIONS, EFFECTS, INFLUENCES = "contributions", "segment_effects", "influences"
SIGNALS, SUGGESTIONS = "signals", "suggestions"


@dataclass(frozen=True)
class Scored:
    """How many key results and objectives were scored, in which bands they are, and what was found beside them.

    Attributes:
        backfilled: days of the running cycles that had no snapshot and got one.
        signals: gaming risks and local optima.
        suggestions: drafted objectives.
    """

    key_results: int
    objectives: int
    bands: dict[str, int]
    backfilled: int
    signals: int
    suggestions: int


def score(installation: Installation, warehouse: Warehouse) -> Scored:
    """Score every cycle that has begun, as of the last complete day; leaves rows for the publication."""
    catalogue, as_of = with_targets_in_force(installation, warehouse), last_complete_day(installation)
    values = coloured_values(warehouse)
    totals = values.filter(pc.equal(values["segment_dimension"], ""))
    coarse, voices = _coarse(totals), said(installation)
    signals, drafts = find_signals(catalogue, coarse, as_of), suggestions(catalogue, coarse, as_of)
    of_goals = _for_goals(catalogue, values, totals)
    cycles = score_cycles(
        catalogue,
        of_goals,
        as_of,
        check_ins=voices.check_ins,
        dues=voices.dues,
        frozen=voices.frozen,
        signals=signals,
        agreed=voices.agreed,
    )
    past = tuple(_past(catalogue, of_goals, as_of, voices))
    key_results = [row for cycle in cycles for row in cycle.key_results]
    objectives = [row for cycle in cycles for row in cycle.objectives]
    dues = [row for cycle in cycles for row in cycle.check_ins_due]
    earlier = [row for cycle in past for row in cycle.key_results]
    rolled_up = [row for cycle in past for row in cycle.objectives]
    trees = contribution_rows(catalogue, _coarse(values), as_of)
    with warehouse.transaction():
        handover.leave(warehouse, KEY_RESULTS, KeyResultScoreRow, key_results)
        handover.leave(warehouse, OBJECTIVES, ObjectiveScoreRow, objectives)
        handover.leave(warehouse, KEY_RESULT_HISTORY, KeyResultScoreRow, earlier)
        handover.leave(warehouse, OBJECTIVE_HISTORY, ObjectiveScoreRow, rolled_up)
        handover.leave(warehouse, DUES, CheckInDueRow, dues)
        handover.leave(warehouse, CONTRIBUTIONS, ContributionRow, trees)
        handover.leave(warehouse, EFFECTS, SegmentEffectRow, segment_effects(catalogue, values, as_of))
        handover.leave(warehouse, INFLUENCES, InfluenceRow, influences(catalogue, totals, as_of))
        handover.leave(warehouse, SIGNALS, SignalRow, signals)
        handover.leave(warehouse, SUGGESTIONS, SuggestionRow, drafts)
    bands = Counter(str(row.score_band) for row in key_results)
    return Scored(
        len(key_results), len(objectives), dict(sorted(bands.items())), len(past), len(signals), len(drafts)
    )


def _past(catalogue: Catalogue, values: pa.Table, as_of: date, voices: Voices) -> Iterator[ScoredCycle]:
    """Snapshots for the days of running and just closed cycles that have none: before the first run, or missed."""
    for cycle in catalogue.cycles:
        if cycle.state == "draft" or cycle.key in voices.frozen:
            continue
        length = (min(as_of, cycle.end) - cycle.start).days
        known = voices.snapshots.get(cycle.key, frozenset())
        missing = {cycle.start + timedelta(day) for day in range(length)} - known
        yield from score_history(
            catalogue, cycle, values, missing, check_ins=voices.check_ins, dues=voices.dues
        )


def _for_goals(catalogue: Catalogue, values: pa.Table, totals: pa.Table) -> pa.Table:
    """The rows that key results read: totals, and segments only where a key result is about one."""
    key_results = [key_result for _, _, key_result in catalogue.key_results()]
    about = {key_result.metric for key_result in key_results}
    segmented = {kr.metric for kr in key_results if kr.segment or kr.segment_mode != "total"}
    return pa.concat_tables([_of(totals, about - segmented), _of(values, segmented)])


def _of(rows: pa.Table, metrics: set[str | None]) -> pa.Table:
    names = pa.array(sorted(name for name in metrics if name), pa.string())
    return rows.filter(pc.is_in(rows["metric"], value_set=names))


def _coarse(rows: pa.Table) -> pa.Table:
    """Rows of weeks and longer: what driver trees and suggestions look at."""
    return rows.filter(pc.not_equal(rows["grain"], "day"))
