"""The published company on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.publishing.engine import open_reporting
from tests.integration.okr.okr_company import Published, published


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Published]:
    """The company on SQLite, then on PostgreSQL."""
    url = f"sqlite:///{tmp_path}/reporting.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    engine = open_reporting(url)
    yield published(engine)
    engine.dispose()


@pytest.fixture
def small_house(tmp_path: Path) -> Iterator[Published]:
    """The company on SQLite."""
    engine = open_reporting(f"sqlite:///{tmp_path}/reporting.db")
    yield published(engine)
    engine.dispose()
