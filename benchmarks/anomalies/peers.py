"""The detectors of others, in a process of their own: statsforecast's MSTL, and PyOD's PCA and KNN on lags.

    PYTHON peers.py IN.npz OUT.npz       needs numpy, statsforecast==2.0.3, pyod==2.0.5, scikit-learn==1.5.2

It imports nothing of this project, so that it runs in an environment of its own. IN holds values (series, days),
logged (series: take the logarithm) and counted (series: take Anscombe's square root). Marked days arrive as missing,
as for every other detector. OUT holds a score per day and the seconds of CPU of each detector.

MSTL: every fortnight the season (7) and an ETS trend are fitted on the past alone, and the next fortnight is
forecast; a score is the distance from the forecast in robust deviations of the last 90 distances.
PCA and KNN: 14 lags, differences with the week before; every 28 days both are fitted on the past, scores are
standardised on it and averaged.
"""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

import numpy as np

HISTORY, STEP, SPREAD = 90, 14, 90
LAGS, REFIT = 14, 28


def main(given: str, out: str) -> None:
    """Score every series with every detector."""
    warnings.simplefilter("ignore")
    data = np.load(given)
    values, logged, counted = data["values"], data["logged"], data["counted"]
    filled = np.stack([_filled(row) for row in values])
    steady = np.stack(
        [
            2 * np.sqrt(np.maximum(row, 0) + 0.375)
            if count
            else np.log(np.maximum(row, 1e-9))
            if log
            else row
            for row, log, count in zip(filled, logged, counted, strict=True)
        ]
    )
    missing = ~np.isfinite(values)
    found: dict[str, Any] = {}
    for name, series, scores in (
        ("mstl", filled, mstl),
        ("mstl_transformed", steady, mstl),
        ("pca_knn", filled, pca_knn),
    ):
        began = time.process_time()
        found[name] = np.where(missing, 0.0, np.nan_to_num(scores(series)))
        found[f"{name}_seconds"] = np.array(time.process_time() - began)
        print(f"{name}: {float(found[f'{name}_seconds']):.0f} s of CPU for {len(values)} series", flush=True)
    np.savez(out, **found)


def _filled(row: np.ndarray) -> np.ndarray:
    """Missing days as the same weekday of the week before; the first ones as the mean."""
    out = row.copy()
    for day in range(len(out)):
        if not np.isfinite(out[day]):
            out[day] = out[day - 7] if day >= 7 else np.nanmean(row[:28])
    return out


def mstl(series: np.ndarray) -> np.ndarray:
    """Distance from forecasts of MSTL, fitted on the past alone, in robust deviations."""
    from statsforecast.models import MSTL, AutoETS

    away = np.full(series.shape, np.nan)
    days = series.shape[1]
    for row, values in enumerate(series):
        for day in range(HISTORY, days, STEP):
            ahead = min(STEP, days - day)
            model = MSTL(season_length=7, trend_forecaster=AutoETS(model="ZZN"))
            forecast = model.forecast(y=values[:day], h=ahead)["mean"]
            away[row, day : day + ahead] = values[day : day + ahead] - forecast
    return _scaled(away)


def _scaled(away: np.ndarray) -> np.ndarray:
    scores = np.zeros(away.shape)
    for day in range(HISTORY + 28, away.shape[1]):
        past = away[:, max(day - SPREAD, HISTORY) : day]
        middle = np.median(past, axis=1, keepdims=True)
        spread = 1.4826 * np.median(np.abs(past - middle), axis=1)
        scores[:, day] = away[:, day] / np.maximum(spread, 1e-9)
    return scores


def pca_knn(series: np.ndarray) -> np.ndarray:
    """Mean of the standardised scores of PCA and KNN on lagged differences."""
    from pyod.models.knn import KNN  # type: ignore[import-not-found]
    from pyod.models.pca import PCA  # type: ignore[import-not-found]

    scores = np.zeros(series.shape)
    days = series.shape[1]
    for row, values in enumerate(series):
        change = np.concatenate([np.zeros(7), values[7:] - values[:-7]])
        rows = np.lib.stride_tricks.sliding_window_view(change, LAGS)  # ends on day LAGS - 1 + place
        for day in range(HISTORY, days, REFIT):
            past, ahead = rows[7 : day - LAGS + 1], rows[day - LAGS + 1 : day - LAGS + 1 + REFIT]
            total = np.zeros(len(ahead))
            for model in (PCA(), KNN()):
                model.fit(past)
                known = model.decision_scores_
                total += (model.decision_function(ahead) - known.mean()) / max(known.std(), 1e-9)
            scores[row, day : day + len(ahead)] = total / 2
    return scores


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
