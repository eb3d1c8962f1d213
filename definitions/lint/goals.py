"""Rules for objectives and key results: qualitative aims, measurable outcomes, few of each.

Source: definition lint, 'Warnings'.
"""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal

from definitions.lint.finding import Found, Rule, Severity, Subject, about
from definitions.lint.numbers import AMOUNT, Amount
from definitions.lint.statements import Form
from definitions.model import KeyResult, Metric

_NUMERIC = ("increase", "decrease")
_TASKS = frozenset(
    (
        "launch",
        "build",
        "implement",
        "create",
        "develop",
        "design",
        "deploy",
        "ship",
        "release",
        "deliver",
        "complete",
        "finish",
        "hire",
        "migrate",
        "write",
        "publish",
        "introduce",
        "install",
        "organise",
        "organize",
        "run",
        "hold",
        "start",
        "set",
        "redesign",
        "refactor",
        "document",
        "draft",
        "prepare",
        "plan",
        "conduct",
        "onboard",
        "integrate",
        "roll",
        "add",
        "make",
        "produce",
    )
)
_OUTPUTS = re.compile(
    r"^(?:launch|build|ship|release|deliver|publish|write|add|create|produce|hold|run|host|organi[sz]e|make|send|"
    r"complete|finish|close|implement|deploy|hire|conduct)\s+(?:\w+\s+){0,2}?(?P<count>\d[\d,]*)\s+"
    r"(?:[\w-]+\s+){0,3}?(?P<what>features?|posts?|articles?|webinars?|campaigns?|releases?|e-?mails?|tickets?|stories|"
    r"story|bugs?|tasks?|pages?|videos?|events?|workshops?|trainings?|experiments?|tests?|interviews?|reports?|"
    r"docs?|documents?|integrations?|people|engineers?|calls?|newsletters?|case studies|services?|projects?|"
    r"dashboards?|components?|prototypes?|surveys?)\b",
    re.IGNORECASE,
)
_PERIOD = re.compile(r"\b(?:20\d{2}(?:-Q[1-4]|-\d{2})?|Q[1-4]|H[12])\b")
_FIRST_WORD = re.compile(r"[A-Za-z]+")


def _kr_from_to(subject: Subject) -> Found:
    for _, _, kr in subject.key_results:
        if kr.kr_type not in _NUMERIC:
            continue
        said = subject.statements[kr.key]
        if said is None:
            yield about(kr), f"the statement {kr.statement!r} does not say verb, metric, from, to, by when"
            continue
        lacks = [
            name
            for name, given in (
                ("from", said.start is not None),
                ("to", said.end is not None),
                ("by when", said.due is not None or kr.due is not None),
            )
            if not given
        ]
        if lacks:
            yield about(kr), f"the statement {kr.statement!r} does not say {_and(lacks)}"


def _kr_numbers(subject: Subject) -> Found:
    for cycle, _, kr in subject.key_results:
        said = subject.statements[kr.key]
        metric = subject.catalogue.metrics.get(kr.metric or "")
        if said is None or metric is None or said.form not in (Form.FROM_TO, Form.REACH, Form.KEEP):
            continue
        baseline = kr.baseline.value if kr.baseline else None
        written = [("from", said.start, baseline)] if said.form is Form.FROM_TO else []
        if not (said.form is Form.KEEP and said.start is not None):
            written.append(("to", said.end, kr.target))
        for name, amount, meant in written:
            if amount is None or meant is None:
                continue
            value = amount.in_unit(metric.unit_family, metric.unit)
            if value is None:
                yield about(kr), f"the statement says {amount.text!r}, and {metric.name} is in {metric.unit}"
            elif abs(value - Decimal(repr(meant))) > _slack(amount, metric):
                yield (
                    about(kr),
                    f"the statement says {name} {amount.text}, the definition {name} {meant:g} {metric.unit}",
                )
        if said.due is not None and said.due != (kr.due or cycle.end):
            yield about(kr), f"the statement ends on {said.due}, the definition on {kr.due or cycle.end}"


def _slack(amount: Amount, metric: Metric) -> Decimal:
    """Half of the last written digit, and what floating point loses on the way."""
    return amount.tolerance(metric.unit_family, metric.unit) * Decimal("1.000001") + Decimal("1e-9")


def _relative_target(subject: Subject) -> Found:
    for _, _, kr in subject.key_results:
        said, metric = subject.statements[kr.key], subject.catalogue.metrics.get(kr.metric or "")
        if said is None or said.form is not Form.BY or metric is None or metric.unit_family != "ratio":
            continue
        if said.change is not None and said.change.unit == "percent" and kr.spec == "absolute":
            yield (
                about(kr),
                f"{said.change.text} of {metric.name}, a ratio, may be percent of it or percentage points",
            )


def _kr_unit(subject: Subject) -> Found:
    for _, _, kr in subject.key_results:
        metric = subject.catalogue.metrics.get(kr.metric or "")
        if metric is not None and kr.unit is not None and kr.unit != metric.unit:
            yield about(kr), f"the key result is in {kr.unit}, its metric {metric.name} in {metric.unit}"


def _obj_qualitative(subject: Subject) -> Found:
    for _, objective in subject.objectives:
        rest = _PERIOD.sub("", objective.title)
        number = AMOUNT.search(rest) or re.search(r"\d+|[%$€£]", rest)
        if number is not None:
            yield (
                about(objective),
                f"the objective {objective.title!r} holds the number {number[0].strip()!r}",
            )


def _obj_output_verb(subject: Subject) -> Found:
    for _, objective in subject.objectives:
        verb = _verb(objective.title)
        if verb in _TASKS:
            yield about(objective), f"the objective {objective.title!r} begins with an output verb ({verb})"


def _kr_is_task(subject: Subject) -> Found:
    for _, _, kr in subject.key_results:
        verb = _verb(kr.statement)
        if kr.kr_type == "milestone" or _OUTPUTS.search(kr.statement) or verb not in _TASKS:
            continue
        said = subject.statements[kr.key]
        if verb == "ship" and re.match(r"ship to \d", kr.statement, re.IGNORECASE):
            continue
        if said is None or said.form is not Form.FROM_TO:
            yield about(kr), f"the key result {kr.statement!r} is a task ({verb}), not an outcome"


def _kr_output_count(subject: Subject) -> Found:
    for _, _, kr in subject.key_results:
        match = _OUTPUTS.search(kr.statement)
        if match is not None:
            yield (
                about(kr),
                f"the key result {kr.statement!r} counts output ({match['count']} {match['what']})",
            )


def _kr_all_lagging(subject: Subject) -> Found:
    for _, objective in subject.objectives:
        outcomes = [kr for kr in objective.key_results if kr.nature == "outcome" and kr.status == "active"]
        if outcomes and not any(_leads(subject, kr) for kr in outcomes):
            yield (
                about(objective),
                f"all {len(outcomes)} outcome key results of {objective.key!r} are lagging",
            )


def _leads(subject: Subject, kr: KeyResult) -> bool:
    metric = subject.catalogue.metrics.get(kr.metric or "")
    return kr.is_leading or (metric is not None and metric.indicator == "leading")


def _obj_count(subject: Subject) -> Found:
    fewest, most = subject.settings.objectives_min, subject.settings.objectives_max
    for cycle in subject.catalogue.cycles:
        counts: defaultdict[str, int] = defaultdict(int)
        for _, objective in subject.objectives:
            counts[objective.team] += objective.cycle == cycle.key
        for team, count in sorted(counts.items()):
            if count > most:
                yield about(cycle), f"{team} has {count} objectives in {cycle.key}; at most {most}"
        total = sum(counts.values())
        if cycle.state != "closed" and 0 < total < fewest:
            few = f"{cycle.key} has {total} objective{'s' * (total > 1)}; {fewest} to {most} are usual"
            yield about(cycle), few, Severity.NOTE


def _kr_count(subject: Subject) -> Found:
    fewest, most = subject.settings.key_results_min, subject.settings.key_results_max
    for _, objective in subject.objectives:
        count = sum(kr.status == "active" for kr in objective.key_results)
        if not fewest <= count <= most:
            yield (
                about(objective),
                f"{objective.key!r} has {count} key results; {fewest} to {most} say it best",
            )


def _kr_share(subject: Subject) -> Found:
    under = {kr.metric for _, _, kr in subject.key_results if kr.metric}
    for key, team in subject.catalogue.teams.items():
        own = [m.name for m in subject.active if m.owner.team == key]
        improving = [name for name in own if name in under]
        if len(own) > 1 and len(improving) > subject.settings.key_result_share * len(own):
            yield (
                about(team),
                f"{len(improving)} of {key}'s {len(own)} metrics are under a key result ({', '.join(improving)})",
            )


def _retro_edit(subject: Subject) -> Found:
    for cycle, _, kr in subject.key_results:
        for revision in kr.revisions:
            if revision.on > cycle.start:
                yield (
                    about(kr),
                    f"{revision.field} went from {_shown(revision.was)} to {_shown(revision.now)} on {revision.on}, "
                    f"inside {cycle.key} (by {revision.by}: {revision.why})",
                )


def _static_target(subject: Subject) -> Found:
    longest = subject.settings.static_target_quarters
    runs: dict[tuple[str, object, str], list[tuple[object, object, float]]] = {}
    for target in subject.catalogue.targets:
        if target.target is None:
            continue
        runs.setdefault((target.metric, target.segment, target.grain), []).append(
            (target.period_start, target.period_end, target.target)
        )
    for (name, segment, _), periods in sorted(runs.items(), key=str):
        metric = subject.catalogue.metrics[name]
        first = periods[0]
        worst = 0
        since = first
        for period in periods:
            if period[2] != since[2]:
                since = period
            days = (period[1] - since[0]).days + 1  # type: ignore[operator]
            worst = max(worst, days)
        if worst > longest * 92:
            of = "".join(f", {key} {value}" for key, value in segment)  # type: ignore[attr-defined]
            yield about(metric), f"the target of {name}{of} stays the same for {worst} days"


def _verb(text: str) -> str:
    word = _FIRST_WORD.match(text.strip())
    return word[0].lower() if word else ""


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _shown(value: float | None) -> str:
    return "nothing" if value is None else f"{value:g}"


RULES: tuple[Rule, ...] = (
    Rule(
        "RELATIVE_TARGET_AMBIGUOUS",
        Severity.ERROR,
        "A relative target of a ratio says points or percent",
        "A conversion of 20 % that grows by 5 % is 21 %, or 25 %: two people will read two goals.",
        "Write relative_pct or delta_points as the target, and percent or points in the statement.",
        _relative_target,
    ),
    Rule(
        "UNIT_MISMATCH",
        Severity.ERROR,
        "A key result has the unit of its metric",
        "A number without its unit is no number; two units for one value hide an error of a factor.",
        "Drop the unit, or give the metric's own.",
        _kr_unit,
    ),
    Rule(
        "KR_FROM_TO",
        Severity.WARNING,
        "A key result says verb, metric, from, to, by when",
        "Whoever reads only the statement must know where we start, where we want to be, and until when.",
        "Write: <verb> <metric> from <n> to <n> by <date or quarter>.",
        _kr_from_to,
    ),
    Rule(
        "KR_STATEMENT_DIFFERS",
        Severity.WARNING,
        "The statement says the same numbers as the definition",
        "People read the statement, the score follows the definition; where they differ, one of them misleads.",
        "Change the statement or the definition, so that both say the same.",
        _kr_numbers,
    ),
    Rule(
        "OBJ_QUALITATIVE",
        Severity.WARNING,
        "An objective holds no number",
        "An objective says what we want to be true and moves people; the numbers are its key results.",
        "Say the aim in words, and put the number into a key result.",
        _obj_qualitative,
    ),
    Rule(
        "OBJ_OUTPUT_VERB",
        Severity.WARNING,
        "An objective is an aim, not an output",
        "Shipping something is a bet on a change; the change is the aim, and the bet may be replaced.",
        "Say what will be different for whom once it is shipped.",
        _obj_output_verb,
    ),
    Rule(
        "KR_IS_TASK",
        Severity.WARNING,
        "A key result is an outcome, not a task",
        "A finished task proves that we were busy, not that anything became better.",
        "Name the metric that the task should move; keep the task in the tracker, or use milestones.",
        _kr_is_task,
    ),
    Rule(
        "KR_OUTPUT_COUNT",
        Severity.WARNING,
        "A key result does not count output",
        "A count of things made can be reached without any effect, and will be.",
        "Measure what the output should cause.",
        _kr_output_count,
    ),
    Rule(
        "KR_ALL_LAGGING",
        Severity.WARNING,
        "An objective has a leading key result",
        "Lagging indicators tell the outcome after the quarter is over; a leading one can still be acted on.",
        "Add a key result on a leading metric, or mark the one that leads with leading: true.",
        _kr_all_lagging,
    ),
    Rule(
        "OBJ_COUNT",
        Severity.WARNING,
        "A cycle has three to five objectives, a team at most five",
        "Focus beats breadth; fewer than three (a note) may mean that somebody was not asked.",
        "Close, merge or postpone objectives; ask the teams that have none.",
        _obj_count,
        ("lint.objectives_min", "lint.objectives_max"),
    ),
    Rule(
        "KR_COUNT",
        Severity.WARNING,
        "An objective has three to five key results",
        "One or two leave room to game them, more than five are no focus.",
        "Add what is missing, or keep the ones that decide.",
        _kr_count,
        ("lint.key_results_min", "lint.key_results_max"),
    ),
    Rule(
        "KR_SHARE",
        Severity.WARNING,
        "Most metrics of a team are for maintenance",
        "A team that improves over half of its metrics at once improves none; the rest needs watching.",
        "Choose the few metrics that matter most this quarter.",
        _kr_share,
        ("lint.key_result_share",),
    ),
    Rule(
        "STATIC_TARGET",
        Severity.WARNING,
        "Targets are looked at each quarter",
        "A target that stays the same for over two quarters is either reached or ignored.",
        "Set the next quarter's target anew, or say why it stays by silencing the rule here.",
        _static_target,
        ("lint.static_target_quarters",),
    ),
    Rule(
        "RETRO_EDIT",
        Severity.WARNING,
        "Targets and baselines do not change inside the cycle",
        "A goal that moves toward the result says nothing; the change is kept and shown to everybody.",
        "Let the cycle end with what was agreed, and set the next one anew.",
        _retro_edit,
    ),
)
