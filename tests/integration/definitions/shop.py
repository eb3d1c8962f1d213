"""A shop with a few weeks of trade: small enough to check by eye, awkward enough to tell meanings apart.

Null keys and values, a key that matches nothing, a store without orders, orders on a leap day and at month ends,
two visits on one day, snapshots with gaps, prices that changed, and pings by the second.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from definitions import load_texts
from definitions.model import Catalogue
from tests.integration.definitions.worlds import Row, Tables

_SOURCES = """
sources:
  - name: regions
    system: shop
    table: world.regions
    owner: o
    key: region_id
    dimensions: [country]
    columns: [{name: region_id, type: string}, {name: country, type: string?}]
  - name: stores
    system: shop
    table: world.stores
    owner: o
    key: store_id
    time: opened_on
    dimensions: [city, is_flagship, {name: country, via: region}]
    joins: [{to: regions, on: region_id, name: region}]
    columns:
      - {name: store_id, type: string}
      - {name: region_id, type: string?}
      - {name: city, type: string?}
      - {name: is_flagship, type: boolean?}
      - {name: opened_on, type: date}
  - name: brands
    system: shop
    table: world.brands
    owner: o
    key: store_id
    dimensions: [brand]
    joins: [{to: prices, on: store_id}]
    columns: [{name: store_id, type: string}, {name: brand, type: string}]
  - name: prices
    system: shop
    table: world.prices
    owner: o
    key: [store_id, valid_from]
    validity: {from: valid_from, to: valid_to}
    columns:
      - {name: store_id, type: string}
      - {name: level, type: string?}
      - {name: valid_from, type: date}
      - {name: valid_to, type: date?}
  - name: orders
    system: shop
    table: world.orders
    owner: o
    key: order_id
    time: ordered_on
    dimensions:
      - is_gift
      - {name: city, via: store}
      - {name: is_flagship, via: store}
      - {name: country, via: store.region}
      - {name: level, via: prices}
      - {name: brand_level, expr: level, via: brands.prices}
    joins: [{to: stores, on: store_id, name: store}, {to: prices, on: store_id}, {to: brands, on: store_id}]
    columns:
      - {name: order_id, type: integer}
      - {name: store_id, type: string?}
      - {name: guest, type: string?}
      - {name: ordered_on, type: date}
      - {name: paid_on, type: date?}
      - {name: amount, type: decimal?}
      - {name: is_gift, type: boolean}
      - {name: voucher, type: string?}
  - name: visits
    system: shop
    table: world.visits
    owner: o
    key: visit_id
    time: day
    dimensions: [channel]
    columns:
      - {name: visit_id, type: integer}
      - {name: guest, type: string}
      - {name: day, type: date}
      - {name: channel, type: string?}
      - {name: basket, type: string}
  - name: buys
    system: shop
    table: world.buys
    owner: o
    key: buy_id
    time: day
    columns:
      - {name: buy_id, type: integer}
      - {name: guest, type: string}
      - {name: day, type: date}
      - {name: basket, type: string}
  - name: accounts
    system: shop
    table: world.accounts
    owner: o
    key: [day, guest, kind]
    time: day
    dimensions: [guest, kind]
    columns:
      - {name: day, type: date}
      - {name: guest, type: string}
      - {name: kind, type: string}
      - {name: balance, type: integer}
  - name: pings
    system: shop
    table: world.pings
    owner: o
    key: ping_id
    time: happened_at
    dimensions: [host]
    columns:
      - {name: ping_id, type: integer}
      - {name: host, type: string}
      - {name: happened_at, type: timestamp}
"""

_METRICS = {
    "orders": "type: simple, source: orders, agg: count",
    "value": "type: simple, source: orders, agg: sum, expr: amount",
    "gift_value": "type: simple, source: orders, agg: sum, expr: amount, filter: is_gift",
    "guests": "type: simple, source: orders, agg: count_distinct, expr: guest",
    "vouchers": "type: simple, source: orders, agg: count, expr: voucher",
    "gifts": "type: simple, source: orders, agg: sum_boolean, expr: is_gift",
    "middle": "type: simple, source: orders, agg: median, expr: amount",
    "high": "type: simple, source: orders, agg: percentile, percentile: 0.9, expr: amount",
    "mean": "type: simple, source: orders, agg: avg, expr: amount",
    "largest": "type: simple, source: orders, agg: max, expr: amount",
    "paid": "type: simple, source: orders, agg: sum, expr: amount, time: paid_on",
    "stores": "type: simple, source: stores, agg: count",
    "busy_stores": "type: simple, source: stores, agg: count, filter: 'metric(orders, store_id) > 2'",
    "visits": "type: simple, source: visits, agg: count",
    "value_per_guest": "type: ratio, numerator: value, denominator: guests",
    "orders_per_visit": "type: ratio, numerator: orders, denominator: visits",
    "orders_per_value": "type: ratio, numerator: orders, denominator: value",
    "gift_share": "type: ratio, numerator: {metric: value, filter: is_gift}, denominator: value",
    "value_times_visits": "type: derived, expr: value * visits",
    "growth": "type: derived, expr: orders - before, "
    "inputs: [{metric: orders, alias: before, offset: 1 week}]",
    "lag": "type: derived, expr: before, inputs: [{metric: orders, alias: before, offset: 5 days}]",
    "lag_twice": "type: derived, expr: 2 * inner_lag, "
    "inputs: [{metric: lag, alias: inner_lag, offset: 2 days}]",
    "last_month": "type: derived, expr: before, inputs: [{metric: orders, alias: before, offset: 1 month}]",
    "since_month_start": "type: derived, expr: orders - opening, "
    "inputs: [orders, {metric: orders, alias: opening, offset_to: month}]",
    "ever": "type: cumulative, metric: value, period_agg: first",
    "two_days": "type: cumulative, metric: guests, window: 2 days, period_agg: first",
    "month_mean": "type: cumulative, metric: value, window: 1 month, period_agg: average",
    "to_date": "type: cumulative, metric: value, grain_to_date: month, period_agg: first",
    "two_days_before": "type: derived, expr: inner_days, "
    "inputs: [{metric: two_days, alias: inner_days, offset: 2 days}]",
    "ever_at_month_start": "type: derived, expr: opening, "
    "inputs: [{metric: ever, alias: opening, offset_to: month}]",
    "orders_or_zero": "type: simple, source: orders, agg: count, missing: zero",
    "opening_balance": "type: balance, source: accounts, agg: sum, expr: balance, choice: first",
    "guest_balance": "type: balance, source: accounts, agg: sum, expr: balance, groupings: [guest]",
    "bought": "type: conversion, base: {source: visits}, conversion: {source: buys}, entity: guest, "
    "window: 7 days, unconverted: empty",
    "bought_ever": "type: conversion, base: {source: visits}, conversion: {source: buys}, entity: guest, "
    "unconverted: empty",
    "bought_basket": "type: conversion, base: {source: visits}, conversion: {source: buys}, entity: guest, "
    "window: 7 days, constant_properties: [basket], calculation: count",
    "pings": "type: simple, source: pings, agg: count",
    "pings_or_zero": "type: simple, source: pings, agg: count, missing: zero",
    "pings_of_3_hours": "type: cumulative, metric: pings, window: 3 hours",
    "pings_of_the_day": "type: cumulative, metric: pings, grain_to_date: day",
    "pings_before": "type: derived, expr: before, inputs: [{metric: pings, alias: before, offset: 1 hour}]",
    "pings_at_midnight": "type: derived, expr: opening, "
    "inputs: [{metric: pings, alias: opening, offset_to: day}]",
}


def shop(calendar: str = "{name: company}") -> Catalogue:
    """The shop's dictionary."""
    common = "unit: count, direction: increase, owner: {team: t, accountable: p}"
    metrics = "".join(
        f"  - {{name: {name}, label: {name}, {text}, {common}}}\n" for name, text in _METRICS.items()
    )
    return load_texts(
        {
            "sources/shop.yml": _SOURCES,
            "metrics/shop.yml": f"metrics:\n{metrics}",
            "teams.yml": "teams: [{name: t, label: T, lead: p}]\npeople: [{name: p, label: P, email: p@example.com}]\n",
            "calendars.yml": f"calendars:\n  - {calendar}\n",
        }
    )


def _rows(columns: str, *lines: tuple[object, ...]) -> list[Row]:
    return [dict(zip(columns.split(), line, strict=True)) for line in lines]


def _day(text: str) -> date:
    return date.fromisoformat(text)


_ORDERS = [
    (1, "s1", "ann", "2024-01-30", "2024-01-31", "10.00", True, None),
    (2, "s1", "bob", "2024-01-31", "2024-02-01", "20.50", False, "v1"),
    (3, "s1", "ann", "2024-01-31", None, "7.25", False, None),
    (4, "s2", "cyd", "2024-02-01", "2024-02-29", None, True, "v2"),
    (5, "s2", "ann", "2024-02-05", "2024-02-05", "30.00", False, None),
    (6, None, "bob", "2024-02-05", "2024-02-06", "12.00", True, None),
    (7, "gone", "cyd", "2024-02-06", "2024-02-06", "0.00", False, "v1"),
    (8, "s1", None, "2024-02-12", "2024-03-01", "99.99", True, None),
    (9, "s3", "dan", "2024-02-29", "2024-02-29", "45.00", False, "v3"),
    (10, "s2", "ann", "2024-03-01", None, "5.00", False, None),
    (11, "s2", "bob", "2024-03-01", "2024-03-04", "15.00", True, None),
    (12, "s3", "dan", "2024-03-31", "2024-03-31", "-3.00", False, None),
]
_PINGS = ["00:00:00", "00:00:30", "00:59:59", "01:00:00", "03:30:10", "03:30:10", "06:00:00", "23:59:59"]

TABLES: Tables = {
    "regions": _rows("region_id country", ("r1", "nl"), ("r2", None)),
    "stores": _rows(
        "store_id region_id city is_flagship opened_on",
        ("s1", "r1", "delft", True, _day("2024-01-01")),
        ("s2", "r2", "ghent", False, _day("2024-01-15")),
        ("s3", "r9", None, None, _day("2024-02-01")),
        ("s4", "r1", "breda", True, _day("2024-02-01")),
    ),
    "brands": _rows("store_id brand", ("s1", "x"), ("s2", "y")),
    "prices": _rows(
        "store_id level valid_from valid_to",
        ("s1", "low", _day("2024-01-01"), _day("2024-01-31")),
        ("s1", "high", _day("2024-01-31"), None),
        ("s2", "mid", _day("2024-02-05"), _day("2024-03-01")),
        ("s2", None, _day("2024-03-01"), None),
    ),
    "orders": [
        {
            "order_id": number,
            "store_id": store,
            "guest": guest,
            "ordered_on": _day(ordered),
            "paid_on": _day(paid) if paid else None,
            "amount": Decimal(amount) if amount else None,
            "is_gift": gift,
            "voucher": voucher,
        }
        for number, store, guest, ordered, paid, amount, gift, voucher in _ORDERS
    ],
    "visits": _rows(
        "visit_id guest day channel basket",
        (1, "ann", _day("2024-02-01"), "web", "b1"),
        (2, "ann", _day("2024-02-04"), "ad", "b2"),
        (3, "bob", _day("2024-02-04"), "ad", "b3"),
        (4, "bob", _day("2024-02-04"), "web", "b4"),
        (5, "cyd", _day("2024-02-05"), None, "b5"),
        (6, "dan", _day("2024-02-20"), "mail", "b6"),
    ),
    "buys": _rows(
        "buy_id guest day basket",
        (1, "ann", _day("2024-02-04"), "b1"),
        (2, "ann", _day("2024-02-08"), "b2"),
        (3, "bob", _day("2024-02-10"), "b4"),
        (4, "bob", _day("2024-02-11"), "b3"),
        (5, "eve", _day("2024-02-11"), "b9"),
        (6, "dan", _day("2024-02-28"), "b6"),
    ),
    "accounts": _rows(
        "day guest kind balance",
        (_day("2024-02-05"), "ann", "saving", 100),
        (_day("2024-02-05"), "bob", "giro", 20),
        (_day("2024-02-07"), "ann", "giro", 40),
        (_day("2024-02-08"), "ann", "saving", 60),
        (_day("2024-02-13"), "bob", "giro", 5),
        (_day("2024-02-14"), "bob", "saving", 15),
    ),
    "pings": [
        {
            "ping_id": number,
            "host": "ab"[number % 2],
            "happened_at": datetime.fromisoformat(f"2024-03-30 {clock}"),
        }
        for number, clock in enumerate(_PINGS)
    ],
}
