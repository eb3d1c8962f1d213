"""All detectors side by side in one run, on the same labelled series with the same holidays.

    python -m benchmarks.anomalies.compare [--seed 501] [--series 10] [--stress | --company] [--peers PYTHON]

Ours runs with its settings as shipped; its recall at 0.25 false alerts is read off a sweep of all alarms together.
Every other detector gets the threshold that is best for it on the reported series themselves, which it could not know:
the comparison leans towards the others. PYTHON is an interpreter with statsforecast==2.0.3 and pyod==2.0.5.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from definitions.settings import DetectionSettings
from pipelines.anomalies import detect
from pipelines.anomalies.detector import Verdict as Flagged

from . import simple
from .company import FIGURES, companies
from .evaluate import Floats, Verdict, judge, judge_band
from .generator import KINDS, WORLDS, Labelled, labelled
from .stress import DIFFICULTIES, stressed

MOST_FALSE = 0.25
THRESHOLDS = tuple(np.round(np.geomspace(1.5, 40, 45), 3).tolist())
FACTORS = (0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seed", type=int, default=501)
    parser.add_argument("--series", type=int, default=10, help="series of each world")
    parser.add_argument("--peers", help="interpreter that has statsforecast and pyod")
    parser.add_argument("--stress", action="store_true", help="the second generator instead of the first")
    parser.add_argument("--company", action="store_true", help="the third generator, for confirmation")
    options = parser.parse_args()
    if options.company:
        sets = [companies(options.seed, name) for name in FIGURES]
    elif options.stress:
        sets = [stressed(options.seed, name) for name in DIFFICULTIES]
    else:
        sets = [labelled(options.seed, replace(world, series=options.series)) for world in WORLDS]
    count = sum(data.batch.shape[0] for data in sets)
    print(
        f"{count} series of {sets[0].batch.shape[1]} days, {sum(len(data.events) for data in sets)} events\n"
    )
    print(
        "| detector | F1 | precision | recall | false a year | recall at ≤ 0.25 | "
        + " | ".join(KINDS)
        + " | CPU s |"
    )
    print("|---|---|---|---|---|---|" + "---|" * (len(KINDS) + 1))
    _ours(sets)
    others: dict[str, Callable[[Labelled], Floats]] = {
        "weekday mean/std, 14 weeks": lambda data: simple.weekday_mean_std(data.batch),
        "mean/std, 14 days": lambda data: simple.mean_std(data.batch),
        "MAD, 28 days": lambda data: simple.mad(data.batch),
    }
    for name, scores in others.items():
        began = time.process_time()
        found = [scores(data) for data in sets]
        _best(name, sets, found, time.process_time() - began)
    if options.peers:
        _peers(options.peers, sets)


def _ours(sets: Sequence[Labelled]) -> None:
    began = time.process_time()
    detections = [detect(data.batch) for data in sets]
    seconds = time.process_time() - began
    verdict = Verdict()
    for data, found in zip(sets, detections, strict=True):
        mine = judge(data, _flags(found.verdict))
        judge_band(data, *found.band(), mine)
        verdict += mine
    swept = [_swept(sets, factor) for factor in FACTORS]
    allowed = [one.recall for one in swept if one.false_per_year <= MOST_FALSE]
    _row("**ours, as shipped**", verdict, max(allowed, default=float("nan")), seconds)
    families = sorted(verdict.quiet_by_family)
    covered = ", ".join(
        f"{name} {verdict.covered_by_family[name] / verdict.quiet_by_family[name]:.2%}" for name in families
    )
    print(f"| band of 99 % covers {verdict.coverage:.2%} of quiet days ({covered}) |")
    print(f"| {_silent(sets, [_flags(found.verdict) for found in detections])} |")


def _silent(sets: Sequence[Labelled], flags: Sequence[np.ndarray]) -> str:
    """How often something was said where nothing may be: on quiet holidays, and of shares of at most five."""
    holidays = of_holidays = shares = of_shares = 0
    for data, flagged in zip(sets, flags, strict=True):
        batch = data.batch
        marked = np.isin(batch.starts, sorted({np.datetime64(mark.start) for mark in batch.marks[0]}))
        tested = data.quiet & np.isfinite(batch.values) & (np.arange(batch.shape[1]) >= 42)
        holidays += int((flagged & tested & marked).sum())
        of_holidays += int((tested & marked).sum())
        if batch.samples is not None:
            ratios = np.array([kind == "ratio" for kind in batch.kinds])[:, None]
            tiny = tested & ratios & ~marked & (batch.samples <= 5)
            shares += int((flagged & tiny).sum())
            of_shares += int(tiny.sum())
    return f"flags on quiet holidays: {holidays} of {of_holidays}; of shares of at most five: {shares} of {of_shares}"


def _swept(sets: Sequence[Labelled], factor: float) -> Verdict:
    usual = DetectionSettings()
    alarms = {
        name: max(getattr(usual, name) * factor, 2.01)
        for name in ("point_alarm", "burst_alarm", "shift_alarm", "trend_alarm")
    }
    total = Verdict()
    for data in sets:
        total += judge(data, _flags(detect(data.batch, usual.model_copy(update=alarms)).verdict))
    return total


def _flags(verdict: np.ndarray) -> np.ndarray:
    """A missing value is told as such: it is no anomaly of these labels."""
    return np.asarray((verdict != Flagged.NONE) & (verdict != Flagged.MISSING))


def _best(name: str, sets: Sequence[Labelled], scores: Sequence[Floats], seconds: float) -> None:
    """One detector at the threshold that is best for it here."""
    tried = []
    for threshold in THRESHOLDS:
        total = Verdict()
        for data, score in zip(sets, scores, strict=True):
            total += judge(data, np.abs(score) > threshold)
        tried.append(total)
    allowed = [one.recall for one in tried if one.false_per_year <= MOST_FALSE]
    _row(name, max(tried, key=lambda one: one.f1), max(allowed, default=0.0), seconds)


def _row(name: str, verdict: Verdict, at_most: float, seconds: float) -> None:
    kinds = " | ".join(f"{verdict.recall_of(kind):.2f}" for kind in KINDS)
    print(
        f"| {name} | {verdict.f1:.3f} | {verdict.precision:.2f} | {verdict.recall:.2f} |"
        f" {verdict.false_per_year:.2f} | {at_most:.2f} | {kinds} | {seconds:.1f} |",
        flush=True,
    )


def _peers(python: str, sets: Sequence[Labelled]) -> None:
    families = [family for data in sets for family in data.families]
    values = np.concatenate([simple.without_holidays(data.batch) for data in sets])
    positive = np.nanmin(values, axis=1) > 0
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(
            given,
            values=values,
            logged=np.array([family in ("money", "duration", "amount") for family in families]) & positive,
            counted=np.array(["count" in family or family == "overdispersed" for family in families]),
        )
        subprocess.run([python, str(Path(__file__).with_name("peers.py")), str(given), str(out)], check=True)
        scores = np.load(out)
        ends = np.cumsum([data.batch.shape[0] for data in sets])[:-1]
        for key, name in (
            ("mstl_transformed", "MSTL, transformed (statsforecast)"),
            ("mstl", "MSTL, raw (statsforecast)"),
            ("pca_knn", "PCA and KNN on lags (PyOD)"),
        ):
            _best(name, sets, np.split(scores[key], ends), float(scores[f"{key}_seconds"]))


if __name__ == "__main__":
    main()
