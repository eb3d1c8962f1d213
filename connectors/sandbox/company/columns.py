"""Arrow columns from the company's integer arrays: words for codes, decimals for cents, timestamps for
milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.sandbox.company.timeline import NEVER, NONE, Bools, Ints

MONEY = pa.decimal128(18, 2)
INSTANT = pa.timestamp("us")


def texts(values: npt.NDArray[np.object_] | npt.NDArray[np.str_] | Sequence[str | None]) -> pa.Array:
    """A string column; None is null."""
    return pa.array(values, type=pa.string())


def coded(codes: Ints, words: Sequence[str | None]) -> pa.Array:
    """The word of each code; NONE becomes null."""
    vocabulary = np.asarray([*words, None], dtype=np.object_)
    return texts(vocabulary[codes])


def integers(values: Ints, missing: Bools | None = None) -> pa.Array:
    """A 64-bit column."""
    return pa.array(values, type=pa.int64(), mask=missing)


def doubles(values: npt.NDArray[np.float64], missing: Bools | None = None) -> pa.Array:
    """A double column."""
    return pa.array(values, type=pa.float64(), mask=missing)


def booleans(values: Bools) -> pa.Array:
    """A boolean column."""
    return pa.array(values, type=pa.bool_())


def money(cents: Ints, missing: Bools | None = None) -> pa.Array:
    """DECIMAL(18, 2) from cents, without going through floats."""
    words = np.empty((cents.size, 2), dtype=np.int64)
    words[:, 0] = cents
    words[:, 1] = cents >> 63
    validity = None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little").tobytes())
    return pa.Array.from_buffers(MONEY, cents.size, [validity, pa.py_buffer(words.tobytes())])


def instants(at: Ints, now: int | None = None) -> pa.Array:
    """Timestamps from milliseconds; null where missing, or later than `now`."""
    limit = NEVER - 1 if now is None else now
    missing = (at == NONE) | (at > limit)
    return pa.array(np.where(missing, 0, at) * 1_000, type=pa.int64(), mask=missing).cast(INSTANT)


def dates(days: Ints, missing: Bools | None = None) -> pa.Array:
    """Dates from day numbers."""
    safe = days if missing is None else np.where(missing, 0, days)
    return pa.array(safe.astype(np.int32), type=pa.int32(), mask=missing).cast(pa.date32())


def numbered(pattern: str, numbers: Ints) -> pa.Array:
    """Ids such as `sub_0000012` from a %-pattern and numbers."""
    return texts(np.char.mod(pattern, numbers))
