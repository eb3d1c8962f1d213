"""What Dagster shows of each asset: key, group, owners, tags, kinds, description, lineage, links. Pure functions
from the catalogue; nothing here runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from definitions.model import Catalogue, Metric
from pipelines.staging import Model
from pipelines.staging.build import neutral_tables
from quality.lineage import lineage

RAW, KPI, OKR, PUBLISHED = "raw", "kpi", "okr", "published"
ANOMALIES = dg.AssetKey("anomalies")
KEY_RESULTS = dg.AssetKey([OKR, "key_results"])
REPORT = dg.AssetKey("report")
KPI_VALUES = dg.AssetKey("kpi_values")
PUBLISHED_TABLES: Mapping[str, str] = {
    "kpi_values": "KPI values by revision, with target, status and trend; read through kpi_latest and kpi_monthly.",
    "okr_progress": "Daily snapshots of key results and objectives; read through okr_progress and objectives.",
    "open_anomalies": "Flagged points with expected range, explanation and suggested action.",
    "metric_dictionary": "Every definition that is or was in force.",
    "data_health": "Results of the checks and freshness of the sources.",
}
_DAYS = {"hourly": 1, "daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92, "yearly": 366, "sprint": 14}


def raw_key(source: str, stream: str) -> dg.AssetKey:
    """Key of one stream of one source instance: `raw/salesforce/opportunities`."""
    return dg.AssetKey([RAW, source, stream])


def table_key(table: str) -> dg.AssetKey:
    """Key of a neutral table: `crm/opportunities`."""
    return dg.AssetKey(table.split("."))


def metric_key(metric: str) -> dg.AssetKey:
    """Key of a metric: `kpi/win_rate`."""
    return dg.AssetKey([KPI, metric])


def raw_spec(source: str, system: str, stream: str, description: str) -> dg.AssetSpec:
    """The asset of one vendor stream; it has no partitions, because records move in time."""
    return dg.AssetSpec(
        raw_key(source, stream),
        group_name=f"raw_{source}",
        description=f"{description or stream} (as {system} sends it: append-only record lines with a manifest)",
        kinds={system, "json"},
        tags={"vitals/layer": "raw", "vitals/source": source},
        skippable=True,
    )


def staging_specs(
    catalogue: Catalogue, models: Sequence[Model], streams: Mapping[str, Iterable[dg.AssetKey]]
) -> list[dg.AssetSpec]:
    """The assets of the neutral tables.

    Args:
        catalogue: says which tables there are, who owns them, which columns they have.
        models: say what each table is made from.
        streams: raw assets by typed table, `salesforce.opportunities`.
    """
    tables = neutral_tables(catalogue)
    inputs: dict[str, set[dg.AssetKey]] = {}
    for model in models:
        for name in model.inputs:
            found = {table_key(name)} if name in tables else set(streams.get(name, ()))
            inputs.setdefault(model.table, set()).update(found)
    return [
        dg.AssetSpec(
            table_key(table),
            deps=sorted(inputs.get(table, set())),
            group_name=f"staging_{table.split('.')[0]}",
            owners=_owners(catalogue, source.owner),
            description=source.description
            or f"Rows of {table} in neutral words, whatever vendor they are from.",
            kinds={"duckdb", "table"},
            tags={"vitals/layer": "staging"},
            metadata={
                "dagster/table_name": table,
                "dagster/column_schema": dg.TableSchema(
                    columns=[
                        dg.TableColumn(
                            column.name,
                            column.type.value,
                            column.description or None,
                            constraints=dg.TableColumnConstraints(nullable=column.nullable),
                        )
                        for column in source.columns.values()
                    ]
                ),
                **_link(source.location.file, source.location.line, catalogue),
            },
        )
        for table, source in sorted(tables.items())
    ]


def metric_specs(catalogue: Catalogue, hashes: Mapping[str, str]) -> list[dg.AssetSpec]:
    """One asset per metric of the dictionary: what data engineers maintain."""
    tables = neutral_tables(catalogue)
    resting = lineage(catalogue)
    inputs: dict[str, set[dg.AssetKey]] = {name: set() for name in catalogue.metrics}
    for table, names in resting.by_table.items():
        if table in tables:
            for name in names:
                inputs[name].add(table_key(table))
    return [
        _metric_spec(catalogue, metric, sorted(inputs[name]), hashes.get(name, ""))
        for name, metric in catalogue.metrics.items()
    ]


def _metric_spec(
    catalogue: Catalogue, metric: Metric, inputs: list[dg.AssetKey], definition_hash: str
) -> dg.AssetSpec:
    person = catalogue.people.get(metric.owner.accountable)
    days = _DAYS.get(metric.frequency.calculate, 1)
    return dg.AssetSpec(
        metric_key(metric.name),
        deps=inputs,
        group_name=f"kpi_{metric.owner.team}",
        owners=_owners(catalogue, metric.owner.team, person.email if person else None),
        description="\n\n".join(
            part
            for part in (
                f"**{metric.label}** — {metric.definition}",
                f"Unit {metric.unit}, {metric.direction.value} is better."
                if metric.direction.value != "within"
                else f"Unit {metric.unit}, best within its band.",
                f"Pitfalls: {metric.known_pitfalls}" if metric.known_pitfalls else "",
            )
            if part
        ),
        kinds={"sql", "yaml"},
        tags={
            "vitals/layer": "kpi",
            "vitals/team": metric.owner.team,
            "vitals/level": metric.level,
            "vitals/perspective": metric.perspective,
            "vitals/cadence": metric.frequency.calculate,
            "vitals/tier": metric.status,
        },
        metadata={
            "version": metric.version,
            "definition_hash": definition_hash,
            "indicator": metric.indicator,
            **_link(metric.location.file, metric.location.line, catalogue),
        },
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=timedelta(days=2 * days), warn_window=timedelta(days=days, hours=6)
        ),
        skippable=True,
    )


def _owners(catalogue: Catalogue, team: str, email: str | None = None) -> list[str]:
    owners = [f"team:{team}"] if team else []
    return [*owners, email] if email else owners


def _link(file: str, line: int, catalogue: Catalogue) -> dict[str, Any]:
    """Metadata that opens the YAML line from Dagster's UI."""
    if not file:
        return {}
    path = str(catalogue.root / file)
    with warnings.catch_warnings():
        # Code references are beta in this release of Dagster; without them the UI only loses the link.
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(
            file_path=path, line_number=max(line, 1), label=f"{file}:{line}"
        )
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}
