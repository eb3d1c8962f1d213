"""The typed rows of a stream made again from the raw store: no vendor is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from connectors.operations import verify
from pipelines.installation import Installation
from pipelines.steps.sources import SourceInstance
from pipelines.steps.stage import LOADS, QUARANTINE, Landed, land
from pipelines.steps.stores import raw_store
from pipelines.warehouse import Warehouse


def replay(
    installation: Installation, warehouse: Warehouse, source: SourceInstance, streams: tuple[str, ...]
) -> Iterator[Landed]:
    """Replace the typed rows of these streams by what their loads in the raw store say, each in one transaction.

    Every part is compared with its hash first. Rows of other accounts in the same tables stay as they are.

    Raises:
        StoreError: a part is not what its manifest says; that stream's rows stay as they were.
    """
    store = raw_store(installation.workspace)
    for stream in source.streams:
        if stream.name not in streams:
            continue
        verify(source.config, stream.name, store)
        alone = replace(installation, sources=(replace(source, streams=(stream,)),))
        with warehouse.transaction():
            _forget(warehouse, source, stream.name)
            yield from list(land(alone, warehouse))


def _forget(warehouse: Warehouse, source: SourceInstance, stream: str) -> None:
    account = source.config.account
    table = source.typed_table(stream)
    if warehouse.exists(table):
        warehouse.execute(f"DELETE FROM {table} WHERE _account = ?", (account,))
    for notes in (LOADS, QUARANTINE):
        if warehouse.exists(notes):
            warehouse.execute(
                f"DELETE FROM {notes} WHERE system = ? AND account = ? AND stream = ?",
                (source.system, account, stream),
            )
