"""What a view is: a name, a comment, columns that each have a comment, and SQL that both engines read.

The SQL is portable text. Names of schemas are written `{core}`, `{kpi}` and `{input}` (`kpi_core.` and so
on where the engine has schemas, nothing on SQLite); `{visible}` stands for the condition that keeps
restricted metrics out of schema kpi, and lets them into kpi_restricted for the roles that may see them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.publishing.schema.base import CORE, INPUT, KPI, RESTRICTED

RESTRICTED_PREFIX = "restricted_"
"""SQLite has no schemas: `kpi_restricted.kpi_latest` is `restricted_kpi_latest` there."""

ROLE_PREFIX = "kpi_restricted_"
"""PostgreSQL role for a role of the dictionary: its members may see the metrics restricted to it."""


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """One column: its name, the SQL expression it is, and what it means."""

    name: str
    expression: str
    comment: str


@dataclass(frozen=True, slots=True)
class View:
    """One view. `body` is everything from FROM on; `prelude` a WITH clause before the SELECT.

    `is_restrictable`: the view is made a second time in schema kpi_restricted, over restricted metrics.
    `only_with_schemas`: on an engine without schemas a base table of the same name takes its place.
    """

    name: str
    comment: str
    columns: tuple[ViewColumn, ...]
    body: str
    prelude: str = ""
    is_restrictable: bool = False
    only_with_schemas: bool = False

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError(f"view {self.name} names a column twice: {sorted(names)}")


@dataclass(frozen=True, slots=True)
class Placed:
    """A view in one schema of one engine: where it is, and the statement that makes it."""

    view: View
    schema: str
    name: str
    select: str

    @property
    def is_restricted(self) -> bool:
        """True for the twin over restricted metrics."""
        return self.schema == RESTRICTED


def columns(*triples: tuple[str, str, str]) -> tuple[ViewColumn, ...]:
    """Columns from (name, expression, comment)."""
    return tuple(ViewColumn(*triple) for triple in triples)


def place(view: View, *, has_schemas: bool, restricted: bool = False) -> Placed:
    """The view as it stands on an engine with or without schemas."""
    schema = RESTRICTED if restricted else KPI
    name = view.name if has_schemas or not restricted else RESTRICTED_PREFIX + view.name
    names = {
        "core": f"{CORE}." if has_schemas else "",
        "input": f"{INPUT}." if has_schemas else "",
        "kpi": f"{schema}." if has_schemas else (RESTRICTED_PREFIX if restricted else ""),
        "visible": _visible(has_schemas) if restricted else "m.sensitivity = 'internal'",
        "restricted_here": "FALSE" if restricted else "m.sensitivity = 'restricted'",
    }
    listing = ",\n       ".join(f"{column.expression} AS {column.name}" for column in view.columns)
    text = f"{view.prelude}\nSELECT {listing}\n{view.body}".strip()
    return Placed(view, schema, name, text.format(**names))


def _visible(has_schemas: bool) -> str:
    if not has_schemas:
        return "m.sensitivity = 'restricted'"
    return (
        "m.sensitivity = 'restricted' AND EXISTS (SELECT 1 FROM kpi_core.metric_audience AS seen "
        f"JOIN pg_catalog.pg_roles AS role ON role.rolname = '{ROLE_PREFIX}' || seen.role_name "
        "WHERE seen.metric_id = m.metric_id AND pg_has_role(current_user, role.oid, 'USAGE'))"
    )
