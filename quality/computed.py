"""Checks on computed KPI values, before anything is published.

The frame is measured by an in-process DuckDB over the Arrow table (no copy), rule by rule and grouped by metric;
the judge sees one small frame with a row per metric and a column of violations per rule. Each rule is one
result; where it fails it names the metrics that break it, so that one bad KPI holds back itself and no other,
and where it holds it names none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from definitions.model import Catalogue, Missing
from definitions.settings import QualitySettings

from .drift import drifted_metrics
from .identities import SHIPPED, Identity, as_rule, load_identities
from .metric_facts import MetricFacts, facts
from .results import CheckResult, Dimension, Key, Severity
from .runner import Judge, Verdict
from .value_rules import KEY, KEY_SQL, PREVIOUS_RULES, ROW_RULES, SET_RULES, RowRule, SetRule

ASSET = "kpi_value"
SYSTEM = "kpi"

SCHEMA: dict[str, tuple[str, ...]] = {
    "metric": ("string",),
    "version": ("integer",),
    "definition_hash": ("string",),
    "grain": ("string",),
    "period_start": ("date",),
    "period_end": ("date",),
    "segment_dimension": ("string",),
    "segment_value": ("string",),
    "value": ("double",),
    "numerator": ("double",),
    "denominator": ("double",),
    "sample_size": ("integer",),
    "value_state": ("string",),
    "state_reason": ("string",),
}
"""Columns of the KPI value frame and the kinds of type they may have. Source: architecture, KPI value frame."""

_LATEST_ZONE = timedelta(hours=14)
"""A day is over first at UTC+14."""


def run_value_checks(
    catalogue: Catalogue,
    values: pa.Table,
    *,
    previous: pa.Table | None = None,
    now: datetime,
    judge: Judge | None = None,
) -> list[CheckResult]:
    """Check the KPI value frame, and its change since the last good run where ``previous`` is given.

    Both frames hold the metrics of one run; narrow ``previous`` to the metrics that were computed. Never raises:
    what cannot be checked comes back as a failed result that blocks the publication.
    """
    try:
        broken = _schema_results(values, now)
        if any(not result.passed for result in broken):
            return broken
        judge = judge or Judge()
        return broken + _ValueRun(catalogue, values, previous, judge, now).results()
    except Exception as problem:
        return [
            _result(
                "checked", Dimension.VALIDITY, False, f"values could not be checked: {_text(problem)}", now
            )
        ]


@dataclass(frozen=True)
class _Counted:
    """One rule, with violations by metric, or the reason it could not be measured."""

    rule: RowRule | SetRule
    by_metric: dict[str, int]
    raised: str | None = None


class _ValueRun:
    """All checks of one frame."""

    def __init__(
        self,
        catalogue: Catalogue,
        values: pa.Table,
        previous: pa.Table | None,
        judge: Judge,
        now: datetime,
    ) -> None:
        self.catalogue, self.judge, self.now = catalogue, judge, now
        self.settings: QualitySettings = catalogue.settings.quality
        self.known = facts(catalogue)
        self.db = duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
        self.db.register("v", values)
        self.db.register("m", _facts_table(self.known))
        self.db.register("d", _drivers_table(catalogue))
        self.has_previous = previous is not None and previous.num_rows > 0
        if previous is not None and self.has_previous:
            self.db.register("p", previous)
        settings = self.settings
        self.parameters: dict[str, object] = {
            "first_open_day": (now + _LATEST_ZONE).date(),
            "tolerance": settings.value_tolerance,
            "money": settings.money_tolerance,
            "driver_tolerance": settings.driver_tolerance,
            "volume_minimum": settings.volume_minimum,
            "shrink_error": settings.volume_shrink_error,
            "shrink_warn": settings.volume_shrink_warn,
            "growth_warn": settings.volume_growth_warn,
            "restated_share": settings.restated_share,
            "psi": settings.drift_psi,
        }

    def results(self) -> list[CheckResult]:
        rows = {
            metric: int(n)
            for metric, n in self._fetch("SELECT metric, count(*) FROM v GROUP BY 1 ORDER BY 1")
        }
        unknown = sorted(set(rows) - set(self.catalogue.metrics))
        counted = [*self._row_rules(), *(self._set_rule(rule) for rule in self._all_set_rules())]
        if self.has_previous:
            counted.append(self._drift())
        metrics = sorted(set(rows) | {metric for one in counted for metric in one.by_metric})
        import pandas as pd  # slow to import, and only a run needs it

        frame = pd.DataFrame({"metric": metrics})
        measured = [one for one in counted if one.raised is None]
        for one in measured:
            frame[one.rule.name] = [one.by_metric.get(metric, 0) for metric in metrics]
        said = self.judge.rows(ASSET, frame, [one.rule.name for one in measured], "metric")
        found = [self._volume(rows), self._known_metrics(unknown, rows)]
        for one in counted:
            found.append(self._told(one, said.get(one.rule.name), rows))
        return found

    # ── measuring ───────────────────────────────────────────────────────────────────────────────────────────

    def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        used = {name: value for name, value in self.parameters.items() if f"${name}" in sql}
        return self.db.execute(sql, used).fetchall() if used else self.db.execute(sql).fetchall()

    def _row_rules(self) -> list[_Counted]:
        """All row rules in one scan; when it raises, one scan each, so that one rule takes no other with it."""
        try:
            return self._scan(ROW_RULES)
        except duckdb.Error:
            return [one for rule in ROW_RULES for one in self._scan_alone(rule)]

    def _scan(self, rules: Sequence[RowRule]) -> list[_Counted]:
        numbers = ", ".join(f"count(CASE WHEN {rule.breaks} THEN 1 END)" for rule in rules)
        table = self._fetch(f"SELECT metric, {numbers} FROM v LEFT JOIN m USING (metric) GROUP BY metric")
        return [
            _Counted(rule, {row[0]: row[position] for row in table if row[position]})
            for position, rule in enumerate(rules, start=1)
        ]

    def _scan_alone(self, rule: RowRule) -> list[_Counted]:
        try:
            return self._scan([rule])
        except duckdb.Error as problem:
            return [_Counted(rule, {}, _text(problem))]

    def _all_set_rules(self) -> list[SetRule]:
        zero = {
            one.metric: one.is_additive and self.catalogue.metrics[one.metric].missing is Missing.EMPTY
            for one in self.known
        }
        identities = load_identities([SHIPPED, self.catalogue.root / "quality" / "identities.yml"])
        usable = [one for one in identities if set(one.metrics()) <= set(self.catalogue.metrics)]
        rules = [*SET_RULES, *(as_rule(one, self._sums(one, zero)) for one in usable)]
        return rules + (list(PREVIOUS_RULES) if self.has_previous else [])

    def _sums(self, identity: Identity, zero: dict[str, bool]) -> dict[str, bool]:
        return {name: zero.get(name, False) for name in identity.metrics()}

    def _set_rule(self, rule: SetRule) -> _Counted:
        try:
            sql = f"SELECT metric, count(*) FROM ({rule.offenders}) AS offenders GROUP BY metric"
            return _Counted(rule, {metric: int(n) for metric, n in self._fetch(sql)})
        except duckdb.Error as problem:
            return _Counted(rule, {}, _text(problem))

    def _drift(self) -> _Counted:
        rule = SetRule(
            "values_drifted",
            Dimension.VALIDITY,
            Severity.WARN,
            "",
            "the values of the same periods are distributed otherwise than in the last run",
        )
        try:
            paired = self.db.sql(
                f"""SELECT metric, v.value AS now, p.value AS before FROM v JOIN p USING ({KEY_SQL})
                    WHERE v.segment_dimension = '' AND v.value IS NOT NULL AND p.value IS NOT NULL
                      AND grain = 'day' ORDER BY metric, period_start"""
            ).to_arrow_table()
            limit = self.settings.drift_psi, self.settings.drift_points
            return _Counted(rule, dict.fromkeys(drifted_metrics(paired, *limit), 1))
        except Exception as problem:
            return _Counted(rule, {}, _text(problem))

    def _sample(self, rule: RowRule | SetRule, metrics: Sequence[str]) -> tuple[Key, ...]:
        """A few offending keys of each of a few failing metrics, always the same ones."""
        if isinstance(rule, SetRule) and not rule.offenders:
            return ()
        if isinstance(rule, RowRule):
            rows = f"SELECT {KEY_SQL} FROM v LEFT JOIN m USING (metric) WHERE {rule.breaks}"
        else:
            rows = rule.offenders
        size = self.settings.sample_size
        try:
            table = self._fetch(
                f"""SELECT {KEY_SQL} FROM ({rows}) AS offenders
                    QUALIFY row_number() OVER (PARTITION BY metric ORDER BY {KEY_SQL}) <= {int(size)}
                    ORDER BY {KEY_SQL}"""
            )
        except duckdb.Error:
            return ()  # the failure itself is known; its sample is a courtesy
        shown = set(metrics[:size])
        return tuple(
            {name: value for name, value in zip(KEY, row, strict=True) if value not in (None, "")}
            for row in table
            if row[0] in shown
        )

    # ── results ─────────────────────────────────────────────────────────────────────────────────────────────

    def _volume(self, rows: dict[str, int]) -> CheckResult:
        total = sum(rows.values())
        message = f"{total} values of {len(rows)} metrics" if total else "nothing was computed"
        # A dictionary of objectives alone has no metrics, and nothing to compute.
        is_as_asked = total > 0 or not self.catalogue.metrics
        found = _result("volume", Dimension.VOLUME, is_as_asked, message, self.now)
        return replace(found, rows_checked=total, observed=float(total), threshold=1.0)

    def _known_metrics(self, unknown: Sequence[str], rows: dict[str, int]) -> CheckResult:
        named = ", ".join(unknown[:5])
        message = (
            f"values of metrics that the dictionary does not have: {named}" if unknown else "all are defined"
        )
        found = _result("metrics_defined", Dimension.CONSISTENCY, not unknown, message, self.now)
        return replace(found, rows_checked=len(rows), rows_failed=len(unknown), observed=float(len(unknown)))

    def _told(self, one: _Counted, said: Verdict | None, rows: dict[str, int]) -> CheckResult:
        rule, total = one.rule, sum(rows.values())
        raised = one.raised or (said.raised if said else "it was not judged")
        base = _result(rule.name, rule.dimension, True, f"no value: {rule.what}", self.now)
        base = replace(base, severity=rule.severity, blocks_publish=False, rows_checked=total, threshold=0.0)
        if raised or said is None:
            message = f"could not check that no value: {rule.what}; {raised}"
            base = replace(base, severity=Severity.ERROR, rows_checked=None, raised=True, blocks_publish=True)
            return replace(base, passed=False, message=message, metric_ids=tuple(rows))
        if said.passed:
            return replace(base, rows_failed=0, observed=0.0)
        failing = {str(row["metric"]): int(str(row[rule.name])) for row in said.failing}
        if not failing:
            failing = {metric: n for metric, n in one.by_metric.items() if n} or dict.fromkeys(rows, 0)
        failing = dict(sorted(failing.items()))
        details = {
            metric: f"{metric}: {_rows(count, rows.get(metric, 0))}: {rule.what}"
            for metric, count in failing.items()
        }
        several = f"{len(failing)} metrics: {rule.what} ({_some(list(failing))})"
        failed = sum(failing.values())
        return replace(
            base,
            passed=False,
            metric_ids=tuple(failing),
            message=next(iter(details.values())) if len(details) == 1 else several,
            rows_failed=failed,
            observed=float(failed),
            sample=self._sample(rule, list(failing)),
            details=details,
        )


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _rows(count: int, of: int) -> str:
    return f"{count} of {of} values" if of else f"{count} values"


def _schema_results(values: pa.Table, now: datetime) -> list[CheckResult]:
    """The frame has its columns with their kinds of type; anything else holds the whole publication."""
    problems = []
    for name, kinds in SCHEMA.items():
        if name not in values.schema.names:
            problems.append(f"no column {name}")
        elif _kind(values.schema.field(name).type) not in (*kinds, "null"):
            problems.append(f"{name} is {values.schema.field(name).type}, not {' or '.join(kinds)}")
    message = (
        f"value frame: {'; '.join(problems)}" if problems else "the value frame has its columns and types"
    )
    found = _result("schema", Dimension.SCHEMA, not problems, message, now)
    return [replace(found, observed=float(len(problems)), threshold=0.0)]


def _kind(found: pa.DataType) -> str:
    types = pa.types
    if types.is_dictionary(found):
        found = found.value_type
    tests = {
        "string": types.is_string(found) or types.is_large_string(found) or types.is_string_view(found),
        "integer": types.is_integer(found),
        "double": types.is_floating(found),
        "date": types.is_date(found),
        "null": types.is_null(found),
    }
    return next((kind for kind, fits in tests.items() if fits), str(found))


def _result(name: str, dimension: Dimension, passed: bool, message: str, now: datetime) -> CheckResult:
    """A result about the frame as a whole: when it fails, nothing is published."""
    return CheckResult(
        check_id=f"{ASSET}.{name}",
        asset=ASSET,
        source_system=SYSTEM,
        metric_ids=(),
        dimension=dimension,
        severity=Severity.ERROR,
        passed=passed,
        rows_checked=None,
        rows_failed=None,
        observed=None,
        threshold=None,
        message=message,
        blocks_publish=True,
        checked_at=now,
        raised=not passed and name == "checked",
    )


def _facts_table(known: Sequence[MetricFacts]) -> pa.Table:
    rows = [asdict(one) for one in known]
    kinds = {"str": pa.string(), "int": pa.int64(), "int | None": pa.int64(), "bool": pa.bool_()}
    schema = pa.schema([(field.name, kinds[str(field.type)]) for field in fields(MetricFacts)])
    return pa.Table.from_pylist(rows, schema=schema)


def _drivers_table(catalogue: Catalogue) -> pa.Table:
    rows = [
        {
            "parent": name,
            "operator": metric.drivers.operator,
            "child": child,
            "position": position,
            "of": len(metric.drivers.inputs),
        }
        for name, metric in catalogue.metrics.items()
        if metric.drivers
        for position, child in enumerate(metric.drivers.inputs)
    ]
    columns = [("parent", pa.string()), ("operator", pa.string()), ("child", pa.string())]
    return pa.Table.from_pylist(
        rows, schema=pa.schema([*columns, ("position", pa.int32()), ("of", pa.int32())])
    )


def _text(problem: Exception) -> str:
    return " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
