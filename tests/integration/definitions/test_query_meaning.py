"""What a query means, case by case: each beside plain SQL that says the same, on DuckDB and PostgreSQL.

The cases follow what semantic layers agree on: metrics aggregate by their own time and meet in a full outer
join, ratios divide last, cumulative metrics say only days that have rows, offsets shift along the spine,
conversions go to the latest visit. Source: dictionary rules, 'What the numbers must mean'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from definitions.compiler import Compiler
from definitions.compiler.query import query
from tests.integration.definitions.shop import TABLES, shop
from tests.integration.definitions.worlds import Postgres, Run, duckdb_engine

COMPILER = Compiler(shop())
SPINE = (
    "(SELECT CAST(UNNEST(GENERATE_SERIES(DATE '2024-01-01', DATE '2024-04-30', INTERVAL 1 DAY)) AS DATE) "
    "AS d)"
)
HOURS = (
    "(SELECT UNNEST(GENERATE_SERIES(TIMESTAMP '2024-03-30 00:00', TIMESTAMP '2024-03-30 23:00', INTERVAL "
    "1 HOUR)) AS h)"
)
ALL: dict[str, Any] = {"start": date(2024, 1, 1), "end": date(2024, 4, 30)}
THAT_DAY: dict[str, Any] = {"start": date(2024, 3, 30), "end": date(2024, 3, 30)}


@dataclass(frozen=True)
class Case:
    """A query, and SQL for the rows it must give: keys first, then the metrics as asked for."""

    name: str
    metrics: tuple[str, ...]
    expected: str
    by: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    ordered: bool = False


def case(name: str, metrics: str, by: str, expected: str, *, ordered: bool = False, **options: Any) -> Case:
    return Case(name, tuple(metrics.split()), expected, tuple(by.split()), options, ordered)


STORE = "world.orders o LEFT JOIN world.stores s ON s.store_id = o.store_id"
PRICE = (
    "LEFT JOIN world.prices p ON p.store_id = {on}.store_id AND o.ordered_on >= p.valid_from "
    "AND (o.ordered_on < p.valid_to OR p.valid_to IS NULL)"
)

SIMPLE = [
    case(
        "a sum by day", "value", "metric_time", "SELECT ordered_on, SUM(amount) FROM world.orders GROUP BY 1"
    ),
    case("no dimensions", "value orders", "", "SELECT SUM(amount), COUNT(*) FROM world.orders"),
    case(
        "another time column",
        "paid",
        "metric_time.month",
        "SELECT DATE_TRUNC('month', paid_on), SUM(amount) FROM world.orders WHERE paid_on IS NOT "
        "NULL GROUP BY 1",
    ),
    case(
        "distinct, by a boolean",
        "guests",
        "is_gift",
        "SELECT is_gift, COUNT(DISTINCT guest) FROM world.orders GROUP BY 1",
    ),
    case("count of a column", "vouchers", "", "SELECT COUNT(voucher) FROM world.orders"),
    case(
        "sum of a boolean", "gifts", "", "SELECT SUM(CASE WHEN is_gift THEN 1 ELSE 0 END) FROM world.orders"
    ),
    case(
        "median, percentile, mean, max",
        "middle high mean largest",
        "metric_time.quarter",
        "SELECT DATE_TRUNC('quarter', ordered_on), QUANTILE_CONT(amount::DOUBLE, 0.5), "
        "QUANTILE_CONT(amount::DOUBLE, 0.9), AVG(amount), MAX(amount) FROM world.orders GROUP BY 1",
    ),
    case(
        "several grains of time",
        "orders",
        "metric_time.month metric_time.week",
        "SELECT DATE_TRUNC('month', ordered_on), DATE_TRUNC('week', ordered_on), COUNT(*) FROM world.orders "
        "GROUP BY 1, 2",
    ),
    case(
        "parts of time",
        "orders",
        "metric_time.extract_month metric_time.dow",
        "SELECT EXTRACT(month FROM ordered_on), EXTRACT(isodow FROM ordered_on), COUNT(*) FROM "
        "world.orders GROUP BY 1, 2",
    ),
    case(
        "a part of a time that is not the metric's own",
        "orders",
        "paid_on.extract_quarter",
        "SELECT EXTRACT(quarter FROM paid_on), COUNT(*) FROM world.orders GROUP BY 1",
    ),
    case(
        "another time as a dimension",
        "orders",
        "paid_on.month",
        "SELECT DATE_TRUNC('month', paid_on), COUNT(*) FROM world.orders GROUP BY 1",
    ),
]
FILTERED = [
    case(
        "where on a dimension that is not asked for",
        "value",
        "metric_time",
        "SELECT ordered_on, SUM(amount) FROM world.orders WHERE is_gift GROUP BY 1",
        where="is_gift",
    ),
    case(
        "where on a joined dimension that may be null",
        "orders",
        "is_flagship",
        f"SELECT s.is_flagship, COUNT(*) FROM {STORE} WHERE NOT o.is_gift AND (NOT s.is_flagship OR "
        "s.is_flagship IS NULL) GROUP BY 1",
        where="not is_gift and (not is_flagship or is_flagship is null)",
    ),
    case(
        "where on the metric's time",
        "orders",
        "metric_time",
        "SELECT ordered_on, COUNT(*) FROM world.orders WHERE ordered_on = DATE '2024-02-05' GROUP BY 1",
        where="metric_time = '2024-02-05'",
    ),
    case(
        "where on a grain of another time",
        "orders",
        "",
        "SELECT COUNT(*) FROM world.orders WHERE DATE_TRUNC('month', paid_on) = DATE '2024-02-01'",
        where="paid_on.month = '2024-02-01'",
    ),
    case(
        "a range is inclusive at both ends",
        "value",
        "metric_time",
        "SELECT ordered_on, SUM(amount) FROM world.orders WHERE ordered_on BETWEEN '2024-01-31' AND "
        "'2024-02-05' GROUP BY 1",
        start=date(2024, 1, 31),
        end=date(2024, 2, 5),
    ),
    case(
        "a range is widened to whole grains",
        "value",
        "metric_time.month",
        "SELECT DATE_TRUNC('month', ordered_on), SUM(amount) FROM world.orders "
        "WHERE ordered_on BETWEEN '2024-02-01' AND '2024-03-31' GROUP BY 1",
        start=date(2024, 2, 20),
        end=date(2024, 3, 2),
    ),
    case(
        "metrics with and without a filter",
        "value gift_value",
        "metric_time",
        "SELECT ordered_on, SUM(amount), SUM(amount) FILTER (WHERE is_gift) FROM world.orders GROUP BY 1",
    ),
    case(
        "a metric in a filter",
        "stores",
        "",
        "SELECT COUNT(*) FROM world.stores s WHERE (SELECT COUNT(*) FROM world.orders o "
        "WHERE o.store_id = s.store_id) > 2",
        where="metric(orders, store_id) > 2",
    ),
    case(
        "a metric in a metric's filter",
        "busy_stores",
        "",
        "SELECT COUNT(*) FROM world.stores s WHERE (SELECT COUNT(*) FROM world.orders o "
        "WHERE o.store_id = s.store_id) > 2",
    ),
    case(
        "two metrics in a filter",
        "stores",
        "",
        "SELECT COUNT(*) FROM world.stores s WHERE (SELECT COUNT(*) FROM world.orders o WHERE "
        "o.store_id = s.store_id) > 1 "
        "AND (SELECT SUM(amount) / COUNT(DISTINCT guest) FROM world.orders o WHERE o.store_id = "
        "s.store_id) > 30",
        where="metric(orders, store_id) > 1 and metric(value_per_guest, store_id) > 30",
    ),
]
JOINED = [
    case(
        "an unmatched key is a group",
        "orders",
        "city",
        f"SELECT COALESCE(s.city, '(unknown)'), COUNT(*) FROM {STORE} GROUP BY 1",
    ),
    case(
        "two hops",
        "orders",
        "country",
        f"SELECT COALESCE(r.country, '(unknown)'), COUNT(*) FROM {STORE} "
        "LEFT JOIN world.regions r ON r.region_id = s.region_id GROUP BY 1",
    ),
    case(
        "names with two underscores",
        "orders",
        "store__region__country",
        f"SELECT COALESCE(r.country, '(unknown)'), COUNT(*) FROM {STORE} "
        "LEFT JOIN world.regions r ON r.region_id = s.region_id GROUP BY 1",
    ),
    case(
        "a dimension that changes: the interval of the row's own day",
        "value",
        "metric_time level",
        "SELECT o.ordered_on, COALESCE(p.level, '(unknown)'), SUM(amount) FROM world.orders o "
        f"{PRICE.format(on='o')} "
        "GROUP BY 1, 2",
    ),
    case(
        "a dimension that changes, over a join without a time",
        "value",
        "brand_level",
        f"SELECT COALESCE(p.level, '(unknown)'), SUM(amount) FROM world.orders o "
        f"LEFT JOIN world.brands b ON b.store_id = o.store_id {PRICE.format(on='b')} GROUP BY 1",
    ),
    case(
        "a dimension of one source, joined from another",
        "orders stores",
        "country",
        "SELECT COALESCE(a.country, b.country), a.n, b.n FROM "
        f"(SELECT COALESCE(r.country, '(unknown)') AS country, COUNT(*) AS n FROM {STORE} "
        "LEFT JOIN world.regions r ON r.region_id = s.region_id GROUP BY 1) a FULL JOIN "
        "(SELECT COALESCE(r.country, '(unknown)') AS country, COUNT(*) AS n FROM world.stores s "
        "LEFT JOIN world.regions r ON r.region_id = s.region_id GROUP BY 1) b ON a.country = b.country",
    ),
]
COMBINED = [
    case(
        "metrics of two sources meet in a full outer join",
        "orders visits",
        "metric_time",
        "SELECT COALESCE(a.d, b.d), a.n, b.n FROM (SELECT ordered_on AS d, COUNT(*) AS n FROM "
        "world.orders GROUP BY 1) a "
        "FULL JOIN (SELECT day AS d, COUNT(*) AS n FROM world.visits GROUP BY 1) b ON a.d = b.d",
    ),
    case(
        "null keys of two sources meet",
        "orders visits",
        "metric_time.extract_year",
        "SELECT 2024, (SELECT COUNT(*) FROM world.orders), (SELECT COUNT(*) FROM world.visits)",
    ),
    case(
        "a ratio of two sources",
        "orders_per_visit",
        "metric_time",
        "SELECT COALESCE(a.d, b.d), a.n / CAST(b.n AS DOUBLE) FROM (SELECT ordered_on AS d, COUNT(*) AS n "
        "FROM world.orders GROUP BY 1) a FULL JOIN (SELECT day AS d, COUNT(*) AS n FROM world.visits "
        "GROUP BY 1) b "
        "ON a.d = b.d",
    ),
    case(
        "a ratio is null on zero",
        "orders_per_value",
        "metric_time",
        "SELECT ordered_on, COUNT(*) / NULLIF(SUM(amount)::DOUBLE, 0) FROM world.orders GROUP BY 1",
    ),
    case(
        "a filtered input",
        "gift_share",
        "metric_time.month",
        "SELECT DATE_TRUNC('month', ordered_on), SUM(amount) FILTER (WHERE is_gift)::DOUBLE / "
        "SUM(amount)::DOUBLE "
        "FROM world.orders GROUP BY 1",
    ),
    case(
        "an expression over two sources",
        "value_times_visits",
        "metric_time",
        "SELECT COALESCE(a.d, b.d), a.n * b.n FROM (SELECT ordered_on AS d, SUM(amount) AS n FROM "
        "world.orders GROUP BY 1) a "
        "FULL JOIN (SELECT day AS d, COUNT(*) AS n FROM world.visits GROUP BY 1) b ON a.d = b.d",
    ),
]
SHIFTED = [
    case(
        "an offset shifts along the spine",
        "lag",
        "metric_time",
        f"SELECT d, COUNT(*) FROM {SPINE} JOIN world.orders ON ordered_on = d - 5 GROUP BY 1",
    ),
    case(
        "then full outer joins",
        "growth",
        "metric_time",
        "SELECT COALESCE(a.d, b.d), a.n - b.n FROM (SELECT ordered_on AS d, COUNT(*) AS n FROM "
        "world.orders GROUP BY 1) a "
        "FULL JOIN (SELECT ordered_on + 7 AS d, COUNT(*) AS n FROM world.orders GROUP BY 1) b ON a.d = b.d",
    ),
    case(
        "offsets nest",
        "lag_twice",
        "metric_time",
        "SELECT ordered_on + 7, 2 * COUNT(*) FROM world.orders GROUP BY 1",
    ),
    case(
        "a condition on time is about what is shown",
        "lag_twice",
        "metric_time",
        "SELECT ordered_on + 7, 2 * COUNT(*) FROM world.orders WHERE ordered_on + 7 BETWEEN "
        "'2024-02-06' AND '2024-02-12' "
        "GROUP BY 1",
        where="metric_time between '2024-02-06' and '2024-02-12'",
    ),
    case(
        "an offset by months reads each day's own day back",
        "last_month",
        "metric_time",
        f"SELECT d, COUNT(*) FROM {SPINE} JOIN world.orders ON ordered_on = CAST(d - INTERVAL 1 MONTH "
        "AS DATE) GROUP BY 1",
    ),
    case(
        "an offset by months of months",
        "last_month",
        "metric_time.month",
        "SELECT DATE_TRUNC('month', ordered_on) + INTERVAL 1 MONTH, COUNT(*) FROM world.orders GROUP BY 1",
    ),
    case(
        "an offset by months of years: every day reads the day that far back",
        "last_month",
        "metric_time.year",
        f"SELECT DATE '2024-01-01', COUNT(*) FROM {SPINE} JOIN world.orders "
        "ON ordered_on = CAST(d - INTERVAL 1 MONTH AS DATE)",
    ),
    case(
        "an offset by months of weeks",
        "last_month",
        "metric_time.week",
        f"SELECT DATE_TRUNC('week', d), COUNT(*) FROM {SPINE} JOIN world.orders "
        "ON ordered_on = CAST(d - INTERVAL 1 MONTH AS DATE) GROUP BY 1",
    ),
    case(
        "the start of the period",
        "since_month_start",
        "metric_time",
        "SELECT COALESCE(a.d, b.d), a.n - b.n FROM (SELECT ordered_on AS d, COUNT(*) AS n FROM "
        "world.orders GROUP BY 1) a "
        f"FULL JOIN (SELECT d, COUNT(*) AS n FROM {SPINE} JOIN world.orders ON ordered_on = "
        "DATE_TRUNC('month', d) "
        "GROUP BY 1) b ON a.d = b.d",
        **ALL,
    ),
    case(
        "grouped by a part of time",
        "lag",
        "metric_time.doy",
        "SELECT EXTRACT(doy FROM ordered_on + 5), COUNT(*) FROM world.orders GROUP BY 1",
    ),
    case(
        "the metric's own time column is its time",
        "lag",
        "ordered_on.day",
        "SELECT ordered_on + 5, COUNT(*) FROM world.orders GROUP BY 1",
    ),
]
RUNNING = [
    case(
        "over all time, on every day since the first",
        "ever",
        "metric_time",
        f"SELECT d, SUM(amount) FROM {SPINE} JOIN world.orders ON ordered_on <= d GROUP BY 1",
        **ALL,
    ),
    case("over all time, without time", "ever", "", "SELECT SUM(amount) FROM world.orders"),
    case(
        "a range limits what is shown, not what is summed",
        "ever",
        "metric_time",
        f"SELECT d, SUM(amount) FROM {SPINE} JOIN world.orders ON ordered_on <= d WHERE d = "
        "'2024-02-20' GROUP BY 1",
        start=date(2024, 2, 20),
        end=date(2024, 2, 20),
    ),
    case(
        "a window that cannot be added up says only days that have rows",
        "two_days",
        "metric_time",
        f"SELECT d, COUNT(DISTINCT guest) FROM {SPINE} JOIN world.orders ON ordered_on <= d AND "
        "ordered_on > d - 2 "
        "GROUP BY 1",
        **ALL,
    ),
    case(
        "a window of a month",
        "month_mean",
        "metric_time",
        f"SELECT d, SUM(amount) FROM {SPINE} JOIN world.orders ON ordered_on <= d "
        "AND ordered_on > d - INTERVAL 1 MONTH GROUP BY 1",
        **ALL,
    ),
    case(
        "a window of a month, its mean by week and month",
        "month_mean",
        "metric_time.week metric_time.month",
        "SELECT DATE_TRUNC('week', d), DATE_TRUNC('month', d), AVG(v) FROM "
        f"(SELECT d, SUM(amount) AS v FROM {SPINE} JOIN world.orders ON ordered_on <= d "
        "AND ordered_on > d - INTERVAL 1 MONTH GROUP BY 1) GROUP BY 1, 2",
        start=date(2024, 1, 1),
        end=date(2024, 4, 28),
    ),
    case(
        "to date, by the metric's own time column",
        "to_date",
        "ordered_on.quarter",
        "SELECT DATE_TRUNC('quarter', d), ARG_MIN(v, d) FROM (SELECT d, SUM(amount) AS v FROM "
        f"{SPINE} JOIN world.orders ON ordered_on <= d AND ordered_on >= DATE_TRUNC('month', d) GROUP "
        "BY 1) GROUP BY 1",
        **ALL,
    ),
    case(
        "a condition on time is applied after",
        "two_days",
        "metric_time",
        f"SELECT d, COUNT(DISTINCT guest) FROM {SPINE} JOIN world.orders ON ordered_on <= d AND "
        "ordered_on > d - 2 "
        "WHERE d IN ('2024-02-06', '2024-03-02') GROUP BY 1",
        where="metric_time = '2024-02-06' or metric_time = '2024-03-02'",
    ),
    case(
        "shifted",
        "two_days_before",
        "metric_time",
        f"SELECT d + 2, COUNT(DISTINCT guest) FROM {SPINE} JOIN world.orders ON ordered_on <= d AND "
        "ordered_on > d - 2 "
        "GROUP BY 1",
    ),
    case(
        "at the start of the month",
        "ever_at_month_start",
        "metric_time",
        f"SELECT a.d, SUM(amount) FROM {SPINE} a JOIN world.orders ON ordered_on <= "
        "DATE_TRUNC('month', a.d) GROUP BY 1",
        **ALL,
    ),
    case(
        "gaps that are zero",
        "orders_or_zero",
        "metric_time",
        f"SELECT d, COUNT(order_id) FROM {SPINE} LEFT JOIN world.orders ON ordered_on = d GROUP BY 1",
        **ALL,
    ),
]
STATES = [
    case(
        "the first day of each week",
        "opening_balance",
        "metric_time.week",
        "SELECT w, SUM(balance) FROM (SELECT *, DATE_TRUNC('week', day) AS w, MIN(day) OVER (PARTITION BY "
        "DATE_TRUNC('week', day)) AS f FROM world.accounts) WHERE day = f GROUP BY 1",
    ),
    case(
        "the last day of each guest",
        "guest_balance",
        "guest",
        "SELECT guest, SUM(balance) FROM (SELECT *, MAX(day) OVER (PARTITION BY guest) AS f FROM "
        "world.accounts) "
        "WHERE day = f GROUP BY 1",
    ),
    case(
        "the last day of each guest and week, summed over guests",
        "guest_balance",
        "metric_time.week",
        "SELECT w, SUM(balance) FROM (SELECT *, DATE_TRUNC('week', day) AS w, MAX(day) OVER "
        "(PARTITION BY guest, "
        "DATE_TRUNC('week', day)) AS f FROM world.accounts) WHERE day = f GROUP BY 1",
    ),
    case(
        "rows are filtered before the day is chosen",
        "guest_balance",
        "guest",
        "SELECT guest, SUM(balance) FROM (SELECT *, MAX(day) OVER (PARTITION BY guest) AS f FROM "
        "world.accounts "
        "WHERE kind = 'saving') WHERE day = f GROUP BY 1",
        where="kind = 'saving'",
    ),
    case(
        "a condition on the own time, too",
        "opening_balance",
        "kind",
        "SELECT kind, SUM(balance) FROM world.accounts WHERE day = '2024-02-07' GROUP BY 1",
        where="day.day >= '2024-02-06'",
    ),
]
_CREDITED = (
    "(SELECT b.buy_id, ARG_MIN(v.visit_id, (-(v.day - DATE '2000-01-01'), v.visit_id)) AS visit_id "
    "FROM world.buys b "
    "JOIN world.visits v ON v.guest = b.guest AND v.day <= b.day{and_} GROUP BY 1)"
)
_WEEK = _CREDITED.format(and_=" AND v.day > b.day - 7")
CONVERTED = [
    case(
        "share of visits, credited to the latest visit",
        "bought",
        "metric_time",
        f"SELECT v.day, NULLIF(COUNT(c.buy_id), 0)::DOUBLE / COUNT(DISTINCT v.visit_id) FROM world.visits v "
        f"LEFT JOIN {_WEEK} c USING (visit_id) GROUP BY 1",
    ),
    case(
        "without time",
        "bought",
        "",
        f"SELECT (SELECT COUNT(*) FROM {_WEEK})::DOUBLE / COUNT(*) FROM world.visits",
    ),
    case(
        "by a dimension of the visit",
        "bought",
        "channel",
        "SELECT COALESCE(v.channel, '(unknown)'), NULLIF(COUNT(c.buy_id), 0)::DOUBLE / "
        "COUNT(DISTINCT v.visit_id) "
        f"FROM world.visits v LEFT JOIN {_WEEK} c USING (visit_id) GROUP BY 1",
    ),
    case(
        "without a window",
        "bought_ever",
        "",
        f"SELECT (SELECT COUNT(*) FROM {_CREDITED.format(and_='')})::DOUBLE / COUNT(*) FROM world.visits",
    ),
    case(
        "with a property that must stay the same",
        "bought_basket",
        "metric_time",
        f"SELECT v.day, COUNT(c.buy_id) FROM world.visits v LEFT JOIN "
        f"{_CREDITED.format(and_=' AND v.day > b.day - 7 AND v.basket = b.basket')} c USING "
        "(visit_id) GROUP BY 1",
    ),
]
BY_THE_CLOCK = [
    case(
        "by the hour",
        "pings",
        "metric_time.hour",
        "SELECT DATE_TRUNC('hour', happened_at), COUNT(*) FROM world.pings GROUP BY 1",
    ),
    case(
        "by the minute, of the own time column",
        "pings",
        "happened_at.minute",
        "SELECT DATE_TRUNC('minute', happened_at), COUNT(*) FROM world.pings GROUP BY 1",
    ),
    case(
        "gaps by the hour",
        "pings_or_zero",
        "metric_time.hour host",
        f"SELECT h, x.host, COUNT(p.ping_id) FROM {HOURS} CROSS JOIN (SELECT DISTINCT host FROM world.pings) x "
        "LEFT JOIN world.pings p ON p.host = x.host AND DATE_TRUNC('hour', happened_at) = h GROUP BY 1, 2",
        **THAT_DAY,
    ),
    case(
        "a window of hours",
        "pings_of_3_hours",
        "metric_time.hour",
        f"SELECT h, COUNT(*) FROM {HOURS} JOIN world.pings ON DATE_TRUNC('hour', happened_at) <= h "
        "AND DATE_TRUNC('hour', happened_at) > h - INTERVAL 3 HOUR GROUP BY 1",
        **THAT_DAY,
    ),
    case(
        "a window of hours, by the day: its last hour",
        "pings_of_3_hours",
        "metric_time",
        "SELECT DATE '2024-03-30', 1",
        **THAT_DAY,
    ),
    case(
        "to date, by the hour",
        "pings_of_the_day",
        "metric_time.hour",
        f"SELECT h, COUNT(*) FROM {HOURS} JOIN world.pings ON DATE_TRUNC('hour', happened_at) <= h GROUP BY 1",
        **THAT_DAY,
    ),
    case(
        "shifted by an hour",
        "pings_before",
        "metric_time.hour",
        "SELECT DATE_TRUNC('hour', happened_at) + INTERVAL 1 HOUR, COUNT(*) FROM world.pings GROUP BY 1",
    ),
    case(
        "at the start of the day",
        "pings_at_midnight",
        "metric_time.hour",
        f"SELECT h, 3 FROM {HOURS}",
        **THAT_DAY,
    ),
    case(
        "a range by the second is widened to whole hours",
        "pings",
        "metric_time.hour",
        "SELECT DATE_TRUNC('hour', happened_at), COUNT(*) FROM world.pings WHERE happened_at >= "
        "'2024-03-30 01:00:00' "
        "AND happened_at < '2024-03-30 04:00:00' GROUP BY 1",
        start=datetime.fromisoformat("2024-03-30 01:20:25"),
        end=datetime.fromisoformat("2024-03-30 03:05:00"),
    ),
]
WITHOUT_METRICS = [
    case("one dimension", "", "city", "SELECT DISTINCT COALESCE(city, '(unknown)') FROM world.stores"),
    case(
        "dimensions of two tables, with what has no partner",
        "",
        "city country",
        "SELECT DISTINCT COALESCE(s.city, '(unknown)'), COALESCE(r.country, '(unknown)') FROM world.stores s "
        "FULL JOIN world.regions r ON r.region_id = s.region_id",
    ),
    case(
        "with a condition on another dimension",
        "",
        "city",
        "SELECT DISTINCT COALESCE(s.city, '(unknown)') FROM world.stores s LEFT JOIN world.regions r "
        "ON r.region_id = s.region_id WHERE r.country = 'nl'",
        where="country = 'nl'",
    ),
    case(
        "with a metric in the condition",
        "",
        "city",
        "SELECT DISTINCT COALESCE(city, '(unknown)') FROM world.stores s WHERE (SELECT COUNT(*) FROM "
        "world.orders o "
        "WHERE o.store_id = s.store_id) > 2",
        where="metric(orders, store_id) > 2 and is_flagship is not null",
    ),
    case(
        "time alone",
        "",
        "metric_time.week",
        f"SELECT DISTINCT DATE_TRUNC('week', d) FROM {SPINE} WHERE d <= '2024-04-28'",
        start=date(2024, 1, 1),
        end=date(2024, 4, 28),
    ),
    case("time alone by the hour", "", "metric_time.hour", f"SELECT h FROM {HOURS}", **THAT_DAY),
    case(
        "time with a dimension",
        "",
        "metric_time city",
        "SELECT DATE '2024-02-02', COALESCE(city, '(unknown)') FROM world.stores GROUP BY 1, 2",
        start=date(2024, 2, 2),
        end=date(2024, 2, 2),
    ),
]
ORDERED = [
    case(
        "by a metric, falling",
        "value orders",
        "metric_time.month",
        "SELECT DATE_TRUNC('month', ordered_on), SUM(amount) AS v, COUNT(*) FROM world.orders GROUP "
        "BY 1 ORDER BY v DESC",
        order=["-value"],
        ordered=True,
    ),
    case(
        "and limited",
        "value",
        "metric_time",
        "SELECT ordered_on, SUM(amount) AS v FROM world.orders GROUP BY 1 ORDER BY v NULLS LAST, "
        "ordered_on LIMIT 3",
        order=["value", "metric_time"],
        limit=3,
        ordered=True,
    ),
]
CASES = [
    pytest.param(item, id=f"{group}: {item.name}")
    for group, items in {
        "simple": SIMPLE,
        "filtered": FILTERED,
        "joined": JOINED,
        "combined": COMBINED,
        "shifted": SHIFTED,
        "running": RUNNING,
        "states": STATES,
        "converted": CONVERTED,
        "by the clock": BY_THE_CLOCK,
        "without metrics": WITHOUT_METRICS,
        "ordered": ORDERED,
    }.items()
    for item in items
]


@pytest.fixture(scope="module")
def duckdb_run() -> Run:
    return duckdb_engine(COMPILER.catalogue, TABLES)


@pytest.fixture(scope="module")
def postgres_run(postgres_server: Any) -> Iterator[Run]:
    database = Postgres(postgres_server.create_database("query_meaning"), COMPILER.catalogue)
    yield database.fill(TABLES)
    database.close()
    postgres_server.drop_database("query_meaning")


@pytest.mark.parametrize("item", CASES)
def test_duckdb(item: Case, duckdb_run: Run) -> None:
    check(item, duckdb_run, "duckdb", duckdb_run)


@pytest.mark.parametrize("item", CASES)
def test_postgres(item: Case, postgres_run: Run, duckdb_run: Run) -> None:
    check(item, postgres_run, "postgres", duckdb_run)


def check(item: Case, run: Run, dialect: str, plain: Callable[[str], list[dict[str, Any]]]) -> None:
    statement = query(COMPILER, item.metrics, by=item.by, **item.options)
    found = [tuple(map(_value, row.values())) for row in run(statement.sql(dialect))]
    expected = [tuple(map(_value, row.values())) for row in plain(_unique_names(item.expected))]
    assert expected, "the case shows nothing"
    if item.ordered:
        assert found == expected
    else:
        assert Counter(found) == Counter(expected)


def _unique_names(sql: str) -> str:
    """Plain SQL whose columns have no names of their own: duplicates would be one key of a dictionary."""
    return f"SELECT * FROM ({sql}) AS expected"


def _value(value: Any) -> Any:
    """One spelling per value: days as dates, numbers as doubles of twelve digits."""
    if isinstance(value, datetime):
        return value.date() if value.time() == datetime.min.time() else value
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return float(f"{float(value):.12g}")
    return value
