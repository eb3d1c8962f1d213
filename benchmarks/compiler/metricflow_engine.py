"""MetricFlow's side of the comparison: runs in an interpreter of its own that has `metricflow==0.213.0` (no dbt).

Reads a manifest folder and queries from JSON on standard input, answers milliseconds per query on standard output.
Nothing of this repository is imported here.
"""

# mypy: ignore-errors
import json
import statistics
import sys
import time


def main() -> None:
    task = json.load(sys.stdin)
    from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
    from metricflow.protocols.sql_client import SqlEngine
    from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
    from metricflow_semantic_interfaces.parsing.dir_to_model import (
        parse_directory_of_yaml_files_to_semantic_manifest,
    )
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    class Client:
        """What the engine asks of a client to write SQL; nothing is executed."""

        sql_engine_type = SqlEngine.DUCKDB
        sql_plan_renderer = DuckDbSqlPlanRenderer()

    began = time.perf_counter()
    manifest = parse_directory_of_yaml_files_to_semantic_manifest(
        task["folder"], raise_issues_as_exceptions=False
    ).semantic_manifest
    engine = MetricFlowEngine(SemanticManifestLookup(manifest), Client())
    loaded = time.perf_counter() - began

    def once(query: dict) -> str:
        request = MetricFlowQueryRequest.create(metric_names=query["metrics"], group_by_names=query["by"])
        return engine.explain(request).sql_statement.sql

    answers = {}
    for name, query in task["queries"].items():
        sql = once(query)
        times = []
        for _ in range(query["repeats"]):
            started = time.process_time()
            once(query)
            times.append(time.process_time() - started)
        answers[name] = {"milliseconds": statistics.median(times) * 1e3, "characters": len(sql)}
    json.dump({"load_seconds": loaded, "queries": answers}, sys.stdout)


if __name__ == "__main__":
    main()
