"""Where typed rows, staging tables and computed values live: one small protocol, several engines.

with open_warehouse("duckdb:///path/warehouse.duckdb") as warehouse:
    table = warehouse.query("SELECT count(*) AS n FROM crm.opportunities")
"""

from __future__ import annotations

from pipelines.warehouse.duckdb import DuckDBWarehouse
from pipelines.warehouse.errors import WarehouseError
from pipelines.warehouse.protocol import MergeResult, Warehouse

__all__ = ["DuckDBWarehouse", "MergeResult", "Warehouse", "WarehouseError", "open_warehouse"]


def open_warehouse(url: str) -> Warehouse:
    """Open the warehouse that `url` names.

    `duckdb:///FILE` (or a bare path) is the embedded default; any other URL is refused with what to write.

    Raises:
        WarehouseError: the engine is unknown, or the file cannot be opened.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return DuckDBWarehouse(url)
    if scheme == "duckdb":
        return DuckDBWarehouse(rest.removeprefix("/") if rest.startswith("//") else rest)
    raise WarehouseError(
        f"warehouse URL starts with {scheme!r}",
        hint="write duckdb:///path/to/warehouse.duckdb",
    )
