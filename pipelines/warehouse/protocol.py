"""The few things the pipelines ask of an engine; everything else is SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import pyarrow as pa


@dataclass(frozen=True)
class MergeResult:
    """What an upsert did: rows offered, rows new or changed, rows already as offered."""

    offered: int
    written: int

    @property
    def unchanged(self) -> int:
        """Rows whose newest version was in the table already."""
        return self.offered - self.written


class Warehouse(Protocol):
    """One open connection to an engine. A table name is `schema.table`, in snake_case."""

    dialect: str
    """Name of the SQL dialect as sqlglot knows it."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Run one SELECT and return its rows as Arrow."""

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Run one statement that returns nothing."""

    def exists(self, table: str) -> bool:
        """Is there such a table?"""

    def merge(
        self, table: str, rows: pa.Table, keys: Sequence[str], newest_by: Sequence[str] = ()
    ) -> MergeResult:
        """Upsert `rows` by `keys`; where several rows share a key the greatest `newest_by` wins.

        A row already in the table wins over an offered one that is older by `newest_by`, so replays and late
        arrivals in any order end in the same table. Creates the table (and its schema) if it is absent and
        adds columns that are new.
        """

    def merge_all(
        self, table: str, pieces: Iterable[pa.Table], keys: Sequence[str], newest_by: Sequence[str] = ()
    ) -> MergeResult:
        """Upsert the pieces of one load: the table ends as after a `merge` of each, one after the other.

        A row that a later piece replaces is not counted as written. The usual case of a first load costs no
        comparison of rows.
        """

    def replace(self, table: str, sql: str) -> int:
        """Replace `table` by the rows of `sql`; returns how many there are."""

    def write(self, table: str, rows: pa.Table) -> int:
        """Replace `table` by `rows`; returns how many there are."""

    def append(self, table: str, rows: pa.Table) -> int:
        """Add `rows` to `table`, which is created if absent; returns how many were added."""

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside is committed together, or not at all."""

    def close(self) -> None:
        """Let go of the engine."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
