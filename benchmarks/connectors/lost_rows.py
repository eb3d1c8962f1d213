"""How many rows each incremental rule loses for good: a simulation against vendors that behave as vendors do.

    python -m benchmarks.connectors.lost_rows
    python -m benchmarks.connectors.lost_rows --edits 90000 --seed 3

A source of 4,000 records is edited 90,000 times over sixty days and deletes some of them without a word; it is polled
every hour. Stamps are whole seconds, many are equal, and edits go on while pages are read, twenty seconds each. The
vendor's index shows half of the edits late, most by minutes and one in twenty by half an hour and more. Each rule keeps
its own warehouse. At the end, after a last quiet poll, a row is

- lost: its last edit (or the row itself) never came;
- a ghost: it was deleted at the source and still counts here.

The rules differ in nothing but where the next window begins, how pages go on and how deletions are found. `ours` is not
written here: it calls `connectors.plan.plan_load` and `connectors.lateness.next_watermark`.
"""

from __future__ import annotations

import argparse
import random
from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.contract import Column, ColumnType, Contract
from connectors.cursors import sortable
from connectors.lateness import next_watermark
from connectors.plan import plan_load
from connectors.settings import LoadSettings
from connectors.state import StreamState
from connectors.stream import Cursor, Stream

RECORDS = 4_000
DAYS = 60
PER_PAGE = 10
PAGE_SECONDS = 20
START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = 3_600, 86_400
DELETED = 300


@dataclass(frozen=True)
class Edit:
    """A version of a record: when it was made (its stamp), and from when on searches show it."""

    at: int
    visible: int
    key: int
    version: int


@dataclass
class Source:
    """The vendor: records by key, and a search by stamp that shows each edit when its index has it."""

    now: int = 0
    versions: dict[int, int] = field(default_factory=dict)
    shown: dict[int, tuple[int, int]] = field(default_factory=dict)
    index: list[tuple[int, int]] = field(default_factory=list)
    pending: list[tuple[int, Edit]] = field(default_factory=list)

    def edit(self, edit: Edit) -> None:
        self.versions[edit.key] = edit.version
        insort(self.pending, (edit.visible, edit), key=lambda pair: pair[0])

    def delete(self, key: int) -> None:
        self.versions.pop(key, None)
        self._unindex(key)

    def catch_up(self) -> None:
        """Let the index show what has become visible."""
        due = bisect_left(self.pending, self.now + 1, key=lambda pair: pair[0])
        for _, edit in self.pending[:due]:
            held = self.shown.get(edit.key)
            if edit.key in self.versions and (held is None or held[1] < edit.version):
                self._unindex(edit.key)
                self.shown[edit.key] = (edit.at, edit.version)
                insort(self.index, (edit.at, edit.key))
        del self.pending[:due]

    def _unindex(self, key: int) -> None:
        held = self.shown.pop(key, None)
        if held is not None:
            del self.index[bisect_left(self.index, (held[0], key))]

    def page(self, since: int, offset: int) -> list[tuple[int, int, int]]:
        """One page of (stamp, key, version) by stamp, from a position on."""
        low = bisect_left(self.index, (since, -1)) + offset
        return [(at, key, self.shown[key][1]) for at, key in self.index[low : low + PER_PAGE]]

    def after(self, since: int, last: tuple[int, int] | None) -> list[tuple[int, int, int]]:
        """One page of (stamp, key, version) after the last record seen."""
        low = bisect_left(self.index, (since, -1)) if last is None else bisect_left(self.index, last) + 1
        if last is not None and (low == 0 or self.index[low - 1] != last):
            low = bisect_left(self.index, last)
        return [(at, key, self.shown[key][1]) for at, key in self.index[low : low + PER_PAGE]]


@dataclass
class Reader:
    """One rule and its warehouse."""

    name: str
    start: Callable[[Reader], int]
    by_key: bool = False
    reconciles: bool = False
    rows: dict[int, tuple[int, int]] = field(default_factory=dict)
    watermark: int = -1
    state: StreamState = field(default_factory=StreamState)
    read: int = 0

    def take(self, page: list[tuple[int, int, int]]) -> None:
        self.read += len(page)
        for at, key, version in page:
            if self.rows.get(key, (-1, -1)) < (at, version):
                self.rows[key] = (at, version)
            self.watermark = max(self.watermark, at)


def instant(seconds: int) -> datetime:
    """An instant of the simulation."""
    return START + timedelta(seconds=seconds)


def ours(overlap: timedelta) -> Callable[[Reader], int]:
    """The connectors' own rule."""
    contract = Contract(columns=(Column("key", ColumnType.STRING),), key=("key",))
    stream = Stream(name="rows", contract=contract, reader=_unread, cursor=Cursor("at"), overlap=overlap)
    settings = LoadSettings(full_read_days=0)

    def start(reader: Reader) -> int:
        now = instant(NOW[0])
        if reader.watermark >= 0:
            # What the load before saw, under the clock at which it began.
            seen = sortable(instant(reader.watermark))
            before = plan_load(stream, reader.state, config_hash="", now=BEGAN[0], settings=settings)
            mark = next_watermark(stream, before, reader.state, seen, settings)
            reader.state = StreamState(watermark=mark, read_until=BEGAN[0])
        BEGAN[0] = now
        plan = plan_load(stream, reader.state, config_hash="", now=now, settings=settings)
        return int((plan.window.start - START).total_seconds()) if plan.window.start else -1

    BEGAN = [instant(0)]
    return start


NOW = [0]
"""The simulation's clock, for the rule that needs one."""


def _unread(connection: Any, reading: Any) -> Any:
    raise AssertionError("the simulation reads by itself")


def rules() -> list[Reader]:
    """The rules that are compared, from the naive to ours."""
    return [
        Reader("> max cursor", lambda r: r.watermark + 1),
        Reader(">= max cursor", lambda r: r.watermark),
        Reader(">= max cursor, keyset pages", lambda r: r.watermark, by_key=True),
        Reader("overlap 10 min, offset pages", lambda r: r.watermark - 600),
        Reader("overlap 10 min, keyset pages", lambda r: r.watermark - 600, by_key=True),
        Reader("overlap 1 h, offset pages", lambda r: r.watermark - HOUR),
        Reader("overlap 1 h, keyset pages", lambda r: r.watermark - HOUR, by_key=True),
        Reader("ours, overlap 10 min", ours(timedelta(minutes=10)), by_key=True, reconciles=True),
        Reader("ours, overlap 1 h", ours(timedelta(hours=1)), by_key=True, reconciles=True),
    ]


def history(edits: int, seed: int) -> list[tuple[int, Edit | int]]:
    """What happens at the source, in order: edits, and keys that are deleted."""
    chance = random.Random(seed)
    stamps = sorted(_stamp(chance) for _ in range(edits - RECORDS))
    events: list[tuple[int, Edit | int]] = [(0, Edit(0, 0, key, key)) for key in range(RECORDS)]
    for version, at in enumerate(stamps, RECORDS):
        events.append((at, Edit(at, at + _late(chance), chance.randrange(RECORDS), version)))
    doomed = chance.sample(range(RECORDS), DELETED)
    events += [(chance.randrange(DAY, (DAYS - 1) * DAY), key) for key in doomed]
    return sorted(events, key=lambda event: event[0])


def _stamp(chance: random.Random) -> int:
    """When an edit is made; three of ten are bulk edits, which share their second with many others."""
    at = chance.randrange(DAYS * DAY)
    return at - at % 600 if chance.random() < 0.3 else at


def _late(chance: random.Random) -> int:
    """How late the index shows an edit, in seconds."""
    if chance.random() < 0.5:
        return 0
    return int(chance.expovariate(1 / 90)) if chance.random() < 0.95 else chance.randrange(1_800, 3_000)


def poll(source: Source, reader: Reader, upcoming: Callable[[int], None]) -> None:
    """Read one window page by page; the world goes on between the pages."""
    NOW[0] = source.now
    since, offset, last = max(-1, reader.start(reader)), 0, None
    while True:
        page = source.after(since, last) if reader.by_key else source.page(since, offset)
        reader.take(page)
        if len(page) < PER_PAGE:
            return
        offset += PER_PAGE
        last = page[-1][:2]
        upcoming(PAGE_SECONDS)


def simulate(reader: Reader, events: list[tuple[int, Edit | int]]) -> tuple[int, int, int]:
    """Rows lost, ghosts and rows read of one rule. Every rule meets the same history."""
    source, position = Source(), 0

    def until(moment: int) -> None:
        nonlocal position
        while position < len(events) and events[position][0] <= moment:
            what = events[position][1]
            if isinstance(what, Edit):
                if what.version < RECORDS or what.key in source.versions:
                    source.edit(what)
            else:
                source.delete(what)
            position += 1
        source.now = moment
        source.catch_up()

    for hour in range(1, DAYS * 24 + 3):
        until(max(source.now, hour * HOUR))
        poll(source, reader, lambda seconds: until(source.now + seconds))
        if reader.reconciles and hour % 24 == 0:
            for key in set(reader.rows) - set(source.versions):
                del reader.rows[key]
    newest = source.versions
    lost = sum(reader.rows.get(key, (0, -1))[1] != version for key, version in newest.items())
    return lost, len(set(reader.rows) - set(newest)), reader.read


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--edits", type=int, default=90_000)
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    events = history(arguments.edits, arguments.seed)
    print(
        f"{arguments.edits:,} edits of {RECORDS:,} records in {DAYS} days, {DELETED} deleted, polled hourly\n"
    )
    print("| rule | rows lost | ghosts | rows read per edit |\n|---|---:|---:|---:|")
    for reader in rules():
        lost, ghosts, read = simulate(reader, events)
        print(f"| {reader.name} | {lost} | {ghosts} | {read / arguments.edits:.2f} |")


if __name__ == "__main__":
    main()
