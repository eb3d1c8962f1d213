"""One meaning under two names is found however it is written; another meaning is not called the same."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions import load_texts
from definitions.lint import lint
from tests.unit.definitions.small import TEXTS

METRICS = "metrics/support.yml"
ROWS = """
SELECT * FROM (VALUES
  (1, 'high', 4.0, 'red', TIMESTAMP '2026-01-01'), (2, 'low', 5.0, NULL, NULL), (3, 'high', NULL, 'blue', NULL),
  (4, 'high', 6.0, NULL, TIMESTAMP '2026-01-02'), (5, 'low', 7.5, 'red', NULL), (6, 'high', 5.0, 'blue', NULL)
) AS tickets(ticket_id, priority, cost, team, resolved_at)"""


def metric(name: str, formula: str) -> str:
    return (
        f"  - {{name: {name}, label: {name}, type: simple, source: tickets, {formula}, unit: tickets, "
        "direction: decrease, owner: {team: support, accountable: ana}}\n"
    )


def told(one: str, other: str, names: tuple[str, str] = ("first", "other")) -> list[str]:
    """What the linter says of two formulas for the second one."""
    both = "".join(metric(name, formula) for name, formula in zip(names, (one, other), strict=True))
    found = lint(load_texts({**TEXTS, METRICS: TEXTS[METRICS] + both}), today=date(2026, 5, 1))
    return [f.code for f in found if f.code.endswith("DUPLICATE") and f.subject in names]


BASE = "agg: count, filter: \"priority = 'high' and cost > 5\""


@pytest.mark.parametrize(
    "other",
    [
        "agg: count, filter: \"(cost > 5.0) and 'high' = priority\"",
        "agg: count, filter: \"not (cost <= 5) and priority in ('high')\"",
        "agg: count, filter: \"priority = 'high' and cost > 5 and ticket_id is not null and 1 = 1\"",
        "agg: count, filter: \"not (priority != 'high' or cost <= 5)\"",
        "agg: count, expr: ticket_id, filter: \"priority = 'high' and cost > 5\"",
        'agg: sum, expr: "1", filter: "priority = \'high\' and cost > 5"',
        "agg: count_distinct, expr: ticket_id, filter: \"priority = 'high' and cost > 5\"",
        "agg: sum_boolean, expr: cost > 5, filter: priority = 'high'",
        "agg: count, filter: \"priority = 'high' and cost > 5\", time: opened_at, segments: [team], grains: [day]",
    ],
)
def test_other_words_for_one_thing_are_a_duplicate(other: str) -> None:
    assert told(BASE, other) == ["DUPLICATE"]


@pytest.mark.parametrize(
    "other",
    [
        "agg: count, filter: \"priority = 'high' and cost >= 5\"",
        "agg: count, filter: \"priority = 'low' and cost > 5\"",
        "agg: count, filter: \"priority = 'high' or cost > 5\"",
        "agg: count, filter: \"priority = 'high' and cost > 5 and team is not null\"",
        "agg: count, expr: team, filter: \"priority = 'high' and cost > 5\"",
        "agg: count_distinct, expr: team, filter: \"priority = 'high' and cost > 5\"",
        "agg: count, filter: \"priority = 'high' and cost > 5\", time: due_on",
    ],
)
def test_another_thing_is_none(other: str) -> None:
    assert "DUPLICATE" not in told(BASE, other)


def test_a_small_difference_under_a_name_alike_is_near() -> None:
    alike = ("urgent_tickets_opened", "urgent_tickets_open")
    assert told(BASE, BASE.replace("> 5", "> 6"), alike) == ["NEAR_DUPLICATE"]
    assert told(BASE, f"{BASE}, minimum_sample: 3") == ["NEAR_DUPLICATE"]
    assert told(BASE, f"{BASE}, missing: zero") == ["NEAR_DUPLICATE"]
    assert told(BASE, "agg: sum, expr: hours", alike) == []


def test_a_filter_of_the_source_may_stand_in_the_measure() -> None:
    sources = TEXTS["sources/support.yml"]
    tickets = sources[sources.index("  - name: tickets") :]
    urgent = tickets.replace("name: tickets", "name: urgent\n    filter: priority = 'high'", 1)
    one = metric("first", "agg: count").replace("source: tickets", "source: urgent")
    texts = {
        **TEXTS,
        "sources/support.yml": sources + urgent,
        METRICS: TEXTS[METRICS] + one + metric("other", "agg: count, filter: priority = 'high'"),
    }
    assert [f.subject for f in lint(load_texts(texts), today=date(2026, 5, 1)) if f.code == "DUPLICATE"] == [
        "other"
    ]


# ── any filter ──────────────────────────────────────────────────────────────────────────────────────────────

ATOMS = (
    ("priority = 'high'", "'high' = priority", "priority in ('high')", "not (priority <> 'high')"),
    ("cost > 5", "5 < cost", "not (cost <= 5)", "cost > 5.00"),
    ("cost between 4 and 6", "cost >= 4 and cost <= 6", "not (cost < 4 or cost > 6)"),
    ("team is null", "not (team is not null)"),
    ("resolved_at is not null", "not (resolved_at is null)"),
    ("team in ('red', 'blue')", "team in ('blue', 'red', 'red')"),
)
NEUTRAL = ("true", "1 = 1", "ticket_id is not null", "(not false)")


@st.composite
def same_filters(draw: st.DrawFn) -> tuple[str, str]:
    """Two ways to write one filter."""
    chosen = draw(st.lists(st.sampled_from(ATOMS), min_size=1, max_size=3, unique=True))
    joint = draw(st.sampled_from([" and ", " or "]))

    def written() -> str:
        parts = [f"({draw(st.sampled_from(atom))})" for atom in chosen]
        if draw(st.booleans()):
            parts.append(draw(st.sampled_from(parts)))
        text = joint.join(draw(st.permutations(parts)))
        if draw(st.booleans()):
            text = f"({text}) and {draw(st.sampled_from(NEUTRAL))}"
        return f"not (not ({text}))" if draw(st.booleans()) else text

    return written(), written()


def counted(condition: str) -> int:
    (row,) = duckdb.sql(f"SELECT count(*) FROM ({ROWS}) WHERE {condition}").fetchall()
    return int(row[0])


@settings(max_examples=40)
@given(same_filters())
def test_renamed_reordered_and_with_neutral_filters_it_is_a_duplicate(pair: tuple[str, str]) -> None:
    one, other = pair
    assert counted(one) == counted(other)
    assert told(f'agg: count, filter: "{one}"', f'agg: count, filter: "{other}"') == ["DUPLICATE"]


@settings(max_examples=25)
@given(same_filters(), same_filters())
def test_what_is_called_the_same_counts_the_same(one: tuple[str, str], other: tuple[str, str]) -> None:
    if told(f'agg: count, filter: "{one[0]}"', f'agg: count, filter: "{other[0]}"') == ["DUPLICATE"]:
        assert counted(one[0]) == counted(other[0])
