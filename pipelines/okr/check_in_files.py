"""Check-ins from a CSV or YAML file: all rows are checked first, and all or none are recorded.

CSV has one row per check-in with the columns `key_result`, `date`, `author` and the fields of a check-in; YAML is a
list `check_ins:` of mappings with the same names. Taking the same file again changes nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from pipelines.okr.checkins import FIELDS, CheckInDesk
from pipelines.scoring.checkin import CheckIn
from pipelines.scoring.errors import CheckInError

MAX_BYTES = 10_000_000
_COLUMNS = ("key_result", "date", "author", *FIELDS)
_REQUIRED = ("key_result", "author", "how_it_happened", "confidence")


class CheckInFileError(ValueError):
    """A file with rows that cannot be taken; `problems` are (line, what is wrong), and nothing was recorded."""

    def __init__(self, path: Path, problems: list[tuple[int, str]]) -> None:
        self.path = path
        self.problems = tuple(problems)
        listed = "".join(f"\n  {path}:{line}: {problem}" for line, problem in problems)
        super().__init__(f"{path}: nothing was recorded, mend {len(problems)} row(s):{listed}")


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: rows recorded, and rows that were there already."""

    recorded: tuple[CheckIn, ...]
    unchanged: int


def import_check_ins(path: Path, desk: CheckInDesk) -> Imported:
    """Take every check-in of a CSV or YAML file.

    Raises:
        CheckInFileError: the file cannot be read, or a row cannot be taken; nothing is recorded then.
    """
    problems: list[tuple[int, str]] = []
    drafts: list[CheckIn] = []
    there = {(item.key_result, item.on): item for item in desk.standing()}
    unchanged = 0
    for line, row in _rows(path):
        try:
            draft = _draft(row, desk)
        except (CheckInError, ValueError) as error:
            problems.append((line, str(error)))
            continue
        if _says_the_same(there.get((draft.key_result, draft.on)), draft):
            unchanged += 1
            continue
        there[draft.key_result, draft.on] = draft
        drafts.append(draft)
    if problems:
        raise CheckInFileError(path, problems)
    return Imported(desk.take_all(drafts) if drafts else (), unchanged)


def _draft(row: Mapping[str, str], desk: CheckInDesk) -> CheckIn:
    unknown = sorted(set(row) - set(_COLUMNS))
    if unknown:
        raise CheckInError(unknown[0], f"is no column of a check-in; there are: {', '.join(_COLUMNS)}")
    missing = [name for name in _REQUIRED if not row.get(name)]
    if missing:
        raise CheckInError(missing[0], "is missing")
    try:
        day = date.fromisoformat(row["date"]) if row.get("date") else None
    except ValueError:
        raise CheckInError("date", f"{row['date']!r} is no day; write it like 2026-11-20") from None
    return desk.check(row["author"], row["key_result"], {name: row.get(name) for name in FIELDS}, day)


def _says_the_same(recorded: CheckIn | None, draft: CheckIn) -> bool:
    if recorded is None:
        return False
    names = ("author", *FIELDS)
    return all(getattr(recorded, name) == getattr(draft, name) for name in names)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row) of either kind of file; every value as text."""
    text = _text(path)
    if path.suffix.casefold() in {".yml", ".yaml"}:
        yield from _yaml_rows(path, text)
        return
    reader = csv.DictReader(io.StringIO(text))
    for row in reader:
        if None in row:
            raise CheckInFileError(path, [(reader.line_num, "has more values than the header has columns")])
        yield reader.line_num, {name.strip(): (value or "").strip() for name, value in row.items()}


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CheckInFileError(path, [(0, f"is larger than {MAX_BYTES // 1_000_000} MB")])
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CheckInFileError(path, [(0, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError:
        raise CheckInFileError(path, [(0, "is not UTF-8 text; save it as UTF-8")]) from None


def _yaml_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of `check_ins:`; scalars are kept as written, so that 0.70 and 2026-11-20 stay text."""
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise CheckInFileError(path, [(mark.line + 1 if mark else 0, "is no YAML")]) from error
    entries = dict(_pairs(document)).get("check_ins")
    if not isinstance(entries, yaml.SequenceNode):
        raise CheckInFileError(path, [(1, "needs a list: check_ins: [{key_result: …, author: …, …}]")])
    for entry in entries.value:
        line = entry.start_mark.line + 1
        pairs = _pairs(entry)
        if not isinstance(entry, yaml.MappingNode) or any(
            not isinstance(v, yaml.ScalarNode) for _, v in pairs
        ):
            raise CheckInFileError(path, [(line, "is no mapping of names to plain values")])
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise CheckInFileError(path, [(line, f"says {twice[0]!r} twice")])
        yield line, {name: _scalar(node) for name, node in pairs}


def _pairs(node: Any) -> list[tuple[str, Any]]:
    return (
        [(str(key.value), value) for key, value in node.value] if isinstance(node, yaml.MappingNode) else []
    )


def _scalar(node: Any) -> str:
    return "" if node.tag == "tag:yaml.org,2002:null" else str(node.value).strip()
