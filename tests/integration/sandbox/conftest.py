"""A small sandbox on loopback: each test starts with a fresh clock, no traps and nothing put by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from connectors.sandbox.company.generate import Company, generate
from connectors.sandbox.contracts import Contracts
from connectors.sandbox.serve import Sandbox


@pytest.fixture(scope="session")
def small_company() -> Company:
    return generate(seed=11, scale=0.1)


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, small_company: Company) -> Iterator[Sandbox]:
    """The fakes that the test's module names in FAKES."""
    fakes = getattr(request.module, "FAKES", ("salesforce", "jira", "intercom"))
    with Sandbox(company=small_company, systems=fakes) as running:
        yield running


@pytest.fixture(scope="session")
def contracts() -> Contracts:
    shared = os.environ.get("VITALS_SHARED") or str(Path(__file__).resolve().parents[4] / "shared")
    folder = Path(shared) / "contracts"
    if not folder.is_dir():
        pytest.skip(f"vendor contracts are not at {folder}: set VITALS_SHARED")
    return Contracts(folder)


class Client:
    """A session that talks to one fake."""

    def __init__(self, base: str, session: requests.Session | None = None) -> None:
        self.base = base
        self.session = session or requests.Session()

    def get(self, path: str, **kwargs: object) -> requests.Response:
        return self.session.get(self.base + path, timeout=5, **kwargs)  # type: ignore[arg-type]

    def post(self, path: str, json: object = None, **kwargs: object) -> requests.Response:
        return self.session.post(self.base + path, json=json, timeout=5, **kwargs)  # type: ignore[arg-type]

    def delete(self, path: str) -> requests.Response:
        return self.session.delete(self.base + path, timeout=5)


@pytest.fixture
def salesforce(sandbox: Sandbox) -> Client:
    client = Client(sandbox.url("salesforce"))
    form = {
        "grant_type": "client_credentials",
        "client_id": sandbox.salesforce.client_id,
        "client_secret": sandbox.salesforce.client_secret,
    }
    token = client.post("/services/oauth2/token", data=form).json()["access_token"]
    client.session.headers["Authorization"] = f"Bearer {token}"
    return client


@pytest.fixture
def jira(sandbox: Sandbox) -> Client:
    client = Client(sandbox.url("jira"))
    client.session.auth = (sandbox.jira.email, sandbox.jira.api_token)
    return client


@pytest.fixture
def intercom(sandbox: Sandbox) -> Client:
    client = Client(sandbox.url("intercom"))
    client.session.headers["Authorization"] = f"Bearer {sandbox.intercom.access_token}"
    client.session.headers["Intercom-Version"] = "2.14"
    return client
