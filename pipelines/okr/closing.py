"""Closing a cycle: what becomes final, which baselines the next cycle gets, and what is asked about each goal.

    plan = plan_close(catalogue, "2026-Q3", values, as_of=today)
    close_files(catalogue.root, plan)             # edits the YAML, comments and order kept; or nothing
    print(draft_next_cycle(catalogue, plan, answers, key="2026-Q4", name="Q4 2026", start=..., end=...))

The dictionary stays the one place where goals are written: closing sets `state: closed` and writes baselines with
`set_by: system` into the next cycle's file, where a review sees them. The next publication then freezes the scores.
Closing again changes nothing. Source: scoring rules, "Cycle".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
    failed: Collection[tuple[str, date]] = (),
) -> ClosePlan:
    """Decide what closing a cycle does, without doing it.

    `failed` names (metric, first day) of periods whose checks failed: they never become a baseline.

    Raises:
        CloseError: there is no such cycle, it is a draft, or it is not over.
    """
    cycle = _cycle(catalogue, key)
    if cycle.state == "draft":
        raise CloseError(f"cycle {key} is a draft; open it first, or delete its file")
    if today <= cycle.end:
        raise CloseError(f"cycle {key} runs until {cycle.end}; close it after that day")
    final = score_cycle(catalogue, _closed(cycle), values, cycle.end, check_ins=check_ins)
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


def close_files(folder: Path, plan: ClosePlan) -> tuple[Path, ...]:
    """Edit the cycle's file and the next one's; returns the files that changed, none the second time.

    Raises:
        CatalogueError: the dictionary would not load afterwards; nothing was written.
        CloseError: a key result is not where the dictionary says.
    """
    texts = {name: content.decode("utf-8") for name, content in read_folder(folder).items()}
    changed: dict[str, str] = {}
    for name, text in texts.items():
        if not name.startswith("objectives/"):
            continue
        document = yaml.compose(text, Loader=yaml.SafeLoader)
        head = _child(document, "cycle")
        key = _scalar(_child(head, "key"))
        edits: list[Edit] = []
        if key == plan.cycle and _scalar(_child(head, "state")) != "closed":
            edits.append(set_value(text, head, "state", "closed"))
        if key == plan.next_cycle:
            edits += _baseline_edits(text, document, plan)
        if edits:
            changed[name] = edited(text, edits)
    if changed:
        load_texts({**texts, **changed}, root=folder)
    return tuple(write_whole(folder / name, content) for name, content in sorted(changed.items()))


def draft_next_cycle(
    catalogue: Catalogue,
    plan: ClosePlan,
    answers: Mapping[str, Answer],
    *,
    key: str,
    name: str,
    start: date,
    end: date,
) -> str:
    """A file for the next cycle to start from: goals that are kept or to be modified, from where they ended.

    Unanswered goals are kept. What a person has to decide is marked with `# decide`.
    """
    cycle = _cycle(catalogue, plan.cycle)
    results = {row.key_result_key: row for row in plan.results}
    lines = [
        "cycle:",
        *_lines({"key": key, "name": name, "start": start, "end": end, "state": "draft"}, 2),
        f"  check_in: {cycle.check_in}",
        "objectives:",
    ]
    for objective in cycle.objectives:
        kept = [
            kr
            for kr in objective.key_results
            if kr.status == "active" and answers.get(kr.key, Answer.KEEP) is not Answer.ABANDON
        ]
        if not kept:
            continue
        head = {
            "key": f"{objective.key}-{key.casefold()}",
            "title": objective.title,
            "team": objective.team,
            "owner": objective.owner,
            "commitment": objective.commitment,
            "perspective": objective.perspective,
        }
        lines += _item(_lines(head, 0), 2)
        lines.append("    key_results:")
        for kr in kept:
            lines += _item(_key_result_lines(kr, results[kr.key], key, answers.get(kr.key, Answer.KEEP)), 6)
    return "\n".join(lines) + "\n"


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


def _cycle(catalogue: Catalogue, key: str) -> Cycle:
    for cycle in catalogue.cycles:
        if cycle.key == key:
            return cycle
    known = ", ".join(cycle.key for cycle in catalogue.cycles) or "none"
    raise CloseError(f"there is no cycle {key!r}; there are: {known}")


def _closed(cycle: Cycle) -> Cycle:
    return replace(cycle, state="closed")


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────


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
        value = f"{{value: {_plain(decision.value)}, as_of: {decision.as_of}, set_by: {SYSTEM}}}"
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


# ── draft ───────────────────────────────────────────────────────────────────────────────────────────────────


def _key_result_lines(kr: KeyResult, result: KeyResultScoreRow, cycle: str, answer: Answer) -> list[str]:
    known = {
        "key": f"{kr.key}-{cycle.casefold()}",
        "statement": kr.statement,
        "owner": kr.owner,
        "type": kr.kr_type,
        "metric": kr.metric,
        "grain": kr.grain,
        "weight": _plain(Decimal(str(kr.weight))),
    }
    ended = "unknown" if result.score is None else f"{result.score:.2f}"
    lines = [f"# it ended at a score of {ended}, {result.published_status}"]
    for line in _lines(known, 0):
        lines.append(f"{line}  # decide: from and to" if line.startswith("statement:") else line)
    if kr.metric is not None and result.current_value is not None and result.value_as_of_date is not None:
        value = _plain(Decimal(str(result.current_value)))
        lines.append(f"baseline: {{value: {value}, as_of: {result.value_as_of_date}, set_by: {SYSTEM}}}")
    if kr.target is not None:
        asks = answer is Answer.MODIFY or result.target_met
        lines.append(f"target: {_plain(Decimal(str(kr.target)))}" + ("  # decide" if asks else ""))
    return lines


def _lines(values: Mapping[str, Any], indent: int) -> list[str]:
    known = {name: value for name, value in values.items() if value is not None}
    text = yaml.safe_dump(known, sort_keys=False, allow_unicode=True, width=1000)
    return [" " * indent + line for line in text.splitlines()]


def _item(lines: list[str], indent: int) -> list[str]:
    """Lines of a mapping as one item of a list; a leading comment stays above it."""
    comments = [line for line in lines if line.startswith("#")]
    rest = [line for line in lines if not line.startswith("#")]
    pad = " " * indent
    return [
        *(pad + line for line in comments),
        f"{pad}- {rest[0]}",
        *(f"{pad}  {line}" for line in rest[1:]),
    ]


def _plain(value: Decimal) -> str:
    """A number as people write it."""
    return f"{value.normalize():f}"
