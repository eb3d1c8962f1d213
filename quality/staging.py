"""Checks on the staging tables: contracts, volumes and hand-written suites, measured inside the engine.

Per table: look at its columns, measure every check in one scan, let the judge say which numbers pass, fetch the
keys of a few offending rows for those that fail. A check that cannot be carried out fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

import pyarrow as pa
from sqlglot import exp

from definitions.model import Catalogue
from definitions.settings import QualitySettings

from .checks import OWN_TYPES, REFERENCES_EXIST, Check
from .contracts import TableContract, contracts
from .lineage import Lineage, lineage
from .pushdown import Probe, column, most_failing, probe, sample, scan, table_of
from .results import CheckResult, Dimension, Key, Severity
from .runner import Judge, Measured, Verdict
from .shape import ShapeFinding, absent, shape
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
    schema_of = _schemas(query, dialect)
    for table, contract in declared.items():
        if table in wanted:
            generated = generated_suite(contract, settings, now, written.planned.get(table, ()))
            checks = [*generated, *(check for check in written.checks if check.table == table)]
            before = None if row_counts is None else row_counts.get(table)
            run = _TableRun(contract, checks, traced, settings, query, dialect, judge, now, schema_of)
            try:
                results += run.results(before)
            except Exception as problem:
                results.append(_unchecked(table, problem, now, contract.system, traced.metrics_of(table)))
    return results


def _schemas(query: Query, dialect: str) -> Callable[[str], pa.Schema | None]:
    """Asks for the columns of each table once; None when there is no such table. Raises when nothing can be
    asked at all."""

    @cache
    def schema_of(table: str) -> pa.Schema | None:
        nothing = exp.select(exp.Star()).from_(table_of(table)).limit(0)
        try:
            return query(nothing.sql(dialect=dialect)).schema
        except Exception:
            query("SELECT 1 AS alive")
            return None

    return schema_of


@dataclass(frozen=True, slots=True)
class Reading:
    """What the scan read for one probe."""

    number: float | None
    eligible: float | None


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
    schema_of: Callable[[str], pa.Schema | None]

    @property
    def table(self) -> str:
        return self.contract.table

    def results(self, rows_before: int | None) -> list[CheckResult]:
        schema = self.schema_of(self.table)
        if schema is None:
            return [self._shaped(absent(self.contract), Verdict(False), None)]
        runnable = [check for check in self.checks if self._can_run(check, set(schema.names))]
        probes = [(check, probe(check)) for check in runnable]
        pushed = [(check, one) for check, one in probes if one is not None]
        rows, numbers = self._measure(pushed)
        shapes = shape(self.contract, schema, rows, rows_before, self.settings)
        measured = [one.measured for one in shapes] + [
            Measured(check.check_id, read.number, one.low, _high(check, one, read))
            for (check, one), read in zip(pushed, numbers, strict=True)
            if not isinstance(read, Exception)
        ]
        verdicts = self.judge.numbers(self.table, measured)
        said = dict(zip((one.name for one in measured), verdicts, strict=True))
        found = [self._shaped(one, said[one.measured.name], rows) for one in shapes]
        for (check, one), read in zip(pushed, numbers, strict=True):
            if isinstance(read, Exception):
                found.append(self._raised(check, read))
            else:
                found.append(self._judged(check, one, rows, read, said[check.check_id]))
        return found + [self._pulled(check, rows) for check, one in probes if one is None]

    def _can_run(self, check: Check, there: set[str]) -> bool:
        """What a check reads is there; a missing column or table is a finding of its own, said once."""
        if not set(_reads(check)) <= there:
            return False
        if check.expect != REFERENCES_EXIST:
            return True
        target = self.schema_of(str(check.kwargs["to"]))
        return target is not None and set(_strings(check.kwargs["to_columns"])) <= set(target.names)

    # ── measuring ───────────────────────────────────────────────────────────────────────────────────────────

    def _measure(self, pushed: Sequence[tuple[Check, Probe]]) -> tuple[int, list[Reading | Exception]]:
        """Rows of the table and one number per check, in one scan; when that raises, one scan per check, so
        that one broken check does not take the others with it."""
        try:
            return self._scan([one for _, one in pushed])
        except Exception:
            rows, _ = self._scan([])
        numbers: list[Reading | Exception] = []
        for _, one in pushed:
            try:
                numbers += self._scan([one])[1]
            except Exception as problem:
                numbers.append(problem)
        return rows, numbers

    def _scan(self, probes: Sequence[Probe]) -> tuple[int, list[Reading | Exception]]:
        row = self.query(scan(self.table, probes, self.dialect)).to_pylist()[0]
        found: list[Reading | Exception] = []
        for i, one in enumerate(probes):
            number = row[f"c{i}"]
            eligible = None if one.eligible is None else float(row[f"e{i}"])
            found.append(Reading(None if number is None else float(number), eligible))
        return int(row["n"]), found

    def _sample(self, check: Check, one: Probe) -> tuple[Key, ...]:
        key = self.contract.key
        if check.dimension is Dimension.UNIQUENESS:
            key = _reads(replace(check, columns=None))
        text = sample(check, one, key, self.settings.sample_size, self.dialect)
        try:
            return tuple(self.query(text).to_pylist()) if text else ()
        except Exception:
            return ()  # the failure itself is known; its sample is a courtesy

    # ── results ─────────────────────────────────────────────────────────────────────────────────────────────

    def _shaped(self, one: ShapeFinding, said: Verdict, rows: int | None) -> CheckResult:
        concerned = self.lineage.metrics_of(self.table)
        details: dict[str, str] = {}
        if one.by_column and not set(one.by_column) & set(self.contract.key):
            concerned = self.lineage.metrics_of(self.table, one.by_column)
        for name, told in one.by_column.items():
            for metric in self.lineage.metrics_of(self.table, [name]):
                details[metric] = f"{details[metric]}; {told}" if metric in details else told
        low, high, number = one.measured.low, one.measured.high, one.measured.number
        raised = said.raised is not None
        return CheckResult(
            check_id=f"{self.table}.{one.measured.name}",
            asset=self.table,
            source_system=self.contract.system,
            metric_ids=concerned,
            dimension=one.dimension,
            severity=Severity.ERROR if raised else one.severity,
            passed=said.passed,
            rows_checked=rows,
            rows_failed=None,
            observed=number,
            threshold=low if high is None or (low is not None and (number or 0) < low) else high,
            message=f"{one.message}; not judged: {said.raised}" if raised else one.message,
            blocks_publish=raised,
            checked_at=self.now,
            raised=raised,
            details={} if said.passed else details,
        )

    def _judged(self, check: Check, one: Probe, rows: int, read: Reading, said: Verdict) -> CheckResult:
        if said.raised:
            return self._raised(check, said.raised)
        number, high = read.number, _high(check, one, read)
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
            threshold=high if high is not None else one.low,
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


def _high(check: Check, one: Probe, read: Reading) -> float | None:
    """The greatest number that passes: a share of the eligible rows where the check holds for most of them."""
    mostly = check.kwargs.get("mostly")
    if read.eligible is None or not isinstance(mostly, int | float):
        return one.high
    return most_failing(read.eligible, float(mostly))


def _reads(check: Check) -> tuple[str, ...]:
    """Columns a check's statement mentions."""
    if check.columns is not None:
        return check.columns
    return _strings(check.kwargs.get("column_list") or check.kwargs.get("column") or ())


def _strings(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list | tuple) else (str(value),)


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
