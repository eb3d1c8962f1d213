"""The Numenta Anomaly Benchmark through the public face for arrays: 58 files of five-minute to hourly values.

    python -m benchmarks.anomalies.nab FOLDER [--hours N]

FOLDER is a checkout of numenta/NAB (its `data` and `labels` folders). Values are averaged over steps of N hours first
(0 keeps the files' own step); no file has a setting of its own. Beside ours runs the usual rolling mean and deviation,
and a rolling median.

Scored as NAB does (standard profile: a window is worth more the earlier it is found, a flag outside costs 0.11, a
missed window 1; 0 is a detector that says nothing, 100 a perfect one; the first 15 % of a file do not count), and as
events: windows found, and runs of flags outside of windows, which are false alerts.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.anomalies import flag_values

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
FALSE_COST, PROBATION = 0.11, 0.15


@dataclass(frozen=True)
class Series:
    """One file on even steps. windows: (first, last) place of each labelled window."""

    name: str
    start: datetime
    step: timedelta
    values: Floats
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """Places that do not count."""
        return int(PROBATION * min(len(self.values), 5000))


@dataclass
class Tally:
    """Sums over files."""

    score: float = 0.0
    windows: int = 0
    found: int = 0
    false: int = 0
    steps: int = 0
    seconds: float = 0.0

    def row(self, name: str) -> str:
        """One line of the table."""
        perfect = self.windows
        nab = 100 * (self.score + self.windows) / (perfect + self.windows)
        precision = self.found / max(self.found + self.false, 1)
        recall = self.found / max(self.windows, 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        return (
            f"| {name} | {nab:.1f} | {self.found}/{self.windows} | {self.false} | {precision:.2f} | {f1:.2f} |"
            f" {self.seconds:.0f} |"
        )


def read(folder: Path, hours: float) -> Iterator[Series]:
    """The files, on even steps of ``hours`` (0: the file's usual step); a step without values is missing."""
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text())
    for name in sorted(labels):
        with (folder / "data" / name).open() as lines:
            rows = [(row["timestamp"], float(row["value"])) for row in csv.DictReader(lines)]
        seconds = (
            np.array([np.datetime64(stamp) for stamp, _ in rows]).astype("datetime64[s]").astype(np.int64)
        )
        values = np.array([value for _, value in rows])
        step = int(hours * 3600) or int(np.median(np.diff(seconds)))
        place = (seconds - seconds[0] // step * step) // step
        count = np.bincount(place)
        sums = np.bincount(place, weights=values)
        with np.errstate(invalid="ignore"):
            even = np.where(count > 0, sums / count, np.nan)
        first = int(seconds[0] // step * step)

        def at(stamp: str, first: int = first, step: int = step) -> int:
            return int((np.datetime64(stamp[:19]).astype("datetime64[s]").astype(np.int64) - first) // step)

        windows = tuple((at(begin), at(end)) for begin, end in labels[name])
        start = np.datetime64(first, "s").item()
        yield Series(name, start, timedelta(seconds=step), even, windows)


def ours(series: Series) -> Bools:
    """The detector, with nothing but the values and their step."""
    found = flag_values(series.values, start=series.start, grain=series.step)
    return np.asarray(found.onsets & (found.kinds != "missing"))


def onsets(flags: Bools, step: timedelta) -> Bools:
    """The first flag of each alert, as ours gives them: every detector is charged for alerts, not for their length."""
    places = np.flatnonzero(flags)
    apart = np.diff(places, prepend=-10_000) > max(int(timedelta(hours=12) / step), 1)
    out = np.zeros(len(flags), dtype=bool)
    out[places[apart]] = True
    return out


def rolling(
    centre: Callable[..., Floats], spread: Callable[..., Floats], alarm: float
) -> Callable[[Series], Bools]:
    """A detector that compares with the last two days."""

    def flags(series: Series) -> Bools:
        length = max(int(timedelta(days=2) / series.step), 24)
        values = np.concatenate([np.full(length, np.nan), series.values])
        windows = np.lib.stride_tricks.sliding_window_view(values, length)[:-1]
        with np.errstate(all="ignore"):
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                middle = centre(windows, axis=1)
                width = spread(windows, axis=1)
            away = np.abs(series.values - middle) / np.maximum(width, 1e-9 + 0.01 * np.abs(middle))
        enough = np.arange(len(series.values)) >= length
        return onsets(np.asarray(enough & (np.nan_to_num(away) > alarm)), series.step)

    return flags


def _mad(windows: Floats, axis: int) -> Floats:
    middle = np.nanmedian(windows, axis=axis, keepdims=True)
    return np.asarray(1.4826 * np.nanmedian(np.abs(windows - middle), axis=axis))


def score(series: Series, flags: Bools, tally: Tally) -> None:
    """Add one file, as NAB scores it (Lavin and Ahmad, 2015) and as events."""
    places = np.flatnonzero(flags)
    places = places[places >= series.probation]
    outside = np.ones(len(places), dtype=bool)
    for first, last in series.windows:
        inside = places[(places >= first) & (places <= last)]
        outside &= ~((places >= first) & (places <= last))
        tally.windows += 1
        if len(inside):
            relative = -(last - inside[0] + 1) / max(last - first + 1, 1)
            tally.score += _sigmoid(relative) / _sigmoid(-1.0)
            tally.found += 1
        else:
            tally.score -= 1.0
    for place in places[outside]:
        before = [(first, last) for first, last in series.windows if last < place]
        if before:
            first, last = before[-1]
            cost = _sigmoid((place - last) / max(last - first, 1))
        else:
            cost = -1.0
        tally.score += FALSE_COST * cost
    alone = places[outside]
    tally.false += 0 if not len(alone) else 1 + int((np.diff(alone) > 3).sum())
    tally.steps += len(series.values)


def _sigmoid(place: float) -> float:
    """NAB's weight of a place, in window lengths from the window's end; −1 is its beginning."""
    return -1.0 if place > 3 else 2 / (1 + float(np.exp(5 * place))) - 1


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hours", type=float, default=1.0, help="length of a step; 0 keeps the files' own")
    options = parser.parse_args()
    every = list(read(options.folder, options.hours))
    detectors: dict[str, Callable[[Series], Bools]] = {
        "ours": ours,
        "rolling mean, 6 deviations": rolling(np.nanmean, np.nanstd, 6.0),
        "rolling mean, 4 deviations": rolling(np.nanmean, np.nanstd, 4.0),
        "rolling median, 10 MAD": rolling(np.nanmedian, _mad, 10.0),
    }
    print("| detector | NAB score | windows found | false alerts | precision | F1 | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for name, detector in detectors.items():
        tally = Tally()
        for series in every:
            began = time.process_time()
            flags = detector(series)
            tally.seconds += time.process_time() - began
            score(series, flags, tally)
        print(tally.row(name), flush=True)


if __name__ == "__main__":
    main()
