"""Programs that tests start: each in a process group of its own with a log, stopped with all that it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 20.0


@contextmanager
def started(
    command: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs until the block ends; then it and whatever it started is told to stop, and killed.

    What it says goes to `log`; it has no other environment than the given one.
    """
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)


@contextmanager
def serving(command: Sequence[str], folder: Path, port: int, **environment: str) -> Iterator[str]:
    """Start a server and yield its address once it listens; of this environment it sees what finds programs only.

    Raises:
        RuntimeError: it ended, or does not listen in time; says what it said last.
    """
    log = folder / "server.log"
    with started(command, folder, log, _bare(environment)) as process:
        _wait_for(process, port, log)
        yield f"http://127.0.0.1:{port}"


def run(command: Sequence[str], folder: Path, **environment: str) -> None:
    """Run a program to its end.

    Raises:
        RuntimeError: it failed; says what it said last.
    """
    done = subprocess.run(
        command, cwd=folder, env=_bare(environment), capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise RuntimeError(f"{Path(command[0]).name} ended with code {done.returncode}: {' | '.join(said)}")


def _bare(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "TZ": "UTC", **environment}


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    raise RuntimeError(f"the server does not listen on port {port}: {' | '.join(said)}")
