"""What building the report costs: seconds and bytes, by number of metrics.

Run: ``python -m benchmarks.report.build_site [--metrics 100 1000]``. The company is made up (weekly and monthly
headline grains, two to three years of history); reading the database is not in it. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.report.build import ReportResult, write_site
from pipelines.report.charts import draw, metric_chart, sparkline
from pipelines.report.model import Snapshot
from tests.unit.report.company_report import NOW, company


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - used


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--metrics", type=int, nargs="+", default=[100, 1000])
    sizes = arguments.parse_args().metrics
    few = company()
    points, unit = few.points["csat"], few.kpis[0].unit
    charts = [chart for chart in [metric_chart(points, unit, "week")] * 200 if chart]
    sparks = [chart for chart in [sparkline(points[-26:])] * 200 if chart]
    draw([charts[0], sparks[0]])  # start the renderer
    for name, several in (("chart in two sizes", charts), ("sparkline", sparks)):
        _, cpu = timed(lambda several=several: draw(several))
        print(f"one {name}: {cpu / len(several) * 1000:.1f} ms CPU")
    print()
    print(
        "| metrics | pages | first build s (CPU s) | same data again s | a day later s | largest page kB | site MB |"
    )
    print("|---|---|---|---|---|---|---|")
    for size in sizes:
        made = company(extra_metrics=size - len(few.kpis))
        with TemporaryDirectory() as folder:
            results: list[ReportResult] = []
            snapshots = (made, made, _a_day_later(made))
            first, again, later = (timed(partial(_build, one, Path(folder), results)) for one in snapshots)
        largest, total = results[0].largest_page_bytes, results[0].total_bytes
        print(
            f"| {size} | {len(results[0].pages)} | {first[0]:.1f} ({first[1]:.1f}) | {again[0]:.1f} | {later[0]:.1f} |"
            f" {largest / 1000:.0f} | {total / 1e6:.1f} |"
        )


def _build(snapshot: Snapshot, folder: Path, results: list[ReportResult]) -> None:
    results.append(write_site(snapshot, folder, NOW))


def _a_day_later(made: Snapshot) -> Snapshot:
    """The same company with another last value in half of its series: the worst of a usual day."""
    points = {
        name: (*series[:-1], replace(series[-1], value=(series[-1].value or 0) * 1.01)) if i % 2 else series
        for i, (name, series) in enumerate(sorted(made.points.items()))
    }
    return replace(made, points=points)


if __name__ == "__main__":
    main()
