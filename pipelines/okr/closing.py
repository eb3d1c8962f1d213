"""Closing a cycle: what becomes final, which baselines the next cycle gets, and what is asked about each goal.

    plan = plan_close(catalogue, "2026-Q3", values, as_of=today)
    close_files(catalogue.root, plan)             # edits the YAML, comments and order kept; or nothing

The dictionary stays the one place where goals are written: closing sets `state: closed` and writes baselines with
`set_by: system` into the next cycle's file, where a review sees them. The next publication then freezes the scores.
Closing again changes nothing. Source: scoring rules, "Cycle".
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from definitions.loading import load_texts, read_folder
from definitions.model import Catalogue, Cycle, KeyResult, Metric
from pipelines.okr.assemble import score_cycle
from pipelines.okr.readings import grain_of
from pipelines.okr.series import SeriesBook
from pipelines.okr.yaml_edits import Edit, edited, set_value, write_whole
from pipelines.publishing.records import KeyResultScoreRow
from pipelines.scoring.checkin import CheckIn
from pipelines.scoring.cycle import (
    SYSTEM,
    Answer,
    BaselineDecision,
    GoalNumbers,
    MeasuredPeriod,
    RecordedBaseline,
    next_baseline,
)


class CloseError(ValueError):
    """A cycle that cannot be closed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class PlannedBaseline:
    """What closing does about the baseline of one key result of the next cycle."""

    key_result: str
    metric: str
    decision: BaselineDecision


@dataclass(frozen=True, slots=True)
class ClosingQuestion:
    """Keep, modify or abandon: asked about every key result, with how it ended."""

    key_result: str
    statement: str
    owner: str
    result: KeyResultScoreRow
    answers: tuple[Answer, ...] = tuple(Answer)


@dataclass(frozen=True, slots=True)
class ClosePlan:
    """Everything closing a cycle will do.

    Attributes:
        next_cycle: the cycle that gets baselines; None where none follows yet.
        results: final scores, as the next publication will freeze them.
    """

    cycle: str
    next_cycle: str | None
    baselines: tuple[PlannedBaseline, ...]
    questions: tuple[ClosingQuestion, ...]
    results: tuple[KeyResultScoreRow, ...]


def plan_close(
    catalogue: Catalogue,
    key: str,
    values: pa.Table,
    today: date,
    *,
    check_ins: Collection[CheckIn] = (),
    agreed: Mapping[str, GoalNumbers] | None = None,
    failed: Collection[tuple[str, date]] = (),
) -> ClosePlan:
    """Decide what closing a cycle does, without doing it.

    `values` are those of the last good run, so that nothing that was held back becomes a baseline; `failed` names
    (metric, first day) of further periods whose checks failed.

    Raises:
        CloseError: there is no such cycle, it is a draft, or it is not over.
    """
    cycle = cycle_of(catalogue, key)
    if cycle.state == "draft":
        raise CloseError(f"cycle {key} is a draft; open it first, or delete its file")
    if today <= cycle.end:
        raise CloseError(f"cycle {key} runs until {cycle.end}; close it after that day")
    closed = replace(cycle, state="closed")
    final = score_cycle(catalogue, closed, values, cycle.end, check_ins=check_ins, agreed=agreed)
    by_key = {row.key_result_key: row for row in final.key_results}
    following = _following(catalogue, cycle)
    return ClosePlan(
        cycle=key,
        next_cycle=None if following is None else following.key,
        baselines=_baselines(catalogue, cycle, following, values, set(failed)) if following else (),
        questions=tuple(
            ClosingQuestion(kr.key, kr.statement, kr.owner, by_key[kr.key])
            for objective in cycle.objectives
            for kr in objective.key_results
            if kr.status == "active" and objective.lifecycle == "active"
        ),
        results=final.key_results,
    )


def close_files(
    folder: Path,
    plan: ClosePlan,
    answers: Mapping[str, Answer] | None = None,
    drafted: tuple[str, str] | None = None,
) -> tuple[Path, ...]:
    """Edit the cycle's file and the next one's; returns the files that changed, none the second time.

    `answers` become the closing note of their objective where it has none; `drafted` is a further file (its path
    within the dictionary, its text), written along.

    Raises:
        CatalogueError: the dictionary would not load afterwards; nothing was written.
        CloseError: a key result or a file is not where the dictionary says.
    """
    texts = {name: content.decode("utf-8") for name, content in read_folder(folder).items()}
    changed: dict[str, str] = {}
    for name, text, document in _cycle_files(texts):
        head = _child(document, "cycle")
        key = _scalar(_child(head, "key"))
        edits: list[Edit] = []
        if key == plan.cycle and _scalar(_child(head, "state")) != "closed":
            edits.append(set_value(text, head, "state", "closed"))
            edits += _note_edits(text, document, answers or {})
        if key == plan.next_cycle:
            edits += _baseline_edits(text, document, plan)
        if edits:
            changed[name] = edited(text, edits)
    if drafted is not None and changed:
        if drafted[0] in texts:
            raise CloseError(f"{folder / drafted[0]} is there already; give the next cycle another key")
        changed[drafted[0]] = drafted[1]
    return _written(folder, texts, changed)


def open_files(catalogue: Catalogue, key: str) -> tuple[Path, ...]:
    """Set a draft's state to open in its file; returns the files that changed, none the second time.

    Raises:
        CatalogueError: the dictionary would not load afterwards; nothing was written.
        CloseError: there is no such cycle, or it is closed.
    """
    cycle = cycle_of(catalogue, key)
    if cycle.state == "closed":
        raise CloseError(f"cycle {key} is closed; what is final stays final")
    texts = {name: content.decode("utf-8") for name, content in read_folder(catalogue.root).items()}
    changed: dict[str, str] = {}
    for name, text, document in _cycle_files(texts):
        head = _child(document, "cycle")
        is_open = cycle.state == "open"
        if _scalar(_child(head, "key")) == key and not is_open:
            changed[name] = edited(text, [set_value(text, head, "state", "open")])
    return _written(catalogue.root, texts, changed)


# ── baselines ───────────────────────────────────────────────────────────────────────────────────────────────


def _baselines(
    catalogue: Catalogue, cycle: Cycle, following: Cycle, values: pa.Table, failed: set[tuple[str, date]]
) -> tuple[PlannedBaseline, ...]:
    wanted = [
        (kr, catalogue.metrics[kr.metric])
        for objective in following.objectives
        for kr in objective.key_results
        if kr.metric is not None and kr.kr_type in {"increase", "decrease", "baseline"}
    ]
    book = SeriesBook(values, {metric.name for _, metric in wanted})
    return tuple(
        PlannedBaseline(kr.key, metric.name, _decide(catalogue, kr, metric, book, cycle, failed))
        for kr, metric in wanted
    )


def _decide(
    catalogue: Catalogue,
    kr: KeyResult,
    metric: Metric,
    book: SeriesBook,
    cycle: Cycle,
    failed: set[tuple[str, date]],
) -> BaselineDecision:
    periods = [
        MeasuredPeriod(row.end, row.value, row.is_final, (metric.name, row.start) not in failed)
        for row in book.of(metric.name, grain_of(kr, metric, book), kr.segment)
    ]
    existing = None
    if kr.baseline is not None:
        existing = RecordedBaseline(kr.baseline.value, kr.baseline.as_of, kr.baseline.set_by or "a person")
    return next_baseline(periods, cycle.end, existing, catalogue.settings.scoring)


def _following(catalogue: Catalogue, cycle: Cycle) -> Cycle | None:
    """The cycle that starts next after this one ends."""
    later = [other for other in catalogue.cycles if other.start > cycle.end and other.state != "closed"]
    return min(later, key=lambda other: (other.start, other.key), default=None)


def cycle_of(catalogue: Catalogue, key: str) -> Cycle:
    """The cycle of this key, or a refusal that names those there are."""
    for cycle in catalogue.cycles:
        if cycle.key == key:
            return cycle
    known = ", ".join(cycle.key for cycle in catalogue.cycles) or "none"
    raise CloseError(f"there is no cycle {key!r}; there are: {known}")


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────


def _cycle_files(texts: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
    """(path, text, YAML nodes) of every file of a cycle."""
    for name, text in sorted(texts.items()):
        if name.startswith("objectives/"):
            yield name, text, yaml.compose(text, Loader=yaml.SafeLoader)


def _written(folder: Path, texts: Mapping[str, str], changed: Mapping[str, str]) -> tuple[Path, ...]:
    """Load what the dictionary would be, then write what changed."""
    if changed:
        load_texts({**texts, **changed}, root=folder)
    return tuple(write_whole(folder / name, content) for name, content in sorted(changed.items()))


def _note_edits(text: str, document: Any, answers: Mapping[str, Answer]) -> list[Edit]:
    """What was decided about an objective's key results, as its closing note, where nobody wrote one."""
    edits = []
    for objective in _items(document, "objectives"):
        keys = [_scalar(_child(kr, "key")) or "" for kr in _items(objective, "key_results")]
        told = "; ".join(f"{answers[key]} {key}" for key in keys if key in answers)
        if told and _child(objective, "closing_note") is None:
            edits.append(set_value(text, objective, "closing_note", json.dumps(f"Decided at close: {told}.")))
    return edits


def _baseline_edits(text: str, document: Any, plan: ClosePlan) -> list[Edit]:
    nodes = {
        _scalar(_child(kr, "key")): kr
        for objective in _items(document, "objectives")
        for kr in _items(objective, "key_results")
    }
    edits = []
    for planned in plan.baselines:
        decision = planned.decision
        if not decision.is_written or decision.value is None:
            continue
        node = nodes.get(planned.key_result)
        if node is None:
            raise CloseError(f"the file of cycle {plan.next_cycle} has no key result {planned.key_result!r}")
        value = f"{{value: {plain(decision.value)}, as_of: {decision.as_of}, set_by: {SYSTEM}}}"
        edits.append(set_value(text, node, "baseline", value))
    return edits


def _items(node: Any, key: str) -> list[Any]:
    found = _child(node, key)
    return list(found.value) if isinstance(found, yaml.SequenceNode) else []


def _child(node: Any, key: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _scalar(node: Any) -> str | None:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def plain(value: Decimal) -> str:
    """A number as people write it."""
    return f"{value.normalize():f}"
