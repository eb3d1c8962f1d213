"""The jobs: everything every day, and the parts that people run by hand.

| job | reads | does |
|---|---|---|
| daily | vendors, raw store | pull, load, check, compute, judge, publish, report |
| recompute | raw store | the same from what the raw store holds already; calls no vendor |
| restate | raw store | rebuilds the typed tables from every raw load, and computes a window of business days anew |

`restate` has the months of business time as partitions, so a backfill over them is started in the UI; a longer window
in one run is given as configuration. No asset is partitioned: records move in time, and a value belongs to several
periods at once.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg

from definitions.model import Calendar
from pipelines.assets.backtest import BACKTEST
from pipelines.assets.specs import RAW

DAILY, RECOMPUTE, RESTATE = "daily", "recompute", "restate"
JOB_TAG = "vitals/job"
YEARS_BACK = 10
"""How far back the months of `restate` reach."""


def build_jobs(
    calendar: Calendar, now: datetime, executor: dg.ExecutorDefinition | None = None
) -> list[dg.UnresolvedAssetJobDefinition]:
    """All jobs. Work per asset is small: one process runs them all unless `executor` says otherwise."""
    chosen = executor or dg.in_process_executor
    everything = dg.AssetSelection.all() - dg.AssetSelection.assets(BACKTEST)
    kept = everything - dg.AssetSelection.key_prefixes([RAW])
    return [
        dg.define_asset_job(
            DAILY,
            selection=everything,
            executor_def=chosen,
            description="Pull, compute, check, publish, report.",
            tags={JOB_TAG: DAILY},
        ),
        dg.define_asset_job(
            RECOMPUTE,
            selection=kept,
            executor_def=chosen,
            description="Recompute and publish from the raw store; calls no vendor.",
            tags={JOB_TAG: RECOMPUTE},
        ),
        dg.define_asset_job(
            RESTATE,
            selection=kept,
            executor_def=chosen,
            description="Rebuild the typed tables from the raw store, compute a window of business days anew, publish "
            "with the reason. Backfill over months, or give a window as configuration; calls no vendor.",
            tags={JOB_TAG: RESTATE},
            config=_by_month(calendar, now),
        ),
    ]


def restatement(
    first: date | None, last: date | None, reason: str | None = None, *, replay: bool = True
) -> dict[str, Any]:
    """Run configuration of `restate` for a window of business days; open ends mean everything.

    Args:
        replay: rebuild the typed tables from every raw load first; without it what is loaded is trusted.
    """
    return {
        "ops": {
            "stage": {"config": {"replay": replay}},
            "compute_kpis": {
                "config": {
                    **({"first": first.isoformat()} if first else {}),
                    **({"last": last.isoformat()} if last else {}),
                }
            },
            "publish": {"config": {"reason": reason} if reason else {}},
        }
    }


def _by_month(calendar: Calendar, now: datetime) -> dg.PartitionedConfig[Any]:
    months = dg.MonthlyPartitionsDefinition(
        start_date=f"{now.year - YEARS_BACK}-01-01", timezone=calendar.time_zone, end_offset=1
    )

    def of_month(key: str) -> dict[str, Any]:
        first = date.fromisoformat(key)
        last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        return restatement(first, last, f"restated {first:%B %Y}")

    return dg.PartitionedConfig(partitions_def=months, run_config_for_partition_key_fn=of_month)
