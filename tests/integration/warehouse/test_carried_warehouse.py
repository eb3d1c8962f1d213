"""The DuckDB file carried through an object storage: what one machine leaves, the next one finds; or nothing of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.warehouse import Warehouse, WarehouseError, open_warehouse

ROWS = pa.table({"key": ["a", "b"], "value": [1, 2]})


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "machine"))
    (tmp_path / "machine").mkdir()
    return f"file://{tmp_path}/storage"


def other_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr("tempfile.tempdir", str(folder))


def values(warehouse: Warehouse) -> list[int]:
    found: list[int] = warehouse.query("SELECT value FROM t.rows ORDER BY key").column("value").to_pylist()
    return found


def test_another_machine_finds_what_one_left(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_warehouse(url) as warehouse:
        warehouse.write("t.rows", ROWS)
    with open_warehouse(url) as warehouse:
        warehouse.execute("UPDATE t.rows SET value = value + 10")
    other_machine(monkeypatch, tmp_path)
    with open_warehouse(url, read_only=True) as warehouse:
        assert values(warehouse) == [11, 12]


def test_a_step_that_changes_nothing_sends_nothing(url: str, tmp_path: Path) -> None:
    with open_warehouse(url) as warehouse:
        warehouse.write("t.rows", ROWS)
    before = sorted((tmp_path / "storage").iterdir())
    with open_warehouse(url) as warehouse:
        assert values(warehouse) == [1, 2]
    assert sorted((tmp_path / "storage").iterdir()) == before


def test_the_storage_keeps_a_few_generations_and_this_machine_no_working_copies(
    url: str, tmp_path: Path
) -> None:
    for number in range(6):
        with open_warehouse(url) as warehouse:
            warehouse.write("t.rows", pa.table({"key": ["a"], "value": [number]}))
    assert len(list((tmp_path / "storage").glob("*.duckdb"))) == 3
    assert not list((tmp_path / "machine").rglob("*.work"))
    with open_warehouse(url, read_only=True) as warehouse:
        assert values(warehouse) == [5]


def test_a_second_writer_fails_instead_of_overwriting(url: str) -> None:
    with open_warehouse(url) as warehouse:
        warehouse.write("t.rows", ROWS)
    late = open_warehouse(url)
    with open_warehouse(url) as warehouse:
        warehouse.execute("UPDATE t.rows SET value = 7")
    late.execute("UPDATE t.rows SET value = 8")
    with pytest.raises(WarehouseError, match="changed by another process"):
        late.close()
    with open_warehouse(url, read_only=True) as warehouse:
        assert values(warehouse) == [7, 7]


def test_a_reader_needs_a_warehouse(url: str) -> None:
    with pytest.raises(WarehouseError, match="no warehouse"):
        open_warehouse(url, read_only=True)


def _change_and_die(url: str) -> None:
    warehouse = open_warehouse(url)
    warehouse.execute("UPDATE t.rows SET value = 9")
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_leaves_what_was_before_it(url: str) -> None:
    with open_warehouse(url) as warehouse:
        warehouse.write("t.rows", ROWS)
    process = multiprocessing.get_context("fork").Process(target=_change_and_die, args=(url,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    with open_warehouse(url) as warehouse:
        assert values(warehouse) == [1, 2]
