"""A draft of the next cycle's file: what is kept or to be modified, from where this cycle ended.

    text = draft_next_cycle(catalogue, plan, answers, key="2026-Q4", name="Q4 2026", start=..., end=...)

What a person has to decide is marked with `# decide`. Source: scoring rules, "Cycle" (keep, modify, abandon).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

import yaml

from definitions.model import Catalogue, KeyResult
from pipelines.okr.closing import ClosePlan, cycle_of, plain
from pipelines.publishing.records import KeyResultScoreRow
from pipelines.scoring.cycle import SYSTEM, Answer


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
    cycle = cycle_of(catalogue, plan.cycle)
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


def _key_result_lines(kr: KeyResult, result: KeyResultScoreRow, cycle: str, answer: Answer) -> list[str]:
    known = {
        "key": f"{kr.key}-{cycle.casefold()}",
        "statement": kr.statement,
        "owner": kr.owner,
        "type": kr.kr_type,
        "metric": kr.metric,
        "nature": None if kr.metric else kr.nature,
        "segment": dict(kr.segment) or None,
        "segment_mode": None if kr.segment_mode == "total" else kr.segment_mode,
        "grain": kr.grain,
        "comparison": kr.comparison,
        "band": kr.band and {name: value for name, value in asdict(kr.band).items() if value is not None},
        "score_method": kr.score_method,
        "unit": kr.unit,
        "weight": _short(kr.weight),
        "leading": kr.is_leading,
        "milestones": _milestones(kr) or None,
    }
    ended = "unknown" if result.score is None else f"{result.score:.2f}"
    lines = [f"# it ended at a score of {ended}, {result.published_status}"]
    for line in _lines(known, 0):
        asks = line.startswith(("statement:", "milestones:"))
        lines.append(f"{line}  # decide" if asks else line)
    start = _start(kr, result)
    if start is not None:
        lines.append(
            f"baseline: {{value: {plain(start)}, as_of: {result.value_as_of_date}, set_by: {SYSTEM}}}"
        )
    if kr.target is not None:
        goal, is_reached = _next_target(kr, start)
        asks = answer is Answer.MODIFY or is_reached
        lines.append(f"target: {plain(goal)}" + ("  # decide" if asks else ""))
    return lines


def _milestones(kr: KeyResult) -> list[dict[str, Any]]:
    """The steps that are left; all of them, to be thought over, where none is."""
    left = [step for step in kr.milestones if step.done_on is None] or kr.milestones
    return [{"name": step.name, "weight": _short(step.weight)} for step in left]


def _start(kr: KeyResult, result: KeyResultScoreRow) -> Decimal | None:
    """Where the next cycle begins: where this one ended."""
    if kr.kr_type not in {"increase", "decrease"} or result.value_as_of_date is None:
        return None
    return None if result.current_value is None else Decimal(str(result.current_value))


def _next_target(kr: KeyResult, start: Decimal | None) -> tuple[Decimal, bool]:
    """The same target while it lies ahead; else as far again as this cycle wanted to go."""
    goal = Decimal(str(kr.target))
    if start is None or (goal > start if kr.kr_type == "increase" else goal < start):
        return goal, False
    wanted = Decimal(0) if kr.baseline is None else goal - Decimal(str(kr.baseline.value))
    return start + wanted, True


def _lines(values: Mapping[str, Any], indent: int) -> list[str]:
    """One line each, lists and mappings in flow style; what is not known is left out."""
    lines = []
    for name, value in values.items():
        if value is not None:
            is_flow = isinstance(value, dict | list)
            text = yaml.safe_dump(
                value, sort_keys=False, allow_unicode=True, width=100_000, default_flow_style=is_flow
            )
            lines.append(f"{' ' * indent}{name}: {text.removesuffix('...' + chr(10)).strip()}")
    return lines


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


def _short(value: float) -> float | int:
    return int(value) if value.is_integer() else value
