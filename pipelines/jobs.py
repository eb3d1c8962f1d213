"""The jobs: everything every day, and the parts that people run by hand."""

from __future__ import annotations

import dagster as dg

from pipelines.assets.backtest import BACKTEST
from pipelines.assets.specs import RAW

DAILY, RECOMPUTE = "daily", "recompute"


def build_jobs(executor: dg.ExecutorDefinition | None = None) -> list[dg.UnresolvedAssetJobDefinition]:
    """`daily` pulls, computes and publishes; `recompute` does the same from what the raw store holds already, so
    it never calls a vendor. Work per asset is small: one process runs them all unless `executor` says otherwise."""
    chosen = executor or dg.in_process_executor
    everything = dg.AssetSelection.all() - dg.AssetSelection.assets(BACKTEST)
    return [
        dg.define_asset_job(
            DAILY,
            selection=everything,
            executor_def=chosen,
            description="Pull, compute, check, publish, report.",
            tags={"vitals/job": DAILY},
        ),
        dg.define_asset_job(
            RECOMPUTE,
            selection=everything - dg.AssetSelection.key_prefixes([RAW]),
            executor_def=chosen,
            description="Recompute and publish from the raw store; calls no vendor.",
            tags={"vitals/job": RECOMPUTE},
        ),
    ]
