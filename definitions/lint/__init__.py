"""Lint: what the dictionary is held to beyond being right. Rules have a code, a page, examples and thresholds.

    findings = lint(catalogue, today=date(2026, 7, 1))
    errors = [f for f in findings if f.severity is Severity.ERROR and not f.silenced]

A rule is silenced where it would speak, with a reason: ``silence: [{rule: NO_TARGET, why: a diagnostic}]`` on the
metric, objective, key result, team or cycle. Source: definition lint.
"""

from __future__ import annotations

from datetime import date

from definitions.errors import Problem, nearest
from definitions.lint import goals, kpis, plans, standing
from definitions.lint.finding import About, Facts, Finding, Rule, Severity, Subject, TreeGap, about
from definitions.lint.statements import Form, Statement, parse_statement
from definitions.model import Catalogue, Cycle, KeyResult, Metric, Objective, Team

__all__ = [
    "RULES",
    "Facts",
    "Finding",
    "Form",
    "Rule",
    "Severity",
    "Statement",
    "TreeGap",
    "finding_of",
    "lint",
    "parse_statement",
]

RULES: dict[str, Rule] = {
    rule.code: rule for rule in (*goals.RULES, *kpis.RULES, *plans.RULES, *standing.RULES)
}
"""Every rule by code; the codes of definitions that do not even load are listed with the errors."""

_UNKNOWN_SILENCE = "UNKNOWN_RULE"


def lint(catalogue: Catalogue, *, today: date, facts: Facts | None = None) -> tuple[Finding, ...]:
    """Everything the rules find, in order of file and line; silenced findings carry their reason.

    ``today`` decides what is stale; ``facts`` adds what only a running installation knows.
    """
    subject = Subject(catalogue, today, facts or Facts())
    found = [_finding(rule, *what) for rule in RULES.values() for what in rule.check(subject)]
    found += _unknown_silences(catalogue)
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.sort_key))


def finding_of(problem: Problem) -> Finding:
    """A problem of loading as a finding, so that one report holds both."""
    meant = f"Did you mean {problem.suggestion!r}? " if problem.suggestion else ""
    return Finding(
        code=problem.code,
        severity=Severity.ERROR,
        subject_kind="definition",
        subject=problem.path[0] if problem.path else problem.location.file or problem.text,
        message=problem.message,
        advice=f"{meant}{problem.hint}".strip(),
        location=problem.location,
    )


def _finding(rule: Rule, item: About, message: str, severity: Severity | None = None) -> Finding:
    return Finding(
        code=rule.code,
        severity=severity or rule.severity,
        subject_kind=item.kind,
        subject=item.name,
        message=message,
        advice=rule.advice,
        location=item.location,
        silenced=dict(item.silences).get(rule.code),
    )


def _unknown_silences(catalogue: Catalogue) -> list[Finding]:
    """A silence that names no rule would hide nothing and look as if it did."""
    items: list[Metric | Team | Cycle | Objective | KeyResult] = [
        *catalogue.metrics.values(),
        *catalogue.teams.values(),
        *catalogue.cycles,
        *catalogue.objectives,
        *(key_result for _, _, key_result in catalogue.key_results()),
    ]
    found: list[Finding] = []
    for item in items:
        subject = about(item)
        for code, _ in item.silences:
            if code in RULES:
                continue
            close = nearest(code, RULES)
            found.append(
                Finding(
                    code=_UNKNOWN_SILENCE,
                    severity=Severity.ERROR,
                    subject_kind=subject.kind,
                    subject=subject.name,
                    message=f"there is no rule {code!r} to silence",
                    advice=f"Did you mean {close!r}?" if close else "`vitals check --rules` lists them.",
                    location=item.location,
                )
            )
    return found
