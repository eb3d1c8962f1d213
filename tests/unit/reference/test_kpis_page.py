"""The page of the shipped KPIs: none is missing, and each says what a reader compares."""

from __future__ import annotations

import re
from pathlib import Path

import definitions
from definitions import load_catalogue
from pipelines.reference.kpis import formula, kpis_page

CATALOGUE = load_catalogue(Path(definitions.__file__).parent / "catalogue")
PAGE = kpis_page(CATALOGUE)


def test_every_row_of_the_kpi_catalogue_is_there() -> None:
    rows = {int(row) for row in re.findall(r"^- Row: (\d+)", PAGE, re.MULTILINE)}
    assert rows == set(range(1, 75))


def test_every_metric_has_one_entry_with_its_formula_and_its_owner() -> None:
    entries = PAGE.split("\n### ")[1:]
    named = [match.group(1) for entry in entries if (match := re.search(r"^`(\w+)` · ", entry, re.MULTILINE))]
    assert sorted(named) == sorted(CATALOGUE.metrics)
    assert all("- Formula: " in entry and "- Owner: " in entry and "- Grains: " in entry for entry in entries)


def test_a_formula_reads_as_a_line() -> None:
    assert formula(CATALOGUE.metrics["ticket_volume"]) == "count(`tickets`)"
    assert formula(CATALOGUE.metrics["dau_mau"]) == "`dau / mau`"
    assert formula(CATALOGUE.metrics["utilization"]) == (
        "sum(`billable_hours` of `timesheets`) ÷ sum(`available_hours` of `timesheets`)"
    )
    assert formula(CATALOGUE.metrics["dau"]) == (
        "count distinct(`user_id` of `product_events`) over 1 day, read as the daily mean of the period"
    )
