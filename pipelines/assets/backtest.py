"""The backtest as an asset that people materialise by hand: which days would have been flagged, with pictures.

It is in no scheduled job. Its configuration is that of `vitals backtest`.
"""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from pipelines.assets.specs import KPI_VALUES
from pipelines.installation import Installation

if TYPE_CHECKING:
    from pipelines.anomalies.replay import Replayed
    from pipelines.steps.backtest import Trial

BACKTEST = dg.AssetKey("backtest")

LISTED, SHOWN = 200, 4
"""Rows in the event's tables, and pictures inside it: an event is read whole each time somebody opens it."""


class BacktestConfig(dg.Config):
    """What to replay; empty means every metric, the last year, and the settings as they are."""

    metrics: list[str] = Field(default=[], description="names in the dictionary; empty: all")
    grain: str = Field(default="", description="only this grain: day, week, month or quarter")
    first: str = Field(default="", description="first day, 2025-06-01; empty: a year before the last")
    last: str = Field(default="", description="last day; empty: the last complete day")
    changes: list[str] = Field(default=[], description="settings to try: detection.point_alarm=4")
    against: list[str] = Field(default=[], description="settings to compare with, over those in force")


def backtest_asset() -> dg.AssetsDefinition:
    """The asset."""

    @dg.asset(
        key=BACKTEST,
        deps=[KPI_VALUES],
        group_name="anomalies",
        kinds={"numpy"},
        pool="warehouse",
        description="What settings would have flagged in the past, by metric, with pictures. Run by hand.",
    )
    def replayed(
        config: BacktestConfig, installation: dg.ResourceParam[Installation]
    ) -> dg.MaterializeResult[Any]:
        from pipelines.steps.backtest import BacktestError, backtest, day
        from pipelines.warehouse import open_warehouse

        try:
            with open_warehouse(installation.workspace.warehouse_url) as warehouse:
                trial = backtest(
                    installation,
                    warehouse,
                    metrics=config.metrics,
                    grain=config.grain or None,
                    first=day(config.first),
                    last=day(config.last),
                    changes=config.changes,
                    against=config.against,
                )
        except BacktestError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        return dg.MaterializeResult(metadata=_metadata(trial, installation.workspace.home / "backtest"))

    return replayed


def _metadata(trial: "Trial", folder: Path) -> dict[str, Any]:
    """Counts, tables and pictures: the series with most flags inside the event, every flagged one as a file."""
    from pipelines.anomalies.charts import render_png
    from pipelines.anomalies.replay import flag_rows, summary

    flagged = sorted(
        (one for one in trial.tried if one.flags), key=lambda one: (-len(one.flags), one.metric, one.grain)
    )
    pictures = [render_png(one.picture(), scale=1.0) for one in flagged]
    metadata: dict[str, Any] = {
        "days": f"{trial.first} to {trial.last}",
        "series": len(trial.tried),
        "flags": sum(len(one.flags) for one in trial.tried),
        "by_metric": _table(summary(trial.tried)),
        "flagged": _table(
            [{name: row[name] for name in _COLUMNS} for row in flag_rows(trial.tried)[:LISTED]]
        ),
        "pictures": dg.MetadataValue.md(
            "\n\n".join(map(_inline, flagged[:SHOWN], pictures[:SHOWN])) or "nothing would have been flagged"
        ),
        "folder": dg.MetadataValue.path(str(folder)),
    }
    if trial.now:
        metadata["flags_now"] = sum(len(one.flags) for one in trial.now)
        metadata["only_one_raises"] = _table(trial.only_one[:LISTED])
    folder.mkdir(parents=True, exist_ok=True)
    for one, picture in zip(flagged, pictures, strict=True):
        (folder / f"{one.metric}_{one.grain}.png").write_bytes(picture)
    return metadata


_COLUMNS = ("period", "metric", "grain", "kind", "severity", "explanation")


def _inline(one: "Replayed", picture: bytes) -> str:
    return f"![{one.label}, {one.grain}](data:image/png;base64,{base64.b64encode(picture).decode()})"


def _table(rows: list[dict[str, Any]]) -> dg.TableMetadataValue:
    records = [dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows]
    schema = None if records else dg.TableSchema(columns=[])
    return dg.MetadataValue.table(records, schema=schema)


def _cell(value: object) -> str | int | float | bool | None:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
