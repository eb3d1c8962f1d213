"""Small edits to YAML that people wrote: one value set, every comment and line break kept.

document = yaml.compose(text)
text = edited(text, [set_value(text, document, "state", "closed")])
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `text[start:end]` by `new`."""

    start: int
    end: int
    new: str


def set_value(text: str, mapping: Any, key: str, value: str) -> Edit:
    """Set `key` of a mapping to a value in flow style (a scalar or `{…}`); added after the first key if absent.

    `mapping` is a node of `yaml.compose(text)`.
    """
    if not isinstance(mapping, yaml.MappingNode) or not mapping.value:
        raise ValueError(f"there is no mapping to set {key!r} in")
    for name, node in mapping.value:
        if name.value == key:
            return _replace(text, node, value)
    first, held = mapping.value[0]
    if mapping.flow_style:
        return Edit(held.end_mark.index, held.end_mark.index, f", {key}: {value}")
    line_end = text.find("\n", _end(text, held))
    at = len(text) if line_end < 0 else line_end
    return Edit(at, at, f"\n{' ' * first.start_mark.column}{key}: {value}")


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Apply edits that do not overlap."""
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


def _replace(text: str, node: Any, value: str) -> Edit:
    """Put `value` in a node's place; a block collection on lines of its own moves up behind its key."""
    start, end = node.start_mark.index, _end(text, node)
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        colon = text.rindex(":", 0, start)
        return Edit(colon + 1, end, f" {value}")
    return Edit(start, end, value if text[start - 1 : start].isspace() else f" {value}")


def _end(text: str, node: Any) -> int:
    """Where a node's own text ends: a block collection's mark lies on the next token, far behind it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    end = int(node.end_mark.index)
    while end > node.start_mark.index and text[end - 1].isspace():
        end -= 1
    return end


def write_whole(path: Path, content: str) -> Path:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".yml")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
    return path
