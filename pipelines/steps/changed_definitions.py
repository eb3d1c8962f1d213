"""A definition that changed: refused where nobody approved it, and in force from the day that it says.

A metric whose meaning is not the published one, without a new version, a reason and another person's approval,
is not computed: its last values stay, the gate holds it back with what is missing, and the rest goes on. Where
the change is approved, periods before it takes effect keep the values that the earlier definition left, with
its version; from then on they are restated. Source: dictionary rules, 'Versions'; publication rules, decision 3.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine

from definitions.approval import Published, changed, refused, takes_effect
from definitions.calendars import local_day
from definitions.compiler import Compiler
from definitions.compiler.states import FRAME, settling_of
from pipelines import handover
from pipelines.installation import Installation
from pipelines.publishing.in_force import defined_otherwise, in_force, values_of_others
from pipelines.steps.reporting import reporting
from pipelines.warehouse import Warehouse
from quality import CheckResult
from quality.results import Dimension, Severity

CHECKS = "definition_checks"
APPROVED = "definition_approved"
FORMER, FORMER_OF = "vitals.kpi_former", "vitals.kpi_former_of"
_FORMER_OF_SCHEMA = pa.schema(
    [("metric", pa.string()), ("version", pa.int64()), ("definition_hash", pa.string())]
)


def weigh_definitions(installation: Installation, warehouse: Warehouse, compiler: Compiler) -> dict[str, str]:
    """Hold the dictionary against what was published: reasons of the metrics that are refused, by name.

    Leaves the check's result for the gate, and the values that changed definitions keep for `former_values`.
    """
    with reporting(installation) as engine:
        published = in_force(engine)
        problems = refused(compiler, published)
        reasons = {name: str(problem) for name, problem in problems.items()}
        with warehouse.transaction():
            result = _result(reasons, len(changed(compiler, published)), installation.workspace.now())
            handover.leave(warehouse, CHECKS, CheckResult, [result])
            _keep_former(warehouse, engine, compiler, published, reasons.keys())
    return reasons


def definition_checks(warehouse: Warehouse) -> tuple[CheckResult, ...]:
    """The result that `weigh_definitions` left."""
    return handover.take(warehouse, CHECKS, CheckResult)


def former_values(warehouse: Warehouse, compiler: Compiler, names: Sequence[str], now: datetime) -> pa.Table:
    """Values of earlier definitions that stay, as a KPI value frame; what was provisional has settled by its day."""
    if not warehouse.exists(FORMER):
        return FRAME.empty_table()
    marks = ", ".join("?" for _ in names)
    rows = warehouse.query(f"SELECT * FROM {FORMER} WHERE metric IN ({marks})", list(names)).cast(FRAME)
    if not rows.num_rows:
        return rows
    final_before = {name: _settled_before(compiler, name, now) for name in names}
    limits = np.array([final_before[name] for name in rows.column("metric").to_pylist()], "datetime64[D]")
    ends = rows.column("period_end").cast(pa.int32()).to_numpy().astype("datetime64[D]")
    settled = pc.and_(pc.equal(rows.column("value_state"), "provisional"), pa.array(ends < limits))
    state = pc.if_else(settled, "final", rows.column("value_state"))
    reason = pc.if_else(settled, pa.scalar(None, pa.string()), rows.column("state_reason"))
    return (
        rows.set_column(FRAME.get_field_index("value_state"), "value_state", state)
        .set_column(FRAME.get_field_index("state_reason"), "state_reason", reason)
        .cast(FRAME)
    )


def with_former(frame: pa.Table, former: pa.Table) -> pa.Table:
    """A frame in which the periods of earlier definitions are as those left them.

    Series whose periods were kept are not computed before the last of these: a segment that came or went with the
    new definition does so from then on.
    """
    if not former.num_rows:
        return frame
    series = ["metric", "grain", "segment_dimension"]
    kept = former.group_by(series).aggregate([("period_end", "max")])
    placed = frame.append_column("place", pa.array(range(frame.num_rows), pa.int64()))
    joined = placed.select([*series, "period_end", "place"]).join(kept, series, join_type="left outer")
    later = pc.or_kleene(
        pc.is_null(joined.column("period_end_max")),
        pc.greater(joined.column("period_end"), joined.column("period_end_max")),
    )
    places = joined.filter(later).column("place").sort()
    return pa.concat_tables([former, frame.take(places)])


def _result(reasons: dict[str, str], altered: int, now: datetime) -> CheckResult:
    return CheckResult(
        check_id=APPROVED,
        asset="kpi_value",
        source_system="dictionary",
        metric_ids=tuple(sorted(reasons)),
        dimension=Dimension.CONSISTENCY,
        severity=Severity.ERROR,
        passed=not reasons,
        rows_checked=altered,
        rows_failed=len(reasons),
        observed=float(len(reasons)),
        threshold=0.0,
        message="; ".join(list(reasons.values())[:3]) or f"{altered} changed definitions are approved",
        blocks_publish=False,
        checked_at=now,
        details=reasons,
    )


def _keep_former(
    warehouse: Warehouse,
    engine: Engine,
    compiler: Compiler,
    published: dict[str, Published],
    held: Collection[str],
) -> None:
    """Note, once for each definition, which published values of earlier ones stay."""
    if not warehouse.exists(FORMER):
        warehouse.write(FORMER, FRAME.empty_table())
        warehouse.write(FORMER_OF, _FORMER_OF_SCHEMA.empty_table())
    metrics = compiler.catalogue.metrics
    now = {name: Published(metric.version, compiler.hash_of(name)) for name, metric in metrics.items()}
    rows = warehouse.query(f"SELECT metric, version, definition_hash FROM {FORMER_OF}").to_pylist()
    noted = {row["metric"]: Published(row["version"], row["definition_hash"]) for row in rows}
    fresh = {name: known for name, known in now.items() if noted.get(name) != known and name not in held}
    if not fresh:
        return
    others = defined_otherwise(engine, fresh)
    kept = _kept(values_of_others(engine, {name: fresh[name] for name in others}), compiler, published)
    marks = ", ".join("?" for _ in fresh)
    for table in (FORMER, FORMER_OF):
        warehouse.execute(f"DELETE FROM {table} WHERE metric IN ({marks})", sorted(fresh))
    if kept.num_rows:
        warehouse.append(FORMER, kept)
    notes = {
        "metric": sorted(fresh),
        "version": [fresh[name].version for name in sorted(fresh)],
        "definition_hash": [fresh[name].definition_hash for name in sorted(fresh)],
    }
    warehouse.append(FORMER_OF, pa.table(notes, schema=_FORMER_OF_SCHEMA))


def _kept(rows: pa.Table, compiler: Compiler, published: dict[str, Published]) -> pa.Table:
    """The rows that end before the metric's present definition takes effect."""
    parts = [FRAME.empty_table()]
    for name in sorted(set(rows.column("metric").to_pylist())):
        own = rows.filter(pc.equal(rows.column("metric"), name))
        day = takes_effect(compiler, name, _known_by(own, compiler, name, published))
        if day is None and published[name].definition_hash != compiler.hash_of(name):
            continue
        if day is not None:
            own = own.filter(pc.less(own.column("period_end"), pa.scalar(day, pa.date32())))
        parts.append(_as_frame(own))
    return pa.concat_tables(parts)


def _known_by(
    rows: pa.Table, compiler: Compiler, name: str, published: dict[str, Published]
) -> dict[str, Published]:
    """What was in force when the rows were made: where the change is published already, the rows' own version."""
    if published[name].definition_hash != compiler.hash_of(name):
        return published
    before = max(rows.column("version").to_pylist())
    return published | {name: Published(before, published[name].definition_hash)}


def _as_frame(rows: pa.Table) -> pa.Table:
    """Published rows as a value frame; a value that was held back is the last good one again."""
    blocked = pc.equal(rows.column("value_state"), "blocked")
    value = pc.if_else(blocked, rows.column("last_good_value"), rows.column("value"))
    state = pc.if_else(
        blocked, pc.if_else(pc.is_null(value), "no_data", "provisional"), rows.column("value_state")
    )
    columns = {name: rows.column(name) for name in FRAME.names}
    return pa.table(columns | {"value": value, "value_state": state}).cast(FRAME)


def _settled_before(compiler: Compiler, name: str, now: datetime) -> date:
    """Periods that ended before this day are final."""
    calendar = compiler.catalogue.calendars[compiler.catalogue.metrics[name].calendar]
    return local_day(calendar, now) - timedelta(days=settling_of(compiler.resolver, name).days)
