"""Findings for programs: JSON, and SARIF 2.1.0, which code hosts show beside the changed lines of a pull request."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from definitions.lint.finding import Finding, Rule, Severity

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_rows(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as plain data, one map each."""
    return [
        {
            "code": finding.code,
            "severity": str(finding.severity),
            "subject_kind": finding.subject_kind,
            "subject": finding.subject,
            "message": finding.message,
            "advice": finding.advice,
            "file": finding.location.file or None,
            "line": finding.location.line or None,
            "column": finding.location.column or None,
            "silenced": finding.silenced,
        }
        for finding in findings
    ]


def as_sarif(findings: Iterable[Finding], rules: Iterable[Rule], *, root: str, version: str) -> str:
    """Findings as a SARIF 2.1.0 log. ``root`` is the catalogue's folder relative to the repository.

    Silenced findings are kept with an accepted suppression, so that a viewer hides them and an auditor finds them.
    """
    known = {rule.code: rule for rule in rules}
    shown = sorted(findings, key=lambda finding: finding.sort_key)
    codes = sorted({*known, *(finding.code for finding in shown)})
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "vitals check",
                        "version": version,
                        "rules": [_rule(code, known.get(code)) for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, codes.index(finding.code), root) for finding in shown],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _rule(code: str, rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return {"id": code, "defaultConfiguration": {"level": "error"}}
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in code.lower().split("_")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.advice},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Finding, index: int, root: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message}. {finding.advice}".strip()},
    }
    # A code host refuses a result without a place, so what is about the whole dictionary is about its folder.
    path = "/".join(part for part in (root.strip("/"), finding.location.file) if part) or "."
    region = {"startLine": max(finding.location.line, 1), "startColumn": max(finding.location.column, 1)}
    physical = {"artifactLocation": {"uri": quote(path)}, "region": region}
    result["locations"] = [{"physicalLocation": physical}]
    if finding.silenced:
        result["suppressions"] = [
            {"kind": "inSource", "status": "accepted", "justification": finding.silenced}
        ]
    return result
