"""Checks on the staging tables: contracts, volumes and hand-written suites, measured inside the engine.

Per table: look at its columns, measure every check in one scan, let the judge say which numbers pass, fetch the
keys of a few offending rows for those that fail. A check that cannot be carried out fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
from sqlglot import exp

from definitions.model import Catalogue
from definitions.settings import QualitySettings

from .checks import OWN_TYPES, Check
from .contracts import TableContract, contracts, fits
from .lineage import Lineage, lineage
from .pushdown import Probe, column, probe, sample, scan, table_of
from .results import CheckResult, Dimension, Key, Severity
from .runner import Judge, Measured, Verdict
from .suites import SHIPPED, generated_suite, load_suites

Query = Callable[[str], pa.Table]
"""Runs one SELECT and returns its rows."""


def run_staging_checks(
    catalogue: Catalogue,
    query: Query,
    *,
    row_counts: Mapping[str, int] | None = None,
    now: datetime,
    dialect: str = "duckdb",
    judge: Judge | None = None,
    tables: Iterable[str] | None = None,
) -> list[CheckResult]:
    """Check every staging table that a source declares.

    ``query`` runs SQL of ``dialect``. ``row_counts`` are the rows each table had in the last good run; without
    them only emptiness is judged. ``tables`` narrows the run. Never raises: what cannot be checked comes back
    as a failed result that blocks the publication. Results are in order of table and check.
    """
    try:
        settings, traced = catalogue.settings.quality, lineage(catalogue)
        declared = contracts(catalogue)
        written = load_suites([SHIPPED, catalogue.root / "quality"], declared, settings)
        judge = judge or Judge()
    except Exception as problem:
        return [_unchecked("staging", problem, now)]
    wanted = set(declared) if tables is None else set(tables)
    results: list[CheckResult] = []
    for table, contract in declared.items():
        if table in wanted:
            checks = [*generated_suite(contract, settings, now), *(c for c in written if c.table == table)]
            before = None if row_counts is None else row_counts.get(table)
            run = _TableRun(contract, checks, traced, settings, query, dialect, judge, now)
            try:
                results += run.results(before)
            except Exception as problem:
                results.append(_unchecked(table, problem, now, contract.system, traced.metrics_of(table)))
    return results


@dataclass(frozen=True)
class _TableRun:
    """All checks of one table in one run."""

    contract: TableContract
    checks: Sequence[Check]
    lineage: Lineage
    settings: QualitySettings
    query: Query
    dialect: str
    judge: Judge
    now: datetime

    @property
    def table(self) -> str:
        return self.contract.table

    def results(self, rows_before: int | None) -> list[CheckResult]:
        schema = self._schema()
        if schema is None:
            message = f"{self.table} is not in the warehouse; is its source loaded?"
            return [self._plain("table.exists", Dimension.SCHEMA, Severity.ERROR, False, message, None)]
        there = set(schema.names)
        missing = [name for name in self.contract.columns if name not in there]
        runnable = [c for c in self.checks if not set(_reads(c)) - there]
        probes = [(check, probe(check)) for check in runnable]
        pushed = [(check, one) for check, one in probes if one is not None]
        rows, numbers = self._measure(pushed)
        mistyped = {
            name: fit
            for name, declared in self.contract.columns.items()
            if name in there and (fit := fits(declared.type, schema.field(name).type)) is not True
        }
        measured = [
            Measured("columns.present", len(missing), 0, 0),
            Measured("columns.typed", len(mistyped), 0, 0),
            self._volume(rows, rows_before),
        ]
        measured += [
            Measured(check.check_id, number, one.low, one.high)
            for (check, one), number in zip(pushed, numbers, strict=True)
            if not isinstance(number, Exception)
        ]
        said = dict(
            zip((one.name for one in measured), self.judge.numbers(self.table, measured), strict=True)
        )
        found = [
            *self._missing(missing, said["columns.present"]),
            *self._mistyped(mistyped, schema, said["columns.typed"]),
            *self._undeclared(sorted(there - set(self.contract.columns))),
            self._judged_volume(rows, rows_before, said["volume"], measured[2]),
        ]
        for (check, one), number in zip(pushed, numbers, strict=True):
            if isinstance(number, Exception):
                found.append(self._raised(check, number))
            else:
                found.append(self._judged(check, one, rows, number, said[check.check_id]))
        found += [self._pulled(check, rows) for check, one in probes if one is None]
        return found

    # ── measuring ───────────────────────────────────────────────────────────────────────────────────────────

    def _schema(self) -> pa.Schema | None:
        """The table's columns; None when there is no such table. Raises when nothing can be asked at all."""
        nothing = exp.select(exp.Star()).from_(table_of(self.table)).limit(0)
        try:
            return self.query(nothing.sql(dialect=self.dialect)).schema
        except Exception:
            self.query("SELECT 1 AS alive")
            return None

    def _measure(self, pushed: Sequence[tuple[Check, Probe]]) -> tuple[int, list[float | Exception | None]]:
        """Rows of the table and one number per check, in one scan; when that raises, one scan per check, so
        that one broken check does not take the others with it."""
        try:
            return self._scan([one for _, one in pushed])
        except Exception:
            rows, _ = self._scan([])
        numbers: list[float | Exception | None] = []
        for _, one in pushed:
            try:
                numbers += self._scan([one])[1]
            except Exception as problem:
                numbers.append(problem)
        return rows, numbers

    def _scan(self, probes: Sequence[Probe]) -> tuple[int, list[float | Exception | None]]:
        row = self.query(scan(self.table, probes, self.dialect)).to_pylist()[0]
        found = [row[f"c{i}"] for i in range(len(probes))]
        return int(row["n"]), [None if number is None else float(number) for number in found]

    def _sample(self, check: Check, one: Probe) -> tuple[Key, ...]:
        key = self.contract.key
        if check.expect in ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"):
            named = check.kwargs.get("column_list") or [check.kwargs["column"]]
            key = tuple(named)  # type: ignore[arg-type]
        text = sample(check, one, key, self.settings.sample_size, self.dialect)
        try:
            return tuple(self.query(text).to_pylist()) if text else ()
        except Exception:
            return ()  # the failure itself is known; its sample is a courtesy

    # ── results ─────────────────────────────────────────────────────────────────────────────────────────────

    def _plain(
        self,
        name: str,
        dimension: Dimension,
        severity: Severity,
        passed: bool,
        message: str,
        columns: Sequence[str] | None,
        observed: float | None = None,
        threshold: float | None = None,
        rows: int | None = None,
    ) -> CheckResult:
        return CheckResult(
            check_id=f"{self.table}.{name}",
            asset=self.table,
            source_system=self.contract.system,
            metric_ids=self.lineage.metrics_of(self.table, columns),
            dimension=dimension,
            severity=severity,
            passed=passed,
            rows_checked=rows,
            rows_failed=None,
            observed=observed,
            threshold=threshold,
            message=message,
            blocks_publish=False,
            checked_at=self.now,
        )

    def _missing(self, missing: Sequence[str], said: Verdict) -> list[CheckResult]:
        if said.passed:
            message = f"{self.table} has all {len(self.contract.columns)} declared columns"
            return [
                self._plain("columns.present", Dimension.SCHEMA, Severity.ERROR, True, message, None, 0, 0)
            ]
        return [
            self._plain(
                f"{name}.exists",
                Dimension.SCHEMA,
                Severity.ERROR,
                False,
                f"{self.table} has no column {name}; was it renamed or dropped at the source?",
                None if name in self.contract.key else [name],
                observed=1,
                threshold=0,
            )
            for name in missing
        ]

    def _mistyped(
        self, mistyped: Mapping[str, bool | None], schema: pa.Schema, said: Verdict
    ) -> list[CheckResult]:
        if said.passed:
            message = f"{self.table}: columns are of their declared types"
            return [self._plain("columns.typed", Dimension.SCHEMA, Severity.ERROR, True, message, None, 0, 0)]
        return [
            self._plain(
                f"{name}.type",
                Dimension.SCHEMA,
                Severity.WARN if fit is None else Severity.ERROR,
                False,
                f"{self.table}.{name} is {schema.field(name).type}, declared {self.contract.columns[name].type}",
                [name],
                observed=1,
                threshold=0,
            )
            for name, fit in mistyped.items()
        ]

    def _undeclared(self, names: Sequence[str]) -> list[CheckResult]:
        policy = self.settings.undeclared_columns
        if policy == "allow" or not names:
            return []
        message = f"{self.table} has columns that no source declares: {', '.join(names)}"
        found = self._plain(
            "columns.declared", Dimension.SCHEMA, Severity(policy), False, message, None, len(names), 0
        )
        return [found]

    def _volume(self, rows: int, before: int | None) -> Measured:
        if before is None or before < self.settings.volume_minimum:
            return Measured("volume", rows, 1, None)
        limits = self.settings.volume_shrink_warn, self.settings.volume_growth_warn
        return Measured("volume", rows, before * limits[0], before * limits[1])

    def _judged_volume(self, rows: int, before: int | None, said: Verdict, measured: Measured) -> CheckResult:
        severity, settings = Severity.WARN, self.settings
        if measured.high is None or before is None:
            message = f"{self.table} has {rows} rows" if rows else f"{self.table} is empty"
        else:
            message = f"{self.table} has {rows} rows, {before} in the last good run"
            factor = rows / before
            if factor < settings.volume_shrink_error or factor > settings.volume_growth_error:
                severity = Severity.ERROR
        if said.raised:
            severity, message = Severity.ERROR, f"{message}; not judged: {said.raised}"
        low_side = measured.high is None or rows < (measured.low or 0)
        threshold = measured.low if low_side else measured.high
        found = self._plain(
            "volume", Dimension.VOLUME, severity, said.passed, message, None, rows, threshold, rows
        )
        return replace(found, raised=said.raised is not None, blocks_publish=said.raised is not None)

    def _judged(
        self, check: Check, one: Probe, rows: int, number: float | None, said: Verdict
    ) -> CheckResult:
        if said.raised:
            return self._raised(check, said.raised)
        failed = int(number or 0) if one.counts_rows else None
        if one.counts_rows:
            told = f"{failed} of {rows} rows: {check.what}" if failed else f"no row of {rows}: {check.what}"
        else:
            told = f"{check.what}: found {'nothing' if number is None else f'{number:g}'}"
        return self._result(
            check,
            said.passed,
            f"{self.table}: {told}",
            rows=rows,
            failed=failed,
            observed=number,
            threshold=one.high if one.high is not None else one.low,
            sample=() if said.passed else self._sample(check, one),
        )

    def _pulled(self, check: Check, rows: int) -> CheckResult:
        """An expectation with no pushed-down form: pull the columns it reads and no others."""
        if check.expect in OWN_TYPES or rows > self.settings.pulled_rows_max:
            limit = self.settings.pulled_rows_max
            return self._raised(check, f"{rows} rows are more than {limit}; write it as 'satisfy:' instead")
        names = list(dict.fromkeys((*self.contract.key, *_reads(check)))) or list(self.contract.columns)
        text = exp.select(*(column(name) for name in names)).from_(table_of(self.table))
        try:
            frame = self.query(text.sql(dialect=self.dialect)).to_pandas()
        except Exception as problem:
            return self._raised(check, problem)
        said = self.judge.frame(check, frame, self.contract.key)
        if said.raised:
            return self._raised(check, said.raised)
        failed = said.rows_failed
        return self._result(
            check,
            said.passed,
            f"{self.table}: {check.what}" + (f": {failed} of {rows} rows fail" if failed else ""),
            rows=rows,
            failed=failed,
            observed=said.observed if failed is None else float(failed),
            threshold=None if failed is None else 0,
            sample=tuple(
                {name: row[name] for name in self.contract.key}
                for row in said.failing[: self.settings.sample_size]
            ),
        )

    def _result(
        self,
        check: Check,
        passed: bool,
        message: str,
        *,
        rows: int | None,
        failed: int | None,
        observed: float | None,
        threshold: float | None,
        sample: tuple[Key, ...] = (),
    ) -> CheckResult:
        severity = check.severity
        if not passed and failed is not None and rows and failed / rows <= check.tolerated_share:
            severity = Severity.WARN
        return CheckResult(
            check_id=check.check_id,
            asset=self.table,
            source_system=check.system,
            metric_ids=self.lineage.metrics_of(self.table, check.columns),
            dimension=check.dimension,
            severity=severity,
            passed=passed,
            rows_checked=rows,
            rows_failed=failed,
            observed=observed,
            threshold=threshold,
            message=message,
            blocks_publish=check.blocks_publish,
            checked_at=self.now,
            sample=sample,
        )

    def _raised(self, check: Check, problem: Exception | str) -> CheckResult:
        message = f"{self.table}: could not check that no row: {check.what}; {_one_line(problem)}"
        found = self._result(check, False, message, rows=None, failed=None, observed=None, threshold=None)
        return replace(found, severity=Severity.ERROR, blocks_publish=True, raised=True)


def _reads(check: Check) -> tuple[str, ...]:
    """Columns a check's statement mentions."""
    if check.columns is not None:
        return check.columns
    named = check.kwargs.get("column_list") or check.kwargs.get("column") or ()
    return (named,) if isinstance(named, str) else tuple(named)  # type: ignore[arg-type]


def _one_line(problem: Exception | str) -> str:
    text = str(problem) if isinstance(problem, str) else f"{type(problem).__name__}: {problem}"
    return " ".join(text.split())[:300]


def _unchecked(
    asset: str, problem: Exception, now: datetime, system: str = "", metrics: tuple[str, ...] = ()
) -> CheckResult:
    """Nothing could be checked on an asset: an error that holds the whole publication."""
    return CheckResult(
        check_id=f"{asset}.checked",
        asset=asset,
        source_system=system,
        metric_ids=metrics,
        dimension=Dimension.VALIDITY,
        severity=Severity.ERROR,
        passed=False,
        rows_checked=None,
        rows_failed=None,
        observed=None,
        threshold=None,
        message=f"{asset} could not be checked: {_one_line(problem)}",
        blocks_publish=True,
        checked_at=now,
        raised=True,
    )
