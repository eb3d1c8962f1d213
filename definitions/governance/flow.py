"""The way of a definition: draft → review → certified → deprecated, who may take which step, and when a certificate
no longer stands.

What an approval is, is written in the definition: `approved_by` of an entry in `changes` for a new version,
`reviewed_on` and `reviewed_by` for the last review. Source: definition lint, 'Errors'.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from definitions.approval import Published, change_of, changed, refused
from definitions.compiler import Compiler
from definitions.errors import Problem
from definitions.governance.retirement import is_retired
from definitions.model import Catalogue, Metric
from definitions.versions import changed_itself

STATUSES = ("draft", "review", "certified", "deprecated")


@dataclass(frozen=True, slots=True)
class Step:
    """A change of status. ``by_approver``: only somebody whose word counts for the metric may take it."""

    was: str
    now: str
    by_approver: bool
    needs: str


STEPS: Mapping[tuple[str, str], Step] = {
    (step.was, step.now): step
    for step in (
        Step("draft", "review", False, "a definition in words and every agreement"),
        Step("review", "draft", False, "nothing: work goes on"),
        Step("review", "certified", True, "reviewed_on and reviewed_by, who is not who proposed the version"),
        Step("certified", "review", False, "nothing; a change of meaning does it by itself"),
        Step("review", "deprecated", True, "replaced_by and deprecated_on"),
        Step("certified", "deprecated", True, "replaced_by and deprecated_on"),
        Step("deprecated", "review", True, "a reason why it comes back"),
    )
}
"""The steps that there are; every other one is refused."""


# ── who ─────────────────────────────────────────────────────────────────────────────────────────────────────


def approvers_of(catalogue: Catalogue, metric: Metric) -> tuple[str, ...]:
    """People whose word counts for a metric: who answers for it, the leads of its team and of the teams above,
    the stewards of the dictionary. Those who have left are none; keys, most concerned first."""
    found = [metric.owner.accountable]
    team, seen = catalogue.teams.get(metric.owner.team), set[str]()
    while team is not None and team.key not in seen:
        seen.add(team.key)
        found.append(team.lead)
        team = catalogue.teams.get(team.parent) if team.parent else None
    found += stewards_of(catalogue)
    return tuple(
        key for key in dict.fromkeys(found) if (person := catalogue.people.get(key)) is None or person.active
    )


def stewards_of(catalogue: Catalogue) -> tuple[str, ...]:
    """People who look after the dictionary as a whole, by their role."""
    role = catalogue.settings.governance.steward_role
    return tuple(key for key, person in sorted(catalogue.people.items()) if role in person.roles)


def no_say(catalogue: Catalogue, metric: Metric, person: str) -> Problem | None:
    """Why a person's word does not count for a metric; None where it does."""
    valid = approvers_of(catalogue, metric)
    if person in valid:
        return None
    known = catalogue.people.get(person)
    message = (
        f"{person!r} has left" if known is not None and not known.active else f"{person!r} has no say in it"
    )
    return Problem(
        "NOT_AN_APPROVER",
        f"{metric.name!r}: {message}",
        metric.location,
        person,
        (metric.name, "owner"),
        hint=f"Ask {' or '.join(valid)}." if valid else "Give the metric an owner who is here.",
    )


# ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────


def step_problems(catalogue: Catalogue, old: Metric, new: Metric) -> Iterator[Problem]:
    """What is wrong with how a metric's status changed between two states of the dictionary.

    ``catalogue`` is the later state. Who is named as approver is held against who has a say only where the settings
    ask for it (`governance.only_owners_approve`): the rule itself asks for somebody else than the proposer.
    """
    if old.status != new.status:
        step = STEPS.get((old.status, new.status))
        if step is None:
            following = [now for was, now in STEPS if was == old.status]
            message = f"{new.name!r} went from {old.status} to {new.status}"
            hint = f"From {old.status} it goes to {' or '.join(following)}."
            path = (new.name, "status")
            yield Problem("WRONG_STEP", message, new.location, new.status, path, hint=hint)
        elif (new.status, new.reviewed_by) == ("certified", None) and old.reviewed_on != new.reviewed_on:
            yield _nobody(new)
    if not catalogue.settings.governance.only_owners_approve:
        return
    entry = change_of(new)
    named = [entry.approved_by] if entry is not None and new.version > old.version else []
    if new.status == "certified" and (old.status, old.reviewed_by) != (new.status, new.reviewed_by):
        if new.reviewed_by is None:
            yield _nobody(new)
        else:
            named.append(new.reviewed_by)
    for person in dict.fromkeys(named):
        problem = no_say(catalogue, new, person)
        if problem is not None:
            yield problem


def _nobody(metric: Metric) -> Problem:
    message = f"{metric.name!r} is certified, and nobody is named who reviewed it"
    return Problem("NO_REVIEWER", message, metric.location, metric.name, (metric.name, "reviewed_by"))


# ── certificates ────────────────────────────────────────────────────────────────────────────────────────────


def certificate_is_older(metric: Metric) -> bool:
    """Whether the last review that is written down was before the meaning that is in force now was proposed."""
    entry = change_of(metric)
    return (
        metric.status == "certified"
        and metric.reviewed_on is not None
        and entry is not None
        and entry.kind in ("new", "breaking")
        and metric.reviewed_on < entry.on
    )


def is_certified_anew(metric: Metric) -> bool:
    """Whether somebody else than the proposer reviewed the version in force, on its day or later."""
    entry = change_of(metric)
    return (
        metric.status == "certified"
        and entry is not None
        and metric.reviewed_on is not None
        and metric.reviewed_on >= entry.on
        and metric.reviewed_by is not None
        and metric.reviewed_by != entry.proposed_by
    )


def dropped(
    compiler: Compiler, published: Mapping[str, Published], before: Collection[str] = ()
) -> frozenset[str]:
    """Metrics that call themselves certified and are not: their meaning changed since it was certified.

    ``before`` are those that had dropped at the last publication: they stay so until they are certified anew, or went
    back to `review` in between. A change that nobody approved is not in force, so it drops nothing.
    """
    metrics = compiler.catalogue.metrics
    certified = {name for name, metric in metrics.items() if metric.status == "certified"}
    hashes = {name: known.definition_hash for name, known in published.items()}
    fresh = {
        name
        for name in changed(compiler, published) & certified
        if changed_itself(compiler.resolver, name, hashes)
    }
    if fresh:
        fresh -= refused(compiler, published).keys()
    older = {name for name in certified if certificate_is_older(metrics[name])}
    still = certified.intersection(before)
    return frozenset(older | {name for name in fresh | still if not is_certified_anew(metrics[name])})


def status_in_force(metric: Metric, today: date, dropped: Collection[str] = ()) -> str:
    """The status as readers see it: `review` where the certificate fell, `retired` after a deprecated one's date."""
    if is_retired(metric, today):
        return "retired"
    return "review" if metric.name in dropped else metric.status
