"""Writing by revision: what is staged is held against what is published, in a few statements over sets.

A row whose compared columns differ retires its predecessor; a row that is the same stays as it is; derived
columns are brought up to date in place; what is covered and no longer there is retired. The number of
statements does not depend on the number of rows. Source: publication rules, decisions 2 and 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    Table,
    TextClause,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    text,
    true,
    update,
)

from pipelines.publishing.publication import TableCounts


@dataclass(frozen=True)
class Revisioned:
    """How one table is kept by revision.

    `natural_key` identifies what a row is about. A difference in `compared` makes a new revision; one in
    `refreshed` alone is brought up to date in place (columns that follow from other rows, or words about the
    same fact). `carried` is written with a new row and never compared.
    """

    table: Table
    natural_key: tuple[str, ...]
    compared: tuple[str, ...]
    refreshed: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    changed_kind: str = "changed"

    @property
    def staged_columns(self) -> tuple[str, ...]:
        """Columns that the stage holds."""
        return (*self.natural_key, *self.compared, *self.refreshed, *self.carried)

    @property
    def surrogate(self) -> str:
        """The table's primary key."""
        return str(next(iter(self.table.primary_key.columns)).name)


@dataclass(frozen=True, slots=True)
class Written:
    """Rows inserted, of these revisions; rows retired, rows refreshed in place."""

    inserted: int = 0
    revised: int = 0
    retired: int = 0
    refreshed: int = 0

    def counts(self, current: int) -> TableCounts:
        """With the current rows afterwards."""
        return TableCounts(self.inserted, self.revised, self.retired, self.refreshed, current)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a stage is complete for: the rows of `extent` and how a published row lies in one of them."""

    extent: FromClause
    holds: Callable[[FromClause, FromClause], ColumnElement[bool]]


EVERYTHING = Scope(select(literal(1).label("one")).subquery("everything"), lambda _extent, _now: true())


def write(
    connection: Connection,
    spec: Revisioned,
    stage: Table,
    batch_id: int,
    *,
    scope: Scope | None = None,
    kind: ColumnElement[str] | TextClause | None = None,
    reason: ColumnElement[str] | TextClause | None = None,
) -> Written:
    """Bring a table to what is staged.

    `scope` says which published rows the stage is complete for: those that are not staged are retired.
    `kind` and `reason` are SQL over the stage (`stage`), and the row that is replaced (alias `former`); by
    default `first` or the table's own word for a change.
    """
    if not _has_current(connection, spec.table):
        return Written(_insert(connection, spec, stage, batch_id, kind, reason), 0, 0, 0)
    revised = _retire_changed(connection, spec, stage, batch_id)
    refreshed = _refresh(connection, spec, stage)
    absent = 0
    if scope is not None:
        absent = _retire_absent(connection, spec, stage, batch_id, scope)
    inserted = _insert(connection, spec, stage, batch_id, kind, reason)
    return Written(inserted, revised, revised + absent, refreshed)


def published(spec: Revisioned) -> FromClause:
    """The table under the name `published`."""
    return spec.table.alias("published")


def is_current(alias: str) -> ColumnElement[bool]:
    """The condition of the index over current rows, word for word: SQLite uses the index for nothing else."""
    return text(f"{alias}.is_current")  # type: ignore[return-value]


def current_count(connection: Connection, table: Table) -> int:
    """Current rows of a table kept by revision."""
    query = select(func.count()).select_from(table.alias("published")).where(is_current("published"))
    return int(connection.execute(query).scalar_one())


def matches(spec: Revisioned, left: FromClause, right: FromClause) -> ColumnElement[bool]:
    """Same natural key."""
    return and_(*(left.c[name] == right.c[name] for name in spec.natural_key))


def _differs(left: FromClause, right: FromClause, columns: tuple[str, ...]) -> ColumnElement[bool]:
    return or_(false(), *(left.c[name].is_distinct_from(right.c[name]) for name in columns))


def _retire(connection: Connection, spec: Revisioned, keys: Select[Any], batch_id: int) -> int:
    table = spec.table
    statement = (
        update(table)
        .where(table.c[spec.surrogate].in_(keys))
        .values(is_current=False, retired_batch_id=batch_id)
    )
    return connection.execute(statement).rowcount


def _retire_changed(connection: Connection, spec: Revisioned, stage: Table, batch_id: int) -> int:
    if not spec.compared:
        return 0
    now = published(spec)
    joined = stage.join(now, and_(matches(spec, stage, now), is_current("published")))
    keys = select(now.c[spec.surrogate]).select_from(joined).where(_differs(stage, now, spec.compared))
    return _retire(connection, spec, keys, batch_id)


def _retire_absent(
    connection: Connection, spec: Revisioned, stage: Table, batch_id: int, scope: Scope
) -> int:
    now = published(spec)
    joined = scope.extent.join(now, and_(scope.holds(scope.extent, now), is_current("published")))
    staged = exists().where(matches(spec, stage, now)).correlate(now)
    keys = select(now.c[spec.surrogate]).select_from(joined).where(~staged)
    return _retire(connection, spec, keys, batch_id)


def _refresh(connection: Connection, spec: Revisioned, stage: Table) -> int:
    if not spec.refreshed:
        return 0
    table = spec.table
    now = published(spec)
    joined = stage.join(now, and_(matches(spec, stage, now), is_current("published")))
    outdated = (
        select(now.c[spec.surrogate].label("outdated_key"), *(stage.c[name] for name in spec.refreshed))
        .select_from(joined)
        .where(_differs(stage, now, spec.refreshed))
        .subquery("outdated")
    )
    statement = (
        update(table)
        .where(table.c[spec.surrogate] == outdated.c.outdated_key)
        .values({name: outdated.c[name] for name in spec.refreshed})
    )
    return connection.execute(statement).rowcount


def _insert(
    connection: Connection,
    spec: Revisioned,
    stage: Table,
    batch_id: int,
    kind: ColumnElement[str] | TextClause | None,
    reason: ColumnElement[str] | TextClause | None,
) -> int:
    table = spec.table
    former = table.alias("former")
    standing = table.alias("standing")
    joined = stage.outerjoin(
        former,
        and_(
            matches(spec, stage, former), former.c.retired_batch_id == batch_id, text("NOT former.is_current")
        ),
    )
    is_first = former.c[spec.surrogate].is_(null())
    earlier = _earlier_revision(connection, spec, stage)
    columns = [stage.c[name] for name in spec.staged_columns]
    rows = (
        select(
            *columns,
            case((is_first, earlier), else_=former.c.revision) + 1,
            kind if kind is not None else case((is_first, "first"), else_=spec.changed_kind),
            reason if reason is not None else cast(null(), table.c.revision_reason.type),
            true(),
            literal(batch_id),
        )
        .select_from(joined)
        .where(~exists().where(and_(matches(spec, stage, standing), is_current("standing"))).correlate(stage))
    )
    names = [*spec.staged_columns, "revision", "revision_kind", "revision_reason", "is_current", "batch_id"]
    return connection.execute(insert(table).from_select(names, rows)).rowcount


def _has_current(connection: Connection, table: Table) -> bool:
    query = select(exists(select(1).select_from(table.alias("published")).where(is_current("published"))))
    return bool(connection.execute(query).scalar_one())


def _has_retired(connection: Connection, table: Table) -> bool:
    query = select(exists(select(1).select_from(table.alias("former")).where(text("NOT former.is_current"))))
    return bool(connection.execute(query).scalar_one())


def _earlier_revision(connection: Connection, spec: Revisioned, stage: Table) -> ColumnElement[int]:
    """Revisions of a key that had gone and comes back; looked up only where anything ever was retired."""
    if not _has_retired(connection, spec.table):
        return literal(0, Integer())
    gone = spec.table.alias("gone")
    highest = (
        select(func.max(gone.c.revision))
        .where(and_(matches(spec, stage, gone), text("NOT gone.is_current")))
        .correlate(stage)
        .scalar_subquery()
    )
    return func.coalesce(highest, 0)
