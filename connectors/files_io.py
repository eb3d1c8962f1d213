"""Writing a file so that it is whole or not there: temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from connectors.runtime import no_step


def write_durably(
    path: Path, content: bytes, *, before_io: Callable[[str], None] = no_step, mode: int = 0o644
) -> None:
    """Put `content` at `path`; a reader sees the old file or the new one, also after a loss of power."""
    temporary = path.with_name(f".{path.name}.tmp")
    before_io(f"write {path.name}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        before_io(f"fsync {path.name}")
        os.fsync(file.fileno())
    before_io(f"rename {path.name}")
    os.replace(temporary, path)
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
