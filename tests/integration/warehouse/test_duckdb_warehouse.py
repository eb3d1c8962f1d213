"""The embedded warehouse: upserts that do not depend on the order of arrival, all-or-nothing transactions."""

from __future__ import annotations

import gc
import multiprocessing
import weakref
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.warehouse import DuckDBWarehouse, WarehouseError, open_warehouse

VERSIONS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=40, unique=True
)


def rows(versions: list[tuple[int, int, int]]) -> pa.Table:
    return pa.table(
        {
            "id": [str(key) for key, _, _ in versions],
            "cursor": [cursor for _, cursor, _ in versions],
            "sequence": [sequence for _, _, sequence in versions],
        }
    )


@given(VERSIONS, st.randoms(use_true_random=False), st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_merge_ends_at_the_newest_version_whatever_the_order(versions, random, size) -> None:
    expected: dict[str, tuple[int, int]] = {}
    for key, cursor, sequence in versions:
        expected[str(key)] = max(expected.get(str(key), (-1, -1)), (cursor, sequence))
    shuffled = list(versions)
    random.shuffle(shuffled)
    with DuckDBWarehouse(":memory:") as warehouse:
        for start in range(0, len(shuffled), size):
            warehouse.merge(
                "crm.things", rows(shuffled[start : start + size]), ["id"], ["cursor", "sequence"]
            )
        found = warehouse.query("SELECT * FROM crm.things").to_pylist()
    assert {row["id"]: (row["cursor"], row["sequence"]) for row in found} == expected
    assert len(found) == len(expected)


@given(VERSIONS, st.randoms(use_true_random=False), st.integers(1, 7), st.integers(0, 30), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_load_in_pieces_ends_as_a_merge_of_each(versions, random, size, held, shared) -> None:
    """Whatever the table held, whether rows repeat within a piece or between pieces, and whoever else is in it."""
    shuffled = list(versions)
    random.shuffle(shuffled)
    held = min(held, len(shuffled))
    keys, newest = (["account", "id"], ["cursor", "sequence"]) if shared else (["id"], ["cursor", "sequence"])

    schema = pa.schema([("id", pa.string()), ("cursor", pa.int64()), ("sequence", pa.int64())])

    def of(some: list[tuple[int, int, int]], account: str = "east") -> pa.Table:
        accounts = pa.array([account] * len(some), pa.string())
        return rows(some).cast(schema).append_column("account", accounts)

    pieces = [of(shuffled[start : start + size]) for start in range(held, len(shuffled), size)]
    with DuckDBWarehouse(":memory:") as warehouse:
        for name in ("one_by_one", "together"):
            warehouse.write(f"crm.{name}", of([]))
            if held:
                warehouse.merge(f"crm.{name}", of(shuffled[:held]), keys, newest)
            warehouse.merge(f"crm.{name}", of([(1, 5, 0)], "west"), keys, newest)
        before = warehouse.query("SELECT * FROM crm.together")
        for piece in pieces:
            warehouse.merge("crm.one_by_one", piece, keys, newest)
        result = warehouse.merge_all("crm.together", iter(pieces), keys, newest)
        ends = [
            warehouse.query(f"SELECT * FROM crm.{name} ORDER BY ALL").to_pylist()
            for name in ("one_by_one", "together")
        ]
        again = warehouse.merge_all("crm.together", iter(pieces), keys, newest)
    assert ends[0] == ends[1]
    assert result.offered == len(shuffled) - held
    news = [row for row in ends[1] if row not in before.to_pylist()]
    assert len(news) <= result.written <= result.offered
    assert again.written == 0


def test_a_large_load_that_repeats_itself_keeps_the_newest_of_each(tmp_path: Path) -> None:
    """Row groups that were written before the repeats were found lose the older rows too."""
    count = 150_000
    first = pa.table({"id": [str(n) for n in range(count)], "cursor": pa.array([1] * count, pa.int64())})
    second = pa.table({"id": [str(n) for n in range(0, count, 3)], "cursor": pa.array(range(0, count, 3))})
    path = tmp_path / "warehouse.duckdb"
    with DuckDBWarehouse(path) as warehouse:
        warehouse.write("crm.things", first.slice(0, 0))
        result = warehouse.merge_all("crm.things", iter([first, second]), ["id"], ["cursor"])
        assert (result.offered, result.written) == (count + count // 3, count)
    with DuckDBWarehouse(path) as warehouse:
        found = warehouse.query(
            "SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(cursor) AS s FROM crm.things"
        )
    # The row 0 of the second is older than that of the first.
    assert found.to_pylist() == [
        {"n": count, "ids": count, "s": count - (count // 3) + 1 + sum(range(3, count, 3))}
    ]


def test_merge_of_the_same_rows_again_changes_nothing() -> None:
    with DuckDBWarehouse(":memory:") as warehouse:
        table = rows([(1, 1, 0), (2, 1, 0)])
        assert warehouse.merge("crm.things", table, ["id"], ["cursor", "sequence"]).written == 2
        again = warehouse.merge("crm.things", table, ["id"], ["cursor", "sequence"])
        assert (again.offered, again.written, again.unchanged) == (2, 0, 2)


def test_merge_adds_columns_that_are_new() -> None:
    with DuckDBWarehouse(":memory:") as warehouse:
        warehouse.merge("crm.things", pa.table({"id": ["a"]}), ["id"])
        warehouse.merge("crm.things", pa.table({"id": ["b"], "tier": ["pro"]}), ["id"])
        assert warehouse.query("SELECT id, tier FROM crm.things ORDER BY id").to_pylist() == [
            {"id": "a", "tier": None},
            {"id": "b", "tier": "pro"},
        ]


@pytest.mark.parametrize("how", ["append", "merge"])
def test_many_rows_put_into_a_table_made_empty_in_the_same_transaction_are_all_there(how: str) -> None:
    """DuckDB 2.0.0 would count them and return none (see `_insert`)."""
    many = pa.table({"id": [str(number) for number in range(130_000)]})
    with DuckDBWarehouse(":memory:") as warehouse:
        with warehouse.transaction():
            warehouse.write("crm.things", many.slice(0, 0))
            if how == "append":
                warehouse.append("crm.things", many)
            else:
                warehouse.merge("crm.things", many, ["id"])
        assert warehouse.query("SELECT id FROM crm.things").num_rows == 130_000


@pytest.mark.parametrize("how", ["append", "merge", "write"])
def test_rows_are_let_go_of_before_the_transaction_ends(how: str) -> None:
    """What is registered under a name is kept until then; twenty pieces of a load would be in memory together."""
    with DuckDBWarehouse(":memory:") as warehouse, warehouse.transaction():
        table = pa.table({"id": ["a", "b"]})
        left = weakref.ref(table)
        put = getattr(warehouse, how)
        put("crm.things", table, ["id"]) if how == "merge" else put("crm.things", table)
        del table
        gc.collect()
        assert left() is None


def test_a_failed_transaction_leaves_nothing() -> None:
    with DuckDBWarehouse(":memory:") as warehouse:
        warehouse.write("crm.things", pa.table({"id": ["a"]}))
        with pytest.raises(duckdb.Error), warehouse.transaction():  # noqa: PT012 -- the block is the subject
            warehouse.write("crm.things", pa.table({"id": ["b", "c"]}))
            warehouse.execute("SELECT no_such_column FROM crm.things")
        assert warehouse.query("SELECT id FROM crm.things").to_pylist() == [{"id": "a"}]


def test_a_key_less_merge_is_refused() -> None:
    with DuckDBWarehouse(":memory:") as warehouse, pytest.raises(WarehouseError, match="key columns"):
        warehouse.merge("crm.things", pa.table({"id": ["a"]}), [])


@pytest.mark.parametrize(
    "name", ['crm."x', "crm.things; DROP TABLE x", "a.b.c", "Crm.Things", "crm.things\n"]
)
def test_a_name_that_is_no_table_name_is_refused(name: str) -> None:
    with DuckDBWarehouse(":memory:") as warehouse, pytest.raises(WarehouseError, match="not a table name"):
        warehouse.write(name, pa.table({"id": ["a"]}))


def _hold(path: str, ready: object, release: object) -> None:
    with DuckDBWarehouse(path):
        ready.set()  # type: ignore[attr-defined]
        release.wait(30)  # type: ignore[attr-defined]


def test_a_second_writer_is_told_who_waits_for_whom(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    path = tmp_path / "warehouse.duckdb"
    holder = context.Process(target=_hold, args=(str(path), ready, release))
    holder.start()
    try:
        assert ready.wait(30)
        waits: list[float] = []
        with pytest.raises(WarehouseError, match="held by another process"):
            DuckDBWarehouse(path, patience=1.0, sleep=waits.append)
        assert sum(waits) == 1.0
    finally:
        release.set()
        holder.join(30)


def test_an_unknown_engine_is_refused_with_what_to_write() -> None:
    with pytest.raises(WarehouseError, match="write duckdb:///"):
        open_warehouse("oracle://host/db")


def test_a_file_that_is_no_warehouse_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(b"this is not a database" * 1000)
    with pytest.raises(WarehouseError, match="cannot be opened"):
        open_warehouse(f"duckdb:///{path}")
