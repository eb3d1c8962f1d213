"""The published company on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.publishing.engine import open_reporting
from tests.integration.okr.okr_company import Published, opened, published


@pytest.fixture(scope="session")
def published_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the company published in it; tests work on copies."""
    path = tmp_path_factory.mktemp("okr") / "reporting.db"
    engine = open_reporting(f"sqlite:///{path}")
    published(engine)
    engine.dispose()
    return path


@pytest.fixture
def small_house(published_file: Path, tmp_path: Path) -> Iterator[Published]:
    """The company on SQLite."""
    copy = shutil.copy(published_file, tmp_path)
    engine = open_reporting(f"sqlite:///{copy}")
    yield opened(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest) -> Iterator[Published]:
    """The company on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("small_house")
        return
    engine = open_reporting(request.getfixturevalue("postgres_url"))
    yield published(engine)
    engine.dispose()
