"""Statements of key results and numbers as people write them. Source: definition lint, 'Statement grammar'."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.lint import Form, parse_statement
from definitions.lint.numbers import Amount, parse_amount
from definitions.model import Calendar

COMPANY = Calendar("company")


@pytest.mark.parametrize(
    ("text", "value", "unit", "out_of", "comparison"),
    [
        ("12,500", "12500", None, None, None),
        ("$485K", "485000", "USD", None, None),
        ("50K", "50000", None, None, None),
        ("$1M", "1000000", "USD", None, None),
        ("5.2%", "5.2", "percent", None, None),
        ("4.5/5", "4.5", None, "5", None),
        ("3:1", "3", None, "1", None),
        ("4h", "4", "hour", None, None),
        ("15 minutes", "15", "minute", None, None),
        ("14 days", "14", "day", None, None),
        ("<5%", "5", "percent", None, "lt"),
        ("≥ 99.9 %", "99.9", "percent", None, "gte"),
        ("€2.5 million", "2500000", "EUR", None, None),
        ("-3", "-3", None, None, None),
        ("120 EUR", "120", "EUR", None, None),
        ("5 percentage points", "5", "points", None, None),
    ],
)
def test_numbers_as_people_write_them(
    text: str, value: str, unit: str | None, out_of: str | None, comparison: str | None
) -> None:
    amount = parse_amount(text)
    assert amount is not None
    assert amount.value == Decimal(value)
    assert amount.unit == unit
    assert amount.out_of == (Decimal(out_of) if out_of else None)
    assert amount.comparison == comparison


@pytest.mark.parametrize("text", ["", "many", "v2", "P0", "12abc", "1,2", "3 apples"])
def test_what_is_no_number(text: str) -> None:
    assert parse_amount(text) is None


@given(st.integers(0, 10**9), st.integers(0, 4))
def test_any_number_with_thousands_separators_is_read_back(digits: int, places: int) -> None:
    number = Decimal(digits).scaleb(-places)
    amount = parse_amount(f"{number:,f}")
    assert amount is not None
    assert amount.value == number


@pytest.mark.parametrize(
    ("amount", "family", "unit", "value"),
    [
        ("47 minutes", "duration_seconds", "seconds", "2820"),
        ("25%", "ratio", "ratio", "0.25"),
        ("0.83", "ratio", "ratio", "0.83"),
        ("2 weeks", "count", "days", "14"),
        ("$1.3M", "currency", "USD", "1300000"),
        ("4.5/5", "score", "score", "4.5"),
    ],
)
def test_an_amount_in_the_unit_of_its_metric(amount: str, family: str, unit: str, value: str) -> None:
    read = parse_amount(amount)
    assert read is not None
    assert read.in_unit(family, unit) == Decimal(value)


def test_units_that_have_nothing_to_do_with_each_other() -> None:
    assert Amount(Decimal(5), "hour").in_unit("currency", "USD") is None
    assert Amount(Decimal(5), "EUR").in_unit("currency", "USD") is None
    assert Amount(Decimal(5), "percent").in_unit("count", "tickets") is None


@pytest.mark.parametrize(
    ("text", "form", "metric", "start", "end", "due"),
    [
        ("Increase enterprise NPS from 32 to 50", Form.FROM_TO, "enterprise NPS", "32", "50", None),
        (
            "Reduce churn from 8% to <4% by 2026-06-30",
            Form.FROM_TO,
            "churn",
            "8",
            "4",
            date(2026, 6, 30),
        ),
        ("Reduce time-to-value from 14 to 3 days", Form.FROM_TO, "time-to-value", "14", "3", None),
        (
            "Increase MRR from $485K up to $1M by Q4 2026",
            Form.FROM_TO,
            "MRR",
            "485000",
            "1000000",
            date(2026, 12, 31),
        ),
        ("Achieve 95% feature adoption", Form.REACH, "feature adoption", None, "95", None),
        (
            "Reach 50K weekly active users by June 2026",
            Form.REACH,
            "weekly active users",
            None,
            "50000",
            date(2026, 6, 30),
        ),
        ("Win 5 competitive displacements", Form.REACH, "competitive displacements", None, "5", None),
        ("Engineering satisfaction reaches 4.5/5", Form.REACH, "Engineering satisfaction", None, "4.5", None),
        (
            "Zero P0 incidents lasting longer than 30 minutes",
            Form.ZERO,
            "P0 incidents lasting longer than 30 minutes",
            None,
            "0",
            None,
        ),
        ("Keep open critical bugs below 4", Form.KEEP, "open critical bugs", None, "4", None),
        ("Keep utilization between 75% and 85%", Form.KEEP, "utilization", "75", "85", None),
    ],
)
def test_sentences(
    text: str, form: Form, metric: str, start: str | None, end: str | None, due: date | None
) -> None:
    said = parse_statement(text, COMPANY)
    assert said is not None
    assert (said.form, said.metric, said.due) == (form, metric, due)
    assert (said.start and said.start.value) == (Decimal(start) if start else None)
    assert (said.end and said.end.value) == (Decimal(end) if end else None)


def test_a_relative_change() -> None:
    said = parse_statement("Increase conversion by 20% by end of Q3 2026", COMPANY)
    assert said is not None
    assert said.form is Form.BY
    assert said.change is not None
    assert (said.change.value, said.change.unit, said.due) == (Decimal(20), "percent", date(2026, 9, 30))


def test_a_unit_said_once_holds_for_both() -> None:
    said = parse_statement("Reduce cycle time from 14 to 12.5 days", COMPANY)
    assert said is not None
    assert said.start is not None
    assert said.start.unit == "day"


@pytest.mark.parametrize("month", range(1, 13))
def test_a_quarter_is_fiscal(month: int) -> None:
    calendar = Calendar("company", fiscal_year_start=month)
    said = parse_statement("Increase NPS from 32 to 50 by Q4 2026", calendar)
    assert said is not None
    assert said.due is not None
    last = (month - 2) % 12 + 1
    assert (said.due.month, said.due.year) == (last, 2026)


@pytest.mark.parametrize(
    "text", ["Launch beta", "Improve retention", "Retention", "Make it better by far", ""]
)
def test_what_is_no_sentence_of_the_grammar(text: str) -> None:
    assert parse_statement(text, COMPANY) is None


@given(st.text(max_size=120))
def test_no_text_breaks_the_reader(text: str) -> None:
    parse_statement(text, COMPANY)
    parse_amount(text)
