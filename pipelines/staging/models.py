"""The staging models: `models/<system>/<schema>.<table>.sql`, each one SELECT over typed tables.

`models/derived/` holds the tables that are folded from other neutral tables (states from history), whatever
vendor those came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

FOLDER = Path(__file__).parent / "models"
DERIVED = "derived"


class StagingError(Exception):
    """A staging model cannot be used; the message names its file and what to do."""


@dataclass(frozen=True)
class Model:
    """One SELECT that yields rows of a neutral table.

    Attributes:
        system: the vendor whose typed tables it reads, or `derived`.
        table: the neutral table, `schema.name`.
        sql: the statement, in DuckDB's dialect.
        path: where it is written.
    """

    system: str
    table: str
    sql: str
    path: Path

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Tables the model reads, `schema.name`, sorted.

        Raises:
            StagingError: the statement does not parse, or is no SELECT.
        """
        try:
            tree = sqlglot.parse_one(self.sql, read="duckdb")
        except ParseError as error:
            raise StagingError(f"{self.path}: {error}") from error
        if not isinstance(tree, exp.Query):
            raise StagingError(f"{self.path}: a staging model is one SELECT, found {tree.key.upper()}")
        names = {f"{table.db}.{table.name}" for table in tree.find_all(exp.Table) if table.db}
        return tuple(sorted(names))


def load_models(systems: Iterable[str], folders: Sequence[Path] = (FOLDER,)) -> list[Model]:
    """The models of these systems and the derived ones, in an order in which each finds its inputs built.

    A model in a later folder replaces the one of the same system and table in an earlier folder: that is how
    a company fits a vendor's custom fields.

    Raises:
        StagingError: a file does not parse, or derived models need each other in a circle.
    """
    found = {
        (system, path.stem): Model(system, path.stem, path.read_text(encoding="utf-8"), path)
        for folder in folders
        for system in sorted({*systems, DERIVED})
        for path in sorted((folder / system).glob("*.sql"))
    }
    models = [found[place] for place in sorted(found)]
    plain = [model for model in models if model.system != DERIVED]
    return plain + _by_need([model for model in models if model.system == DERIVED])


def _by_need(models: list[Model]) -> list[Model]:
    """Derived models with those they read before them."""
    ordered: list[Model] = []
    waiting = list(models)
    while waiting:
        missing = {model.table for model in waiting}
        ready = [model for model in waiting if not missing & set(model.inputs)]
        if not ready:
            circle = ", ".join(model.table for model in waiting)
            raise StagingError(f"the derived models {circle} need each other: break the circle")
        ordered += ready
        waiting = [model for model in waiting if model not in ready]
    return ordered
