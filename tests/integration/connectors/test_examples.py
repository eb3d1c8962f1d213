"""Every example source loads, refers to its secrets only, and can be checked and pulled against what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from connectors.config import RateConfig, SourceConfig, load_source
from connectors.operations import check_source, sync_sources
from connectors.raw_store import RawStore
from connectors.registry import VENDORS, streams_of
from connectors.runtime import Runtime
from connectors.sandbox.company.generate import Company, generate
from connectors.sandbox.serve import Sandbox
from connectors.state import StateStore
from connectors.sync import SourceResult

EXAMPLES = Path(__file__).parents[3] / "examples"
SOURCES = sorted(
    path
    for path in EXAMPLES.rglob("*.yml")
    if path.parent.parent == EXAMPLES and path.parent.name not in ("sandbox", "real")
)
CREDENTIAL = re.compile(r"(?i)(token|password|secret|key)\w*: (?!env:|file:)[A-Za-z0-9+/_-]{16,}")


@pytest.fixture(scope="module")
def company() -> Company:
    return generate(seed=5, scale=0.05)


@pytest.fixture
def sandbox(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(company=company, folder=tmp_path / "files") as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


def in_a_hurry(path: Path) -> SourceConfig:
    """The example without its politeness: a fake has time."""
    source = load_source(path)
    return source.model_copy(update={"rate": RateConfig(requests=100_000, seconds=1)})


def pulled(source: SourceConfig, home: Path, clock: object) -> dict[str, int]:
    store = RawStore(home, Runtime(clock=clock))  # type: ignore[arg-type]
    (result,) = sync_sources([source], store, StateStore(home / "state.db"), store.runtime.clock).values()
    assert isinstance(result, SourceResult), result
    assert result.ok, result
    assert not any(load.drift for load in result.loads), result
    return {load.stream: load.rows for load in result.loads}


def test_there_is_one_for_every_vendor_and_kind() -> None:
    named = {path.parent.name for path in SOURCES}
    assert named == {*VENDORS, "sql", "files", "http", "process", "tryton"}
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in SOURCES:
        assert str(path.relative_to(EXAMPLES)) in listed


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_it_loads_and_says_what_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES / "tryton")
    source = load_source(path)
    assert streams_of(source)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert not CREDENTIAL.search(text)
    assert yaml.safe_load(text)["system"] == source.system


@pytest.mark.parametrize("system", VENDORS)
def test_a_vendor_s_example_is_checked_and_pulled_from_its_fake(
    system: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    source = in_a_hurry(EXAMPLES / system / f"{system}.yml")
    report = check_source(source, Runtime(clock=sandbox.clock))
    assert report.ok, report
    rows = pulled(source, tmp_path / "home", sandbox.clock)
    assert set(rows) == {stream.name for stream in source.streams}
    assert all(count > 0 for count in rows.values()), rows


def test_the_files_example_is_pulled(sandbox: Sandbox, tmp_path: Path) -> None:
    rows = pulled(load_source(EXAMPLES / "files" / "files.yml"), tmp_path / "home", sandbox.clock)
    assert set(rows) == {"billing_invoice_lines", "marketing_web_daily", "support_nps_responses"}
    assert all(rows.values())


def test_the_database_example_is_pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'billing.db'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "CREATE TABLE subscriptions (subscription_id TEXT, account_id TEXT, start_date DATE, end_date DATE,"
                " amount NUMERIC, interval_months INTEGER, is_recurring BOOLEAN, plan TEXT, updated_at TIMESTAMP)"
            )
        )
        connection.execute(
            sa.text(
                "INSERT INTO subscriptions VALUES"
                " ('s1', 'a1', '2026-01-01', NULL, 120.50, 12, 1, 'pro', '2026-06-01 08:00:00')"
            )
        )
        connection.execute(sa.text("CREATE TABLE staff (name TEXT, month DATE)"))
        connection.execute(sa.text("INSERT INTO staff VALUES ('x', '2026-05-01'), ('y', '2026-05-01')"))
    engine.dispose()
    monkeypatch.setenv("BILLING_DATABASE_URL", url)
    clock = lambda: datetime(2026, 6, 15, tzinfo=UTC)  # noqa: E731
    rows = pulled(load_source(EXAMPLES / "sql" / "sql.yml"), tmp_path / "home", clock)
    assert rows == {"billing_subscriptions": 1, "finance_headcount": 1}
