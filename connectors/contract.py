"""What one stream promises: its columns, their types, where they are in a record, and what may land at all.

A contract is the allow-list of its stream: a field that no column (and no entry of `also_lands`) names does not
reach the raw store, except as news: an undeclared field of an open container lands as it is, is counted as
drift, and shows up in the typed table's `_extra`. In a stream about people even its value stays out.

    Contract(
        columns=(
            Column("issue_id", string, "id", nullable=False),
            Column("status", string, "fields.status.name"),
            Column("reporter_email", string, "fields.reporter.emailAddress", personal=Personal.DROP),
        ),
        key=("issue_id",),
        open_containers=("", "fields"),
    )

Source: connector rules, points 5 and 6.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from connectors.errors import ContractError

Segment = str | int
PathSegments = tuple[Segment, ...]

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
PATH_PART = re.compile(r'(?P<dot>\.)?(?:"(?P<quoted>[^"]+)"|(?P<plain>[^.\[\]"]+))|\[(?P<index>-?\d+)\]')


class ColumnType(StrEnum):
    """The types a typed table may hold."""

    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    JSON = "json"


class Personal(StrEnum):
    """What happens to a field about a person before its record lands."""

    KEEP = "keep"
    DROP = "drop"
    HASH = "hash"


class Format(StrEnum):
    """How the vendor writes an instant or a date, where it is not ISO 8601 with an offset."""

    ISO = "iso"
    EPOCH_SECONDS = "epoch_seconds"
    EPOCH_MILLIS = "epoch_millis"


@dataclass(frozen=True)
class Column:
    """One column of a typed table.

    Attributes:
        name: snake_case name in the typed table.
        type: what a value is once read.
        path: where the value is in a record: `fields.status.name`, `sprints[-1].id`, `a."b.c"`. Default: `name`.
        nullable: may a row have no value here? A row that has none where it must is quarantined.
        optional: may the vendor leave the field out of every record of a load? Otherwise that is drift.
        unit: unit of the value, for people (currency, seconds, points).
        allowed: the only values of a string column, where the vendor has a closed set.
        personal: what happens to the value before it lands.
        format: how instants and dates are written; a strptime pattern (`%d/%m/%Y`) is allowed too.
        zone: IANA zone of instants that are written without an offset. Empty: such a row breaks the contract.
        nulls: texts that the vendor writes where it means no value (`1970-01-01T00:00:00Z`, `n/a`).
        scale: decimal places kept in a decimal column; more are rounded half away from zero.
        description: what the field means, where its name does not say it.
    """

    name: str
    type: ColumnType
    path: str = ""
    nullable: bool = True
    optional: bool = False
    unit: str = ""
    allowed: tuple[str, ...] = ()
    personal: Personal = Personal.KEEP
    format: str = Format.ISO
    zone: str = ""
    nulls: tuple[str, ...] = ()
    scale: int = 4
    description: str = ""

    def __post_init__(self) -> None:
        if not NAME.match(self.name):
            raise ContractError(
                f"column {self.name!r} is not in snake_case: rename it in the stream's contract"
            )
        if not self.path:
            object.__setattr__(self, "path", self.name)

    @cached_property
    def segments(self) -> PathSegments:
        """The path as keys and list positions."""
        return parse_path(self.path)

    @property
    def precision(self) -> int:
        """Digits of a decimal column: 18 fit a machine word, more scale needs 38."""
        return 18 if self.scale <= 4 else 38


@dataclass(frozen=True)
class Contract:
    """The columns of a stream and the rules of what lands.

    Attributes:
        columns: the columns of the typed table, in order.
        key: names of the columns that identify a row.
        also_lands: paths that land without being typed, for a later contract to read.
        open_containers: the containers whose undeclared fields are news; `""` is the record itself.
        ignored: paths in open containers that are known, and never land.
        about_people: the value of an undeclared field never lands, only its name is reported.
    """

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    also_lands: tuple[str, ...] = ()
    open_containers: tuple[str, ...] = ("",)
    ignored: tuple[str, ...] = ()
    about_people: bool = False
    _by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        by_name: dict[str, Column] = {}
        for column in self.columns:
            if column.name in by_name:
                raise ContractError(f"column {column.name!r} is declared twice: keep one of the two")
            by_name[column.name] = column
        for name in self.key:
            if name not in by_name:
                raise ContractError(f"key column {name!r} is not among the contract's columns: declare it")
            if by_name[name].personal is Personal.DROP:
                raise ContractError(f"key column {name!r} is dropped before landing: hash it instead")
        object.__setattr__(self, "_by_name", by_name)

    def __getitem__(self, name: str) -> Column:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @property
    def typed_columns(self) -> tuple[Column, ...]:
        """The columns of the typed table: all but those that are dropped before landing."""
        return tuple(column for column in self.columns if column.personal is not Personal.DROP)

    @property
    def hashed(self) -> bool:
        """Does any column need the source's hash key?"""
        return any(column.personal is Personal.HASH for column in self.columns)

    def with_columns(self, extra: Sequence[Column]) -> Contract:
        """This contract with columns added, or replaced where the name is the same."""
        replaced = {column.name: column for column in extra}
        kept = tuple(replaced.pop(column.name, column) for column in self.columns)
        return replace(self, columns=kept + tuple(replaced.values()))

    def with_options(self, options: Mapping[str, str]) -> Contract:
        """This contract with `{option}` in its paths filled in, as for a custom field's id."""
        columns = tuple(replace(column, path=fill(column.path, options)) for column in self.columns)
        also = tuple(fill(path, options) for path in self.also_lands)
        return replace(self, columns=columns, also_lands=also)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that decides what lands and how it is read."""
        parts = [
            f"{c.name}:{c.type}:{c.path}:{c.personal}:{c.format}:{c.zone}:{c.scale}" for c in self.columns
        ]
        parts += [f"{c.name} null {text}" for c in self.columns for text in c.nulls]
        parts += [*self.key, *self.also_lands, *self.open_containers, *self.ignored, str(self.about_people)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def fill(text: str, options: Mapping[str, str]) -> str:
    """`text` with each `{name}` replaced by its option."""
    try:
        return text.format_map(options) if "{" in text else text
    except KeyError as error:
        name = error.args[0]
        raise ContractError(f"path {text!r} needs the option {name!r}: set it under options:") from None


def parse_path(path: str) -> PathSegments:
    """Split `fields.status.name`, `sprints[-1].id` or `a."b.c"` into keys and list positions."""
    segments: list[Segment] = []
    position = 0
    while position < len(path):
        match = PATH_PART.match(path, position)
        if match is None or (match["index"] is None and bool(match["dot"]) != bool(segments)):
            raise ContractError(
                f'path {path!r} cannot be read at {path[position:]!r}: write a.b, a[0].b or a."b.c"'
            )
        segments.append(
            int(match["index"]) if match["index"] is not None else match["quoted"] or match["plain"]
        )
        position = match.end()
    return tuple(segments)


def path_text(name: str) -> str:
    """A key as a step of a path: quoted where it would not read as one."""
    return f'"{name.replace(chr(34), "_")}"' if any(char in name for char in '.[]"') else name


def value_at(record: object, segments: PathSegments) -> object:
    """The value at a path, or None where any step is absent."""
    value = record
    for segment in segments:
        if isinstance(segment, str):
            if not isinstance(value, dict):
                return None
            value = value.get(segment)
        else:
            if not isinstance(value, list) or not -len(value) <= segment < len(value):
                return None
            value = value[segment]
        if value is None:
            return None
    return value
