"""``python -m definitions.lint docs/lint``: write the pages of the rules."""

from __future__ import annotations

import sys
from pathlib import Path

from definitions.lint.pages import pages

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
