"""The garbage collector during a load and a run: called seldom, and not over what stays.

Parsed records are trees: they go away with the last reference. The collector would look through them for cycles every
few hundred objects, a third of the time of a load. Here it looks after so many that have not gone away by themselves.

The modules, the definitions and the catalogue of a run are most of a million objects, and all of them stay: each full
collection would take most of a second to find that out again. A run sets them aside.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SELDOM = 200_000
_lock = threading.Lock()
_loads: list[tuple[int, int, int]] = []
_runs: list[object] = []


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Within the block, and within others in other threads, collections are rare; afterwards as before."""
    with _lock:
        _loads.append(gc.get_threshold())
        gc.set_threshold(max(SELDOM, _loads[0][0]), *_loads[0][1:])
    try:
        yield
    finally:
        with _lock:
            before = _loads[0]
            _loads.pop()
            if not _loads:
                gc.set_threshold(*before)


@contextmanager
def without_what_stays() -> Iterator[Callable[[], None]]:
    """Within the block, what was there before is not looked through; afterwards as before.

    Yields what sets aside again, for what comes during the block and stays: a late import.
    """
    run = object()

    def set_aside() -> None:
        with _lock:
            if run in _runs:
                gc.freeze()

    with _lock:
        _runs.append(run)
        gc.freeze()
    try:
        yield set_aside
    finally:
        with _lock:
            _runs.remove(run)
            if not _runs:
                gc.unfreeze()
