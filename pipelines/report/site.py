"""The site as templates see it: one snapshot with its cross-references, links, words and charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from pipelines import report_links as links

from .charts import Drawings, sparkline
from .model import Anomaly, Check, Health, KeyResult, Kpi, Objective, Point, Snapshot, Team, Unit
from .numbers import ago, day, instant
from .words import GOAL_STATUS, HEALTH, KPI_STATUS, SEVERITY, Word, status_word

SPARK_POINTS = 26
"""Periods on a sparkline."""

TRUSTED = Word("Checked", "good", "check")
FRESH = Word("Fresh", "good", "check")
LATE = Word("Late", "near", "hourglass")
UNDATED = Word("Not loaded", "none", "dash")
FLAGGED = Word("Flagged", "near", "triangle")
HELD = KPI_STATUS["blocked"]


@dataclass(frozen=True, slots=True)
class Part:
    """A count of one kind, as in "8 on target"."""

    word: Word
    count: int


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether a metric's number can be relied on."""

    word: Word
    told: str


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source or asset with its health in words."""

    word: Word
    system: str
    asset: str
    told: str


@dataclass(frozen=True, slots=True)
class NavigationItem:
    href: str
    text: str
    count: int = 0


class Site:
    """Answers what a template asks; charts are placed in ``drawings`` and drawn when all pages are made."""

    def __init__(self, snapshot: Snapshot, now: datetime, drawings: Drawings | None = None) -> None:
        self.snapshot, self.now = snapshot, now
        self.drawings = drawings or Drawings()
        self.publication = snapshot.publication
        self.kpis: tuple[Kpi, ...] = tuple(sorted(snapshot.kpis, key=urgency))
        self.anomalies = snapshot.anomalies
        self.goals = tuple(o for o in snapshot.objectives if o.lifecycle != "cancelled")
        self._kpi = {kpi.metric_id: kpi for kpi in snapshot.kpis}
        self._team = {team.key: team for team in snapshot.teams}
        self._sparks: dict[str, Markup] = {}
        self._checks: dict[str, list[Check]] = defaultdict(list)
        for check in snapshot.checks:
            for metric in check.metric_ids:
                self._checks[metric].append(check)
        # A table that several systems feed is as fresh as the load that has last reached it.
        loaded = sorted(snapshot.health, key=lambda one: (one.last_success_at is not None, one.system))
        self._assets = {one.asset: one for one in loaded}
        self._objective = {one.key: one for one in snapshot.objectives}

    @property
    def navigation(self) -> tuple[NavigationItem, ...]:
        return (
            NavigationItem(links.HOME, "Overview"),
            NavigationItem("kpis.html", "KPIs"),
            NavigationItem(links.GOALS, "Goals"),
            NavigationItem("tree.html", "Drivers"),
            NavigationItem("scorecard.html", "Scorecard"),
            NavigationItem("indicators.html", "Leading & lagging"),
            NavigationItem("anomalies.html", "Worth a look", len(self.anomalies)),
            NavigationItem("dictionary.html", "Dictionary"),
            NavigationItem(links.HEALTH, "Data health"),
            NavigationItem("on-call.html", "On call"),
        )

    # ── things by key ───────────────────────────────────────────────────────────────────────────────────────

    def has_metric(self, metric_id: str) -> bool:
        return metric_id in self._kpi

    def kpi(self, metric_id: str) -> Kpi | None:
        return self._kpi.get(metric_id)

    def name_of(self, metric_id: str) -> str:
        kpi = self._kpi.get(metric_id)
        return kpi.name if kpi else metric_id

    def unit_of(self, metric_id: str) -> Unit:
        kpi = self._kpi.get(metric_id)
        return kpi.unit if kpi else Unit()

    def team(self, key: str | None) -> Team | None:
        return self._team.get(key) if key else None

    def objective(self, key: str | None) -> Objective | None:
        return self._objective.get(key) if key else None

    def points(self, metric_id: str) -> tuple[Point, ...]:
        return self.snapshot.points.get(metric_id, ())

    def spark(self, metric_id: str) -> Markup:
        """The recent values of a metric as a small line."""
        if metric_id not in self._sparks:
            points = self.points(metric_id)[-SPARK_POINTS:]
            self._sparks[metric_id] = self.drawings.place(sparkline(points))
        return self._sparks[metric_id]

    # ── links ───────────────────────────────────────────────────────────────────────────────────────────────

    def metric_page(self, metric_id: str) -> str:
        return links.metric_page(metric_id)

    def team_page(self, key: str) -> str:
        return links.team_page(key)

    def objective_page(self, key: str) -> str:
        return links.objective_page(key)

    def key_result_link(self, kr: KeyResult) -> str:
        return links.key_result_anchor(kr.objective_key, kr.key)

    # ── trust ───────────────────────────────────────────────────────────────────────────────────────────────

    def checks_of(self, metric_id: str) -> list[Check]:
        """Checks that name a metric, failed ones first."""
        order = {"error": 0, "warn": 1}
        return sorted(
            self._checks.get(metric_id, ()),
            key=lambda c: (c.passed, order.get(c.severity, 2), c.asset, c.check_id),
        )

    def sources_of(self, metric_id: str) -> list[Health]:
        """Health of the tables a metric is computed from; of its systems where tables are not listed."""
        definitions = self.snapshot.definitions.get(metric_id, ())
        current = next((one for one in definitions if one.is_current), None)
        if current is None:
            return []
        tables = [self._assets[table] for table in current.source_tables if table in self._assets]
        return tables or [one for one in self.snapshot.health if one.system in current.source_systems]

    def trust(self, kpi: Kpi) -> Trust:
        """Held back, flagged, late or checked, with the reason."""
        if kpi.is_blocked:
            return Trust(HELD, kpi.blocked_reason or "a check failed")
        failed = [check for check in self._checks.get(kpi.metric_id, ()) if not check.passed]
        if failed:
            return Trust(FLAGGED, "; ".join(check.message for check in failed[:3]))
        late = [one for one in self.sources_of(kpi.metric_id) if one.is_late]
        if late:
            return Trust(LATE, "; ".join(self.source_line(one).told for one in late[:3]))
        return Trust(TRUSTED, "every check passed and the data is fresh")

    def freshness(self, kpi: Kpi) -> Trust:
        """Fresh or late, with the day that every table behind it reaches."""
        sources = self.sources_of(kpi.metric_id)
        reaches = [at for one in sources if (at := one.data_through_at or one.last_success_at)]
        if not reaches:
            return Trust(UNDATED, "never")
        return Trust(LATE if any(one.is_late for one in sources) else FRESH, f"to {day(min(reaches).date())}")

    def quality(self, kpi: Kpi) -> Trust:
        """Held back, flagged or checked, with how many checks passed."""
        checks = self._checks.get(kpi.metric_id, ())
        failed = sum(not check.passed for check in checks)
        told = f"{failed} of {len(checks)} failed" if failed else f"{len(checks)} passed"
        if kpi.is_blocked:
            return Trust(HELD, told if failed else "a check failed")
        return Trust(FLAGGED if failed else TRUSTED, told)

    def source_line(self, one: Health) -> SourceLine:
        """One asset's health in words."""
        word = HEALTH.get(one.health, SEVERITY["note"])
        reaches = one.data_through_at or one.last_success_at
        told = f"data through {instant(reaches)}" if reaches else "never loaded"
        if one.error:
            told += f"; last attempt failed: {one.error}"
        elif one.is_late:
            told += f", {ago(reaches, self.now)}"
        if one.errors_failed or one.warnings_failed:
            told += f"; {one.errors_failed + one.warnings_failed} of {one.checks_total} checks failed"
        return SourceLine(word, one.system, one.asset, told)

    def systems(self) -> list[SourceLine]:
        """One line per source system: its worst asset."""
        rank = {"red": 0, "amber": 1, "green": 2}
        by_system: dict[str, list[Health]] = defaultdict(list)
        for one in self.snapshot.health:
            by_system[one.system].append(one)
        lines = []
        for system, assets in sorted(by_system.items()):
            worst = min(assets, key=lambda a: (rank.get(a.health, 3), a.asset))
            ill = [one for one in assets if one.health != "green"]
            reaches = [at for one in assets if (at := one.data_through_at or one.last_success_at)]
            told = f"through {instant(min(reaches))}" if reaches else "checked"
            if ill:
                told = f"{len(ill)} of {len(assets)} need a look: {worst.asset}"
            lines.append(SourceLine(HEALTH.get(worst.health, SEVERITY["note"]), system, worst.asset, told))
        return sorted(lines, key=lambda line: ({"bad": 0, "near": 1}.get(line.word.tone, 2), line.system))


def urgency(kpi: Kpi) -> tuple[int, int, int, str]:
    """Sorts what needs somebody first: held back or red, amber, then the rest; within it by level."""
    level = {"north_star": 0, "supporting": 1}.get(kpi.level, 2)
    return urgency_rank(kpi), level, 0 if kpi.target is not None else 1, kpi.name


def kpi_word(kpi: Kpi) -> Word:
    """How the status of a KPI is told."""
    return status_word(kpi.status, kpi.is_blocked, kpi.state)


def urgency_rank(kpi: Kpi) -> int:
    """0 for what is off target or held back, then near, still open, on target, without a verdict."""
    return {"bad": 0, "near": 1, "open": 2, "good": 3}.get(kpi_word(kpi).tone, 4)


def kpi_parts(kpis: Iterable[Kpi]) -> list[Part]:
    """How many KPIs are on target, near, off, or unknown; kinds that do not occur are left out."""
    counts = {"good": 0, "near": 0, "bad": 0, "open": 0, "none": 0}
    for kpi in kpis:
        counts[kpi_word(kpi).tone] += 1
    words = {
        "open": Word("Not final yet", "open", "clock"),
        "good": KPI_STATUS["green"],
        "near": KPI_STATUS["amber"],
        "bad": KPI_STATUS["red"],
        "none": Word("No verdict", "none", "ring"),
    }
    return [Part(words[tone], count) for tone, count in counts.items() if count]


def goal_parts(key_results: Iterable[KeyResult]) -> list[Part]:
    """The same for key results."""
    counts = {"good": 0, "near": 0, "bad": 0, "none": 0}
    for kr in key_results:
        counts[GOAL_STATUS[kr.status].tone if kr.status in GOAL_STATUS else "none"] += 1
    words = {
        "good": GOAL_STATUS["on_track"],
        "near": GOAL_STATUS["at_risk"],
        "bad": GOAL_STATUS["off_track"],
        "none": GOAL_STATUS["no_data"],
    }
    return [Part(words[tone], count) for tone, count in counts.items() if count]


def severity_parts(anomalies: Iterable[Anomaly]) -> list[Part]:
    """The same for open flags."""
    found = [anomaly.severity for anomaly in anomalies]
    parts = [Part(SEVERITY[name], found.count(name)) for name in ("critical", "warning", "info")]
    return [part for part in parts if part.count] or [Part(Word("Open", "good", "check"), 0)]


def health_parts(health: Sequence[Health]) -> list[Part]:
    """The same for sources."""
    found = [one.health for one in health]
    return [Part(HEALTH[name], found.count(name)) for name in ("green", "amber", "red") if name in found]
