"""Rules for the choice of KPIs: how many, which functions and perspectives, agreed and linked, no vanity.

Source: definition lint, 'Errors' (past draft) and 'Warnings'.
"""

from __future__ import annotations

import re

from definitions.calendars import add_span
from definitions.lint.finding import Found, Rule, Severity, Subject, about
from definitions.model import Aggregation, Cumulative, Direction, Grain, Measure, Metric, Span
from definitions.references import operands

_PERSPECTIVES = ("financial", "customer", "internal_process", "learning_growth")
_FOLLOWERS = re.compile(
    r"\b(?:followers?|likes|fans|subscribers_total|downloads?|impressions?|registered_users)\b"
)
_VIEWS = re.compile(r"\b(?:page_?views?|visits?|visitors?|sessions?|hits)\b")
_BOUNCE = re.compile(r"\b(?:bounce|engaged|conversion|capture)\w*")


def _past_draft(subject: Subject) -> Found:
    for metric in subject.active:
        lacks = list(metric.undeclared)
        if lacks:
            yield about(metric), f"{metric.name} is past draft and does not say {', '.join(lacks)}"


def _kpi_count_team(subject: Subject) -> Found:
    fewest = subject.settings.team_kpis_min
    for key, team in subject.catalogue.teams.items():
        if team.level == "company" or team.function is None:
            continue
        count = len(subject.kpis[key])
        if count and not fewest <= count <= team.kpi_limit:
            yield about(team), f"{key} has {count} KPIs; {fewest} to {team.kpi_limit} can be kept in mind"


def _kpi_count_company(subject: Subject) -> Found:
    fewest, most = subject.settings.company_kpis_min, subject.settings.company_kpis_max
    if subject.company is None:
        return
    count = len(subject.kpis[subject.company.key])
    if not fewest <= count <= most:
        yield (
            about(subject.company),
            f"the company has {count} KPIs; {fewest} to {most} give the whole picture",
        )


def _coverage_function(subject: Subject) -> Found:
    covered = {
        subject.catalogue.teams[m.owner.team].function
        for m in subject.active
        if m.owner.team in subject.catalogue.teams
    }
    for function in subject.settings.functions:
        if function not in covered and subject.company is not None:
            yield about(subject.company), f"no KPI covers {function}"


def _bsc_coverage(subject: Subject) -> Found:
    covered = {m.perspective for m in subject.active if "perspective" not in m.undeclared}
    for perspective in _PERSPECTIVES:
        if perspective not in covered and subject.company is not None:
            yield about(subject.company), f"no KPI belongs to the perspective {perspective}"


def _leading_missing(subject: Subject) -> Found:
    for key, team in subject.catalogue.teams.items():
        kpis = subject.kpis[key]
        if kpis and not any(metric.indicator == "leading" for metric in kpis):
            yield about(team), f"all {len(kpis)} KPIs of {key} are lagging"


def _level_skip(subject: Subject) -> Found:
    for metric in subject.active:
        if metric.level != "north_star" or metric.drivers is None:
            continue
        for name in metric.drivers.inputs:
            child = subject.catalogue.metrics.get(name)
            if child is not None and child.level == "operational":
                yield about(metric), f"the north star {metric.name} rests on {name}, which is operational"


def _kpi_unlinked(subject: Subject) -> Found:
    children = {
        name for m in subject.catalogue.metrics.values() if m.drivers is not None for name in m.drivers.inputs
    }
    wanted = {kr.metric for _, _, kr in subject.key_results}
    for metric in subject.active:
        linked = (
            metric.name in children
            or metric.name in wanted
            or metric.drives
            or metric.drivers is not None
            or metric.level == "north_star"
            or "perspective" not in metric.undeclared
        )
        if not linked:
            yield about(metric), f"{metric.name} has no parent, no objective and no perspective"


def _no_target(subject: Subject) -> Found:
    targeted = {target.metric for target in subject.catalogue.targets}
    for metric in subject.chosen.values():
        if metric.is_actionable and metric.direction is not Direction.WITHIN and metric.name not in targeted:
            yield about(metric), f"{metric.name} is a KPI without a target"


def _no_guardrail(subject: Subject) -> Found:
    pushed = {kr.metric for _, _, kr in subject.key_results if kr.kr_type in ("increase", "decrease")}
    for metric in subject.active:
        if metric.name in pushed and not metric.guardrails and metric.direction is not Direction.WITHIN:
            yield (
                about(metric),
                f"{metric.name} is pushed by a key result and nothing guards what it could cost",
            )


def _vanity(subject: Subject) -> Found:
    names = " ".join(f"{m.name} {m.label}" for m in subject.active).lower()
    for metric in subject.chosen.values():
        words = f"{metric.name} {metric.label}".lower()
        if metric.is_vanity:
            yield about(metric), f"{metric.name} is marked as vanity and used as a KPI"
        elif isinstance(metric.formula, Cumulative) and not _has_rate(subject, metric, metric.formula):
            yield (
                about(metric),
                f"{metric.name} is a running total that can only grow, without a rate beside it",
            )
        elif _FOLLOWERS.search(words):
            yield about(metric), f"{metric.name} counts attention, which no decision follows from"
        elif _VIEWS.search(words) and not _BOUNCE.search(names):
            yield about(metric), f"{metric.name} counts visits without a bounce metric beside it"


def _has_rate(subject: Subject, total: Metric, formula: Cumulative) -> bool:
    """Whether what is summed up starts anew at times, or another metric counts the same thing per period."""
    if formula.window is not None or formula.grain_to_date is not None:
        return True
    if not isinstance(formula.input, Measure):
        base = subject.catalogue.metrics.get(formula.input.metric)
        return base is not None and base in subject.active
    same = (formula.input.source, formula.input.agg)
    return any(
        isinstance(part, Measure) and (part.source, part.agg) == same and part.agg is not Aggregation.MAX
        for metric in subject.active
        if metric is not total
        for _, part in operands(metric)
    )


def _stale(subject: Subject) -> Found:
    span = Span(subject.settings.stale_quarters, Grain.QUARTER)
    for metric in subject.active:
        owner = subject.catalogue.people.get(metric.owner.accountable)
        if owner is not None and not owner.active:
            yield about(metric), f"{owner.key}, who answers for {metric.name}, is gone"
        reviewed = max(
            (
                day
                for day in (metric.reviewed_on, subject.facts.reviewed_on.get(metric.name))
                if day is not None
            ),
            default=None,
        )
        if reviewed is not None and add_span(reviewed, span) < subject.today:
            yield about(metric), f"{metric.name} was last reviewed on {reviewed}"
        if subject.facts.readers is not None and not subject.facts.readers.get(metric.name):
            yield about(metric), f"nobody reads {metric.name}"


RULES: tuple[Rule, ...] = (
    Rule(
        "PAST_DRAFT_INCOMPLETE",
        Severity.ERROR,
        "A metric past draft has every agreement",
        "What nobody wrote down, everybody assumes differently: cadence, level, perspective, leading or lagging, "
        "calendar, and what a gap means.",
        "Write the missing keys, or set status: draft.",
        _past_draft,
    ),
    Rule(
        "KPI_COUNT_TEAM",
        Severity.WARNING,
        "A team steers by five to seven KPIs",
        "Nobody acts on twenty numbers; the others are diagnostics, one click away.",
        "List the team's KPIs in teams.yml (kpis: [...]).",
        _kpi_count_team,
        ("lint.team_kpis_min",),
    ),
    Rule(
        "KPI_COUNT_COMPANY",
        Severity.WARNING,
        "The company has ten to fifteen KPIs",
        "Fewer leave blind spots, more leave nobody an overview.",
        "List the company's KPIs in teams.yml (kpis: [...] of the team of level company).",
        _kpi_count_company,
        ("lint.company_kpis_min", "lint.company_kpis_max"),
    ),
    Rule(
        "COVERAGE_FUNCTION",
        Severity.WARNING,
        "Every function has a KPI",
        "A function without a number is managed by the loudest voice.",
        "Add a metric owned by a team of that function, or change lint.functions.",
        _coverage_function,
        ("lint.functions",),
    ),
    Rule(
        "BSC_COVERAGE",
        Severity.WARNING,
        "Every perspective of the balanced scorecard has a KPI",
        "Money can be earned for a while at the cost of customers, processes or people; four views show it.",
        "Add a metric with that perspective.",
        _bsc_coverage,
    ),
    Rule(
        "LEADING_MISSING",
        Severity.WARNING,
        "A team has a leading KPI",
        "With lagging KPIs alone one learns of trouble when it is over.",
        "Add a metric that moves earlier, with indicator: leading.",
        _leading_missing,
    ),
    Rule(
        "LEVEL_SKIP",
        Severity.WARNING,
        "A driver tree does not skip a level",
        "From the north star one should reach operations through what supports it, else the why is missing.",
        "Put a supporting metric between, or raise the level of the input.",
        _level_skip,
    ),
    Rule(
        "KPI_UNLINKED",
        Severity.WARNING,
        "A KPI is linked to a parent, an objective or a perspective",
        "A number that belongs to nothing is looked at by nobody.",
        "Name the metric it drives, or its perspective.",
        _kpi_unlinked,
    ),
    Rule(
        "NO_TARGET",
        Severity.WARNING,
        "A KPI has a target",
        "Without a target there is no status, and no red.",
        "Add it to targets/.",
        _no_target,
    ),
    Rule(
        "NO_GUARDRAIL",
        Severity.WARNING,
        "A metric that is pushed has a guardrail",
        "Any single number can be improved at the cost of another one; pairs balance each other.",
        "Add guardrails: [the metric that would suffer].",
        _no_guardrail,
    ),
    Rule(
        "VANITY_AS_KPI",
        Severity.WARNING,
        "A KPI is no vanity metric",
        "Totals that only grow and counts of attention feel good and decide nothing.",
        "Use a rate, or set level: operational.",
        _vanity,
    ),
    Rule(
        "STALE_METRIC",
        Severity.WARNING,
        "A metric is reviewed, read and owned",
        "Definitions rot in silence: systems change, people leave, nobody looks.",
        "Review it and set reviewed_on, hand it to a new owner, or deprecate it.",
        _stale,
        ("lint.stale_quarters",),
    ),
)
