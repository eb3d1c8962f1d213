"""Every lint rule speaks about its failing example, and is content with its passing one."""

from __future__ import annotations

from datetime import date

import pytest

from definitions.lint import RULES, Facts, Severity, TreeGap, lint
from definitions.lint.illustration import catalogue_with, illustration

TODAY = date(2026, 5, 1)
NEEDS_VALUES = {"TREE_DOES_NOT_RECONCILE"}


@pytest.mark.parametrize("code", sorted(set(RULES) - NEEDS_VALUES))
def test_rule_speaks_about_its_failing_example_only(code: str) -> None:
    example = illustration(code)
    assert example is not None, f"{code} has no example"
    found = [f for f in lint(catalogue_with(example.failing), today=TODAY) if f.code == code]
    assert found, f"{code} says nothing about its failing example"
    assert all(f.location.line > 0 and f.message and f.advice for f in found)
    assert not [f for f in lint(catalogue_with(example.passing), today=TODAY) if f.code == code]


def test_a_tree_that_does_not_add_up_is_told_with_what_it_leaves_open() -> None:
    catalogue = catalogue_with("")
    facts = Facts(gaps=(TreeGap("revenue", "2026-04", 10.0),))
    found = [f for f in lint(catalogue, today=TODAY, facts=facts) if f.code == "TREE_DOES_NOT_RECONCILE"]
    assert [f.message for f in found] == ["the drivers of revenue leave 10.00 USD of 2026-04 unexplained"]
    assert not [f for f in lint(catalogue, today=TODAY) if f.code == "TREE_DOES_NOT_RECONCILE"]


def test_a_rule_is_silenced_in_place_with_its_reason() -> None:
    example = illustration("NO_TARGET")
    assert example is not None
    silenced = example.failing + "    silence: [{rule: NO_TARGET, why: shown beside the solved share}]\n"
    (found,) = [f for f in lint(catalogue_with(silenced), today=TODAY) if f.code == "NO_TARGET"]
    assert found.silenced == "shown beside the solved share"


def test_a_silence_of_no_rule_is_an_error_with_the_nearest_name() -> None:
    example = illustration("NO_TARGET")
    assert example is not None
    wrong = example.failing + "    silence: [{rule: NO_TARGETS, why: a slip}]\n"
    (found,) = [f for f in lint(catalogue_with(wrong), today=TODAY) if f.code == "UNKNOWN_RULE"]
    assert found.severity is Severity.ERROR
    assert "NO_TARGET" in found.advice


def test_few_objectives_are_a_note_and_many_a_warning() -> None:
    few, many = illustration("KR_COUNT"), illustration("OBJ_COUNT")
    assert few is not None
    assert many is not None
    assert [f.severity for f in lint(catalogue_with(few.passing), today=TODAY) if f.code == "OBJ_COUNT"] == [
        Severity.NOTE
    ]
    assert [f.severity for f in lint(catalogue_with(many.failing), today=TODAY) if f.code == "OBJ_COUNT"] == [
        Severity.WARNING
    ]


def test_a_threshold_of_the_settings_decides() -> None:
    text = "settings:\n  lint: {company_kpis_min: 0, team_kpis_min: 0}\n"
    codes = {f.code for f in lint(catalogue_with(text), today=TODAY)}
    assert not codes & {"KPI_COUNT_COMPANY", "KPI_COUNT_TEAM"}
    assert {"KPI_COUNT_COMPANY", "KPI_COUNT_TEAM"} <= {f.code for f in lint(catalogue_with(""), today=TODAY)}


def test_stale_without_review_or_reader() -> None:
    catalogue = catalogue_with("")
    facts = Facts(reviewed_on={"revenue": date(2025, 10, 1)}, readers={"revenue": 3, "reply_time": 0})
    messages = {
        f.subject: f.message for f in lint(catalogue, today=TODAY, facts=facts) if f.code == "STALE_METRIC"
    }
    assert messages["revenue"] == "revenue was last reviewed on 2025-10-01"
    assert messages["reply_time"] == "nobody reads reply_time"
    fresh = Facts(reviewed_on={"revenue": date(2025, 12, 1)})
    assert not [f for f in lint(catalogue, today=TODAY, facts=fresh) if f.code == "STALE_METRIC"]


def test_findings_come_in_order_of_file_and_line() -> None:
    found = lint(catalogue_with(""), today=TODAY)
    assert list(found) == sorted(found, key=lambda finding: finding.sort_key)
    assert found == lint(catalogue_with(""), today=TODAY)


def test_the_only_team_above_all_others_stands_for_the_company() -> None:
    text = """teams:
  - {name: group, label: Group, lead: head_of_finance}
  - {name: support, label: Support, lead: head_of_support, function: support, parent: group}
  - {name: finance, label: Finance, lead: head_of_finance, function: finance, parent: group}
people:
  - {name: head_of_support, label: Sofia Duarte, email: sofia@example.com, team: support}
  - {name: head_of_finance, label: Fatima Haddad, email: fatima@example.com, team: finance}
"""
    found = {f.code: f.subject for f in lint(catalogue_with(text), today=TODAY) if f.subject_kind == "team"}
    assert found["COVERAGE_FUNCTION"] == "group"
