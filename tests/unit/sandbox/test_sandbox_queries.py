"""SOQL and JQL: what parses, into what, and what is refused; dates as the API user means them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from connectors.sandbox import jql, soql
from connectors.sandbox.company.timeline import instant


def test_a_soql_query_becomes_a_tree() -> None:
    query = soql.parse(
        "select Id, Amount from Opportunity where SystemModstamp >= 2026-06-01T02:00:00+02:00 and not (IsWon = true or "
        "Name like 'A%') and StageName not in ('a', 'it\\'s') order by SystemModstamp desc nulls last, Id limit 7"
    )
    assert (query.fields, query.object, query.limit, query.count) == (
        ("Id", "Amount"),
        "Opportunity",
        7,
        False,
    )
    assert query.order == (soql.Order("SystemModstamp", True), soql.Order("Id", False))
    assert isinstance(query.where, soql.Combination)
    since, negated, stages = query.where.parts
    assert since == soql.Comparison(
        "SystemModstamp", ">=", soql.Instant(instant(datetime(2026, 6, 1, tzinfo=UTC)))
    )
    assert isinstance(negated, soql.Combination)
    assert negated.operator == "NOT"
    assert stages == soql.Comparison("StageName", "NOT IN", ("a", "it's"))


def test_soql_knows_its_literals() -> None:
    query = soql.parse(
        "SELECT COUNT() FROM X WHERE a = 1.5 AND b = null AND c = FALSE AND d = 2026-06-01 AND e <> 'x'"
    )
    assert query.count
    assert isinstance(query.where, soql.Combination)
    values = [part.value for part in query.where.parts if isinstance(part, soql.Comparison)]
    assert values == [1.5, None, False, "2026-06-01", "x"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT",
        "SELECT Id",
        "SELECT Id FROM",
        "SELECT Id FROM A WHERE",
        "SELECT Id FROM A WHERE b",
        "SELECT Id FROM A LIMIT x",
        "SELECT Id FROM A WHERE b = ",
        "SELECT Id FROM A WHERE (b = 1",
        "SELECT Id, FROM A",
        "SELECT Id FROM A; DROP",
        "x y z",
    ],
)
def test_bad_soql_is_refused(text: str) -> None:
    with pytest.raises(soql.Malformed):
        soql.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-15T06:00:00Z", 1781503200000),
        ("2026-06-15T06:00:00.250+0000", 1781503200250),
        ("2026-06-15T08:00:00+02:00", 1781503200000),
    ],
)
def test_instants_of_soql_are_milliseconds(text: str, expected: int) -> None:
    assert soql.milliseconds(text) == expected


def test_a_jql_query_becomes_a_tree() -> None:
    search = jql.parse(
        'project in (CORE, "WEB") AND (updated >= -2h OR priority is not EMPTY) ORDER BY updated, key DESC'
    )
    assert search.order == (("updated", False), ("key", True))
    assert [clause.field for clause in jql.clauses(search.where)] == ["project", "updated", "priority"]
    assert jql.clauses(search.where)[0] == jql.Clause("project", "in", ("CORE", "WEB"))
    assert jql.parse("ORDER BY created").where is None
    assert jql.parse("").where is None


@pytest.mark.parametrize(
    "text", ["project", "project =", "project in CORE", "(a = 1", "a = 1 b = 2", "a = 1 AND"]
)
def test_bad_jql_is_refused(text: str) -> None:
    with pytest.raises(jql.Malformed):
        jql.parse(text)


NOW = instant(datetime(2026, 6, 15, 6, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-15 02:00", datetime(2026, 6, 15, 6, tzinfo=UTC)),
        ("2026/06/15 02:00", datetime(2026, 6, 15, 6, tzinfo=UTC)),
        ("2026-01-15 02:00", datetime(2026, 1, 15, 7, tzinfo=UTC)),
        ("2026-06-15", datetime(2026, 6, 15, 4, tzinfo=UTC)),
        ("-1d", datetime(2026, 6, 14, 6, tzinfo=UTC)),
        ("-2w", datetime(2026, 6, 1, 6, tzinfo=UTC)),
        ("-30m", datetime(2026, 6, 15, 5, 30, tzinfo=UTC)),
        ("1781503200000", datetime(2026, 6, 15, 6, tzinfo=UTC)),
    ],
)
def test_dates_of_jql_are_read_in_the_users_zone(text: str, expected: datetime) -> None:
    assert jql.date_value(text, "updated", ZoneInfo("America/New_York"), NOW) == instant(expected)


def test_a_date_that_is_none_says_which_are() -> None:
    with pytest.raises(jql.Malformed, match="yyyy-MM-dd HH:mm"):
        jql.date_value("soon", "updated", ZoneInfo("UTC"), NOW)
