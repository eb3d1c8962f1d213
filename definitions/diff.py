"""Two states of the dictionary compared: what changed in meaning, who must approve, what is missing.

A metric's own change needs a new version, a reason, and an approver who is not the proposer; a change
that only comes from an input is told with the input it comes from. Source: definition lint, 'Errors';
dictionary rules, 'The compiler'.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from definitions.approval import Published, change_of, takes_effect, unapproved
from definitions.calendars import period_end
from definitions.compiler import Compiler
from definitions.errors import CatalogueError, Problem
from definitions.governance.flow import is_certified_anew, step_problems
from definitions.loading import load_catalogue, load_texts
from definitions.model import Catalogue, Location, Metric
from definitions.versions import changed_itself, inputs_of, normal_form


@dataclass(frozen=True, slots=True)
class MetricChange:
    """What became of one metric.

    ``kind``: added, removed, changed (its own meaning), inherited (an input's), status (that alone). ``parts`` are the
    parts of the plan that differ, in words, ``through`` the inputs that changed. ``approvers`` are who answers for the
    metric, ``approved_by`` who approved the change as its entry says. Periods that end before ``takes_effect`` keep
    their values.
    """

    metric: str
    kind: str
    was: str | None
    now: str | None
    version_was: int | None
    version_now: int | None
    parts: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    approved_by: str | None = None
    restate_from: date | None = None
    takes_effect: date | None = None
    drops_to_review: bool = False
    status_was: str | None = None
    status_now: str | None = None
    problems: tuple[Problem, ...] = ()


def compare(base: Catalogue, head: Catalogue) -> list[MetricChange]:
    """Every metric whose meaning or status differs, in order of name."""
    before, after = Compiler(base), Compiler(head)
    known = {name: Published(metric.version, before.hash_of(name)) for name, metric in base.metrics.items()}
    found: list[MetricChange] = []
    for name in sorted({*base.metrics, *head.metrics}):
        old, new = base.metrics.get(name), head.metrics.get(name)
        was = before.hash_of(name) if old is not None else None
        now = after.hash_of(name) if new is not None else None
        if was != now:
            change = _change(name, old, new, was, now, before, after)
            day = takes_effect(after, name, known) if change.kind in ("changed", "inherited") else None
            found.append(replace(_with_status(change, old, new, head), takes_effect=day))
        elif old is not None and new is not None and old.status != new.status:
            approvers = tuple(dict.fromkeys(m.owner.accountable for m in (old, new)))
            versions = (old.version, new.version)
            alone = MetricChange(name, "status", was, now, *versions, approvers=approvers)
            found.append(_with_status(replace(alone, approved_by=_approver_of_step(new)), old, new, head))
    return found


def _with_status(
    change: MetricChange, old: Metric | None, new: Metric | None, head: Catalogue
) -> MetricChange:
    """The change with what became of the status, and what is wrong with that."""
    if old is None or new is None:
        return change
    return replace(
        change,
        status_was=old.status,
        status_now=new.status,
        problems=(*change.problems, *step_problems(head, old, new)),
    )


def _approver_of_step(new: Metric) -> str | None:
    """Who is written down to have agreed to the status that a metric has now."""
    if new.status == "certified":
        return new.reviewed_by
    entry = change_of(new)
    return entry.approved_by if new.status == "deprecated" and entry and entry.kind == "retire" else None


def problems_of(changes: Iterable[MetricChange]) -> list[Problem]:
    """Everything that keeps the change from being accepted."""
    return [problem for change in changes for problem in change.problems]


def catalogue_at(reference: str, folder: Path) -> Catalogue:
    """The catalogue of a folder, or of ``folder`` at a git reference; empty where it was not there yet.

    Raises CatalogueError where there is no such folder or reference.
    """
    path = Path(reference)
    if path.is_dir():
        return load_catalogue(path)
    if reference.startswith("-"):
        raise CatalogueError([_bad_reference(reference, f"{reference!r} is no git reference")])
    top = _git(folder, reference, "rev-parse", "--show-toplevel").decode().strip()
    inside = folder.resolve().relative_to(Path(top).resolve()).as_posix()
    if not _git(Path(top), reference, "ls-tree", reference, "--", inside):
        return load_texts({}, root=folder)
    archive = _git(Path(top), reference, "archive", "--format=tar", reference, "--", inside)
    texts: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None and member.name.endswith((".yml", ".yaml")):
                texts[Path(member.name).relative_to(inside).as_posix()] = content.read()
    return load_texts(texts, root=folder)


def _git(folder: Path, reference: str, *arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        message = f"git {arguments[0]} failed: {told[0] if told else 'no message'}"
        raise CatalogueError([_bad_reference(reference, message)])
    return done.stdout


def _bad_reference(reference: str, message: str) -> Problem:
    return Problem("BAD_REFERENCE", message, Location(reference, 1, 1), reference)


def _change(
    name: str,
    old: Metric | None,
    new: Metric | None,
    was: str | None,
    now: str | None,
    before: Compiler,
    after: Compiler,
) -> MetricChange:
    versions = (old.version if old else None, new.version if new else None)
    approvers = tuple(dict.fromkeys(m.owner.accountable for m in (old, new) if m is not None))
    if old is None or new is None:
        problems: tuple[Problem, ...] = ()
        if new is None and old is not None:
            hint = "Set status: deprecated with replaced_by and deprecated_on."
            problems = (
                Problem("METRIC_DELETED", f"{name!r} was deleted", old.location, name, (name,), hint=hint),
            )
        kind = "added" if old is None else "removed"
        return MetricChange(name, kind, was, now, *versions, approvers=approvers, problems=problems)
    if not changed_itself(
        after.resolver, name, {other: before.hash_of(other) for other in before.catalogue.metrics}
    ):
        through = tuple(sorted(_changed_inputs(name, before, after)))
        return MetricChange(name, "inherited", was, now, *versions, through=through, approvers=approvers)
    parts = tuple(dict.fromkeys(_differing(own_form(before, name), own_form(after, name))))
    entry = change_of(new)
    return MetricChange(
        name,
        "changed",
        was,
        now,
        *versions,
        parts=parts,
        approvers=approvers,
        approved_by=entry.approved_by if entry and new.version > old.version else None,
        restate_from=entry.restate_from if entry else None,
        drops_to_review=new.status == "certified" and not is_certified_anew(new),
        problems=(*unapproved(new, old.version), *_still_certified(new)),
    )


def _still_certified(new: Metric) -> Iterable[Problem]:
    """A certificate is for the meaning that was certified: it falls unless somebody reviewed the new one."""
    if new.status == "certified" and not is_certified_anew(new):
        message = f"{new.name!r} is certified, and its meaning changed"
        hint = "Set status: review; `vitals governance certify` it again once somebody reviewed it."
        yield Problem("STILL_CERTIFIED", message, new.location, new.name, (new.name, "status"), hint=hint)


def own_form(compiler: Compiler, name: str) -> Any:
    """The normalised plan with inputs by name instead of by meaning."""
    return normal_form(compiler.resolver, name, lambda other: other)


def _changed_inputs(name: str, before: Compiler, after: Compiler) -> set[str]:
    return {
        other
        for other in inputs_of(after.resolver, name)
        if other in before.catalogue.metrics and before.hash_of(other) != after.hash_of(other)
    }


_PARTS: Mapping[str, Sequence[str]] = {
    "simple": ("",),
    "ratio": ("numerator", "denominator"),
    "derived": ("expression",),
    "cumulative": ("input", "window", "grain to date", "aggregation in the period"),
    "balance": ("", "choice of day", "groupings"),
    "conversion": ("base", "conversion", "entity or window", "calculation"),
    "retention": ("cohort", "activity", "entity or days"),
    "composite": ("components", "scale", "least coverage"),
}
"""What stands after the type in a normalised formula, in order."""
_OF_INPUT = ("", "filter", "offset", "start of period")
_CALENDAR = ("time zone", "week start", "fiscal year start", "week pattern")
_NAMES = {
    "expr": "expression",
    "agg": "aggregation",
    "time": "time column",
    "fold_filter": "filter of the source",
}


def _differing(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    """The parts of two normalised plans that differ, in words: `denominator filter`, `time zone`."""
    if was["formula"][0] != now["formula"][0]:
        yield f"type: {was['formula'][0]} → {now['formula'][0]}"
    else:
        names = _PARTS[now["formula"][0]]
        for name, one, other in zip(names, was["formula"][1:], now["formula"][1:], strict=True):
            for part in _of_operand(one, other):
                yield f"{name} {part}".strip() or "formula"
    for name, one, other in zip(_CALENDAR, was["calendar"], now["calendar"], strict=True):
        if one != other:
            yield name
    if was["missing"] != now["missing"]:
        yield f"missing: {was['missing']} → {now['missing']}"
    if was["minimum_sample"] != now["minimum_sample"]:
        yield f"minimum sample: {_dash(was['minimum_sample'])} → {_dash(now['minimum_sample'])}"


def _of_operand(was: Any, now: Any) -> Iterable[str]:
    """Parts of a measure, or of an input, that differ."""
    if was == now:
        return
    kinds = [form[0] if isinstance(form, list) and form else None for form in (was, now)]
    if kinds == ["measure", "measure"]:
        was, now = was[1], now[1]
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            if was.get(key) != now.get(key):
                yield _NAMES.get(key, key)
    elif kinds == ["metric", "metric"]:
        for name, one, other in zip(_OF_INPUT, was[1:], now[1:], strict=True):
            if one != other:
                yield name
    else:
        yield ""


# ── effect on history ───────────────────────────────────────────────────────────────────────────────────────

Run = Callable[[str], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Effect:
    """One period's total by the one definition and by the other.

    ``is_restated``: the published value becomes ``after``; otherwise the period ends before the change takes effect
    and keeps what was published.
    """

    metric: str
    grain: str
    period_start: date
    before: float | None
    after: float | None
    is_restated: bool = True

    @property
    def difference(self) -> float | None:
        """After less before; None where one of them is unknown."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def fate(self) -> str:
        """What becomes of the published value: it stays, it is restated, or there was none and it is new."""
        if not self.is_restated:
            return "stays"
        return "new" if self.before is None else "restated"


def effects(
    changes: Sequence[MetricChange],
    base: Catalogue,
    head: Catalogue,
    run: Run,
    *,
    periods: int = 6,
    dialect: str = "duckdb",
    end: date | None = None,
) -> list[Effect]:
    """Totals of the last ``periods`` periods, before and after, by month where the metric has months."""
    compilers = (Compiler(base), Compiler(head))
    found: list[Effect] = []
    for change in changes:
        if change.kind == "status":
            continue
        metric = head.metrics.get(change.metric) or base.metrics[change.metric]
        grain = next((g for g in ("month", "quarter", "week", "day") if g in metric.grains), "month")
        calendar = (head if change.metric in head.metrics else base).calendars[metric.calendar]
        before, after = (_totals(compiler, change.metric, grain, run, dialect, end) for compiler in compilers)
        for start in sorted({*before, *after})[-periods:]:
            day = change.takes_effect
            is_restated = day is None or period_end(calendar, grain, start) > day
            found.append(
                Effect(change.metric, grain, start, before.get(start), after.get(start), is_restated)
            )
    return found


def _totals(
    compiler: Compiler, metric: str, grain: str, run: Run, dialect: str, end: date | None
) -> dict[date, float | None]:
    if metric not in compiler.catalogue.metrics:
        return {}
    batches = compiler.batches([metric], grains=[grain], segments=False, end=end)
    return {row["period_start"]: row["value"] for batch in batches for row in run(batch.sql(dialect))}


# ── in words ────────────────────────────────────────────────────────────────────────────────────────────────


def rows_of(changes: Sequence[MetricChange]) -> list[dict[str, str]]:
    """The changes as rows for people: metric, change, version, what, in force from, approval."""
    return [
        {
            "metric": change.metric,
            "change": change.kind,
            "version": f"{_dash(change.version_was)} → {_dash(change.version_now)}",
            "what": _what(change),
            "in force": _in_force(change),
            "approval": _approval(change),
        }
        for change in changes
    ]


def _what(change: MetricChange) -> str:
    parts = change.parts or ((f"through {', '.join(change.through)}",) if change.through else ())
    if change.status_was != change.status_now:
        parts = (*parts, f"status: {change.status_was} → {change.status_now}")
    elif change.drops_to_review:
        parts = (*parts, f"status: {change.status_was} → review")
    return ", ".join(parts)


def _in_force(change: MetricChange) -> str:
    if change.takes_effect is None:
        return ""
    restated = change.restate_from is not None or change.kind == "inherited"
    return f"{'restated ' if restated else ''}from {change.takes_effect}"


def _approval(change: MetricChange) -> str:
    if change.kind == "inherited":
        return f"with {', '.join(change.through)}"
    if change.kind == "status" and change.status_now not in ("certified", "deprecated"):
        return ""
    if change.approved_by is not None:
        return f"{change.approved_by} approved"
    return f"{' or '.join(change.approvers)} must approve"


def rows_of_effects(shown: Sequence[Effect]) -> list[dict[str, object]]:
    """The effects as rows for people; a period that is not restated says so."""
    return [
        {
            "metric": effect.metric,
            "period": f"{effect.grain} of {effect.period_start}",
            "before": effect.before,
            "after": effect.after,
            "difference": effect.difference,
            "percent": _percent(effect),
            "published": effect.fate,
        }
        for effect in shown
    ]


def _percent(effect: Effect) -> str:
    if effect.difference is None or not effect.before:
        return ""
    return f"{effect.difference / abs(effect.before):+.1%}"


def as_markdown(changes: Sequence[MetricChange], shown: Sequence[Effect] = ()) -> str:
    """The comparison for a pull request."""
    if not changes:
        return "No metric changes its meaning or its status.\n"
    lines = [*_table(rows_of(changes), numbers=())]
    problems = problems_of(changes)
    if problems:
        lines += ["", "To do before this can be accepted:", "", *(f"- {problem}" for problem in problems)]
    if shown:
        numbers = ("before", "after", "difference", "percent")
        lines += ["", *_table(rows_of_effects(shown), numbers)]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Mapping[str, object]], numbers: Sequence[str]) -> list[str]:
    names = list(rows[0])
    rule = ["---:" if name in numbers else "---" for name in names]
    cells = [[_cell(name, row[name]) for name in names] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in (names, rule, *cells)]


def _cell(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:+,.6g}" if name == "difference" else f"{value:,.6g}"
    return _dash(value).replace("|", "\\|").replace("\n", " ")


def _dash(value: object) -> str:
    return "–" if value is None else str(value)
