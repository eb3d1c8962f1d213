"""What real vendors do to a connector, one trap a test, for every vendor: nothing is lost, nothing comes twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import (
    ConnectionFailed,
    ConnectorError,
    CredentialsRefused,
    GarbledAnswer,
    PermissionMissing,
    ProtocolError,
    RateLimited,
    VendorUnavailable,
)
from connectors.registry import system_of
from connectors.sandbox.traps import Edit, Fault, Kind, SchemaEdit, Told, Traps
from tests.integration.connectors.vendor_bench import SECRET, VendorBench
from tests.integration.connectors.vendors import VENDORS, Vendor


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    return VENDORS[request.param]


@pytest.fixture(params=["salesforce", "jira", "intercom"])
def core_vendor(request: pytest.FixtureRequest) -> Vendor:
    """One vendor for each way of paging, for what the shared code does alike for all of them."""
    return VENDORS[request.param]


@pytest.fixture
def core(core_vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorBench]:
    with VendorBench(core_vendor.fake, tmp_path, monkeypatch, core_vendor.source) as opened:
        yield opened


@pytest.fixture
def bench(vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorBench]:
    with VendorBench(vendor.fake, tmp_path, monkeypatch, vendor.source) as opened:
        yield opened


@pytest.fixture
def jira(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorBench]:
    """One vendor, for what the HTTP client does alike for all of them."""
    with VendorBench(VENDORS["jira"].fake, tmp_path, monkeypatch, VENDORS["jira"].source) as opened:
        yield opened


def held(bench: VendorBench, vendor: Vendor) -> dict[str, Any]:
    """What the vendor holds now, by the key that its rows have here."""
    records = bench.fake.snapshot(vendor.shelf)
    return {vendor.key(name): record for name, record in records.items() if vendor.belongs(record)}


def ids(bench: VendorBench, vendor: Vendor) -> list[str]:
    """The vendor's own ids of the records that belong to the stream, in order."""
    records = bench.fake.snapshot(vendor.shelf)
    return sorted(name for name, record in records.items() if vendor.belongs(record))


def equal(bench: VendorBench, vendor: Vendor) -> bool:
    """Does the warehouse hold what the vendor holds, column by column?"""
    source, rows = held(bench, vendor), bench.rows(vendor.stream)
    assert sorted(rows) == sorted(source)
    for name, read in vendor.columns.items():
        assert {key: row[name] for key, row in rows.items()} == {key: read(r) for key, r in source.items()}
    return True


# Data that moves -------------------------------------------------------------------------------------------


def test_the_first_load_and_later_polls_hold_what_the_vendor_holds(
    bench: VendorBench, vendor: Vendor
) -> None:
    bench.load(vendor.stream)
    assert equal(bench, vendor)
    for _ in range(3):
        result = bench.poll(vendor.stream, hours=60)
        assert result.mode == "incremental"
        assert result.rows < 100
        assert equal(bench, vendor)


def light(bench: VendorBench, vendor: Vendor) -> dict[str, Any]:
    """All streams but those that take a request for each parent."""
    return {"streams": [s.name for s in system_of(bench.source()).streams if s.name not in vendor.heavy]}


def test_every_other_stream_holds_what_the_vendor_holds(bench: VendorBench, vendor: Vendor) -> None:
    for _ in range(2):
        bench.clock.advance(days=5)
        result = bench.load_all(**light(bench, vendor))
        assert result.ok, (result.failures, [load.failed_checks for load in result.loads])
        assert all(not load.drift for load in result.loads)
        for stream, shelf in vendor.others.items():
            assert sorted(bench.rows(stream)) == sorted(bench.fake.snapshot(shelf)), stream
        for load in result.loads:
            assert bench.quarantined(load.stream) == [], load.stream


def test_a_quiet_poll_changes_nothing(core: VendorBench, core_vendor: Vendor) -> None:
    core.load(core_vendor.stream)
    before = core.rows(core_vendor.stream)
    core.load(core_vendor.stream)
    after = core.rows(core_vendor.stream)
    assert {key: row["_cursor"] for key, row in before.items()} == {
        k: row["_cursor"] for k, row in after.items()
    }


def test_deleted_records_are_gone_and_what_was_known_of_them_stays(
    bench: VendorBench, vendor: Vendor
) -> None:
    bench.load(vendor.stream)
    victims = ids(bench, vendor)[:3]
    known = bench.rows(vendor.stream)
    for key in victims:
        bench.fake.delete(vendor.shelf, key)
    bench.poll(vendor.stream, hours=30)
    assert equal(bench, vendor)
    buried = bench.rows(vendor.stream, deleted=True)
    for key in victims:
        row = buried[vendor.key(key)]
        assert row["_deleted"]
        if "status" not in vendor.columns or vendor.shelf != "ticket":
            assert [row[name] for name in vendor.columns] == [
                known[vendor.key(key)][n] for n in vendor.columns
            ]


def test_equal_stamps_at_the_watermark_are_all_read(bench: VendorBench, vendor: Vendor) -> None:
    bench.fake.traps = Traps(tie=timedelta(hours=1), page_cap=7)
    bench.load(vendor.stream)
    keys = ids(bench, vendor)
    for round_ in range(3):
        for key in keys[round_ * 10 : round_ * 10 + 9]:
            bench.fake.touch(vendor.shelf, key)
        bench.poll(vendor.stream, hours=0.25)
    assert equal(bench, vendor)


def test_a_late_index_loses_nothing_within_the_overlap(bench: VendorBench, vendor: Vendor) -> None:
    if not system_of(bench.source()).stream(vendor.stream).overlap:
        pytest.skip("the vendor's own cursor promises not to pass anything that is not visible yet")
    late = timedelta(minutes=6)
    bench.fake.traps = Traps(late_index=late, late_share=0.5)
    bench.load(vendor.stream)
    keys = ids(bench, vendor)
    for round_ in range(6):
        for key in keys[round_ * 5 : round_ * 5 + 5]:
            bench.fake.touch(vendor.shelf, key)
        bench.poll(vendor.stream, hours=0.05)
    bench.poll(vendor.stream, hours=0.15)
    cursors = {key: row["_cursor"] for key, row in bench.rows(vendor.stream).items()}
    touched = sorted(cursors[vendor.key(key)] for key in keys[:30])
    assert touched[0] >= "2026-06-15T06:00:00", "an edit that the index showed late was lost"


def test_lateness_is_measured_and_warned_of(core: VendorBench, core_vendor: Vendor) -> None:
    if not system_of(core.source()).stream(core_vendor.stream).overlap:
        pytest.skip("the vendor's own cursor promises not to pass anything that is not visible yet")
    core.fake.traps = Traps(late_index=timedelta(minutes=8))
    core.load(core_vendor.stream)
    for key in ids(core, core_vendor)[:3]:
        core.fake.touch(core_vendor.shelf, key)
    first = core.poll(core_vendor.stream, hours=0.1)
    second = core.poll(
        core_vendor.stream, hours=0.1, streams=[{"name": core_vendor.stream, "overlap": "PT10M"}]
    )
    assert first.late_rows == 0
    assert second.late_rows == 3
    assert 300 <= second.lateness_seconds <= 720
    assert any("raise overlap" in warning for warning in second.warnings)


@pytest.mark.parametrize("offset_tokens", [False, True])
def test_edits_and_deletes_between_pages_lose_nothing(
    bench: VendorBench, vendor: Vendor, offset_tokens: bool
) -> None:
    bench.fake.traps = Traps(
        edits_between_pages=2,
        deletes_between_pages=1,
        page_cap=9,
        tick=timedelta(seconds=2),
        offset_tokens=offset_tokens,
    )
    bench.load(vendor.stream)
    bench.fake.traps = Traps()
    bench.with_settings(vanished_share=0.9)
    bench.poll(vendor.stream, hours=0.2)
    bench.poll(vendor.stream, hours=30)
    assert equal(bench, vendor)


def test_a_stamp_from_the_future_does_not_move_the_watermark(core: VendorBench, core_vendor: Vendor) -> None:
    core.load(core_vendor.stream)
    key = ids(core, core_vendor)[0]
    ahead = core.clock.milliseconds + 2 * 86_400_000
    core.fake.put(core_vendor.shelf, core.fake.snapshot(core_vendor.shelf)[key], updated=ahead)
    result = core.poll(core_vendor.stream)
    assert result.future_rows in (0, 1), "some vendors do not show it before its time"
    assert result.watermark_after <= core.clock().strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    core.fake.touch(core_vendor.shelf, key)
    core.poll(core_vendor.stream)
    assert core.rows(core_vendor.stream)[core_vendor.key(key)]["_cursor"].startswith("2026-06-15")


def test_a_vendor_whose_clock_is_ahead_is_read_all_the_same(core: VendorBench, core_vendor: Vendor) -> None:
    core.fake.traps = Traps(skew=timedelta(minutes=20))
    core.load(core_vendor.stream)
    for _ in range(2):
        result = core.poll(core_vendor.stream, hours=10)
        assert result.future_rows == 0
        assert 1190 <= result.clock_skew_seconds <= 1210


# Answers that are none -------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", list(Told))
def test_a_throttled_request_waits_as_long_as_it_is_told(jira: VendorBench, told: Told) -> None:
    jira.fake.traps = Traps(faults=(Fault(Kind.THROTTLED, times=2, path="/search/jql", wait=90, told=told),))
    result = jira.load("issues")
    assert result.retries == 2
    if told in (Told.SECONDS, Told.DATE):
        assert min(jira.waits.slept) >= 89
    if told is Told.RESET:
        assert min(jira.waits.slept) >= 30, "this vendor tells its reset to the minute"
    assert equal(jira, VENDORS["jira"])


@pytest.mark.parametrize(
    "kind", [Kind.SERVER_ERROR, Kind.RESET, Kind.CUT, Kind.TRUNCATED, Kind.HTML, Kind.EMPTY]
)
def test_a_passing_failure_is_tried_again_and_nothing_comes_twice(jira: VendorBench, kind: Kind) -> None:
    jira.fake.traps = Traps(page_cap=20, faults=(Fault(kind, times=1, after=1, path="/search/jql"),))
    jira.load("issues")
    assert equal(jira, VENDORS["jira"])
    assert len(jira.lines("issues")) == len({row["_key"] for row in jira.lines("issues")})


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Kind.UNAUTHORIZED, CredentialsRefused),
        (Kind.FORBIDDEN, PermissionMissing),
        (Kind.THROTTLED, RateLimited),
        (Kind.SERVER_ERROR, VendorUnavailable),
        (Kind.RESET, ConnectionFailed),
        (Kind.CUT, ConnectionFailed),
        (Kind.TRUNCATED, GarbledAnswer),
        (Kind.HTML, GarbledAnswer),
        (Kind.EMPTY, GarbledAnswer),
        (Kind.NOT_UTF8, GarbledAnswer),
        (Kind.ERROR_AT_200, ConnectorError),
    ],
)
def test_a_lasting_failure_is_a_typed_error_and_the_state_stays(
    jira: VendorBench, kind: Kind, error: type[ConnectorError]
) -> None:
    jira.load("issues")
    before = jira.rows("issues")
    jira.clock.advance(days=1)
    jira.fake.traps = Traps(faults=(Fault(kind, times=None, path="/search/jql"),))
    with pytest.raises(error) as caught:
        jira.load("issues")
    assert "issues" in str(caught.value)
    assert SECRET not in str(caught.value) + repr(caught.value)
    assert jira.rows("issues") == before
    assert sum(jira.waits.slept) <= jira.settings.http.budget_seconds
    terminal = kind in (Kind.UNAUTHORIZED, Kind.FORBIDDEN)
    assert caught.value.transient == (kind in (Kind.THROTTLED, Kind.SERVER_ERROR, Kind.RESET, Kind.CUT))
    if terminal:
        assert not jira.waits.slept, "a refusal is not tried again"
    jira.fake.traps = Traps()
    jira.load("issues")
    assert equal(jira, VENDORS["jira"])


def test_every_vendor_may_throttle_in_any_of_its_ways(bench: VendorBench, vendor: Vendor) -> None:
    """With Retry-After in seconds or as a date, with the vendor's own reset, or with no word at all.

    GitHub always tells when its hour is over, with nothing left until then: a wait of that length does not fit the
    time budget.
    """
    tells_the_hour = bench.config["system"] == "github"
    for told in Told:
        bench.waits.slept.clear()
        fault = Fault(Kind.THROTTLED, times=1, path=vendor.path, wait=70, told=told)
        bench.fake.traps = Traps(faults=(fault,))
        if told is Told.NOTHING and tells_the_hour:
            with pytest.raises(RateLimited, match="time budget"):
                bench.poll(vendor.stream)
            bench.load(vendor.stream)
            continue
        result = bench.poll(vendor.stream)
        assert result.retries == 1, told
        assert bench.waits.slept, told
        if told in (Told.SECONDS, Told.DATE):
            assert min(bench.waits.slept) >= 69, told
    assert equal(bench, vendor)


def test_an_error_body_at_200_is_an_error_of_every_vendor(bench: VendorBench, vendor: Vendor) -> None:
    bench.load(vendor.stream)
    before = bench.rows(vendor.stream)
    bench.fake.traps = Traps(faults=(Fault(Kind.ERROR_AT_200, times=None, path=vendor.path),))
    with pytest.raises(ConnectorError):
        bench.poll(vendor.stream, hours=26)
    assert bench.rows(vendor.stream) == before
    bench.fake.traps = Traps()
    bench.load(vendor.stream)
    assert equal(bench, vendor)


def test_a_vendor_that_asks_for_too_long_a_wait_is_left_alone(jira: VendorBench) -> None:
    jira.fake.traps = Traps(faults=(Fault(Kind.THROTTLED, times=None, path="/search/jql", wait=7_200),))
    with pytest.raises(RateLimited, match="time budget"):
        jira.load("issues")
    assert jira.waits.slept == []


def test_a_load_goes_on_after_its_last_page(bench: VendorBench, vendor: Vendor) -> None:
    bench.fake.traps = Traps(
        page_cap=10, faults=(Fault(Kind.SERVER_ERROR, times=None, after=3, path=vendor.path),)
    )
    with pytest.raises(VendorUnavailable):
        bench.load(vendor.stream)
    asked = bench.fake.requests
    bench.fake.traps = Traps(page_cap=10)
    result = bench.load(vendor.stream)
    assert result.resumed
    assert equal(bench, vendor)
    lines = [row["_key"] for row in bench.lines(vendor.stream)]
    assert len(lines) - len(set(lines)) <= 11, "no more than a page is read again"
    assert bench.fake.requests - asked < len(bench.fake.snapshot(vendor.shelf)) / 10 + 20


def test_an_expired_page_token_does_not_stop_the_stream_for_good(
    core: VendorBench, core_vendor: Vendor
) -> None:
    core.fake.traps = Traps(
        page_cap=10, faults=(Fault(Kind.SERVER_ERROR, times=None, after=3, path=core_vendor.path),)
    )
    with pytest.raises(VendorUnavailable):
        core.load(core_vendor.stream)
    core.fake.traps = Traps(page_cap=10, page_token_lifetime=1)
    with contextlib.suppress(ConnectorError):
        core.load(core_vendor.stream)
    core.fake.traps = Traps(page_cap=10)
    core.load(core_vendor.stream)
    assert equal(core, core_vendor)


@pytest.mark.parametrize(
    "trap", [Traps(page_cap=10, repeat_token=True), Traps(page_cap=30, endless_token=True)]
)
def test_a_listing_that_does_not_end_is_an_error_and_not_a_loop(
    bench: VendorBench, vendor: Vendor, trap: Traps
) -> None:
    bench.fake.traps = trap
    try:
        bench.load(vendor.stream)
    except ProtocolError:
        assert bench.rows(vendor.stream) == {}
    else:
        assert equal(bench, vendor)
    assert bench.fake.requests < 80
    bench.fake.traps = Traps()
    bench.load(vendor.stream)
    assert equal(bench, vendor)


# Schema, permissions, configuration ------------------------------------------------------------------------


def test_an_edit_in_the_schema_is_seen(core: VendorBench, core_vendor: Vendor) -> None:
    core.load(core_vendor.stream)
    core.fake.traps = Traps(schema=(SchemaEdit(core_vendor.shelf, "brand_new", Edit.NEW, "surprise"),))
    for key in ids(core, core_vendor)[:2]:
        core.fake.touch(core_vendor.shelf, key)
    result = core.poll(core_vendor.stream)
    if result.drift.unknown:
        assert any("brand_new" in name for name in result.drift.unknown)
        assert any("brand_new" in warning for warning in result.warnings)


def test_a_wider_query_reads_from_the_beginning(core: VendorBench, core_vendor: Vendor) -> None:
    core.load(core_vendor.stream)
    assert core.poll(core_vendor.stream).mode == "incremental"
    name = next(iter(core_vendor.columns))
    wider = {"streams": [{"name": core_vendor.stream, "without": [name]}]}
    result = core.poll(core_vendor.stream, **wider)
    assert result.mode == "full"
    assert any("query changed" in warning for warning in result.warnings)
    assert core.poll(core_vendor.stream, **wider).mode == "incremental"


def test_two_loads_of_a_stream_exclude_each_other(core: VendorBench, core_vendor: Vendor) -> None:
    from connectors.raw_store import StreamId

    system = core.source().system
    with (
        core.store.lock(StreamId(system, "acme", core_vendor.stream)),
        pytest.raises(ConnectorError, match="another"),
    ):
        core.load(core_vendor.stream)


def test_no_secret_and_no_personal_text_is_written(bench: VendorBench, vendor: Vendor) -> None:
    bench.load_all(**light(bench, vendor))
    written = bench.everything_written()
    assert SECRET.encode() not in written
