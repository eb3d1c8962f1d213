"""Objectives and key results as CSV, one row per key result: out to a spreadsheet, and back as YAML.

    text = export_okrs(catalogue, scores)
    import_okrs(Path("okrs.csv"), Path("catalogue"))       # writes objectives/<cycle>.yml, or nothing

What is written is loaded first with the rest of the dictionary, so that a bad row is refused with the loader's own
words and leaves the folder as it was. Columns after `revisions` say how a key result stands and are not read back.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from definitions.loading import load_texts, read_folder
from definitions.model import Catalogue, Cycle, KeyResult, Objective
from pipelines.publishing.records import KeyResultScoreRow

_CYCLE = ("cycle", "cycle_name", "cycle_start", "cycle_end", "cycle_state", "check_in")
_OBJECTIVE = (
    "objective",
    "title",
    "why",
    "team",
    "objective_owner",
    "parent",
    "contributes",
    "commitment",
    "rollup",
    "lifecycle",
    "perspective",
    "closing_note",
)
_KEY_RESULT = (
    "key_result",
    "statement",
    "owner",
    "type",
    "nature",
    "metric",
    "segment",
    "segment_mode",
    "grain",
    "baseline",
    "baseline_as_of",
    "baseline_set_by",
    "target",
    "target_spec",
    "stretch",
    "commit",
    "comparison",
    "band_low",
    "band_high",
    "band_floor",
    "band_ceiling",
    "score_method",
    "unit",
    "weight",
    "due",
    "curve",
    "curve_points",
    "milestones",
    "done_on",
    "confidence",
    "leading",
    "status",
    "revisions",
)
_STANDING = (
    "as_of",
    "current_value",
    "ratio",
    "progress",
    "score",
    "score_method_used",
    "band",
    "published_status",
)
COLUMNS = (*_CYCLE, *_OBJECTIVE, *_KEY_RESULT, *_STANDING)

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

_NUMBERS = frozenset(
    {
        "baseline",
        "target",
        "stretch",
        "commit",
        "band_low",
        "band_high",
        "band_floor",
        "band_ceiling",
        "weight",
        "confidence",
        *_STANDING,
    }
)
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


class ExchangeError(ValueError):
    """A file that is no list of key results; `line` counts from 1, 0 for the file itself."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


# ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────


def export_okrs(catalogue: Catalogue, scores: Mapping[str, KeyResultScoreRow] | None = None) -> str:
    """All key results of the dictionary as CSV; `scores` by key result adds how they stand.

    Text that a spreadsheet would take for a formula is prefixed with an apostrophe, which is taken off again when
    the file comes back.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for cycle, objective, key_result in catalogue.key_results():
        row = {
            **_cycle_cells(cycle),
            **_objective_cells(objective),
            **_key_result_cells(key_result),
            **_standing_cells((scores or {}).get(key_result.key)),
        }
        writer.writerow([_cell(name, row[name]) for name in COLUMNS])
    return out.getvalue()


def _cycle_cells(cycle: Cycle) -> dict[str, Any]:
    return dict(
        zip(_CYCLE, (cycle.key, cycle.name, cycle.start, cycle.end, cycle.state, cycle.check_in), strict=True)
    )


def _objective_cells(objective: Objective) -> dict[str, Any]:
    return {
        "objective": objective.key,
        "objective_owner": objective.owner,
        **{
            name: getattr(objective, name)
            for name in _OBJECTIVE
            if name not in {"objective", "objective_owner"}
        },
    }


def _key_result_cells(kr: KeyResult) -> dict[str, Any]:
    band, baseline = kr.band, kr.baseline
    return {
        "key_result": kr.key,
        "statement": kr.statement,
        "owner": kr.owner,
        "type": kr.kr_type,
        "nature": kr.nature,
        "metric": kr.metric,
        "segment": _pairs_text(kr.segment),
        "segment_mode": kr.segment_mode,
        "grain": kr.grain,
        "baseline": baseline and baseline.value,
        "baseline_as_of": baseline and baseline.as_of,
        "baseline_set_by": baseline and baseline.set_by,
        "target": kr.target if kr.spec == "absolute" else kr.spec_value,
        "target_spec": kr.spec,
        "stretch": kr.stretch,
        "commit": kr.commit,
        "comparison": kr.comparison,
        "band_low": band and band.low,
        "band_high": band and band.high,
        "band_floor": band and band.floor,
        "band_ceiling": band and band.ceiling,
        "score_method": kr.score_method,
        "unit": kr.unit,
        "weight": kr.weight,
        "due": kr.due,
        "curve": kr.curve.kind,
        "curve_points": _pairs_text(tuple((day.isoformat(), repr(value)) for day, value in kr.curve.points)),
        "milestones": _json(
            [{"name": m.name, "weight": m.weight, "due": m.due, "done_on": m.done_on} for m in kr.milestones]
        ),
        "done_on": kr.done_on,
        "confidence": kr.confidence,
        "leading": kr.is_leading,
        "status": kr.status,
        "revisions": _json(
            [
                {"on": r.on, "by": r.by, "field": r.field, "was": r.was, "now": r.now, "why": r.why}
                for r in kr.revisions
            ]
        ),
    }


def _standing_cells(score: KeyResultScoreRow | None) -> dict[str, Any]:
    if score is None:
        return dict.fromkeys(_STANDING)
    values = (
        score.as_of_date,
        score.current_value,
        score.ratio_raw,
        score.progress_raw,
        score.score,
        score.score_method,
        score.score_band,
        score.published_status,
    )
    return dict(zip(_STANDING, values, strict=True))


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value)
    return f"'{text}" if name not in _NUMBERS and text.startswith(_STARTS_A_FORMULA) else text


def _pairs_text(pairs: Sequence[tuple[str, str]]) -> str:
    return json.dumps(dict(pairs), ensure_ascii=False) if pairs else ""


def _json(items: Sequence[Mapping[str, Any]]) -> str:
    if not items:
        return ""
    known = [{name: value for name, value in item.items() if value is not None} for item in items]
    return json.dumps(known, ensure_ascii=False, default=str)


# ── back ────────────────────────────────────────────────────────────────────────────────────────────────────


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
    return {to: row[name] for name, to in names.items() if row.get(name)}


def _objective_of(row: Mapping[str, str]) -> dict[str, Any]:
    renamed = {"objective": "key", "objective_owner": "owner"}
    found: dict[str, Any] = {renamed.get(name, name): row[name] for name in _OBJECTIVE if row.get(name)}
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
    for name in ("milestones", "revisions"):
        if row.get(name):
            found[name] = _list(name, row[name])
    return found


def _plain(text: str) -> str:
    text = text.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(_STARTS_A_FORMULA) else text


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
