"""A child process that prints lines: started bare, watched, and stopped with everything that it started.

    with Child(("tap-x", "--config", "{config}"), {"config": b"{}"}, ...) as child:
        for line in child.lines():
            ...

`{name}` in an argument stands for a file with that content, readable by this user only, gone when the child is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from connectors.errors import ConfigurationError, ConnectionFailed, GarbledAnswer, VendorUnavailable
from connectors.runtime import Runtime
from connectors.secret import Secret, redact

LOG = logging.getLogger("connectors.process")
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
PATIENCE = 10.0
LONGEST_LINE = 64 << 20
LAST_LINES = 5
WAITING_LINES = 10_000
_END = None


@dataclass(frozen=True)
class ChildLimits:
    """How long a child may say nothing, and how long it may take in all, in seconds."""

    idle_seconds: float = 600.0
    total_seconds: float = 14_400.0


class Child:
    """One run of a program."""

    def __init__(
        self,
        command: Sequence[str],
        files: Mapping[str, bytes],
        *,
        environment: Mapping[str, str],
        secrets: Sequence[Secret],
        runtime: Runtime,
        limits: ChildLimits,
    ) -> None:
        self._command = command
        self._files = files
        self._environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ} | dict(
            environment
        )
        self._secrets = secrets
        self._runtime = runtime
        self._limits = limits
        self._folder = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes | None] = queue.Queue(WAITING_LINES)
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._folder = tempfile.mkdtemp(prefix="vitals-")
        places = {}
        for name, content in self._files.items():
            path = Path(self._folder) / f"{name}.json"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            places[name] = str(path)
        command = [self._filled(part, places) for part in self._command]
        self._runtime.before_io(f"start {Path(command[0]).name}")
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
            )
        except OSError as error:
            self._clean_up()
            raise ConfigurationError(
                f"the program {command[0]} cannot be started ({error.strerror})",
                hint="install it into an environment of its own and give the path to it",
            ) from None
        assert self._process.stdout is not None  # noqa: S101  (both are pipes)
        assert self._process.stderr is not None  # noqa: S101
        self._threads = [
            threading.Thread(target=self._collect, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._log, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()
        self._clean_up()

    def lines(self) -> Iterator[bytes]:
        """The lines that it prints, until it ends well.

        Raises:
            ConnectionFailed: it says nothing for too long, or takes too long.
            VendorUnavailable: it ends with an error; says what it wrote last.
            GarbledAnswer: a line is too long.
        """
        process = self._process
        assert process is not None  # noqa: S101  (inside the context)
        monotonic = self._runtime.monotonic
        deadline = monotonic() + self._limits.total_seconds
        while True:
            try:
                line = self._lines.get(timeout=self._limits.idle_seconds)
            except queue.Empty:
                raise ConnectionFailed(
                    f"the child said nothing for {self._limits.idle_seconds:.0f} s", place=self._name
                ) from None
            if line is _END:
                break
            if len(line) > LONGEST_LINE:
                raise GarbledAnswer("a line is longer than 64 MiB", place=self._name)
            if monotonic() > deadline:
                raise ConnectionFailed(
                    f"the child took more than {self._limits.total_seconds:.0f} s", place=self._name
                )
            if line.strip():
                yield line
        code = process.wait()
        if code != 0:
            self._threads[1].join(PATIENCE)
            last = " | ".join(self._last)[-400:]
            raise VendorUnavailable(
                f"the child ended with code {code}" + (f": {last}" if last else ""),
                place=self._name,
                hint="see the log connectors.process",
            )

    @property
    def _name(self) -> str:
        return Path(self._command[0]).name

    def _filled(self, part: str, places: Mapping[str, str]) -> str:
        return places.get(part[1:-1], part) if part.startswith("{") and part.endswith("}") else part

    def _collect(self, pipe: IO[bytes]) -> None:
        """Hand lines on; a reader that is slow slows the child down."""
        with contextlib.suppress(ValueError):  # closed while it was read
            while line := pipe.readline(LONGEST_LINE + 1):
                self._put(line)
        self._put(_END)

    def _put(self, line: bytes | None) -> None:
        while not self._stopped.is_set():
            try:
                self._lines.put(line, timeout=1.0)
                return
            except queue.Full:
                continue

    def note(self, said: str) -> None:
        """Write what the child said to the log, without secrets."""
        text = redact(said.rstrip(), self._secrets)
        if text:
            self._last.append(text[:300])
            LOG.info("%s: %s", self._name, text)

    def _log(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(ValueError):
            while raw := pipe.readline(65_536):
                self.note(raw.decode("utf-8", "replace"))

    def _stop(self) -> None:
        """Stop the child and everything in its session: first politely, then not."""
        process = self._process
        if process is None:
            return
        self._stopped.set()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            if process.poll() is not None and number is signal.SIGTERM:
                continue  # what it started may still run
        for thread in self._threads:
            thread.join(PATIENCE)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def _clean_up(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
