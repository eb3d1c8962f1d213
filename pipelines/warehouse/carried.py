"""The DuckDB file carried from machine to machine through an object storage: what one step leaves, the next one finds.

    VITALS_WAREHOUSE_URL=s3://company-vitals/warehouse?region=eu-central-1

    <url>/current                 the name of the generation in force
    <url>/<generation>.duckdb     never changed once it is there

Opening fetches the generation in force, unless this machine has it; closing after a change sends a new one, and then
names it. A process that is killed leaves the generation before in force, as if its step had not begun. Dagster's pools
see to it that there is one writer; should there be two, the second one fails instead of overwriting the first.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from pathlib import Path
from typing import Any

from connectors.errors import ConnectorError
from connectors.objects import Objects
from pipelines.warehouse.duckdb import DuckDBWarehouse
from pipelines.warehouse.errors import WarehouseError

CURRENT = "current"
KEPT = 3
"""Generations that stay in the storage: a reader may be fetching the one before."""


class CarriedWarehouse(DuckDBWarehouse):
    """A DuckDB warehouse whose file lives in an object storage.

    Each opened warehouse works on a copy of its own, below the machine's folder for temporary files.

    Raises:
        WarehouseError: the storage cannot be reached, or another process changed the warehouse meanwhile.
    """

    def __init__(self, url: str, *, read_only: bool = False, **options: Any) -> None:
        self._url, self._read_only = url, read_only
        try:
            self._objects = Objects(url)
            self._generation = self._current()
            if not self._generation and read_only:
                raise WarehouseError(
                    f"there is no warehouse at {self._objects.url} yet", hint="run the daily job first"
                )
            self._file = self._working_copy()
        except ConnectorError as error:
            raise WarehouseError(error.problem, hint=error.hint) from error
        self._before = _stamp(self._file)
        try:
            super().__init__(self._file, read_only=read_only, **options)
        except BaseException:
            self._file.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Close the file and, where it changed, carry it back.

        Raises:
            WarehouseError: it cannot be carried back; nothing of this step counts.
        """
        super().close()
        try:
            if self._file.exists() and not self._read_only and _stamp(self._file) != self._before:
                self._send()
        except ConnectorError as error:
            raise WarehouseError(error.problem, hint=error.hint) from error
        finally:
            self._file.unlink(missing_ok=True)

    def _current(self) -> str:
        return (self._objects.get(CURRENT) or b"").decode()

    def _working_copy(self) -> Path:
        """A file of our own with the content of the generation in force; the content is fetched once a machine."""
        folder = Path(tempfile.gettempdir()) / f"vitals-warehouse-{os.getuid()}" / _digest(self._objects.url)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob("*.work"):
            if not _is_alive(int(left.name.partition("-")[0])):
                left.unlink(missing_ok=True)
        file = folder / f"{os.getpid()}-{uuid.uuid4().hex}.work"
        if self._generation:
            kept = folder / self._generation
            if not kept.exists():
                self._objects.fetch(self._generation, kept)
                for other in folder.glob("*.duckdb"):
                    if other != kept:
                        other.unlink(missing_ok=True)
            try:
                _copy(kept, file)
            except FileNotFoundError:  # a newer generation came to this machine just now
                self._objects.fetch(self._generation, file)
        return file

    def _send(self) -> None:
        found = self._current()
        if found != self._generation:
            raise WarehouseError(
                f"warehouse {self._objects.url} was changed by another process meanwhile",
                hint="run this again; steps that write belong into the pool `warehouse`",
            )
        last = int(self._generation.partition("-")[0] or 0)
        name = f"{last + 1:012d}-{uuid.uuid4().hex[:8]}.duckdb"
        self._objects.send(self._file, name)
        self._objects.put(CURRENT, name.encode())
        os.replace(self._file, self._file.parent / name)  # it need not be fetched here
        names = [
            one.name for one in self._objects.list("") if one.name.endswith(".duckdb") and one.name != name
        ]
        for old in names[: -(KEPT - 1)]:
            self._objects.delete(old)


def _stamp(file: Path) -> tuple[int, int] | None:
    if not file.exists():
        return None
    known = file.stat()
    return known.st_size, known.st_mtime_ns


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as write:
        # In the kernel; on file systems that can, without copying a byte.
        while os.copy_file_range(read.fileno(), write.fileno(), 1 << 30):
            pass


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
