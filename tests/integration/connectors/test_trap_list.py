"""The traps of the list that belong to one vendor or to one kind of answer; the others are in test_vendor_traps."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from graphql import parse

from connectors.answer import Answer
from connectors.errors import ConnectorError, PermissionMissing, ProtocolError, RateLimited
from connectors.paging import Token
from connectors.raw_store import StreamId
from connectors.sandbox.linear import MOST_COMPLEX
from connectors.sandbox.linear_schema import complexity
from connectors.sandbox.traps import Edit, Fault, Kind, SchemaEdit, Traps
from tests.integration.connectors.vendor_bench import VendorBench
from tests.integration.connectors.vendors import VENDORS

Opened = Callable[[str], VendorBench]
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    with contextlib.ExitStack() as stack:

        def open_bench(name: str) -> VendorBench:
            vendor = VENDORS[name]
            return stack.enter_context(VendorBench(vendor.fake, tmp_path / name, monkeypatch, vendor.source))

        yield open_bench


def test_a_search_beyond_its_cap_is_walked_to_the_end(opened: Opened) -> None:
    """Ten thousand rows of one identical change time made others loop for ever; here the cap is lower."""
    bench = opened("hubspot")
    bench.load("deals")
    touched = sorted(bench.fake.snapshot("deals"))[:60]
    bench.fake.traps = Traps(tie=timedelta(hours=2), result_cap=20, page_cap=8)
    for key in touched:
        bench.fake.touch("deals", key)
    asked = bench.fake.requests
    bench.poll("deals", hours=0.5)
    cursors = {row["_cursor"] for key, row in bench.rows("deals").items() if key in touched}
    assert len(cursors) == 1, "they are ties"
    assert min(cursors) >= "2026-06-15"
    assert bench.fake.requests - asked < 40


def test_a_poll_that_finds_nothing_new_costs_nothing(opened: Opened) -> None:
    """GitHub answers 304 to the tag of the poll before, and does not count it."""
    bench = opened("github")
    for _ in range(3):
        bench.poll("issues", hours=0.05)
    before, rows = len(bench.fake.exchanges), bench.rows("issues")
    result = bench.poll("issues", hours=0.05)
    asked = list(bench.fake.exchanges)[before:]
    assert [exchange.reply.status for exchange in asked] == [304]
    assert (result.rows, bench.rows("issues")) == (0, rows)
    bench.fake.touch("issue", next(iter(rows)).rpartition("|")[2])
    assert bench.poll("issues", hours=0.5).rows > 0


def test_queries_stay_far_below_the_complexity_that_is_refused(opened: Opened) -> None:
    """Linear multiplies the page sizes of nested connections: 31,375 points were refused elsewhere."""
    bench = opened("linear")
    result = bench.load_all()
    assert result.ok, result.failures
    asked = [exchange.request.json() for exchange in bench.fake.exchanges]
    costs = [complexity(bench.fake.schema, parse(one["query"]), one.get("variables") or {}) for one in asked]
    assert 0 < max(costs) < 0.6 * MOST_COMPLEX


@pytest.mark.parametrize("vendor", ["jira", "jira_dc"])
def test_a_feed_of_worklogs_is_read_to_its_last_page(opened: Opened, vendor: str) -> None:
    """The Cloud ends the feed with `lastPage`, a Data Center with `isLastPage`."""
    bench = opened(vendor)
    bench.fake.traps = Traps(page_cap=7)
    bench.load("worklogs")
    assert sorted(bench.rows("worklogs")) == sorted(bench.fake.snapshot("worklog"))
    assert len(bench.rows("worklogs")) > 7


def test_a_change_of_associations_alone_is_seen(opened: Opened) -> None:
    bench = opened("hubspot")
    bench.load("deals")
    bench.load("deal_companies")
    deal = sorted(bench.fake.snapshot("deals"))[0]
    company = sorted(bench.fake.snapshot("companies"))[-1]
    bench.fake.associate("deals", deal, "companies", [company])
    bench.poll("deals", hours=25)
    bench.load("deal_companies")
    linked = {row["company_id"] for row in bench.rows("deal_companies").values() if row["deal_id"] == deal}
    assert linked == {company}


def test_a_merged_contact_is_gone_and_nothing_else(opened: Opened) -> None:
    bench = opened("intercom")
    bench.load("contacts")
    merged, kept = sorted(bench.fake.snapshot("contact"))[:2]
    bench.fake.delete("contact", merged)  # it answers 404 and no search finds it
    bench.fake.touch("contact", kept)
    result = bench.poll("contacts", hours=26)
    assert result.vanished == 1
    assert merged not in bench.rows("contacts")
    assert sorted(bench.rows("contacts")) == sorted(bench.fake.snapshot("contact"))


def test_a_conversation_that_came_short_is_asked_for_once_more_and_not_for_ever(opened: Opened) -> None:
    bench = opened("intercom")
    bench.load("conversations")
    bench.fake.traps = Traps(parts_cap=3)
    first = bench.load("conversation_parts")
    assert first.incomplete_parents
    again = bench.load("conversation_parts")
    beyond_the_cap = set(first.incomplete_parents) - set(again.incomplete_parents)
    assert again.incomplete_parents
    assert bench.load("conversation_parts").requests == 0
    bench.reset("conversation_parts")
    bench.load("conversation_parts")
    bench.fake.traps = Traps()
    assert not bench.load("conversation_parts").incomplete_parents
    landed = Counter(row["_parent"] for row in bench.rows("conversation_parts").values())
    for key, row in bench.rows("conversations").items():
        assert landed[key] == (3 if key in beyond_the_cap else row["parts"])


def test_an_amount_keeps_its_currency(opened: Opened) -> None:
    bench = opened("salesforce")
    bench.load("opportunities")
    rows = bench.rows("opportunities")
    assert {row["currency"] for row in rows.values()} <= {"USD", "EUR"} != set()
    key = sorted(rows)[0]
    record = bench.fake.snapshot("Opportunity")[key]
    bench.fake.put("Opportunity", {**record, "CurrencyIsoCode": "EUR"})
    bench.poll("opportunities")
    row = bench.rows("opportunities")[key]
    assert (row["currency"], row["amount"]) == ("EUR", rows[key]["amount"])


def test_a_403_that_is_a_rate_limit_is_waited_for_and_another_is_not(opened: Opened) -> None:
    bench = opened("github")
    bench.fake.traps = Traps(faults=(Fault(Kind.THROTTLED, times=1, path="/issues", wait=75),))
    result = bench.poll("issues", hours=0.05)
    assert result.retries == 1
    assert min(bench.waits.slept) >= 75
    bench.fake.traps = Traps(faults=(Fault(Kind.FORBIDDEN, times=None, path="/issues"),))
    with pytest.raises(PermissionMissing):
        bench.poll("issues")


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "17"}, 17),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 45)}, 45),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str((int(NOW.timestamp()) + 45) * 1000)}, 45),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-06-15T12:00:30Z"}, 30),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "12"}, 12),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 45)}, 45),
        ({"x-ratelimit-remaining": "4990", "x-ratelimit-reset": str(int(NOW.timestamp()) + 3300)}, 60),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_every_way_to_say_how_long_to_wait_is_understood(headers: dict[str, str], wait: float | None) -> None:
    date = {"date": format_datetime(NOW, usegmt=True)}
    # Our clock is an hour off: the vendor's own counts.
    answer = Answer("GET /x", 429, {**headers, **date}, b"")
    assert isinstance(answer.failure(), RateLimited)
    assert answer.wait(NOW - timedelta(hours=1)) == wait


def test_a_failure_does_not_wait_for_the_reset_of_a_budget_that_is_not_used_up() -> None:
    reset = str(int(NOW.timestamp()) + 3300)
    healthy = {"x-ratelimit-remaining": "4990", "x-ratelimit-reset": reset}
    assert Answer("GET /x", 502, healthy, b"").wait(NOW) is None
    assert Answer("GET /x", 503, {**healthy, "retry-after": "5"}, b"").wait(NOW) == 5


def test_another_version_of_the_api_is_read_from_the_beginning(opened: Opened) -> None:
    bench = opened("hubspot")
    bench.load("deals", api_version="2026-03")
    assert bench.poll("deals", api_version="2026-03").mode == "incremental"
    result = bench.poll("deals", api_version="2026-09")
    assert result.mode == "full"
    manifest = bench.store.manifests(_stream_id("hubspot", "deals"))[-1]
    assert manifest.content["api_version"] == "2026-09"


def _stream_id(system: str, stream: str) -> StreamId:
    return StreamId(system, "acme", stream)


def test_a_last_page_that_does_not_say_so_ends_and_one_that_promises_more_is_an_error() -> None:
    paging = Token("token", "next", last_at="isLast")
    answer = Answer("GET /x", 200, {}, b"{}")
    assert paging.checkpoint(answer, {"records": []}, 0, None) is None
    assert paging.checkpoint(answer, {"isLast": True, "next": "again"}, 5, None) is None
    with pytest.raises(ProtocolError, match="holds no token"):
        paging.checkpoint(answer, {"isLast": False}, 5, None)


def test_a_first_load_does_not_ask_since_1970(opened: Opened) -> None:
    """That would give an empty list."""
    bench = opened("github")
    assert bench.load("issues").rows > 0
    asked = [exchange.request for exchange in bench.fake.exchanges]
    assert all("1970" not in str(vars(request)) for request in asked)


@pytest.mark.parametrize("name", ["jira", "jira_dc", "github", "intercom"])
def test_rows_that_the_account_may_no_longer_see_are_not_taken_for_deleted(opened: Opened, name: str) -> None:
    """The vendor says nothing; it merely shows fewer rows."""
    bench, vendor = opened(name), VENDORS[name]
    bench.load(vendor.stream)
    known = bench.rows(vendor.stream)
    records = bench.fake.snapshot(vendor.shelf)
    hidden = sorted(key for key, record in records.items() if vendor.belongs(record))
    for key in hidden[: len(hidden) // 2]:
        bench.fake.delete(vendor.shelf, key)
    result = bench.poll(vendor.stream, hours=30)
    assert any("vanished at once" in check for check in result.failed_checks)
    assert set(bench.rows(vendor.stream)) >= set(known)


@pytest.mark.parametrize(("name", "shelf"), [("hubspot", "deals"), ("github", "issue"), ("linear", "issue")])
def test_a_permission_that_is_lost_is_an_error_and_no_deletion(opened: Opened, name: str, shelf: str) -> None:
    bench, vendor = opened(name), VENDORS[name]
    bench.load(vendor.stream)
    known = bench.rows(vendor.stream)
    bench.fake.traps = Traps(forbidden=frozenset({shelf}))
    with pytest.raises(ConnectorError):
        bench.poll(vendor.stream, hours=30)
    assert bench.rows(vendor.stream) == known


@pytest.mark.parametrize(
    ("edit", "value"),
    [(Edit.GONE, ""), (Edit.RENAMED, "state_of_it"), (Edit.RETYPED, ""), (Edit.NEW, "surprise")],
)
def test_every_edit_of_a_schema_is_named(opened: Opened, edit: Edit, value: str) -> None:
    bench = opened("intercom")
    bench.load("conversations")
    name = "brand_new" if edit is Edit.NEW else "state"
    bench.fake.traps = Traps(schema=(SchemaEdit("conversation", name, edit, value),))
    for key in sorted(bench.fake.snapshot("conversation"))[:3]:
        bench.fake.touch("conversation", key)
    result = bench.poll("conversations")
    refused = {row["column"] for row in bench.quarantined("conversations")}
    if edit is Edit.NEW:
        assert result.drift.unknown == ("brand_new",)
        assert refused == set()
    elif edit is Edit.RETYPED:
        assert refused == {"state"}
    else:
        assert result.drift.missing == ("state",)
        assert any("state" in check for check in result.failed_checks)
