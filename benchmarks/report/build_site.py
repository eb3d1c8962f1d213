"""What building the report costs: seconds and bytes, by number of metrics.

Run: ``python -m benchmarks.report.build_site [--metrics 100 1000]``. The company is made up (weekly and monthly
headline grains, two to three years of history); reading the database is not in it. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from pipelines.report.bands import with_expected_ranges
from pipelines.report.build import render_site
from pipelines.report.charts import draw, metric_chart, sparkline
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
    print("| metrics | files | wall s | CPU s | of it expected ranges, CPU s | largest page kB | site MB |")
    print("|---|---|---|---|---|---|---|")
    for size in sizes:
        made = company(extra_metrics=size - len(few.kpis))
        ranges = timed(lambda made=made: with_expected_ranges(made))
        files: dict[str, bytes] = {}
        wall, cpu = timed(lambda made=made, files=files: files.update(render_site(made, NOW)))
        largest = max(len(content) for name, content in files.items() if name.endswith(".html"))
        total = sum(len(content) for content in files.values())
        print(
            f"| {size} | {len(files)} | {wall:.1f} | {cpu:.1f} | {ranges[1]:.1f} | {largest / 1000:.0f} |"
            f" {total / 1e6:.1f} |"
        )


if __name__ == "__main__":
    main()
