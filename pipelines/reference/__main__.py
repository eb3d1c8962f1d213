"""Writes the reference pages into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from pipelines.reference import pages


def main(folder: Path) -> None:
    """Write every page and schema."""
    for name, text in pages().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))
