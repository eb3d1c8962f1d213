"""The allow-list of a contract as a tree: what happens to each field of a record before it lands.

Source: connector rules, point 5 'Personal data is dropped or hashed before landing, by a field allow-list'.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.contract import Contract, PathSegments, Personal, parse_path, path_text
from connectors.errors import ContractError


class Rule:
    """What happens to one field: a leaf lands, is hashed, or stays out."""

    def __init__(self, name: str) -> None:
        self.name = name


LANDS, HASHED, STAYS_OUT = Rule("lands"), Rule("hashed"), Rule("stays out")


@dataclass
class Node:
    """The fields of one container that are declared; `each` stands for the items of a list.

    `expected` holds the fields that lie on the way to a column which is not optional.
    """

    path: str
    fields: dict[str, Node | Rule] = field(default_factory=dict)
    expected: set[str] = field(default_factory=set)
    each: Node | Rule | None = None
    is_open: bool = False


def allow_list(contract: Contract) -> Node:
    """What of a record may land, as a tree.

    Raises:
        ContractError: a field that lands whole would carry one that must not.
    """
    root = Node("", is_open="" in contract.open_containers)
    for path in (*contract.also_lands, *(c.path for c in contract.columns if c.personal is Personal.KEEP)):
        _declare(root, parse_path(path), LANDS)
    for column in contract.columns:
        if column.personal is not Personal.KEEP:
            _declare(root, column.segments, HASHED if column.personal is Personal.HASH else STAYS_OUT)
    for path in contract.ignored:
        _declare(root, parse_path(path), STAYS_OUT)
    for column in contract.columns:
        if not column.optional:
            _expect(root, column.segments)
    for path in contract.open_containers:
        node: Node | Rule | None = root
        for segment in parse_path(path):
            node = node.fields.get(str(segment)) if isinstance(node, Node) else None
        if not isinstance(node, Node):
            raise ContractError(f"open container {path!r} holds no declared field: declare one, or close it")
        node.is_open = True
    return root


def _declare(root: Node, segments: PathSegments, rule: Rule) -> None:
    node = root
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        present = node.fields.get(segment) if isinstance(segment, str) else node.each
        path = f"{node.path}{path_text(segment)}." if isinstance(segment, str) else f"{node.path}[]."
        if last:
            # A whole container and one of its fields may both be declared; the whole covers the field.
            child: Node | Rule = rule if not isinstance(present, Node) or rule is LANDS else present
            if isinstance(present, Rule):
                child = present if rule is STAYS_OUT or present is rule else _clash(path)
        elif isinstance(present, Rule):
            if present is LANDS and rule is not LANDS:
                _clash(path)
            return
        else:
            child = present if present is not None else Node(path)
        if isinstance(segment, str):
            node.fields[segment] = child
        else:
            node.each = child
        if isinstance(child, Node):
            node = child


def _expect(root: Node, segments: PathSegments) -> None:
    node: Node | Rule | None = root
    for segment in segments:
        if not isinstance(node, Node):
            return
        if isinstance(segment, str):
            node.expected.add(segment)
            node = node.fields.get(segment)
        else:
            node = node.each


def _clash(path: str) -> Rule:
    raise ContractError(
        f"field {path.rstrip('.')!r} lands whole, and a part of it must not: declare its parts"
    )
