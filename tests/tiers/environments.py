"""Environments of third-party programs for the tiers: made once from pinned requirements, used again afterwards.

A program never shares the environment of the tests: it is installed into one of its own, below the user's cache
(VITALS_TIERS, else ~/.cache/vitals-tiers), named after the hash of its requirements. Where no package index is within
reach, tests that need the program skip; where the index is there and a requirement cannot be met, they fail.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

INSTALL_SECONDS = 900
NOT_THERE = "(from versions: none)"
"""What pip says of a package that no index it reached has in any version, or where it reached none."""


class NoIndex(RuntimeError):
    """The packages are not to be had here."""


def environment_of(requirements: Path) -> Path:
    """The `bin` folder of an environment with exactly these requirements; skips the test where there are no packages.

    Raises:
        RuntimeError: they cannot be installed; says what the installer said last.
    """
    found = _installed(requirements)
    if isinstance(found, NoIndex):
        needed = f"{requirements.parent.name}/{requirements.name}"
        pytest.skip(f"no package index within reach for {needed} ({found})")
    return found


@cache
def _installed(requirements: Path) -> Path | NoIndex:
    """The folder, or why there is none: asked once, since an index that is not there is waited for."""
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    home = Path(os.environ.get("VITALS_TIERS") or Path.home() / ".cache" / "vitals-tiers")
    home.mkdir(parents=True, exist_ok=True)
    folder = home / f"{requirements.stem}-{digest}"
    complete = folder / ".complete"
    with _alone(home / f"{folder.name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)  # a process died while it installed
            _run([sys.executable, "-m", "venv", str(folder)])
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            try:
                _run([*pip, "--disable-pip-version-check", "--no-deps", "-r", str(requirements)])
            except NoIndex as absent:
                return absent
            complete.touch()
    return folder / "bin"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        if NOT_THERE in done.stderr:
            raise NoIndex(said[-1])
        raise RuntimeError(f"{' '.join(command[-3:])} failed: {' | '.join(said[-5:])}")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
