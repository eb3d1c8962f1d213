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
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from definitions.approval import change_of, unapproved
from definitions.compiler import Compiler
from definitions.errors import CatalogueError, Problem
from definitions.loading import load_catalogue, load_texts
from definitions.model import Catalogue, Metric
from definitions.versions import changed_itself, inputs_of, normal_form


@dataclass(frozen=True, slots=True)
class MetricChange:
    """What became of one metric. ``kind``: added, removed, changed (its own meaning), inherited (an input's)."""

    metric: str
    kind: str
    was: str | None
    now: str | None
    version_was: int | None
    version_now: int | None
    parts: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    restate_from: date | None = None
    drops_to_review: bool = False
    problems: tuple[Problem, ...] = ()


def compare(base: Catalogue, head: Catalogue) -> list[MetricChange]:
    """Every metric whose meaning differs, in order of name."""
    before, after = Compiler(base), Compiler(head)
    found: list[MetricChange] = []
    for name in sorted({*base.metrics, *head.metrics}):
        old, new = base.metrics.get(name), head.metrics.get(name)
        was = before.hash_of(name) if old is not None else None
        now = after.hash_of(name) if new is not None else None
        if was != now:
            found.append(_change(name, old, new, was, now, before, after))
    return found


def problems_of(changes: Iterable[MetricChange]) -> list[Problem]:
    """Everything that keeps the change from being accepted."""
    return [problem for change in changes for problem in change.problems]


def catalogue_at(reference: str, folder: Path) -> Catalogue:
    """The catalogue of a folder, or of ``folder`` at a git reference. Raises CatalogueError where there is none."""
    path = Path(reference)
    if path.is_dir():
        return load_catalogue(path)
    if reference.startswith("-"):
        raise CatalogueError([Problem("BAD_REFERENCE", f"{reference!r} is no git reference", text=reference)])
    top = _git(folder, "rev-parse", "--show-toplevel").decode().strip()
    inside = folder.resolve().relative_to(Path(top).resolve()).as_posix()
    archive = _git(Path(top), "archive", "--format=tar", reference, "--", inside)
    texts: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None and member.name.endswith((".yml", ".yaml")):
                texts[Path(member.name).relative_to(inside).as_posix()] = content.read()
    return load_texts(texts, root=folder)


def _git(folder: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        message = f"git {arguments[0]} failed: {told[0] if told else 'no message'}"
        raise CatalogueError([Problem("BAD_REFERENCE", message, hint="Give a folder, a branch or a commit.")])
    return done.stdout


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
    parts = tuple(_differences(own_form(before, name), own_form(after, name)))
    entry = change_of(new)
    return MetricChange(
        name,
        "changed",
        was,
        now,
        *versions,
        parts=parts,
        approvers=approvers,
        restate_from=entry.restate_from if entry else None,
        drops_to_review=new.status == "certified",
        problems=(*unapproved(new, old.version), *_still_certified(new)),
    )


def _still_certified(new: Metric) -> Iterable[Problem]:
    """A certificate is for the meaning that was certified."""
    if new.status == "certified":
        message = f"{new.name!r} is certified, and its meaning changed"
        hint = "Set status: review; certify it again in a change of its own."
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


def _differences(was: Any, now: Any, path: str = "") -> Iterable[str]:
    """Paths of the parts that differ, as deep as they can be told apart."""
    if was == now:
        return
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            yield from _differences(was.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now) and len(was) <= 8:
        for index, (left, right) in enumerate(zip(was, now, strict=True)):
            yield from _differences(left, right, f"{path}[{index}]")
    else:
        yield path or "definition"


# ── effect on history ───────────────────────────────────────────────────────────────────────────────────────

Run = Callable[[str], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Effect:
    """One period's total before and after."""

    metric: str
    grain: str
    period_start: date
    before: float | None
    after: float | None


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
    found: list[Effect] = []
    for change in changes:
        old, new = base.metrics.get(change.metric), head.metrics.get(change.metric)
        known = new or old
        grains = known.grains if known is not None else ()
        grain = next((g for g in ("month", "quarter", "week", "day") if g in grains), "month")
        values: list[dict[date, float | None]] = []
        for catalogue, metric in ((base, old), (head, new)):
            rows: dict[date, float | None] = {}
            if metric is not None:
                for batch in Compiler(catalogue).batches(
                    [change.metric], grains=[grain], segments=False, end=end
                ):
                    rows |= {row["period_start"]: row["value"] for row in run(batch.sql(dialect))}
            values.append(rows)
        for start in sorted({*values[0], *values[1]})[-periods:]:
            found.append(Effect(change.metric, grain, start, values[0].get(start), values[1].get(start)))
    return found


def as_markdown(changes: Sequence[MetricChange], shown: Sequence[Effect] = ()) -> str:
    """The comparison for a pull request."""
    if not changes:
        return "No metric changes its meaning.\n"
    lines = ["| metric | change | version | what | approve |", "|---|---|---|---|---|"]
    for change in changes:
        version = f"{_dash(change.version_was)} → {_dash(change.version_now)}"
        what = ", ".join(change.parts) or (f"through {', '.join(change.through)}" if change.through else "")
        lines.append(
            f"| {change.metric} | {change.kind} | {version} | {what} | {', '.join(change.approvers)} |"
        )
    problems = problems_of(changes)
    if problems:
        lines += ["", "To do before this can be accepted:", *(f"- {problem}" for problem in problems)]
    if shown:
        lines += ["", "| metric | period | before | after | difference |", "|---|---|---:|---:|---:|"]
        for effect in shown:
            both = effect.before is not None and effect.after is not None
            difference = f"{effect.after - effect.before:+,.6g}" if both else ""  # type: ignore[operator]
            period = f"{effect.grain} of {effect.period_start}"
            lines.append(
                f"| {effect.metric} | {period} | {_shown(effect.before)} | {_shown(effect.after)} | {difference} |"
            )
    return "\n".join(lines) + "\n"


def _dash(value: object) -> str:
    return "–" if value is None else str(value)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,.6g}"
