"""Text columns as codes into their distinct values: what millions of rows repeat is handled once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Codes = NDArray[np.int64]
NULL = -1


@dataclass(frozen=True)
class Coded:
    """A text column: `codes[i]` is the position of row i's text in `values`, -1 for NULL. Values are
    distinct."""

    codes: Codes
    values: tuple[str, ...]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Coded:
        """From an Arrow column of text (or of anything that casts to text)."""
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        merged = column.unify_dictionaries().combine_chunks()
        if isinstance(merged, pa.ChunkedArray):
            merged = (
                merged.chunk(0) if merged.num_chunks else pa.array([], pa.dictionary(pa.int32(), pa.string()))
            )
        codes = merged.indices.fill_null(NULL).to_numpy(zero_copy_only=False).astype(np.int64)
        coded = cls(codes, tuple(merged.dictionary.to_pylist()))
        return coded.mapped(str) if len(set(coded.values)) != len(coded.values) else coded

    @classmethod
    def constant(cls, value: str | None, rows: int) -> Coded:
        """The same text (or NULL) in every row."""
        return cls(np.full(rows, NULL if value is None else 0, np.int64), () if value is None else (value,))

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def is_null(self) -> NDArray[np.bool_]:
        """Which rows are NULL."""
        return np.asarray(self.codes == NULL)

    def mapped(self, change: Callable[[str], str]) -> Coded:
        """Each distinct text changed once; texts that become equal share a code."""
        texts = tuple(change(value) for value in self.values)
        if texts == self.values and len(set(texts)) == len(texts):
            return self
        return self._recoded(list(texts))

    def sorted(self) -> Coded:
        """Codes in the order of the texts (by code point), so that they can be sorted and compared."""
        order = {value: rank for rank, value in enumerate(sorted(self.values))}
        lookup = np.array([order[value] for value in self.values] + [NULL], np.int64)
        return Coded(lookup[self.codes], tuple(sorted(self.values)))

    def with_rows(self, mask: NDArray[np.bool_], value: str) -> Coded:
        """`value` in the rows of `mask`."""
        if not mask.any():
            return self
        values = self.values if value in self.values else (*self.values, value)
        codes = self.codes.copy()
        codes[mask] = values.index(value)
        return Coded(codes, values)

    def is_one_of(self, allowed: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows hold one of `allowed`; NULL is none."""
        wanted = set(allowed)
        lookup = np.array([value in wanted for value in self.values] + [False])
        return np.asarray(lookup[self.codes], bool)

    def used(self) -> tuple[str, ...]:
        """The texts that some row has."""
        rows = np.bincount(self.codes + 1, minlength=len(self.values) + 1)[1:]
        return tuple(self.values[code] for code in np.flatnonzero(rows))

    def taken(self, rows: Codes | slice) -> Coded:
        """Some rows, in another order."""
        return Coded(self.codes[rows], self.values)

    def fingerprints(self) -> NDArray[np.int64]:
        """64 bits for each distinct text (the last for NULL, whose code is -1), the same in every process."""
        digests = [hashlib.blake2b(v.encode(), digest_size=8).digest() for v in self.values]
        return np.frombuffer(b"".join(digests) + b"\0" * 8, np.int64)

    def arrow(self) -> pa.DictionaryArray:
        """As an Arrow dictionary array."""
        codes = pa.array(self.codes, pa.int32(), mask=self.is_null)
        return pa.DictionaryArray.from_arrays(codes, pa.array(self.values, pa.string()))

    def _recoded(self, texts: list[str]) -> Coded:
        distinct = tuple(dict.fromkeys(texts))
        position = {value: code for code, value in enumerate(distinct)}
        lookup = np.array([position[value] for value in texts] + [NULL], np.int64)
        return Coded(lookup[self.codes], distinct)


_COUNTABLE = 5_000_000


def distinct(codes: Codes, size: int) -> tuple[Codes, Codes]:
    """Distinct codes below `size` in order, and each row's position among them."""
    if size > _COUNTABLE:
        found, inverse = np.unique(codes, return_inverse=True)
        return found, inverse.astype(np.int64)
    present = np.bincount(codes, minlength=1) > 0
    return np.flatnonzero(present).astype(np.int64), (np.cumsum(present) - 1)[codes]
