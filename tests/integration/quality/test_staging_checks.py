"""Staging checks on real DuckDB tables, broken one way at a time."""

from __future__ import annotations

import pyarrow as pa
import pytest

from quality import CheckResult, Dimension, Judge, Severity, decide, run_staging_checks
from tests.integration.quality.small_company import NOW, catalogue, query, warehouse

OPPORTUNITIES, ACCOUNTS, STATES = "crm.opportunities", "crm.accounts", "crm.opportunity_states"


def run(judge: Judge, *statements: str, rows: int = 100, counts: dict[str, int] | None = None, **settings):
    db = warehouse(rows)
    for statement in statements:
        db.execute(statement)
    return run_staging_checks(catalogue(**settings), query(db), row_counts=counts, now=NOW, judge=judge)


def failed(results: list[CheckResult]) -> dict[str, CheckResult]:
    return {result.check_id: result for result in results if not result.passed}


def test_sound_tables_pass_every_check(judge: Judge) -> None:
    results = run(judge)
    assert failed(results) == {}
    assert {result.asset for result in results} == {OPPORTUNITIES, ACCOUNTS, STATES}
    assert len({result.check_id for result in results}) == len(results)


@pytest.mark.parametrize(
    ("statement", "check_id", "dimension", "rows_failed", "metrics"),
    [
        (
            f"INSERT INTO {OPPORTUNITIES} SELECT * FROM {OPPORTUNITIES} LIMIT 2",
            f"{OPPORTUNITIES}.opportunity_id.unique",
            Dimension.UNIQUENESS,
            4,
            {"created", "won_value", "competitive_wins", "win_rate", "value_per_win"},
        ),
        (
            f"UPDATE {OPPORTUNITIES} SET opportunity_id = NULL WHERE opportunity_id = 'o00003'",
            f"{OPPORTUNITIES}.opportunity_id.not_null",
            Dimension.COMPLETENESS,
            1,
            {"created", "won_value", "competitive_wins", "win_rate", "value_per_win"},
        ),
        (
            f"UPDATE {OPPORTUNITIES} SET is_won = NULL WHERE opportunity_id = 'o00003'",
            f"{OPPORTUNITIES}.is_won.not_null",
            Dimension.COMPLETENESS,
            1,
            {"won_value", "win_rate", "value_per_win"},
        ),
        (
            f"UPDATE {ACCOUNTS} SET tier = 'platinum' WHERE account_id IN ('a1', 'a2')",
            f"{ACCOUNTS}.tier.allowed",
            Dimension.VALIDITY,
            2,
            set(),
        ),
        (
            f"UPDATE {OPPORTUNITIES} SET score = 'NaN'::DOUBLE WHERE opportunity_id = 'o00003'",
            f"{OPPORTUNITIES}.score.finite",
            Dimension.VALIDITY,
            1,
            set(),
        ),
        (
            f"UPDATE {OPPORTUNITIES} SET score = '-inf'::DOUBLE WHERE opportunity_id = 'o00003'",
            f"{OPPORTUNITIES}.score.finite",
            Dimension.VALIDITY,
            1,
            set(),
        ),
        (
            f"UPDATE {STATES} SET valid_to = TIMESTAMP '2026-02-02' WHERE opportunity_id = 'o3' AND amount = 3"
            " AND valid_to IS NOT NULL",
            f"{STATES}.no_overlap",
            Dimension.CONSISTENCY,
            1,
            set(),
        ),
        (
            f"UPDATE {STATES} SET valid_to = NULL WHERE opportunity_id = 'o3'",
            f"{STATES}.no_overlap",
            Dimension.CONSISTENCY,
            1,
            set(),
        ),
        (
            f"UPDATE {OPPORTUNITIES} SET is_won = TRUE, is_closed = FALSE WHERE opportunity_id = 'o00003'",
            f"{OPPORTUNITIES}.won_is_closed",
            Dimension.CONSISTENCY,
            1,
            {"won_value", "win_rate", "value_per_win"},
        ),
        (
            f"ALTER TABLE {OPPORTUNITIES} DROP COLUMN amount",
            f"{OPPORTUNITIES}.columns.present",
            Dimension.SCHEMA,
            None,
            {"won_value", "value_per_win"},
        ),
        (
            f"ALTER TABLE {OPPORTUNITIES} RENAME COLUMN close_date TO closed_on",
            f"{OPPORTUNITIES}.columns.present",
            Dimension.SCHEMA,
            None,
            {"win_rate"},
        ),
        (
            f"ALTER TABLE {OPPORTUNITIES} ALTER close_date TYPE VARCHAR",
            f"{OPPORTUNITIES}.columns.typed",
            Dimension.SCHEMA,
            None,
            {"win_rate"},
        ),
        (
            f"DROP TABLE {ACCOUNTS}",
            f"{ACCOUNTS}.columns.present",
            Dimension.SCHEMA,
            None,
            {"created", "value_per_win"},
        ),
    ],
)
def test_an_error_names_the_check_the_rows_and_the_kpis(
    judge: Judge,
    statement: str,
    check_id: str,
    dimension: Dimension,
    rows_failed: int | None,
    metrics: set[str],
) -> None:
    found = failed(run(judge, statement))
    result = found[check_id]
    assert result.severity is Severity.ERROR
    assert result.dimension is dimension
    assert result.rows_failed == rows_failed
    assert set(result.metric_ids) == metrics
    assert not result.raised


@pytest.mark.parametrize(
    ("statement", "check_id"),
    [
        (
            f"UPDATE {OPPORTUNITIES} SET created_at = TIMESTAMP '2026-07-03' WHERE opportunity_id = 'o00003'",
            f"{OPPORTUNITIES}.created_at.possible",
        ),
        (
            f"UPDATE {OPPORTUNITIES} SET created_at = TIMESTAMP '1970-01-01' WHERE opportunity_id = 'o00003'",
            f"{OPPORTUNITIES}.created_at.possible",
        ),
        (
            f"UPDATE {OPPORTUNITIES} SET account_id = 'nobody' WHERE opportunity_id <= 'o00005'",
            f"{OPPORTUNITIES}.references_crm_accounts_by_account_id",
        ),
        (
            f"UPDATE {OPPORTUNITIES} SET amount = -1 WHERE opportunity_id = 'o00003'",
            f"{OPPORTUNITIES}.amount_not_negative",
        ),
        (
            f"ALTER TABLE {OPPORTUNITIES} ALTER amount TYPE DOUBLE",
            f"{OPPORTUNITIES}.columns.exact",
        ),
        (f"DELETE FROM {ACCOUNTS}", f"{ACCOUNTS}.volume"),
    ],
)
def test_what_may_be_right_only_warns(judge: Judge, statement: str, check_id: str) -> None:
    assert failed(run(judge, statement))[check_id].severity is Severity.WARN


def test_a_few_references_without_a_partner_are_no_matter(judge: Judge) -> None:
    """They count as (unknown): deleted accounts are daily life. NULL refers to nothing and is not counted."""
    five = f"UPDATE {OPPORTUNITIES} SET account_id = 'nobody' WHERE opportunity_id < 'o00005'"
    assert failed(run(judge, five)) == {}
    results = {result.check_id: result for result in run(judge, five)}
    reference = results[f"{OPPORTUNITIES}.references_crm_accounts_by_account_id"]
    assert (reference.rows_failed, reference.threshold) == (5, 5.0)
    fewer = f"UPDATE {OPPORTUNITIES} SET account_id = NULL WHERE opportunity_id >= 'o00099'"
    assert f"{OPPORTUNITIES}.references_crm_accounts_by_account_id" in failed(run(judge, five, fewer))


def test_a_failure_carries_the_keys_of_a_few_rows(judge: Judge) -> None:
    result = failed(run(judge, f"UPDATE {OPPORTUNITIES} SET is_won = NULL"))[
        f"{OPPORTUNITIES}.is_won.not_null"
    ]
    assert result.rows_failed == result.rows_checked == 100
    assert result.sample == tuple({"opportunity_id": f"o0000{i}"} for i in range(5))
    assert result.message == "crm.opportunities: 100 of 100 rows: is_won is null"


def test_a_missing_column_fails_alone(judge: Judge) -> None:
    found = failed(run(judge, f"ALTER TABLE {OPPORTUNITIES} DROP COLUMN competitor"))
    assert set(found) == {f"{OPPORTUNITIES}.columns.present"}
    assert "no column competitor" in found[f"{OPPORTUNITIES}.columns.present"].message


def test_each_kpi_is_told_of_its_own_column(judge: Judge) -> None:
    results = run(
        judge,
        f"ALTER TABLE {OPPORTUNITIES} DROP COLUMN competitor",
        f"ALTER TABLE {OPPORTUNITIES} DROP COLUMN amount",
    )
    blocked = decide(results, catalogue()).blocked
    assert set(blocked) == {"competitive_wins", "won_value", "value_per_win"}
    lost = "crm.opportunities has no column {}; was it renamed or dropped at the source?"
    assert blocked["competitive_wins"] == (lost.format("competitor"),)
    assert blocked["won_value"] == (lost.format("amount"),)


def test_a_missing_table_is_said_once_and_holds_back_its_own_kpis(judge: Judge) -> None:
    results = run(judge, f"DROP TABLE {ACCOUNTS}")
    assert set(failed(results)) == {f"{ACCOUNTS}.columns.present"}
    decision = decide(results, catalogue())
    assert decision.publish
    assert set(decision.blocked) == {"created", "value_per_win"}


def test_the_same_checks_run_whether_they_pass_or_fail(judge: Judge) -> None:
    sound = {(r.check_id, r.asset) for r in run(judge)}
    broken = run(
        judge,
        f"UPDATE {OPPORTUNITIES} SET is_won = NULL",
        f"ALTER TABLE {OPPORTUNITIES} ALTER close_date TYPE VARCHAR",
        counts={OPPORTUNITIES: 1000},
    )
    assert {(r.check_id, r.asset) for r in broken} == sound


def test_an_undeclared_column_is_allowed_unless_the_policy_says_otherwise(judge: Judge) -> None:
    added = f"ALTER TABLE {OPPORTUNITIES} ADD COLUMN colour VARCHAR"
    assert failed(run(judge, added)) == {}
    found = failed(run(judge, added, undeclared_columns="error"))
    assert found[f"{OPPORTUNITIES}.columns.declared"].severity is Severity.ERROR
    assert "colour" in found[f"{OPPORTUNITIES}.columns.declared"].message


def test_few_broken_rows_among_many_only_warn(judge: Judge) -> None:
    broken = f"UPDATE {OPPORTUNITIES} SET is_won = NULL WHERE opportunity_id = 'o00003'"
    check_id = f"{OPPORTUNITIES}.is_won.not_null"
    assert failed(run(judge, broken, rows=1000))[check_id].severity is Severity.WARN
    assert failed(run(judge, broken, rows=999))[check_id].severity is Severity.ERROR


def test_one_doubled_key_among_many_is_still_an_error(judge: Judge) -> None:
    doubled = f"INSERT INTO {OPPORTUNITIES} SELECT * FROM {OPPORTUNITIES} LIMIT 1"
    found = failed(run(judge, doubled, rows=10_000))
    assert found[f"{OPPORTUNITIES}.opportunity_id.unique"].severity is Severity.ERROR


@pytest.mark.parametrize(
    ("before", "passed", "severity"),
    [
        (19, True, None),  # too few rows before to judge a volume
        (100, True, None),
        (111, True, None),
        (112, False, Severity.WARN),
        (200, False, Severity.WARN),
        (201, False, Severity.ERROR),
        (50, True, None),
        (49, False, Severity.WARN),
        (26, False, Severity.WARN),  # 3.85 times as many
    ],
)
def test_volume_against_the_last_run(
    judge: Judge, before: int, passed: bool, severity: Severity | None
) -> None:
    results = run(judge, counts={OPPORTUNITIES: before})
    (volume,) = [r for r in results if r.check_id == f"{OPPORTUNITIES}.volume"]
    assert volume.passed is passed
    assert volume.dimension is Dimension.VOLUME
    if severity is not None:
        assert volume.severity is severity
        assert volume.message == f"crm.opportunities has 100 rows, {before} in the last good run"


def test_a_collapse_to_nothing_is_an_error(judge: Judge) -> None:
    found = failed(run(judge, f"DELETE FROM {ACCOUNTS}", counts={ACCOUNTS: 100}))
    assert found[f"{ACCOUNTS}.volume"].severity is Severity.ERROR


# ── failing closed (fault 30) ───────────────────────────────────────────────────────────────────────────────


def test_an_exception_at_any_query_publishes_nothing(judge: Judge) -> None:
    db, checked = warehouse(), catalogue()
    asked: list[str] = []
    run_staging_checks(checked, lambda sql: asked.append(sql) or query(db)(sql), now=NOW, judge=judge)  # type: ignore[func-returns-value]
    assert len(asked) == 6  # the columns and one scan, per table
    for broken in range(len(asked)):

        def dying(sql: str, broken: int = broken) -> pa.Table:
            if sql == asked[broken] or (broken % 2 == 0 and sql == "SELECT 1 AS alive"):
                raise OSError("connection lost")
            return query(db)(sql)

        results = run_staging_checks(checked, dying, now=NOW, judge=judge)
        decision = decide(results, checked)
        missing = [r for r in results if r.raised]
        if broken % 2 == 0:
            assert missing
            assert not decision.publish
        else:  # the scan in one died, each check was measured alone
            assert failed(results) == {}


def test_a_connection_that_dies_for_good_publishes_nothing(judge: Judge) -> None:
    db, checked = warehouse(), catalogue()
    for alive in range(6):
        left = [alive]

        def dying(sql: str, left: list[int] = left) -> pa.Table:
            left[0] -= 1
            if left[0] < 0:
                raise OSError("connection lost")
            return query(db)(sql)

        results = run_staging_checks(checked, dying, now=NOW, judge=judge)
        assert not decide(results, checked).publish


def test_an_exception_inside_great_expectations_publishes_nothing(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    from great_expectations.expectations.core import ExpectColumnMaxToBeBetween

    def dying(*_: object, **__: object) -> None:
        raise ZeroDivisionError("inside the expectation")

    monkeypatch.setattr(ExpectColumnMaxToBeBetween, "_validate", dying)
    results = run(judge)
    assert {r.asset for r in results if r.raised} == {OPPORTUNITIES, ACCOUNTS, STATES}
    assert not decide(results, catalogue()).publish


def test_a_broken_own_suite_publishes_nothing_and_names_the_file(judge: Judge, tmp_path) -> None:
    folder = tmp_path / "quality"
    folder.mkdir()
    (folder / "own.yml").write_text("suites: [{table: crm.accounts, checks: [{id: a, satisfy: 'tier >'}]}]")
    results = run_staging_checks(catalogue(tmp_path), query(warehouse()), now=NOW, judge=judge)
    assert not decide(results, catalogue()).publish
    assert "own.yml" in results[0].message


# ── hand-written checks of a company ────────────────────────────────────────────────────────────────────────


Z_SCORES = (
    "{{id: a, expect: expect_column_value_z_scores_to_be_less_than, "
    "with: {{column: score, threshold: {}, double_sided: true}}}}"
)


def with_own(judge: Judge, tmp_path, checks: str, **settings: object) -> dict[str, CheckResult]:
    folder = tmp_path / "quality"
    folder.mkdir()
    (folder / "own.yml").write_text(f"suites: [{{table: {OPPORTUNITIES}, checks: [{checks}]}}]")
    results = run_staging_checks(catalogue(tmp_path, **settings), query(warehouse()), now=NOW, judge=judge)
    return {result.check_id.removeprefix(f"{OPPORTUNITIES}."): result for result in results}


def test_a_condition_is_pushed_down(judge: Judge, tmp_path) -> None:
    found = with_own(judge, tmp_path, "{id: a, satisfy: amount < 950, what: a large amount}")
    assert found["a"].rows_failed == 5
    assert found["a"].message == "crm.opportunities: 5 of 100 rows: a large amount"
    assert found["a"].sample[0] == {"opportunity_id": "o00095"}


def test_an_expectation_without_a_pushed_down_form_is_judged_on_its_columns(judge: Judge, tmp_path) -> None:
    expectation = "expect_column_values_to_match_like_pattern_list"
    check = f"{{id: a, expect: {expectation}, with: {{column: competitor, like_pattern_list: ['B%']}}}}"
    assert with_own(judge, tmp_path, check)["a"].raised  # not to be had on pandas: fails closed


def test_an_expectation_on_pulled_columns_carries_rows_and_keys(judge: Judge, tmp_path) -> None:
    check = Z_SCORES.format(1.7)
    found = with_own(judge, tmp_path, check)["a"]
    assert not found.passed
    assert not found.raised
    assert found.rows_failed == 2
    assert found.sample == ({"opportunity_id": "o00000"}, {"opportunity_id": "o00099"})


def test_too_many_rows_to_pull_fail_closed(judge: Judge, tmp_path) -> None:
    check = Z_SCORES.format(9)
    found = with_own(judge, tmp_path, check, pulled_rows_max=99)["a"]
    assert found.raised
    assert "100 rows are more than 99" in found.message


def test_an_aggregate_is_judged_by_its_value(judge: Judge, tmp_path) -> None:
    check = "{id: a, expect: expect_column_mean_to_be_between, with: {column: amount, min_value: 500}}"
    found = with_own(judge, tmp_path, check)["a"]
    assert not found.passed
    assert (found.observed, found.threshold) == (495.0, 500.0)


def test_an_aggregate_of_nothing_fails(judge: Judge, tmp_path) -> None:
    (tmp_path / "quality").mkdir()
    check = "{id: a, expect: expect_column_max_to_be_between, with: {column: created_at, max_value: 1}}"
    text = f"suites: [{{table: crm.accounts, checks: [{check}]}}]"
    (tmp_path / "quality" / "own.yml").write_text(text)
    db = warehouse()
    db.execute(f"DELETE FROM {ACCOUNTS}")
    results = run_staging_checks(catalogue(tmp_path), query(db), now=NOW, judge=judge)
    (found,) = [r for r in results if r.check_id == "crm.accounts.a"]
    assert not found.passed
