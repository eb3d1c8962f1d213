"""A company's own catalogue as texts: what a choice from a pack looks like in the files that people then edit.

The texts load without a problem, and the rules of the dictionary find nothing in them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, TypeVar

from definitions.calendars import Period, period_label, period_of
from definitions.model import Calendar, Metric, Source
from definitions.packs.choice import CHIEF, COMPANY, UNIT_SHIPPED, Choice, ChosenTeam, choose
from definitions.packs.pack import MODELS, Pack
from definitions.schema.packs import PackTeam
from definitions.settings import LintSettings
from definitions.writing import metric_data, source_data, to_yaml

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
Item = TypeVar("Item", Metric, Source)
_NO_TARGET_YET = "to be set once there is a quarter of own values"
_SUBJECTS = {
    "customers": "Whether customers stay.",
    "delivery": "How quickly and safely engineering delivers.",
    "drivers": "What joins the driver trees: what a month begins with, what it gains and what it loses.",
    "engineering": "Bugs, incidents and what gets done.",
    "finance": "What is left of revenue, and how long the cash lasts.",
    "funnel": "From lead to deal, and deals with customers.",
    "people": "How people are.",
    "product": "How the product is used, and what brings people to it.",
    "adoption": "Whether people start using the product, and go on.",
    "revenue": "Revenue, its movements, and what customers pay.",
    "sales": "From lead to closed deal.",
    "service": "How tickets flow.",
    "support": "How customers are served and what they say.",
    "unit_economics": "What a customer is worth and costs.",
}


@dataclass(frozen=True, slots=True)
class Company:
    """What a company says about itself.

    Attributes:
        today: the day on which the catalogue begins; targets and the example objective are of its quarter.
        feeds: the system that feeds each neutral table; tables that nothing feeds are absent.
        needs: the neutral tables that staging folds a table from.
        teams: names with the person or role that leads each; empty means the teams of the pack.
        week_start: ISO weekday; fiscal_year_start: month.
    """

    today: date
    feeds: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    teams: tuple[tuple[str, str], ...] = ()
    currency: str = UNIT_SHIPPED
    time_zone: str = "UTC"
    week_start: int = 1
    fiscal_year_start: int = 1
    email_domain: str = "example.com"

    @property
    def calendar(self) -> Calendar:
        """How its days become quarters."""
        return Calendar(
            "company",
            time_zone=self.time_zone,
            week_start=self.week_start,
            fiscal_year_start=self.fiscal_year_start,
        )


def chosen(pack: Pack, company: Company) -> Choice:
    """The metrics, sources and teams that the company begins with."""
    return choose(pack, _teams(pack, company), currency=company.currency, needs=company.needs)


def company_texts(pack: Pack, company: Company) -> dict[str, str]:
    """Every definition file of the company, by relative path; deterministic in what is given."""
    choice = chosen(pack, company)
    quarter = period_of(company.calendar, "quarter", company.today)
    targets = _targets(pack, choice)
    texts: dict[str, str] = {}
    for file, metrics in _by_file(choice.metrics.values()).items():
        texts[f"metrics/{file}.yml"] = _text(
            "metrics", f"{_SUBJECTS.get(file) or pack.about}", {"metrics": _metrics(choice, metrics, targets)}
        )
    for file, sources in _by_file(choice.sources.values()).items():
        listed = [source_data(replace(s, system=_system(choice, s, company.feeds))) for s in sources]
        texts[f"sources/{file}.yml"] = _text(
            "sources", "Tables that metrics are computed from.", {"sources": listed}
        )
    label, until = _quarters(company.calendar, quarter)
    texts[f"targets/{label[:4]}.yml"] = _text(
        "targets",
        "First targets, by common practice: replace them by your own as soon as there are values of yours. What has"
        " none here gets one then; take its `silence` away.",
        {"targets": _target_entries(choice, targets, (label, until))},
    )
    texts[f"objectives/{label}.yml"] = _text(
        "objectives",
        "An example, kept as a draft: nothing here is scored. Write three to five objectives, then open the cycle"
        " (vitals cycle open).",
        _cycle(pack, choice, label, quarter),
    )
    texts["calendars.yml"] = _text(
        "calendars",
        "How days become weeks, months, quarters and years, and which days are no business days.",
        {
            "calendars": [
                {
                    "name": "company",
                    "time_zone": company.time_zone,
                    "week_start": _WEEKDAYS[company.week_start - 1],
                    "fiscal_year_start": _MONTHS[company.fiscal_year_start - 1],
                    "holidays": [],
                }
            ]
        },
    )
    texts["teams.yml"] = _text(
        "teams",
        "Teams with the KPIs they steer by, the people who answer for them, and the channels that reach them. A"
        " channel's url is an Apprise URL by reference (env:NAME or file:PATH).",
        _organisation(pack, choice),
    )
    texts["settings.yml"] = _text(
        "settings", "Thresholds that differ from the product's defaults.", _settings(choice, company)
    )
    return dict(sorted(texts.items()))


# ── teams ───────────────────────────────────────────────────────────────────────────────────────────────────


def _teams(pack: Pack, company: Company) -> tuple[ChosenTeam, ...]:
    """The company, then the teams it named, else those of the pack."""
    proposed = {team.name: team for team in pack.teams}
    named = company.teams or tuple((name, f"head_of_{name}") for name in proposed)
    chief = next((lead for name, lead in named if name == COMPANY), CHIEF)
    found = [_team(PackTeam(name=COMPANY, kpis=pack.company), chief, company.email_domain)]
    for name, lead in named:
        if name != COMPANY:
            known = proposed.get(name, PackTeam(name=name, kpis=()))
            found.append(_team(known, lead, company.email_domain))
    return tuple(found)


def _team(team: PackTeam, lead: str, domain: str) -> ChosenTeam:
    mail = f"{lead.replace('_', '.')}@{domain}"
    return ChosenTeam(team.name, team.title, lead, mail, team.covers, team.kpis)


def _organisation(pack: Pack, choice: Choice) -> dict[str, Any]:
    teams: list[dict[str, Any]] = []
    people: dict[str, dict[str, Any]] = {}
    for team in choice.teams:
        is_company = team.name == COMPANY
        teams.append(
            {
                "name": team.name,
                "label": team.label,
                "lead": team.lead,
                "parent": None if is_company else COMPANY,
                "level": "company" if is_company else "department",
                "function": None if is_company else team.function,
                "kpis": list(team.kpis) or None,
            }
        )
        people.setdefault(
            team.lead,
            {
                "name": team.lead,
                "label": team.lead.replace("_", " ").capitalize(),
                "email": team.email,
                "team": team.name,
            },
        )
    return {"teams": teams, "people": list(people.values())}


def _settings(choice: Choice, company: Company) -> dict[str, Any]:
    """What follows from the teams: which functions need a KPI, and who hears of failed runs."""
    owning = {metric.owner.team for metric in choice.metrics.values()}
    covered = {team.function for team in choice.teams if team.function and team.name in owning}
    usual = LintSettings().functions
    alerts: dict[str, Any] = {"time_zone": company.time_zone}
    operations = next((t.name for t in choice.teams if t.function == "engineering"), None)
    if operations:
        alerts["operations_team"] = operations
    settings: dict[str, Any] = {"alerts": alerts}
    if not covered.issuperset(usual):
        settings["lint"] = {"functions": sorted(covered)}
    return settings


# ── metrics, sources ────────────────────────────────────────────────────────────────────────────────────────


def _by_file(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Definitions by the subject of the file they are shipped in, in the order they have there."""
    found: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda one: (one.location.file, one.location.line)):
        name = item.location.file.rpartition("/")[2].removesuffix(".yml")
        found.setdefault(name.replace("-", "_") if name in MODELS else name, []).append(item)
    return found


def _metrics(choice: Choice, metrics: Iterable[Metric], targets: Mapping[str, float]) -> list[dict[str, Any]]:
    steering = {name for team in choice.teams for name in team.kpis}
    listed = []
    for metric in metrics:
        waits = metric.name in steering or metric.level == "north_star"
        if waits and metric.is_actionable and metric.direction != "within" and metric.name not in targets:
            metric = replace(metric, silences=(("NO_TARGET", _NO_TARGET_YET),))
        listed.append(metric_data(metric))
    return listed


def _system(choice: Choice, source: Source, feeds: Mapping[str, str]) -> str:
    """Where a source's rows come from: of a folded one, where those of the table below it do."""
    fold = source.derived or source.movements
    if fold is not None:
        return _system(choice, choice.sources[fold.source], feeds)
    return feeds.get(source.table, "files")


# ── targets, objectives ─────────────────────────────────────────────────────────────────────────────────────


def _targets(pack: Pack, choice: Choice) -> dict[str, float]:
    """First targets of the metrics that people steer by."""
    steering = {name for team in choice.teams for name in team.kpis}
    return {name: amount for name, amount in sorted(pack.targets.items()) if name in steering}


def _target_entries(
    choice: Choice, targets: Mapping[str, float], quarters: Sequence[str]
) -> list[dict[str, Any]]:
    return [
        {
            "metric": name,
            "set_by": choice.metrics[name].owner.accountable,
            "periods": dict.fromkeys(quarters, amount),
        }
        for name, amount in targets.items()
        if choice.metrics[name].direction != "within"
    ]


def _quarters(calendar: Calendar, quarter: Period) -> tuple[str, str]:
    """Labels of the running quarter and of the next."""
    after = period_of(calendar, "quarter", quarter.last_day + timedelta(days=1))
    return period_label(calendar, "quarter", quarter.start), period_label(calendar, "quarter", after.start)


def _cycle(pack: Pack, choice: Choice, label: str, quarter: Period) -> dict[str, Any]:
    example = pack.objective
    teams = {team.name: team for team in choice.teams}
    team = teams.get(example.team) or teams[COMPANY]
    results = []
    for result in example.key_results:
        metric = choice.metrics[result.metric]
        results.append(
            {
                "key": f"{result.metric.replace('_', '-')}-{'up' if result.target > result.baseline else 'down'}",
                "statement": f"{result.statement} by {quarter.last_day}",
                "owner": team.lead,
                "type": "increase" if result.target > result.baseline else "decrease",
                "metric": result.metric,
                "grain": "month" if "month" in metric.grains else metric.grains[0],
                "baseline": {"value": result.baseline, "as_of": quarter.start - timedelta(days=1)},
                "target": result.target,
                "leading": True if result.leading else None,
            }
        )
    return {
        "cycle": {
            "key": label,
            "name": f"Quarter {label[-1]} of {label[:4]}",
            "start": quarter.start,
            "end": quarter.last_day,
            "state": "draft",
            "check_in": "weekly",
            "silence": [{"rule": "OBJ_COUNT", "why": "an example to begin with"}],
        },
        "objectives": [
            {
                "key": example.key,
                "title": example.title,
                "why": example.why,
                "team": team.name,
                "owner": team.lead,
                "lifecycle": "draft",
                "commitment": "aspirational",
                "perspective": example.perspective,
                "key_results": results,
            }
        ],
    }


def _text(kind: str, about: str, data: Mapping[str, Any]) -> str:
    """A file: where its schema is, what it is for, and the definitions with a line between two."""
    depth = "" if kind in ("calendars", "teams", "settings") else "../"
    head = f"# yaml-language-server: $schema={depth}.schemas/{kind}.json\n"
    body = to_yaml(data, compact=True)
    if kind in ("metrics", "sources"):
        body = body.replace("\n  - name: ", "\n\n  - name: ").replace(":\n\n  - name", ":\n  - name", 1)
    return head + "".join(f"# {line}\n" for line in _wrapped(about)) + body


def _wrapped(text: str, width: int = 116) -> list[str]:
    return textwrap.wrap(text, width)
