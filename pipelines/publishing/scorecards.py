"""Wide scorecards: one view per team, one row per month, one column per metric, as a spreadsheet wants it.

Their columns follow from the dictionary, so they are made after a publication that changed it, in a
transaction of their own: a reader who holds one for long delays its next shape, never a publication.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, insert, select, text
from sqlalchemy.exc import DBAPIError

from pipelines.publishing.access import hand_over
from pipelines.publishing.engine import writing
from pipelines.publishing.errors import DatabaseUnavailable
from pipelines.publishing.schema import dim_team, metric, object_comment
from pipelines.publishing.schema.base import CORE, KPI

LONGEST_NAME = 63
"""PostgreSQL's limit for identifiers."""
_LOCK_TIMEOUT = "2s"


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One team's scorecard: the view's name and its metrics as (metric, value column, status column)."""

    name: str
    team_name: str
    metrics: tuple[tuple[str, str, str], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in order."""
        return ("month_start", *(name for _, value, status in self.metrics for name in (value, status)))


def refresh_scorecards(engine: Engine) -> tuple[str, ...]:
    """Bring the scorecards in line with the dictionary; returns those that a reader held and that stay as
    they were.

    They are brought in line by the next publication.
    """
    try:
        with writing(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
            write_scorecards(connection)
    except (DBAPIError, DatabaseUnavailable) as error:
        return (f"scorecards: {error}",)
    return ()


def write_scorecards(connection: Connection) -> None:
    """Make, change or take away scorecards so that there is one for every team with metrics. Unchanged ones
    stay."""
    wanted = {card.name: card for card in _scorecards(connection)}
    found = _existing(connection)
    prefix = f"{KPI}." if connection.dialect.name == "postgresql" else ""
    for name in sorted(found.keys() - wanted.keys()):
        connection.exec_driver_sql(f"DROP VIEW {prefix}{_quoted(connection, name)}")
        connection.execute(delete(object_comment).where(object_comment.c.object_name == name))
    for name, card in sorted(wanted.items()):
        if found.get(name) == card.columns:
            continue
        if name in found:
            connection.exec_driver_sql(f"DROP VIEW {prefix}{_quoted(connection, name)}")
        connection.exec_driver_sql(_create(connection, card, prefix))
        _comment(connection, card, prefix)
        hand_over(connection, f"{prefix}{_quoted(connection, name)}")


def _scorecards(connection: Connection) -> Iterable[Scorecard]:
    query = (
        select(dim_team.c.team_key, dim_team.c.team_name, metric.c.metric_id)
        .join(metric, metric.c.team_key == dim_team.c.team_key)
        .where(metric.c.is_listed, metric.c.sensitivity == "internal")
        .order_by(dim_team.c.team_key, metric.c.metric_id)
    )
    metrics: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for team_key, team_name, metric_id in connection.execute(query):
        names[team_key] = team_name
        metrics.setdefault(team_key, []).append(metric_id)
    taken: set[str] = set()
    for team_key, owned in metrics.items():
        used: set[str] = {"month_start"}
        columns = tuple((m, _free(m, "", used), _free(m, "_status", used)) for m in owned)
        slug = re.sub(r"[^a-z0-9_]+", "_", team_key.lower())
        yield Scorecard(_free(f"scorecard_{slug}", "_monthly", taken), names[team_key], columns)


def _free(stem: str, suffix: str, taken: set[str]) -> str:
    """`stem + suffix`, shortened to what an identifier may have and numbered where two would be the same."""
    number = 0
    while True:
        tail = suffix if number == 0 else f"_{number}{suffix}"
        name = stem[: LONGEST_NAME - len(tail)] + tail
        if name not in taken:
            taken.add(name)
            return name
        number += 1


def _existing(connection: Connection) -> dict[str, tuple[str, ...]]:
    if connection.dialect.name == "postgresql":
        query = (
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'kpi' "
            "AND table_name LIKE 'scorecard!_%' ESCAPE '!' ORDER BY table_name, ordinal_position"
        )
    else:
        query = (
            "SELECT m.name, c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c "
            "WHERE m.type = 'view' AND m.name LIKE 'scorecard!_%' ESCAPE '!' ORDER BY m.name, c.cid"
        )
    found: dict[str, tuple[str, ...]] = {}
    for view, column in connection.execute(text(query)):
        found[view] = (*found.get(view, ()), column)
    return found


def _create(connection: Connection, card: Scorecard, prefix: str) -> str:
    core = f"{CORE}." if prefix else ""
    lines = ["v.period_start AS month_start"]
    for metric_id, value, status in card.metrics:
        test = f"CASE WHEN v.metric_id = {_literal(metric_id)} THEN"
        lines.append(f"max({test} v.value END) AS {_quoted(connection, value)}")
        lines.append(f"max({test} v.status END) AS {_quoted(connection, status)}")
    listing = ",\n       ".join(lines)
    owned = ", ".join(_literal(metric_id) for metric_id, _, _ in card.metrics)
    return (
        f"CREATE VIEW {prefix}{_quoted(connection, card.name)} AS\nSELECT {listing}\nFROM {core}kpi_value AS v\n"
        f"WHERE v.is_current AND v.period_grain = 'month' AND v.segment_key = 'total'\n"
        f"  AND v.metric_id IN ({owned})\nGROUP BY v.period_start"
    )


def _comment(connection: Connection, card: Scorecard, prefix: str) -> None:
    entries = [
        ("", f"Metrics of team {card.team_name}: one row per month, a column per metric and its status.")
    ]
    entries.append(("month_start", "first day of the month; joins dim_date"))
    for metric_id, value, status in card.metrics:
        entries += [(value, f"value of {metric_id}; NULL is unknown"), (status, f"status of {metric_id}")]
    connection.execute(delete(object_comment).where(object_comment.c.object_name == card.name))
    rows = []
    for position, (column, description) in enumerate(entries):
        rows.append(
            {
                "schema_name": KPI,
                "object_name": card.name,
                "column_name": column,
                "object_kind": "view",
                "position": position,
                "description": description,
            }
        )
        if prefix:
            name = f"{prefix}{_quoted(connection, card.name)}"
            what = f"COLUMN {name}.{_quoted(connection, column)}" if column else f"VIEW {name}"
            connection.exec_driver_sql(f"COMMENT ON {what} IS %s", (description,))
    connection.execute(insert(object_comment), rows)


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
