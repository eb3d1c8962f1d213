"""Files that already speak neutral words: a stream named after a neutral table is that table.

A files source whose stream is `billing_subscriptions` feeds `billing.subscriptions` without a staging model of its own.
Whoever writes such files writes the ids of the neutral tables, so several of these sources share their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from definitions.model import Catalogue
from pipelines.staging.accounts import of_account
from pipelines.staging.build import neutral_tables
from pipelines.staging.models import Model
from pipelines.steps.sources import SourceInstance


def file_models(sources: Sequence[SourceInstance], catalogue: Catalogue) -> tuple[Model, ...]:
    """The models of streams that are neutral tables, for all sources."""
    tables = {table.replace(".", "_"): (table, source) for table, source in neutral_tables(catalogue).items()}
    found = []
    for source in sources:
        for stream in source.streams:
            if stream.name not in tables:
                continue
            table, declared = tables[stream.name]
            columns = ", ".join(f'"{name}"' for name in declared.columns)
            typed = source.typed_table(stream.name)
            sql = of_account(
                f"SELECT {columns} FROM {typed} WHERE NOT _deleted", {typed}, source.config.account
            )
            found.append(Model(source.system, table, sql, Path(source.name)))
    return tuple(found)
