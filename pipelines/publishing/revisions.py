"""Writing by revision: what is staged is held against what is published, in a few statements over sets.

One join finds each staged row's published counterpart and gives a verdict. From the verdicts follow the
rest: a row whose compared columns differ retires its counterpart and is inserted as its successor; a row
that is the same stays; derived columns are brought up to date in place; what is covered and no longer there
is retired. The number of statements does not depend on the number of rows. Source: publication rules,
decisions 2 and 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    TextClause,
    and_,
    case,
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

from pipelines.publishing import staging
from pipelines.publishing.publication import TableCounts
from pipelines.publishing.schema import publish_manifest
from pipelines.publishing.staging import STAGE_ROW


@dataclass(frozen=True)
class Revisioned:
    """How one table is kept by revision.

    `natural_key` identifies what a row is about. A difference in `compared` makes a new revision; one in
    `refreshed` alone is brought up to date in place (columns that follow from other rows, or words about the
    same fact), and what stood there is noted in `refresh_log`. `carried` is written with a new row and never
    compared.
    """

    table: Table
    natural_key: tuple[str, ...]
    compared: tuple[str, ...]
    refreshed: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    refresh_log: Table | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that come from the stage."""
        return (*self.natural_key, *self.compared, *self.refreshed, *self.carried)

    @property
    def surrogate(self) -> str:
        """The table's primary key."""
        return str(next(iter(self.table.primary_key.columns)).name)

    def stage(self) -> Table:
        """A temporary table for rows of this one; always the same object, so that statements compile once."""
        return staging.stage_like(self.table, self.columns)


@dataclass(frozen=True, slots=True)
class Written:
    """Rows inserted, of these successors of earlier rows; rows retired, rows refreshed in place."""

    inserted: int = 0
    revised: int = 0
    retired: int = 0
    refreshed: int = 0

    def counts(self, current: int) -> TableCounts:
        """With the current rows afterwards."""
        return TableCounts(self.inserted, self.revised, self.retired, self.refreshed, current)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a stage is complete for: the rows of `extent`, and how a published row lies in one of them."""

    extent: FromClause
    holds: Callable[[FromClause, FromClause], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Wording:
    """Kind and reason of a successor, as SQL over the stage and the row it follows (alias `published`); and
    the kind and reason of a row without predecessor, over the stage alone."""

    kind: ColumnElement[Any] | TextClause
    reason: ColumnElement[Any] | TextClause
    first_kind: ColumnElement[Any] | TextClause
    first_reason: ColumnElement[Any] | TextClause


EVERYTHING = Scope(select(literal(1).label("one")).subquery("everything"), lambda _extent, _now: true())
PLAIN = Wording(literal("changed"), null(), literal("first"), null())


def write(
    connection: Connection,
    spec: Revisioned,
    stage: Table,
    batch_id: int,
    *,
    scope: Scope | None = None,
    wording: Wording = PLAIN,
) -> Written:
    """Bring a table to what is staged.

    `scope` says which published rows the stage is complete for: those that are not staged are retired.
    Without one, rows that are not staged stay.
    """
    verdict = _verdict_table(spec.table.name, connection.dialect.name == "sqlite")
    staging.create(connection, verdict)
    revised = absent = refreshed = 0
    if published_before(connection, spec.table).current:
        _judge(connection, spec, stage, verdict, wording)
        changed = select(verdict.c.published_key).where(verdict.c.is_changed)
        if scope is not None:
            absent = _retire(connection, spec, _absent(spec, verdict, scope), batch_id)
        revised = _retire(connection, spec, changed, batch_id)
        refreshed = _refresh(connection, spec, stage, verdict, batch_id)
    inserted = _insert(connection, spec, stage, verdict, batch_id, wording)
    staging.drop(connection, verdict)
    return Written(inserted, revised, revised + absent, refreshed)


def is_current(alias: str) -> ColumnElement[bool]:
    """The condition of the index over current rows, word for word: SQLite uses that index for nothing
    else."""
    return text(f"{alias}.is_current")  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Before:
    """What the manifests say of a table before this batch: current rows, and whether any was ever retired."""

    current: int
    ever_retired: bool


def published_before(connection: Connection, table: Table) -> Before:
    """Read from the manifests, not from the table: millions of rows need not be looked at to know this."""
    manifest = publish_manifest
    of_table = manifest.c.table_name == table.name
    latest = select(manifest.c.row_count).where(of_table).order_by(manifest.c.batch_id.desc()).limit(1)
    retired = select(exists(select(1).select_from(manifest).where(of_table, manifest.c.retired_count > 0)))
    return Before(connection.execute(latest).scalar() or 0, bool(connection.execute(retired).scalar_one()))


def current_count(connection: Connection, table: Table) -> int:
    """Current rows of a table kept by revision."""
    query = select(func.count()).select_from(table.alias("published")).where(is_current("published"))
    return int(connection.execute(query).scalar_one())


def matches(spec: Revisioned, left: FromClause, right: FromClause) -> ColumnElement[bool]:
    """Same natural key."""
    return and_(*(left.c[name] == right.c[name] for name in spec.natural_key))


@cache
def _verdict_table(of_table: str, by_row_id: bool) -> Table:
    return Table(
        f"verdict_{of_table}",
        MetaData(),
        # SQLite finds verdicts by row number through the row id; PostgreSQL hashes and needs no index.
        Column(STAGE_ROW, Integer(), primary_key=by_row_id),
        Column("published_key", BigInteger()),
        Column("revision", Integer()),
        Column("is_changed", Boolean()),
        Column("is_outdated", Boolean()),
        Column("kind", Text()),
        Column("reason", Text()),
        prefixes=["TEMPORARY"],
    )


def _judge(connection: Connection, spec: Revisioned, stage: Table, verdict: Table, wording: Wording) -> None:
    now = spec.table.alias("published")
    changed = _differs(stage, now, spec.compared)
    rows = select(
        stage.c[STAGE_ROW],
        now.c[spec.surrogate],
        now.c.revision,
        changed,
        _differs(stage, now, spec.refreshed),
        wording.kind,
        wording.reason,
    ).select_from(stage.join(now, and_(matches(spec, stage, now), is_current("published"))))
    connection.execute(insert(verdict).from_select([column.name for column in verdict.columns], rows))


def _differs(left: FromClause, right: FromClause, columns: tuple[str, ...]) -> ColumnElement[bool]:
    return or_(false(), *(left.c[name].is_distinct_from(right.c[name]) for name in columns))


def _absent(spec: Revisioned, verdict: Table, scope: Scope) -> Select[Any]:
    now = spec.table.alias("published")
    covered = scope.extent.join(now, and_(scope.holds(scope.extent, now), is_current("published")))
    staged = select(verdict.c.published_key)
    return select(now.c[spec.surrogate]).select_from(covered).where(now.c[spec.surrogate].not_in(staged))


def _retire(connection: Connection, spec: Revisioned, keys: Select[Any], batch_id: int) -> int:
    table = spec.table
    statement = update(table).where(table.c[spec.surrogate].in_(keys))
    return connection.execute(statement.values(is_current=False, retired_batch_id=batch_id)).rowcount


def _refresh(connection: Connection, spec: Revisioned, stage: Table, verdict: Table, batch_id: int) -> int:
    outdated = and_(verdict.c.is_outdated, ~verdict.c.is_changed)
    if spec.refresh_log is None or not _any(connection, verdict, outdated):
        return 0
    table, columns = spec.table, spec.refreshed
    keys = select(verdict.c.published_key).where(outdated)
    before = select(table.c[spec.surrogate], literal(batch_id), *(table.c[name] for name in columns))
    noted = insert(spec.refresh_log).from_select(
        [spec.surrogate, "batch_id", *columns], before.where(table.c[spec.surrogate].in_(keys))
    )
    connection.execute(noted)
    fresh = (
        select(verdict.c.published_key, *(stage.c[name] for name in columns))
        .select_from(verdict.join(stage, stage.c[STAGE_ROW] == verdict.c[STAGE_ROW]))
        .where(outdated)
        .subquery("fresh")
    )
    statement = update(table).where(table.c[spec.surrogate] == fresh.c.published_key)
    return connection.execute(statement.values({name: fresh.c[name] for name in columns})).rowcount


def _insert(
    connection: Connection, spec: Revisioned, stage: Table, verdict: Table, batch_id: int, wording: Wording
) -> int:
    """Insert what has no counterpart, or another one, in the order of the stage: keys do not depend on the engine."""
    table = spec.table
    columns = [stage.c[name] for name in spec.columns]
    earlier = _earlier_revision(connection, spec, stage)
    first_kind = case((earlier > 0, "returned"), else_=wording.first_kind)
    if _any(connection, verdict, true()):
        is_first = verdict.c[STAGE_ROW].is_(null())
        rows = (
            select(
                *columns,
                case((is_first, earlier), else_=verdict.c.revision) + 1,
                case((is_first, first_kind), else_=verdict.c.kind),
                case((is_first, wording.first_reason), else_=verdict.c.reason),
                true(),
                literal(batch_id),
            )
            .select_from(stage.outerjoin(verdict, verdict.c[STAGE_ROW] == stage.c[STAGE_ROW]))
            .where(or_(is_first, verdict.c.is_changed))
            .order_by(stage.c[STAGE_ROW])
        )
    else:  # nothing to compare with: the stage as it lies
        rows = select(*columns, earlier + 1, first_kind, wording.first_reason, true(), literal(batch_id))
    names = [*spec.columns, "revision", "revision_kind", "revision_reason", "is_current", "batch_id"]
    return connection.execute(insert(table).from_select(names, rows)).rowcount


def _earlier_revision(connection: Connection, spec: Revisioned, stage: Table) -> ColumnElement[int]:
    """Last revision of a key that had gone and comes back; looked up only where anything ever was retired."""
    if not published_before(connection, spec.table).ever_retired:
        return literal(0, Integer())
    gone = spec.table.alias("gone")
    highest = (
        select(func.max(gone.c.revision))
        .where(and_(matches(spec, stage, gone), text("NOT gone.is_current")))
        .correlate(stage)
        .scalar_subquery()
    )
    return func.coalesce(highest, 0)


def _any(connection: Connection, verdict: Table, condition: ColumnElement[bool]) -> bool:
    return bool(
        connection.execute(select(exists(select(1).select_from(verdict).where(condition)))).scalar_one()
    )
