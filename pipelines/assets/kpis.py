"""KPI assets: every metric is an asset of its own, computed in batches over shared scans."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipelines.assets.checks import check_result
from pipelines.assets.specs import KPI, KPI_VALUES, metric_key, metric_specs
from pipelines.installation import Installation
from pipelines.steps.assess import assess_values
from pipelines.steps.compute import compute
from pipelines.warehouse import open_warehouse

CHECK = "computed"


def kpi_assets(installation: Installation) -> list[dg.AssetsDefinition]:
    """The metrics, and the frame of all their values with status, which the rest of the run reads."""
    specs = metric_specs(installation.catalogue, installation.hashes)

    @dg.multi_asset(
        name="compute_kpis",
        specs=specs,
        can_subset=True,
        pool="warehouse",
        description="Computes the selected metrics: one scan per source where possible, all grains and segments.",
    )
    def compute_kpis(
        context: dg.AssetExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        metrics = sorted(key.path[-1] for key in context.selected_asset_keys if key.path[0] == KPI)
        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            for computed in compute(installation, warehouse, metrics, log=context.log.info):
                yield dg.MaterializeResult(
                    asset_key=metric_key(computed.metric),
                    data_version=dg.DataVersion(computed.fingerprint),
                    metadata={"dagster/row_count": computed.rows, "latest": computed.latest},
                )

    @dg.asset(
        key=KPI_VALUES,
        deps=[spec.key for spec in specs],
        group_name="assessment",
        kinds={"duckdb", "table"},
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=KPI_VALUES,
                blocking=True,
                description="Uniqueness, bounds, totals = Σ segments, identities, volume and drift of all values.",
            )
        ],
        pool="warehouse",
        description="Values of all metrics with state, target, status and trend; checked before anything is "
        "published.",
    )
    def kpi_values(
        installation: dg.ResourceParam[Installation],
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            assessed = assess_values(installation, warehouse)
        yield dg.MaterializeResult(
            asset_key=KPI_VALUES,
            metadata={"dagster/row_count": assessed.rows, "states": dg.MetadataValue.json(assessed.states)},
        )
        yield check_result(assessed.checks, asset=KPI_VALUES, name=CHECK)

    return [compute_kpis, kpi_values]
