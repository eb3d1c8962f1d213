"""What vanished: the delete rules of a load, after its pages have landed.

Keys that are gone get a tombstone: their last known data and cursor, marked as deleted. The cursor is the last
known one so that the row comes back by itself when the vendor shows it again unchanged. More rows vanishing at
once than the settings allow are a failed check and not a deletion.

Source: connector rules, points 3 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.known_keys import KnownKeys
from connectors.settings import LoadSettings


@dataclass(frozen=True)
class Verdict:
    """The keys to bury, and the sentence of a failed check (empty: none)."""

    keys: Sequence[str]
    failed_check: str = ""


def judge(keys: Sequence[str], known: KnownKeys, settings: LoadSettings) -> Verdict:
    """Deletions that nobody announced, unless they are suspiciously many."""
    if len(keys) <= settings.vanished_rows:
        return Verdict(keys)
    alive = known.alive()
    if len(keys) <= settings.vanished_share * alive:
        return Verdict(keys)
    return Verdict(
        (),
        f"{len(keys)} of {alive} rows vanished at once: not taken for deletions; check what the account may see,"
        " and raise vanished_share for one run if they are really gone",
    )


def whole_parents(
    children: Mapping[str, int | None], landed: Mapping[str, int], capped: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The parents whose children all came, and those of which some did not, by the vendor's own count."""
    partial = {
        parent for parent, count in children.items() if count is not None and landed.get(parent, 0) < count
    } | set(capped)
    return sorted(set(children) - partial), sorted(partial)
