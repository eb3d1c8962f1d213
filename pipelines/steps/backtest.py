"""Backtest over the values of an installation: what would these settings have flagged, and where do two differ?"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import yaml
from pydantic import ValidationError

from definitions.errors import nearest
from definitions.settings import DetectionSettings
from pipelines.anomalies.frame import GRAINS
from pipelines.anomalies.replay import Replayed, differences, replay
from pipelines.installation import Installation
from pipelines.steps.assess import COLOURED, coloured_values, last_complete_day
from pipelines.steps.feedback import words
from pipelines.warehouse import Warehouse

YEAR = 365


class BacktestError(ValueError):
    """A backtest that cannot be run as asked; the message says what to write instead."""


@dataclass(frozen=True)
class Trial:
    """A backtest's outcome.

    first, last: the days it is about, inclusive. tried: with the settings to try. now: with those to compare with;
    empty where nothing was to be compared. only_one: flags that only one of them raises.
    """

    first: date
    last: date
    tried: tuple[Replayed, ...]
    now: tuple[Replayed, ...]

    @property
    def only_one(self) -> list[dict[str, Any]]:
        """Flags that only one of the two settings raises."""
        return differences(self.now, self.tried) if self.now else []


def backtest(
    installation: Installation,
    warehouse: Warehouse,
    *,
    metrics: Collection[str] = (),
    grain: str | None = None,
    first: date | None = None,
    last: date | None = None,
    changes: Iterable[str] = (),
    against: Iterable[str] = (),
) -> Trial:
    """Replay metrics (none named: all) over the days ``first``..``last`` (the last complete year).

    Args:
        grain: only the series of this grain.
        changes: settings to try, ``detection.point_alarm=4``; any makes a comparison with ``against``.
        against: settings to compare with, over the installation's own.

    Raises:
        BacktestError: an unknown metric or setting, days out of order, or no values to replay.
    """
    catalogue, complete = installation.catalogue, last_complete_day(installation)
    last = min(last or complete, complete)
    first = first or last - timedelta(days=YEAR - 1)
    if first > last:
        raise BacktestError(
            f"the days are out of order: from {first} to {last} (the last complete day is {complete})"
        )
    for metric in metrics:
        if metric not in catalogue.metrics:
            raise BacktestError(f"there is no metric {metric!r}{_meant(metric, catalogue.metrics)}")
    if grain is not None and grain not in GRAINS:
        raise BacktestError(f"{grain!r} is no grain that is watched: {', '.join(GRAINS)}")
    base = changed(catalogue.settings.detection, against)
    tried = changed(base, changes)
    if not warehouse.exists(COLOURED):
        raise BacktestError("there are no values yet: run the daily job once (vitals run, or vitals demo)")
    values, said = coloured_values(warehouse), words(installation).feedback

    def replayed(settings: DetectionSettings) -> tuple[Replayed, ...]:
        return replay(
            catalogue, values, first, last, metrics=metrics, grain=grain, feedback=said, settings=settings
        )

    found = replayed(tried)
    if metrics and not found:
        raise BacktestError(
            f"{', '.join(sorted(metrics))}: no values between {first} and {last} at a grain that is watched"
        )
    return Trial(first, last, found, () if tried == base else replayed(base))


def changed(settings: DetectionSettings, changes: Iterable[str]) -> DetectionSettings:
    """Settings with ``name=value`` changes; the name with or without ``detection.``, the value as in YAML.

    >>> changed(DetectionSettings(), ["detection.point_alarm=4"]).point_alarm
    4.0

    Raises:
        BacktestError: no such setting, or a value it does not take.
    """
    values = settings.model_dump()
    for change in changes:
        name, equals, text = change.partition("=")
        name = name.strip().removeprefix("detection.")
        if not equals:
            raise BacktestError(f"{change!r} is no setting: write detection.point_alarm=4")
        if name not in values:
            valid = [f"detection.{known}" for known in values]
            raise BacktestError(f"there is no setting detection.{name}{_meant(f'detection.{name}', valid)}")
        try:
            values[name] = yaml.safe_load(text)
            DetectionSettings.model_validate(values)
        except yaml.YAMLError:
            raise BacktestError(f"detection.{name}: {text!r} is no YAML value") from None
        except ValidationError as error:
            raise BacktestError(f"detection.{name}: {error.errors()[0]['msg']} (found {text!r})") from None
    return DetectionSettings.model_validate(values)


def day(text: str) -> date | None:
    """A day as people write it; None where nothing is written.

    Raises:
        BacktestError: it is no day.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BacktestError(f"{text!r} is no day: write 2025-06-01") from None


def _meant(name: str, valid: Iterable[str]) -> str:
    near = nearest(name, list(valid))
    return f"; did you mean {near!r}?" if near else ""
