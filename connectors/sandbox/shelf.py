"""One kind of record in a fake: the company's log underneath, and records put or deleted by hand on top.

shelf.hits(now)                  # what a search sees: record numbers, cursor values, in order of (cursor, number)
shelf.render(hits)               # the records as the vendor writes them
shelf.put({"Id": …}, now)        # by hand; shelf.delete(id, now), shelf.touch(id, now)
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from connectors.sandbox.company.log import Log
from connectors.sandbox.company.timeline import Bools, Ints

Record = dict[str, Any]


@dataclass(frozen=True)
class Hits:
    """Records of a shelf at an instant: record numbers, cursor and creation instants (ms), deletion marks, where to
    find them.

    A handle of 0 and more is a version of the log, a negative one a version put by hand.
    """

    number: Ints
    updated: Ints
    created: Ints
    gone: Bools
    handle: Ints

    @property
    def size(self) -> int:
        """Number of records."""
        return int(self.number.size)

    def take(self, which: Ints | slice | Bools) -> Hits:
        """Some of them, in the given order."""
        return Hits(
            self.number[which], self.updated[which], self.created[which], self.gone[which], self.handle[which]
        )

    def sort(self, *keys: Ints) -> Hits:
        """Ordered by the keys, the first one first."""
        return self.take(np.lexsort(tuple(reversed(keys))).astype(np.int64))


@dataclass(frozen=True)
class _Put:
    at: int
    updated: int
    record: Record
    gone: bool


@dataclass(frozen=True)
class View:
    """How a search looks at a shelf: now, how late the index is (ms) and for which share, and the cursor's
    granularity (ms).
    """

    now: int
    late: int = 0
    late_share: float = 1.0
    tie: int = 1


class Shelf:
    """All records of one kind, from the log and by hand.

    Args:
        name: the vendor's name of the object.
        log: the company's versions of it. created: creation instants by record number.
        ids: vendor ids of record numbers. number: the record number of a vendor id, None for a strange one.
        draw: the vendor's records for versions of the log, given the cursor values to show.
        key: the field that holds the id. stamp: writes the cursor value (ms) into a record.
        changed: called as (before, after, at) after a put, so that a fake can write history; before is None for a
        new record.
    """

    def __init__(
        self,
        name: str,
        *,
        log: Log,
        created: Ints,
        ids: Callable[[Ints], Sequence[str]],
        number: Callable[[str], int | None],
        draw: Callable[[Ints, Ints], list[Record]],
        key: str = "id",
        stamp: Callable[[Record, int], None] | None = None,
        changed: Callable[[Record | None, Record, int], None] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.key = key
        self.revision = 0
        self._created = created
        self._ids = ids
        self._number = number
        self._draw = draw
        self._stamp = stamp or (lambda record, at: None)
        self._changed = changed
        self._puts: list[_Put] = []
        self._of: dict[int, list[int]] = {}
        self._strange: dict[str, int] = {}
        self._cache: dict[tuple[View, int], Hits] = {}

    def number_of(self, identifier: str) -> int | None:
        """The record number of an id, put by hand or not; None when there is no such record, ever."""
        if identifier in self._strange:
            return self._strange[identifier]
        number = self._number(identifier)
        return number if number is not None and 0 <= number < self.log.size else None

    def id_of(self, number: int) -> str:
        """The vendor id of a record number."""
        if number < self.log.size:
            return self._ids(np.asarray([number], dtype=np.int64))[0]
        return str(self._puts[self._of[number][0]].record[self.key])

    def ids(self, hits: Hits) -> list[str]:
        """The vendor ids of records."""
        if hits.size == 0 or int(hits.number.max()) < self.log.size:
            return list(self._ids(hits.number))
        return [self.id_of(int(number)) for number in hits.number]

    def hits(self, view: View) -> Hits:
        """Every record as the view sees it, deleted ones included, by cursor value then number."""
        found = self._cache.get((view, self.revision))
        if found is None:
            self._cache = {key: hits for key, hits in self._cache.items() if key[1] == self.revision}
            found = self._cache[(view, self.revision)] = self._compute(view)
        return found

    def _compute(self, view: View) -> Hits:
        log = self.log
        version = log.current(view.now, gone=True)
        if view.late:
            earlier = log.current(view.now - view.late, gone=True)
            late, late_before = self._late(log.record[version], view), self._late(log.record[earlier], view)
            version = np.concatenate([version[~late], earlier[late_before]])
        number = log.record[version]
        updated, gone, handle = log.at[version], log.gone[version], version
        created = self._created[number]
        shown = self._shown(view)
        if shown:
            covered = np.fromiter((n for n, _, _ in shown), dtype=np.int64, count=len(shown))
            keep = ~np.isin(number, covered)
            puts = [put for _, _, put in shown]
            number = np.concatenate([number[keep], covered])
            updated = np.concatenate(
                [updated[keep], np.asarray([put.updated for put in puts], dtype=np.int64)]
            )
            gone = np.concatenate([gone[keep], np.asarray([put.gone for put in puts], dtype=np.bool_)])
            handle = np.concatenate([handle[keep], np.asarray([-1 - h for _, h, _ in shown], dtype=np.int64)])
            made = np.asarray([self._made(n) for n, _, _ in shown], dtype=np.int64)
            created = np.concatenate([created[keep], made])
        if view.tie > 1:
            updated = updated // view.tie * view.tie
        hits = Hits(number, updated, created, gone, handle)
        return hits.sort(hits.updated, hits.number)

    @staticmethod
    def _late(number: Ints, view: View) -> Bools:
        """Which records the index is late with: a fixed share of the numbers."""
        return np.asarray((number * 2_654_435_761 % 1_000) < view.late_share * 1_000, dtype=np.bool_)

    def _shown(self, view: View) -> list[tuple[int, int, _Put]]:
        """(number, place, put) of the newest put of each record that the view sees."""
        found = []
        for number, places in self._of.items():
            late = view.late and bool(self._late(np.asarray([number], dtype=np.int64), view)[0])
            limit = view.now - view.late if late else view.now
            index = bisect.bisect_right(places, limit, key=lambda place: self._puts[place].at) - 1
            if index >= 0:
                found.append((number, places[index], self._puts[places[index]]))
        return found

    def _made(self, number: int) -> int:
        return int(self._created[number]) if number < self.log.size else self._puts[self._of[number][0]].at

    def render(self, hits: Hits) -> list[Record]:
        """The records as the vendor writes them, in the order of the hits."""
        from_log = np.flatnonzero(hits.handle >= 0)
        drawn = self._draw(hits.handle[from_log], hits.updated[from_log])
        if from_log.size == hits.size:
            return drawn
        records: list[Record] = [{} for _ in range(hits.size)]
        for position, record in zip(from_log.tolist(), drawn, strict=True):
            records[position] = record
        for position in np.flatnonzero(hits.handle < 0).tolist():
            record = dict(self._puts[-1 - int(hits.handle[position])].record)
            self._stamp(record, int(hits.updated[position]))
            records[position] = record
        return records

    def find(self, identifier: str, view: View) -> Hits | None:
        """One record by id as the view sees it, deleted or not; None when it does not exist (yet)."""
        number = self.number_of(identifier)
        if number is None:
            return None
        hits = self.hits(view)
        place = np.flatnonzero(hits.number == number)
        return hits.take(place) if place.size else None

    def put(self, record: Mapping[str, Any], now: int, *, updated: int | None = None) -> str:
        """Write a record by hand at `now`: new, or over what it was (fields left out stay). Returns its id."""
        identifier = str(record.get(self.key) or self._fresh_id())
        number = self.number_of(identifier)
        if number is None:
            number = self._strange[identifier] = self.log.size + len(self._strange)
        view = View(now)
        existing = self.find(identifier, view)
        before = self.render(existing)[0] if existing is not None and not bool(existing.gone[0]) else None
        after = _merged(before or {}, {**record, self.key: identifier})
        at = now if updated is None else updated
        self._stamp(after, at)
        self._add(number, _Put(now, at, after, gone=False))
        if self._changed is not None:
            self._changed(before, after, now)
        return identifier

    def delete(self, identifier: str, now: int) -> None:
        """Delete a record by hand at `now`.

        Raises:
            KeyError: there is no such record at `now`.
        """
        existing = self.find(identifier, View(now))
        if existing is None or bool(existing.gone[0]):
            raise KeyError(f"{self.name} {identifier} does not exist in the sandbox: nothing to delete")
        record = self.render(existing)[0]
        self._stamp(record, now)
        self._add(int(existing.number[0]), _Put(now, now, record, gone=True))

    def touch(self, number: int, now: int) -> None:
        """Move a record's cursor to `now` without changing it; deleted and unknown records stay as they are."""
        hits = self.hits(View(now))
        place = np.flatnonzero((hits.number == number) & ~hits.gone)
        if place.size:
            record = self.render(hits.take(place))[0]
            self._stamp(record, now)
            self._add(number, _Put(now, now, record, gone=False))

    def _fresh_id(self) -> str:
        return self._ids(np.asarray([self.log.size + len(self._strange)], dtype=np.int64))[0]

    def _add(self, number: int, put: _Put) -> None:
        self._puts.append(put)
        bisect.insort_right(
            self._of.setdefault(number, []), len(self._puts) - 1, key=lambda place: self._puts[place].at
        )
        self.revision += 1


def _merged(before: Record, after: Mapping[str, Any]) -> Record:
    """`before` overwritten by `after`, field by field, nested mappings too."""
    merged = dict(before)
    for name, value in after.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged


def without_gone(hits: Hits) -> Hits:
    """The records that are not deleted."""
    return hits.take(~hits.gone)


def window(hits: Hits, since: int | None, until: int | None) -> Hits:
    """The records whose cursor lies in [since, until] (ms, None: open); `hits` must be in the order of the cursor."""
    low = 0 if since is None else int(np.searchsorted(hits.updated, since, side="left"))
    high = hits.size if until is None else int(np.searchsorted(hits.updated, until, side="right"))
    return hits.take(slice(low, max(low, high)))


def plain_log(created: Ints) -> Log:
    """A log of records that never change, given their creation instants by number."""
    return Log.build(created=created, initial={})
