"""Warm compile times beside MetricFlow's engine, on an equal manifest, in one run.

    python -m venv /tmp/metricflow && /tmp/metricflow/bin/pip install metricflow==0.213.0
    python -m benchmarks.compiler.against_metricflow --python /tmp/metricflow/bin/python --metrics 400

Both sides read the same metrics over one table from YAML, and compile the same queries again and again; CPU time,
medians. MetricFlow runs in an interpreter of its own, because its pins are not ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.compiler.world import DIMENSIONS, GRAINS, STATUSES, catalogue
from definitions.compiler import Compiler
from definitions.compiler.query import query

ENGINE = Path(__file__).with_name("metricflow_engine.py")


def manifest(metrics: int) -> dict[str, str]:
    """The benchmark's dictionary as MetricFlow reads it, by file."""
    dimensions = "".join(
        f"    - {{name: {name}, type: categorical}}\n"
        for name in (*DIMENSIONS, "status", "items", "is_first")
    )
    model = f"""
semantic_model:
  name: orders
  node_relation: {{schema_name: main, alias: orders}}
  defaults: {{agg_time_dimension: created_at}}
  primary_entity: order
  dimensions:
    - {{name: created_at, type: time, type_params: {{time_granularity: day}}}}
{dimensions}  measures:
    - {{name: orders_count, agg: sum, expr: "1"}}
    - {{name: amount_sum, agg: sum, expr: amount}}
    - {{name: amount_mean, agg: average, expr: amount}}
"""
    spine = """
project_configuration:
  time_spine_table_configurations:
    - {location: main.spine, column_name: ds, grain: day}
  time_spines:
    - node_relation: {alias: spine, schema_name: main}
      primary_column: {name: ds, time_granularity: day}
"""

    def dimension(name: str) -> str:
        return "{{ Dimension('order__" + name + "') }}"

    def simple(name: str, measure: str, where: str) -> str:
        return (
            f"metric:\n  name: {name}\n  type: simple\n  type_params: {{measure: {measure}}}\n"
            f'  filter: "{where}"\n'
        )

    documents = []
    for number in range(metrics):
        items = f"{dimension('items')} > {number % 17}"
        where = f"{dimension('status')} = '{STATUSES[number % 5]}' AND {items}"
        name = f"metric_{number}"
        match number % 4:
            case 0:
                documents.append(simple(name, "orders_count", where))
            case 1:
                documents.append(simple(name, "amount_sum", where))
            case 2:
                documents.append(simple(name, "amount_mean", f"{where} AND {dimension('is_first')}"))
            case _:
                documents.append(simple(f"{name}_top", "orders_count", where))
                documents.append(simple(f"{name}_bottom", "orders_count", items))
                documents.append(
                    f"metric:\n  name: {name}\n  type: ratio\n  type_params:\n"
                    f"    numerator: {{name: {name}_top}}\n    denominator: {{name: {name}_bottom}}\n"
                )
    return {"orders.yaml": model, "spine.yaml": spine, "metrics.yaml": "---\n".join(documents)}


def queries(repeats: int) -> dict[str, dict[str, Any]]:
    """The queries that both sides compile, by what they are called in the results."""
    found: dict[str, dict[str, Any]] = {}
    for number, kind in enumerate(("count", "sum", "avg", "ratio")):
        found[f"one metric ({kind}) by month and region"] = {
            "metrics": [f"metric_{number}"],
            "by": ["metric_time__month", "order__region"],
            "repeats": repeats,
        }
    found["eight metrics by month and region"] = {
        "metrics": [f"metric_{number}" for number in range(8)],
        "by": ["metric_time__month", "order__region"],
        "repeats": max(repeats // 5, 1),
    }
    return found


def ours(metrics: int, asked: dict[str, dict[str, Any]], repeats: int) -> tuple[float, dict[str, float]]:
    """(seconds to load, milliseconds CPU by query); the KPI frame of one metric is measured, too."""
    began = time.perf_counter()
    compiler = Compiler(catalogue(metrics))
    loaded = time.perf_counter() - began

    def compiled(item: dict[str, Any]) -> str:
        by = [name.removeprefix("order__") for name in item["by"]]
        return query(compiler, item["metrics"], by=by).sql("duckdb")

    def median(work: Any, times: int) -> float:
        work()
        found = []
        for _ in range(times):
            started = time.process_time()
            work()
            found.append(time.process_time() - started)
        return statistics.median(found) * 1e3

    milliseconds = {
        name: median(lambda item=item: compiled(item), item["repeats"]) for name, item in asked.items()
    }
    frame = f"one metric, {len(GRAINS)} grains × {len(DIMENSIONS)} segments in one statement"
    milliseconds[frame] = median(lambda: compiler.batches(["metric_3"])[0].sql("duckdb"), repeats)
    every = f"all {metrics} metrics, {len(GRAINS)} grains × {len(DIMENSIONS)} segments in one statement, each"
    milliseconds[every] = median(lambda: compiler.batches()[0].sql("duckdb"), max(repeats // 10, 1)) / metrics
    return loaded, milliseconds


def theirs(python: str, metrics: int, asked: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """MetricFlow's answers, from its own interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in manifest(metrics).items():
            (Path(folder) / name).write_text(text, "utf-8")
        task = json.dumps({"folder": folder, "queries": asked})
        done = subprocess.run([python, str(ENGINE)], input=task, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"MetricFlow failed:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", required=True, help="an interpreter that has metricflow==0.213.0")
    parser.add_argument("--metrics", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=25)
    options = parser.parse_args()
    asked = queries(options.repeats)
    loaded, milliseconds = ours(options.metrics, asked, options.repeats)
    other = theirs(options.python, options.metrics, asked)
    print(f"load {options.metrics} metrics: ours {loaded:.2f} s, MetricFlow {other['load_seconds']:.2f} s")
    for name, mine in milliseconds.items():
        there = other["queries"].get(name)
        beside = (
            f", MetricFlow {there['milliseconds']:.1f} ms, ratio {there['milliseconds'] / mine:.0f}"
            if there
            else ""
        )
        print(f"{name}: ours {mine:.2f} ms{beside}")


if __name__ == "__main__":
    main()
