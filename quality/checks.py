"""One check as data: what is expected of which table, how bad a failure is, and whom it concerns.

The vocabulary is Great Expectations' own (``expect_column_values_to_not_be_null`` with its keyword arguments),
plus three of ours for what it has no word for: ``rows_satisfy``, ``references_exist`` and
``intervals_do_not_overlap``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .results import Dimension, Severity

ROWS_SATISFY = "rows_satisfy"
"""``{condition: "end_date is null or end_date >= start_date"}``; a row whose condition is NULL passes, as a
CHECK constraint would let it."""

REFERENCES_EXIST = "references_exist"
"""``{columns: [account_id], to: crm.accounts, to_columns: [account_id]}``; NULL refers to nothing and passes."""

INTERVALS_DO_NOT_OVERLAP = "intervals_do_not_overlap"
"""``{entity: [opportunity_id], start: valid_from, end: valid_to}``; a NULL end is still open."""

OWN_TYPES = frozenset({ROWS_SATISFY, REFERENCES_EXIST, INTERVALS_DO_NOT_OVERLAP})

DIMENSIONS: Mapping[str, Dimension] = {
    "expect_column_to_exist": Dimension.SCHEMA,
    "expect_table_columns_to_match_set": Dimension.SCHEMA,
    "expect_column_values_to_be_of_type": Dimension.SCHEMA,
    "expect_table_row_count_to_be_between": Dimension.VOLUME,
    "expect_column_values_to_not_be_null": Dimension.COMPLETENESS,
    "expect_column_proportion_of_non_null_values_to_be_between": Dimension.COMPLETENESS,
    "expect_column_values_to_be_unique": Dimension.UNIQUENESS,
    "expect_compound_columns_to_be_unique": Dimension.UNIQUENESS,
    "expect_column_unique_value_count_to_be_between": Dimension.UNIQUENESS,
    ROWS_SATISFY: Dimension.CONSISTENCY,
    REFERENCES_EXIST: Dimension.CONSISTENCY,
    INTERVALS_DO_NOT_OVERLAP: Dimension.CONSISTENCY,
}
"""Dimension of an expectation that names none; everything else is validity."""


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation of one table.

    ``columns`` are the columns it concerns: KPIs that rest on none of them are not held back; None concerns
    every KPI on the table. ``tolerated_share`` is the share of rows that may break it while it only warns.
    ``what`` completes "N of M rows: …" for people.
    """

    check_id: str
    table: str
    system: str
    expect: str
    dimension: Dimension
    severity: Severity
    what: str
    kwargs: Mapping[str, object] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    tolerated_share: float = 0.0
    blocks_publish: bool = False


def dimension_of(expect: str) -> Dimension:
    """What an expectation is about, where its author does not say."""
    return DIMENSIONS.get(expect, Dimension.VALIDITY)
