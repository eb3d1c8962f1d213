"""How the command line speaks: tables for people, JSON for programs, and errors that say what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any

from rich.console import Console, ConsoleDimensions
from rich.markup import escape
from rich.table import Table

WIDE = 400
"""Columns where nobody looks: a table that goes into a file or a pipe keeps a row on a line, for grep and cut."""


class _Console(Console):
    """As wide as the terminal; as wide as the rows where there is none (COLUMNS says otherwise)."""

    @property
    def size(self) -> ConsoleDimensions:
        found = super().size
        is_free = self._width is None and not self.is_terminal and "COLUMNS" not in self._environ
        return ConsoleDimensions(WIDE, found.height) if is_free else found

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size


console = _Console(highlight=False)
errors = _Console(stderr=True, highlight=False)


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    FOUND = 1
    USAGE = 2
    CONFIGURATION = 3
    SOURCE = 4
    RUN_FAILED = 5

    @property
    def meaning(self) -> str:
        """What a program that called the command learns from it."""
        return _MEANINGS[self]


_MEANINGS = {
    Exit.DONE: "done, and nothing is wrong",
    Exit.FOUND: "the command worked and found something: findings, differences, failed checks",
    Exit.USAGE: "wrong usage: an unknown name or option, an answer that makes no sense; the nearest valid one is told",
    Exit.CONFIGURATION: "the dictionary, a setting or a database cannot be used as it is",
    Exit.SOURCE: "a source system cannot be read, or refuses",
    Exit.RUN_FAILED: "a run failed; nothing was published by it",
}


def show(
    rows: Sequence[Mapping[str, Any]],
    *,
    title: str = "",
    as_json: bool = False,
    empty: str = "nothing to show",
) -> None:
    """Print rows as a table, or as JSON lines' array for programs."""
    if as_json:
        print(json.dumps(list(rows), default=plain, ensure_ascii=False, indent=2))
        return
    if not rows:
        console.print(f"[dim]{empty}[/dim]")
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for name in rows[0]:
        numeric = all(isinstance(row.get(name), int | float | Decimal | None) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell(row.get(name))) for name in rows[0]))
    console.print(table)


def plain(value: object) -> object:
    """What JSON cannot say by itself."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Iterable):
        return list(value)
    return str(value)


def cell(value: object) -> str:
    """A value as a table cell; unknown is a dash, never an empty space."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | Decimal):
        text = f"{value:,.4f}".rstrip("0").rstrip(".")
        return text or "0"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
