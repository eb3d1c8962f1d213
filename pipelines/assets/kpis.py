"""KPI assets: every metric is an asset of its own, computed in batches over shared scans."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field

from pipelines.assets.cadence import company_calendar, cron, slower_than_daily
from pipelines.assets.checks import check_result
from pipelines.assets.specs import KPI, KPI_VALUES, metric_key, metric_specs
from pipelines.assets.wide import wide
from pipelines.installation import Installation
from pipelines.jobs import RECOMPUTE, RESTATE

CHECK = "computed"


class Window(dg.Config):
    """Which business days are computed anew. Values of periods outside of them stay as they are."""

    first: str | None = Field(None, description="first day, such as 2026-01-01; none: from the beginning")
    last: str | None = Field(None, description="last day, inclusive; none: up to now")

    def days(self) -> tuple[date, date] | None:
        """The window; None: everything."""
        if self.first is None and self.last is None:
            return None
        first = date.fromisoformat(self.first) if self.first else date.min
        last = date.fromisoformat(self.last) if self.last else date.max
        if last < first:
            raise dg.Failure(f"the window ends on {last}, before it begins on {first}", allow_retries=False)
        return first, last


def kpi_assets(installation: Installation) -> list[dg.AssetsDefinition]:
    """The metrics, and the frame of all their values with status, which the rest of the run reads."""
    specs = metric_specs(installation.catalogue, installation.hashes, installation.broken)
    lineages = {spec.key: spec.metadata["dagster/column_lineage"] for spec in specs}
    calendar = company_calendar(installation.catalogue)
    slower = [metric_key(name) for name in slower_than_daily(installation.catalogue.metrics.values())]

    @dg.multi_asset(
        name="compute_kpis",
        specs=specs,
        can_subset=True,
        pool="warehouse",
        description="Computes the selected metrics: one scan per source where possible, all grains and segments.",
    )
    def compute_kpis(
        context: dg.AssetExecutionContext, config: Window, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from pipelines.steps.compute import compute
        from pipelines.warehouse import open_warehouse

        metrics = sorted(key.path[-1] for key in context.selected_asset_keys if key.path[0] == KPI)
        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            for computed in compute(
                installation,
                warehouse,
                metrics,
                window=config.days(),
                # By hand means from scratch; every day only what changed is computed again.
                full=context.run.job_name in (RECOMPUTE, RESTATE),
                log=context.log.info,
            ):
                key = metric_key(computed.metric)
                yield dg.MaterializeResult(
                    asset_key=key,
                    data_version=dg.DataVersion(computed.fingerprint),
                    metadata={
                        "dagster/row_count": computed.rows,
                        "latest": computed.latest,
                        "recomputed": computed.recomputed,
                        "definition_hash": installation.hashes[computed.metric],
                        "dagster/column_lineage": lineages[key],
                    },
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
        # What is due less often than daily is not waited for.
        automation_condition=dg.AutomationCondition.on_cron(
            cron("daily", calendar), calendar.time_zone
        ).ignore(dg.AssetSelection.assets(*slower)),
        pool="warehouse",
        description="Values of all metrics with state, target, status and trend; checked before anything is "
        "published.",
    )
    def kpi_values(
        installation: dg.ResourceParam[Installation],
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        from pipelines.steps.assess import assess_values
        from pipelines.warehouse import open_warehouse

        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            assessed = assess_values(installation, warehouse)
        yield dg.MaterializeResult(
            asset_key=KPI_VALUES,
            metadata={"dagster/row_count": assessed.rows, "states": dg.MetadataValue.json(assessed.states)},
        )
        yield check_result(assessed.checks, asset=KPI_VALUES, name=CHECK)

    return [wide(compute_kpis), kpi_values]
