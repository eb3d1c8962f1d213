"""Building the neutral tables: every source's rows, cast to the declared columns, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from definitions.model import Catalogue, ColumnType, Source
from pipelines.staging.models import Model
from pipelines.warehouse import Warehouse

ENGINE_TYPES: Mapping[ColumnType, str] = {
    ColumnType.STRING: "VARCHAR",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.DECIMAL: "DECIMAL(28, 6)",
    ColumnType.DOUBLE: "DOUBLE",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.DATE: "DATE",
    ColumnType.TIMESTAMP: "TIMESTAMP",
}


WORD_LISTS = frozenset({"crm.stages", "tracker.statuses"})
"""Lists of words with what they mean: where several systems know the same word, it is listed once."""


@dataclass(frozen=True)
class StagedTable:
    """One neutral table after a build.

    Attributes:
        table: its name, `schema.name`.
        rows: how many rows it has.
        systems: the systems that feed it; empty where the company has none of them.
        inputs: the typed or neutral tables it was made from.
    """

    table: str
    rows: int
    systems: tuple[str, ...]
    inputs: tuple[str, ...]

    @property
    def has_source(self) -> bool:
        """False: no configured system feeds this table; metrics over it are `no source`."""
        return bool(self.systems)


def neutral_tables(catalogue: Catalogue) -> dict[str, Source]:
    """The tables that staging must provide, by name: every source the compiler does not fold."""
    return {
        source.table: source
        for source in catalogue.sources.values()
        if source.derived is None and source.movements is None
    }


def build_staging(
    warehouse: Warehouse,
    catalogue: Catalogue,
    models: Sequence[Model],
    only: Iterable[str] | None = None,
    *,
    replace: Callable[[str, str], int] | None = None,
) -> list[StagedTable]:
    """Rebuild the neutral tables of `catalogue` from typed tables; deterministic in what those hold.

    A table that no model feeds is left as an empty table of the declared columns, so that every query
    has something to read. With `only`, just those tables (and nothing that depends on them) are rebuilt. `replace`
    puts the rows of a statement in place of a table's and returns how many (default: the warehouse does). Returns
    the tables in the order of building, inputs first.
    """
    wanted = neutral_tables(catalogue)
    chosen = set(wanted) if only is None else set(only)
    feeding: dict[str, list[Model]] = {}
    for model in models:
        if all(warehouse.exists(name) or name in wanted for name in model.inputs):
            feeding.setdefault(model.table, []).append(model)
    order = {model.table: position for position, model in enumerate(models)}
    built: dict[str, StagedTable] = {}
    with warehouse.transaction():
        for macro in macros(catalogue):
            warehouse.execute(macro)
        for table in sorted(wanted, key=lambda name: (order.get(name, -1), name)):
            if table not in chosen:
                continue
            used = feeding.get(table, [])
            rows = (replace or warehouse.replace)(table, _statement(wanted[table], used))
            built[table] = StagedTable(
                table=table,
                rows=rows,
                systems=_systems(used, built),
                inputs=tuple(sorted({name for model in used for name in model.inputs})),
            )
    return list(built.values())


def macros(catalogue: Catalogue) -> tuple[str, str]:
    """Functions that models may call, in the company's calendar (the one of that name, or the first).

    `local_day(instant)` is the day of an instant there, `day_start(day)` the instant at which a day begins there.
    """
    calendars = catalogue.calendars
    zone = calendars.get("company", next(iter(calendars.values()))).time_zone
    # Zones are names that the calendar has checked; a macro takes no parameters of its own making.
    local, start = "instant", "CAST(day AS TIMESTAMP)"
    if zone != "UTC":
        local, start = (
            f"timezone('{zone}', timezone('UTC', instant))",
            f"timezone('UTC', timezone('{zone}', {start}))",
        )
    return (
        f"CREATE OR REPLACE MACRO local_day(instant) AS CAST({local} AS DATE)",
        f"CREATE OR REPLACE MACRO day_start(day) AS {start}",
    )


def _systems(models: Sequence[Model], built: Mapping[str, StagedTable]) -> tuple[str, ...]:
    """The vendors behind a table; a derived one has those of the tables it is folded from."""
    found: set[str] = set()
    for model in models:
        if model.system != "derived":
            found.add(model.system)
        else:
            found.update(name for table in model.inputs if table in built for name in built[table].systems)
    return tuple(sorted(found))


def _statement(source: Source, models: Sequence[Model]) -> str:
    columns = ",\n    ".join(
        f'CAST("{column.name}" AS {ENGINE_TYPES[column.type]}) AS "{column.name}"'
        for column in source.columns.values()
    )
    if not models:
        nothing = ", ".join(
            f'CAST(NULL AS {ENGINE_TYPES[column.type]}) AS "{column.name}"'
            for column in source.columns.values()
        )
        return f"SELECT {nothing} WHERE FALSE"
    parts = [f"SELECT\n    {columns}\nFROM (\n{model.sql.strip().rstrip(';')}\n)" for model in models]
    union = "\nUNION ALL\n".join(parts)
    return _each_word_once(source, union) if len(models) > 1 and source.table in WORD_LISTS else union


def _each_word_once(source: Source, statement: str) -> str:
    """A word that any system calls closed, or won, or done, is that."""
    # TRUE is the greatest truth value; of the categories, done comes first by name and to_do last.
    listed = ", ".join(
        f'"{name}"'
        if name in source.key
        else f'{"max" if column.type is ColumnType.BOOLEAN else "min"}("{name}") AS "{name}"'
        for name, column in source.columns.items()
    )
    return f"SELECT {listed} FROM (\n{statement}\n) GROUP BY " + ", ".join(f'"{key}"' for key in source.key)
