"""What tests start is gone when they end: the program, and what it started itself."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tests.programs import run, serving, started
from tests.servers import free_port

PARENT = """
import pathlib, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"],
    stdout=subprocess.PIPE)
child.stdout.readline()
pathlib.Path("child").write_text(str(child.pid))
print("started", flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_program_ends_with_its_block_and_so_does_a_deaf_child(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with started([sys.executable, "-c", PARENT], tmp_path, log, dict(os.environ)) as process:
        while "started" not in log.read_text(encoding="utf-8"):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.01)
        child = int((tmp_path / "child").read_text(encoding="utf-8"))
        assert is_running(child)
    assert process.returncode is not None
    deadline = time.monotonic() + 10
    while is_running(child):
        assert time.monotonic() < deadline, "the child outlived its group"
        time.sleep(0.01)


def test_a_server_that_ends_says_what_it_said_last(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such database')"]
    with pytest.raises(RuntimeError, match="no such database"), serving(command, tmp_path, free_port()):
        pass


def test_a_server_is_there_once_it_listens_and_sees_no_secret_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITALS_SECRET", "hidden")
    port = free_port()
    listen = (
        "import os, socket, time; print(sorted(os.environ), flush=True);"
        f" server = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    )
    with serving([sys.executable, "-c", listen], tmp_path, port, OWN="told") as url:
        assert url == f"http://127.0.0.1:{port}"
    said = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert "OWN" in said
    assert "VITALS_SECRET" not in said


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    run([sys.executable, "-c", "pass"], tmp_path)
    with pytest.raises(RuntimeError, match="ended with code 3: no"):
        run([sys.executable, "-c", "import sys; print('no'); sys.exit(3)"], tmp_path)
