"""Ids of loads: ULIDs that grow within a stream and follow from the clock alone."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_load_id(moment: datetime, stream: str, last: str) -> str:
    """A ULID that is greater than `last` and follows from the clock and the stream alone.

    The 80 bits after the time are a hash rather than chance, so that the same run gives the same names.
    """
    millis = int(moment.timestamp() * 1000)
    if last:
        millis = max(millis, _millis(last) + 1)
    tail = hashlib.blake2b(f"{stream}/{millis}".encode(), digest_size=10).digest()
    return _base32(millis, 10) + _base32(int.from_bytes(tail, "big"), 16)


def _base32(number: int, digits: int) -> str:
    return "".join(CROCKFORD[(number >> (5 * place)) & 31] for place in reversed(range(digits)))


def _millis(load_id: str) -> int:
    millis = 0
    for digit in load_id[:10]:
        millis = millis * 32 + CROCKFORD.index(digit)
    return millis


def date_of(load_id: str) -> str:
    """The day of a load, as its folder is named."""
    return datetime.fromtimestamp(_millis(load_id) / 1000, UTC).date().isoformat()
