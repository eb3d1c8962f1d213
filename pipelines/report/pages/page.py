"""What a page is, and lists that run over several pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pipelines import report_links as links
from pipelines.report.site import Part

T = TypeVar("T")

TABLE_ROWS, GOAL_CARDS, FLAG_ROWS, FLAG_CHARTS, LISTED = 50, 24, 8, 5, 40
"""Rows, cards, flags, flags with charts and list entries on one page: what keeps it under 100 KB."""


@dataclass(frozen=True, slots=True)
class Page:
    """One file of the site: its name, its template and what the template is given."""

    name: str
    template: str
    title: str
    section: str
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure at a glance."""

    name: str
    href: str
    parts: Sequence[Part]


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Items in parts of at most ``size``; one empty part where there are none."""
    return [items[i : i + size] for i in range(0, len(items), size)] or [items]


def split(
    items: Sequence[T],
    size: int,
    name: str,
    title: str,
    section: str,
    template: str,
    as_name: str,
    **more: Any,
) -> Iterator[Page]:
    """A list over as many pages as it needs."""
    parts = chunks(items, size)
    for number, part in enumerate(parts, start=1):
        context = {**more, as_name: part, "number": number, "count": len(parts), "page": name}
        yield Page(links.numbered(name, number), template, title, section, context)
