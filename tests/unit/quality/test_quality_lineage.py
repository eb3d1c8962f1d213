"""Which KPIs rest on which table and column."""

from __future__ import annotations

from dataclasses import replace

from definitions.model import (
    Aggregation,
    Conversion,
    Cumulative,
    Derivation,
    Expression,
    Measure,
    MetricInput,
    MetricType,
    Source,
)
from quality.lineage import dependents, lineage
from tests.integration.quality.small_company import catalogue, measure, metric, with_metrics


def test_a_table_concerns_every_metric_over_it_or_over_a_metric_over_it() -> None:
    traced = lineage(catalogue())
    assert traced.metrics_of("crm.opportunities") == (
        "competitive_wins",
        "created",
        "value_per_win",
        "win_rate",
        "won_value",
    )


def test_a_column_concerns_only_the_metrics_that_mention_it() -> None:
    traced = lineage(catalogue())
    assert traced.metrics_of("crm.opportunities", ["competitor"]) == ("competitive_wins",)
    assert traced.metrics_of("crm.opportunities", ["amount"]) == ("value_per_win", "won_value")
    assert traced.metrics_of("crm.opportunities", ["close_date"]) == ("win_rate",)
    assert traced.metrics_of("crm.opportunities", ["score"]) == ()


def test_the_key_concerns_everything_on_the_table() -> None:
    traced = lineage(catalogue())
    assert traced.metrics_of("crm.opportunities", ["opportunity_id"]) == traced.metrics_of(
        "crm.opportunities"
    )


def test_a_joined_dimension_brings_the_joined_table() -> None:
    traced = lineage(catalogue())
    assert traced.metrics_of("crm.accounts") == ("created", "value_per_win")
    assert traced.metrics_of("crm.accounts", ["region"]) == ("created", "value_per_win")
    assert traced.metrics_of("crm.accounts", ["tier"]) == ()
    assert traced.metrics_of("crm.opportunities", ["account_id"]) == ("created", "value_per_win")


def test_a_name_that_cannot_be_resolved_counts_as_the_whole_table() -> None:
    odd = metric("odd", replace(metric("x", _count("is_won and mystery > 1")).formula))
    traced = lineage(with_metrics(catalogue(), odd))
    assert "odd" in traced.metrics_of("crm.opportunities", ["competitor"])


def test_text_that_is_no_sql_counts_as_the_whole_table() -> None:
    traced = lineage(with_metrics(catalogue(), metric("odd", _count("((("))))
    assert "odd" in traced.metrics_of("crm.opportunities", ["score"])


def test_conversion_rests_on_its_entities() -> None:
    formula = Conversion(measure("count"), measure("count", filter="is_won"), "account_id", "competitor")
    traced = lineage(with_metrics(catalogue(), metric("converted", formula, MetricType.CONVERSION)))
    assert "converted" in traced.metrics_of("crm.opportunities", ["competitor"])


def test_a_folded_source_rests_on_its_parent() -> None:
    base = catalogue()
    folded = Source(
        name="by_account",
        table="",
        system="salesforce",
        owner="sales",
        key=("account_id",),
        columns={},
        derived=Derivation("opportunities", ("account_id",)),
    )
    base = replace(base, sources={**base.sources, "by_account": folded})
    formula = Measure("by_account", Aggregation.COUNT)
    running = Cumulative(formula)
    traced = lineage(with_metrics(base, metric("accounts_seen", running, MetricType.CUMULATIVE)))
    assert "accounts_seen" in traced.metrics_of("crm.opportunities", ["score"])


def test_a_metric_in_the_filter_of_an_input_is_followed() -> None:
    formula = Cumulative(MetricInput("created", "created", filter=Expression("won_value > 10")))
    traced = lineage(with_metrics(catalogue(), metric("large", formula, MetricType.CUMULATIVE)))
    assert "large" in traced.metrics_of("crm.opportunities", ["amount"])


def test_dependents_are_followed_through_others() -> None:
    running = metric("running", Cumulative(MetricInput("value_per_win", "v")), MetricType.CUMULATIVE)
    below = dependents(with_metrics(catalogue(), running))
    assert below["won_value"] == ("running", "value_per_win")
    assert "win_rate" not in below


def _count(condition: str):
    from definitions.model import Simple

    return Simple(measure("count", filter=condition))
