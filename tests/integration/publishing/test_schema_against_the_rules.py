"""The schema that the migrations make, held against the sketch of the publication rules, line by line.

The sketch is to be bettered, not copied: every name that differs stands below with the reason. What is in neither
list must be there as the sketch has it: table, column, type, NOT NULL, vocabulary, foreign key, view column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot
from sqlalchemy import Engine, inspect, text
from sqlglot import exp

from pipelines.publishing.engine import reading
from pipelines.publishing.views import VIEWS

TABLES = {
    "metric_dictionary": "metric_version",  # the view of this name is the contract
    "audience": "metric_audience",  # with person_role: whom a dictionary's role lets see which metric
}
COLUMNS = {
    ("dim_date", "iso_week_start"): "week_start",  # weeks may begin on another day than Monday
    ("metric_dictionary", "timezone"): "time_zone",
    ("metric_dictionary", "null_policy"): "missing_policy",  # as the dictionary's YAML calls it
    ("metric_dictionary", "min_denominator"): "minimum_sample",
    ("metric_dictionary", "freshness_sla"): "freshness_sla_seconds",  # durations are seconds (decision 5)
    ("target", "baseline_period_end"): "baseline_as_of",
    ("target", "set_at"): "set_date",  # YAML says a day
    ("okr_cycle", "checkin_cadence"): "check_in_cadence",
    ("key_result_score", "value_as_of"): "value_as_of_date",  # `_date` dates (decision 11)
    ("key_result_score", "days_since_checkin"): "days_since_check_in",
    ("freshness", "sla"): "sla_seconds",
    ("freshness", "data_through"): "data_through_at",
    ("audience", "person_email"): "role_name",
}
ELSEWHERE = {
    ("kpi_value", "target_key"): "joined by metric, period and segment: a changed target rewrites no value",
    ("kpi_value", "computed_at"): "publish_batch.published_at, shown as computed_at by the views",
    ("metric_dictionary", "close_offset_days"): "restatement_days: one span until a period is final",
    ("target", "baseline_period_start"): "a baseline is the value of one day or period end",
    ("benchmark", "benchmark_key"): "its key is metric and label",
    ("metric_edge", "valid_from"): "edges in force; what was in force before is in the change log and in git",
    ("metric_edge", "valid_to"): "the same",
    ("audience", "team_key"): "person_role",
    ("audience", "can_see_restricted"): "a row of metric_audience says it",
    **{
        ("key_result", name): "key_result_terms, which is kept by revision"
        for name in ("baseline_value", "baseline_as_of", "target_value", "stretch_value", "commit_value", "band_low",
                     "band_high", "comparison", "weight", "due_date", "expected_curve", "revision",
                     "revised_reason")
    },
}  # fmt: skip
LOOSER = {
    ("metric_dictionary", "proposed_by"): "a first definition has no proposal",
    ("metric_dictionary", "approved_by"): "the same",
    ("target", "set_at"): "YAML may leave the day out",
    ("anomaly", "observed"): "NULL where the value is missing: that is the finding",
    ("anomaly", "expected"): "a streak has no expected value",
    ("anomaly", "lower_bound"): "the same",
    ("anomaly", "upper_bound"): "the same",
}
WORDS = {
    ("publish_batch", "state"): {"building"},  # a batch's row appears when it is published
    ("metric_dictionary", "null_policy"): {"no_data"},  # called empty
    ("kpi_value", "period_grain"): {"trailing_30d"},  # any trailing_<n>d
}
VIEW_COLUMNS = {("kpi_latest", "month_start"): "period_start"}  # the grain is the metric's own
TYPES = {
    "BIGINT": {"bigint", "integer"},
    "INT": {"integer", "bigint", "smallint"},
    "SMALLINT": {"smallint", "integer"},
    "TEXT": {"text"},
    "CHAR": {"text"},
    "TEXT[]": {"text"},  # joined by a comma: any BI tool reads it
    "DATE": {"date"},
    "TIMESTAMPTZ": {"timestamp with time zone", "date"},
    "DECIMAL": {"numeric"},
    "BOOLEAN": {"boolean"},
    "INTERVAL": {"bigint", "integer"},
}
GRAINS = ("daily", "weekly", "monthly", "quarterly")
NAMED_VIEWS = (
    *(f"kpi_{grain}{suffix}" for grain in GRAINS for suffix in ("", "_by_segment")),
    "kpi_latest", "leading_weekly", "lagging_monthly", "objectives", "okr_progress", "check_ins",
    "balanced_scorecard", "metric_tree", "metric_dictionary", "metric_changes", "data_health", "open_anomalies",
    "alert_history", "focus_candidates", "definition_findings",
)  # fmt: skip


@pytest.fixture(scope="module")
def sketch(shared_folder: Path) -> list[exp.Create]:
    """The statements of the sketch that make something."""
    path = shared_folder / "spec" / "published_schema.sql"
    if not path.exists():
        pytest.skip(f"no {path.name} beside the shared test data")
    found = sqlglot.parse(path.read_text(encoding="utf-8"), read="postgres")
    return [statement for statement in found if isinstance(statement, exp.Create)]


def tables(sketch: list[exp.Create]) -> Iterator[tuple[str, str, exp.Schema]]:
    """(schema, name, columns and constraints) of every table."""
    for statement in sketch:
        if statement.kind == "TABLE":
            schema: exp.Schema = statement.this
            yield schema.this.db, schema.this.name, schema


def columns(sketch: list[exp.Create]) -> Iterator[tuple[str, str, exp.ColumnDef]]:
    """(table, column, definition) of every column."""
    for _, table, schema in tables(sketch):
        for entry in schema.expressions:
            if isinstance(entry, exp.ColumnDef):
                yield table, entry.name, entry


def ours(table: str, column: str) -> tuple[str, str]:
    return TABLES.get(table, table), COLUMNS.get((table, column), column)


def published(engine: Engine) -> dict[tuple[str, str], tuple[str, str, bool]]:
    """(table, column) → (schema, type, nullable) of what the migrations made."""
    query = (
        "SELECT table_schema, table_name, column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_schema IN ('kpi_core', 'kpi_input')"
    )
    with reading(engine) as connection:
        return {
            (row.table_name, row.column_name): (row.table_schema, row.data_type, row.is_nullable == "YES")
            for row in connection.execute(text(query))
        }


def test_every_table_stands_in_its_schema(sketch: list[exp.Create], postgres_engine: Engine) -> None:
    found = {(schema, table) for (table, _), (schema, _, _) in published(postgres_engine).items()}
    wanted = {(schema, TABLES.get(table, table)) for schema, table, _ in tables(sketch)}
    assert wanted - found == set()


def test_every_column_is_there_with_its_type_and_not_null(
    sketch: list[exp.Create], postgres_engine: Engine
) -> None:
    found = published(postgres_engine)
    for table, column, definition in columns(sketch):
        if (table, column) in ELSEWHERE:
            continue
        place = ours(table, column)
        assert place in found, f"{table}.{column} of the sketch is nowhere"
        _, kind, nullable = found[place]
        wanted = re.sub(r"\(.*\)", "", definition.kind.sql("postgres"))
        assert kind in TYPES[wanted], f"{place} is {kind}, the sketch says {wanted}"
        rules = {type(rule.kind) for rule in definition.constraints}
        is_key = exp.PrimaryKeyColumnConstraint in rules
        if (exp.NotNullColumnConstraint in rules or is_key) and (table, column) not in LOOSER:
            assert not nullable, f"{place} may be NULL, the sketch says it may not"


def test_no_difference_is_listed_that_is_none(sketch: list[exp.Create], postgres_engine: Engine) -> None:
    known, found = {(table, column) for table, column, _ in columns(sketch)}, published(postgres_engine)
    assert (COLUMNS.keys() | ELSEWHERE.keys() | LOOSER.keys() | WORDS.keys()) - known == set()
    assert {place for place in ELSEWHERE if ours(*place) in found} == set()


def test_every_word_of_every_vocabulary_is_allowed(sketch: list[exp.Create], postgres_engine: Engine) -> None:
    with reading(postgres_engine) as connection:
        rows = connection.execute(
            text(
                "SELECT c.relname, pg_get_constraintdef(k.oid) FROM pg_constraint AS k "
                "JOIN pg_class AS c ON c.oid = k.conrelid WHERE k.contype = 'c'"
            )
        ).all()
    rules: dict[str, str] = {}
    for table, rule in rows:
        rules[table] = rules.get(table, "") + rule
    for table, column, definition in columns(sketch):
        if (table, column) in ELSEWHERE:
            continue
        for check in definition.find_all(exp.CheckColumnConstraint):
            for one in check.find_all(exp.In):
                words = {word.name for word in one.expressions if word.is_string}
                missing = {word for word in words if f"'{word}'" not in rules[ours(table, column)[0]]}
                assert missing <= WORDS.get((table, column), set()), (
                    f"{table}.{column} does not allow {missing}"
                )


def test_every_foreign_key_is_real(sketch: list[exp.Create], postgres_engine: Engine) -> None:
    found: set[tuple[str, str, str]] = set()
    looked = inspect(postgres_engine)
    for schema in ("kpi_core", "kpi_input"):
        for (_, table), keys in looked.get_multi_foreign_keys(schema=schema).items():
            for key in keys:
                found |= {(table, name, key["referred_table"]) for name in key["constrained_columns"]}
    for table, column, definition in columns(sketch):
        if (table, column) in ELSEWHERE:
            continue
        for reference in definition.find_all(exp.Reference):
            other = reference.find(exp.Table).name
            if (table, column, other) == ("kpi_value", "metric_id", "metric"):
                other = "metric_dictionary"  # metric and version together refer to the definition
            assert (*ours(table, column), TABLES.get(other, other)) in found, f"{table}.{column} → {other}"


def test_every_view_has_the_columns_of_the_sketch(sketch: list[exp.Create]) -> None:
    told = {view.name: {column.name for column in view.columns} for view in VIEWS}
    assert set(NAMED_VIEWS) <= told.keys()
    named: dict[str, list[str]] = {}
    for statement in sketch:
        if statement.kind == "VIEW":
            select = statement.find(exp.Select)
            listed = select.named_selects
            named[statement.this.name] = named["kpi_monthly"] if listed == ["*"] else listed
    assert len(named) >= 5
    for view, wanted in named.items():
        renamed = {VIEW_COLUMNS.get((view, name), name) for name in wanted}
        assert renamed - told[view] == set(), view


def test_one_current_row_is_held_by_an_index(sketch: list[exp.Create], postgres_engine: Engine) -> None:
    wanted = {s.this.name for s in sketch if s.kind == "INDEX" and s.args.get("unique")}
    renamed = {
        "one_current_version": "one_current_metric_version",
        "one_current_value": "one_current_kpi_value",
    }
    with reading(postgres_engine) as connection:
        found = set(
            connection.execute(
                text("SELECT indexname FROM pg_indexes WHERE indexdef LIKE 'CREATE UNIQUE%'")
            ).scalars()
        )
    assert {renamed.get(name, name) for name in wanted} - found == set()
