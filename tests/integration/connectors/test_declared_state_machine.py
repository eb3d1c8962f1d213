"""A state machine for each source that is declared in YAML: SQL, files, HTTP and process.

Rows are written, edited and deleted, time passes, the source is polled, now and then it is broken; after two quiet
polls the warehouse equals the source, deletions included.
"""

from __future__ import annotations

import contextlib
import csv
import json
import stat
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from connectors.errors import ConnectorError
from tests.integration.connectors.source_bench import SourceBench

COLUMNS = [
    {"name": "thing_id", "type": "integer", "nullable": False},
    {"name": "name", "type": "string"},
    {"name": "updated_at", "type": "timestamp", "zone": "UTC"},
]
STREAM: dict[str, Any] = {"name": "things", "key": ["thing_id"], "columns": COLUMNS}
CURSOR = {"cursor": {"field": "updated_at"}, "overlap_seconds": 600}
Rows = dict[int, dict[str, Any]]


class Sql:
    """A table in SQLite with a cursor column; deletions by comparing keys."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self._engine = sa.create_engine(f"sqlite:///{root / 'shop.sqlite'}")
        with self._engine.begin() as connection:
            connection.execute(
                sa.text("CREATE TABLE things (thing_id INTEGER PRIMARY KEY, name TEXT, updated_at TEXT)")
            )
        patch.setenv("SHOP_URL", f"sqlite:///{root / 'shop.sqlite'}")
        stream = {**STREAM, **CURSOR, "table": "things", "deletes": {"kind": "reconcile", "every_hours": 0}}
        self.config = {
            "system": "shop",
            "settings": {"kind": "sql", "url": "env:SHOP_URL", "streams": [stream]},
        }

    def show(self, rows: Rows) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM things"))
            for row in rows.values():
                connection.execute(sa.text("INSERT INTO things VALUES (:thing_id, :name, :updated_at)"), row)

    def break_down(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE things RENAME TO elsewhere"))

    def mend(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO things"))

    def close(self) -> None:
        self._engine.dispose()


class Files:
    """Three CSV files, each rewritten when a row in it changes; a row that its file lost is gone."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = root / "drop"
        self._folder.mkdir()
        self._broken = self._folder / "things-0.csv"
        stream = {**STREAM, "path": "things-*.csv"}
        self.config = {"system": "files", "settings": {"folder": str(self._folder), "streams": [stream]}}
        self.show({})

    def show(self, rows: Rows) -> None:
        for part in range(3):
            path = self._folder / f"things-{part}.csv"
            mine = [row for key, row in sorted(rows.items()) if key % 3 == part]
            lines = [["thing_id", "name", "updated_at"], *([*row.values()] for row in mine)]
            text = "".join(",".join(map(str, line)) + "\n" for line in lines)
            if not path.exists() or path.read_text() != text:
                with path.open("w", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerows(lines)

    def break_down(self) -> None:
        self._kept = self._broken.read_bytes()
        self._broken.write_bytes(b"thing_id,name\n\xff\xfe\n")

    def mend(self) -> None:
        self._broken.write_bytes(self._kept)

    def close(self) -> None:
        """Nothing is open."""


class Http:
    """A listing by position over HTTP, declared and not programmed; deletions by comparing keys."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self._rows: Rows = {}
        self._is_broken = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                since, start = asked.get("since", ""), int(asked.get("start", 0))
                rows = [row for _, row in sorted(outer._rows.items()) if row["updated_at"] >= since]
                body = {"things": rows[start : start + 3], "total": len(rows)}
                content = b'{"things": [{"thing_' if outer._is_broken else json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing is logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        stream = {
            **STREAM,
            **CURSOR,
            "path": "/things",
            "params": {"since": "{from}"},
            "records": "things",
            "paging": {
                "kind": "offset",
                "into": "start",
                "size_into": "limit",
                "size": 3,
                "total_at": "total",
            },
            "deletes": {"kind": "reconcile", "every_hours": 0},
        }
        self.config = {
            "system": "shop",
            "base_url": f"http://127.0.0.1:{self._server.server_address[1]}",
            "auth": {"kind": "none"},
            "rate": {"requests": 10_000, "seconds": 1},
            "settings": {"kind": "http", "streams": [stream]},
        }

    def show(self, rows: Rows) -> None:
        self._rows = {key: dict(row) for key, row in rows.items()}

    def break_down(self) -> None:
        self._is_broken = True

    def mend(self) -> None:
        self._is_broken = False

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


TAP = """
    import json, sys
    data = json.load(open({data!r}))
    schema = {{"type": "object", "properties": {{
        "thing_id": {{"type": "integer"}}, "name": {{"type": "string"}}, "updated_at": {{"type": "string"}}}}}}
    say = lambda message: print(json.dumps(message), flush=True)
    if "--discover" in sys.argv:
        say({{"streams": [{{"tap_stream_id": "things", "stream": "things", "schema": schema, "metadata": []}}]}})
        sys.exit()
    say({{"type": "SCHEMA", "stream": "things", "schema": schema, "key_properties": ["thing_id"]}})
    for record in data["rows"]:
        say({{"type": "RECORD", "stream": "things", "record": record}})
    if data["broken"]:
        sys.exit("the vendor is not at home")
    say({{"type": "STATE", "value": {{"rows": len(data["rows"])}}}})
"""


class Process:
    """A Singer tap that gives everything each time; what it gives no more is gone."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self._data = root / "data.json"
        tap = root / "tap"
        tap.write_text(f"#!{sys.executable} -S\n{textwrap.dedent(TAP.format(data=str(self._data)))}")
        tap.chmod(tap.stat().st_mode | stat.S_IXUSR)
        stream = {**STREAM, "deletes": {"kind": "snapshot"}}
        self.config = {
            "system": "shop",
            "settings": {"kind": "process", "protocol": "singer", "command": [str(tap)], "streams": [stream]},
        }
        self._rows: Rows = {}
        self._write(broken=False)

    def show(self, rows: Rows) -> None:
        self._rows = {key: dict(row) for key, row in rows.items()}
        self._write(broken=False)

    def break_down(self) -> None:
        self._write(broken=True)

    def mend(self) -> None:
        self._write(broken=False)

    def close(self) -> None:
        """Nothing is open."""

    def _write(self, *, broken: bool) -> None:
        self._data.write_text(json.dumps({"rows": [*self._rows.values()], "broken": broken}))


SOURCES: dict[str, Callable[[Path, pytest.MonkeyPatch], Any]] = {
    "sql": Sql,
    "files": Files,
    "http": Http,
    "process": Process,
}


class DeclaredMachine(RuleBasedStateMachine):
    """Edits, deletions, time, polls and breakdowns in any order; `kind` is set by the test."""

    kind: str

    def __init__(self) -> None:
        super().__init__()
        self._stack = contextlib.ExitStack()
        root = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        self.system = SOURCES[self.kind](root, patch)
        self._stack.callback(self.system.close)
        self.bench = SourceBench(root, self.system.config, datetime(2026, 6, 15, 12, tzinfo=UTC))
        self.rows: Rows = {}
        self.edits = 0

    @rule(key=st.integers(1, 14), count=st.integers(1, 4))
    def write(self, key: int, count: int) -> None:
        for one in range(key, key + count):
            self.edits += 1
            stamp = self.bench.now.strftime("%Y-%m-%dT%H:%M:%SZ")
            self.rows[one] = {"thing_id": one, "name": f"edit {self.edits}", "updated_at": stamp}
        self.system.show(self.rows)

    @rule(key=st.integers(1, 17))
    def delete(self, key: int) -> None:
        self.rows.pop(key, None)
        self.system.show(self.rows)

    @rule(minutes=st.sampled_from([1, 10, 90, 60 * 30]))
    def poll(self, minutes: int) -> None:
        self.bench.load("things", minutes=minutes)

    @rule()
    def poll_while_broken(self) -> None:
        before = self.bench.rows("things")
        self.system.break_down()
        with contextlib.suppress(ConnectorError):
            self.bench.load("things", minutes=5)
        self.system.mend()
        if self.kind != "files":  # the other files of the folder are read all the same
            assert self.bench.rows("things") == before, "what is broken changes nothing"

    def teardown(self) -> None:
        with self._stack:
            for _ in range(2):
                self.bench.load("things", minutes=60 * 26)
            found = self.bench.rows("things")
            assert {int(row["thing_id"]): row["name"] for row in found.values()} == {
                key: row["name"] for key, row in self.rows.items()
            }


@pytest.mark.parametrize("kind", SOURCES)
def test_after_two_quiet_polls_a_declared_source_is_equal(kind: str) -> None:
    machine = type(f"{kind.title()}Machine", (DeclaredMachine,), {"kind": kind})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=8, stateful_step_count=10, deadline=None)
    )
