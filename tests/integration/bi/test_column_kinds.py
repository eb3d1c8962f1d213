"""What BI tools are told of a column's type is what the database says, for every view."""

from __future__ import annotations

from sqlalchemy import Engine, text

from pipelines.publishing.engine import reading
from pipelines.publishing.views.kinds import ColumnKind, column_kinds

KINDS = {
    "numeric": ColumnKind.NUMBER,
    "bigint": ColumnKind.INTEGER,
    "integer": ColumnKind.INTEGER,
    "smallint": ColumnKind.INTEGER,
    "text": ColumnKind.TEXT,
    "boolean": ColumnKind.BOOLEAN,
    "date": ColumnKind.DATE,
    "timestamp with time zone": ColumnKind.TIMESTAMP,
}


def test_kinds_are_those_of_postgresql(postgres_engine: Engine) -> None:
    query = (
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'kpi'"
    )
    with reading(postgres_engine) as connection:
        found = {(view, column): kind for view, column, kind in connection.execute(text(query))}
    told = {(view, column): kind for view, kinds in column_kinds().items() for column, kind in kinds.items()}
    assert told.keys() == found.keys()
    assert {place: kind for place, kind in told.items() if KINDS[found[place]] is not kind} == {}
