"""What is made of the values: key results, anomalies, the publication, the report.

Each operation imports its own work: what only a run needs must not slow down loading the definitions.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from definitions.model import Catalogue
from pipelines.assets.cadence import company_calendar, cron
from pipelines.assets.checks import check_result
from pipelines.assets.specs import (
    ANOMALIES,
    KEY_RESULTS,
    KPI_VALUES,
    PUBLISHED,
    PUBLISHED_TABLES,
    REPORT,
)
from pipelines.installation import Installation
from quality import CheckResult

CHECK = "as_computed"
PUBLISHED_VALUES = dg.AssetKey([PUBLISHED, "kpi_values"])


class Publishing(dg.Config):
    """What is said about a publication."""

    reason: str | None = Field(
        None,
        description="why values that were final change; written to each of them; none: source data changed",
    )


def outcome_assets(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """Everything after the values; small enough that each is one asset."""
    calendar = company_calendar(catalogue)
    daily = dg.AutomationCondition.on_cron(cron("daily", calendar), calendar.time_zone)

    @dg.asset(
        key=KEY_RESULTS,
        deps=[KPI_VALUES],
        group_name="okrs",
        kinds={"python"},
        automation_condition=daily,
        pool="warehouse",
        description="Score, pace and forecast of every key result of the open cycles, and their roll-up.",
    )
    def key_results(installation: dg.ResourceParam[Installation]) -> dg.MaterializeResult[Any]:
        from pipelines.steps.score import score
        from pipelines.warehouse import open_warehouse

        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            scored = score(installation, warehouse)
        return dg.MaterializeResult(
            metadata={
                "key_results": scored.key_results,
                "objectives": scored.objectives,
                "days_backfilled": scored.backfilled,
                "signals": scored.signals,
                "suggestions": scored.suggestions,
                "bands": dg.MetadataValue.json(scored.bands),
            }
        )

    @dg.asset(
        key=ANOMALIES,
        deps=[KPI_VALUES],
        group_name="anomalies",
        kinds={"numpy"},
        automation_condition=daily,
        pool="warehouse",
        description="Flags where a final value left its expected range, with kind, severity and root cause.",
    )
    def anomalies(installation: dg.ResourceParam[Installation]) -> dg.MaterializeResult[Any]:
        from pipelines.steps.detect import detect
        from pipelines.warehouse import open_warehouse

        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            found = detect(installation, warehouse)
        return dg.MaterializeResult(
            metadata={"open": found.open, "series": found.series, "kinds": dg.MetadataValue.json(found.kinds)}
        )

    @dg.multi_asset(
        name="publish",
        specs=[
            dg.AssetSpec(
                dg.AssetKey([PUBLISHED, name]),
                deps=[KPI_VALUES, KEY_RESULTS, ANOMALIES],
                group_name="published",
                kinds={"sqlalchemy", "view"},
                description=description,
                automation_condition=daily,
            )
            for name, description in PUBLISHED_TABLES.items()
        ],
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=PUBLISHED_VALUES,
                description="What is staged, and what stays published as it is, equals what was computed.",
            )
        ],
        pool="publisher",
        description="Stages everything in the reporting database, audits it, and publishes it in one transaction.",
    )
    def publish(
        context: dg.AssetExecutionContext, config: Publishing, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        from pipelines.publishing.errors import PublicationRefused
        from pipelines.steps.publication import publish_run
        from pipelines.warehouse import open_warehouse

        audit: list[CheckResult] = []
        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            try:
                published = publish_run(
                    installation,
                    warehouse,
                    run_id=context.run.run_id,
                    job=context.run.job_name,
                    reason=config.reason,
                    on_audit=audit.extend,
                )
            except PublicationRefused:
                if audit:
                    yield check_result(audit, asset=PUBLISHED_VALUES, name=CHECK)
                raise
        for name in PUBLISHED_TABLES:
            yield dg.MaterializeResult(
                asset_key=dg.AssetKey([PUBLISHED, name]), metadata=published.facts_of(name)
            )
        yield check_result(audit, asset=PUBLISHED_VALUES, name=CHECK)

    @dg.asset(
        key=REPORT,
        deps=[dg.AssetKey([PUBLISHED, name]) for name in PUBLISHED_TABLES],
        group_name="report",
        kinds={"html"},
        automation_condition=daily,
        description="The pages people read, built from the published views.",
    )
    def report_pages(installation: dg.ResourceParam[Installation]) -> dg.MaterializeResult[Any]:
        from pipelines.steps.report import report

        built = report(installation)
        return dg.MaterializeResult(
            metadata={"pages": built.pages, "home": dg.MetadataValue.path(str(built.home))}
        )

    return [key_results, anomalies, publish, report_pages]
