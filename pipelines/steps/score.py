"""Key results, objectives and contributions of the open cycles, from the values and what people said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import handover
from pipelines.installation import Installation
from pipelines.okr.assemble import score_cycles
from pipelines.okr.contributions import contribution_rows
from pipelines.okr.signals import suggestions
from pipelines.publishing.records import (
    CheckInDueRow,
    ContributionRow,
    KeyResultScoreRow,
    ObjectiveScoreRow,
    SuggestionRow,
)
from pipelines.steps.assess import coloured_values, last_complete_day
from pipelines.steps.people import said
from pipelines.steps.targets import with_targets_in_force
from pipelines.warehouse import Warehouse

KEY_RESULTS, OBJECTIVES, DUES = "key_result_scores", "objective_scores", "check_ins_due"
CONTRIBUTIONS, SUGGESTIONS = "contributions", "suggestions"


@dataclass(frozen=True)
class Scored:
    """How many key results and objectives were scored, and in which bands they are."""

    key_results: int
    objectives: int
    bands: dict[str, int]


def score(installation: Installation, warehouse: Warehouse) -> Scored:
    """Score every cycle that has begun, as of the last complete day; leaves rows for the publication."""
    catalogue, as_of = with_targets_in_force(installation, warehouse), last_complete_day(installation)
    values = coloured_values(warehouse)
    totals = values.filter(pc.equal(values["segment_dimension"], ""))
    voices = said(installation)
    cycles = score_cycles(
        catalogue,
        _for_goals(installation, values, totals),
        as_of,
        check_ins=voices.check_ins,
        dues=voices.dues,
        frozen=voices.frozen,
    )
    key_results = [row for cycle in cycles for row in cycle.key_results]
    objectives = [row for cycle in cycles for row in cycle.objectives]
    with warehouse.transaction():
        handover.leave(warehouse, KEY_RESULTS, KeyResultScoreRow, key_results)
        handover.leave(warehouse, OBJECTIVES, ObjectiveScoreRow, objectives)
        handover.leave(
            warehouse, DUES, CheckInDueRow, [row for cycle in cycles for row in cycle.check_ins_due]
        )
        handover.leave(
            warehouse, CONTRIBUTIONS, ContributionRow, contribution_rows(catalogue, _coarse(values), as_of)
        )
        handover.leave(warehouse, SUGGESTIONS, SuggestionRow, suggestions(catalogue, _coarse(totals), as_of))
    bands = Counter(str(row.score_band) for row in key_results)
    return Scored(len(key_results), len(objectives), dict(sorted(bands.items())))


def _for_goals(installation: Installation, values: pa.Table, totals: pa.Table) -> pa.Table:
    """The rows that key results read: totals, and segments only where a key result is about one."""
    about = {key_result.metric for _, _, key_result in installation.catalogue.key_results()}
    segmented = {
        key_result.metric
        for _, _, key_result in installation.catalogue.key_results()
        if key_result.segment or key_result.segment_mode != "total"
    }
    chosen = [_of(totals, about - segmented), _of(values, segmented)]
    return pa.concat_tables(chosen)


def _of(rows: pa.Table, metrics: set[str | None]) -> pa.Table:
    names = pa.array(sorted(name for name in metrics if name), pa.string())
    return rows.filter(pc.is_in(rows["metric"], value_set=names))


def _coarse(rows: pa.Table) -> pa.Table:
    """Rows of weeks and longer: what driver trees and suggestions look at."""
    return rows.filter(pc.not_equal(rows["grain"], "day"))
