"""Salesforce: bulk jobs, tokens that end, fields that went away, quotas, what is and is not asked for."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.errors import CredentialsRefused, RateLimited, RequestRefused
from connectors.sandbox.traps import Edit, Fault, Kind, SchemaEdit, Traps
from tests.integration.connectors.vendor_bench import SECRET, VendorBench
from tests.integration.connectors.vendors import VENDORS

BULK = {"options": {"bulk_threshold": "10"}}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorBench]:
    vendor = VENDORS["salesforce"]
    with VendorBench(vendor.fake, tmp_path, monkeypatch, vendor.source) as opened:
        yield opened


def test_much_comes_by_bulk_job_and_reads_the_same_as_by_query(bench: VendorBench, tmp_path: Path) -> None:
    bench.load("opportunities")
    by_query = bench.rows("opportunities", deleted=True)
    bench.fake.traps = Traps(page_cap=25)
    bench.reset("opportunities")
    result = bench.load("opportunities", **BULK)
    assert result.pages == -(-result.rows // 25)
    by_bulk = bench.rows("opportunities", deleted=True)
    line = ("_load_id", "_sequence", "_fetched_at")
    for key, row in by_query.items():
        assert {k: v for k, v in row.items() if k not in line} == {
            k: v for k, v in by_bulk[key].items() if k not in line
        }
    assert any(isinstance(row["amount"], Decimal) for row in by_bulk.values())
    assert any(exchange.request.path.endswith("/results") for exchange in bench.fake.exchanges)


def test_a_bulk_load_goes_on_at_its_locator(bench: VendorBench) -> None:
    bench.fake.traps = Traps(
        page_cap=25, faults=(Fault(Kind.SERVER_ERROR, times=None, after=2, path="/results"),)
    )
    with pytest.raises(Exception, match="answered 500"):
        bench.load("opportunities", **BULK)
    bench.fake.traps = Traps(page_cap=25)
    result = bench.load("opportunities", **BULK)
    assert result.resumed
    assert sorted(bench.rows("opportunities", **BULK)) == sorted(bench.fake.snapshot("Opportunity"))
    assert len(bench.lines("opportunities")) == len({row["_key"] for row in bench.lines("opportunities")})


def test_a_results_page_that_is_broken_off_is_noticed_by_the_vendors_count(bench: VendorBench) -> None:
    bench.fake.traps = Traps(faults=(Fault(Kind.TRUNCATED, times=None, path="/results"),))
    with pytest.raises(Exception, match=r"broken off|holds|CSV"):
        bench.load("opportunities", **BULK)
    assert bench.rows("opportunities") == {}


def test_an_access_token_that_ends_in_the_middle_is_renewed(bench: VendorBench) -> None:
    bench.fake.traps = Traps(page_cap=10, token_lifetime=4)
    bench.load("opportunities")
    assert sorted(bench.rows("opportunities")) == sorted(bench.fake.snapshot("Opportunity"))


def test_a_rotated_refresh_token_is_kept_in_its_file(bench: VendorBench, tmp_path: Path) -> None:
    kept = tmp_path / "refresh-token"
    kept.write_text(bench.fake.refresh_token)
    bench.fake.traps = Traps(rotate_refresh_token=True, token_lifetime=3, page_cap=10)
    auth = {
        "kind": "refresh_token",
        "client_id": "env:SF_ID",
        "client_secret": "env:SF_SECRET",
        "refresh_token": f"file:{kept}",
    }
    first = kept.read_text()
    bench.load("opportunities", auth=auth)
    assert kept.read_text().strip() == bench.fake.refresh_token != first
    bench.load("accounts", auth=auth)
    assert kept.stat().st_mode & 0o077 == 0


def test_wrong_credentials_say_so_without_repeating_them(
    bench: VendorBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SF_SECRET", "not-the-secret-4711")
    with pytest.raises(CredentialsRefused) as caught:
        bench.load("opportunities")
    assert "not-the-secret-4711" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_field_that_went_away_is_named(bench: VendorBench) -> None:
    bench.fake.traps = Traps(schema=(SchemaEdit("Opportunity", "ACV__c", Edit.GONE),))
    with pytest.raises(RequestRefused, match="ACV__c"):
        bench.load("opportunities")
    without = {"streams": [{"name": "opportunities", "without": ["acv"]}]}
    assert bench.load("opportunities", **without).rows > 0


def test_a_field_of_another_type_is_quarantined_with_its_name(bench: VendorBench) -> None:
    bench.fake.traps = Traps(schema=(SchemaEdit("Opportunity", "Amount", Edit.RETYPED),))
    bench.load("opportunities")
    refused = bench.quarantined("opportunities")
    assert refused
    assert {row["column"] for row in refused} == {"amount"}
    assert "is no number" in refused[0]["reason"]


def test_nothing_about_people_is_asked_for(bench: VendorBench) -> None:
    bench.load_all()
    queries = [dict(e.request.query).get("q", "") for e in bench.fake.exchanges]
    leads = next(q for q in queries if " FROM Lead" in q)
    users = next(q for q in queries if " FROM User" in q)
    for personal in ("Name", "Email", "Company", "Phone"):
        assert f" {personal}," not in leads
        assert f" {personal}," not in users


def test_the_rest_of_the_days_requests_is_left_to_others(
    bench: VendorBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sandbox.salesforce.API_CALLS_A_DAY", 10)
    result = bench.load_all()
    assert result.loads
    _, error = result.failures[-1]
    assert isinstance(error, RateLimited)
    assert "requests of today" in str(error)
    assert bench.fake.requests < 12


def test_check_tells_the_quota(bench: VendorBench) -> None:
    from connectors.registry import connect, system_of

    source = bench.source()
    system = system_of(source)
    client = connect(source, system, bench.runtime, bench.settings)
    assert system.check is not None
    assert "requests left today" in system.check(client)


def test_a_row_that_was_deleted_for_good_is_gone_within_a_day(bench: VendorBench) -> None:
    """A hard delete leaves no row behind that could say so; an archived one is none."""
    bench.load("opportunities")
    victim = sorted(bench.rows("opportunities"))[3]
    bench.fake.traps = Traps(purge_deleted=True)
    bench.fake.delete("Opportunity", victim)
    known = len(bench.rows("opportunities"))
    for threshold in ("2000", "5"):
        result = bench.poll("opportunities", hours=25, options={"bulk_threshold": threshold})
        assert not result.failed_checks
        assert victim not in bench.rows("opportunities")
        assert len(bench.rows("opportunities")) >= known - 1
