"""How long a replay takes: 10,000 series of 730 days on one core, from arrays to flags in words.

    OMP_NUM_THREADS=1 python -m benchmarks.anomalies.speed [--series 10000]

Goal: under five minutes.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import replace

import numpy as np

from pipelines.anomalies import backtest

from .generator import World, labelled


def main() -> None:
    """Print seconds of CPU and the memory it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--series", type=int, default=10_000)
    options = parser.parse_args()
    batch = labelled(7, replace(World(), series=400)).batch
    rows = np.arange(options.series) % batch.shape[0]
    many = replace(batch.take(rows), keys=tuple(f"series_{row}" for row in range(options.series)))
    before = _peak()
    began = time.process_time()
    replay = backtest(many)
    seconds = time.process_time() - began
    print(
        f"{options.series:,} series of {batch.shape[1]} days: {seconds:.0f} s of CPU, {len(replay.flags):,} flags"
        f" in words; {_peak() - before:,} MiB above the {before:,} MiB of the series themselves"
    )


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
