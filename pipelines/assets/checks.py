"""Many results of the quality room told as one Dagster check: passed or not, how bad, and the worst of them."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from quality import CheckResult

SHOWN = 20


def check_result(results: Sequence[CheckResult], *, asset: dg.AssetKey, name: str) -> dg.AssetCheckResult:
    """One Dagster check that carries all `results` of an asset.

    Only a failure that holds the whole publication is an ERROR to Dagster, which then stops the run; a failure
    that holds back some KPIs lets the rest go on, and is shown with the KPIs it holds.
    """
    failed = [result for result in results if not result.passed]
    stops = any(result.is_error and result.blocks_publish for result in failed)
    rows = [
        dg.TableRecord(
            {
                "check": result.check_id,
                "severity": result.severity.value,
                "message": result.message,
                "rows": result.rows_failed if result.rows_failed is not None else 0,
                "sample": "; ".join(", ".join(f"{k}={v}" for k, v in key.items()) for key in result.sample),
                "holds back": ", ".join(result.metric_ids) if result.is_error else "",
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
            **({"failures": dg.MetadataValue.table(rows)} if rows else {}),
        },
    )
