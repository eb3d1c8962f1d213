"""Check-ins in the reporting database: reading what people said, recording what they say now.

store = DatabaseCheckIns(engine, clock)
store.record([check_in])        # one transaction; supersedes what stands for the key result and day
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select
from sqlalchemy.exc import IntegrityError

from pipelines.okr.checkins import Facts
from pipelines.publishing.engine import reading, writing
from pipelines.publishing.records import TOTAL, KeyResultScoreRow
from pipelines.publishing.schema import (
    check_in,
    check_in_due,
    key_result,
    key_result_score,
    key_result_terms,
    metric,
    metric_contribution,
    objective,
    okr_cycle,
    publish_batch,
)
from pipelines.scoring.cadence import Due, DueState
from pipelines.scoring.checkin import CheckIn, Driver, corrected_by
from pipelines.scoring.cycle import GoalNumbers
from pipelines.scoring.errors import CheckInError
from pipelines.scoring.kinds import KeyResultStatus

_EDITABLE = ("baseline_value", "target_value", "stretch_value", "band_low", "band_high", "weight")


class DatabaseCheckIns:
    """The table `kpi_input.check_in`, and what the published tables say about key results.

    Raises:
        DatabaseUnavailable: from any method, when the database cannot be reached.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def check_ins(self) -> tuple[CheckIn, ...]:
        """Everything that was ever recorded, in order of recording."""
        with reading(self._engine) as connection:
            return _recorded(connection)

    def record(self, drafts: Sequence[CheckIn]) -> tuple[CheckIn, ...]:
        """Record all or none; each supersedes what stands for its key result and day.

        Raises:
            CheckInError: a key result was never published, so nothing can refer to it yet.
        """
        now, recorded = self._clock(), []
        with writing(self._engine) as connection:
            known = set(connection.execute(select(key_result.c.key_result_key)).scalars())
            for draft in drafts:
                if draft.key_result not in known:
                    raise CheckInError(
                        "key_result",
                        f"{draft.key_result!r} is not published yet; publish once, then check in",
                    )
                earlier = corrected_by(draft, _recorded(connection, draft.key_result))
                recorded.append(_insert(connection, replace(draft, supersedes=earlier, created_at=now)))
        return tuple(recorded)

    def facts(self, key: str, since: date | None) -> Facts:
        """The latest published score of a key result, its value on `since`, and its metric's drivers."""
        scores = key_result_score.c
        with reading(self._engine) as connection:
            mine = (scores.key_result_key == key) & scores.is_current
            latest = connection.execute(
                select(key_result_score).where(mine).order_by(scores.as_of_date.desc()).limit(1)
            ).first()
            if latest is None:
                return Facts()
            previous = None
            if since is not None:
                previous = connection.execute(
                    select(scores.current_value)
                    .where(mine, scores.as_of_date <= since)
                    .order_by(scores.as_of_date.desc())
                    .limit(1)
                ).scalar()
            return Facts(
                value=latest.current_value,
                value_as_of=latest.value_as_of_date,
                previous=previous,
                score=latest.score,
                score_band=latest.score_band,
                progress=latest.progress_raw,
                pace=latest.pace_status,
                hit_probability=latest.hit_probability,
                drivers=_drivers(connection, key),
            )

    def dues(self) -> tuple[Due, ...]:
        """Due check-ins as published, with the nudges that were sent."""
        columns = check_in_due.c
        with reading(self._engine) as connection:
            found = connection.execute(
                select(check_in_due)
                .where(columns.is_current)
                .order_by(columns.key_result_key, columns.due_date)
            ).all()
        return tuple(
            Due(row.key_result_key, row.due_date, DueState(row.state), row.nudges_sent, row.last_nudge_at)
            for row in found
        )

    def frozen_cycles(self) -> frozenset[str]:
        """Cycles whose final scores are published: nothing about them is computed again."""
        with reading(self._engine) as connection:
            found = connection.execute(
                select(objective.c.cycle_key)
                .join(key_result, key_result.c.objective_key == objective.c.objective_key)
                .join(key_result_score, key_result_score.c.key_result_key == key_result.c.key_result_key)
                .where(key_result_score.c.is_current, key_result_score.c.is_final)
                .distinct()
            ).scalars()
            return frozenset(found)

    def snapshot_days(self) -> dict[str, frozenset[date]]:
        """Days of each cycle that have snapshots of its key results."""
        found: dict[str, set[date]] = {}
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(objective.c.cycle_key, key_result_score.c.as_of_date)
                .join(key_result, key_result.c.objective_key == objective.c.objective_key)
                .join(key_result_score, key_result_score.c.key_result_key == key_result.c.key_result_key)
                .where(key_result_score.c.is_current)
                .distinct()
            )
            for cycle, day in rows:
                found.setdefault(cycle, set()).add(day)
        return {cycle: frozenset(days) for cycle, days in found.items()}

    def agreed(self) -> dict[str, GoalNumbers]:
        """The numbers each key result began its cycle with: those published when it started, else the first ones.

        What they are now may differ: a target that moved inside the cycle is an edit that readers are shown.
        """
        terms = key_result_terms
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(terms, okr_cycle.c.start_date, publish_batch.c.published_at)
                .join(key_result, key_result.c.key_result_key == terms.c.key_result_key)
                .join(objective, objective.c.objective_key == key_result.c.objective_key)
                .join(okr_cycle, okr_cycle.c.cycle_key == objective.c.cycle_key)
                .join(publish_batch, publish_batch.c.batch_id == terms.c.batch_id)
                .order_by(terms.c.key_result_key, terms.c.revision)
            ).all()
        found: dict[str, GoalNumbers] = {}
        for row in rows:
            is_before = row.published_at is not None and row.published_at.date() <= row.start_date
            if is_before or row.key_result_key not in found:
                found[row.key_result_key] = GoalNumbers(
                    target=row.target_value,
                    baseline=row.baseline_value,
                    stretch=row.stretch_value,
                    band_low=row.band_low,
                    band_high=row.band_high,
                )
        return found

    def edits(self) -> tuple[dict[str, Any], ...]:
        """Targets, baselines and weights that changed from one publication to a later one, in order of time."""
        terms, earlier = key_result_terms, key_result_terms.alias("earlier")
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(
                    terms.c.key_result_key,
                    publish_batch.c.published_at,
                    terms.c.revised_by,
                    terms.c.revised_reason,
                    *(
                        table.c[name].label(f"{when}_{name}")
                        for when, table in (("was", earlier), ("now", terms))
                        for name in _EDITABLE
                    ),
                )
                .join(
                    earlier,
                    (earlier.c.key_result_key == terms.c.key_result_key)
                    & (earlier.c.retired_batch_id == terms.c.batch_id),
                )
                .join(publish_batch, publish_batch.c.batch_id == terms.c.batch_id)
                .order_by(publish_batch.c.published_at, terms.c.key_result_key)
            ).mappings()
            return tuple(
                {
                    "key_result": row["key_result_key"],
                    "on": row["published_at"].date(),
                    "field": name.removesuffix("_value"),
                    "was": row[f"was_{name}"],
                    "now": row[f"now_{name}"],
                    "by": row["revised_by"],
                    "why": row["revised_reason"],
                }
                for row in rows
                for name in _EDITABLE
                if row[f"was_{name}"] != row[f"now_{name}"]
            )

    def standings(self) -> dict[str, KeyResultScoreRow]:
        """The latest published snapshot of every key result."""
        scores = key_result_score.c
        newest = (
            select(scores.key_result_key, func.max(scores.as_of_date).label("day"))
            .where(scores.is_current)
            .group_by(scores.key_result_key)
            .subquery()
        )
        same = (newest.c.key_result_key == scores.key_result_key) & (newest.c.day == scores.as_of_date)
        names = [field.name for field in fields(KeyResultScoreRow)]
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(*(key_result_score.c[name] for name in names))
                .join(newest, same)
                .where(scores.is_current)
                .order_by(scores.key_result_key)
            ).all()
        return {
            row.key_result_key: KeyResultScoreRow(**{**row._mapping, "flags": tuple(row.flags)})
            for row in rows
        }


def _recorded(connection: Connection, key: str | None = None) -> tuple[CheckIn, ...]:
    query = select(check_in).order_by(check_in.c.check_in_id)
    if key is not None:
        query = query.where(check_in.c.key_result_key == key)
    return tuple(_read(row) for row in connection.execute(query))


def _read(row: Row[Any]) -> CheckIn:
    return CheckIn(
        key_result=row.key_result_key,
        on=row.check_in_date,
        author=row.author_email,
        how_it_happened=row.how_it_happened,
        confidence=Decimal(row.confidence),
        progress_note=row.progress_note or "",
        blockers=row.blockers or "",
        do_differently=row.do_differently or "",
        value_override=row.value_override,
        status_override=None if row.status_override is None else KeyResultStatus(row.status_override),
        created_at=row.created_at,
        supersedes=row.supersedes,
        check_in_id=row.check_in_id,
    )


def _insert(connection: Connection, item: CheckIn) -> CheckIn:
    status = None if item.status_override is None else str(item.status_override)
    try:
        found = connection.execute(
            insert(check_in)
            .values(
                key_result_key=item.key_result,
                check_in_date=item.on,
                author_email=item.author,
                value_override=item.value_override,
                progress_note=item.progress_note or None,
                how_it_happened=item.how_it_happened,
                confidence=item.confidence,
                blockers=item.blockers or None,
                do_differently=item.do_differently or None,
                status_override=status,
                created_at=item.created_at,
                supersedes=item.supersedes,
            )
            .returning(check_in.c.check_in_id)
        )
    except IntegrityError as error:
        raise CheckInError("key_result", f"the database refused {item.key_result!r}: {error.orig}") from error
    return replace(item, check_in_id=int(found.scalar_one()))


def _drivers(connection: Connection, key: str) -> tuple[Driver, ...]:
    """What each driver of the key result's metric contributed in the latest period of its grain (else a
    week)."""
    columns, own = metric_contribution.c, key_result.c.key_result_key == key
    parent = select(key_result.c.metric_id).where(own).scalar_subquery()
    grain = select(func.coalesce(key_result.c.period_grain, "week")).where(own).scalar_subquery()
    mine = (columns.parent_metric_id == parent) & columns.is_current & (columns.segment_key == TOTAL)
    mine &= columns.period_grain == grain
    latest = select(func.max(columns.period_start)).where(mine).scalar_subquery()
    rows = connection.execute(
        select(metric.c.metric_name, columns.contribution)
        .join(metric, metric.c.metric_id == columns.child_metric_id)
        .where(mine, columns.period_start == latest, columns.method != "unexplained")
        .where(columns.contribution.is_not(None))
        .order_by(metric.c.metric_name)
    )
    return tuple(Driver(row.metric_name, row.contribution) for row in rows)
