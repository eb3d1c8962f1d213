"""A folder of definitions loads whole, or tells everything that is wrong with it, each at its place."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from definitions import CatalogueError, load_catalogue, load_texts
from definitions.errors import Problem
from definitions.model import Ratio
from tests.unit.definitions.small import TEXTS, changed, small


def problems(texts: dict[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(CatalogueError) as caught:
        load_texts(texts)
    return caught.value.problems


def test_the_small_catalogue_means_what_it_says() -> None:
    catalogue = small()
    rate = catalogue.metrics["resolution_rate"]
    assert isinstance(rate.formula, Ratio)
    assert (rate.unit_family, rate.aggregation, rate.version) == ("ratio", "ratio", 1)
    assert catalogue.metrics["total_cost"].currency == "EUR"
    quarter, week = catalogue.targets_of("resolution_rate")
    assert (quarter.period_start, quarter.period_end, quarter.target) == (
        date(2026, 7, 1),
        date(2026, 9, 30),
        0.82,
    )
    assert (week.grain, week.period_start, week.comparison) == ("week", date(2026, 6, 29), "gte")
    ((cycle, objective, key_result),) = catalogue.key_results()
    assert (cycle.key, objective.key, key_result.target) == ("2026-Q3", "calm", 0.85)


def test_the_shipped_catalogue_loads() -> None:
    folder = Path(__file__).resolve().parents[3] / "definitions" / "catalogue"
    assert len(load_catalogue(folder).metrics) >= 20


M, S, O, T = "metrics/support.yml", "sources/support.yml", "objectives/2026-Q3.yml", "targets/2026.yml"  # noqa: E741


SIMPLE = "type: simple\n    source: tickets\n    agg: count\n    segments"

CASES = [
    (M, SIMPLE, SIMPLE.replace("agg", "ag"), "UNKNOWN_KEY", "ag: count", "agg"),
    (M, "unit: tickets", "unit: tickets\n    unit: other", "DUPLICATE_KEY", "unit: other", None),
    (M, SIMPLE, SIMPLE.replace("simple", "smple"), "UNKNOWN_TYPE", "smple", "simple"),
    (M, SIMPLE, SIMPLE.replace("count", "cuont"), "WRONG_VALUE", "cuont", "count"),
    (M, SIMPLE, SIMPLE.replace("tickets", "tickts"), "UNKNOWN_SOURCE", "name: tickets_opened", "tickets"),
    (M, "resolved_at is not null", "resolvd_at is not null", "UNKNOWN_COLUMN", "resolvd_at", "resolved_at"),
    (M, "priority = 'high'", "priority = 'hihg'", "UNKNOWN_VALUE", "priority = 'hihg'", "high"),
    (M, "priority = 'high'", "read_csv('x') = 'high'", "UNKNOWN_FUNCTION", "read_csv", None),
    (M, "cost / tickets_opened", "cost / tickets_opend", "UNKNOWN_COLUMN", "tickets_opend", "tickets_opened"),
    (M, "metric: total_cost", "metric: totl_cost", "UNKNOWN_METRIC", "{metric: totl_cost", "total_cost"),
    (M, "[team, region]", "[team, regin]", "UNKNOWN_SEGMENT", "name: tickets_opened", "region"),
    (M, "name: total_cost", "name: cost_each", "DUPLICATE_NAME", "name: cost_each\n    label: Total", None),
    (M, "accountable: ana", "accountable: anna", "UNKNOWN_PERSON", "name: tickets_opened", "ana"),
    (M, "minimum_sample: 2", "minimum_sample: '2'", "WRONG_VALUE", "2'", None),
    (M, "expr: cost\n", "expr: team\n", "WRONG_TYPE", "team\n    filter", None),
    (S, "on: account_id}", "on: acount_id}", "UNKNOWN_COLUMN", "{to: accounts", "account_id"),
    (S, "key: account_id", "key: [account_id, region]", "JOIN_FANS_OUT", "{to: accounts", None),
    (S, "type: decimal?", "type: decimel?", "WRONG_VALUE", "decimel?", "decimal"),
    (O, "target: 0.85", "target: 0.6", "DIRECTION_MISMATCH", "key: calm-rate", None),
    (
        O,
        "metric: resolution_rate",
        "metric: resolution_rat",
        "UNKNOWN_METRIC",
        "key: calm-rate",
        "resolution_rate",
    ),
    (T, "2026-Q3", "2026-Q5", "WRONG_VALUE", "{target: 0.82", None),
]


@pytest.mark.parametrize(("file", "old", "new", "code", "at", "suggestion"), CASES)
def test_each_problem_is_told_where_it_is(
    file: str, old: str, new: str, code: str, at: str, suggestion: str | None
) -> None:
    texts = changed(file, old, new)
    found = problems(texts)
    matching = [problem for problem in found if problem.code == code]
    assert matching, [str(problem) for problem in found]
    before = texts[file][: texts[file].index(at)]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    location = matching[0].location
    assert (location.file, (location.line, location.column)) == (file, place)
    assert matching[0].suggestion == suggestion


def test_all_problems_are_told_at_once_and_in_order() -> None:
    texts = changed(M, "unit: tickets", "unit: tickets\n    colour: red")
    texts["teams.yml"] = texts["teams.yml"].replace("lead: ana", "leed: ana")
    found = problems(texts)
    assert [problem.code for problem in found] == ["UNKNOWN_KEY", "UNKNOWN_KEY", "MISSING_KEY"] or len(
        found
    ) >= 3
    assert list(found) == sorted(found, key=lambda problem: problem.sort_key)


def test_a_cycle_is_told_with_its_way() -> None:
    inputs = "\n    inputs: [{metric: total_cost, alias: cost}]"
    texts = changed(M, f"expr: cost / tickets_opened{inputs}", "expr: cost_each_b")
    texts[M] += (
        "  - {name: cost_each_b, label: B, type: derived, expr: cost_each * 2, unit: EUR, "
        "direction: decrease, owner: {team: support, accountable: ana}}\n"
    )
    found = [problem for problem in problems(texts) if problem.code == "CYCLE"]
    assert found
    assert "cost_each → cost_each_b → cost_each" in found[0].message


def test_an_unknown_file_and_a_missing_folder_are_told(tmp_path: Path) -> None:
    assert [p.code for p in problems({**TEXTS, "metrcs/x.yml": "a: 1"})] == ["UNKNOWN_FILE"]
    with pytest.raises(CatalogueError, match="NO_CATALOGUE"):
        load_catalogue(tmp_path / "nowhere")


def test_the_message_says_place_path_and_hint() -> None:
    text = str(problems(changed(M, "resolved_at is not null", "resolvd_at is not null"))[0])
    assert text.startswith("metrics/support.yml:18:37: UNKNOWN_COLUMN:")
    assert "[resolution_rate → numerator → filter]" in text
    assert "Did you mean 'resolved_at'?" in text
