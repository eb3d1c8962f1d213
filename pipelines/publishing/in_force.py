"""Definitions as they were last published, and the values that earlier ones left: what a changed definition is
held against.

Source: dictionary rules, 'Versions'; publication rules, decision 13.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa
from sqlalchemy import ColumnElement, Engine, and_, false, or_, select

from definitions.approval import Published
from pipelines.publishing.arrow import fetch
from pipelines.publishing.engine import reading
from pipelines.publishing.revisions import is_current
from pipelines.publishing.schema import definition_finding, kpi_value, metric_version, segment

STILL_CERTIFIED = "STILL_CERTIFIED"


def in_force(engine: Engine) -> dict[str, Published]:
    """The published definitions by metric; none before the first publication."""
    table = metric_version
    query = select(table.c.metric_id, table.c.version, table.c.definition_hash).where(table.c.is_current)
    with reading(engine) as connection:
        return {
            row.metric_id: Published(row.version, row.definition_hash) for row in connection.execute(query)
        }


def dropped_before(engine: Engine) -> frozenset[str]:
    """Metrics that were published as fallen from certified to review, and are since."""
    table = definition_finding
    query = select(table.c.subject_id).where(
        table.c.is_current, table.c.rule_id == STILL_CERTIFIED, table.c.subject_kind == "metric"
    )
    with reading(engine) as connection:
        return frozenset(connection.execute(query).scalars())


def defined_otherwise(engine: Engine, definitions: Mapping[str, Published]) -> frozenset[str]:
    """Metrics of which another definition than the one given was ever published."""
    table = metric_version
    query = select(table.c.metric_id, table.c.version, table.c.definition_hash)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return frozenset(
        row.metric_id
        for row in rows
        if row.metric_id in definitions
        and definitions[row.metric_id] != Published(row.version, row.definition_hash)
    )


def values_of_others(engine: Engine, definitions: Mapping[str, Published]) -> pa.Table:
    """Values that are published now and were computed by another definition than the one given.

    Columns of the KPI value frame, and `last_good_value` of values that are held back; in no order.
    """
    value, version, part = kpi_value.alias("published"), metric_version, segment
    columns = [
        value.c.metric_id.label("metric"),
        version.c.version,
        version.c.definition_hash,
        value.c.period_grain.label("grain"),
        value.c.period_start,
        value.c.period_end,
        part.c.segment_dimension,
        part.c.segment_value,
        value.c.value,
        value.c.numerator,
        value.c.denominator,
        value.c.sample_size,
        value.c.value_state,
        value.c.state_reason,
        value.c.last_good_value,
    ]
    joined = value.join(version, version.c.metric_version_key == value.c.metric_version_key).join(
        part, part.c.segment_key == value.c.segment_key
    )
    query = select(*columns).select_from(joined).where(is_current("published"), _others(definitions.items()))
    with reading(engine) as connection:
        return fetch(connection, query)


def _others(definitions: Iterable[tuple[str, Published]]) -> ColumnElement[bool]:
    return or_(
        false(),
        *(
            and_(
                metric_version.c.metric_id == name,
                or_(
                    metric_version.c.version != known.version,
                    metric_version.c.definition_hash != known.definition_hash,
                ),
            )
            for name, known in sorted(definitions)
        ),
    )
