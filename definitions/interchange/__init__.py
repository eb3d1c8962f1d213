"""The dictionary in the words of others: dbt's semantic layer and Apache Ossie (Open Semantic Interchange).

    exported = FORMATS["dbt"].export(catalogue)       # documents by file name, and what a foreign reader misses
    imported = FORMATS["dbt"].read(documents)         # definition files, and what could not be taken over

Source: dictionary rules, 'The compiler' (import and export).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from definitions.interchange.dbt import to_dbt
from definitions.interchange.dbt_import import from_dbt
from definitions.interchange.exchange import Document, Exported, Imported, Lost
from definitions.interchange.ossie import from_ossie, to_ossie
from definitions.model import Catalogue

__all__ = ["FORMATS", "Document", "Exported", "Format", "Imported", "Lost"]


@dataclass(frozen=True, slots=True)
class Format:
    """One exchange format: what writes it, and what reads it."""

    name: str
    export: Callable[[Catalogue], Exported]
    read: Callable[[Mapping[str, Document]], Imported]


FORMATS: Mapping[str, Format] = {
    "dbt": Format("dbt semantic layer", to_dbt, from_dbt),
    "ossie": Format("Apache Ossie (Open Semantic Interchange)", to_ossie, from_ossie),
}
