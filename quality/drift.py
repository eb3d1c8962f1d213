"""Distribution drift: the population stability index of a metric's values between two runs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_BINS = 10
_FLOOR = 1e-4


def psi(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Population stability index over deciles of ``before``: Σ (q − p)·ln(q ÷ p), shares floored at 0.0001.

    0 for equal distributions; over 0.25 is commonly called a major shift.
    """
    edges = np.unique(np.quantile(before, np.linspace(0, 1, _BINS + 1)[1:-1]))
    p = np.bincount(np.searchsorted(edges, before, side="right"), minlength=edges.size + 1) / before.size
    q = np.bincount(np.searchsorted(edges, now, side="right"), minlength=edges.size + 1) / now.size
    p, q = np.maximum(p, _FLOOR), np.maximum(q, _FLOOR)
    return float(np.sum((q - p) * np.log(q / p)))


def drifted_metrics(paired: pa.Table, limit: float, points: int) -> list[str]:
    """Metrics whose values ``now`` are distributed otherwise than ``before``.

    ``paired`` has the columns metric (sorted), now, before; metrics with fewer than ``points`` pairs are left
    out.
    """
    if paired.num_rows == 0:
        return []
    names = pc.run_end_encode(paired["metric"].combine_chunks())
    before = paired["before"].to_numpy().astype(np.float64)
    now = paired["now"].to_numpy().astype(np.float64)
    found, start = [], 0
    for name, end in zip(names.values.to_pylist(), names.run_ends.to_pylist(), strict=True):
        old, new = before[start:end], now[start:end]
        if old.size >= points and not np.array_equal(old, new) and psi(old, new) > limit:
            found.append(name)
        start = end
    return found
