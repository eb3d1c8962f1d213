"""Environments of third-party programs for the tiers: made once from pinned requirements, used again afterwards.

A program never shares the environment of the tests: it is installed into one of its own, below the user's cache
(VITALS_TIERS, else ~/.cache/vitals-tiers), named after the hash of its requirements.
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
from pathlib import Path

INSTALL_SECONDS = 900


def environment_of(requirements: Path) -> Path:
    """The `bin` folder of an environment with exactly these requirements.

    Raises:
        RuntimeError: they cannot be installed; says what the installer said last.
    """
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
            _run([*pip, "--disable-pip-version-check", "--no-deps", "-r", str(requirements)])
            complete.touch()
    return folder / "bin"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        last = " | ".join(done.stderr.strip().splitlines()[-5:])
        raise RuntimeError(f"{' '.join(command[-3:])} failed: {last}")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
