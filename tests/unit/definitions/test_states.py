"""States of values: gaps, samples, what still runs, settles or matures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from definitions.compiler.resolve import Resolver
from definitions.compiler.states import FRAME, apply_states, settling_of
from definitions.errors import CompileError
from definitions.model import Catalogue
from tests.unit.definitions.small import changed, small

M = "metrics/support.yml"
NOW = datetime(2026, 6, 15, 6, tzinfo=UTC)


def rows(metric: str, values: dict[date, tuple[float | None, int]], **more: Any) -> pa.Table:
    """Computed daily totals: day → (value, sample)."""
    items = [
        {
            "metric": metric,
            "version": 1,
            "definition_hash": "x",
            "grain": "day",
            "period_start": day,
            "period_end": day,
            "segment_dimension": more.get("dimension", ""),
            "segment_value": more.get("segment", ""),
            "value": value,
            "numerator": more.get("numerator"),
            "denominator": more.get("denominator"),
            "sample_size": sample,
        }
        for day, (value, sample) in values.items()
    ]
    return pa.Table.from_pylist(items, schema=pa.schema(list(FRAME)[:12]))


def states(
    table: pa.Table,
    metric: str,
    catalogue: Catalogue,
    start: date = date(2026, 6, 8),
    end: date | None = None,
) -> dict[tuple[date, str], tuple[float | None, str, str | None]]:
    frame = apply_states(table, catalogue, as_of=NOW, start=start, end=end, metrics=[metric], grains=["day"])
    assert frame.schema == FRAME
    return {
        (row["period_start"], row["segment_value"]): (row["value"], row["value_state"], row["state_reason"])
        for row in frame.to_pylist()
    }


def day(number: int) -> date:
    return date(2026, 6, number)


def test_gaps_are_zero_where_the_policy_says_so() -> None:
    found = states(rows("tickets_opened", {day(8): (3.0, 3)}), "tickets_opened", small())
    assert found[day(9), ""] == (0.0, "final", None)


def test_gaps_are_unknown_with_a_reason_otherwise() -> None:
    found = states(rows("total_cost", {day(8): (3.0, 3)}), "total_cost", small())
    assert found[day(9), ""] == (None, "no_data", "no rows in the period")


def test_gaps_carry_the_last_known_value_forward() -> None:
    catalogue = small(
        changed(M, "filter: priority = 'high'\n", "filter: priority = 'high'\n    missing: carry_forward\n")
    )
    found = states(rows("total_cost", {day(9): (3.0, 3)}), "total_cost", catalogue)
    assert found[day(8), ""][1] == "no_data"
    assert found[day(11), ""] == (3.0, "final", "carried forward from 2026-06-09")


def test_the_source_settles_and_the_day_runs() -> None:
    found = states(rows("tickets_opened", {day(8): (3.0, 3)}), "tickets_opened", small())
    assert found[day(11), ""][1] == "final"
    assert found[day(12), ""] == (0.0, "provisional", "may still be revised until 2026-06-15")
    assert found[day(15), ""] == (0.0, "provisional", "the period runs until 2026-06-15")
    assert (day(16), "") not in found


def test_small_samples_are_withheld_with_their_parts() -> None:
    table = rows("resolution_rate", {day(8): (1.0, 1)}, numerator=1.0, denominator=1.0)
    frame = apply_states(
        table, small(), as_of=NOW, start=day(8), end=day(8), metrics=["resolution_rate"], grains=["day"]
    )
    (row,) = frame.to_pylist()
    assert (row["value"], row["numerator"], row["denominator"]) == (None, None, None)
    assert (row["value_state"], row["state_reason"]) == ("insufficient_sample", "1 of at least 2")


def test_an_empty_denominator_is_told() -> None:
    table = rows("resolution_rate", {day(8): (None, 0)}, numerator=1.0)
    found = states(table, "resolution_rate", small(), end=day(8))
    assert found[day(8), ""] == (None, "no_data", "the denominator is empty")


def test_a_segment_begins_with_its_first_value() -> None:
    table = pa.concat_tables(
        [
            rows("tickets_opened", {day(8): (3.0, 3)}),
            rows("tickets_opened", {day(10): (1.0, 1)}, dimension="team", segment="a"),
        ]
    )
    found = states(table, "tickets_opened", small(), end=day(11))
    assert [key for key in found if key[1] == "a"] == [(day(10), "a"), (day(11), "a")]


def test_nothing_computed_is_nothing_known() -> None:
    found = states(rows("total_cost", {}), "total_cost", small(), end=day(9))
    assert set(found.values()) == {(None, "no_data", "no rows in the period")}


def test_the_clock_must_be_aware() -> None:
    with pytest.raises(ValueError, match="aware"):
        apply_states(rows("total_cost", {}), small(), as_of=datetime(2026, 6, 15))  # noqa: DTZ001


def test_a_source_that_is_not_there_is_told_with_its_place() -> None:
    """A dictionary in pieces (a file that no longer loads) names what is missing instead of failing on it."""
    whole = small()
    rest = {name: source for name, source in whole.sources.items() if name != "tickets"}
    with pytest.raises(CompileError) as told:
        settling_of(Resolver(replace(whole, sources=rest)), "total_cost")
    (problem,) = told.value.problems
    assert problem.code == "UNKNOWN_SOURCE"
    assert problem.location.file == M
    assert problem.location.line > 1
    assert "'total_cost'" in problem.message
    assert "'tickets'" in problem.message
    assert problem.hint.startswith("Define it under sources/")
