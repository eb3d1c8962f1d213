"""What the benchmark computes: one wide source, hundreds of metrics, and the best statement a person would write."""

from __future__ import annotations

from definitions import load_texts
from definitions.model import Catalogue

GRAINS = ("day", "week", "month", "quarter", "year")
DIMENSIONS = ("region", "channel", "tier")
STATUSES = ("new", "paid", "sent", "late", "lost")

SOURCE = """
sources:
  - name: orders
    system: shop
    table: orders
    owner: sales
    key: order_id
    time: created_at
    dimensions: [region, channel, tier]
    columns:
      - {name: order_id, type: integer}
      - {name: region, type: string}
      - {name: channel, type: string}
      - {name: tier, type: string}
      - {name: status, type: string}
      - {name: amount, type: decimal}
      - {name: items, type: integer}
      - {name: is_first, type: boolean}
      - {name: created_at, type: timestamp}
"""

_COMMON = (
    "segments: [region, channel, tier], grains: [day, week, month, quarter, year], unit: count, "
    "direction: increase, owner: {team: sales, accountable: ana}"
)


def condition(number: int) -> str:
    """The filter of the ``number``-th metric."""
    return f"status = '{STATUSES[number % 5]}' and items > {number % 17}"


def formula(number: int) -> str:
    """Counts, sums, averages and ratios in turn."""
    where = condition(number)
    match number % 4:
        case 0:
            return f'type: simple, source: orders, agg: count, filter: "{where}"'
        case 1:
            return f'type: simple, source: orders, agg: sum, expr: amount, filter: "{where}"'
        case 2:
            return f'type: simple, source: orders, agg: avg, expr: amount, filter: "{where} and is_first"'
    whole = f"items > {number % 17}"
    parts = f'numerator: {{agg: count, filter: "{where}"}}, denominator: {{agg: count, filter: "{whole}"}}'
    return f"type: ratio, source: orders, {parts}"


def catalogue(metrics: int) -> Catalogue:
    """``metrics`` metrics over one source."""
    lines = [
        f"  - {{name: metric_{n}, label: Metric {n}, {formula(n)}, {_COMMON}}}\n" for n in range(metrics)
    ]
    return load_texts({"sources/orders.yml": SOURCE, "metrics/orders.yml": "metrics:\n" + "".join(lines)})


def table(rows: int) -> str:
    """SQL that makes the table, from hashes: the same rows every time."""

    def one_of(values: tuple[str, ...], seed: int) -> str:
        listed = ", ".join(f"'{value}'" for value in values)
        return f"[{listed}][1 + (hash(i * {seed}) >> 1)::BIGINT % {len(values)}]"

    return f"""
        CREATE OR REPLACE TABLE orders AS SELECT
            i AS order_id,
            {one_of(("na", "emea", "apac", "latam"), 5)} AS region,
            {one_of(("web", "shop", "phone", "partner", "app", "mail", "ads", "other"), 7)} AS channel,
            {one_of(("free", "pro", "enterprise"), 11)} AS tier,
            {one_of(STATUSES, 13)} AS status,
            (((hash(i * 17) >> 1)::BIGINT % 100000) / 100.0)::DECIMAL(12, 2) AS amount,
            ((hash(i * 19) >> 1)::BIGINT % 20)::INTEGER AS items,
            (hash(i * 23) >> 1)::BIGINT % 3 = 0 AS is_first,
            TIMESTAMP '2024-01-01' + to_seconds((hash(i * 29) >> 1)::BIGINT % (86400 * 730)) AS created_at
        FROM range({rows}) AS numbers(i)
    """


def parts_by_hand(number: int) -> tuple[str, str]:
    """(aggregate, rows behind it) that a person would write for one metric."""
    where = condition(number)
    match number % 4:
        case 0:
            count = f"COUNT(CASE WHEN {where} THEN 1 END)"
            return count, count
        case 1:
            return f"SUM(CASE WHEN {where} THEN amount END)", f"COUNT(CASE WHEN {where} THEN 1 END)"
        case 2:
            first = f"{where} AND is_first"
            return f"SUM(CASE WHEN {first} THEN amount END)", f"COUNT(CASE WHEN {first} THEN 1 END)"
    return f"COUNT(CASE WHEN {where} THEN 1 END)", f"COUNT(CASE WHEN items > {number % 17} THEN 1 END)"


def by_hand(metrics: int) -> str:
    """The best statement we know how to write: one scan into a cube, equal expressions once, grouping sets over it,
    values unpivoted in one pass."""
    names: dict[str, str] = {}
    for number in range(metrics):
        for part in parts_by_hand(number):
            names.setdefault(part, f"c{len(names)}")
    sums = ", ".join(f"{aggregate} AS {name}" for aggregate, name in names.items())
    merged = ", ".join(f"SUM({name}) AS {name}" for name in names.values())
    sets = ", ".join(f"({grain}, {dim})" for grain in GRAINS for dim in DIMENSIONS)
    totals = ", ".join(f"({grain})" for grain in GRAINS)
    starts = ", ".join(f"date_trunc('{grain}', day)::DATE AS {grain}" for grain in GRAINS[1:])
    structs = []
    for number in range(metrics):
        value, rows = (names[part] for part in parts_by_hand(number))
        shown = f"{value}::DOUBLE" if number % 4 < 2 else f"{value}::DOUBLE / NULLIF({rows}::DOUBLE, 0)"
        structs.append(f"{{'metric': 'metric_{number}', 'value': {shown}, 'n': {rows}::BIGINT}}")
    return f"""
        WITH cube AS MATERIALIZED (
            SELECT created_at::DATE AS day, region, channel, tier, {sums} FROM orders GROUP BY ALL
        ), periods AS MATERIALIZED (
            SELECT CASE WHEN day IS NOT NULL THEN 'day' WHEN week IS NOT NULL THEN 'week'
                        WHEN month IS NOT NULL THEN 'month' WHEN quarter IS NOT NULL THEN 'quarter'
                        ELSE 'year' END AS grain,
                   COALESCE(day, week, month, quarter, year) AS period_start, region, channel, tier, {merged}
            FROM (SELECT *, {starts} FROM cube) GROUP BY GROUPING SETS ({sets}, {totals})
        )
        SELECT v.metric, grain, period_start, region, channel, tier, v.value, v.n
        FROM (SELECT grain, period_start, region, channel, tier, UNNEST([{", ".join(structs)}]) AS v FROM periods)
        WHERE v.n > 0
    """


def one_per_metric(number: int) -> list[str]:
    """What one writes without batching: a query per metric, grain and segment."""
    first, second = parts_by_hand(number)
    return [
        f"SELECT date_trunc('{grain}', created_at)::DATE AS period{f', {dim}' if dim else ''}, {first} AS a, "
        f"{second} AS b FROM orders GROUP BY ALL"
        for grain in GRAINS
        for dim in ("", *DIMENSIONS)
    ]
