"""The driver tree as it is drawn: nested branches from the rows of the published tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .model import TreeRow, Unit


@dataclass(frozen=True, slots=True)
class Branch:
    """A node of the driver tree with its branches.

    ``is_repeated`` where its branches are drawn further up, ``is_cut`` where they are left to the page of the metric.
    """

    row: TreeRow
    parent_unit: Unit
    children: tuple[Branch, ...]
    is_repeated: bool = False
    is_cut: bool = False


def branches(rows: Sequence[TreeRow], units: Mapping[str, Unit]) -> tuple[Branch, ...]:
    """The tree from rows sorted as they are drawn; roots without branches are left out.

    What drives a metric is drawn once, however many metrics it drives itself.
    """
    by_root: dict[str, list[TreeRow]] = defaultdict(list)
    for row in rows:
        by_root[row.root_id].append(row)
    made = []
    for tree in by_root.values():
        ordered = sorted(tree, key=lambda row: row.sort_path)
        branch, _ = _branch(ordered, 0, units)
        if branch.children:
            made.append(branch)
    drawn: set[str] = set()
    return tuple(_once(one, drawn) for one in sorted(made, key=lambda b: (-_size(b), b.row.metric_id)))


def _once(branch: Branch, drawn: set[str]) -> Branch:
    """The branch without the branches of metrics that are ``drawn`` by now; nearer ones are drawn first."""
    metric = branch.row.metric_id
    if branch.children and metric in drawn:
        return replace(branch, children=(), is_repeated=True)
    if branch.children:
        drawn.add(metric)
    return replace(branch, children=tuple(_once(child, drawn) for child in branch.children))


def _branch(rows: Sequence[TreeRow], at: int, units: Mapping[str, Unit]) -> tuple[Branch, int]:
    row, children, following = rows[at], [], at + 1
    while following < len(rows) and rows[following].depth > row.depth:
        child, following = _branch(rows, following, units)
        children.append(child)
    parent_unit = units.get(row.parent_id or "", Unit())
    return Branch(row, parent_unit, tuple(children)), following


def _size(branch: Branch) -> int:
    return 1 + sum(_size(child) for child in branch.children)


def on_pages(roots: Sequence[Branch], lines: int) -> list[list[Branch]]:
    """Trees page by page, at most ``lines`` on each; one that is larger is cut where it gets too deep."""
    pages: list[list[Branch]] = [[]]
    room = lines
    for root in (_fitted(one, lines) for one in roots):
        size = _size(root)
        if size > room and pages[-1]:
            pages.append([])
            room = lines
        pages[-1].append(root)
        room -= size
    return pages


def _fitted(root: Branch, lines: int) -> Branch:
    depth = _depth(root)
    while depth > 1 and _size(root) > lines:
        depth -= 1
        root = _cut(root, depth)
    return root


def _depth(branch: Branch) -> int:
    return 1 + max((_depth(child) for child in branch.children), default=0)


def _cut(branch: Branch, depth: int) -> Branch:
    if depth == 1:
        return replace(branch, children=(), is_cut=branch.is_cut or bool(branch.children))
    return replace(branch, children=tuple(_cut(child, depth - 1) for child in branch.children))


def branching(branch: Branch) -> Iterator[str]:
    """Metrics whose drivers are drawn in this tree."""
    if branch.children:
        yield branch.row.metric_id
        for child in branch.children:
            yield from branching(child)
