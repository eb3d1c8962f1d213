"""States folded from history: what an issue or an opportunity was at any instant, checked against a plain replay."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions import load_texts
from pipelines.staging.build import macros
from pipelines.staging.models import FOLDER
from pipelines.warehouse import DuckDBWarehouse

START = datetime(2026, 1, 1)  # noqa: DTZ001 -- the warehouse holds naive UTC
STATUSES = {"To Do": "to_do", "In Progress": "in_progress", "Done": "done"}
NO_STATUSES = pa.table({"status": pa.array([], pa.string()), "status_category": pa.array([], pa.string())})
NO_STAGES = pa.table(
    {
        "stage": pa.array([], pa.string()),
        "is_closed": pa.array([], pa.bool_()),
        "is_won": pa.array([], pa.bool_()),
    }
)
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from(["status", "priority", "type", "assignee"]),
        st.sampled_from(["a", "b"]),
    ),
    max_size=8,
)
VALUES = {
    "status": {"a": "In Progress", "b": "Done"},
    "priority": {"a": "critical", "b": None},
    "type": {"a": "bug", "b": "story"},
    "assignee": {"a": "x", "b": "y"},
}


def replay(changes: list[tuple[int, str, str]], hour: int) -> dict[str, str | None]:
    """Field values after all changes up to and including `hour`."""
    now: dict[str, str | None] = {"status": "To Do", "priority": "low", "type": "task", "assignee": "x"}
    for at, field, choice in sorted(enumerate_changes(changes), key=lambda item: (item[0], item[1]))[:]:
        if at[0] <= hour:
            now[field] = VALUES[field][choice]
    return now


def enumerate_changes(changes):  # type: ignore[no-untyped-def]
    return [((at, f"{position:03}"), field, choice) for position, (at, field, choice) in enumerate(changes)]


def changelog(changes: list[tuple[int, str, str]]) -> pa.Table:
    """Rows as staging has them: each with the value before and after."""
    now = {"status": "To Do", "priority": "low", "type": "task", "assignee": "x"}
    rows = []
    for (at, change_id), field, choice in sorted(enumerate_changes(changes), key=lambda item: item[0]):
        new = VALUES[field][choice]
        rows.append(("1", change_id, field, START + timedelta(hours=at), now[field], new))
        now[field] = new  # type: ignore[assignment]
    names = ["issue_id", "change_id", "field", "changed_at", "old", "new"]
    kinds = [pa.string(), pa.string(), pa.string(), pa.timestamp("us"), pa.string(), pa.string()]
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in names]
    return pa.table(
        {name: pa.array(list(values), kind) for name, values, kind in zip(names, columns, kinds, strict=True)}
    )


@given(CHANGES)
@settings(max_examples=40, deadline=None)
def test_issue_states_equal_a_replay_at_every_hour(changes: list[tuple[int, str, str]]) -> None:
    last = replay(changes, 99)
    issues = [("1", last["status"], last["priority"], last["type"], False)]
    # Issues that give every status its category, as a tracker's own list does.
    issues += [(f"c{n}", status, None, "task", False) for n, status in enumerate(STATUSES)]
    issues += [("gone", "Done", None, "bug", True)]
    with DuckDBWarehouse(":memory:") as warehouse:
        warehouse.write("tracker.statuses", NO_STATUSES)
        warehouse.write("crm.stages", NO_STAGES)
        warehouse.write(
            "tracker.issues",
            pa.table(
                {
                    "issue_id": [i[0] for i in issues],
                    "team": ["core"] * len(issues),
                    "status": [i[1] for i in issues],
                    "status_category": [STATUSES[str(i[1])] for i in issues],
                    "priority": pa.array([i[2] for i in issues], pa.string()),
                    "type": [i[3] for i in issues],
                    "created_at": pa.array([START] * len(issues), pa.timestamp("us")),
                    "resolved_at": pa.array([None] * len(issues), pa.timestamp("us")),
                    "is_deleted": [i[4] for i in issues],
                }
            ),
        )
        warehouse.write("tracker.issue_changelog", changelog(changes))
        sql = (FOLDER / "derived" / "tracker.issue_states.sql").read_text(encoding="utf-8")
        warehouse.replace("tracker.issue_states", sql)
        for hour in range(14):
            moment = START + timedelta(hours=hour)
            found = warehouse.query(
                "SELECT status_category, priority, type FROM tracker.issue_states WHERE issue_id = '1'"
                " AND valid_from <= ? AND (valid_to IS NULL OR valid_to > ?)",
                [moment, moment],
            ).to_pylist()
            expected = replay(changes, hour)
            assert found == [
                {
                    "status_category": STATUSES[str(expected["status"])],
                    "priority": expected["priority"],
                    "type": expected["type"],
                }
            ]
        rows = warehouse.query("SELECT DISTINCT issue_id FROM tracker.issue_states").column(0).to_pylist()
        assert "gone" not in rows


def test_a_reprioritised_bug_does_not_change_last_march() -> None:
    """Source: catalogue rules, 'As-of reconstruction'."""
    with DuckDBWarehouse(":memory:") as warehouse:
        warehouse.write("tracker.statuses", NO_STATUSES)
        warehouse.write("crm.stages", NO_STAGES)
        warehouse.write(
            "tracker.issues",
            pa.table(
                {
                    "issue_id": ["1"],
                    "team": ["core"],
                    "status": ["To Do"],
                    "status_category": ["to_do"],
                    "priority": ["critical"],
                    "type": ["bug"],
                    "created_at": pa.array([START], pa.timestamp("us")),
                    "resolved_at": pa.array([None], pa.timestamp("us")),
                    "is_deleted": [False],
                }
            ),
        )
        today = START + timedelta(days=160)
        warehouse.write(
            "tracker.issue_changelog",
            pa.table(
                {
                    "issue_id": ["1"],
                    "change_id": ["1"],
                    "field": ["priority"],
                    "changed_at": pa.array([today], pa.timestamp("us")),
                    "old": ["low"],
                    "new": ["critical"],
                }
            ),
        )
        sql = (FOLDER / "derived" / "tracker.issue_states.sql").read_text(encoding="utf-8")
        states = warehouse.query(sql).select(["valid_from", "valid_to", "priority"]).to_pylist()
    assert states == [
        {"valid_from": START, "valid_to": today, "priority": "low"},
        {"valid_from": today, "valid_to": None, "priority": "critical"},
    ]


def test_the_pipeline_as_it_stood() -> None:
    """Stage and amount of an open opportunity, before and after each change."""
    with DuckDBWarehouse(":memory:") as warehouse:
        warehouse.write("tracker.statuses", NO_STATUSES)
        warehouse.write("crm.stages", NO_STAGES)
        warehouse.write(
            "crm.opportunities",
            pa.table(
                {
                    "opportunity_id": ["a", "b"],
                    "account_id": ["x", None],
                    "type": ["new", "new"],
                    "stage": ["Closed Won", "Demo"],
                    "amount": ["1200.00", None],
                    "is_closed": [True, False],
                    "is_won": [True, False],
                    "created_at": pa.array([START, START], pa.timestamp("us")),
                    "close_date": pa.array([date(2026, 1, 9), date(2026, 3, 31)], pa.date32()),
                    "is_deleted": [False, False],
                }
            ),
        )
        in_zone(warehouse, "UTC")
        day = timedelta(days=1)
        warehouse.write(
            "crm.opportunity_history",
            pa.table(
                {
                    "opportunity_id": ["a", "a", "a"],
                    "changed_at": pa.array([START + day, START + day, START + 3 * day], pa.timestamp("us")),
                    "field": ["stage", "amount", "stage"],
                    "old": ["Demo", None, "Proposal"],
                    "new": ["Proposal", "1200.00", "Closed Won"],
                }
            ),
        )
        sql = (FOLDER / "derived" / "crm.opportunity_states.sql").read_text(encoding="utf-8")
        states = [
            (row["opportunity_id"], row["stage"], row["amount"], row["is_closed"], row["is_won"])
            for row in warehouse.query(sql).to_pylist()
        ]
    assert [(s[0], s[1], None if s[2] is None else float(s[2]), s[3], s[4]) for s in states] == [
        ("a", "Demo", None, False, False),
        ("a", "Proposal", 1200.0, False, False),
        ("a", "Closed Won", 1200.0, True, True),
        ("b", "Demo", None, False, False),
    ]


# ── where there is no history ───────────────────────────────────────────────────────────────────────────────


def in_zone(warehouse: DuckDBWarehouse, zone: str) -> None:
    """The functions that models call, in a company of this time zone."""
    for macro in macros(load_texts({"calendars.yml": f"calendars: [{{name: company, time_zone: {zone}}}]"})):
        warehouse.execute(macro)


def deal_states(zone: str = "UTC", changes: list[tuple[str, str, str]] | None = None, **deal: Any) -> Any:
    """Intervals of one deal, won today and made at noon of 1 January, with these changes on 2 January."""
    row = {"stage": "Won", "amount": "10.00", "is_closed": True, "is_won": True, "close_date": None, **deal}
    history = [("a", START + timedelta(days=1), *change) for change in changes or ()]
    names = ("opportunity_id", "changed_at", "field", "old", "new")
    kinds = (pa.string(), pa.timestamp("us"), pa.string(), pa.string(), pa.string())
    columns = list(zip(*history, strict=True)) or [()] * len(names)
    fixed = {"opportunity_id": "a", "account_id": "x", "type": "new", "is_deleted": False}
    whole = {**fixed, "created_at": START + timedelta(hours=12), **row}
    types = {"close_date": pa.date32(), "created_at": pa.timestamp("us")}
    with DuckDBWarehouse(":memory:") as warehouse:
        in_zone(warehouse, zone)
        stages = {"stage": ["Demo", "Won"], "is_closed": [False, True], "is_won": [False, True]}
        warehouse.write("crm.stages", pa.table(stages))
        warehouse.write(
            "crm.opportunities", pa.table({k: pa.array([v], types.get(k)) for k, v in whole.items()})
        )
        warehouse.write(
            "crm.opportunity_history",
            pa.table({n: pa.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)}),
        )
        sql = (FOLDER / "derived" / "crm.opportunity_states.sql").read_text(encoding="utf-8")
        shown = ("valid_from", "valid_to", "stage", "is_closed", "is_won")
        return [tuple(state[name] for name in shown) for state in warehouse.query(sql).to_pylist()]


NOON = START + timedelta(hours=12)


@pytest.mark.parametrize(
    ("zone", "closed_at"),
    [
        ("UTC", datetime(2026, 3, 15)),  # noqa: DTZ001
        ("America/New_York", datetime(2026, 3, 15, 4)),  # noqa: DTZ001
        ("Pacific/Auckland", datetime(2026, 3, 14, 11)),  # noqa: DTZ001
    ],
)
def test_a_deal_without_history_was_open_until_its_close_date(zone: str, closed_at: datetime) -> None:
    """The day begins where the company is."""
    assert deal_states(zone, close_date=date(2026, 3, 15)) == [
        (NOON, closed_at, "open", False, False),
        (closed_at, None, "Won", True, True),
    ]


@pytest.mark.parametrize("close_date", [None, date(2025, 12, 31), date(2026, 1, 1)])
def test_a_deal_that_knows_no_later_date_was_closed_from_the_start(close_date: date | None) -> None:
    assert deal_states(close_date=close_date) == [(NOON, None, "Won", True, True)]


def test_the_expected_close_date_of_an_open_deal_closes_nothing() -> None:
    told = deal_states(stage="Demo", is_closed=False, is_won=False, close_date=date(2026, 3, 15))
    assert told == [(NOON, None, "Demo", False, False)]


def test_where_there_is_history_the_close_date_says_nothing() -> None:
    second = START + timedelta(days=1)
    told = deal_states(changes=[("stage", "Demo", "Won")], close_date=date(2026, 3, 15))
    assert told == [(NOON, second, "Demo", False, False), (second, None, "Won", True, True)]
    only_amount = deal_states(changes=[("amount", "5.00", "10.00")], close_date=date(2026, 3, 15))
    assert [state[3] for state in only_amount] == [False, False, True]


def test_a_status_that_no_issue_has_today_keeps_its_category() -> None:
    with DuckDBWarehouse(":memory:") as warehouse:
        warehouse.write(
            "tracker.statuses",
            pa.table({"status": ["In Review", "Done"], "status_category": ["in_progress", "done"]}),
        )
        warehouse.write(
            "tracker.issues",
            pa.table(
                {
                    "issue_id": ["1"],
                    "team": ["core"],
                    "status": ["Done"],
                    "status_category": ["done"],
                    "priority": ["low"],
                    "type": ["bug"],
                    "created_at": pa.array([START], pa.timestamp("us")),
                    "resolved_at": pa.array([None], pa.timestamp("us")),
                    "is_deleted": [False],
                }
            ),
        )
        warehouse.write(
            "tracker.issue_changelog",
            pa.table(
                {
                    "issue_id": ["1"],
                    "change_id": ["1"],
                    "field": ["status"],
                    "changed_at": pa.array([START + timedelta(days=1)], pa.timestamp("us")),
                    "old": ["In Review"],
                    "new": ["Done"],
                }
            ),
        )
        sql = (FOLDER / "derived" / "tracker.issue_states.sql").read_text(encoding="utf-8")
        assert warehouse.query(sql).column("status_category").to_pylist() == ["in_progress", "done"]
