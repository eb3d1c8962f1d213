"""The dictionary as an asset: which version is in force, and whether every file of it loads."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipelines.assets.cadence import company_calendar, cron
from pipelines.assets.specs import DICTIONARY, dictionary_spec
from pipelines.installation import Installation
from pipelines.last_good import BrokenFile

CHECK = "loads"


def dictionary_asset(installation: Installation) -> dg.AssetsDefinition:
    """One operation without work: it notes what is in force. A broken file fails its check, and stops nothing."""
    calendar = company_calendar(installation.catalogue)
    condition = dg.AutomationCondition.on_cron(cron("daily", calendar), calendar.time_zone)

    @dg.multi_asset(
        name="dictionary",
        specs=[
            dictionary_spec(installation.catalogue, installation.broken).replace_attributes(
                automation_condition=condition
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=DICTIONARY,
                description="Every file of the dictionary and of the sources can be read.",
            )
        ],
    )
    def dictionary(
        installation: dg.ResourceParam[Installation],
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        catalogue = installation.catalogue
        yield dg.MaterializeResult(
            asset_key=DICTIONARY,
            metadata={
                "metrics": len(catalogue.metrics),
                "sources": len(catalogue.sources),
                "targets": len(catalogue.targets),
                "key_results": sum(1 for _ in catalogue.key_results()),
                "held": ", ".join(sorted({name for one in installation.broken for name in one.metrics}))
                or "nothing",
            },
        )
        yield _check(installation.broken)

    return dictionary


def _check(broken: tuple[BrokenFile, ...]) -> dg.AssetCheckResult:
    rows = [
        dg.TableRecord(
            {"file": one.file, "line": one.line, "problem": problem, "held": ", ".join(one.metrics)}
        )
        for one in broken
        for problem in one.problems
    ]
    return dg.AssetCheckResult(
        asset_key=DICTIONARY,
        check_name=CHECK,
        passed=not broken,
        severity=dg.AssetCheckSeverity.WARN,
        description=broken[0].problems[0] if broken else "every file loads",
        metadata={"problems": dg.MetadataValue.table(rows)} if rows else {},
    )
