"""Processes that die: a piece of work in a forked child that is killed at a chosen step, and a reader that watches."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

DONE = 0
FAILED = 70


def in_child(work: Callable[[], int | None], timeout: float = 60.0) -> int:
    """Run `work` in a forked child; returns its exit code, or minus the signal that ended it.

    What `work` returns is the exit code (None is 0); an exception is printed and is 70.
    """
    pid = start_child(work)
    return wait_for(pid, timeout)


def start_child(work: Callable[[], int | None]) -> int:
    """Fork and run `work` in the child, which then ends without any clean-up; returns its process id."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = FAILED
    try:
        code = work() or DONE
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def wait_for(pid: int, timeout: float = 60.0) -> int:
    """Wait for a child; one that takes longer than `timeout` seconds is killed and the test fails."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError(f"child {pid} did not end within {timeout} s")


def wait_until_stopped(pid: int, timeout: float = 60.0) -> None:
    """Wait until a child has stopped itself (SIGSTOP)."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if done and os.WIFSTOPPED(status):
            return
        if done:
            raise AssertionError(
                f"child {pid} ended ({os.waitstatus_to_exitcode(status)}) instead of stopping"
            )
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError(f"child {pid} did not stop within {timeout} s")


class Killer:
    """Counts steps and sends this process a signal just before step `at`."""

    def __init__(self, at: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
        self._left = at
        self._signal = with_signal

    def __call__(self, *_: object) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._signal)


@contextmanager
def watching(look: Callable[[], str | None], pause: float = 0.005) -> Iterator[Callable[[], int]]:
    """A forked reader that looks again and again until the block ends; yields a count of looks so far.

    `look` returns what is wrong, or None. The block fails with the first wrong thing the reader saw.
    """
    seen, tell = os.pipe()
    os.set_blocking(seen, False)

    def read() -> int:
        while True:
            wrong = look()
            os.write(tell, b"." if wrong is None else f"!{wrong}\n".encode())
            if wrong is not None:
                return FAILED
            time.sleep(pause)

    pid = start_child(read)
    told = bytearray()

    def looks() -> int:
        with suppress(BlockingIOError):
            while True:
                told.extend(os.read(seen, 65536))
        return told.count(b".")

    try:
        yield looks
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        looks()
        os.close(seen)
        os.close(tell)
    assert b"!" not in told, told[told.index(b"!") :].decode()
    assert b"." in told, "the reader never got to look"
