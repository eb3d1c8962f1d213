"""What Dagster shows of each asset: key, group, owners, tags, kinds, description, lineage, links, and when it is due.
Pure functions from the catalogue; nothing here runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from connectors.stream import Stream
from definitions.model import Calendar, Catalogue, Metric
from pipelines.assets.cadence import cron, fresh_for
from pipelines.assets.columns import VALUE, Column, column_lineage, metric_columns, raw_schema
from pipelines.last_good import BrokenFile
from pipelines.publishing.formulas import describe
from pipelines.staging import Model
from pipelines.staging.build import neutral_tables
from quality.lineage import lineage

RAW, KPI, OKR, PUBLISHED = "raw", "kpi", "okr", "published"
DICTIONARY = dg.AssetKey("dictionary")
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
CADENCE_TAG = "vitals/cadence"


def raw_key(source: str, stream: str) -> dg.AssetKey:
    """Key of one stream of one source instance: `raw/salesforce/opportunities`."""
    return dg.AssetKey([RAW, source, stream])


def table_key(table: str) -> dg.AssetKey:
    """Key of a neutral table: `crm/opportunities`."""
    return dg.AssetKey(table.split("."))


def metric_key(metric: str) -> dg.AssetKey:
    """Key of a metric: `kpi/win_rate`."""
    return dg.AssetKey([KPI, metric])


def raw_spec(source: str, system: str, stream: Stream, calendar: Calendar) -> dg.AssetSpec:
    """The asset of one vendor stream; it has no partitions, because records move in time."""
    return dg.AssetSpec(
        raw_key(source, stream.name),
        group_name=f"raw_{source}",
        description=f"{stream.description or stream.name} (as {system} sends it: append-only record lines with a "
        "manifest)",
        kinds={system, "json"},
        tags={"vitals/layer": "raw", "vitals/source": source},
        metadata={"dagster/column_schema": raw_schema(stream)},
        automation_condition=dg.AutomationCondition.on_cron(cron("daily", calendar), calendar.time_zone),
        skippable=True,
    )


def staging_specs(
    catalogue: Catalogue,
    models: Sequence[Model],
    streams: Mapping[str, Iterable[dg.AssetKey]],
    calendar: Calendar,
) -> list[dg.AssetSpec]:
    """The assets of the neutral tables.

    Args:
        catalogue: says which tables there are, who owns them, which columns they have.
        models: say what each table is made from.
        streams: raw assets by typed table, `salesforce.opportunities`.
        calendar: the company's, which says when the day's run is.
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
            automation_condition=dg.AutomationCondition.on_cron(cron("daily", calendar), calendar.time_zone),
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


def metric_specs(
    catalogue: Catalogue, hashes: Mapping[str, str], broken: Sequence[BrokenFile] = ()
) -> list[dg.AssetSpec]:
    """One asset per metric of the dictionary: what data engineers maintain."""
    tables = neutral_tables(catalogue)
    columns = metric_columns(lineage(catalogue), catalogue)
    assets = {table: [table_key(table)] for table in tables}
    held = {metric: one for one in broken for metric in one.metrics}
    automatic = {calendar.name: _conditions(calendar) for calendar in catalogue.calendars.values()}
    return [
        _metric_spec(
            catalogue,
            metric,
            columns.get(name, ()),
            assets,
            hashes.get(name, ""),
            automatic[metric.calendar][metric.frequency.calculate],
            held.get(name),
        )
        for name, metric in catalogue.metrics.items()
    ]


def _conditions(calendar: Calendar) -> dict[str, dg.AutomationCondition[Any]]:
    """One condition a cadence, shared by all its metrics: conditions are compared by what they are, not by whose."""
    cadences = ("hourly", "daily", "weekly", "sprint", "monthly", "quarterly", "yearly")
    return {
        cadence: dg.AutomationCondition.on_cron(cron(cadence, calendar), calendar.time_zone)
        for cadence in cadences
    }


def _metric_spec(
    catalogue: Catalogue,
    metric: Metric,
    columns: Sequence[Column],
    assets: Mapping[str, Sequence[dg.AssetKey]],
    definition_hash: str,
    condition: dg.AutomationCondition[Any],
    broken: BrokenFile | None,
) -> dg.AssetSpec:
    person = catalogue.people.get(metric.owner.accountable)
    warn, fail = fresh_for(metric.frequency.calculate)
    return dg.AssetSpec(
        metric_key(metric.name),
        deps=sorted({key for table, _ in columns for key in assets.get(table, ())}),
        group_name=f"kpi_{metric.owner.team}",
        owners=_owners(catalogue, metric.owner.team, person.email if person else None),
        code_version=definition_hash[:16] or None,
        description=_description(catalogue, metric, broken),
        kinds={"sql", "yaml"},
        tags={
            "vitals/layer": "kpi",
            "vitals/team": metric.owner.team,
            "vitals/level": metric.level,
            "vitals/perspective": metric.perspective,
            CADENCE_TAG: metric.frequency.calculate,
            "vitals/tier": metric.status,
            **({"vitals/definition": "broken"} if broken else {}),
        },
        metadata={
            "version": metric.version,
            "definition_hash": definition_hash,
            "indicator": metric.indicator,
            "dagster/column_lineage": column_lineage({VALUE: columns}, assets),
            **_link(metric.location.file, metric.location.line, catalogue),
        },
        automation_condition=condition,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=warn),
        skippable=True,
    )


def _description(catalogue: Catalogue, metric: Metric, broken: BrokenFile | None) -> str:
    words = describe(catalogue, metric)
    better = (
        "best within its band"
        if metric.direction.value == "within"
        else f"{metric.direction.value} is better"
    )
    parts = (
        f"⚠ **The definition is broken, and the last published values are held.** {broken.problems[0]}"
        if broken
        else "",
        _deprecation(metric),
        f"**{metric.label}** — {metric.definition}",
        f"Formula: `{words.formula}`" + (f", where {words.filters}" if words.filters else ""),
        f"Unit {metric.unit}, {better}. By {words.time}.",
        f"Pitfalls: {metric.known_pitfalls}" if metric.known_pitfalls else "",
    )
    return "\n\n".join(part for part in parts if part)


def _deprecation(metric: Metric) -> str:
    """What a reader of a deprecated metric has to know; the same words on every day."""
    if metric.status != "deprecated":
        return ""
    until = f" after {metric.deprecated_on}" if metric.deprecated_on else ""
    return f"⚠ **Deprecated: it begins no period{until}.** Use `{metric.replaced_by}` instead."


def dictionary_spec(catalogue: Catalogue, broken: Sequence[BrokenFile]) -> dg.AssetSpec:
    """The dictionary itself; where files are broken it says which, at which line, and what is held."""
    told = (
        [f"⚠ **{len(broken)} of its files {'does' if len(broken) == 1 else 'do'} not load.**"]
        if broken
        else []
    )
    for one in broken:
        state = "its last good text is in force" if one.is_replaced else "it is left out"
        held = f"; held: {', '.join(one.metrics)}" if one.metrics else ""
        told.append(
            "\n".join([f"`{one.file}` ({state}{held}):", "", *(f"- {each}" for each in one.problems)])
        )
    return dg.AssetSpec(
        DICTIONARY,
        group_name="definitions",
        kinds={"yaml"},
        description="\n\n".join(
            [*told, "Every definition, target, objective and owner: versioned, reviewed YAML."]
        ),
        tags={"vitals/layer": "definitions", **({"vitals/definition": "broken"} if broken else {})},
        metadata=_links([(one.file, one.line) for one in broken], catalogue),
    )


def _owners(catalogue: Catalogue, team: str, email: str | None = None) -> list[str]:
    owners = [f"team:{team}"] if team else []
    return [*owners, email] if email else owners


def _link(file: str, line: int, catalogue: Catalogue) -> dict[str, Any]:
    """Metadata that opens the YAML line from Dagster's UI."""
    return _links([(file, line)] if file else [], catalogue)


def _links(places: Sequence[tuple[str, int]], catalogue: Catalogue) -> dict[str, Any]:
    if not places:
        return {}
    with warnings.catch_warnings():
        # Code references are beta in this release of Dagster; without them the UI only loses the link.
        warnings.simplefilter("ignore", dg.BetaWarning)
        references = [
            dg.LocalFileCodeReference(
                file_path=str(catalogue.root / file), line_number=max(line, 1), label=f"{file}:{line}"
            )
            for file, line in places
        ]
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[*references])}
