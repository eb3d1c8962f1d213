"""Time of status, contributions and scores on a large generated frame.

    python -m benchmarks.scoring.speed

300,300 rows (60 metrics, total and six segments, 715 days, with targets), 2,000 key results over 60 weekly metrics,
and 40 driver trees. Medians of three runs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from definitions.model import (
    Aggregation,
    Baseline,
    Calendar,
    Catalogue,
    Cycle,
    Direction,
    Drivers,
    KeyResult,
    Measure,
    Metric,
    MetricType,
    Objective,
    Organisation,
    Owner,
    Simple,
    Target,
)
from pipelines.okr.assemble import score_cycles, score_history
from pipelines.okr.contributions import contribution_rows
from pipelines.okr.status import apply_status

FIRST_DAY = date(2024, 11, 18)
AS_OF = date(2026, 11, 1)
METRICS, SEGMENTS, DAYS, WEEKS, KEY_RESULTS = 60, 6, 715, 102, 2000


def company() -> Catalogue:
    """Metrics in both directions, targets per quarter, trees over the first metrics, one cycle of goals."""
    formula = Simple(Measure("s", Aggregation.AVG))
    metrics = {}
    for number in range(METRICS):
        name = f"m{number:02}"
        drivers = Drivers("sum", (f"m{number + 1:02}", f"m{number + 2:02}")) if number < 40 else None
        metrics[name] = Metric(
            name=name,
            label=name,
            definition=name,
            type=MetricType.SIMPLE,
            formula=formula,
            unit="points",
            unit_family="score",
            direction=Direction.DECREASE if number % 2 else Direction.INCREASE,
            owner=Owner("t", "p"),
            drivers=drivers,
        )
    targets = tuple(
        Target(name, (), "quarter", "2026-Q4", date(2026, 10, 1), date(2026, 12, 31), "gte", 25.0)
        for name in metrics
    )
    goals = tuple(
        KeyResult(
            key=f"kr{number}",
            statement="Increase it",
            owner="p",
            kr_type="increase",
            nature="outcome",
            metric=f"m{number % METRICS:02}",
            baseline=Baseline(18, date(2026, 9, 30)),
            target=25,
            grain="week",
        )
        for number in range(KEY_RESULTS)
    )
    objective = Objective("o", "Better", "t", "p", "q4", goals)
    cycle = Cycle("q4", "Q4", date(2026, 10, 1), date(2026, 12, 31), "open", (objective,))
    calendars = {"company": Calendar("company")}
    return Catalogue(Path(), {}, metrics, calendars, Organisation({}, {}, {}), targets, (cycle,))


def frame(grain: str, step: int, periods: int, segments: int) -> pa.Table:
    """Values of every metric, total and segments, at one grain."""
    rng = np.random.default_rng(0)
    starts = np.array([FIRST_DAY + timedelta(step * period) for period in range(periods)], "datetime64[D]")
    names = [f"m{number:02}" for number in range(METRICS)]
    places = [("", ""), *(("region", f"r{number}") for number in range(segments))]
    series = [(name, *place) for name in names for place in places]
    count = len(series)
    repeated = np.tile(starts, count)
    return pa.table(
        {
            "metric": pa.array(np.repeat([one[0] for one in series], periods)),
            "grain": pa.array(np.repeat([grain], periods * count)),
            "period_start": pa.array(repeated),
            "period_end": pa.array(repeated + np.timedelta64(step - 1, "D")),
            "segment_dimension": pa.array(np.repeat([one[1] for one in series], periods)),
            "segment_value": pa.array(np.repeat([one[2] for one in series], periods)),
            "value": pa.array(rng.lognormal(3, 0.3, periods * count)),
            "value_state": pa.array(np.repeat(["final"], periods * count)),
        }
    )


def timed(what: str, work: Callable[[], object]) -> None:
    """Run three times and print the median."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    print(f"{what:<52} {statistics.median(seconds):7.3f} s")


def main() -> None:
    """Print one line per subject."""
    known = company()
    daily, weekly = frame("day", 1, DAYS, SEGMENTS), frame("week", 7, WEEKS, 0)
    timed(f"status of {daily.num_rows:,} rows", lambda: apply_status(known, daily, AS_OF))
    timed(f"{KEY_RESULTS:,} key results, one day", lambda: score_cycles(known, weekly, AS_OF))
    timed(
        "contributions of 40 trees, 13 weeks",
        lambda: contribution_rows(known, weekly, AS_OF, grains=["week"]),
    )
    (whole,) = known.cycles[0].objectives
    few = replace(whole, key_results=whole.key_results[:100])
    quarter = replace(known.cycles[0], objectives=(few,))
    days = [quarter.start + timedelta(day) for day in range((min(AS_OF, quarter.end) - quarter.start).days)]
    timed(
        f"snapshots of 100 key results, {len(days)} days gone by",
        lambda: score_history(known, quarter, weekly, days),
    )


if __name__ == "__main__":
    main()
