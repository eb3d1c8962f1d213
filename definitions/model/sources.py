"""Sources: tables with declared columns, dimensions and joins. Nothing undeclared can be reached by a
definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .basics import NOWHERE, Expression, Location, Span


class ColumnType(StrEnum):
    """Types of the neutral tables; all timestamps are UTC without a zone."""

    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"

    @property
    def is_number(self) -> bool:
        return self in (ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.DOUBLE)

    @property
    def is_time(self) -> bool:
        return self in (ColumnType.DATE, ColumnType.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column; ``expr`` is set in a derived source only (an aggregate over the parent's rows)."""

    name: str
    type: ColumnType
    nullable: bool = False
    unit: str | None = None
    values: tuple[str, ...] = ()
    description: str = ""
    expr: Expression | None = None
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Dimension:
    """An attribute to group and filter by: a column, an expression, or a dimension of a joined source
    (``via``)."""

    name: str
    expr: Expression
    via: str | None = None
    label: str = ""
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Join:
    """A many-to-one join: each row here has at most one partner in ``to``.

    ``on`` pairs a column here with a column of the target's key. Where the target has ``validity``, the row
    valid at this row's own time is the partner.
    """

    name: str
    to: str
    on: tuple[tuple[str, str], ...]
    relationship: str = "many_to_one"
    location: Location = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Validity:
    """Columns that hold each row's interval of validity ``[start, end)``; a null end is still valid."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a derived source is folded from another one: its rows grouped by ``group_by`` after ``filter``."""

    source: str
    group_by: tuple[str, ...]
    filter: Expression | None = None


@dataclass(frozen=True, slots=True)
class Movements:
    """How a source of movements is rebuilt from an interval source: one row per entity and period (``grain``)
    with the balance at the start and at the end of the period, for periods where either is not zero.

    Columns: the entity, ``period_start``, ``opening``, ``closing`` and ``paid_before`` (whether any earlier
    balance was above zero).
    """

    source: str
    entity: str
    value: Expression
    grain: str = "month"
    filter: Expression | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One table of the warehouse as the dictionary knows it.

    ``key`` identifies a row; ``time`` is the default time column of metrics; ``settles_after`` is how long
    rows may still be revised; ``filter`` keeps rows out for every metric (tests, deleted, spam).
    """

    name: str
    table: str
    system: str
    owner: str
    key: tuple[str, ...]
    columns: Mapping[str, Column]
    time: str | None = None
    settles_after: Span | None = None
    filter: Expression | None = None
    dimensions: Mapping[str, Dimension] = field(default_factory=dict)
    joins: Mapping[str, Join] = field(default_factory=dict)
    validity: Validity | None = None
    history: str | None = None
    derived: Derivation | None = None
    movements: Movements | None = None
    description: str = ""
    location: Location = field(default=NOWHERE, compare=False, repr=False)

    def column_type(self, name: str) -> ColumnType:
        """Type of a declared column; KeyError when there is none of this name."""
        return self.columns[name].type
