"""What is staged for publication is what was computed: the last check before the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb
import pyarrow as pa

from definitions.model import Catalogue

from .errors import QualityError
from .results import CheckResult, Dimension, Key, Severity
from .runner import Judge

ASSET = "published_kpi_value"

KEY = ("metric", "grain", "period_start", "segment")
_KEY = ", ".join(KEY)
_HELD = "metric NOT IN (SELECT * FROM held)"
_QUANTUM = 5.1e-7
"""Half of the sixth place, to which numbers are published (scoring rules)."""


def _differs(name: str) -> str:
    return (
        f"(c.{name} IS NULL) <> (s.{name} IS NULL)"
        f" OR abs(c.{name} - s.{name}) > $quantum + $tolerance * abs(c.{name})"
    )


_RULES = {
    "complete": (
        Dimension.COMPLETENESS,
        "was computed, and is neither staged nor published already",
        f"SELECT {_KEY} FROM computed ANTI JOIN there USING ({_KEY}) WHERE {_HELD}",
    ),
    "nothing_else": (
        Dimension.CONSISTENCY,
        "is staged and was not computed",
        f"SELECT {_KEY} FROM staged ANTI JOIN computed USING ({_KEY}) WHERE {_HELD}",
    ),
    "once": (
        Dimension.UNIQUENESS,
        "is staged more than once",
        f"SELECT {_KEY} FROM staged GROUP BY ALL HAVING count(*) > 1",
    ),
    "equal": (
        Dimension.RECONCILIATION,
        "is published with another number or state than was computed",
        f"""SELECT {_KEY} FROM computed AS c JOIN there AS s USING ({_KEY})
            WHERE {_HELD} AND (c.value_state <> s.value_state OR {_differs("value")}
              OR {_differs("numerator")} OR {_differs("denominator")})""",
    ),
}


def run_published_checks(
    catalogue: Catalogue,
    computed: pa.Table,
    staged: pa.Table,
    *,
    published: pa.Table | None = None,
    held_back: Sequence[str] = (),
    now: datetime,
    judge: Judge | None = None,
) -> list[CheckResult]:
    """Compare the KPI values about to be published with those computed.

    ``staged`` are the rows this publication offers; rows that it leaves out because they are published as they
    are come in ``published``. All frames may be named as the value frame (metric, grain, segment_dimension,
    segment_value) or as the published tables (metric_id, period_grain, segment_key). ``held_back`` are the KPIs
    the gate blocked: their rows are not compared. Any failure holds the whole publication; never raises.
    """
    settings = catalogue.settings.quality
    try:
        judge = judge or Judge()
        with duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"}) as db:
            _view(db, "computed", computed)
            _view(db, "staged", staged)
            _view(db, "standing", staged.slice(0, 0) if published is None else published)
            db.register("held", pa.table({"metric": pa.array(sorted(held_back), pa.string())}))
            standing = f"SELECT * FROM standing ANTI JOIN staged USING ({_KEY})"
            db.execute(f"CREATE TEMP VIEW there AS SELECT * FROM staged UNION ALL BY NAME {standing}")
            found, samples = {}, {}
            for name, (_, _, sql) in _RULES.items():
                known = {"tolerance": settings.value_tolerance, "quantum": _QUANTUM}
                used = {key: value for key, value in known.items() if f"${key}" in sql}
                rows = db.execute(f"SELECT * FROM ({sql}) AS offenders ORDER BY {_KEY}", used).fetchall()
                found[name] = len(rows)
                samples[name] = tuple(
                    dict(zip(KEY, row, strict=True)) for row in rows[: settings.sample_size]
                )
        import pandas as pd  # slow to import, and only a run needs it

        frame = pd.DataFrame({"asset": [ASSET], **{name: [count] for name, count in found.items()}})
        said = judge.rows(ASSET, frame, list(_RULES), "asset")
        raised = {name: verdict.raised for name, verdict in said.items() if verdict.raised}
        if raised:
            raise QualityError("; ".join(f"{name}: {why}" for name, why in sorted(raised.items())))
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


def _view(db: duckdb.DuckDBPyConnection, name: str, frame: pa.Table) -> None:
    """A frame under the names and types that the rules use, whichever names it came with."""
    there = set(frame.column_names)
    segment = "segment_key"
    if segment not in there:
        segment = (
            "CASE WHEN segment_dimension = '' THEN 'total' ELSE segment_dimension || '=' || segment_value END"
        )
    db.register(f"{name}_frame", frame)
    db.execute(
        f"""CREATE TEMP VIEW {name} AS SELECT
              {"metric_id" if "metric_id" in there else "metric"} AS metric,
              {"period_grain" if "period_grain" in there else "grain"} AS grain,
              period_start::DATE AS period_start, {segment} AS segment, value_state,
              value::DOUBLE AS value, numerator::DOUBLE AS numerator, denominator::DOUBLE AS denominator
            FROM {name}_frame"""
    )


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
