"""The garbage collector during a load: called seldom, because there is nothing for it.

Parsed records are trees: they go away with the last reference. The collector would look through them for cycles every
few hundred objects, a third of the time of a load. Here it looks after so many that have not gone away by themselves.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 200_000
_lock = threading.Lock()
_loads: list[tuple[int, int, int]] = []


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
