"""What the linter says about the dictionary in force, as published rows: also what only the values can tell."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from definitions.lint import Facts, Finding, TreeGap, lint
from definitions.model import Catalogue
from pipelines.installation import Installation
from pipelines.publishing.records import ContributionRow, FindingRow


def finding_rows(
    installation: Installation,
    catalogue: Catalogue,
    contributions: Sequence[ContributionRow],
    dropped: Collection[str] = (),
) -> tuple[FindingRow, ...]:
    """Every finding, silenced ones included with their reason; ``dropped`` are certified metrics whose certificate
    fell. Source: definition lint."""
    # The newest period of a tree speaks for it: a gap that was closed is history.
    newest: dict[str, ContributionRow] = {}
    for row in contributions:
        if row.segment_dimension or row.child_metric_id != row.parent_metric_id:
            continue
        kept = newest.get(row.parent_metric_id)
        if kept is None or row.period_start > kept.period_start:
            newest[row.parent_metric_id] = row
    gaps = tuple(
        TreeGap(name, row.period_start.isoformat(), float(row.contribution or 0))
        for name, row in sorted(newest.items())
        if not row.reconciles
    )
    facts = Facts(gaps=gaps, dropped=frozenset(dropped))
    found = lint(catalogue, today=installation.workspace.now().date(), facts=facts)
    return tuple(row_of(finding) for finding in found)


def row_of(finding: Finding) -> FindingRow:
    """A finding as it is published."""
    return FindingRow(
        rule_id=finding.code,
        severity=str(finding.severity),
        subject_kind=finding.subject_kind,
        subject_id=finding.subject,
        message=finding.message,
        advice=finding.advice,
        definition_file=finding.location.file or None,
        definition_line=finding.location.line or None,
        is_silenced=finding.silenced is not None,
        silence_reason=finding.silenced,
    )
