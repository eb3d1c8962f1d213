"""Staging assets: typed rows from the raw store, folded into the neutral tables, then checked."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from pipelines.assets.cadence import company_calendar
from pipelines.assets.checks import check_result
from pipelines.assets.columns import column_lineage, staging_columns
from pipelines.assets.specs import raw_key, staging_specs, table_key
from pipelines.installation import Installation
from pipelines.staging.build import neutral_tables

CHECK = "contract"


class Staging(dg.Config):
    """How the typed tables are made."""

    replay: bool = Field(
        False, description="read every load of the raw store again, as if none had been seen; calls no vendor"
    )


def staging_asset(installation: Installation) -> dg.AssetsDefinition:
    """One operation for all neutral tables: the warehouse has one writer, and a scan costs less than a step."""
    streams: dict[str, list[dg.AssetKey]] = {}
    for source in installation.sources:
        for stream in source.streams:
            streams.setdefault(source.typed_table(stream.name), []).append(raw_key(source.name, stream.name))
    catalogue = installation.catalogue
    specs = staging_specs(catalogue, installation.models, streams, company_calendar(catalogue))
    assets = {**streams, **{".".join(spec.key.path): [spec.key] for spec in specs}}

    @dg.multi_asset(
        name="stage",
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=spec.key,
                blocking=True,
                description="Schema, keys, nulls, values, volume and freshness, as the dictionary declares them.",
            )
            for spec in specs
        ],
        pool="warehouse",
        description="Loads new raw records as typed rows, rebuilds the neutral tables and checks them.",
    )
    def stage_tables(
        context: dg.AssetExecutionContext, config: Staging, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        from pipelines.steps.replay import replay
        from pipelines.steps.stage import check_staging, land, stage
        from pipelines.warehouse import open_warehouse

        made_from = staging_columns(installation.models, _schemas(installation))
        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            for source in installation.sources if config.replay else ():
                names = tuple(stream.name for stream in source.streams)
                for landed in replay(installation, warehouse, source, names):
                    context.log.info(f"replayed {landed.summary}")
            for landed in land(installation, warehouse):
                context.log.info(landed.summary)
            currency = _currency(installation)
            for table in stage(installation, warehouse):
                yield dg.MaterializeResult(
                    asset_key=table_key(table.table),
                    metadata={
                        "dagster/row_count": table.rows,
                        "systems": ", ".join(table.systems) or "no source",
                        **currency.get(table.table, {}),
                        "dagster/column_lineage": column_lineage(made_from.get(table.table, {}), assets),
                    },
                )
            results = check_staging(installation, warehouse)
        for spec in specs:
            table_name = ".".join(spec.key.path)
            yield check_result(
                [result for result in results if result.asset == table_name], asset=spec.key, name=CHECK
            )

    return stage_tables


def _currency(installation: Installation) -> dict[str, dict[str, int]]:
    """By table: how old its data is and may be, and how late rows came at most; in seconds."""
    from pipelines.steps.freshness import freshness

    now = installation.workspace.now()
    return {
        row.asset: {
            **(
                {"age_seconds": int((now - row.data_through_at).total_seconds())}
                if row.data_through_at
                else {}
            ),
            "sla_seconds": row.sla_seconds,
            "lateness_seconds": row.lateness_seconds or 0,
        }
        for row in freshness(installation).rows
    }


def _schemas(installation: Installation) -> dict[str, list[str]]:
    """Columns of everything that a staging model may read."""
    from connectors.typed import empty_table

    neutral = {
        table: list(source.columns) for table, source in neutral_tables(installation.catalogue).items()
    }
    typed = {
        source.typed_table(stream.name): empty_table(stream.contract).column_names
        for source in installation.sources
        for stream in source.streams
    }
    return {**typed, **neutral}
