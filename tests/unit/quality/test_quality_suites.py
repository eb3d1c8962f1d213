"""Suites: what contracts generate, what people write, and what they may not write."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from definitions.model import ColumnType
from definitions.settings import QualitySettings
from quality.conditions import columns_of, parse_condition
from quality.contracts import contracts, fits
from quality.errors import SuiteError
from quality.suites import SHIPPED, generated_suite, load_suites
from tests.integration.quality.small_company import NOW, catalogue

SETTINGS = QualitySettings()
DECLARED = contracts(catalogue())


def written(folder: Path, text: str):
    (folder / "own.yml").write_text(text, encoding="utf-8")
    return list(load_suites([folder], DECLARED, SETTINGS).checks)


def test_a_contract_generates_its_suite() -> None:
    suite = generated_suite(DECLARED["crm.opportunities"], SETTINGS, NOW)
    assert [check.check_id.removeprefix("crm.opportunities.") for check in suite] == [
        "opportunity_id.not_null",
        "opportunity_id.unique",
        "score.finite",
        "is_closed.not_null",
        "is_won.not_null",
        "created_at.not_null",
        "created_at.possible",
        "references_crm_accounts_by_account_id",
    ]


def test_shipped_suites_are_readable_and_name_existing_columns() -> None:
    checks = load_suites([SHIPPED], DECLARED, SETTINGS).checks
    assert "crm.opportunities.won_is_closed" in {check.check_id for check in checks}
    assert all(set(check.columns or ()) <= set(DECLARED[check.table].columns) for check in checks)


def test_a_written_check_knows_its_columns(tmp_path: Path) -> None:
    (check,) = written(
        tmp_path,
        "suites: [{table: crm.opportunities, checks: [{id: a, satisfy: amount > 0 or not is_won}]}]",
    )
    assert check.columns == ("amount", "is_won")
    assert check.check_id == "crm.opportunities.a"


def test_identities_stand_in_the_same_folder_and_are_no_suite(tmp_path: Path) -> None:
    (tmp_path / "identities.yml").write_text("identities: [{id: a, left: created, right: created}]")
    assert written(tmp_path, "suites: []") == []


def test_a_planned_column_may_lie_in_the_future_but_not_in_the_year_9999() -> None:
    made = generated_suite(DECLARED["crm.opportunities"], SETTINGS, NOW, planned=["created_at"])
    limits = {check.check_id: check.kwargs.get("max_value") for check in made}
    assert str(limits["crm.opportunities.created_at.possible"]).startswith("2036-")


def test_a_check_on_undeclared_columns_or_tables_does_not_apply(tmp_path: Path) -> None:
    text = """
    suites:
      - {table: crm.opportunities, checks: [{id: a, satisfy: acv > 0}]}
      - {table: crm.other, checks: [{id: b, satisfy: x > 0}]}
    """
    assert written(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("suites: [", "expected the node content"),
        ("nothing: 1", "nothing: Extra inputs are not permitted"),
        ("suites: [{table: crm.accounts, checks: [{id: a}]}]", "write either 'satisfy: <condition>'"),
        ("suites: [{table: crm.accounts, checks: [{id: A, satisfy: tier = 1}]}]", "suites.0.checks.0.id"),
        (
            "suites: [{table: crm.accounts, checks: [{id: a, satisfy: 'tier in (select 1)'}]}]",
            "check a on crm.accounts: 'tier in (select 1)' holds '(SELECT 1)'",
        ),
        (
            "suites: [{table: crm.accounts, checks: [{id: a, satisfy: tier = 'x'}, {id: a, satisfy: tier = 'y'}]}]",
            "check crm.accounts.a is there twice",
        ),
    ],
)
def test_a_broken_suite_names_the_file_and_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SuiteError) as problem:
        written(tmp_path, text)
    assert str(tmp_path / "own.yml") in str(problem.value)
    assert message in str(problem.value)


@pytest.mark.parametrize(
    "text",
    [
        "1 = 1",
        "a > 1; DROP TABLE x",
        "a IN (SELECT b FROM c)",
        "exists(SELECT 1)",
        "read_csv('/etc/passwd') IS NULL",
        "read_text('/etc/passwd') = a",
        "getenv('HOME') = a",
        "pg_sleep(10) IS NULL OR a > 1",
        "current_user = a",
        "a > now()",
        "a > random()",
        "count(*) > a",
        "sum(a) > 1",
        "row_number() OVER () > a",
        "a = ?",
        "a = $b",
        "other.a > 1",
        "*",
        "a = 1 --; DROP TABLE x\n; DROP TABLE y",
        "",
        "a >",
    ],
)
def test_a_condition_is_columns_and_scalars_and_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a", ("a",)),
        ("not a", ("a",)),
        ("a is null or a >= b", ("a", "b")),
        ("extract(day from a) = 1", ("a",)),
        ("a between 0 and 10", ("a",)),
        ("case when a then b else c end > 1", ("a", "b", "c")),
        ("regexp_matches(lower(a), '^x')", ("a",)),
        ("coalesce(a, 0) + b::integer > 2 /* both */", ("a", "b")),
    ],
)
def test_a_condition_names_its_columns(text: str, columns: tuple[str, ...]) -> None:
    assert columns_of(parse_condition(text)) == columns


@pytest.mark.parametrize(
    ("declared", "found", "expected"),
    [
        (ColumnType.STRING, pa.large_string(), True),
        (ColumnType.STRING, pa.dictionary(pa.int8(), pa.string()), True),
        (ColumnType.STRING, pa.int64(), False),
        (ColumnType.INTEGER, pa.int32(), True),
        (ColumnType.INTEGER, pa.decimal128(38, 0), True),
        (ColumnType.INTEGER, pa.float64(), None),
        (ColumnType.DECIMAL, pa.decimal128(18, 2), True),
        (ColumnType.DECIMAL, pa.int64(), True),
        (ColumnType.DECIMAL, pa.float64(), None),
        (ColumnType.DECIMAL, pa.string(), False),
        (ColumnType.DOUBLE, pa.float32(), True),
        (ColumnType.DOUBLE, pa.decimal128(18, 2), None),
        (ColumnType.BOOLEAN, pa.bool_(), True),
        (ColumnType.BOOLEAN, pa.int8(), False),
        (ColumnType.DATE, pa.date32(), True),
        (ColumnType.DATE, pa.timestamp("us"), False),
        (ColumnType.TIMESTAMP, pa.timestamp("us"), True),
        (ColumnType.TIMESTAMP, pa.string(), False),
        (ColumnType.TIMESTAMP, pa.null(), True),
    ],
)
def test_types_fit(declared: ColumnType, found: pa.DataType, expected: bool | None) -> None:
    assert fits(declared, found) is expected
