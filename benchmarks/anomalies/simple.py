"""The detectors every dashboard has, as yardsticks: trailing mean and deviation, by weekday or not, and MAD.

Each gets the same holidays as ours: a holiday is neither tested nor learned from. Scores are per day; the
benchmark chooses the threshold on the tuning seeds.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipelines.anomalies.series import SeriesBatch

Floats = NDArray[np.float64]


def without_holidays(batch: SeriesBatch) -> Floats:
    """Values with the marked days taken out."""
    values = batch.values.copy()
    marked = {np.datetime64(mark.start) for mark in batch.marks[0]}
    values[:, np.isin(batch.starts, sorted(marked))] = np.nan
    return values


def weekday_mean_std(batch: SeriesBatch, weeks: int = 14) -> Floats:
    """Distance from the mean of the last ``weeks`` equal weekdays, in their standard deviations."""
    values = without_holidays(batch)
    scores = np.zeros(values.shape)
    for weekday in range(7):
        scores[:, weekday::7] = _trailing(values[:, weekday::7], weeks, np.nanmean, np.nanstd)
    return scores


def mean_std(batch: SeriesBatch, days: int = 14) -> Floats:
    """Distance from the mean of the last ``days``, in their standard deviations."""
    return _trailing(without_holidays(batch), days, np.nanmean, np.nanstd)


def mad(batch: SeriesBatch, days: int = 28) -> Floats:
    """Distance from the median of the last ``days``, in their scaled median absolute deviations."""

    def spread(windows: Floats, axis: int) -> Floats:
        centre = np.nanmedian(windows, axis=axis, keepdims=True)
        return np.asarray(1.4826 * np.nanmedian(np.abs(windows - centre), axis=axis))

    return _trailing(without_holidays(batch), days, np.nanmedian, spread)


def _trailing(values: Floats, length: int, centre: object, spread: object) -> Floats:
    scores = np.zeros(values.shape)
    if values.shape[1] <= length:
        return scores
    windows = sliding_window_view(values, length, axis=1)[:, :-1]
    with np.errstate(all="ignore"):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            middle = centre(windows, axis=2)  # type: ignore[operator]
            width = spread(windows, axis=2)  # type: ignore[operator]
        floor = 1e-9 + 0.01 * np.abs(middle)
        scores[:, length:] = (values[:, length:] - middle) / np.maximum(width, floor)
    return np.nan_to_num(scores)
