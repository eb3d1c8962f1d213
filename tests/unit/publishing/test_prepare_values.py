"""A frame made fit to publish: what is settled, what is refused, what the order of rows cannot change."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.publishing import values
from pipelines.publishing.blocks import uncovered
from pipelines.publishing.errors import InvalidPublication
from pipelines.publishing.publication import VALUE_SCHEMA, Coverage
from pipelines.publishing.value_columns import NO_VALUE, NOT_A_NUMBER, SMALL_SAMPLE
from pipelines.publishing.values import prepare
from tests.integration.publishing.kit import frame, publication, value

FEBRUARY = date(2026, 2, 1)


def prepared(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows as they will be staged."""
    found: list[dict[str, Any]] = prepare(publication("p", *rows)).frame.to_pylist()
    return found


@pytest.mark.parametrize(
    ("row", "state", "reason"),
    [
        (value(number=float("nan"), value_state="final", status="green"), "no_data", NO_VALUE),
        (value(number=float("inf"), value_state="final", status="green"), "no_data", NOT_A_NUMBER),
        (value(number=None, value_state="provisional"), "no_data", NO_VALUE),
        (value(number=None, state_reason="no ratings"), "no_data", "no ratings"),
        (value(number=0.5, value_state="insufficient_sample"), "insufficient_sample", SMALL_SAMPLE),
        (value(number=0.5, value_state="no_data"), "no_data", NO_VALUE),
    ],
)
def test_without_a_value_there_is_a_reason_and_no_colour(
    row: dict[str, Any], state: str, reason: str
) -> None:
    [found] = prepared(row | {"attainment": 1.0, "change_abs": 0.1})
    assert (found["value"], found["value_state"], found["state_reason"]) == (None, state, reason)
    assert found["status"] == "no_data"
    assert (found["attainment"], found["change_abs"]) == (None, None)


def test_zero_is_a_value() -> None:
    [found] = prepared(value(number=-0.0))
    assert (found["value"], found["value_state"]) == (0.0, "final")
    assert math.copysign(1, found["value"]) == 1


def test_other_numbers_that_are_none_become_null() -> None:
    [found] = prepared(value(numerator=float("inf"), previous_value=float("nan"), target_value=None))
    assert (found["numerator"], found["previous_value"], found["target_value"]) == (None, None, None)
    assert found["value"] == 0.85


def test_columns_that_scoring_adds_may_be_missing() -> None:
    plain = frame(value(), value("revenue", number=None)).select(VALUE_SCHEMA.names)
    found = prepare(replace(publication("p"), values=plain)).frame.to_pylist()
    assert [row["status"] for row in found] == ["no_target", "no_data"]
    assert [row["trend"] for row in found] == [None, None]


def test_numbers_may_come_as_decimals_and_text_as_dictionaries() -> None:
    table = frame(value(number=1.0))
    decimals = pa.array([Decimal("1.2345675")], pa.decimal128(38, 7))
    table = table.set_column(table.column_names.index("value"), "value", decimals)
    table = table.set_column(0, "metric", table.column("metric").dictionary_encode())
    [found] = prepare(replace(publication("p"), values=table)).frame.to_pylist()
    assert (found["metric_id"], found["value"]) == ("csat", 1.234568)


def test_an_empty_frame_is_fine() -> None:
    found = prepare(publication("p"))
    assert (found.frame.num_rows, found.blocks, found.segments, found.versions) == (0, (), (), ())


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([value(value_state="perhaps")], "value_state holds 'perhaps'"),
        ([value(value_state="blocked")], "value_state holds 'blocked'"),
        ([value(status="blue")], "status holds 'blue'"),
        ([value(trend="up")], "trend holds 'up'"),
        ([value(grain="hour")], "grain holds 'hour'"),
        ([value(period_end=date(2026, 1, 1))], "1 rows end before they start"),
        ([value(segment_value="emea")], "a segment value without a dimension"),
        ([value(), value(number=0.1)], "1 keys occur twice, such as csat month 2026-02-01 total"),
    ],
)
def test_what_breaks_the_contract_is_refused_by_name(rows: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(InvalidPublication, match="nothing was written") as refusal:
        prepare(publication("p", *rows))
    assert any(problem in found for found in refusal.value.problems)


def test_a_missing_column_is_named() -> None:
    broken = replace(publication("p"), values=frame(value()).drop_columns(["version"]))
    with pytest.raises(InvalidPublication, match="lacks version"):
        prepare(broken)


def test_nulls_in_required_columns_are_named() -> None:
    with pytest.raises(InvalidPublication, match="column metric of the value frame holds NULL"):
        prepare(publication("p", value() | {"metric": None}))


def test_u0000_is_replaced_and_everything_else_kept() -> None:
    evil = "a\0b \u202e =cmd '\"; DROP TABLE x;-- \n\r\t é 🎈"
    found = prepare(publication("p", value(segment_dimension="region", segment_value=evil)))
    assert found.segments == (
        (f"region={evil}".replace("\0", "\ufffd"), "region", evil.replace("\0", "\ufffd")),
    )


keys = st.tuples(
    st.sampled_from(["csat", "revenue"]),
    st.sampled_from(["day", "week", "month", "trailing_30d"]),
    st.integers(0, 800),
    st.sampled_from(["", "emea", "apac"]),
)


@given(st.dictionaries(keys, st.integers(0, 3), max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(cells: dict[Any, int], shuffle: random.Random) -> None:
    rows = [
        value(name, FEBRUARY + timedelta(days=offset), float(number), grain=grain, segment_value=segment,
              segment_dimension="region" if segment else "")
        for (name, grain, offset, segment), number in cells.items()
    ]  # fmt: skip
    first = prepare(publication("p", *rows))
    shuffle.shuffle(rows)
    second = prepare(publication("p", *rows))
    assert first.frame.to_pylist() == second.frame.to_pylist()
    assert (first.blocks, first.segments, first.versions) == (second.blocks, second.segments, second.versions)
    assert sum(block.stop - block.start for block in first.blocks) == len(rows)
    for block in first.blocks:
        for row in first.frame.slice(block.start, block.stop - block.start).to_pylist():
            assert (row["metric_id"], row["period_grain"]) == (block.metric, block.grain)
            assert block.first <= row["period_start"] <= block.last


@given(st.dictionaries(keys, st.integers(0, 3), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_keys_too_large_for_one_number_are_sorted_all_the_same(
    cells: dict[Any, int], shuffle: random.Random
) -> None:
    rows = [
        value(name, FEBRUARY + timedelta(days=offset), float(number), grain=grain, segment_value=segment,
              segment_dimension="region" if segment else "")
        for (name, grain, offset, segment), number in cells.items()
    ]  # fmt: skip
    shuffle.shuffle(rows)
    usual = prepare(publication("p", *rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "_LARGEST_KEY", 1)
        assert prepare(publication("p", *rows)).frame.equals(usual.frame)
        with pytest.raises(InvalidPublication, match="1 keys occur twice"):
            prepare(publication("p", *rows, rows[0]))


@given(st.dictionaries(keys, st.integers(0, 3), max_size=40), st.integers(1, 7))
def test_how_rows_are_chunked_changes_no_fingerprint(cells: dict[Any, int], chunk: int) -> None:
    rows = [
        value(name, FEBRUARY + timedelta(days=offset), float(number), grain=grain, segment_value=segment,
              segment_dimension="region" if segment else "")
        for (name, grain, offset, segment), number in cells.items()
    ]  # fmt: skip
    usual = prepare(publication("p", *rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "_CHUNK", chunk)
        assert prepare(publication("p", *rows)).blocks == usual.blocks


@given(st.dictionaries(keys, st.integers(0, 3), min_size=1, max_size=30), st.data())
def test_runs_of_rows_are_parts_of_the_frame(cells: dict[Any, int], data: st.DataObject) -> None:
    rows = [
        value(name, FEBRUARY + timedelta(days=offset), float(number), grain=grain, segment_value=segment,
              segment_dimension="region" if segment else "")
        for (name, grain, offset, segment), number in cells.items()
    ]  # fmt: skip
    found = prepare(publication("p", *rows))
    chosen = data.draw(st.lists(st.sampled_from(found.blocks), min_size=1, unique=True))
    parts = [found.frame.slice(block.start, block.stop - block.start) for block in chosen]
    runs = [(block.start, block.stop) for block in chosen]
    assert found.rows(runs).to_pylist() == pa.concat_tables(parts).to_pylist()
    keyed = found.rows(runs, range(10, 10 + len(found.versions)))
    named = [found.versions[key - 10][0] for key in keyed.column("metric_version_key").to_pylist()]
    assert named == keyed.column("metric_id").to_pylist()


def test_every_published_column_counts_in_the_fingerprint() -> None:
    base = value(state_reason="a", numerator=1.0, denominator=2.0, previous_value=0.1, change_abs=0.2, change_pct=0.3,
                 same_period_last_year=0.4, attainment=0.9)  # fmt: skip
    [block] = prepare(publication("p", base)).blocks
    changes: dict[str, Any] = {
        "version": 2, "definition_hash": "f" * 64, "period_end": date(2026, 2, 27), "segment_dimension": "region",
        "value": 0.1, "numerator": 0.1, "denominator": 0.1, "sample_size": 1, "value_state": "provisional",
        "state_reason": "b", "target_value": 0.1, "attainment": 0.1, "status": "red", "trend": "worsening",
        "previous_value": None, "change_abs": 0.1, "change_pct": 0.1, "same_period_last_year": 0.1,
    }  # fmt: skip
    for column, other in changes.items():
        [changed] = prepare(publication("p", base | {column: other})).blocks
        assert changed.digest != block.digest, column
    [wider] = prepare(
        publication("p", base, coverage=(Coverage("csat", "month", date(2026, 1, 1), FEBRUARY),))
    ).blocks
    assert wider.digest != block.digest


days = st.integers(0, 900).map(lambda n: date(2024, 1, 1) + timedelta(days=n))


@given(
    st.lists(st.tuples(days, days).map(lambda pair: (min(pair), max(pair))), max_size=4),
    st.sets(st.integers(0, 29)),
)
def test_coverage_without_unchanged_blocks_is_exactly_the_rest(
    spans: list[tuple[date, date]], same: set[int]
) -> None:
    months = [date(2024 + n // 12, n % 12 + 1, 1) for n in range(30)]
    rows = [value("csat", month, grain="day") for month in months]
    blocks = [block for n, block in enumerate(prepare(publication("p", *rows)).blocks) if n in same]
    coverage = tuple(Coverage("csat", "day", first, last) for first, last in spans)
    left = uncovered(coverage, blocks)
    for offset in range(901):
        day = date(2024, 1, 1) + timedelta(days=offset)
        covered = any(entry.first <= day <= entry.last for entry in coverage)
        skipped = any(block.first <= day <= block.last for block in blocks)
        assert any(entry.first <= day <= entry.last for entry in left) == (covered and not skipped)
