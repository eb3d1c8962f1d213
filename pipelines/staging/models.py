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
from sqlglot import TokenType, exp
from sqlglot.errors import ParseError

FOLDER = Path(__file__).parent / "models"
DERIVED = "derived"
STAGED_AS = {"jira_dc": "jira"}
"""Systems with the typed tables of another one: its models serve them, over their own schema."""


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
    a company fits a vendor's custom fields. A system that is staged as another one may have models of its own besides.

    Raises:
        StagingError: a file does not parse, or derived models need each other in a circle.
    """
    found: dict[tuple[str, str], Model] = {}
    for folder in folders:
        for system in sorted({*systems, DERIVED}):
            for origin in (STAGED_AS.get(system), system):
                for path in sorted((folder / origin).glob("*.sql")) if origin else ():
                    sql = path.read_text(encoding="utf-8")
                    if origin and origin != system:
                        sql = over_schema(sql, origin, system)
                    found[system, path.stem] = Model(system, path.stem, sql, path)
    models = [found[place] for place in sorted(found)]
    plain = [model for model in models if model.system != DERIVED]
    return plain + _by_need([model for model in models if model.system == DERIVED])


def over_schema(sql: str, schema: str, other: str) -> str:
    """The statement over the tables of another schema."""
    tokens = sqlglot.tokenize(sql, read="duckdb")
    pieces, copied = [], 0
    for before, token, after in zip([None, *tokens], tokens, tokens[1:], strict=False):
        is_schema = token.text == schema and after.token_type is TokenType.DOT
        if is_schema and (before is None or before.token_type is not TokenType.DOT):
            pieces += [sql[copied : token.start], other]
            copied = token.end + 1
    return "".join([*pieces, sql[copied:]])


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
