"""The published ranking is the rule's ranking."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

from sqlalchemy import text

from pipelines.okr.status import apply_status
from pipelines.publishing.dictionary import dictionary_rows
from pipelines.publishing.engine import reading
from pipelines.publishing.publication import Publication
from pipelines.publishing.publish import publish
from pipelines.scoring.focus import Candidate, rank_focus
from tests.integration.okr.okr_company import NOW, Published
from tests.unit.okr.okr_world import HASH, catalogue, frame, metric, series, target

WEEK = date(2026, 11, 2)


def test_the_focus_view_ranks_like_the_rule(house: Published) -> None:
    names = ("far", "nearly", "reached", "stuck", "dark", "steady")
    actionable = {name: name != "stuck" for name in names}
    metrics = [metric(name, is_actionable=actionable[name], level="supporting") for name in names]
    values = {"far": 40.0, "nearly": 95.0, "reached": 120.0, "stuck": 10.0, "dark": None, "steady": 60.0}
    known = catalogue(metrics, targets=[target(name, 100, "quarter", WEEK) for name in names])
    coloured = apply_status(
        known,
        frame(*(series(name, "week", WEEK, value) for name, value in values.items())),
        date(2026, 11, 8),
    )
    publish(
        house.engine,
        Publication(
            publication_id="focus",
            code_version="test",
            data_through=date(2026, 11, 8),
            dictionary=dictionary_rows(
                known, dict.fromkeys(names, HASH), first=date(2026, 7, 1), last=date(2026, 12, 31)
            ),
            values=coloured,
        ),
        clock=lambda: NOW,
        run_id="focus",
    )
    attained = dict(
        zip(coloured.column("metric").to_pylist(), coloured.column("attainment").to_pylist(), strict=True)
    )

    with reading(house.engine) as connection:
        rows = connection.execute(
            text("SELECT metric_id, focus_score, focus_weight FROM focus_candidates ORDER BY focus_rank")
        ).all()

    expected = rank_focus(
        Candidate(
            name,
            2,
            None if attained[name] is None else D(str(attained[name])),
            actionable[name],
            values[name] is not None,
        )
        for name in names
    )
    assert (
        [row.metric_id for row in rows]
        == [item.candidate.metric for item in expected]
        == ["far", "steady", "nearly"]
    )
    assert {row.focus_weight for row in rows} == {2}
    assert [round(D(str(row.focus_score)), 6) for row in rows] == [item.value for item in expected]
