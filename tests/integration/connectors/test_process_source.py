"""The process source: a Singer tap and an Airbyte source as children, well behaved and not."""

from __future__ import annotations

import logging
import os
import stat
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import (
    ConfigurationError,
    ConnectionFailed,
    ConnectorError,
    GarbledAnswer,
    NotFound,
    VendorUnavailable,
)
from connectors.operations import check_source
from tests.integration.connectors.source_bench import SourceBench

SINGER = """
    import json, os, sys, time
    config = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
    data = json.load(open(config["data"]))
    schema = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
    say = lambda message: print(json.dumps(message), flush=True)
    print("token is", config["token"], file=sys.stderr)
    if "--discover" in sys.argv:
        blank = {"schema": schema, "metadata": []}
        say({"streams": [{"tap_stream_id": name, "stream": name, **blank} for name in ("users", "teams")]})
        sys.exit()
    catalog = json.load(open(sys.argv[sys.argv.index("--catalog") + 1]))
    chosen = [s["stream"] for s in catalog["streams"] if s["metadata"][0]["metadata"]["selected"]]
    assert chosen == ["users"], chosen
    done = json.load(open(sys.argv[sys.argv.index("--state") + 1]))["done"] if "--state" in sys.argv else 0
    say({"type": "SCHEMA", "stream": "users", "schema": schema, "key_properties": ["id"]})
    for number, record in enumerate(data[done:], start=done + 1):
        say({"type": "RECORD", "stream": "users", "record": record})
        say({"type": "STATE", "value": {"done": number}})
    MISCHIEF
"""
AIRBYTE = """
    import json, sys
    say = lambda message: print(json.dumps(message), flush=True)
    config = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
    data = json.load(open(config["data"]))
    stream = {"name": "users", "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]}
    if sys.argv[1] == "check":
        refused = config.get("refused")
        message = f"no entry with {config['token']}" if refused else None
        say({"type": "LOG", "log": {"level": "INFO", "message": "knocking"}})
        status = {"status": "FAILED" if refused else "SUCCEEDED", "message": message}
        say({"type": "CONNECTION_STATUS", "connectionStatus": status})
        sys.exit()
    if sys.argv[1] == "discover":
        say({"type": "LOG", "log": {"level": "INFO", "message": "looking"}})
        say({"type": "CATALOG", "catalog": {"streams": [stream]}})
        sys.exit()
    done = 0
    if "--state" in sys.argv:
        done = json.load(open(sys.argv[sys.argv.index("--state") + 1]))[0]["stream"]["stream_state"]["done"]
    for record in data[done:]:
        say({"type": "RECORD", "record": {"stream": "users", "data": record, "emitted_at": 1}})
    about = {"stream_descriptor": {"name": "users"}, "stream_state": {"done": len(data)}}
    say({"type": "STATE", "state": {"type": "STREAM", "stream": about}})
    MISCHIEF
"""


class Children:
    """Writes taps and runs them as sources."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data.json"
        self.records(1, 2)

    def records(self, *ids: int) -> None:
        import json

        self.data.write_text(json.dumps([{"id": number, "name": f"user {number}"} for number in ids]))

    def bench(self, protocol: str, mischief: str = "", **settings: Any) -> SourceBench:
        script = self.root / f"{protocol}.py"
        text = SINGER if protocol == "singer" else AIRBYTE
        script.write_text(textwrap.dedent(text).replace("MISCHIEF", mischief))
        columns = [{"name": "id", "type": "integer", "nullable": False}, {"name": "name", "type": "string"}]
        stream = {"name": "users", "key": ["id"], "columns": columns}
        declared = {
            "kind": "process",
            "protocol": protocol,
            "command": [sys.executable, str(script)],
            "config": {"data": str(self.data), "token": "env:TAP_TOKEN"},
            "streams": [{**stream, **settings.pop("stream", {})}],
            **settings,
        }
        return SourceBench(self.root, {"system": "tap", "settings": declared})


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Children:
    monkeypatch.setenv("TAP_TOKEN", "canary-tap-token")
    monkeypatch.setenv("SOMEBODY_ELSES_SECRET", "canary-other")
    return Children(tmp_path)


@pytest.mark.parametrize("protocol", ["singer", "airbyte"])
def test_a_child_is_read_from_where_it_ended(children: Children, protocol: str) -> None:
    bench = children.bench(protocol)
    assert bench.load("users").rows == 2
    children.records(1, 2, 3)
    result = bench.load("users")
    assert result.rows == 1
    assert {key: row["name"] for key, row in bench.rows("users").items()} == {
        "1": "user 1",
        "2": "user 2",
        "3": "user 3",
    }
    assert bench.load("users").rows == 0


def test_the_log_of_a_child_is_kept_without_secrets(
    children: Children, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "connectors.process")
    children.bench("singer").load("users")
    assert "token is ***" in caplog.text
    assert "canary-tap-token" not in caplog.text


def test_what_an_airbyte_source_logs_is_kept_without_secrets(
    children: Children, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "connectors.process")
    mischief = 'say({"type": "LOG", "log": {"level": "WARN", "message": "token is " + config["token"]}})'
    children.bench("airbyte", mischief).load("users")
    assert "WARN token is ***" in caplog.text
    assert "canary-tap-token" not in caplog.text


def test_an_airbyte_source_is_asked_whether_its_credentials_work(children: Children) -> None:
    bench = children.bench("airbyte")
    assert check_source(bench.source(), bench.store.runtime).ok
    bench.config["settings"]["config"]["refused"] = True
    report = check_source(bench.source(), bench.store.runtime)
    assert not report.ok
    assert "no entry with ***" in report.said


@pytest.mark.parametrize(
    ("protocol", "mischief"),
    [
        ("singer", 'print("I was told", config["token"])'),
        (
            "airbyte",
            'say({"type": "TRACE", "trace": {"type": "ERROR", "error": {"message": "bad " + config["token"]}}})',
        ),
    ],
)
def test_no_error_holds_what_a_child_was_told(children: Children, protocol: str, mischief: str) -> None:
    with pytest.raises(ConnectorError) as raised:
        children.bench(protocol, mischief).load("users")
    assert "***" in str(raised.value)
    assert "canary-tap-token" not in str(raised.value) + repr(raised.value)


def test_a_child_sees_its_own_configuration_and_nothing_else(children: Children, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    spy = f"open({str(seen)!r}, 'w').write(json.dumps([sorted(os.environ), os.stat(sys.argv[2]).st_mode]))"
    children.bench("singer", spy).load("users")
    import json

    variables, mode = json.loads(seen.read_text())
    assert "SOMEBODY_ELSES_SECRET" not in variables
    assert "TAP_TOKEN" not in variables
    assert stat.S_IMODE(mode) == 0o600
    assert not [
        path for path in Path("/tmp").glob("vitals-*") if path.stat().st_uid == os.getuid() and _holds(path)
    ]


def _holds(folder: Path) -> bool:
    return any(b"canary-tap-token" in path.read_bytes() for path in folder.glob("*.json"))


@pytest.mark.parametrize(
    ("mischief", "error", "said"),
    [
        (
            "print('out of tokens canary-tap-token', file=sys.stderr); sys.exit(3)",
            VendorUnavailable,
            "code 3",
        ),
        ("print('Traceback, not JSON')", GarbledAnswer, "no message"),
        ("say({'type': 'BATCH', 'stream': 'users'})", GarbledAnswer, "batch"),
        ("os.kill(os.getpid(), 9)", VendorUnavailable, "code -9"),
    ],
)
def test_a_child_that_fails_is_an_error_and_nothing_lands(
    children: Children, mischief: str, error: type[ConnectorError], said: str
) -> None:
    bench = children.bench("singer", mischief)
    with pytest.raises(error, match=said) as caught:
        bench.load("users")
    assert "canary-tap-token" not in str(caught.value)
    assert bench.rows("users") == {}
    assert children.bench("singer").load("users").rows == 2


def test_a_child_that_hangs_is_stopped_with_everything_it_started(children: Children, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    mischief = (
        "import subprocess, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f" child = subprocess.Popen(['sleep', '60']); open({str(pid)!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    bench = children.bench("singer", mischief, idle_seconds=1.5)
    import connectors.child

    patience, connectors.child.PATIENCE = connectors.child.PATIENCE, 0.5
    try:
        with pytest.raises(ConnectionFailed, match="said nothing"):
            bench.load("users")
    finally:
        connectors.child.PATIENCE = patience
    for _ in range(50):
        if not _alive(int(pid.read_text())):
            return
        time.sleep(0.1)
    raise AssertionError("the grandchild still runs")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_an_airbyte_source_that_reports_an_error_is_heard(children: Children) -> None:
    error = {"type": "ERROR", "error": {"message": "quota is used up"}}
    bench = children.bench("airbyte", f"say({{'type': 'TRACE', 'trace': {error!r}}})")
    with pytest.raises(VendorUnavailable, match="quota is used up"):
        bench.load("users")


def test_a_stream_that_the_child_does_not_have_is_named(children: Children) -> None:
    with pytest.raises(NotFound, match="it has teams, users"):
        children.bench("singer", stream={"stream": "invoices"}).load("users")


def test_a_program_that_is_not_there_is_named(children: Children) -> None:
    bench = children.bench("singer")
    bench.config["settings"]["command"] = ["/nowhere/tap-x"]
    with pytest.raises(ConfigurationError, match="/nowhere/tap-x"):
        bench.load("users")


def test_a_field_that_is_new_in_the_childs_schema_is_drift(children: Children) -> None:
    bench = children.bench(
        "singer", "say({'type': 'RECORD', 'stream': 'users', 'record': {'id': 9, 'new': 1}})"
    )
    result = bench.load("users")
    assert result.drift.unknown == ("new",)
    assert bench.rows("users")["9"]["_extra"] == '{"new":1}'


def test_a_line_that_is_no_message_is_shown_without_half_a_secret(children: Children) -> None:
    mischief = "print('x' * 72 + 'canary-tap-token', flush=True)"
    with pytest.raises(GarbledAnswer, match="no message") as caught:
        children.bench("singer", mischief).load("users")
    assert "canary" not in str(caught.value)
