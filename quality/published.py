"""What is staged for publication is what was computed: the last check before the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb
import pandas as pd
import pyarrow as pa

from definitions.model import Catalogue

from .results import CheckResult, Dimension, Key, Severity
from .runner import Judge
from .value_rules import KEY, KEY_SQL

ASSET = "published_kpi_value"

_RULES = {
    "complete": (
        Dimension.COMPLETENESS,
        "was computed and is not staged",
        f"SELECT {KEY_SQL} FROM computed ANTI JOIN staged USING ({KEY_SQL}) WHERE metric NOT IN (SELECT * FROM held)",
    ),
    "nothing_else": (
        Dimension.CONSISTENCY,
        "is staged and was not computed",
        f"SELECT {KEY_SQL} FROM staged ANTI JOIN computed USING ({KEY_SQL}) WHERE metric NOT IN (SELECT * FROM held)",
    ),
    "once": (
        Dimension.UNIQUENESS,
        "is staged more than once",
        f"SELECT {KEY_SQL} FROM staged GROUP BY ALL HAVING count(*) > 1",
    ),
    "equal": (
        Dimension.RECONCILIATION,
        "is staged with another number or state than was computed",
        f"""SELECT {KEY_SQL} FROM computed AS c JOIN staged AS s USING ({KEY_SQL})
            WHERE metric NOT IN (SELECT * FROM held) AND (
              c.value_state <> s.value_state OR (c.value IS NULL) <> (s.value IS NULL)
              OR abs(c.value - s.value) > $tolerance * greatest(1, abs(c.value))
              OR abs(c.numerator - s.numerator) > $tolerance * greatest(1, abs(c.numerator))
              OR abs(c.denominator - s.denominator) > $tolerance * greatest(1, abs(c.denominator)))""",
    ),
}


def run_published_checks(
    catalogue: Catalogue,
    computed: pa.Table,
    staged: pa.Table,
    *,
    held_back: Sequence[str] = (),
    now: datetime,
    judge: Judge | None = None,
) -> list[CheckResult]:
    """Compare the KPI values staged in the reporting database with those computed.

    Both frames carry the key columns (metric, grain, period_start, segment_dimension, segment_value), value,
    numerator, denominator and value_state, for the rows this run offers. ``held_back`` are the KPIs the gate
    blocked: their rows are not compared. Any failure holds the whole publication; never raises.
    """
    tolerance = catalogue.settings.quality.value_tolerance
    size = catalogue.settings.quality.sample_size
    try:
        judge = judge or Judge()
        with duckdb.connect() as db:
            db.register("computed", computed)
            db.register("staged", staged)
            db.register("held", pa.table({"metric": pa.array(sorted(held_back), pa.string())}))
            found, samples = {}, {}
            for name, (_, _, sql) in _RULES.items():
                used = {"tolerance": tolerance} if "$tolerance" in sql else {}
                rows = db.execute(f"SELECT * FROM ({sql}) AS offenders ORDER BY {KEY_SQL}", used).fetchall()
                found[name] = len(rows)
                samples[name] = tuple(_key(row) for row in rows[:size])
        frame = pd.DataFrame({"asset": [ASSET], **{name: [count] for name, count in found.items()}})
        said = judge.rows(ASSET, frame, list(_RULES), "asset")
        raised = {name: verdict.raised for name, verdict in said.items() if verdict.raised}
        if raised:
            raise RuntimeError("; ".join(f"{name}: {why}" for name, why in sorted(raised.items())))
    except Exception as problem:
        message = " ".join(f"could not compare what is staged with what was computed: {problem}".split())[
            :300
        ]
        return [
            _result("checked", Dimension.RECONCILIATION, False, message, None, None, (), now, raised=True)
        ]
    return [
        _result(
            name,
            dimension,
            said[name].passed,
            f"{found[name]} of {computed.num_rows} values: {what}" if found[name] else f"no value {what}",
            computed.num_rows,
            found[name],
            samples[name],
            now,
        )
        for name, (dimension, what, _) in _RULES.items()
    ]


def _key(row: Sequence[object]) -> Key:
    return {name: value for name, value in zip(KEY, row, strict=True) if value not in (None, "")}


def _result(
    name: str,
    dimension: Dimension,
    passed: bool,
    message: str,
    rows: int | None,
    failed: int | None,
    sample: tuple[Key, ...],
    now: datetime,
    raised: bool = False,
) -> CheckResult:
    return CheckResult(
        check_id=f"{ASSET}.{name}",
        asset=ASSET,
        source_system="kpi",
        metric_ids=(),
        dimension=dimension,
        severity=Severity.ERROR,
        passed=passed,
        rows_checked=rows,
        rows_failed=failed,
        observed=None if failed is None else float(failed),
        threshold=0.0,
        message=message,
        blocks_publish=True,
        checked_at=now,
        sample=sample,
        raised=raised,
    )
