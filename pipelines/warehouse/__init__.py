"""Where typed rows, staging tables and computed values live: one small protocol, several engines.

with open_warehouse("duckdb:///path/warehouse.duckdb") as warehouse:
    table = warehouse.query("SELECT count(*) AS n FROM crm.opportunities")
"""

from __future__ import annotations

from pipelines.warehouse.duckdb import DuckDBWarehouse
from pipelines.warehouse.errors import WarehouseError
from pipelines.warehouse.protocol import MergeResult, Warehouse

__all__ = ["DuckDBWarehouse", "MergeResult", "Warehouse", "WarehouseError", "open_warehouse"]
STORAGES = ("s3", "gs", "gcs", "abfs", "abfss", "file", "sftp", "hdfs")


def open_warehouse(url: str, *, read_only: bool = False) -> Warehouse:
    """Open the warehouse that `url` names.

    `duckdb:///FILE` (or a bare path) is the embedded default; `s3://…`, `gs://…` and other object storages hold the
    same file for steps on several machines (`carried`). Any other URL is refused with what to write. With `read_only`
    nothing can be written, other readers are welcome, and a run that is writing is not waited for.

    Raises:
        WarehouseError: the engine is unknown, or the file cannot be opened.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return DuckDBWarehouse(url, read_only=read_only)
    if scheme == "duckdb":
        path = rest.removeprefix("/") if rest.startswith("//") else rest
        return DuckDBWarehouse(path, read_only=read_only)
    if scheme in STORAGES:
        from pipelines.warehouse.carried import CarriedWarehouse

        return CarriedWarehouse(url, read_only=read_only)
    raise WarehouseError(
        f"warehouse URL starts with {scheme!r}",
        hint="write duckdb:///path/to/warehouse.duckdb, or s3://bucket/warehouse for several machines",
    )
