"""Whether everything a publication names exists: problems by name, before the database could only say that
something is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, select

from pipelines.publishing import schema
from pipelines.publishing.errors import InvalidPublication
from pipelines.publishing.publication import Publication
from pipelines.publishing.records import DictionaryRows

Reference = tuple[str, str, str | None]
"""(who refers, kind of thing referred to, its key or None)."""


def check_references(connection: Connection, publication: Publication) -> None:
    """Hold every reference against the publication's dictionary and what is published already.

    Raises:
        InvalidPublication: with every reference that leads nowhere.
    """
    known = _known(connection, publication.dictionary or DictionaryRows())
    problems = [
        f"{who} refers to {kind} {key!r}, which is neither in the dictionary nor published"
        for who, kind, key in _references(publication)
        if key is not None and key not in known[kind]
    ]
    if problems:
        raise InvalidPublication(publication.publication_id, list(dict.fromkeys(problems)))


def _known(connection: Connection, dictionary: DictionaryRows) -> dict[str, set[str]]:
    columns = {
        "team": (schema.dim_team.c.team_key, {row.team_key for row in dictionary.teams}),
        "person": (schema.dim_person.c.person_key, {row.person_key for row in dictionary.people}),
        "metric": (schema.metric.c.metric_id, {row.metric_id for row in dictionary.metrics}),
        "cycle": (schema.okr_cycle.c.cycle_key, {row.cycle_key for row in dictionary.cycles}),
        "objective": (schema.objective.c.objective_key, {row.objective_key for row in dictionary.objectives}),
        "key result": (
            schema.key_result.c.key_result_key,
            {row.key_result_key for row in dictionary.key_results},
        ),
    }
    return {
        kind: offered | set(connection.execute(select(column)).scalars())
        for kind, (column, offered) in columns.items()
    }


def _references(publication: Publication) -> Iterator[Reference]:
    if publication.dictionary is not None:
        yield from _within(publication.dictionary)
    for score in publication.key_result_scores:
        yield "a key result's score", "key result", score.key_result_key
    for standing in publication.objective_scores:
        yield "an objective's score", "objective", standing.objective_key
    for due in publication.check_ins_due:
        yield "a check-in due", "key result", due.key_result_key
    yield from _metrics("a contribution", (row.parent_metric_id for row in publication.contributions))
    yield from _metrics("a contribution", (row.child_metric_id for row in publication.contributions))
    yield from _metrics("an anomaly", (row.metric_id for row in publication.anomalies))
    yield from _metrics("a suggestion", (row.metric_id for row in publication.suggestions or ()))
    for influence in publication.influences or ():
        yield from _metrics("an influence", (influence.driver_metric_id, influence.driven_metric_id))
    yield from _metrics("a segment's effect", (row.metric_id for row in publication.segment_effects))
    for signal in publication.signals or ():
        yield from _metrics("a signal", (signal.metric_id, signal.other_metric_id))
    yield from _metrics("a held-back metric", (row.metric for row in publication.blocked))


def _metrics(who: str, metrics: Iterable[str]) -> Iterator[Reference]:
    return ((who, "metric", metric) for metric in metrics)


def _within(dictionary: DictionaryRows) -> Iterator[Reference]:
    for team in dictionary.teams:
        yield f"team {team.team_key}", "team", team.parent_team_key
    for person in dictionary.people:
        yield f"person {person.person_key}", "team", person.team_key
    for role in dictionary.roles:
        yield f"role {role.role_name}", "person", role.person_key
    for metric in dictionary.metrics:
        yield f"metric {metric.metric_id}", "team", metric.team_key
        yield f"metric {metric.metric_id}", "person", metric.owner_key
    for rows in (dictionary.versions, dictionary.changes, dictionary.audiences, dictionary.benchmarks):
        yield from _metrics("a definition", (row.metric_id for row in rows))
    for edge in dictionary.edges:
        yield f"the tree below {edge.parent_metric_id}", "metric", edge.child_metric_id
        yield f"the tree above {edge.child_metric_id}", "metric", edge.parent_metric_id
    for pair in dictionary.guardrails:
        yield "a guardrail", "metric", pair.metric_id
        yield f"the guardrail of {pair.metric_id}", "metric", pair.counter_metric_id
    yield from _metrics("a target", (row.metric_id for row in dictionary.targets))
    for objective in dictionary.objectives:
        yield f"objective {objective.objective_key}", "cycle", objective.cycle_key
        yield f"objective {objective.objective_key}", "team", objective.team_key
        yield f"objective {objective.objective_key}", "person", objective.owner_key
        yield f"objective {objective.objective_key}", "objective", objective.parent_objective_key
    for kr in dictionary.key_results:
        yield f"key result {kr.key_result_key}", "objective", kr.objective_key
        yield f"key result {kr.key_result_key}", "person", kr.owner_key
        yield f"key result {kr.key_result_key}", "metric", kr.metric_id
