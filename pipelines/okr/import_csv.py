"""Objectives and key results from CSV, as YAML files of the dictionary; the columns are those of `export_csv`.

    import_okrs(Path("okrs.csv"), Path("catalogue"))       # writes objectives/<cycle>.yml, or nothing

What is written is loaded first with the rest of the dictionary, so that a bad row is refused with the loader's own
words and leaves the folder as it was.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from definitions.loading import load_texts, read_folder
from pipelines.okr.export_csv import COLUMNS, OBJECTIVE_COLUMNS, STARTS_A_FORMULA
from pipelines.okr.yaml_edits import write_whole

_AS_WRITTEN = (
    "statement",
    "owner",
    "type",
    "nature",
    "metric",
    "segment_mode",
    "grain",
    "comparison",
    "score_method",
    "unit",
    "due",
    "done_on",
    "status",
)


class ExchangeError(ValueError):
    """A file that is no list of key results; `line` counts from 1, 0 for the file itself."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


def import_okrs(path: Path, folder: Path, *, replace: bool = False) -> tuple[Path, ...]:
    """Write the cycles of a CSV file into `<folder>/objectives`, one YAML file each; returns the files.

    Raises:
        ExchangeError: the file is no list of key results, or a cycle's file is there and `replace` is not said.
        CatalogueError: the dictionary would not load with it; nothing was written.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ExchangeError(0, f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ExchangeError(0, f"{path} is not UTF-8 text; save it as UTF-8") from None
    documents = okr_documents(text)
    there = read_folder(folder)
    taken = sorted(name for name in documents if name in there)
    if taken and not replace:
        raise ExchangeError(0, f"{folder / taken[0]} is there already; say replace to write over it")
    load_texts({**there, **documents}, root=folder)
    return tuple(write_whole(folder / name, content) for name, content in sorted(documents.items()))


def okr_documents(text: str) -> dict[str, str]:
    """The YAML files that a CSV of key results stands for, by path within the dictionary.

    Raises:
        ExchangeError: a column is missing or unknown, or a cell cannot be read.
    """
    reader = csv.DictReader(io.StringIO(text))
    header = tuple(reader.fieldnames or ())
    unknown = sorted(set(header) - set(COLUMNS))
    missing = [name for name in ("cycle", "objective", "key_result") if name not in header]
    if unknown or missing:
        problem = f"there is no column {unknown[0]!r}" if unknown else f"the column {missing[0]!r} is missing"
        raise ExchangeError(1, f"{problem}; columns: {', '.join(COLUMNS)}")
    cycles: dict[str, dict[str, Any]] = {}
    objectives: dict[tuple[str, str], dict[str, Any]] = {}
    for cells in reader:
        if None in cells:
            raise ExchangeError(reader.line_num, "has more values than the header has columns")
        row = {name: _plain(value or "") for name, value in cells.items()}
        try:
            _take(row, cycles, objectives)
        except ValueError as error:
            raise ExchangeError(reader.line_num, str(error)) from error
    return {
        f"objectives/{key}.yml": yaml.safe_dump(
            document, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False
        )
        for key, document in sorted(cycles.items())
    }


def _take(
    row: Mapping[str, str],
    cycles: dict[str, dict[str, Any]],
    objectives: dict[tuple[str, str], dict[str, Any]],
) -> None:
    """Add one row to the documents; a cycle and an objective are as their first row says."""
    for name in ("cycle", "objective", "key_result"):
        if not row.get(name):
            raise ValueError(f"{name} is empty")
    key = row["cycle"]
    if any(sign in key for sign in "/\\\0") or key.startswith("."):
        raise ValueError(f"cycle {key!r} is no name for a file")
    cycle = cycles.setdefault(key, {"cycle": _cycle_of(row), "objectives": []})
    at = (key, row["objective"])
    if at not in objectives:
        objectives[at] = {**_objective_of(row), "key_results": []}
        cycle["objectives"].append(objectives[at])
    objectives[at]["key_results"].append(_key_result_of(row))


def _cycle_of(row: Mapping[str, str]) -> dict[str, Any]:
    names = {
        "cycle": "key",
        "cycle_name": "name",
        "cycle_start": "start",
        "cycle_end": "end",
        "cycle_state": "state",
        "check_in": "check_in",
    }
    found: dict[str, Any] = {to: row[name] for name, to in names.items() if row.get(name)}
    if row.get("cycle_silence"):
        found["silence"] = _list("cycle_silence", row["cycle_silence"])
    return found


def _objective_of(row: Mapping[str, str]) -> dict[str, Any]:
    renamed = {"objective": "key", "objective_owner": "owner"}
    found: dict[str, Any] = {
        renamed.get(name, name): row[name] for name in OBJECTIVE_COLUMNS if row.get(name)
    }
    if row.get("objective_silence"):
        found["silence"] = _list("objective_silence", found.pop("objective_silence"))
    if "contributes" in found:
        found["contributes"] = _boolean("contributes", found["contributes"])
    return found


def _key_result_of(row: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"key": row["key_result"]}
    found |= {name: row[name] for name in _AS_WRITTEN if row.get(name)}
    found |= {
        name: _number(name, row[name])
        for name in ("stretch", "commit", "weight", "confidence")
        if row.get(name)
    }
    if row.get("leading"):
        found["leading"] = _boolean("leading", row["leading"])
    if row.get("segment"):
        found["segment"] = _mapping("segment", row["segment"])
    if row.get("baseline"):
        names = {"baseline": "value", "baseline_as_of": "as_of", "baseline_set_by": "set_by"}
        found["baseline"] = {to: row[name] for name, to in names.items() if row.get(name)}
        found["baseline"]["value"] = _number("baseline", row["baseline"])
    if row.get("target"):
        found["target"] = {row.get("target_spec") or "absolute": _number("target", row["target"])}
    band = {
        edge: _number(f"band_{edge}", row[f"band_{edge}"])
        for edge in ("low", "high", "floor", "ceiling")
        if row.get(f"band_{edge}")
    }
    if band:
        found["band"] = band
    if row.get("curve"):
        points = _mapping("curve_points", row["curve_points"]) if row.get("curve_points") else {}
        found["curve"] = {
            "kind": row["curve"],
            **(
                {"points": {day: _number("curve_points", value) for day, value in points.items()}}
                if points
                else {}
            ),
        }
    for name in ("milestones", "revisions", "silence"):
        if row.get(name):
            found[name] = _list(name, row[name])
    return found


def _plain(text: str) -> str:
    text = text.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(STARTS_A_FORMULA) else text


def _number(name: str, text: str) -> float | int:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}, which is no number") from None
    return int(value) if value.is_integer() else value


def _boolean(name: str, text: str) -> bool:
    known = {"true": True, "false": False}
    if text.casefold() not in known:
        raise ValueError(f"{name} is {text!r}; write true or false")
    return known[text.casefold()]


def _mapping(name: str, text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} is no JSON ({error.msg})") from None
    if not isinstance(found, dict):
        raise ValueError(f'{name} is {text!r}; write names and values, such as {{"region": "emea"}}')
    return {str(key): str(value) for key, value in found.items()}


def _list(name: str, text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} is no JSON ({error.msg})") from None
    if not isinstance(found, list):
        raise ValueError(f"{name} is {text!r}; write a list")
    return found
