"""YAML text → plain data with the place of every value, safely.

Scalars follow YAML 1.2: only ``null`` and ``~`` are null, and every other plain scalar keeps its text
(`Plain`) until the field that it is for says what it should be. So ``no``, ``on``, ``012`` and ``1e3``
mean what the field means and nothing else. Tags, merge keys, several documents in one file and duplicate
keys are refused; so is anything that would grow out of proportion (size, depth, aliases).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from .errors import Problem
from .model.basics import Location

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 24
MAX_NODES = 100_000

Path = tuple[str | int, ...]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class Plain(str):
    """A scalar written without quotes: its type is decided by the field that it is for."""

    __slots__ = ()


@dataclass(slots=True)
class Document:
    """One file: its data, and where each value and each key stands (by path of keys and indexes)."""

    file: str
    data: Any = None
    values: dict[Path, Location] = field(default_factory=dict)
    keys: dict[Path, Location] = field(default_factory=dict)
    anchors: dict[Path, tuple[tuple[int, int, int], ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def locate(self, path: Path) -> Location:
        """The nearest known place of ``path``; parts that are not in the document are skipped."""
        known: Path = ()
        for part in path:
            if (*known, part) in self.values:
                known = (*known, part)
        return self.values.get(known, Location(self.file, 1, 1))

    def shown(self, path: Path) -> str:
        """What stands at ``path``, in short: a value's text, the key of a collection, or the file's name."""
        here: Any = self.data
        for part in path:
            try:
                here = here[part]
            except (KeyError, IndexError, TypeError):
                return str(part)
        if isinstance(here, str):
            return here[:_SHOWN]
        return str(path[-1]) if path else self.file

    def locate_key(self, path: Path) -> Location:
        """The place of the key that ``path`` ends in."""
        return self.keys.get(path, self.locate(path))


def read_yaml(text: str | bytes, file: str) -> Document:
    """Parse one document. Problems are collected in ``Document.problems``; nothing is raised."""
    document = Document(file)
    try:
        decoded = _decode(text, file)
        document.data = _Composer(document, decoded).compose()
    except _RefusedError as refused:
        document.problems.append(refused.problem)
    except yaml.MarkedYAMLError as error:
        marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
        place = Location(file, marks[0].line + 1, marks[0].column + 1) if marks else Location(file, 1, 1)
        document.problems.append(
            Problem("YAML_SYNTAX", f"not valid YAML: {error.problem or error.context}", place)
        )
    except yaml.YAMLError as error:
        document.problems.append(Problem("YAML_SYNTAX", f"not valid YAML: {error}", Location(file, 1, 1)))
    document.problems[:] = [_with_text(problem, text) for problem in document.problems]
    return document


def _with_text(problem: Problem, text: str | bytes) -> Problem:
    """The problem with what stands at its place, where it does not say so itself."""
    if problem.text:
        return problem
    if isinstance(text, bytes):
        text = text[:MAX_BYTES].decode("utf-8", "backslashreplace")
    lines = text[:MAX_BYTES].splitlines() or [""]
    line = lines[min(problem.location.line, len(lines)) - 1]
    return replace(problem, text=(line[problem.location.column - 1 :].strip() or line.strip())[:_SHOWN])


_SHOWN = 60


class _RefusedError(Exception):
    def __init__(self, code: str, message: str, place: Location, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(code, message, place, hint=hint)


def _decode(text: str | bytes, file: str) -> str:
    size = len(text)
    if size > MAX_BYTES:
        raise _RefusedError(
            "YAML_TOO_LARGE",
            f"{size:,} bytes; a definition file holds at most {MAX_BYTES:,}",
            Location(file, 1, 1),
            "Split it into several files.",
        )
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise _RefusedError(
            "YAML_ENCODING", f"byte {error.start} is not UTF-8", Location(file, line, 1), "Save it as UTF-8."
        ) from error


@dataclass(slots=True)
class _Frame:
    """A collection being filled while events stream by."""

    path: Path
    value: dict[str, Any] | list[Any]
    anchor: str | None
    first_node: int
    key: str | None = None

    def next_path(self) -> Path:
        if isinstance(self.value, list):
            return (*self.path, len(self.value))
        return (*self.path, self.key if self.key is not None else "?")


class _Composer:
    """Builds the data from the event stream with a stack of its own, so that no input can exhaust Python's."""

    def __init__(self, document: Document, text: str) -> None:
        self.document = document
        self.text = text
        self.lines = text.splitlines()
        self.nodes = 0
        self.anchored: dict[str, tuple[Any, int]] = {}

    def compose(self) -> Any:
        stack: list[_Frame] = []
        root: Any = None
        documents = 0
        for event in self._events():
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _RefusedError("YAML_DOCUMENTS", "a second document in one file", self._place(event))
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._check(event, len(stack))
                path = self._open_path(stack, event)
                value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
                self.document.values[path] = self._place(event)
                stack.append(_Frame(path, value, event.anchor, self.nodes))
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                frame = stack.pop()
                if frame.anchor:
                    self.anchored[frame.anchor] = (frame.value, self.nodes - frame.first_node + 1)
                root = self._attach(stack, frame.value, root)
            elif isinstance(event, yaml.ScalarEvent):
                self._check(event, len(stack))
                if stack and isinstance(stack[-1].value, dict) and stack[-1].key is None:
                    self._start_pair(stack[-1], event)
                    continue
                path = stack[-1].next_path() if stack else ()
                scalar = self._scalar(event)
                place = self._content_place(event)
                self.document.values[path] = place
                if isinstance(scalar, str) and event.end_mark and event.end_mark.line >= place.line:
                    self.document.anchors[path] = self._anchors(event, scalar)
                if event.anchor:
                    self.anchored[event.anchor] = (scalar, 1)
                root = self._attach(stack, scalar, root)
            elif isinstance(event, yaml.AliasEvent):
                root = self._attach(stack, self._alias(stack, event), root)
        return root

    def _events(self) -> Iterator[Any]:
        yield from yaml.parse(self.text, Loader=_LOADER)

    def _place(self, event: Any) -> Location:
        return Location(self.document.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _content_place(self, event: Any) -> Location:
        """Where the text of a scalar begins: after the quote, or on the line after ``|`` or ``>``."""
        place = self._place(event)
        if event.style in ("'", '"'):
            return Location(place.file, place.line, place.column + 1)
        if event.style in ("|", ">"):
            for number in range(event.start_mark.line + 1, len(self.lines)):
                line = self.lines[number]
                if line.strip():
                    return Location(place.file, number + 1, len(line) - len(line.lstrip()) + 1)
        return place

    def _anchors(self, event: Any, text: str) -> tuple[tuple[int, int, int], ...]:
        """(offset in the value, line, column) of each source line of a scalar that spans lines."""
        found: list[tuple[int, int, int]] = []
        offset = 0
        for number in range(event.start_mark.line, min(event.end_mark.line + 1, len(self.lines))):
            line = self.lines[number]
            begin = event.start_mark.column if number == event.start_mark.line else 0
            piece = line[begin:].strip().strip("'\"").strip()
            position = text.find(piece, offset) if piece and piece not in "|>|->-|+>+" else -1
            if position >= 0:
                found.append((position, number + 1, line.index(piece, begin) + 1))
                offset = position + len(piece)
        return tuple(found)

    def _check(self, event: Any, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _RefusedError(
                "YAML_TOO_LARGE", f"more than {MAX_NODES:,} values", self._place(event), "Split the file."
            )
        if depth >= MAX_DEPTH:
            raise _RefusedError("YAML_TOO_DEEP", f"nested deeper than {MAX_DEPTH} levels", self._place(event))
        tag = event.tag
        if tag is not None and not (isinstance(event, yaml.ScalarEvent) and tag == "tag:yaml.org,2002:str"):
            raise _RefusedError(
                "YAML_TAG", f"the tag {tag!r} is not allowed", self._place(event), "Remove it."
            )

    def _open_path(self, stack: list[_Frame], event: Any) -> Path:
        if not stack:
            return ()
        frame = stack[-1]
        if isinstance(frame.value, dict) and frame.key is None:
            raise _RefusedError("YAML_KEY", "a key must be a word, not a list or a map", self._place(event))
        return frame.next_path()

    def _start_pair(self, frame: _Frame, event: Any) -> None:
        key = str(event.value)
        if key == "<<" and not event.style:
            raise _RefusedError(
                "YAML_MERGE", "merge keys (<<) are not allowed", self._place(event), "Write the keys out."
            )
        path = (*frame.path, key)
        if key in frame.value:
            first = self.document.keys[path]
            self.document.problems.append(
                Problem(
                    "DUPLICATE_KEY",
                    f"the key {key!r} was given before, on line {first.line}",
                    self._place(event),
                    text=key,
                    hint="Keep one of the two.",
                )
            )
        else:
            self.document.keys[path] = self._place(event)
        frame.key = key

    def _attach(self, stack: list[_Frame], value: Any, root: Any) -> Any:
        if not stack:
            return value
        frame = stack[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is not None:
            frame.value[frame.key] = value
            frame.key = None
        return root

    def _alias(self, stack: list[_Frame], event: Any) -> Any:
        place = self._place(event)
        if stack and isinstance(stack[-1].value, dict) and stack[-1].key is None:
            raise _RefusedError("YAML_KEY", "a key must be a word, not an alias", place)
        if event.anchor not in self.anchored:
            raise _RefusedError("YAML_ALIAS", f"the alias *{event.anchor} refers to nothing before it", place)
        value, size = self.anchored[event.anchor]
        self.nodes += size
        if self.nodes > MAX_NODES:
            raise _RefusedError("YAML_TOO_LARGE", f"aliases expand to more than {MAX_NODES:,} values", place)
        path = stack[-1].next_path() if stack else ()
        for part, copied in _walk(value, path):
            self.document.values[part] = place
            if isinstance(copied, dict):
                self.document.keys.update({(*part, key): place for key in copied})
        return value

    def _scalar(self, event: Any) -> Any:
        text = str(event.value)
        if event.style or event.tag is not None:
            return text
        if text in _NULLS:
            return None
        return Plain(text)


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    pending: list[tuple[Path, Any]] = [(path, value)]
    while pending:
        here, item = pending.pop()
        yield here, item
        if isinstance(item, Mapping):
            pending += [((*here, key), child) for key, child in item.items()]
        elif isinstance(item, list):
            pending += [((*here, index), child) for index, child in enumerate(item)]
