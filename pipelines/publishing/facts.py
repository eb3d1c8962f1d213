"""The facts of a publication apart from its values, as rows of their tables: keys resolved, held-back
metrics out.

Everything a batch writes by revision goes through here as plain rows; there are few of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from pipelines.publishing.contracts import (
    ANOMALY,
    CHECK_IN_DUE,
    CONTRIBUTION,
    FINDING,
    FRESHNESS,
    INFLUENCE,
    KEY_RESULT_SCORE,
    KEY_RESULT_TERMS,
    OBJECTIVE_SCORE,
    SEGMENT_EFFECT,
    SIGNAL,
    SUGGESTION,
    TARGET,
)
from pipelines.publishing.dimensions import Row, as_row
from pipelines.publishing.publication import Coverage, Publication
from pipelines.publishing.records import DictionaryRows, FindingRow, segment_key
from pipelines.publishing.revisions import Revisioned

Segment = tuple[str, str, str]
"""(segment key, dimension, value)."""


def rows_by_table(
    publication: Publication, blocked: Collection[str]
) -> Iterator[tuple[Revisioned, list[Row]]]:
    """Rows to stage by table. What rests on a blocked metric is left out: its last flags and contributions
    stay."""
    dictionary = publication.dictionary or DictionaryRows()
    yield TARGET, [_with_segment(row) for row in dictionary.targets]
    yield KEY_RESULT_TERMS, [as_row(row) for row in dictionary.key_results]
    yield KEY_RESULT_SCORE, [as_row(row) for row in publication.key_result_scores]
    yield OBJECTIVE_SCORE, [as_row(row) for row in publication.objective_scores]
    yield CHECK_IN_DUE, [as_row(row) for row in publication.check_ins_due]
    yield (
        CONTRIBUTION,
        [
            _with_segment(row)
            for row in publication.contributions
            if row.parent_metric_id not in blocked and row.child_metric_id not in blocked
        ],
    )
    yield ANOMALY, [_with_segment(row) for row in publication.anomalies if row.metric_id not in blocked]
    yield SUGGESTION, [as_row(row) for row in publication.suggestions or ()]
    yield (
        INFLUENCE,
        [
            as_row(row)
            for row in publication.influences or ()
            if row.driver_metric_id not in blocked and row.driven_metric_id not in blocked
        ],
    )
    yield (
        SEGMENT_EFFECT,
        [as_row(row) for row in publication.segment_effects if row.metric_id not in blocked],
    )
    yield (
        SIGNAL,
        [
            as_row(row)
            for row in publication.signals or ()
            if row.metric_id not in blocked and row.other_metric_id not in blocked
        ],
    )
    yield FRESHNESS, [as_row(row) for row in publication.freshness]
    yield FINDING, list(_numbered(publication.findings or ()))


def anomaly_coverage(publication: Publication, blocked: Collection[str]) -> list[Coverage]:
    """Series whose flags are complete in this publication."""
    return [entry for entry in publication.anomaly_coverage if entry.metric not in blocked]


def segments_of(publication: Publication) -> set[Segment]:
    """Segments that the facts refer to."""
    found: set[Segment] = set()
    rows: list[Any] = [*publication.contributions, *publication.anomalies]
    if publication.dictionary is not None:
        rows += publication.dictionary.targets
        rows += [row for row in publication.dictionary.key_results if row.metric_id is not None]
    for row in rows:
        found.add(
            (segment_key(row.segment_dimension, row.segment_value), row.segment_dimension, row.segment_value)
        )
    return found


def _with_segment(record: Any) -> Row:
    row = as_row(record)
    row["segment_key"] = segment_key(row["segment_dimension"], row["segment_value"])
    return row


def _numbered(findings: Iterable[FindingRow]) -> Iterator[Row]:
    """Several findings of one rule on one subject are told apart by their number, in order of their words."""
    seen: Counter[tuple[str, str, str]] = Counter()
    ordered = sorted(findings, key=lambda f: (f.rule_id, f.subject_kind, f.subject_id, f.message))
    for finding in ordered:
        subject = (finding.rule_id, finding.subject_kind, finding.subject_id)
        seen[subject] += 1
        yield as_row(finding) | {"finding_number": seen[subject]}
