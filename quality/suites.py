"""Suites of checks: generated from what the dictionary declares, and hand-written in YAML.

Every contract makes the same suite: the columns are there with their types, the volume is no collapse, keys are
present and unique, what must not be null is not, values are among those allowed, numbers are finite, time stamps
are possible, references exist, intervals do not overlap. What only a person can know stands under
``quality/suites/`` (shipped, for the neutral tables) and in the catalogue's own ``quality/`` folder::

    suites:
      - table: billing.subscriptions
        planned: [end_date]              # time columns that hold plans: they may lie in the future
        checks:
          - {id: ends_after_start, satisfy: end_date is null or end_date >= start_date}
          - {id: plan_is_short, expect: expect_column_value_lengths_to_be_between,
             with: {column: plan, max_value: 80}, severity: warn}
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from definitions.model import ColumnType
from definitions.settings import QualitySettings

from .checks import (
    INTERVALS_DO_NOT_OVERLAP,
    REFERENCES_EXIST,
    ROWS_SATISFY,
    Check,
    dimension_of,
)
from .conditions import columns_of, parse_condition
from .contracts import TableContract
from .errors import SuiteError
from .results import Dimension, Severity

SHIPPED = Path(__file__).parent / "suites"
IDENTITIES = "identities.yml"
"""File of identities between metrics; it stands in the same folder and is no suite."""

LARGEST_DOUBLE = 1.7976931348623157e308


def generated_suite(
    contract: TableContract, settings: QualitySettings, now: datetime, planned: Collection[str] = ()
) -> list[Check]:
    """Checks that follow from a contract alone, in order of harm: keys first, references last.

    ``planned`` columns hold plans, which may lie in the future.
    """
    make = _Maker(contract, settings)
    checks: list[Check] = []
    keyed = {column for key in contract.keys for column in key}
    for key_column in sorted(keyed):
        checks.append(
            make.column("not_null", key_column, "expect_column_values_to_not_be_null", "{} is null", 0.0)
        )
    for key in contract.keys:
        checks.append(make.unique(key))
    for name, column in contract.columns.items():
        if not column.nullable and name not in keyed:
            checks.append(make.column("not_null", name, "expect_column_values_to_not_be_null", "{} is null"))
        if column.values:
            checks.append(
                make.column(
                    "allowed",
                    name,
                    "expect_column_values_to_be_in_set",
                    "{} is none of " + ", ".join(column.values),
                    value_set=list(column.values),
                )
            )
        if column.type is ColumnType.DOUBLE:
            checks.append(
                make.column(
                    "finite",
                    name,
                    "expect_column_values_to_be_between",
                    "{} is NaN or infinite",
                    0.0,
                    min_value=-LARGEST_DOUBLE,
                    max_value=LARGEST_DOUBLE,
                )
            )
    for name in contract.time_columns:
        checks.append(make.possible_time(name, now, name in planned))
    for intervals in contract.intervals:
        checks.append(
            make.check(
                "no_overlap",
                INTERVALS_DO_NOT_OVERLAP,
                f"the state's interval {intervals.start}..{intervals.end} overlaps the next one",
                Severity.ERROR,
                (*intervals.entity, intervals.start, intervals.end),
                entity=list(intervals.entity),
                start=intervals.start,
                end=intervals.end,
            )
        )
    for reference in contract.references:
        checks.append(
            make.check(
                f"references_{reference.to.replace('.', '_')}_by_{'_'.join(reference.columns)}",
                REFERENCES_EXIST,
                f"{', '.join(reference.columns)} is not in {reference.to}; it counts as (unknown)",
                Severity.WARN,
                reference.columns,
                columns=list(reference.columns),
                mostly=1 - settings.orphan_share,
                to=reference.to,
                to_columns=list(reference.to_columns),
            )
        )
    return checks


class _Maker:
    """Makes checks of one contract, with ids like ``crm.opportunities.amount.not_null``."""

    def __init__(self, contract: TableContract, settings: QualitySettings) -> None:
        self.contract, self.settings = contract, settings

    def check(
        self,
        name: str,
        expect: str,
        what: str,
        severity: Severity,
        concerns: Sequence[str] | None,
        tolerated_share: float = 0.0,
        **kwargs: object,
    ) -> Check:
        return Check(
            check_id=f"{self.contract.table}.{name}",
            table=self.contract.table,
            system=self.contract.system,
            expect=expect,
            dimension=dimension_of(expect),
            severity=severity,
            what=what,
            kwargs=kwargs,
            columns=None if concerns is None else tuple(concerns),
            tolerated_share=tolerated_share,
        )

    def column(
        self,
        name: str,
        column: str,
        expect: str,
        what: str,
        tolerated_share: float | None = None,
        **kwargs: object,
    ) -> Check:
        share = self.settings.tolerated_share if tolerated_share is None else tolerated_share
        return self.check(
            f"{column}.{name}",
            expect,
            what.format(column),
            Severity.ERROR,
            (column,),
            share,
            column=column,
            **kwargs,
        )

    def unique(self, key: tuple[str, ...]) -> Check:
        name, what = f"{'_'.join(key)}.unique", f"{', '.join(key)} is there more than once"
        if len(key) == 1:
            expect = "expect_column_values_to_be_unique"
            return self.check(name, expect, what, Severity.ERROR, None, column=key[0])
        expect = "expect_compound_columns_to_be_unique"
        return self.check(name, expect, what, Severity.ERROR, None, column_list=list(key))

    def possible_time(self, column: str, now: datetime, is_plan: bool) -> Check:
        ahead = timedelta(hours=self.settings.future_tolerance_hours)
        if is_plan:
            ahead = timedelta(days=366 * self.settings.planned_years)
        latest = now.astimezone(UTC) + ahead
        return self.check(
            f"{column}.possible",
            "expect_column_values_to_be_between",
            f"{column} lies {'far ' if is_plan else ''}in the future or before {self.settings.earliest_year}",
            Severity.WARN,
            (column,),
            column=column,
            min_value=f"{self.settings.earliest_year}-01-01T00:00:00",
            max_value=latest.strftime("%Y-%m-%dT%H:%M:%S"),
        )


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    satisfy: str | None = None
    expect: str | None = Field(None, pattern=r"^expect_[a-z_]+$")
    kwargs: dict[str, Any] = Field(default_factory=dict, alias="with")
    columns: list[str] | None = None
    dimension: Dimension | None = None
    severity: Severity = Severity.ERROR
    what: str | None = None
    tolerated_share: float | None = Field(None, ge=0, le=1)
    blocks_publish: bool = False

    @model_validator(mode="after")
    def _one_kind(self) -> _Entry:
        if (self.satisfy is None) == (self.expect is None):
            raise ValueError("write either 'satisfy: <condition>' or 'expect: <expectation>'")
        return self


class _Suite(BaseModel):
    model_config = ConfigDict(extra="forbid")

    table: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")
    checks: list[_Entry] = Field(default_factory=list)
    planned: list[str] = Field(default_factory=list)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    suites: list[_Suite]


@dataclass(frozen=True)
class WrittenSuites:
    """What people wrote: their checks, and by table the columns that hold plans."""

    checks: tuple[Check, ...]
    planned: Mapping[str, frozenset[str]]


def load_suites(
    folders: Iterable[Path], contracts: Mapping[str, TableContract], settings: QualitySettings
) -> WrittenSuites:
    """Hand-written suites of tables that the dictionary declares, by file and line.

    A check on a table or column that no source declares does not apply and is left out. Raises `SuiteError`
    with the file and what is wrong in it.
    """
    checks: dict[str, Check] = {}
    planned: dict[str, frozenset[str]] = {}
    files = sorted(file for folder in folders if folder.is_dir() for file in folder.glob("*.yml"))
    for file in files:
        if file.name == IDENTITIES:
            continue
        try:
            content = _File.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
        except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as problem:
            raise SuiteError.of(file, problem) from problem
        for suite in content.suites:
            contract = contracts.get(suite.table)
            if contract is None:
                continue
            planned[suite.table] = planned.get(suite.table, frozenset()) | frozenset(suite.planned)
            for entry in suite.checks:
                check = _written(entry, contract, settings, file)
                if check is None:
                    continue
                if check.check_id in checks:
                    raise SuiteError(file, f"check {check.check_id} is there twice; give one another id")
                checks[check.check_id] = check
    return WrittenSuites(tuple(checks.values()), planned)


def _written(entry: _Entry, contract: TableContract, settings: QualitySettings, file: Path) -> Check | None:
    share = settings.tolerated_share if entry.tolerated_share is None else entry.tolerated_share
    if entry.satisfy is not None:
        expect, kwargs = ROWS_SATISFY, {"condition": entry.satisfy}
        try:
            columns = columns_of(parse_condition(entry.satisfy))
        except ValueError as problem:
            raise SuiteError(file, f"check {entry.id} on {contract.table}: {problem}") from problem
        what = entry.what or f"not ({entry.satisfy})"
    else:
        expect, kwargs = str(entry.expect), dict(entry.kwargs)
        columns = _columns_in(kwargs)
        what = entry.what or f"{expect} {kwargs}"
    if not set(columns) <= set(contract.columns):
        return None
    return Check(
        check_id=f"{contract.table}.{entry.id}",
        table=contract.table,
        system=contract.system,
        expect=expect,
        dimension=entry.dimension or dimension_of(expect),
        severity=entry.severity,
        what=what,
        kwargs=kwargs,
        columns=tuple(entry.columns) if entry.columns is not None else (columns or None),
        tolerated_share=share,
        blocks_publish=entry.blocks_publish,
    )


def _columns_in(kwargs: Mapping[str, object]) -> tuple[str, ...]:
    found: list[str] = []
    for name in ("column", "column_A", "column_B", "column_list"):
        value = kwargs.get(name)
        found += [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []
    return tuple(sorted(set(found)))
