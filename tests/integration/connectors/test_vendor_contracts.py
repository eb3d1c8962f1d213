"""What the connectors send, and what the fakes answer them, against the vendors' own machine-readable contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.registry import system_of
from connectors.sandbox.contracts import Contracts
from tests.integration.connectors.vendor_bench import VendorBench
from tests.integration.connectors.vendors import VENDORS

KEPT_HERE = Path(__file__).parent / "contracts"
"""The contracts of GitHub and of Jira Data Center; those of the other vendors are shared test data."""


@pytest.mark.parametrize("name", VENDORS)
def test_requests_and_answers_keep_the_vendors_contract(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    vendor = VENDORS[name]
    folders = [KEPT_HERE]
    if name not in ("github", "jira_dc"):
        folders.append(request.getfixturevalue("shared_folder") / "contracts")
    contracts = Contracts(*folders)
    with VendorBench(vendor.fake, tmp_path, monkeypatch, vendor.source) as bench:
        bench.fake.observer = lambda exchange: contracts.observe(name, exchange)
        light = [s.name for s in system_of(bench.source()).streams if s.name not in vendor.heavy]
        for _ in range(2):
            result = bench.load_all(streams=light)
            assert result.ok, result.failures
            bench.clock.advance(days=2)
        for stream in vendor.heavy:
            assert bench.load(stream).rows > 0
        if name == "salesforce":
            bench.load("opportunities", options={"bulk_threshold": "10"})
            bench.reset("opportunities")
            bench.load("opportunities", options={"bulk_threshold": "10"})
        assert len(bench.fake.exchanges) > 5
    assert list(contracts.violations) == []
    assert contracts.checked > 0, "nothing was compared with the contract"
