"""Findings as JSON and SARIF, and the documentation of the rules."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from definitions.lint import RULES, Finding, Severity, lint
from definitions.lint.formats import as_rows, as_sarif
from definitions.lint.illustration import catalogue_with, illustration
from definitions.lint.pages import pages

DOCS = Path(__file__).parents[3] / "docs" / "lint"


def test_the_pages_in_the_docs_are_those_of_the_rules() -> None:
    made = pages()
    kept = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
    assert set(made) == set(kept)
    for name, text in made.items():
        assert kept[name] == text, f"docs/lint/{name} is old: run python -m definitions.lint docs/lint"


def test_rows_hold_place_and_advice() -> None:
    rows = as_rows(lint(catalogue_with(""), today=date(2026, 5, 1)))
    assert rows
    assert all(row["file"] and row["line"] and row["advice"] for row in rows)
    json.dumps(rows)


def test_sarif_names_rule_place_and_suppression() -> None:
    silence = "    silence: [{rule: NO_TARGET, why: shown elsewhere}]\n"
    example = illustration("NO_TARGET")
    assert example is not None
    findings = lint(catalogue_with(example.failing + silence), today=date(2026, 5, 1))
    log = json.loads(as_sarif(findings, RULES.values(), root="definitions/catalogue", version="1.0"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(rule["id"] for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"].startswith("definitions/catalogue/")
        assert place["region"]["startLine"] >= 1
    suppressed = [r for r in run["results"] if r["ruleId"] == "NO_TARGET"]
    assert suppressed[0]["suppressions"][0]["justification"] == "shown elsewhere"


def test_a_place_is_a_uri_and_every_result_has_one() -> None:
    nowhere = Finding("TWO_OF_THEM", Severity.ERROR, "definition", "x", "said twice", "Take one away.")
    found = [nowhere, *lint(catalogue_with(""), today=date(2026, 5, 1))]
    log = json.loads(as_sarif(found, RULES.values(), root="our numbers/ü", version="1"))
    places = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in log["runs"][0]["results"]
    ]
    assert places[0] == "our%20numbers/%C3%BC"
    assert places[1] == "our%20numbers/%C3%BC/teams.yml"


def test_the_same_findings_make_the_same_bytes() -> None:
    findings = lint(catalogue_with(""), today=date(2026, 5, 1))
    one = as_sarif(findings, RULES.values(), root="a", version="1")
    assert one == as_sarif(reversed(findings), reversed(list(RULES.values())), root="a", version="1")
