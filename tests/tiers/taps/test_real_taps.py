"""Real programs from the package registry as sources: a Singer tap and an Airbyte source, each in its own environment.

    python -m pytest --tier taps tests/tiers/taps

The tap reads a small paged API on loopback; the Airbyte source makes its rows up. Both are read as any source is:
discovered, one stream selected, gone on with from their own state, stopped with everything that they started.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.errors import ConnectionFailed, NotFound, VendorUnavailable
from connectors.operations import check_source, preview_stream
from tests.integration.connectors.source_bench import SourceBench
from tests.tiers.environments import environment_of

pytestmark = [pytest.mark.tier("taps"), pytest.mark.timeout(1_200)]
HERE = Path(__file__).parent
TOKEN = "canary-of-the-real-tap"
PAGE = 3


class Api:
    """People by pages, changed since an instant: `GET /people?since=…&page=2`, with a bearer token."""

    def __init__(self) -> None:
        self.people: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.refused = 0
        self.broken = False
        self.hanging = threading.Event()
        self.done = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
                status, body = api.answer(query, self.headers.get("Authorization", ""))
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: Any) -> None:
                """The test's output is no place for an access log."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, query: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(query)
        if authorization != f"Bearer {TOKEN}":
            self.refused += 1
            return 401, {"error": "unauthorized"}
        if self.broken:
            return 404, {"error": "gone"}
        if self.hanging.is_set():
            self.done.wait(60)
        since = query.get("since", "")
        found = sorted(
            (person for person in self.people if person["updated_at"] >= since),
            key=lambda person: person["updated_at"],
        )
        page = int(query.get("page") or 1)
        rest = found[page * PAGE :]
        return 200, {"data": found[(page - 1) * PAGE : page * PAGE], "next_page": page + 1 if rest else None}

    def put(self, number: int, minute: int, **more: Any) -> None:
        self.people = [person for person in self.people if person["id"] != number]
        stamp = f"2026-06-15T12:{minute:02}:00+00:00"
        self.people.append({"id": number, "name": f"person {number}", "updated_at": stamp, **more})


@pytest.fixture(scope="module")
def tap() -> Path:
    return environment_of(HERE / "singer.txt") / "tap-rest-api-msdk"


@pytest.fixture(scope="module")
def faker() -> Path:
    return environment_of(HERE / "airbyte.txt") / "source-faker"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("TAP_TOKEN", TOKEN)
    api = Api()
    api.thread.start()
    for number in range(1, 8):
        api.put(number, number)
    try:
        yield api
    finally:
        api.done.set()
        api.server.shutdown()
        api.server.server_close()


def people(tap: Path, api: Api, root: Path, **settings: Any) -> SourceBench:
    stream = {
        "name": "people",
        "path": "/people",
        "records_path": "$.data[*]",
        "primary_keys": ["id"],
        "replication_key": "updated_at",
        "source_search_field": "since",
        "source_search_query": "$last_run_date",
        "num_inference_records": 50,
    }
    columns = [
        {"name": "id", "type": "integer", "nullable": False},
        {"name": "name", "type": "string"},
        {"name": "updated_at", "type": "timestamp", "nullable": False},
    ]
    declared = {
        "kind": "process",
        "protocol": "singer",
        "command": [str(tap)],
        "config": {
            "api_url": api.url,
            "auth_method": "bearer_token",
            "bearer_token": "env:TAP_TOKEN",
            "streams": [stream, {**stream, "name": "others"}],
        },
        "streams": [{"name": "people", "key": ["id"], "cursor": {"field": "updated_at"}, "columns": columns}],
        **settings,
    }
    return SourceBench(root, {"system": "people_api", "settings": declared})


def test_the_tap_is_discovered_and_checked(tap: Path, api: Api, tmp_path: Path) -> None:
    bench = people(tap, api, tmp_path)
    report = check_source(bench.source(), bench.store.runtime)
    assert report.ok, report
    assert report.said == "2 streams: others, people"
    wrong = {**bench.config["settings"]["streams"][0], "stream": "animals"}
    bench.config["settings"]["streams"] = [wrong]
    with pytest.raises(NotFound, match="no stream 'animals'"):
        bench.load("people")


def test_the_tap_goes_on_from_its_own_state(tap: Path, api: Api, tmp_path: Path) -> None:
    bench = people(tap, api, tmp_path)
    assert bench.load("people").rows == 7
    assert all("since" not in query for query in api.asked)
    api.put(3, 20)
    api.put(8, 21)
    asked = len(api.asked)
    result = bench.load("people")
    assert {query["since"] for query in api.asked[asked:] if "since" in query} == {
        "2026-06-15T12:07:00+00:00"
    }
    assert result.rows == 3  # the boundary itself comes again, and is no double
    rows = bench.rows("people")
    assert sorted(rows, key=int) == [str(number) for number in range(1, 9)]
    assert rows["3"]["updated_at"].minute == 20
    assert not bench.quarantined("people")
    assert bench.load("people").rows == 1


def test_a_new_field_is_drift_and_one_that_is_missing_a_failed_check(
    tap: Path, api: Api, tmp_path: Path
) -> None:
    bench = people(tap, api, tmp_path)
    bench.load("people")
    for number in range(1, 8):
        api.put(number, 30 + number, badge={"colour": "blue"})
    result = bench.load("people")
    assert result.drift.unknown == ("badge_colour",)  # the tap flattens what it finds
    assert "blue" in str(bench.rows("people")["1"]["_extra"])
    for person in api.people:
        del person["name"]
        person["updated_at"] = person["updated_at"].replace("T12:", "T13:")
    result = bench.load("people")
    assert result.drift.missing == ("name",)
    assert not result.ok


def test_a_type_that_changed_is_quarantined(tap: Path, api: Api, tmp_path: Path) -> None:
    bench = people(tap, api, tmp_path)
    bench.load("people")
    api.people.append({"id": "eleven", "name": "person eleven", "updated_at": "2026-06-15T12:50:00+00:00"})
    bench.load("people")
    assert [(row["column"], row["key"]) for row in bench.quarantined("people")] == [("id", "eleven")]
    assert len(bench.rows("people")) == 7


def test_its_log_is_kept_and_no_secret_is_in_it(
    tap: Path, api: Api, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "connectors.process")
    people(tap, api, tmp_path).load("people")
    assert "tap-rest-api-msdk" in caplog.text
    assert TOKEN not in caplog.text
    assert not [
        path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()
    ]
    assert api.refused == 0


def test_what_the_tap_fails_with_is_told(tap: Path, api: Api, tmp_path: Path) -> None:
    bench = people(tap, api, tmp_path)
    bench.load("people")
    api.broken = True
    with pytest.raises(VendorUnavailable, match="ended with code"):
        bench.load("people")
    api.broken = False
    api.put(9, 40)
    assert bench.load("people").rows == 2  # the state is that of the last good load


def test_a_tap_that_hangs_is_stopped_with_everything_that_it_started(
    tap: Path, api: Api, tmp_path: Path
) -> None:
    bench = people(tap, api, tmp_path)
    bench.load("people")
    bench = people(tap, api, tmp_path, idle_seconds=8)
    api.hanging.set()
    began = time.monotonic()
    with pytest.raises(ConnectionFailed, match="said nothing"):
        bench.load("people")
    assert time.monotonic() - began < 40
    assert not running(tap)


def test_a_preview_ends_the_tap_before_it_is_through(tap: Path, api: Api, tmp_path: Path) -> None:
    bench = people(tap, api, tmp_path)
    found = preview_stream(bench.source(), "people", bench.store.runtime, rows=2)
    assert [row["id"] for row in found.rows] == [1, 2]
    assert not running(tap)
    assert not (tmp_path / "home" / "people_api").exists()


def running(program: Path) -> list[str]:
    """Command lines of processes of that program."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue  # it ended
        if str(program.parent) in line:
            found.append(line)
    return found


# Airbyte.


def products(faker: Path, root: Path, stream: str = "products") -> SourceBench:
    columns = [
        {"name": "id", "type": "integer", "nullable": False},
        {"name": "updated_at", "type": "timestamp", "nullable": False},
    ]
    more = [{"name": "make", "type": "string"}, {"name": "price", "type": "decimal"}]
    declared = {
        "kind": "process",
        "protocol": "airbyte",
        "command": [str(faker)],
        "config": {
            "count": 40,
            "seed": 7,
            "always_updated": False,
            "parallelism": 1,
            "records_per_slice": 15,
        },
        "streams": [
            {
                "name": stream,
                "key": ["id"],
                "columns": columns + (more if stream == "products" else []),
                "open_containers": [],
            }
        ],
    }
    return SourceBench(root, {"system": "faker", "settings": declared})


def test_an_airbyte_source_is_discovered_and_read(
    faker: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "connectors.process")
    bench = products(faker, tmp_path)
    report = check_source(bench.source(), bench.store.runtime)
    assert report.ok, report
    assert report.said == "3 streams: products, purchases, users"
    result = bench.load("products")
    rows = bench.rows("products")
    assert result.rows == len(rows) == 40
    assert {"make", "price"} <= set(rows["1"])
    assert not bench.quarantined("products")
    assert "source-faker: " in caplog.text
    assert not running(faker)


def test_an_airbyte_source_goes_on_from_its_own_state(faker: Path, tmp_path: Path) -> None:
    bench = products(faker, tmp_path, "users")
    assert bench.load("users").rows == 40
    before = bench.rows("users")
    bench.load("users")
    after = bench.rows("users")
    assert sorted(after) == sorted(before)
    assert len(after) == 40
    held = bench.states.path.read_bytes()
    assert b"stream_descriptor" in held
