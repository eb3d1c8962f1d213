"""Many results of the quality room told as one Dagster check: passed or not, how bad, and the worst of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from quality import CheckResult

if TYPE_CHECKING:
    from pipelines.steps.alerts import FailedCheck

SHOWN = 20
FAILURES, CHECKED_AT = "failures", "checked_at"


def check_result(results: Sequence[CheckResult], *, asset: dg.AssetKey, name: str) -> dg.AssetCheckResult:
    """One Dagster check that carries all `results` of an asset.

    Only a failure that holds the whole publication is an ERROR to Dagster, which then stops the run; a failure
    that holds back some KPIs lets the rest go on, and is shown with the KPIs it holds.
    """
    failed = [result for result in results if not result.passed]
    # What stops the run comes first: it must not be cut off.
    failed.sort(key=lambda result: not (result.is_error and result.blocks_publish))
    stops = any(result.is_error and result.blocks_publish for result in failed)
    rows = [
        dg.TableRecord(
            {
                "check": result.check_id,
                "asset": result.asset,
                "severity": result.severity.value,
                "message": result.message,
                "rows": result.rows_failed if result.rows_failed is not None else 0,
                "sample": "; ".join(", ".join(f"{k}={v}" for k, v in key.items()) for key in result.sample),
                "holds back": ", ".join(result.metric_ids) if result.is_error else "",
                "stops": result.is_error and result.blocks_publish,
            }
        )
        for result in failed[:SHOWN]
    ]
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
        description="; ".join(result.message for result in failed[:3]) or f"{len(results)} checks passed",
        metadata={
            "checks": len(results),
            "failed": len(failed),
            **(
                {
                    FAILURES: dg.MetadataValue.table(rows),
                    CHECKED_AT: failed[0].checked_at.isoformat(),
                }
                if rows
                else {}
            ),
        },
    )


def failed_checks_of(evaluation: dg.AssetCheckEvaluation) -> list[FailedCheck]:
    """What `check_result` told of the failures that stopped a run, read back from an evaluation in the event log.

    An evaluation of another origin is one failed check by itself.
    """
    from pipelines.steps.alerts import FailedCheck

    table, at = evaluation.metadata.get(FAILURES), evaluation.metadata.get(CHECKED_AT)
    asset = ".".join(evaluation.asset_key.path)
    if not isinstance(table, dg.TableMetadataValue) or not isinstance(at, dg.TextMetadataValue):
        return []
    checked_at = datetime.fromisoformat(str(at.text))
    records = [record.data for record in table.records]
    return [
        FailedCheck(
            check_id=str(row["check"]),
            asset=str(row.get("asset") or asset),
            message=str(row["message"]),
            severity=str(row["severity"]),
            rows_failed=int(row["rows"] or 0),
            metrics=tuple(filter(None, str(row["holds back"]).split(", "))),
            blocks_publish=True,
            checked_at=checked_at,
        )
        for row in records
        if row.get("stops")
    ]
