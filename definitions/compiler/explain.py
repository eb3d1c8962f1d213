"""The plan in words: sources, scans, metrics per scan. What `vitals explain` prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from definitions.compiler.batch import Batch


@dataclass(frozen=True, slots=True)
class ScanLine:
    """One read of a table, within one statement."""

    batch: str
    source: str
    table: str
    purpose: str
    metrics: tuple[str, ...]


def explain(batches: Iterable[Batch]) -> list[ScanLine]:
    """Every scan of the statements, in order of statement, source and purpose."""
    return [
        ScanLine(batch.name, scan.source, scan.table, scan.purpose, scan.metrics)
        for batch in batches
        for scan in sorted(batch.scans, key=lambda scan: (scan.source, scan.purpose, scan.metrics))
    ]


def as_text(batches: Iterable[Batch]) -> str:
    """The plan as indented text."""
    lines: list[str] = []
    for batch in batches:
        count = len(batch.metrics)
        lines.append(f"{batch.name}: {count} metric{'' if count == 1 else 's'} in {len(batch.scans)} scans")
        lines += [
            f"  {line.table}: {line.purpose} ({', '.join(line.metrics) or 'shared'})"
            for line in explain([batch])
        ]
    return "\n".join(lines)
