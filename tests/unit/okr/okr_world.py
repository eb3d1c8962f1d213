"""A small company for the tests of goals: a catalogue in Python, and value frames written as short lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from definitions.calendars import period_of, period_start
from definitions.model import (
    Aggregation,
    Balance,
    Baseline,
    Calendar,
    Catalogue,
    Cycle,
    Direction,
    Frequency,
    KeyResult,
    Measure,
    Metric,
    MetricType,
    Objective,
    Organisation,
    Owner,
    Person,
    Ratio,
    Simple,
    Source,
    Target,
    Team,
)

COMPANY = Calendar("company")
HASH = "0" * 64
Q4 = (date(2026, 10, 1), date(2026, 12, 31))

_FORMULAS: dict[str, tuple[MetricType, Any]] = {
    "sum": (MetricType.SIMPLE, Simple(Measure("s", Aggregation.COUNT))),
    "mean": (MetricType.SIMPLE, Simple(Measure("s", Aggregation.AVG))),
    "ratio": (MetricType.RATIO, Ratio(Measure("s", Aggregation.COUNT), Measure("s", Aggregation.COUNT))),
    "last": (MetricType.BALANCE, Balance(Measure("s", Aggregation.COUNT))),
}


def metric(name: str, rolls: str = "mean", direction: str = "increase", **more: Any) -> Metric:
    """A metric whose values roll up as a sum, mean, ratio, or last state."""
    kind, formula = _FORMULAS[rolls]
    fields: dict[str, Any] = {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "definition": name,
        "type": kind,
        "formula": formula,
        "unit": "points",
        "unit_family": "count" if rolls == "sum" else "score",
        "direction": Direction(direction),
        "owner": Owner("sales", "ada"),
        "frequency": Frequency("daily", "weekly"),
    }
    return Metric(**{**fields, **more})


def key_result(key: str, kind: str = "increase", **more: Any) -> KeyResult:
    """A key result with a baseline of 42 on the day before the cycle, unless told otherwise."""
    fields: dict[str, Any] = {
        "key": key,
        "statement": key,
        "owner": "ada",
        "kr_type": kind,
        "nature": "effort" if kind in {"milestone", "binary"} else "outcome",
        "baseline": Baseline(42, date(2026, 9, 30)) if kind in {"increase", "decrease"} else None,
    }
    return KeyResult(**{**fields, **more})


def objective(key: str, *key_results: KeyResult, **more: Any) -> Objective:
    """An objective of the sales team."""
    fields: dict[str, Any] = {"title": key, "team": "sales", "owner": "bob", "cycle": "2026-Q4"}
    return Objective(**{"key": key, **fields, "key_results": key_results, **more})


def cycle(*objectives: Objective, **more: Any) -> Cycle:
    """The fourth quarter of 2026."""
    fields = {
        "key": "2026-Q4",
        "name": "Q4",
        "start": Q4[0],
        "end": Q4[1],
        "state": "open",
        "objectives": objectives,
    }
    return Cycle(**{**fields, **more})


def catalogue(
    metrics: Iterable[Metric] = (),
    *cycles: Cycle,
    targets: Sequence[Target] = (),
    calendar: Calendar = COMPANY,
) -> Catalogue:
    """A dictionary with one team and two people."""
    people = {key: Person(key, key.capitalize(), f"{key}@example.org", "sales") for key in ("ada", "bob")}
    return Catalogue(
        root=Path("."),
        sources={"s": Source("s", "sales.s", "files", "sales", ("id",), {})},
        metrics={item.name: item for item in metrics},
        calendars={"company": calendar},
        organisation=Organisation({"sales": Team("sales", "Sales", "bob")}, people, {}),
        targets=tuple(targets),
        cycles=cycles,
    )


def target(name: str, value: float | None, grain: str, start: date, **more: Any) -> Target:
    """A target of one period."""
    period = period_of(COMPANY, grain, start)
    fields: dict[str, Any] = {
        "metric": name,
        "segment": (),
        "grain": grain,
        "period": str(start),
        "period_start": period.start,
        "period_end": period.last_day,
        "comparison": "gte",
        "target": value,
    }
    return Target(**{**fields, **more})


Row = dict[str, Any]


def series(
    name: str,
    grain: str,
    last: date,
    *values: float | None,
    segment: tuple[str, str] = ("", ""),
    provisional: int = 0,
    bottoms: Sequence[float] | None = None,
) -> list[Row]:
    """Values of consecutive periods, the last of which contains `last`; the last `provisional` ones may change."""
    rows: list[Row] = []
    day = last
    for place, value in enumerate(reversed(values)):
        period = period_of(COMPANY, grain, day)
        state = "no_data" if value is None else "provisional" if place < provisional else "final"
        bottom = None if bottoms is None else bottoms[len(values) - 1 - place]
        rows.append(
            {
                "metric": name,
                "version": 1,
                "definition_hash": HASH,
                "grain": grain,
                "period_start": period.start,
                "period_end": period.last_day,
                "segment_dimension": segment[0],
                "segment_value": segment[1],
                "value": value,
                "numerator": None if bottom is None or value is None else value * bottom,
                "denominator": bottom,
                "sample_size": None,
                "value_state": state,
                "state_reason": None if value is not None else "nothing there",
            }
        )
        day = period_start(COMPANY, grain, day) - timedelta(1)
    return rows[::-1]


def frame(*groups: list[Row]) -> pa.Table:
    """The KPI value frame of several series."""
    rows = [row for group in groups for row in group]
    return pa.Table.from_pylist(rows, schema=FRAME)


FRAME = pa.schema(
    [
        ("metric", pa.string()),
        ("version", pa.int32()),
        ("definition_hash", pa.string()),
        ("grain", pa.string()),
        ("period_start", pa.date32()),
        ("period_end", pa.date32()),
        ("segment_dimension", pa.string()),
        ("segment_value", pa.string()),
        ("value", pa.float64()),
        ("numerator", pa.float64()),
        ("denominator", pa.float64()),
        ("sample_size", pa.int64()),
        ("value_state", pa.string()),
        ("state_reason", pa.string()),
    ]
)
