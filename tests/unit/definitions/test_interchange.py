"""Exports and imports: what is carried keeps its meaning, what is not is listed; foreign files become drafts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import definitions
from definitions import load_catalogue, load_texts
from definitions.interchange import FORMATS
from definitions.loading import read_folder
from definitions.model import Catalogue, Conversion, Cumulative, MetricType, Ratio, Simple
from definitions.versions import definition_hashes
from definitions.writing import metric_data, source_data, to_yaml

SHIPPED = Path(definitions.__file__).parent / "catalogue"
REAL = Path(__file__).parents[3] / "examples" / "real" / "catalogue"


def _rest(root: Path) -> dict[str, str | bytes]:
    """The files of a catalogue that interchange leaves alone."""
    return {
        name: text
        for name, text in read_folder(root).items()
        if not name.startswith(("metrics/", "sources/"))
    }


@pytest.fixture(scope="module", params=[SHIPPED, REAL], ids=["shipped", "real"])
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    return load_catalogue(request.param)


def test_what_is_written_reads_back_equal(catalogue: Catalogue) -> None:
    texts = _rest(catalogue.root)
    texts["metrics/a.yml"] = to_yaml({"metrics": [metric_data(m) for m in catalogue.metrics.values()]})
    texts["sources/a.yml"] = to_yaml({"sources": [source_data(s) for s in catalogue.sources.values()]})
    again = load_texts(texts, root=catalogue.root)
    assert again.metrics == catalogue.metrics
    assert again.sources == catalogue.sources


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_a_round_trip_keeps_every_definition(catalogue: Catalogue, form: str) -> None:
    exported = FORMATS[form].export(catalogue)
    documents = {name: yaml.safe_load(to_yaml(document)) for name, document in exported.documents.items()}
    imported = FORMATS[form].read(documents)
    assert imported.lost == ()
    again = load_texts({**_rest(catalogue.root), **imported.texts}, root=catalogue.root)
    assert definition_hashes(again) == definition_hashes(catalogue)
    assert again.sources == catalogue.sources
    for name, metric in catalogue.metrics.items():
        other = again.metrics[name]
        assert (other.label, other.owner, other.guardrails, other.drives, other.changes) == (
            metric.label,
            metric.owner,
            metric.guardrails,
            metric.drives,
            metric.changes,
        )


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_what_cannot_be_carried_is_listed(form: str) -> None:
    catalogue = load_catalogue(SHIPPED)
    exported = FORMATS[form].export(catalogue)
    lost = {item.subject for item in exported.lost}
    types = {catalogue.metrics[name].type for name in lost if name in catalogue.metrics}
    assert MetricType.RETENTION in types
    assert "mrr_movements" in lost
    assert all(item.why for item in exported.lost)


def test_an_export_is_the_same_bytes_each_time() -> None:
    catalogue = load_catalogue(REAL)
    for form in FORMATS.values():
        one = [to_yaml(document) for document in form.export(catalogue).documents.values()]
        assert one == [to_yaml(document) for document in form.export(catalogue).documents.values()]


FOREIGN_DBT: dict[str, Any] = yaml.safe_load("""
semantic_models:
  - name: orders
    model: ref('fct_orders')
    defaults: {agg_time_dimension: ordered_at}
    entities:
      - {name: order, type: primary, expr: order_id}
      - {name: customers, type: foreign, expr: customer_id}
    dimensions:
      - {name: ordered_at, type: time, type_params: {time_granularity: day}}
      - {name: channel, type: categorical}
    measures:
      - {name: order_count, agg: count, expr: "1"}
      - {name: order_total, agg: sum, expr: amount}
      - {name: buyers, agg: count_distinct, expr: customer_id}
  - name: customers
    model: ref('dim_customers')
    defaults: {agg_time_dimension: created_at}
    entities:
      - {name: customers, type: primary, expr: customer_id}
    dimensions:
      - {name: created_at, type: time, type_params: {time_granularity: day}}
      - {name: country, type: categorical}
    measures:
      - {name: signups, agg: count, expr: "1"}
metrics:
  - name: web_orders
    label: Web orders
    type: simple
    type_params: {measure: {name: order_count, fill_nulls_with: 0}}
    filter: "{{ Dimension('order__channel') }} = 'web'"
  - name: german_revenue
    label: German revenue
    type: simple
    type_params: {measure: order_total}
    filter: "{{ Dimension('customers__country') }} = 'DE'"
  - name: revenue_total
    label: Revenue
    type: simple
    type_params: {measure: order_total}
  - name: revenue_28_days
    label: Revenue of 28 days
    type: cumulative
    type_params: {measure: order_total, cumulative_type_params: {window: 28 days}}
  - name: average_order
    label: Average order
    type: ratio
    type_params: {numerator: revenue_total, denominator: web_orders}
  - name: signup_to_order
    label: Signup to order
    type: conversion
    type_params:
      conversion_type_params:
        base_measure: signups
        conversion_measure: buyers
        entity: customers
        window: 7 days
        calculation: conversion_rate
  - name: revenue_growth_monthly
    label: Growth
    type: derived
    type_params:
      expr: revenue_total / last - 1
      metrics: [{name: revenue_total}, {name: revenue_total, alias: last, offset_window: 1 month}]
""")


def test_a_foreign_dbt_project_becomes_drafts_that_load() -> None:
    imported = FORMATS["dbt"].read({"project.yml": FOREIGN_DBT})
    assert imported.lost == ()
    catalogue = load_texts(imported.texts)
    web = catalogue.metrics["web_orders"].formula
    assert isinstance(web, Simple)
    assert web.measure.filter is not None
    assert web.measure.filter.text == "channel = 'web'"
    german = catalogue.metrics["german_revenue"].formula
    assert isinstance(german, Simple)
    assert german.measure.filter is not None
    assert german.measure.filter.text == "customers.country = 'DE'"
    running = catalogue.metrics["revenue_28_days"].formula
    assert isinstance(running, Cumulative)
    assert str(running.window) == "28 days"
    assert isinstance(catalogue.metrics["average_order"].formula, Ratio)
    conversion = catalogue.metrics["signup_to_order"].formula
    assert isinstance(conversion, Conversion)
    assert (conversion.entity, str(conversion.window)) == ("customer_id", "7 days")
    assert all(metric.status == "draft" for metric in catalogue.metrics.values())


def test_a_filter_that_cannot_be_read_is_told_and_not_dropped() -> None:
    broken = {**FOREIGN_DBT, "metrics": [{**FOREIGN_DBT["metrics"][0], "filter": "{{ var('x') }} = 1"}]}
    imported = FORMATS["dbt"].read({"project.yml": broken})
    (lost,) = imported.lost
    assert lost.subject == "web_orders"
    assert "template" in lost.why


FOREIGN_OSSIE: dict[str, Any] = yaml.safe_load("""
version: 0.2.0.dev0
semantic_model:
  - name: shop
    datasets:
      - name: sales
        source: shop.sales
        primary_key: [sale_id]
        fields:
          - {name: sold_on, datatype: Date, expression: {dialects: [{dialect: ANSI_SQL, expression: sold_on}]}}
          - {name: amount, datatype: Decimal, expression: {dialects: [{dialect: ANSI_SQL, expression: amount}]}}
          - name: channel
            datatype: String
            dimension: {}
            expression: {dialects: [{dialect: ANSI_SQL, expression: channel}]}
    metrics:
      - name: total_sales
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(sales.amount)}]}
      - name: average_sale
        expression: {dialects: [{dialect: ANSI_SQL, expression: "SUM(sales.amount) / NULLIF(COUNT(*), 0)"}]}
      - name: sales_per_row
        expression: {dialects: [{dialect: ANSI_SQL, expression: "SUM(sales.amount) / COUNT(sales.sale_id)"}]}
""")


def test_a_foreign_ossie_model_becomes_drafts_that_load() -> None:
    imported = FORMATS["ossie"].read({"model.yml": FOREIGN_OSSIE})
    assert [(item.subject, item.what) for item in imported.lost] == [("average_sale", "metric")]
    catalogue = load_texts(imported.texts)
    assert set(catalogue.metrics) == {"total_sales", "sales_per_row"}
    total = catalogue.metrics["total_sales"].formula
    assert isinstance(total, Simple)
    assert total.measure.source == "sales"
