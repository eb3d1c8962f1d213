"""What goes with a batch besides its numbers: the results of its checks, and the alerts it raises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, and_, bindparam, exists, insert, literal, or_, select, text, update

from pipelines.publishing import schema, staging
from pipelines.publishing.dimensions import as_row
from pipelines.publishing.records import AlertRow, QualityResultRow


def write_quality(connection: Connection, batch_id: int, results: Sequence[QualityResultRow]) -> int:
    """Every result of this batch becomes the current one of its check and asset; returns how many there are."""
    results = _one_each(results)
    if not results:
        return 0
    table = schema.data_quality_result
    execute = connection.execute
    former = update(table).where(
        table.c.check_id == bindparam("check"), table.c.asset == bindparam("of_asset"), text("is_current")
    )
    execute(former.values(is_current=False), [{"check": r.check_id, "of_asset": r.asset} for r in results])
    rows = [as_row(result) | {"is_current": True, "batch_id": batch_id} for result in results]
    execute(insert(table), [row | {"sample_keys": list(row["sample_keys"])} for row in rows])
    keys = {
        (row.check_id, row.asset): row.dq_result_key
        for row in execute(
            select(table.c.check_id, table.c.asset, table.c.dq_result_key).where(table.c.batch_id == batch_id)
        )
    }
    known = set(execute(select(schema.metric.c.metric_id)).scalars())
    links = [
        {"dq_result_key": keys[result.check_id, result.asset], "metric_id": metric}
        for result in results
        for metric in sorted(set(result.metric_ids) & known)
    ]
    if links:
        execute(insert(schema.data_quality_metric), links)
    return len(results)


def _one_each(results: Sequence[QualityResultRow]) -> list[QualityResultRow]:
    """One row per check and asset: what one check said in several results is told together."""
    grouped: dict[tuple[str, str], list[QualityResultRow]] = {}
    for result in results:
        grouped.setdefault((result.check_id, result.asset), []).append(result)
    return [group[0] if len(group) == 1 else _together(group) for group in grouped.values()]


def _together(group: Sequence[QualityResultRow]) -> QualityResultRow:
    failed = [result for result in group if not result.passed] or list(group)
    worst = min(failed, key=lambda result: (result.severity != "error", not result.blocks_publish))
    counts = [result.rows_failed for result in failed if result.rows_failed is not None]
    return replace(
        worst,
        message="; ".join(dict.fromkeys(result.message for result in failed)),
        metric_ids=tuple(sorted({metric for result in failed for metric in result.metric_ids})),
        rows_failed=sum(counts) if counts else None,
        sample_keys=tuple(dict.fromkeys(key for result in failed for key in result.sample_keys)),
    )


def write_alerts(connection: Connection, batch_id: int, alerts: Iterable[AlertRow]) -> None:
    """Queue the alerts; one that is queued, sent or suppressed alike already is dropped."""
    rows = [as_row(alert) for alert in alerts]
    if not rows:
        return
    log = schema.alert_log
    names = tuple(rows[0])
    stage = staging.stage_like(log, names)
    staging.create(connection, stage)
    staging.load_rows(connection, stage, rows)
    standing = log.alias("standing")
    same = and_(*(standing.c[n] == stage.c[n] for n in ("dedup_key", "recipient", "channel")))
    told = or_(
        standing.c.delivery_state.in_(("queued", "sent")),
        standing.c.delivery_state == stage.c.delivery_state,
    )
    fresh = (
        select(*(stage.c[name] for name in names), literal(batch_id))
        .where(~exists().where(and_(same, told)).correlate(stage))
        .order_by(stage.c.dedup_key, stage.c.recipient, stage.c.channel)
    )
    connection.execute(insert(log).from_select([*names, "batch_id"], fresh))
