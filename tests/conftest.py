"""Fixtures for all tests: a real PostgreSQL server, a database per test, the shared test data, tiers."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import PostgresServer, postgres_binaries

REPOSITORY = Path(__file__).resolve().parents[1]

# A busy machine makes no test wrong: examples have no deadline, and slow generation is no failure.
settings.register_profile("repository", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A change is judged by the same examples each time; everybody's own runs look for new ones.
settings.register_profile("ci", settings.get_profile("repository"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repository"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--tier",
        action="append",
        default=[],
        metavar="NAME",
        help="also run the tests marked tier(NAME): real third-party systems, slower; may be repeated",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = set(config.getoption("--tier"))
    for item in items:
        marker = item.get_closest_marker("tier")
        if marker is None:
            continue
        if len(marker.args) != 1:
            raise pytest.UsageError(f"{item.nodeid}: tier takes one name: @pytest.mark.tier('superset')")
        if marker.args[0] not in wanted:
            item.add_marker(pytest.mark.skip(reason=f"runs with --tier {marker.args[0]}"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL server for the session. A test that stops it must start it again."""
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server binaries (VITALS_POSTGRES_BIN, /usr/lib/postgresql, PATH)")
    server = PostgresServer(binaries)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """URL (`postgresql+psycopg2://…`) of a fresh, empty database, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of shared rules and real data: `VITALS_SHARED`, else `../shared`; skips where absent."""
    folder = Path(os.environ.get("VITALS_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared test data at {folder} (set VITALS_SHARED)")
    return folder
