"""The executed cases that come with the scoring rules, row by row."""

from __future__ import annotations

import csv
import os
from decimal import Decimal
from pathlib import Path

import pytest

from definitions.model import Direction
from pipelines.scoring.kinds import Comparison
from pipelines.scoring.score import score_outcome

SHARED = Path(os.environ.get("VITALS_SHARED", Path(__file__).parents[4] / "shared"))
VECTORS = SHARED / "spec" / "scoring_vectors.csv"


def _rows() -> list[dict[str, str]]:
    if not VECTORS.exists():
        return []
    with VECTORS.open(newline="") as file:
        return list(csv.DictReader(file))


def _number(text: str) -> Decimal | None:
    return Decimal(text) if text else None


@pytest.mark.skipif(not VECTORS.exists(), reason=f"no executed cases at {VECTORS}")
@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"{row['kr_type']}: {row['note']}")
def test_executed_case_is_reproduced(row: dict[str, str]) -> None:
    result = score_outcome(
        Direction(row["kr_type"]),
        current=_number(row["current"]),
        target=_number(row["target"]),
        baseline=_number(row["baseline"]),
        comparison=Comparison(row["comparison"]) if row["comparison"] else None,
    )

    assert result.ratio.value == _number(row["ratio"])
    assert (result.ratio.reason or "") == row["ratio_reason"]
    assert result.progress.value == _number(row["progress"])
    assert (result.progress.reason or "") == row["progress_reason"]
    assert result.score == _number(row["score"])
    assert result.method == row["method"]
    assert result.band == row["band"]
    assert ("" if result.target_met is None else str(result.target_met)) == row["target_met"]
    assert "|".join(result.flags) == row["flags"]
