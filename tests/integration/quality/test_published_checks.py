"""What is staged for publication is what was computed; and the results as Data Docs."""

from __future__ import annotations

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
    assert set(run(judge, [*values(), values()[0] | {"segment_value": "x"}])) == {"nothing_else"}


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


def test_double_noise_is_no_difference(judge: Judge) -> None:
    staged = values()
    staged[0]["value"] = 10.0 + 1e-12
    assert run(judge, staged) == {}


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
