"""Sources as people write them: ``sources/*.yml``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from definitions.model import (
    Column,
    ColumnType,
    Derivation,
    Dimension,
    Expression,
    Join,
    Movements,
    Source,
    Validity,
)
from definitions.schema.fields import (
    Boolean,
    Duration,
    Here,
    Identifier,
    Name,
    Names,
    Prose,
    Shape,
    Sql,
    Text,
    Texts,
    _list,
    _problem,
)

_COLUMN_TYPES = [f"{kind}{mark}" for kind in ColumnType for mark in ("", "?")]


class ColumnShape(Shape):
    """A declared column. A ``?`` after the type means that it may be null (``timestamp?``)."""

    name: Identifier
    type: Annotated[ColumnType, BeforeValidator(str), WithJsonSchema({"enum": _COLUMN_TYPES})]
    nullable: Boolean = False
    unit: Text | None = None
    values: Texts = ()
    description: Prose = ""
    expr: Sql | None = Field(None, description="in a derived source: the aggregate that makes the column")

    @model_validator(mode="before")
    @classmethod
    def _question_mark(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("type"), str) and value["type"].endswith("?"):
            from definitions.yaml_reading import Plain

            return {**value, "type": value["type"][:-1], "nullable": Plain("true")}
        return value

    def build(self, here: Here) -> Column:
        return Column(
            name=self.name,
            type=self.type,
            nullable=self.nullable,
            unit=self.unit,
            values=self.values,
            description=self.description,
            expr=here.expression("expr", self.expr),
            location=here.location,
        )


class DimensionShape(Shape):
    """A dimension; a bare name is a column of that name."""

    name: Identifier
    expr: Sql | None = Field(
        None, description="an expression over the source's columns; default: the column `name`"
    )
    via: Text | None = Field(None, description="the join that leads to the source that has this dimension")
    label: Prose = ""

    def build(self, here: Here) -> Dimension:
        expr = here.expression("expr", self.expr) or Expression(self.name, here.location)
        return Dimension(self.name, expr, self.via, self.label, here.location)


def _dimension(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class JoinShape(Shape):
    """A many-to-one join to another source's key."""

    to: Identifier
    on: Annotated[tuple[Identifier, ...] | dict[str, Identifier], BeforeValidator(_list)]
    name: Identifier | None = Field(None, description="how dimensions refer to it; default: `to`")
    relationship: Text = "many_to_one"

    def build(self, here: Here) -> Join:
        if isinstance(self.on, dict):
            pairs = tuple(self.on.items())
        else:
            pairs = tuple((column, column) for column in self.on)
        return Join(self.name or self.to, self.to, pairs, self.relationship, here.location)


class ValidityShape(Shape):
    """The columns that hold a row's interval of validity, half-open."""

    start: Identifier = Field(alias="from")
    end: Identifier = Field(alias="to")


class DerivationShape(Shape):
    """Folds another source's rows: one row per ``group_by``."""

    source: Identifier
    group_by: Names
    filter: Sql | None = None

    def build(self, here: Here) -> Derivation:
        return Derivation(self.source, self.group_by, here.expression("filter", self.filter))


class MovementsShape(Shape):
    """Rebuilds opening and closing balances per entity and period from an interval source."""

    source: Identifier
    entity: Identifier
    value: Sql
    grain: Text = "month"
    filter: Sql | None = None

    def build(self, here: Here) -> Movements:
        return Movements(
            source=self.source,
            entity=self.entity,
            value=here.required("value", self.value),
            grain=self.grain,
            filter=here.expression("filter", self.filter),
        )


class SourceShape(Shape):
    """One table of the warehouse."""

    name: Name
    table: Text | None = None
    system: Text
    owner: Text
    key: Names
    columns: tuple[ColumnShape, ...]
    time: Identifier | None = None
    settles_after: Duration | None = Field(None, description="how long rows may still be revised")
    filter: Sql | None = Field(None, description="keeps rows out for every metric")
    dimensions: tuple[Annotated[DimensionShape, BeforeValidator(_dimension)], ...] = ()
    joins: tuple[JoinShape, ...] = ()
    validity: ValidityShape | None = None
    history: Identifier | None = Field(None, description="the source that holds this one's states over time")
    derived: DerivationShape | None = None
    movements: MovementsShape | None = None
    description: Prose = ""

    @model_validator(mode="after")
    def _one_origin(self) -> SourceShape:
        origins = [self.table is not None, self.derived is not None, self.movements is not None]
        if sum(origins) != 1:
            raise _problem("one_origin", "a source has exactly one of: table, derived, movements")
        return self

    def build(self, here: Here) -> Source:
        columns = {c.name: c.build(here.at("columns", i)) for i, c in enumerate(self.columns)}
        return Source(
            name=self.name,
            table=self.table or "",
            system=self.system,
            owner=self.owner,
            key=self.key,
            columns=columns,
            time=self.time,
            settles_after=self.settles_after,
            filter=here.expression("filter", self.filter),
            dimensions={d.name: d.build(here.at("dimensions", i)) for i, d in enumerate(self.dimensions)},
            joins={(j.name or j.to): j.build(here.at("joins", i)) for i, j in enumerate(self.joins)},
            validity=Validity(self.validity.start, self.validity.end) if self.validity else None,
            history=self.history,
            derived=self.derived.build(here.at("derived")) if self.derived else None,
            movements=self.movements.build(here.at("movements")) if self.movements else None,
            description=self.description,
            location=here.location,
        )
