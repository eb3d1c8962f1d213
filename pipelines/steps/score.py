"""Key results, objectives and contributions of the open cycles, from the values and what people said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

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
    catalogue, as_of = installation.catalogue, last_complete_day(installation)
    values = coloured_values(warehouse)
    voices = said(installation)
    cycles = score_cycles(
        catalogue, values, as_of, check_ins=voices.check_ins, dues=voices.dues, frozen=voices.frozen
    )
    key_results = [row for cycle in cycles for row in cycle.key_results]
    objectives = [row for cycle in cycles for row in cycle.objectives]
    with warehouse.transaction():
        handover.leave(warehouse, KEY_RESULTS, KeyResultScoreRow, key_results)
        handover.leave(warehouse, OBJECTIVES, ObjectiveScoreRow, objectives)
        handover.leave(warehouse, DUES, CheckInDueRow, [row for cycle in cycles for row in cycle.check_ins_due])
        handover.leave(warehouse, CONTRIBUTIONS, ContributionRow, contribution_rows(catalogue, values, as_of))
        handover.leave(warehouse, SUGGESTIONS, SuggestionRow, suggestions(catalogue, values, as_of))
    bands = Counter(str(row.score_band) for row in key_results)
    return Scored(len(key_results), len(objectives), dict(sorted(bands.items())))
