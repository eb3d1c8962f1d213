"""Staging assets: typed rows from the raw store, folded into the neutral tables, then checked."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipelines.assets.checks import check_result
from pipelines.assets.specs import raw_key, staging_specs, table_key
from pipelines.installation import Installation
from pipelines.steps.stage import check_staging, land, stage
from pipelines.warehouse import open_warehouse

CHECK = "contract"


def staging_asset(installation: Installation) -> dg.AssetsDefinition:
    """One operation for all neutral tables: the warehouse has one writer, and a scan costs less than a step."""
    streams: dict[str, list[dg.AssetKey]] = {}
    for source in installation.sources:
        for stream in source.streams:
            streams.setdefault(source.typed_table(stream.name), []).append(raw_key(source.name, stream.name))
    specs = staging_specs(installation.catalogue, installation.models, streams)

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
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            for landed in land(installation, warehouse):
                context.log.info(landed.summary)
            for table in stage(installation, warehouse):
                yield dg.MaterializeResult(
                    asset_key=table_key(table.table),
                    metadata={
                        "dagster/row_count": table.rows,
                        "systems": ", ".join(table.systems) or "no source",
                    },
                )
            results = check_staging(installation, warehouse)
        for spec in specs:
            table_name = ".".join(spec.key.path)
            yield check_result(
                [result for result in results if result.asset == table_name], asset=spec.key, name=CHECK
            )

    return stage_tables
