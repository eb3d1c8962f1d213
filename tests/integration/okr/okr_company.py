"""A published company for the tests of check-ins: a reporting database with goals, scores and contributions in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Engine

from definitions.model import Baseline, Catalogue, Drivers
from pipelines.okr.assemble import score_cycles
from pipelines.okr.checkins import CheckInDesk
from pipelines.okr.contributions import contribution_rows
from pipelines.okr.status import apply_status
from pipelines.publishing.check_ins import DatabaseCheckIns
from pipelines.publishing.dictionary import dictionary_rows
from pipelines.publishing.migrations import upgrade
from pipelines.publishing.publication import Publication
from pipelines.publishing.publish import publish
from tests.unit.okr.okr_world import catalogue, cycle, frame, key_result, metric, objective, series

NOW = datetime(2026, 11, 13, 9, tzinfo=UTC)
TODAY = date(2026, 11, 13)


def company() -> Catalogue:
    """One open cycle with a computed, a hand-kept and a yes-or-no key result, and a closed one."""
    metrics = [
        metric("nps", drivers=Drivers("difference", ("promoters", "detractors"))),
        metric("promoters"),
        metric("detractors", direction="decrease"),
    ]
    goals = cycle(
        objective(
            "delight",
            key_result("kr_nps", metric="nps", target=55, statement="Increase NPS from 42 to 55"),
            key_result("kr_manual", nature="effort", target=90, baseline=Baseline(50, date(2026, 9, 30))),
            key_result("kr_launch", "binary", owner="bob"),
        )
    )
    past = cycle(
        objective("old", key_result("kr_old", metric="nps", target=50), cycle="2026-Q3"),
        key="2026-Q3",
        start=date(2026, 7, 1),
        end=date(2026, 9, 30),
        state="closed",
    )
    return catalogue(metrics, past, goals)


@dataclass
class Published:
    """A reporting database with one publication, and everything around it."""

    engine: Engine
    catalogue: Catalogue
    store: DatabaseCheckIns

    def desk(self, today: date = TODAY) -> CheckInDesk:
        """A desk on that day."""
        return CheckInDesk(self.catalogue, self.store, today)

    def publish_scores(self, as_of: date, run: str) -> None:
        """Score everything as of a day and publish it."""
        weeks = date(2026, 11, 2)
        values = frame(
            series("nps", "week", weeks, 42, 43, 43, 45, 46, 48),
            series("promoters", "week", weeks, 60, 60, 61, 62, 63, 66),
            series("detractors", "week", weeks, 18, 17, 18, 17, 17, 18),
        )
        coloured = apply_status(self.catalogue, values, as_of)
        scored = score_cycles(
            self.catalogue,
            coloured,
            as_of,
            check_ins=self.store.check_ins(),
            dues=self.store.dues(),
            frozen=self.store.frozen_cycles(),
            agreed=self.store.agreed(),
        )
        publish(
            self.engine,
            Publication(
                publication_id=run,
                code_version="test",
                data_through=as_of,
                dictionary=dictionary_rows(
                    self.catalogue,
                    dict.fromkeys(self.catalogue.metrics, "0" * 64),
                    first=date(2026, 7, 1),
                    last=date(2026, 12, 31),
                ),
                values=coloured,
                key_result_scores=tuple(row for one in scored for row in one.key_results),
                objective_scores=tuple(row for one in scored for row in one.objectives),
                contributions=contribution_rows(self.catalogue, coloured, as_of),
                check_ins_due=tuple(row for one in scored for row in one.check_ins_due),
            ),
            clock=lambda: NOW,
            run_id=run,
        )


def opened(engine: Engine) -> Published:
    """The company around a database that was published before."""
    return Published(engine, company(), DatabaseCheckIns(engine, lambda: NOW))


def published(engine: Engine) -> Published:
    """Make the schema and publish once, as of the day before `TODAY`."""
    upgrade(engine)
    found = opened(engine)
    found.publish_scores(date(2026, 11, 12), "first")
    return found
