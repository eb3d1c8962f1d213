"""What a changed definition needs before it counts: a new version, a reason, and another person's approval.

The same rules hold for two states of a dictionary (`definitions.diff`) and for a dictionary against what was
published (`refused`). That the approver is not the proposer is checked when the dictionary is loaded. Source:
definition lint, 'Errors'; dictionary rules, 'Versions'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from definitions.compiler import Compiler
from definitions.errors import Problem
from definitions.model import Change, Metric
from definitions.versions import changed_itself, comparable, inputs_of


@dataclass(frozen=True, slots=True)
class Published:
    """The definition of a metric that was last published."""

    version: int
    definition_hash: str


def change_of(metric: Metric) -> Change | None:
    """The entry of the change log that led to the metric's version."""
    return next((change for change in metric.changes if change.version == metric.version), None)


def unapproved(metric: Metric, version_was: int) -> Iterator[Problem]:
    """What a metric whose meaning changed since ``version_was`` lacks."""

    def problem(code: str, message: str, hint: str) -> Problem:
        return Problem(code, message, metric.location, metric.name, (metric.name, "version"), hint=hint)

    if metric.version <= version_was:
        still = "still" if metric.version == version_was else f"{version_was} before and now"
        yield problem(
            "NO_NEW_VERSION",
            f"the meaning of {metric.name!r} changed, its version is {still} {metric.version}",
            f"Set version: {version_was + 1} and add an entry to 'changes'.",
        )
        return
    entry = change_of(metric)
    if entry is None or not entry.why:
        yield problem(
            "NO_REASON",
            f"version {metric.version} of {metric.name!r} has no reason",
            "Add to 'changes': version, on, why, proposed_by, approved_by.",
        )
    elif entry.approved_by == entry.proposed_by:
        yield problem(
            "SAME_APPROVER",
            f"version {metric.version} of {metric.name!r} is approved by who proposed it",
            "Have somebody else approve it.",
        )


def changed(compiler: Compiler, published: Mapping[str, Published]) -> frozenset[str]:
    """Metrics whose meaning is not the published one, by a change of their own or of an input."""
    return frozenset(
        name
        for name in compiler.catalogue.metrics
        if name in published
        and comparable(compiler.hash_of(name), published[name].definition_hash)
        and compiler.hash_of(name) != published[name].definition_hash
    )


def refused(compiler: Compiler, published: Mapping[str, Published]) -> dict[str, Problem]:
    """Metrics that may not be computed by their definition, with the reason, in order of name.

    Refused is a metric whose own meaning differs from the published one without what a change needs, and every
    metric that is computed from a refused one.
    """
    hashes = {name: known.definition_hash for name, known in published.items()}
    found: dict[str, Problem] = {}
    for name in sorted(changed(compiler, published)):
        if changed_itself(compiler.resolver, name, hashes):
            problem = next(unapproved(compiler.catalogue.metrics[name], published[name].version), None)
            if problem is not None:
                found[name] = problem
    if not found:
        return {}
    inputs = {name: inputs_of(compiler.resolver, name) for name in compiler.catalogue.metrics}
    waiting = True
    while waiting:
        resting = {
            name: min(inputs[name] & found.keys())
            for name in inputs
            if name not in found and inputs[name] & found.keys()
        }
        waiting = bool(resting)
        for name, cause in resting.items():
            metric = compiler.catalogue.metrics[name]
            message = f"{name!r} is computed from {cause!r}, whose change is not approved"
            found[name] = Problem("INPUT_REFUSED", message, metric.location, cause, (name, cause))
    return dict(sorted(found.items()))


def takes_effect(compiler: Compiler, name: str, published: Mapping[str, Published]) -> date | None:
    """The first day from which a changed metric counts by its new meaning; None where nothing says it.

    Of its own change that is ``restate_from``, or the day of the change; of one that it inherits, the day of the
    input's. Periods that end before are left as they were published.
    """
    days = []
    metric = compiler.catalogue.metrics[name]
    known = published.get(name)
    if known is not None and metric.version > known.version:
        entry = change_of(metric)
        if entry is not None:
            days.append(entry.restate_from or entry.on)
    altered = changed(compiler, published)
    for other in inputs_of(compiler.resolver, name) & altered:
        day = takes_effect(compiler, other, published)
        if day is not None:
            days.append(day)
    return min(days, default=None)
