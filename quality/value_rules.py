"""Rules that every row of the KPI value frame keeps, as SQL over the tables ``v`` (values) and ``m`` (facts of
each metric). Source: published schema (constraints, decisions 4 and 9); dictionary rules; fault 24.
"""

from __future__ import annotations

from dataclasses import dataclass

from .results import Dimension, Severity

KEY = ("metric", "grain", "period_start", "segment_dimension", "segment_value")
KEY_SQL = ", ".join(KEY)

EMPTY_STATES = "('no_data', 'insufficient_sample', 'blocked')"
LARGEST = "1.7976931348623157e308"


@dataclass(frozen=True, slots=True)
class RowRule:
    """``breaks`` is true for a row that breaks the rule; ``what`` completes "N rows: …"."""

    name: str
    dimension: Dimension
    severity: Severity
    breaks: str
    what: str


@dataclass(frozen=True, slots=True)
class SetRule:
    """``offenders`` selects the key columns (and ``metric``) of what breaks the rule."""

    name: str
    dimension: Dimension
    severity: Severity
    offenders: str
    what: str


def _finite(column: str) -> str:
    return f"{column} IS NOT NULL AND NOT {column} BETWEEN -{LARGEST} AND {LARGEST}"


ROW_RULES: tuple[RowRule, ...] = (
    RowRule(
        "key_present",
        Dimension.COMPLETENESS,
        Severity.ERROR,
        "grain IS NULL OR period_start IS NULL OR period_end IS NULL OR segment_dimension IS NULL"
        " OR segment_value IS NULL OR value_state IS NULL",
        "a key column or the state is null",
    ),
    RowRule(
        "finite",
        Dimension.VALIDITY,
        Severity.ERROR,
        f"({_finite('value')}) OR ({_finite('numerator')}) OR ({_finite('denominator')})",
        "a number is NaN or infinite",
    ),
    RowRule(
        "state_known",
        Dimension.VALIDITY,
        Severity.ERROR,
        f"value_state NOT IN ('final', 'provisional') AND value_state NOT IN {EMPTY_STATES}",
        "the state is none of final, provisional, no_data, insufficient_sample, blocked",
    ),
    RowRule(
        "null_has_state",
        Dimension.CONSISTENCY,
        Severity.ERROR,
        f"(value IS NULL) <> (value_state IN {EMPTY_STATES})",
        "a missing value and its state do not agree",
    ),
    RowRule(
        "null_has_reason",
        Dimension.COMPLETENESS,
        Severity.ERROR,
        f"value_state IN {EMPTY_STATES} AND coalesce(state_reason, '') = ''",
        "a missing value has no reason",
    ),
    RowRule(
        "grain_known",
        Dimension.VALIDITY,
        Severity.ERROR,
        "NOT regexp_full_match(grain, 'day|week|month|quarter|year|trailing_[1-9][0-9]{0,3}d')",
        "the grain is unknown",
    ),
    RowRule(
        "period_length",
        Dimension.VALIDITY,
        Severity.ERROR,
        """NOT CASE
             WHEN grain = 'day' THEN period_end = period_start
             WHEN grain = 'week' THEN date_diff('day', period_start, period_end) = 6
             WHEN grain = 'month' THEN date_diff('day', period_start, period_end) BETWEEN 27 AND 41
             WHEN grain = 'quarter' THEN date_diff('day', period_start, period_end) BETWEEN 89 AND 97
             WHEN grain = 'year' THEN date_diff('day', period_start, period_end) BETWEEN 363 AND 370
             WHEN grain LIKE 'trailing_%' THEN date_diff('day', period_start, period_end)
                  = TRY_CAST(regexp_extract(grain, '([0-9]+)', 1) AS INTEGER) - 1
             ELSE TRUE END""",
        "the period is not as long as its grain",
    ),
    RowRule(
        "final_is_over",
        Dimension.VALIDITY,
        Severity.ERROR,
        "value_state = 'final' AND period_end >= $first_open_day",
        "a period that is not over is called final",
    ),
    RowRule(
        "version_known",
        Dimension.CONSISTENCY,
        Severity.ERROR,
        "version IS NULL OR version < 1 OR version > m.current_version OR coalesce(definition_hash, '') = ''",
        "the version of the definition is none that the dictionary knows",
    ),
    RowRule(
        "sample_size",
        Dimension.VALIDITY,
        Severity.ERROR,
        "sample_size < 0 OR (value IS NOT NULL AND sample_size < m.minimum_sample)",
        "the sample is smaller than its minimum and the value is shown",
    ),
    RowRule(
        "ratio_parts",
        Dimension.RECONCILIATION,
        Severity.ERROR,
        """m.is_ratio AND value IS NOT NULL AND (
             numerator IS NULL OR denominator IS NULL OR denominator = 0
             OR abs(value - numerator / denominator) > $tolerance * greatest(1, abs(value)))""",
        "the value is not numerator ÷ denominator",
    ),
    RowRule(
        "share_bounded",
        Dimension.VALIDITY,
        Severity.ERROR,
        "m.is_share AND value IS NOT NULL AND (value < -$tolerance OR value > 1 + $tolerance)",
        "a share of a whole lies outside 0..1",
    ),
    RowRule(
        "count_whole",
        Dimension.VALIDITY,
        Severity.ERROR,
        "m.is_count AND value IS NOT NULL AND (value < 0 OR value <> floor(value))",
        "a count is negative or not whole",
    ),
)

SET_RULES: tuple[SetRule, ...] = (
    SetRule(
        "key_unique",
        Dimension.UNIQUENESS,
        Severity.ERROR,
        f"SELECT {KEY_SQL} FROM v GROUP BY ALL HAVING count(*) > 1",
        "the same period and segment is there more than once",
    ),
    SetRule(
        "total_is_sum_of_segments",
        Dimension.RECONCILIATION,
        Severity.ERROR,
        f"""
        SELECT t.metric, t.grain, t.period_start, s.segment_dimension, '' AS segment_value
        FROM (
          SELECT metric, grain, period_start, segment_dimension, sum(value) AS value, sum(abs(value)) AS size,
                 sum(numerator) AS numerator, sum(denominator) AS denominator,
                 bool_or(value_state IN ('insufficient_sample', 'blocked')) AS partly
          FROM v JOIN m USING (metric) WHERE segment_dimension <> '' AND (m.is_additive OR m.parts_additive)
          GROUP BY ALL
        ) AS s
        JOIN v AS t USING (metric, grain, period_start) JOIN m USING (metric)
        WHERE t.segment_dimension = '' AND t.value_state NOT IN {EMPTY_STATES} AND (
          (m.is_additive AND NOT s.partly
             AND abs(t.value - coalesce(s.value, 0)) > $tolerance * greatest(1, s.size))
          OR (m.parts_additive AND NOT s.partly AND (
             abs(t.numerator - s.numerator) > $tolerance * greatest(1, abs(t.numerator))
             OR abs(t.denominator - s.denominator) > $tolerance * greatest(1, abs(t.denominator)))))""",
        "the segments do not add up to the total",
    ),
    SetRule(
        "drivers_reconcile",
        Dimension.RECONCILIATION,
        Severity.WARN,
        """
        SELECT metric, grain, period_start, '' AS segment_dimension, '' AS segment_value
        FROM (
          SELECT p.metric, p.grain, p.period_start, any_value(p.value) AS value,
                 CASE any_value(d.operator)
                   WHEN 'sum' THEN sum(c.value)
                   WHEN 'difference' THEN sum(CASE WHEN d.position = 0 THEN c.value ELSE -c.value END)
                   WHEN 'product' THEN product(c.value)
                   WHEN 'ratio' THEN max(CASE WHEN d.position = 0 THEN c.value END)
                        / nullif(product(CASE WHEN d.position > 0 THEN c.value ELSE 1 END), 0)
                 END AS drivers,
                 count(c.value) = any_value(d.of) AS complete
          FROM d JOIN v AS p ON p.metric = d.parent
          JOIN v AS c ON c.metric = d.child AND c.grain = p.grain AND c.period_start = p.period_start
          WHERE p.segment_dimension = '' AND c.segment_dimension = '' AND p.value IS NOT NULL
            AND p.value_state <> 'provisional' -- a running state ends today, its movements at the month's end
          GROUP BY p.metric, p.grain, p.period_start
        )
        WHERE complete AND drivers IS NOT NULL
          AND abs(value - drivers) > greatest($driver_tolerance * abs(value), $money)""",
        "the metric and its drivers do not reconcile",
    ),
)

PREVIOUS_RULES: tuple[SetRule, ...] = (
    SetRule(
        "still_there",
        Dimension.VOLUME,
        Severity.ERROR,
        f"""
        SELECT {KEY_SQL} FROM p JOIN m USING (metric) WHERE metric NOT IN (SELECT metric FROM v)
        QUALIFY row_number() OVER (PARTITION BY metric ORDER BY {KEY_SQL}) = 1""",
        "the metric had values in the last run and has none now",
    ),
    SetRule(
        "volume_collapsed",
        Dimension.VOLUME,
        Severity.ERROR,
        """
        SELECT metric, '' AS grain, NULL::DATE AS period_start, '' AS segment_dimension, '' AS segment_value
        FROM (SELECT metric, count(*) AS n FROM v GROUP BY metric)
        JOIN (SELECT metric, count(*) AS before FROM p GROUP BY metric) USING (metric)
        WHERE before >= $volume_minimum AND n < before * $shrink_error""",
        "far fewer values than in the last run",
    ),
    SetRule(
        "volume_changed",
        Dimension.VOLUME,
        Severity.WARN,
        """
        SELECT metric, '' AS grain, NULL::DATE AS period_start, '' AS segment_dimension, '' AS segment_value
        FROM (SELECT metric, count(*) AS n FROM v GROUP BY metric)
        JOIN (SELECT metric, count(*) AS before FROM p GROUP BY metric) USING (metric)
        WHERE before >= $volume_minimum
          AND ((n < before * $shrink_warn AND n >= before * $shrink_error) OR n > before * $growth_warn)""",
        "an unusual number of values compared with the last run",
    ),
    SetRule(
        "history_restated",
        Dimension.CONSISTENCY,
        Severity.WARN,
        f"""
        SELECT {KEY_SQL} FROM (
          SELECT {KEY_SQL}, moved, avg(moved::DOUBLE) OVER (PARTITION BY metric) AS share,
                 count(*) OVER (PARTITION BY metric) AS n
          FROM (
            SELECT {KEY_SQL}, (v.value IS DISTINCT FROM p.value AND coalesce(
                     abs(v.value - p.value) > $tolerance * greatest(1, abs(p.value)), TRUE))::INT AS moved
            FROM v JOIN p USING ({KEY_SQL})
            WHERE v.value_state = 'final' AND p.value_state = 'final' AND v.definition_hash = p.definition_hash
          )
        ) WHERE moved = 1 AND n >= $volume_minimum AND share > $restated_share""",
        "many final values changed under the same definition",
    ),
    SetRule(
        "segment_mix_drifted",
        Dimension.VALIDITY,
        Severity.WARN,
        """
        WITH both_runs AS (
          SELECT 'now' AS run, metric, segment_dimension, segment_value, grain, period_start, sample_size FROM v
          UNION ALL
          SELECT 'before', metric, segment_dimension, segment_value, grain, period_start, sample_size FROM p
        ), counted AS (
          SELECT metric, segment_dimension, segment_value,
                 greatest(sum(CASE WHEN run = 'now' THEN sample_size ELSE 0 END), 0)::DOUBLE AS now_n,
                 greatest(sum(CASE WHEN run = 'before' THEN sample_size ELSE 0 END), 0)::DOUBLE AS before_n
          FROM both_runs WHERE segment_dimension <> '' AND grain = 'month' GROUP BY ALL
        ), shares AS (
          SELECT *, greatest(now_n / nullif(sum(now_n) OVER w, 0), 0.0001) AS now_share,
                 greatest(before_n / nullif(sum(before_n) OVER w, 0), 0.0001) AS before_share,
                 sum(before_n) OVER w AS size
          FROM counted WINDOW w AS (PARTITION BY metric, segment_dimension)
        )
        SELECT metric, 'month' AS grain, NULL::DATE AS period_start, segment_dimension, '' AS segment_value
        FROM shares WHERE size >= 100 GROUP BY metric, segment_dimension
        HAVING sum((now_share - before_share) * ln(now_share / before_share)) > $psi""",
        "the mix of segments has shifted since the last run",
    ),
)
