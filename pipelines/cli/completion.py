"""What the shell may complete: names from the files as they are, read without loading the dictionary.

A completion runs at each press of a key: it reads lines with a pattern, opens no database, and says nothing where
something is wrong. Source: command line, 'shell completion'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pipelines.workspace import PROJECT, Workspace, WorkspaceError

_ENTRY = re.compile(r"^\s*-\s*\{?\s*(?:name|key):\s*[\"']?([A-Za-z0-9_.-]+)")
_LABEL = re.compile(r"^\s+label:\s*[\"']?(.*?)[\"']?\s*$")
_DIMENSIONS = re.compile(r"^\s*dimensions:\s*\[(.*)\]\s*$")
_INLINE_NAME = re.compile(r"name:\s*([A-Za-z0-9_]+)")
_STREAMS = re.compile(r"^\s*streams:\s*\[(.*)\]\s*$")
_ITEM = re.compile(r"^(\s+)-\s+(?:\{?\s*name:\s*)?([A-Za-z0-9_]+)\b")
_RULE = re.compile(r"^    Rule\(\s+\"([A-Z_]+)\",\s+Severity\.(\w+),\s+\"(.*)\",", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z0-9_]+")

Named = tuple[str, str]
"""A name, and what it is in a few words."""


def metrics(incomplete: str) -> list[Named]:
    """Names of metrics, with their labels."""
    return _matching(_metrics, incomplete)


def dimensions(incomplete: str) -> list[Named]:
    """Dimensions of any source; what stands before a comma is kept."""
    before, comma, rest = incomplete.rpartition(",")
    return [(f"{before}{comma}{name}", told) for name, told in _matching(_dimensions, rest)]


def sources(incomplete: str) -> list[Named]:
    """Names of the configured source instances."""
    return _matching(_sources, incomplete)


def streams(incomplete: str) -> list[Named]:
    """Streams of the configured sources."""
    return _matching(_streams, incomplete)


def tables(incomplete: str) -> list[Named]:
    """Neutral tables."""
    return _matching(_tables, incomplete)


def metrics_and_tables(incomplete: str) -> list[Named]:
    """What `vitals accept` takes."""
    return metrics(incomplete) + tables(incomplete)


def assets(incomplete: str) -> list[Named]:
    """Assets of metrics."""
    return [(f"kpi/{name}", told) for name, told in metrics(incomplete.removeprefix("kpi/"))]


def teams(incomplete: str) -> list[Named]:
    """Keys of teams."""
    return _matching(_teams, incomplete)


def key_results(incomplete: str) -> list[Named]:
    """Keys of key results, objectives and cycles."""
    return _matching(_keys, incomplete)


def rules(incomplete: str) -> list[Named]:
    """Codes of the dictionary's rules."""
    return _matching(_rules, incomplete.upper())


def models(incomplete: str) -> list[Named]:
    """Business models with a pack."""
    return _matching(_models, incomplete)


def _matching(find: Callable[[Workspace], Iterable[Named]], incomplete: str) -> list[Named]:
    """What begins with the text; nothing where the installation cannot be read."""
    try:
        found = dict(find(Workspace.from_environment()))
    except (OSError, UnicodeDecodeError, WorkspaceError):
        return []
    return sorted((name, told) for name, told in found.items() if name.startswith(incomplete))


def _lines(folder: Path, pattern: str) -> Iterator[str]:
    for path in sorted(folder.glob(pattern)):
        yield from path.read_text(encoding="utf-8").splitlines()


def _metrics(workspace: Workspace) -> Iterator[Named]:
    name = ""
    for line in _lines(workspace.catalogue / "metrics", "**/*.y*ml"):
        entry, label = _ENTRY.match(line), _LABEL.match(line)
        if entry:
            name = entry[1]
            yield name, ""
        elif label and name:
            yield name, label[1]
            name = ""


def _dimensions(workspace: Workspace) -> Iterator[Named]:
    for line in _lines(workspace.catalogue / "sources", "**/*.y*ml"):
        found = _DIMENSIONS.match(line)
        if found:
            named = _INLINE_NAME.findall(found[1])
            plain = _WORD.findall(re.sub(r"\{[^}]*\}", "", found[1]))
            yield from ((name, "") for name in (*named, *plain))


def _tables(workspace: Workspace) -> Iterator[Named]:
    for line in _lines(workspace.catalogue / "sources", "**/*.y*ml"):
        key, _, value = line.strip().partition(": ")
        if key == "table":
            yield value.strip("\"'"), ""


def _sources(workspace: Workspace) -> Iterator[Named]:
    for path in sorted(workspace.sources.glob("*.y*ml")):
        said = dict(
            line.split(": ", 1) for line in path.read_text(encoding="utf-8").splitlines() if ": " in line
        )
        system = said.get("system", path.stem).strip()
        yield said.get("name", system).strip(), system


def _streams(workspace: Workspace) -> Iterator[Named]:
    for path in sorted(workspace.sources.glob("*.y*ml")):
        depth: int | None = None  # of the entries below `streams:`; columns of a stream are deeper
        inside = False
        for line in path.read_text(encoding="utf-8").splitlines():
            listed, item = _STREAMS.match(line), _ITEM.match(line)
            if listed:
                yield from ((name, path.stem) for name in _WORD.findall(listed[1]))
            elif line.strip() == "streams:":
                inside, depth = True, None
            elif inside and item:
                depth = len(item[1]) if depth is None else depth
                if len(item[1]) == depth:
                    yield item[2], path.stem
            elif line and not line.startswith((" ", "#")):
                inside = False


def _models(workspace: Workspace) -> Iterator[Named]:
    for path in sorted((PROJECT / "definitions" / "packs").glob("*/pack.yml")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        yield path.parent.name, first.lstrip("# ")


def _rules(workspace: Workspace) -> Iterator[Named]:
    for path in sorted((PROJECT / "definitions" / "lint").glob("*.py")):
        for code, _, title in _RULE.findall(path.read_text(encoding="utf-8")):
            yield code, title


def _teams(workspace: Workspace) -> Iterator[Named]:
    part = ""
    for line in _lines(workspace.catalogue, "teams.yml"):
        if line and not line.startswith((" ", "#")):
            part = line.partition(":")[0]
        entry = _ENTRY.match(line)
        if entry and part == "teams":
            yield entry[1], ""


def _keys(workspace: Workspace) -> Iterator[Named]:
    for line in _lines(workspace.catalogue / "objectives", "*.y*ml"):
        entry = _ENTRY.match(line)
        if entry:
            yield entry[1], ""
