"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar inside a cell is escaped and a line break becomes a space."""
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def sentence(text: str) -> str:
    """With a capital at its start (unless that is a name) and a full stop at its end."""
    text = " ".join(text.split())
    first = text.split(" ")[0].rstrip(",;:")
    begun = text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text
    return begun + "." if text and not text.endswith((".", "!", "?")) else begun
