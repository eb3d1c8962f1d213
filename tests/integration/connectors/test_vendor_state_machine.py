"""A state machine per connector: whatever happens at the vendor and whenever it is polled, after two quiet polls the
warehouse equals the source, deletions included.
"""

from __future__ import annotations

import contextlib
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from connectors.errors import ConnectorError
from connectors.registry import system_of
from connectors.sandbox.traps import Fault, Kind, Traps
from tests.integration.connectors.vendor_bench import VendorBench
from tests.integration.connectors.vendors import VENDORS, Vendor

FAULTS = (Kind.SERVER_ERROR, Kind.RESET, Kind.CUT, Kind.TRUNCATED, Kind.THROTTLED, Kind.HTML)


class VendorMachine(RuleBasedStateMachine):
    """Edits, deletions, time, polls and traps in any order; `vendor` is set by the test."""

    vendor: Vendor

    def __init__(self) -> None:
        super().__init__()
        self._stack = contextlib.ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        vendor = self.vendor
        self.bench = self._stack.enter_context(VendorBench(vendor.fake, Path(folder), patch, vendor.source))
        # Deletions of this size are what is tested here, not the guard against too many of them.
        self.bench.with_settings(vanished_share=1.0)
        self.overlap = system_of(self.bench.source()).stream(vendor.stream).overlap
        self.deleted = 0

    def _keys(self) -> list[str]:
        records = self.bench.fake.snapshot(self.vendor.shelf)
        return sorted(key for key, record in records.items() if self.vendor.belongs(record))

    def _poll(self) -> None:
        with contextlib.suppress(ConnectorError):
            self.bench.load(self.vendor.stream)

    @rule(pick=st.integers(0, 10_000), count=st.integers(1, 12))
    def edit(self, pick: int, count: int) -> None:
        keys = self._keys()
        for key in (keys[(pick + i * 7) % len(keys)] for i in range(count)):
            self.bench.fake.touch(self.vendor.shelf, key)

    @precondition(lambda self: self.deleted < 40)
    @rule(pick=st.integers(0, 10_000))
    def delete(self, pick: int) -> None:
        keys = self._keys()
        self.bench.fake.delete(self.vendor.shelf, keys[pick % len(keys)])
        self.deleted += 1

    @rule(minutes=st.sampled_from([1, 5, 20, 90, 60 * 26]))
    def wait(self, minutes: int) -> None:
        self.bench.clock.advance(hours=minutes / 60)

    @rule()
    def poll(self) -> None:
        self._poll()

    @rule(cap=st.sampled_from([None, 9, 40]), edits=st.integers(0, 2), shifting=st.booleans())
    def set_paging(self, cap: int | None, edits: int, shifting: bool) -> None:
        tick = timedelta(seconds=1) if edits else timedelta()
        self.bench.fake.traps = Traps(
            page_cap=cap, edits_between_pages=edits, offset_tokens=shifting, tick=tick
        )

    @rule(share=st.sampled_from([0.3, 1.0]))
    def be_late(self, share: float) -> None:
        # Never later than the overlap promises to bear.
        self.bench.fake.traps = Traps(late_index=self.overlap / 3, late_share=share)

    @rule(kind=st.sampled_from(FAULTS), after=st.integers(0, 6), times=st.sampled_from([1, None]))
    def break_down(self, kind: Kind, after: int, times: int | None) -> None:
        fault = Fault(kind, times=times, after=after, path=self.vendor.path)
        self.bench.fake.traps = Traps(page_cap=40, faults=(fault,))

    def teardown(self) -> None:
        with self._stack:
            self.bench.fake.traps = Traps()
            for _ in range(2):
                self.bench.clock.advance(hours=26)
                self.bench.load(self.vendor.stream)
            source = {
                self.vendor.key(key): record
                for key, record in self.bench.fake.snapshot(self.vendor.shelf).items()
                if self.vendor.belongs(record)
            }
            rows = self.bench.rows(self.vendor.stream)
            assert sorted(rows) == sorted(source)
            for name, read in self.vendor.columns.items():
                assert {k: row[name] for k, row in rows.items()} == {k: read(r) for k, r in source.items()}


@pytest.mark.parametrize("name", VENDORS)
def test_after_two_quiet_polls_the_warehouse_equals_the_source(name: str) -> None:
    machine = type(f"{name.title()}Machine", (VendorMachine,), {"vendor": VENDORS[name]})
    run_state_machine_as_test(machine, settings=settings(max_examples=6, stateful_step_count=12))
