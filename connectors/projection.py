"""What of a record may land: the contract's allow-list, applied.

A field that no column and no entry of `also_lands` names is left out. An undeclared field of an open container is
news: its path is noted, and its value lands as it is (in a stream about people it does not).

    projection = Projection(contract)
    projection({"id": "7", "secret": "…"})      # {"id": "7"}

The usual shape of a record is handled by a function compiled from the contract (`projection_code.py`); every record of
another shape by the rules in this file, which say the same.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson

from connectors.allow_list import HASHED, LANDS, Node, allow_list
from connectors.contract import Contract, path_text
from connectors.projection_code import compiled
from connectors.secret import Secret


class Projection:
    """The allow-list of one stream, and the undeclared fields that it met.

    Attributes:
        unknown: paths of undeclared fields in open containers.
        tree: the allow-list.
        keep_unknown: do their values land?
    """

    def __init__(self, contract: Contract, hash_key: Secret | None = None) -> None:
        self.unknown: set[str] = set()
        self.tree = allow_list(contract)
        self.keep_unknown = not contract.about_people
        self._hash_key = hash_key
        self.usual = compiled(self.tree, self.any_shape, self.hashed)

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """What of `record` lands."""
        return self.usual(record)

    def any_shape(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """What of a record of any shape lands."""
        return self._container(record, self.tree)

    def _container(self, record: Mapping[str, Any], node: Node) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in record.items():
            child = node.fields.get(name)
            if child is LANDS:
                kept[name] = value
            elif child is None:
                if node.is_open:
                    self.unknown.add(node.path + path_text(name))
                    if self.keep_unknown:
                        kept[name] = value
            elif isinstance(child, Node):
                kept[name] = self._value(value, child)
            elif child is HASHED:
                kept[name] = self.hashed(value)
        return kept

    def _value(self, value: Any, node: Node) -> Any:
        if isinstance(value, dict):
            return self._container(value, node)
        if isinstance(value, list) and node.each is not None:
            if isinstance(node.each, Node):
                return [self._value(item, node.each) for item in value]
            return value if node.each is LANDS else [self.hashed(item) for item in value]
        # Something else than the contract says. What is no container holds nothing undeclared; it lands, and
        # the typed reading refuses the row.
        return value if not isinstance(value, list) else []

    def hashed(self, value: Any) -> str | None:
        """A value about a person as a keyed hash: equal for equal values, and of no use to anybody else."""
        if value is None or self._hash_key is None:
            return None
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        return hmac.new(self._hash_key.reveal().encode(), text.encode(), hashlib.sha256).hexdigest()[:32]
