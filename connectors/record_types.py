"""The allow-list of a contract as types: what a JSON parser makes of a record is then only what may land.

A `msgspec.Struct` per container, a field per declared name, `UNSET` where a record has none (null stays null). An open
container refuses undeclared fields; in a closed one they are passed over. A value that the two JSON libraries would
write in different ways (a number beyond 64 bits or 15 digits) is refused as well: whoever is refused is read by the
plain rules of `projection.py`, which say the same of every other record.

Source: measured in benchmarks/connectors; parsing, cutting down and writing again in one third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from connectors.allow_list import HASHED, LANDS, STAYS_OUT, Node, Rule
from connectors.contract import PathSegments, parse_path

Attributes: TypeAlias = tuple[str, ...]
"""The attribute names that lead from a record to a value in it."""

DEPTH = 4
"""How deep a value that lands whole may be nested; a deeper one is left to the plain rules."""

_INTEGER = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_NUMBER = Annotated[float, msgspec.Meta(gt=-1e16, lt=1e16)]


def _value_type(depth: int) -> Any:
    scalar = str | bool | None | _INTEGER | _NUMBER
    if depth == 0:
        return scalar
    inner = _value_type(depth - 1)
    return scalar | list[inner] | dict[str, inner]  # type: ignore[valid-type]


VALUE = _value_type(DEPTH)
"""What a leaf may be: any JSON that is written the same way again."""


class NotTypable(Exception):
    """The contract says something that has no type; its records are read by the plain rules."""


@dataclass(frozen=True)
class Amendment:
    """A value that is changed after parsing.

    Attributes:
        container: leads to the object that holds it.
        name: its attribute there.
        change: what it becomes; None: it is dropped.
    """

    container: Attributes
    name: str
    change: Callable[[Any], Any] | None


@dataclass
class RecordType:
    """The type of a stream's records.

    Attributes:
        struct: the type of a record.
        attributes: by the names on the way to a field, the attributes on the way to it.
        amendments: values that are dropped or hashed once they are parsed.
    """

    struct: type[msgspec.Struct] = msgspec.Struct
    attributes: dict[tuple[str, ...], Attributes] = field(default_factory=dict)
    amendments: list[Amendment] = field(default_factory=list)

    def attributes_of(self, segments: PathSegments) -> Attributes:
        """The attributes on the way to a declared field.

        Raises:
            NotTypable: no field of that path lands.
        """
        found = self.attributes.get(tuple(map(str, segments)))
        if found is None:
            raise NotTypable(segments)
        return found


def record_type(tree: Node, hashed: Callable[[Any], str | None]) -> RecordType:
    """The type of the records that `tree` lets land.

    Raises:
        NotTypable: the tree holds a list of which the parts are hashed, or a list of lists of objects.
    """
    result = RecordType()
    result.struct = _struct(tree, (), (), result, hashed)
    return result


def _struct(
    node: Node,
    names: tuple[str, ...],
    attributes: Attributes,
    result: RecordType,
    hashed: Callable[[Any], str | None],
) -> type[msgspec.Struct]:
    fields = []
    for position, (name, child) in enumerate(node.fields.items()):
        if child is STAYS_OUT and not node.is_open:
            continue
        attribute = f"f{position}"
        here, way = (*names, name), (*attributes, attribute)
        kind: Any = VALUE | UnsetType
        if isinstance(child, Node):
            kind = _container(child, here, way, result, hashed) | None | UnsetType
        elif child is STAYS_OUT:
            kind = msgspec.Raw  # passed over, and known
            result.amendments.append(Amendment(attributes, attribute, None))
        elif child is HASHED:
            result.amendments.append(Amendment(attributes, attribute, hashed))
        if child is not STAYS_OUT:
            result.attributes[here] = way
        fields.append((attribute, kind, msgspec.field(default=UNSET, name=name)))
    return _defined("Record", fields, closed=node.is_open)


def _container(
    node: Node,
    names: tuple[str, ...],
    attributes: Attributes,
    result: RecordType,
    hashed: Callable[[Any], str | None],
) -> Any:
    if node.each is None:
        return _struct(node, names, attributes, result, hashed)
    if node.fields:
        raise NotTypable(names)
    if node.each is LANDS:
        return list[VALUE]  # type: ignore[valid-type]
    items = RecordType()
    if not isinstance(node.each, Node) or node.each.each is not None:
        raise NotTypable(names)
    item = _struct(node.each, (), (), items, hashed)
    if items.amendments:
        raise NotTypable(names)
    return list[item]  # type: ignore[valid-type]


def with_unknown(tree: Node, unknown: Sequence[str], rule: Rule) -> Node:
    """A copy of a tree in which undeclared fields that were met are declared, each by its path."""
    copy = _copied(tree)
    for path in sorted(unknown):
        *way, name = map(str, parse_path(path))
        node: Node | Rule | None = copy
        for step in way:
            node = node.fields.get(step) if isinstance(node, Node) else None
        if isinstance(node, Node):
            node.fields.setdefault(name, rule)
    return copy


def _copied(node: Node) -> Node:
    fields = {
        name: _copied(child) if isinstance(child, Node) else child for name, child in node.fields.items()
    }
    each = _copied(node.each) if isinstance(node.each, Node) else node.each
    return Node(node.path, fields, set(node.expected), each, node.is_open)


# Around the records ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ListingType:
    """The type of a page: its records, and what else of it is looked at.

    Attributes:
        type: what the page is parsed into.
        records: the attributes on the way to the list.
        read: by path, the attributes on the way to what else is looked at.
    """

    type: Any
    records: Attributes
    read: Mapping[tuple[str, ...], Attributes]


def listing_type(struct: type[msgspec.Struct], records_at: str, reads: Sequence[str]) -> ListingType:
    """The type of a page whose records stand at `records_at` (empty: the page is the list).

    Raises:
        NotTypable: two paths exclude each other, or lead through a list.
    """
    if not records_at:
        return ListingType(list[struct], (), {})  # type: ignore[valid-type]
    tree: dict[str, Any] = {}
    _plant(tree, parse_path(records_at), list[struct])  # type: ignore[valid-type]
    for path in sorted(set(filter(None, reads))):
        _plant(tree, parse_path(path), Any)
    found: dict[tuple[str, ...], Attributes] = {}
    page = _page(tree, (), (), found)
    records = found.pop(tuple(map(str, parse_path(records_at))))
    return ListingType(page, records, found)


def _plant(tree: dict[str, Any], segments: PathSegments, leaf: Any) -> None:
    *way, last = segments
    for segment in way:
        tree = tree.setdefault(segment, {}) if isinstance(segment, str) else None  # type: ignore[assignment]
        if not isinstance(tree, dict):
            raise NotTypable(segments)
    if not isinstance(last, str) or last in tree:
        raise NotTypable(segments)
    tree[last] = leaf


def _page(
    tree: Mapping[str, Any], names: tuple[str, ...], attributes: Attributes, found: dict[Any, Attributes]
) -> type[msgspec.Struct]:
    fields: list[Any] = []
    for position, (name, child) in enumerate(tree.items()):
        attribute = f"f{position}"
        here, way = (*names, name), (*attributes, attribute)
        if isinstance(child, dict):
            kind = _page(child, here, way, found)
        else:
            kind, found[here] = child, way
        if _holds_records(child):
            fields.append((attribute, kind, msgspec.field(name=name)))
        else:
            fields.append((attribute, kind | None | UnsetType, msgspec.field(default=UNSET, name=name)))
    return _defined("Page", fields, closed=False)


def _holds_records(child: Any) -> bool:
    return any(map(_holds_records, child.values())) if isinstance(child, dict) else child is not Any


def _defined(kind: str, fields: Sequence[Any], *, closed: bool) -> type[msgspec.Struct]:
    return msgspec.defstruct(kind, fields, forbid_unknown_fields=closed, kw_only=True, gc=False)
