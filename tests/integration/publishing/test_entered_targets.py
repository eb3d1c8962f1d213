"""A target that a steward entered wins over the dictionary's, the latest over those before."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from sqlalchemy import Engine, text

import definitions
from definitions import load_catalogue
from pipelines.publishing.dictionary import dictionary_rows
from pipelines.publishing.engine import writing
from pipelines.publishing.entered_targets import with_entered_targets
from tests.integration.publishing.kit import publication, put

ENTRY = text(
    "INSERT INTO target_entry (metric_id, period_grain, period_start, period_end, segment_dimension, segment_value, "
    "comparison, target_value, reason, entered_by) VALUES (:metric, 'month', '2026-04-01', '2026-04-30', :dimension, "
    ":value, 'gte', :target, 'braver', 'ana')"
)


def test_the_latest_entry_wins_and_limits_stay(engine: Engine) -> None:
    catalogue = load_catalogue(Path(definitions.__file__).parent / "catalogue")
    april = date(2026, 4, 1)
    metric = next(
        t.metric
        for t in catalogue.targets
        if t.grain == "month"
        and t.period_start == april
        and not t.segment
        and catalogue.metrics[t.metric].segments
    )
    dimensions = max(catalogue.metrics[metric].segments, key=len)
    values = tuple(f"some {dimension}" for dimension in dimensions)
    hashes = dict.fromkeys(catalogue.metrics, "a" * 64)
    rows = dictionary_rows(catalogue, hashes, first=april, last=april)
    put(engine, "p1", dictionary=rows, values=publication("x").values)
    assert with_entered_targets(catalogue, engine).targets == tuple(
        sorted(catalogue.targets, key=lambda t: (t.metric, t.grain, t.period_start.isoformat(), t.segment))
    )
    with writing(engine) as connection:
        plain = {"metric": metric, "dimension": "", "value": ""}
        for target in (1.0, 2.5):
            connection.execute(ENTRY, plain | {"target": target})
        connection.execute(
            ENTRY, plain | {"dimension": "|".join(dimensions), "value": "|".join(values), "target": 9.0}
        )
    entered = with_entered_targets(catalogue, engine)
    assert len(entered.targets) == len(catalogue.targets) + 1
    [before] = [t for t in catalogue.targets_of(metric) if (t.grain, t.period_start) == ("month", april)]
    [total] = [t for t in entered.targets_of(metric) if (t.grain, t.period_start) == ("month", april)]
    assert (total.target, total.reason, total.set_by, total.period) == (2.5, "braver", "ana", before.period)
    assert (total.amber_at, total.red_at, total.baseline) == (before.amber_at, before.red_at, before.baseline)
    [part] = entered.targets_of(metric, tuple(sorted(zip(dimensions, values, strict=True))))
    assert part.target == 9.0
    assert replace(entered, targets=()) == replace(catalogue, targets=())
