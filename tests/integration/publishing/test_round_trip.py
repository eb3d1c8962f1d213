"""Whatever people call things and whatever engines compute comes back as it went in, or as NULL with a reason.

Source: fault rules, faults 23, 24 and 32.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from pipelines.publishing import Coverage, migrations, open_reporting
from pipelines.publishing.engine import reading
from pipelines.publishing.numbers import quantised
from pipelines.publishing.records import ContributionRow, KeyResultScoreRow
from pipelines.publishing.schema import metadata
from tests.integration.publishing.kit import assert_whole, dictionary, put, rows, value
from tests.integration.publishing.test_publish import flag

NAUGHTY = [
    "=cmd|'/C calc'!A0", "'; DROP TABLE kpi_value;--", 'x"; DROP SCHEMA kpi_core CASCADE;--', "\\.", "\n\\.\n", "NULL",
    "\\N", "", " ", "\t", "\r\n", "a,b", '"', "''", "%s %(x)s :name ?", "{core}", "مرحبا", "\u202edcba", "\ufeff",
    "\ud7ff",
    "𝔘𝔫𝔦", "e\u0301", "é", "ß", "İ", "\x01\x7f", "\u2028", "a" * 5000, "region=emea|tier=pro", "true", "0x1F", "1e3",
]  # fmt: skip
settings_ = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
words = st.one_of(
    st.sampled_from(NAUGHTY), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)
floats = st.one_of(
    st.floats(),
    st.sampled_from([0.1 + 0.2, -0.0, 1e308, -1e308, 1e-320, 1e15 + 0.3, 123456789.123456, 2.0000005]),
)


@settings_
@given(st.lists(words.filter(bool), min_size=1, max_size=8, unique=True), words)
def test_text_comes_back_byte_for_byte(engine: Engine, segments: list[str], words_: str) -> None:
    described = replace(dictionary().metrics[0], short_description=words_, suggested_actions=words_)
    put(
        engine,
        os.urandom(8).hex(),
        *(value("csat", segment_dimension="region", segment_value=segment) for segment in segments),
        value("csat", number=None, state_reason=words_ or "x"),
        dictionary=dictionary(metrics=(described, *dictionary().metrics[1:]), dates=()),
    )
    found = {s for (s,) in rows(engine, "SELECT segment_value FROM kpi_monthly_by_segment")}
    assert found == set(segments)
    assert rows(engine, "SELECT short_description FROM metric WHERE metric_id = 'csat'") == [(words_,)]
    assert rows(engine, "SELECT state_reason FROM kpi_monthly") == [(words_ or "x",)]
    assert_whole(engine)


@settings_
@given(st.lists(floats, min_size=1, max_size=12))
@example([float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 1e-320, -0.0, 0.0])
def test_numbers_come_back_at_six_places_or_as_null(engine: Engine, numbers: list[float]) -> None:
    starts = [date(2000 + n // 12, n % 12 + 1, 1) for n in range(len(numbers))]
    given_rows = [
        value(
            "csat",
            start,
            number,
            value_state="final",
            numerator=number,
            denominator=number,
            previous_value=number,
        )
        for start, number in zip(starts, numbers, strict=True)
    ]
    whole = (Coverage("csat", "month", date(2000, 1, 1), date(2099, 1, 1)),)
    put(engine, os.urandom(8).hex(), *given_rows, dictionary=dictionary(dates=()), coverage=whole)
    query = "SELECT value, numerator, denominator, previous_value, value_state, state_reason FROM kpi_value " \
            "WHERE is_current ORDER BY period_start"  # fmt: skip
    with reading(engine) as connection:
        found = connection.execute(text(query)).all()
    for number, row in zip(numbers, found, strict=True):
        expected = quantised(number)
        for cell in row[:4]:
            assert quantised(cell) == expected
            assert cell is None or not math.isnan(cell)
        assert (row.value_state, row.state_reason is None) == (
            ("no_data", False) if expected is None else ("final", True)
        )


@settings_
@given(floats, floats, floats)
@example(float("nan"), float("inf"), -float("inf"))
def test_scores_contributions_and_causes_are_numbers_or_null(
    engine: Engine, one: float, two: float, three: float
) -> None:
    month = date(2026, 2, 1)
    score = KeyResultScoreRow(
        "csat-up", date(2026, 2, 28), 59, "ratio", "no_data", "no_data", current_value=one, ratio_raw=two,
        progress_raw=three, score=one, forecast_value=two, forecast_low=three,
    )  # fmt: skip
    part = ContributionRow(
        "revenue", "csat", "month", month, "target", "", "", one, two, three, one, "lmdi", True
    )
    cause = ({"segment": "emea", "share": one, "parts": [two, {"deeper": three}]},)
    put(
        engine,
        os.urandom(8).hex(),
        key_result_scores=(score,),
        contributions=(part,),
        anomalies=(flag(month, observed=one, expected=two, lower_bound=three, root_cause=cause),),
        dictionary=dictionary(dates=()),
    )
    expected = [quantised(one), quantised(two), quantised(three)]
    queries = {
        "SELECT current_value, ratio_raw, progress_raw FROM key_result_score WHERE is_current": expected,
        "SELECT child_value, child_compare_value, contribution FROM metric_contribution WHERE is_current": expected,
        "SELECT observed, expected, lower_bound FROM anomaly WHERE is_current": expected,
    }
    with reading(engine) as connection:
        for query, wanted in queries.items():
            assert [quantised(cell) for cell in connection.execute(text(query)).one()] == wanted, query
        told = connection.execute(text("SELECT root_cause FROM anomaly WHERE is_current")).scalar_one()
    [found] = json.loads(told, parse_constant=pytest.fail)
    wanted_parts = [number if math.isfinite(number) else None for number in (one, two, three)]
    assert [found["share"], found["parts"][0], found["parts"][1]["deeper"]] == wanted_parts


_PUBLISH = """
import sys
from pipelines.publishing import Coverage, migrations, open_reporting
from tests.integration.publishing.test_crash import after, before
from tests.integration.publishing.kit import Clock
from pipelines.publishing import publish
for url in sys.argv[1:]:
    engine, clock = open_reporting(url), Clock()
    migrations.upgrade(engine)
    for wanted in (before(), after()):
        publish(engine, wanted, clock=clock, run_id="r")
"""


def test_the_same_publications_make_the_same_bytes_everywhere(
    tmp_path: Path, postgres_url: str, request: pytest.FixtureRequest
) -> None:
    """Under other hash seeds, time zones and locales, and on the other engine, every table holds the same."""
    urls = [f"sqlite:///{tmp_path / f'world_{n}.db'}" for n in range(2)]
    worlds = [
        ({"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"}, urls[:1]),
        (
            {"PYTHONHASHSEED": "4242", "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8"},
            [urls[1], postgres_url],
        ),
    ]
    for world, places in worlds:
        done = subprocess.run(
            [sys.executable, "-c", _PUBLISH, *places],
            cwd=request.config.rootpath,
            env={**os.environ, **world, "PYTHONPATH": str(request.config.rootpath)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    first, second, third = (_contents(open_reporting(url)) for url in [*urls, postgres_url])
    assert first == second
    for name, content in first.items():
        assert third[name] == content, name


def _contents(engine: Engine) -> dict[str, list[Any]]:
    with reading(engine) as connection:
        assert migrations.revision(connection) == migrations.head()
        found = {}
        for table in metadata.sorted_tables:
            if table.name == "object_comment":  # restricted views have other names on SQLite
                continue
            order = list(table.primary_key.columns)
            found[table.name] = [tuple(row) for row in connection.execute(table.select().order_by(*order))]
    engine.dispose()
    return found
