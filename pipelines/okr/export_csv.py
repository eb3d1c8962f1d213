"""Objectives and key results as CSV, one row per key result, for a spreadsheet.

    text = export_okrs(catalogue, scores)

`import_csv` reads it back. The last columns say how a key result stands and are not read back.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from definitions.model import Catalogue, Cycle, KeyResult, Objective
from pipelines.publishing.records import KeyResultScoreRow

CYCLE_COLUMNS = (
    "cycle",
    "cycle_name",
    "cycle_start",
    "cycle_end",
    "cycle_state",
    "check_in",
    "cycle_silence",
)
OBJECTIVE_COLUMNS = (
    "objective",
    "title",
    "why",
    "team",
    "objective_owner",
    "parent",
    "contributes",
    "commitment",
    "rollup",
    "lifecycle",
    "perspective",
    "closing_note",
    "objective_silence",
)
KEY_RESULT_COLUMNS = (
    "key_result",
    "statement",
    "owner",
    "type",
    "nature",
    "metric",
    "segment",
    "segment_mode",
    "grain",
    "baseline",
    "baseline_as_of",
    "baseline_set_by",
    "target",
    "target_spec",
    "stretch",
    "commit",
    "comparison",
    "band_low",
    "band_high",
    "band_floor",
    "band_ceiling",
    "score_method",
    "unit",
    "weight",
    "due",
    "curve",
    "curve_points",
    "milestones",
    "done_on",
    "confidence",
    "leading",
    "status",
    "revisions",
    "silence",
)
STANDING_COLUMNS = (
    "as_of",
    "current_value",
    "ratio",
    "progress",
    "score",
    "score_method_used",
    "band",
    "published_status",
)
COLUMNS = (*CYCLE_COLUMNS, *OBJECTIVE_COLUMNS, *KEY_RESULT_COLUMNS, *STANDING_COLUMNS)

_NUMBERS = frozenset(
    {
        "baseline",
        "target",
        "stretch",
        "commit",
        "band_low",
        "band_high",
        "band_floor",
        "band_ceiling",
        "weight",
        "confidence",
        *STANDING_COLUMNS,
    }
)
STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def export_okrs(catalogue: Catalogue, scores: Mapping[str, KeyResultScoreRow] | None = None) -> str:
    """All key results of the dictionary as CSV; `scores` by key result adds how they stand.

    Text that a spreadsheet would take for a formula is prefixed with an apostrophe, which is taken off again when
    the file comes back.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cycle, objective, key_result in catalogue.key_results():
        row = {
            **_cycle_cells(cycle),
            **_objective_cells(objective),
            **_key_result_cells(key_result),
            **_standing_cells((scores or {}).get(key_result.key)),
        }
        writer.writerow([_cell(name, row[name]) for name in COLUMNS])
    return out.getvalue()


def _cycle_cells(cycle: Cycle) -> dict[str, Any]:
    return dict(
        zip(
            CYCLE_COLUMNS,
            (
                cycle.key,
                cycle.name,
                cycle.start,
                cycle.end,
                cycle.state,
                cycle.check_in,
                _silences(cycle.silences),
            ),
            strict=True,
        )
    )


def _objective_cells(objective: Objective) -> dict[str, Any]:
    return {
        "objective": objective.key,
        "objective_owner": objective.owner,
        "objective_silence": _silences(objective.silences),
        **{
            name: getattr(objective, name)
            for name in OBJECTIVE_COLUMNS
            if name not in {"objective", "objective_owner", "objective_silence"}
        },
    }


def _key_result_cells(kr: KeyResult) -> dict[str, Any]:
    band, baseline = kr.band, kr.baseline
    return {
        "key_result": kr.key,
        "statement": kr.statement,
        "owner": kr.owner,
        "type": kr.kr_type,
        "nature": kr.nature,
        "metric": kr.metric,
        "segment": _pairs_text(kr.segment),
        "segment_mode": kr.segment_mode,
        "grain": kr.grain,
        "baseline": baseline and baseline.value,
        "baseline_as_of": baseline and baseline.as_of,
        "baseline_set_by": baseline and baseline.set_by,
        "target": kr.target if kr.spec == "absolute" else kr.spec_value,
        "target_spec": kr.spec,
        "stretch": kr.stretch,
        "commit": kr.commit,
        "comparison": kr.comparison,
        "band_low": band and band.low,
        "band_high": band and band.high,
        "band_floor": band and band.floor,
        "band_ceiling": band and band.ceiling,
        "score_method": kr.score_method,
        "unit": kr.unit,
        "weight": kr.weight,
        "due": kr.due,
        "curve": kr.curve.kind,
        "curve_points": _pairs_text(tuple((day.isoformat(), repr(value)) for day, value in kr.curve.points)),
        "milestones": _json(
            [{"name": m.name, "weight": m.weight, "due": m.due, "done_on": m.done_on} for m in kr.milestones]
        ),
        "done_on": kr.done_on,
        "confidence": kr.confidence,
        "leading": kr.is_leading,
        "status": kr.status,
        "revisions": _json(
            [
                {"on": r.on, "by": r.by, "field": r.field, "was": r.was, "now": r.now, "why": r.why}
                for r in kr.revisions
            ]
        ),
        "silence": _silences(kr.silences),
    }


def _standing_cells(score: KeyResultScoreRow | None) -> dict[str, Any]:
    if score is None:
        return dict.fromkeys(STANDING_COLUMNS)
    values = (
        score.as_of_date,
        score.current_value,
        score.ratio_raw,
        score.progress_raw,
        score.score,
        score.score_method,
        score.score_band,
        score.published_status,
    )
    return dict(zip(STANDING_COLUMNS, values, strict=True))


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value)
    return f"'{text}" if name not in _NUMBERS and text.startswith(STARTS_A_FORMULA) else text


def _pairs_text(pairs: Sequence[tuple[str, str]]) -> str:
    return json.dumps(dict(pairs), ensure_ascii=False) if pairs else ""


def _silences(pairs: Sequence[tuple[str, str]]) -> str:
    return _json([{"rule": rule, "why": reason} for rule, reason in pairs])


def _json(items: Sequence[Mapping[str, Any]]) -> str:
    if not items:
        return ""
    known = [{name: value for name, value in item.items() if value is not None} for item in items]
    return json.dumps(known, ensure_ascii=False, default=str)
