"""The second day of the company: staging and computing by what changed, against computing everything.

    python -m benchmarks.pipelines.second_day --scale 1 --rounds 3

Each round lets a day pass. Staging is timed with and without the log of changes, computing by change and whole;
values are compared row by row.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipelines.sandboxed import sandbox_installation
from pipelines.staging import build_staging
from pipelines.steps.compute import VALUES, compute
from pipelines.steps.extract import extract
from pipelines.steps.stage import land, stage
from pipelines.warehouse import open_warehouse


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found: dict[str, list[float]] = {
        name: [] for name in ("stage, logged", "stage, plain", "by change", "whole")
    }
    with (
        tempfile.TemporaryDirectory() as home,
        sandbox_installation(Path(home), scale=options.scale) as running,
    ):
        installation = running.load()
        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            for day in range(options.rounds + 1):
                for source in installation.sources:
                    list(extract(installation.workspace, source))
                list(land(installation, warehouse))
                logged = timed(lambda: stage(installation, warehouse))
                by_change = timed(lambda: list(compute(installation, warehouse)))
                values = warehouse.query(f"SELECT * FROM {VALUES} ORDER BY ALL")
                plain = timed(lambda: build_staging(warehouse, installation.catalogue, installation.models))
                whole = timed(lambda: list(compute(installation, warehouse, full=True)))
                assert warehouse.query(f"SELECT * FROM {VALUES} ORDER BY ALL") == values
                if day:
                    for name, took in zip(found, (logged, plain, by_change, whole), strict=True):
                        found[name].append(took)
                running.sandbox.advance(hours=24)
            rows = warehouse.query(f"SELECT count(*) FROM {VALUES}").column(0)[0].as_py()
    for name, seconds in found.items():
        print(f"{name:14} {statistics.median(seconds):6.2f} s")
    ratio = statistics.median(found["whole"]) / statistics.median(found["by change"])
    print(f"{rows:,} values; computing whole takes {ratio:.2f} times as long")


if __name__ == "__main__":
    main()
