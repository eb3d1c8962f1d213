"""list, check, preview, sync, reset, replay: what people do with sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.errors import StoreError
from connectors.operations import (
    check_source,
    list_sources,
    preview_stream,
    replay,
    reset_stream,
    sync_sources,
    verify,
)
from connectors.raw_store import StreamId
from connectors.sandbox.traps import Fault, Kind, Traps
from connectors.sync import SourceResult
from tests.integration.connectors.vendor_bench import SECRET, VendorBench
from tests.integration.connectors.vendors import VENDORS


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorBench]:
    vendor = VENDORS["jira"]
    with VendorBench(vendor.fake, tmp_path, monkeypatch, vendor.source) as opened:
        yield opened


def test_list_shows_how_far_every_stream_is(bench: VendorBench) -> None:
    before = {line.stream: line for line in list_sources([bench.source()], bench.store, bench.states)}
    assert (before["issues"].watermark, before["issues"].loads, before["issues"].last_read_at) == (
        "",
        0,
        None,
    )
    bench.load("issues")
    after = {line.stream: line for line in list_sources([bench.source()], bench.store, bench.states)}
    assert after["issues"].watermark
    assert after["issues"].rows == len(bench.rows("issues"))
    assert after["worklogs"].loads == 0


def test_check_tests_the_credentials_and_every_stream(bench: VendorBench) -> None:
    report = check_source(bench.source(), bench.runtime)
    assert report.ok, report
    assert "America/New_York" in report.said
    assert {check.stream for check in report.streams} == {
        "statuses",
        "issues",
        "changelog",
        "sprints",
        "worklogs",
    }


def test_check_names_the_stream_that_may_not_be_read(bench: VendorBench) -> None:
    bench.fake.traps = Traps(faults=(Fault(Kind.FORBIDDEN, times=None, path="/board"),))
    report = check_source(bench.source(), bench.runtime)
    assert not report.ok
    assert [check.stream for check in report.streams if not check.ok] == ["sprints"]


@pytest.mark.parametrize("name", VENDORS)
def test_check_tells_what_credentials_may_not_read_at_every_vendor(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that are good and may not read the main stream: the report says which, and nothing is kept."""
    vendor = VENDORS[name]
    with VendorBench(vendor.fake, tmp_path, monkeypatch, vendor.source) as opened:
        source = opened.source(streams=[vendor.stream])
        assert check_source(source, opened.runtime).ok
        fault = Fault(Kind.FORBIDDEN, times=None, after=1 if name == "linear" else 0, path=vendor.path)
        opened.fake.traps = Traps(faults=(fault,))
        report = check_source(source, opened.runtime)
        assert not report.ok
        assert [(check.stream, check.ok) for check in report.streams] == [(vendor.stream, False)]
        assert "403" in str(report) or "permission" in str(report).lower() or "scope" in str(report).lower()
        assert SECRET not in str(report)
        assert opened.store.streams() == []


def test_check_of_wrong_credentials_says_so_and_no_secret(bench: VendorBench) -> None:
    bench.fake.traps = Traps(faults=(Fault(Kind.UNAUTHORIZED, times=None),))
    report = check_source(bench.source(), bench.runtime)
    assert not report.ok
    assert "401" in report.said
    assert SECRET not in str(report)


def test_preview_shows_typed_rows_and_writes_nothing(bench: VendorBench) -> None:
    preview = preview_stream(bench.source(), "issues", bench.runtime, rows=3)
    assert len(preview.rows) == 3
    assert set(preview.rows[0]) >= {"issue_id", "status", "updated_at"}
    assert not preview.drift
    assert not preview_stream(bench.source(), "changelog", bench.runtime, rows=3).refused
    assert bench.store.streams() == []


def test_sync_runs_accounts_side_by_side(bench: VendorBench) -> None:
    streams = ["statuses", "issues"]
    sources = [bench.source(account=name, streams=streams) for name in ("north", "south")]
    results = sync_sources(sources, bench.store, bench.states, bench.clock, workers=2)
    assert sorted(results) == ["jira/north", "jira/south"]
    assert all(isinstance(result, SourceResult) and result.ok for result in results.values())


def test_reset_begins_anew_and_keeps_what_landed(bench: VendorBench) -> None:
    bench.load("issues")
    loads = len(bench.store.manifests(StreamId("jira", "acme", "issues")))
    assert bench.poll("issues").mode == "incremental"
    reset_stream(bench.source(), "issues", bench.store, bench.states)
    assert len(bench.store.manifests(StreamId("jira", "acme", "issues"))) >= loads
    assert bench.poll("issues").mode == "full"
    assert bench.poll("issues").mode == "incremental"


def test_a_lost_state_file_is_made_up_from_the_manifests(bench: VendorBench) -> None:
    bench.load("issues")
    bench.states.path.unlink()
    assert bench.poll("issues").mode == "incremental"


def test_replay_gives_everything_again_and_asks_the_vendor_nothing(bench: VendorBench) -> None:
    bench.load("issues")
    bench.poll("issues", hours=60)
    asked = bench.fake.requests
    rows = sum(batch.table.num_rows for batch in replay(bench.source(), "issues", bench.store))
    assert rows == len(bench.lines("issues"))
    assert bench.fake.requests == asked


def test_a_part_whose_bytes_changed_is_named(bench: VendorBench) -> None:
    bench.load("issues")
    assert verify(bench.source(), "issues", bench.store) == 1
    (manifest,) = bench.store.manifests(StreamId("jira", "acme", "issues"))
    part = manifest.parts[0].path
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(bytes(content))
    with pytest.raises(StoreError, match=part.name):
        verify(bench.source(), "issues", bench.store)
