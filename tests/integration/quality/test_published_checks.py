"""What is staged for publication is what was computed; and the results as Data Docs."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from quality import (
    Judge,
    build_data_docs,
    decide,
    run_published_checks,
    run_staging_checks,
    run_value_checks,
)
from tests.integration.quality.small_company import NOW, catalogue, query, table, values, warehouse

CATALOGUE = catalogue()


def run(judge: Judge, staged: list[dict[str, object]], held_back: tuple[str, ...] = ()) -> dict[str, object]:
    results = run_published_checks(
        CATALOGUE, table(values()), table(staged), held_back=held_back, now=NOW, judge=judge
    )
    assert decide(results, CATALOGUE).publish is all(result.passed for result in results)
    return {r.check_id.removeprefix("published_kpi_value."): r for r in results if not r.passed}


def test_an_equal_copy_passes(judge: Judge) -> None:
    assert run(judge, values()) == {}


def test_a_lost_row_holds_everything(judge: Judge) -> None:
    assert set(run(judge, values()[:-1])) == {"complete"}


def test_a_row_from_nowhere_holds_everything(judge: Judge) -> None:
    assert set(run(judge, [*values(), values()[1] | {"segment_value": "x"}])) == {"nothing_else"}


def test_a_doubled_row_holds_everything(judge: Judge) -> None:
    assert set(run(judge, [*values(), values()[0]])) == {"once"}


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 10.0001},
        {"value": None, "value_state": "no_data"},
        {"value_state": "provisional"},
    ],
)
def test_another_number_or_state_holds_everything(judge: Judge, changes: dict[str, object]) -> None:
    staged = values()
    staged[0].update(changes)
    assert set(run(judge, staged)) == {"equal"}


def test_a_kpi_held_back_keeps_its_last_good_value(judge: Judge) -> None:
    staged = values()
    staged[0].update(value=9.0)
    assert run(judge, staged, held_back=("created",)) == {}


@pytest.mark.parametrize("noise", [1e-12, 4.9e-7])
def test_noise_below_the_sixth_place_is_no_difference(judge: Judge, noise: float) -> None:
    staged = values()
    staged[0]["value"] = 10.0 + noise
    assert run(judge, staged) == {}


def test_what_stays_published_as_it_is_need_not_be_staged(judge: Judge) -> None:
    computed, staged, published = values(), values()[:10], values()[10:]
    results = run_published_checks(
        CATALOGUE, table(computed), table(staged), published=table(published), now=NOW, judge=judge
    )
    assert all(result.passed for result in results)
    published[0]["value"] = 0.0
    results = run_published_checks(
        CATALOGUE, table(computed), table(staged), published=table(published), now=NOW, judge=judge
    )
    assert [r.check_id for r in results if not r.passed] == ["published_kpi_value.equal"]


def test_a_staged_row_counts_before_a_published_one(judge: Judge) -> None:
    old = values()
    old[0]["value"] = 0.0
    results = run_published_checks(
        CATALOGUE, table(values()), table(values()), published=table(old), now=NOW, judge=judge
    )
    assert all(result.passed for result in results)


def test_the_published_tables_own_names_are_understood(judge: Judge) -> None:
    rows = [
        {
            "metric_id": row["metric"],
            "period_grain": row["grain"],
            "period_start": row["period_start"],
            "segment_key": f"region={row['segment_value']}" if row["segment_dimension"] else "total",
            "value": row["value"]
            if row["value"] is None
            else Decimal(str(round(float(str(row["value"])), 6))),
            "numerator": row["numerator"],
            "denominator": row["denominator"],
            "value_state": row["value_state"],
        }
        for row in values()
    ]
    staged = pa.Table.from_pylist(rows)
    results = run_published_checks(CATALOGUE, table(values()), staged, now=NOW, judge=judge)
    assert all(result.passed for result in results)


def test_a_broken_frame_holds_everything(judge: Judge) -> None:
    results = run_published_checks(
        CATALOGUE, table(values()), pa.table({"metric": ["created"]}), now=NOW, judge=judge
    )
    assert results[0].raised
    assert not decide(results, CATALOGUE).publish


def test_data_docs_tell_every_result(judge: Judge, tmp_path: Path) -> None:
    db = warehouse()
    db.execute("UPDATE crm.opportunities SET is_won = NULL WHERE opportunity_id = 'o00003'")
    results = [
        *run_staging_checks(CATALOGUE, query(db), now=NOW, judge=judge),
        *run_value_checks(CATALOGUE, table(values()), now=NOW, judge=judge),
    ]
    index = build_data_docs(CATALOGUE, results, tmp_path / "docs", now=NOW)
    assert index == tmp_path / "docs" / "index.html"
    assert index.is_file()
    (page,) = (tmp_path / "docs" / "validations").rglob("crm.opportunities.html")
    text = page.read_text(encoding="utf-8")
    assert "values must never be null" in text
    assert "o00003" in text
    assert "won and yet open" in text
    (values_page,) = (tmp_path / "docs" / "validations").rglob("kpi_value.html")
    assert "a number is NaN or infinite" in values_page.read_text(encoding="utf-8")
