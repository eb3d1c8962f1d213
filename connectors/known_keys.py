"""What the raw store knows about the keys of a stream: which are alive, which belong to a parent, which changed.

Deletions that nobody announces are found by comparing what the vendor lists with what is alive here. The
answers come from the loads themselves, so there is no second memory that could disagree with them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from connectors.engine import Engine
from connectors.raw_store import LARGEST_LINE, Manifest, RawStore, StreamId

BATCH = 10_000


@dataclass(frozen=True)
class LastKnown:
    """The newest line of a key: enough to write its tombstone."""

    key: str
    parent: str | None
    cursor: str
    data: bytes


class KnownKeys:
    """Questions to all finished loads of one stream, beside the files of the load that is under way.

    The answers come from `engine`, or one of its own.
    """

    def __init__(
        self, store: RawStore, stream: StreamId, landed: Sequence[str] = (), engine: Engine | None = None
    ) -> None:
        self._files = part_files(store.manifests(stream))
        self._landed = landed
        self._engine = engine or Engine()

    @property
    def is_empty(self) -> bool:
        """Had nothing landed before?"""
        return not self._files

    def alive(self) -> int:
        """How many keys were alive before this load."""
        with self._newest() as connection:
            row = connection.execute("SELECT count(*) FROM newest WHERE NOT deleted").fetchone()
        return int(row[0]) if row else 0

    def alive_but_not_in(self, keys: Collection[str]) -> list[str]:
        """The keys that were alive and are not among `keys`, in order."""
        with self._newest() as connection:
            connection.register("listed", _table(keys))
            rows = connection.execute(
                "SELECT key FROM newest ANTI JOIN listed USING (key) WHERE NOT deleted ORDER BY key"
            ).fetchall()
        return [row[0] for row in rows]

    def neither_alive_nor_landed(self, keys: Collection[str]) -> list[str]:
        """Those of `keys` that nobody here has seen, or that were taken for deleted."""
        with self._newest() as connection:
            connection.register("listed", _table(keys))
            rows = connection.execute(
                "SELECT key FROM listed WHERE key NOT IN (SELECT key FROM newest WHERE NOT deleted)"
                " AND key NOT IN (SELECT key FROM landed WHERE key IS NOT NULL) ORDER BY key"
            ).fetchall()
        return [row[0] for row in rows]

    def alive_but_not_landed(self, parents: Collection[str] | None = None) -> list[str]:
        """The keys that were alive and did not land now, in order; only children of `parents`, if given."""
        of_parents = "" if parents is None else "AND parent IN (SELECT key FROM of_parents)"
        with self._newest() as connection:
            connection.register("of_parents", _table(parents or ()))
            rows = connection.execute(
                f"SELECT key FROM newest WHERE NOT deleted {of_parents}"
                " AND key NOT IN (SELECT key FROM landed WHERE key IS NOT NULL) ORDER BY key"
            ).fetchall()
        return [row[0] for row in rows]

    def landed(self) -> int:
        """How many different keys landed now."""
        with self._newest() as connection:
            row = connection.execute("SELECT count(DISTINCT key) FROM landed").fetchone()
        return int(row[0]) if row else 0

    def landed_by_parent(self) -> dict[str, int]:
        """How many different keys landed now under each parent."""
        with self._newest() as connection:
            rows = connection.execute(
                "SELECT parent, count(DISTINCT key) FROM landed GROUP BY parent"
            ).fetchall()
        return {str(parent): int(count) for parent, count in rows}

    def last_known(self, keys: Sequence[str]) -> Iterator[LastKnown]:
        """The newest lines of those `keys` that were alive, in order of key."""
        for start in range(0, len(keys), BATCH):
            with self._newest(keys[start : start + BATCH]) as connection:
                rows = connection.execute(
                    "SELECT key, parent, cursor, data FROM newest WHERE NOT deleted ORDER BY key"
                ).fetchall()
            for key, parent, cursor, data in rows:
                yield LastKnown(key, parent, cursor, data.encode())

    @contextmanager
    def _newest(self, only: Sequence[str] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the views `newest` (one line per key) and `landed` (the load under way)."""
        columns = ["key", "parent", "cursor", "sequence", "deleted"]
        with self._engine.session() as connection:
            wanted = ""
            if only is not None:
                columns.append("data")
                connection.register("wanted", _table(only))
                wanted = "AND key IN (SELECT key FROM wanted)"
            connection.execute(
                f"CREATE TEMP VIEW newest AS SELECT {', '.join(columns)} FROM {lines_of(self._files, columns)}"
                f" WHERE key IS NOT NULL {wanted} QUALIFY row_number() OVER"
                " (PARTITION BY key ORDER BY cursor DESC, load_id DESC, sequence DESC) = 1"
            )
            connection.execute(
                f"CREATE TEMP VIEW landed AS SELECT key, parent FROM {lines_of(self._landed, ['key', 'parent'])}"
            )
            yield connection


def changed_parents(manifests: Iterable[Manifest], engine: Engine) -> list[str]:
    """The keys that the given loads touched and that are not deleted now, in order."""
    files = part_files(manifests)
    if not files:
        return []
    lines = lines_of(files, ["key", "cursor", "sequence", "deleted"])
    with engine.session() as connection:
        rows = connection.execute(
            f"SELECT key FROM {lines} WHERE key IS NOT NULL GROUP BY key"
            " HAVING NOT max_by(deleted, (cursor, load_id, sequence)) ORDER BY key"
        ).fetchall()
    return [row[0] for row in rows]


def part_files(manifests: Iterable[Manifest]) -> list[str]:
    """The part files of some loads, checked for their size."""
    return [str(part.path) for manifest in manifests for part in manifest.parts]


LINE_TYPES = {
    "key": "VARCHAR",
    "parent": "VARCHAR",
    "cursor": "VARCHAR",
    "sequence": "BIGINT",
    "deleted": "BOOLEAN",
    "data": "JSON",
}


def lines_of(files: Sequence[str], columns: Sequence[str]) -> str:
    """SQL that reads those columns of the lines in `files`, with `load_id` from the folder's name."""
    if not files:
        nothing = ", ".join(f"CAST(NULL AS {LINE_TYPES[name]}) AS {name}" for name in columns)
        return f"(SELECT {nothing}, '' AS load_id WHERE false)"
    types = ", ".join(f"{name}: '{LINE_TYPES[name]}'" for name in columns)
    names = ", ".join(quoted(file) for file in files)
    return (
        f"read_json([{names}], format = 'newline_delimited', columns = {{{types}}},"
        f" compression = 'zstd', maximum_object_size = {LARGEST_LINE},"
        " hive_partitioning = true, hive_types = {'load_id': 'VARCHAR'})"
    )


def quoted(text: str) -> str:
    """`text` as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _table(keys: Iterable[str]) -> pa.Table:
    return pa.table({"key": pa.array(sorted(keys), pa.string())})
