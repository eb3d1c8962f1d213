"""The shape of a table: are its columns there, of their types, and about as many rows as last time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from definitions.settings import QualitySettings

from .contracts import TableContract, fits
from .results import Dimension, Severity
from .runner import Measured


@dataclass(frozen=True, slots=True)
class ShapeFinding:
    """One thing to be judged about a table. ``by_column`` says what is wrong with each column; a key column, or
    none at all, concerns every KPI on the table."""

    measured: Measured
    dimension: Dimension
    severity: Severity
    message: str
    by_column: Mapping[str, str] = field(default_factory=dict)


def shape(
    contract: TableContract, schema: pa.Schema, rows: int, rows_before: int | None, settings: QualitySettings
) -> list[ShapeFinding]:
    """What is to be judged about a table's shape; always the same checks, whether they pass or not."""
    found = [_present(contract, schema), *_typed(contract, schema)]
    if settings.undeclared_columns != "allow":
        found.append(_declared(contract, schema, Severity(settings.undeclared_columns)))
    return [*found, _volume(contract.table, rows, rows_before, settings)]


def absent(contract: TableContract) -> ShapeFinding:
    """There is no such table."""
    message = f"{contract.table} is not in the warehouse; is its source loaded?"
    number = Measured("columns.present", len(contract.columns), 0, 0)
    return ShapeFinding(number, Dimension.SCHEMA, Severity.ERROR, message)


def _present(contract: TableContract, schema: pa.Schema) -> ShapeFinding:
    missing = {
        name: f"{contract.table} has no column {name}; was it renamed or dropped at the source?"
        for name in contract.columns
        if name not in schema.names
    }
    return _columns("columns.present", contract, missing, Severity.ERROR, "has all {} declared columns")


def _typed(contract: TableContract, schema: pa.Schema) -> list[ShapeFinding]:
    wrong: dict[str, str] = {}
    inexact: dict[str, str] = {}
    for name, declared in contract.columns.items():
        if name in schema.names:
            kind = schema.field(name).type
            fit = fits(declared.type, kind)
            if fit is not True:
                told = f"{contract.table}.{name} is {kind}, declared {declared.type}"
                (inexact if fit is None else wrong)[name] = told
    return [
        _columns(
            "columns.typed", contract, wrong, Severity.ERROR, "has its {} columns in the declared types"
        ),
        _columns("columns.exact", contract, inexact, Severity.WARN, "has numbers of the declared kind"),
    ]


def _declared(contract: TableContract, schema: pa.Schema, severity: Severity) -> ShapeFinding:
    unknown = sorted(set(schema.names) - set(contract.columns))
    named = f"{contract.table} has columns that no source declares: {', '.join(unknown)}"
    message = named if unknown else f"{contract.table} has declared columns only"
    return ShapeFinding(Measured("columns.declared", len(unknown), 0, 0), Dimension.SCHEMA, severity, message)


def _columns(
    name: str, contract: TableContract, wrong: Mapping[str, str], severity: Severity, right: str
) -> ShapeFinding:
    message = "; ".join(wrong.values()) or f"{contract.table} {right.format(len(contract.columns))}"
    return ShapeFinding(Measured(name, len(wrong), 0, 0), Dimension.SCHEMA, severity, message, wrong)


def _volume(table: str, rows: int, before: int | None, settings: QualitySettings) -> ShapeFinding:
    """Emptiness where nothing is known of the last run; else the change against it."""
    if before is None or before < settings.volume_minimum:
        message = f"{table} has {rows} rows" if rows else f"{table} is empty"
        return ShapeFinding(Measured("volume", rows, 1, None), Dimension.VOLUME, Severity.WARN, message)
    factor = rows / before
    gross = factor < settings.volume_shrink_error or factor > settings.volume_growth_error
    return ShapeFinding(
        Measured("volume", rows, before * settings.volume_shrink_warn, before * settings.volume_growth_warn),
        Dimension.VOLUME,
        Severity.ERROR if gross else Severity.WARN,
        f"{table} has {rows} rows, {before} in the last good run",
    )
