"""What the sources that declare their streams in YAML have in common: columns, cursor, deletions.

Used by the SQL, HTTP and process sources; each adds where its rows come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.config import ColumnConfig, SourceConfig
from connectors.contract import Column, ColumnType, Contract
from connectors.errors import ConfigurationError
from connectors.stream import Cursor, CursorKind, DeleteKind, Deletes, Reader

Settings = TypeVar("Settings", bound=BaseModel)


class Declared(BaseModel):
    """A model whose unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CursorDeclared(Declared):
    """The field that says when a row changed, or in which order rows came."""

    field: str = Field(description="the field, by its path in a record")
    kind: CursorKind = Field(CursorKind.ISO, description="how it is written, in records and in the filter")
    fallback: str = Field("", description="field that counts while the first is null")
    precision_seconds: float = Field(0.000001, gt=0, description="step of the system's filter")
    zone: str = Field("UTC", description="zone of stamps without an offset")
    beginning: datetime | None = Field(None, description="value of the filter in the first load")
    written: str = Field("", description="strftime pattern of the filter's value, where it is not ISO 8601")
    written_zone: str = Field("", description="zone in which the system takes such a value; default UTC")

    def cursor(self) -> Cursor:
        """The cursor as streams hold it."""
        return Cursor(
            field=self.field,
            kind=self.kind,
            fallback=self.fallback,
            precision=timedelta(seconds=self.precision_seconds),
            zone=self.zone,
            beginning=self.beginning,
            written=self.written,
            written_zone=self.written_zone,
        )


class DeletesDeclared(Declared):
    """How a stream learns that a row is gone."""

    kind: Literal["none", "flag", "snapshot", "reconcile"] = Field(
        "none",
        description="flag: a field says so; snapshot: not in a whole load; reconcile: not in a list of keys",
    )
    flag: str = Field("", description="flag: the field, by its path in a record")
    values: tuple[Any, ...] = Field((), description="of the flag; none: any value that is not null")
    every_hours: float = Field(24.0, ge=0, description="how often keys are compared")


class StreamDeclared(Declared):
    """What every declared stream has."""

    name: str = Field(description="the typed table; one named after a neutral table is that table")
    columns: tuple[ColumnConfig, ...] = Field(min_length=1, description="what lands of a record, and as what")
    key: tuple[str, ...] = Field(min_length=1, description="columns that name a row")
    cursor: CursorDeclared | None = Field(
        None, description="what changed rows are found by; none: read whole"
    )
    overlap_seconds: float = Field(0.0, ge=0, description="how late a row may become visible")
    deletes: DeletesDeclared = Field(DeletesDeclared(), description="how a row that is gone is noticed")
    ignored: tuple[str, ...] = Field((), description="known fields that never land")
    open_containers: tuple[str, ...] = Field(
        ("",),
        description="objects of a record whose unknown fields land as news; the empty path is the record",
    )
    about_people: bool = Field(False, description="even the values of unknown fields stay out")
    zone: str = Field("", description="zone of timestamp columns without an offset")
    description: str = Field("", description="what the rows are, for people")

    def contract(self) -> Contract:
        """The contract of the stream."""
        return Contract(
            columns=tuple(_in_zone(column.column(), self.zone) for column in self.columns),
            key=self.key,
            open_containers=self.open_containers,
            ignored=self.ignored,
            about_people=self.about_people,
        )

    def delete_rule(self, keys: Reader | None = None) -> Deletes:
        """The delete rule of the stream; `keys` lists its keys, where that is possible.

        Raises:
            ConfigurationError: keys are to be compared, and cannot be listed.
        """
        declared = self.deletes
        every = timedelta(hours=declared.every_hours)
        match declared.kind:
            case "flag":
                return Deletes(DeleteKind.FLAG, flag=declared.flag, values=declared.values)
            case "snapshot":
                return Deletes(DeleteKind.SNAPSHOT)
            case "reconcile":
                if keys is None:
                    raise ConfigurationError(
                        f"stream {self.name!r}: keys cannot be listed here",
                        hint="use deletes: {kind: snapshot}",
                    )
                return Deletes(DeleteKind.RECONCILE, keys=keys, every=every)
        return Deletes()


def _in_zone(column: Column, zone: str) -> Column:
    return (
        replace(column, zone=zone)
        if zone and not column.zone and column.type is ColumnType.TIMESTAMP
        else column
    )


def settings_of(source: SourceConfig, model: type[Settings]) -> Settings:
    """The source's `settings:` as a model.

    Raises:
        ConfigurationError: something in them is wrong; names the source and the fields.
    """
    try:
        return model.model_validate(source.settings)
    except ValidationError as error:
        raise ConfigurationError(problems(error), place=f"source {source.label}, settings") from None


def problems(error: ValidationError) -> str:
    """What a validation found, in one line, without the values that were given."""
    found: Sequence[Any] = error.errors(include_url=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, p['loc']))}: {p['msg'].removeprefix('Value error, ')}" for p in found
    )
