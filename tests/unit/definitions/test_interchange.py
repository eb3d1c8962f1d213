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
    assert imported.lost == ()
    catalogue = load_texts(imported.texts)
    assert set(catalogue.metrics) == {"average_sale", "total_sales", "sales_per_row"}
    total = catalogue.metrics["total_sales"].formula
    assert isinstance(total, Simple)
    assert total.measure.source == "sales"


SPARSE_OSSIE: dict[str, Any] = yaml.safe_load("""
version: 0.2.0.dev0
semantic_model:
  - name: shop
    datasets:
      - name: sales
        source: shop.sales
        fields:
          - {name: sold_on, dimension: {is_time: true},
             expression: {dialects: [{dialect: ANSI_SQL, expression: sold_on}]}}
          - {name: amount, expression: {dialects: [{dialect: ANSI_SQL, expression: amount}]}}
      - {name: clients, source: shop.clients}
      - {name: days, source: shop.days}
    relationships:
      - {name: buyer, from: sales, to: clients, from_columns: [client_id], to_columns: [client_id]}
      - {name: day, from: sales, to: days, from_columns: [sold_on], to_columns: [day_on]}
    metrics:
      - name: total_sales
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(amount)}]}
      - name: large_sales
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(CASE WHEN amount > 100 THEN 1 END)}]}
      - name: rows_of_what
        expression: {dialects: [{dialect: ANSI_SQL, expression: COUNT(*)}]}
      - name: clients_known
        expression: {dialects: [{dialect: ANSI_SQL, expression: COUNT(DISTINCT clients.client_id)}]}
""")


def test_a_model_that_says_little_loads_as_far_as_it_goes_and_the_rest_is_told() -> None:
    imported = FORMATS["ossie"].read({"model.yml": SPARSE_OSSIE})
    catalogue = load_texts(imported.texts)
    assert set(catalogue.metrics) == {"total_sales", "large_sales"}
    large = catalogue.metrics["large_sales"].formula
    assert isinstance(large, Simple)
    assert large.measure.agg == "count"
    assert large.measure.filter is not None
    assert large.measure.filter.text == "amount > 100"
    assert set(catalogue.sources["sales"].joins) == {"clients", "days"}
    told = {item.subject: item.why for item in imported.lost if item.what == "metric"}
    assert told["rows_of_what"] == "clients, days, sales have rows; name the dataset"
    assert "no time column" in told["clients_known"]


FOREIGN_NEWER: dict[str, Any] = yaml.safe_load("""
semantic_models:
  - name: fct_orders
    model: ref('fct_orders')
    defaults: {agg_time_dimension: ordered_on}
    entities:
      - {name: order_id, type: primary}
      - {name: store, type: foreign, expr: store_id}
      - {name: nobody, type: foreign, expr: nobody_id}
    dimensions:
      - {name: ordered_on, type: time, expr: cast(ordered_at as date), type_params: {time_granularity: day}}
      - {name: is_gift, type: categorical}
      - {name: size_class, type: categorical, expr: case when amount >= 50 then 'large' else 'small' end}
    measures:
      - {name: amount, agg: sum}
      - {name: gift_amount, agg: sum, expr: case when is_gift then amount end}
      - {name: orders, agg: sum, expr: 1}
      - {name: longest_wait, agg: MAX, expr: wait_days}
  - name: dim_stores
    model: ref('dim_stores')
    entities: [{name: store, type: primary, expr: store_id}]
    dimensions: [{name: country, type: categorical}]
metrics:
  - {name: gift_orders, label: Gift orders, type: simple, type_params: {measure: orders},
     filter: "{{ Dimension('order_id__is_gift') }} = true"}
  - {name: large_orders, label: Large orders, type: SIMPLE, type_params: {measure: orders},
     filter: "{{ Dimension('order_id__size_class') }} = 'large' and {{ Dimension('store__country') }} = 'DE'"}
  - {name: gift_total, label: Gift total, type: simple, type_params: {measure: gift_amount}}
  - {name: wait_max, label: Longest wait, type: simple, type_params: {measure: longest_wait},
     filter: "{{ TimeDimension('metric_time', 'day') }} > '2026-01-01'"}
  - name: tax_total
    label: Tax
    type: simple
    type_params:
      expr: tax
      metric_aggregation_params: {semantic_model: fct_orders, agg: sum, agg_time_dimension: ordered_on}
""")


def test_a_project_as_people_write_it_loads() -> None:
    imported = FORMATS["dbt"].read({"project.yml": FOREIGN_NEWER})
    catalogue = load_texts(imported.texts)
    told = [(item.subject, item.what) for item in imported.lost]
    assert ("fct_orders", "entity nobody") in told
    assert set(catalogue.metrics) >= {"gift_orders", "large_orders", "gift_total", "tax_total"}
    orders = catalogue.sources["fct_orders"]
    assert orders.time == "ordered_at"
    types = {name: str(column.type) for name, column in orders.columns.items()}
    assert (
        types.items()
        >= {
            "ordered_at": "timestamp",
            "amount": "double",
            "is_gift": "boolean",
            "tax": "double",
            "wait_days": "double",
        }.items()
    )
    assert orders.joins["store"].to == "dim_stores"
    filters = {
        name: metric.formula.measure.filter.text
        for name, metric in catalogue.metrics.items()
        if isinstance(metric.formula, Simple) and metric.formula.measure.filter is not None
    }
    assert filters["large_orders"] == "size_class = 'large' AND store.country = 'DE'"
    assert filters["gift_total"] == "is_gift"
    gifts = catalogue.metrics["gift_orders"].formula
    assert isinstance(gifts, Simple)
    assert (gifts.measure.agg, gifts.measure.expr) == ("count", None)


def test_a_file_of_metricflow_holds_one_thing_a_document() -> None:
    split = {
        f"m{index}": {"semantic_model": model} for index, model in enumerate(FOREIGN_NEWER["semantic_models"])
    }
    split |= {f"n{index}": {"metric": metric} for index, metric in enumerate(FOREIGN_NEWER["metrics"])}
    assert FORMATS["dbt"].read(split).texts == FORMATS["dbt"].read({"project.yml": FOREIGN_NEWER}).texts
