"""The event log of one kind of record: all its versions, so that what a record was at any instant is a look-up.

A record is created, changes (some columns get new values at an instant) and may be deleted. `Log.build` folds these
into
versions: one row per record and instant, every state column filled forward, valid in `[at, until)`.

    log = Log.build(created=t0, initial={"stage": s0}, changes=[Change(record, at, {"stage": s1})], deleted=t9)
    log.current(now)            # the version of each record that exists at `now`
    log.state["stage"][log.current(now)]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from connectors.sandbox.company.timeline import NEVER, Bools, Ints

KEEP = np.iinfo(np.int64).min
"""In a change: this column stays as it was."""


@dataclass(frozen=True)
class Change:
    """Changes of one sort: `record[i]` gets `values[column][i]` at `at[i]`; KEEP leaves a column as it was.

    A change without values only touches the record (its cursor moves).
    """

    record: Ints
    at: Ints
    values: Mapping[str, Ints]


@dataclass(frozen=True)
class Log:
    """All versions of all records of one kind, by record and time.

    record, at, until, gone: one entry per version; gone marks the version that a deletion left.
    state: a column per mutable field, one entry per version.
    first: position of the first version of each record, and the end as a last entry (size records + 1).
    """

    record: Ints
    at: Ints
    until: Ints
    gone: Bools
    state: Mapping[str, Ints]
    first: Ints

    @classmethod
    def build(
        cls,
        *,
        created: Ints,
        initial: Mapping[str, Ints],
        changes: Sequence[Change] = (),
        deleted: Ints | None = None,
    ) -> Log:
        """Fold creation, changes and deletion into versions.

        Changes of one record at one instant become one version. A change before the creation moves to it; changes
        of a
        deleted record after its deletion, and records created after their deletion, are dropped.
        """
        size = created.size
        names = list(initial)
        records = [np.arange(size, dtype=np.int64)]
        times = [created]
        columns = {name: [initial[name]] for name in names}
        for change in changes:
            happened = change.at < NEVER
            record = change.record[happened]
            records.append(record)
            times.append(np.maximum(change.at[happened], created[record]))
            for name in names:
                values = change.values.get(name)
                columns[name].append(
                    np.full(record.size, KEEP, dtype=np.int64) if values is None else values[happened]
                )
        record = np.concatenate(records)
        at = np.concatenate(times)
        dead = np.zeros(record.size, dtype=np.bool_)
        if deleted is not None:
            alive = at < deleted[record]
            ends = np.flatnonzero((deleted < NEVER) & (deleted > created))
            keep = alive | (deleted <= created)[record]
            record = np.concatenate([record[keep], ends])
            at = np.concatenate([at[keep], deleted[ends]])
            dead = np.concatenate(
                [np.zeros(int(keep.sum()), dtype=np.bool_), np.ones(ends.size, dtype=np.bool_)]
            )
            kept = {name: np.concatenate(columns[name])[keep] for name in names}
            fill = np.full(ends.size, KEEP, dtype=np.int64)
            stacked = {name: np.concatenate([kept[name], fill]) for name in names}
        else:
            stacked = {name: np.concatenate(columns[name]) for name in names}
        order = np.lexsort((at, record))
        record, at, dead = record[order], at[order], dead[order]
        position = np.arange(record.size, dtype=np.int64)
        last_of_instant = np.ones(record.size, dtype=np.bool_)
        last_of_instant[:-1] = (record[1:] != record[:-1]) | (at[1:] != at[:-1])
        state: dict[str, Ints] = {}
        for name in names:
            column = stacked.pop(name)[order]
            filled = column[np.maximum.accumulate(np.where(column != KEEP, position, 0))]
            state[name] = filled[last_of_instant]
        record, at, dead = record[last_of_instant], at[last_of_instant], dead[last_of_instant]
        until = np.full(record.size, NEVER, dtype=np.int64)
        same = record[1:] == record[:-1]
        until[:-1][same] = at[1:][same]
        first = np.searchsorted(record, np.arange(size + 1))
        return cls(record=record, at=at, until=until, gone=dead, state=state, first=first.astype(np.int64))

    @property
    def size(self) -> int:
        """Number of records."""
        return int(self.first.size - 1)

    @cached_property
    def by_time(self) -> Ints:
        """Version positions in the order of `at`, ties by record."""
        return np.argsort(self.at, kind="stable").astype(np.int64)

    @cached_property
    def sorted_at(self) -> Ints:
        """`at` in the order of `by_time`."""
        return self.at[self.by_time]

    def current(self, now: int, *, gone: bool = False) -> Ints:
        """The version at `now` of each record created by then, by record; deleted ones only with `gone`."""
        valid = (self.at <= now) & (now < self.until)
        if not gone:
            valid &= ~self.gone
        return np.flatnonzero(valid).astype(np.int64)

    def changed(self, since: int, now: int, *, gone: bool = False) -> Ints:
        """The versions that are current at `now` and began at or after `since`, by time."""
        low, high = np.searchsorted(self.sorted_at, [since, now + 1])
        candidates = self.by_time[low:high]
        valid = now < self.until[candidates]
        if not gone:
            valid &= ~self.gone[candidates]
        return candidates[valid]

    def version(self, record: int, now: int) -> int | None:
        """The version of one record at `now`, a deletion's included; None when it was not created by then."""
        low, high = int(self.first[record]), int(self.first[record + 1])
        found = int(np.searchsorted(self.at[low:high], now, side="right")) - 1
        return low + found if found >= 0 else None

    @cached_property
    def rank(self) -> Ints:
        """Place of each version in the order of time: a change number that grows with time."""
        places = np.empty(self.at.size, dtype=np.int64)
        places[self.by_time] = np.arange(self.at.size)
        return places

    def steps(self, now: int) -> Ints:
        """Versions by `now` that followed another one: neither a record's first nor its deletion."""
        step = (self.at <= now) & ~self.gone
        step[self.first[:-1]] = False
        return np.flatnonzero(step).astype(np.int64)

    def intervals(self, now: int, columns: Sequence[Ints]) -> tuple[Ints, Ints]:
        """Where a column of an undeleted record begins or changes, and until when it stays (NEVER: still), as of
        `now`.
        """
        seen = np.flatnonzero(self.at <= now)
        alive = np.zeros(self.size, dtype=np.bool_)
        alive[self.record[self.current(now)]] = True
        seen = seen[alive[self.record[seen]]]
        starts = np.isin(seen, self.first[:-1])
        for column in columns:
            starts |= column[seen] != column[np.maximum(seen - 1, 0)]
        begins = seen[starts].astype(np.int64)
        until = np.full(begins.size, NEVER, dtype=np.int64)
        same = self.record[begins[1:]] == self.record[begins[:-1]]
        until[:-1][same] = self.at[begins[1:]][same]
        return begins, until
