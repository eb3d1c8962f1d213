"""What the world's metrics mean, computed a second time: plain pandas and loops, nothing shared with the compiler.

Every metric of `worlds.METRICS` has a function here that follows the rule book's words. Only the calendar's period
arithmetic is shared; it has tests of its own.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pandas as pd

from definitions.calendars import period_end, period_start, utc_start
from definitions.model import Calendar
from tests.integration.definitions.worlds import Row, Tables

Key = tuple[str, date, str, str]
Values = dict[Key, float]
UNKNOWN = "(unknown)"
PAIRS: tuple[tuple[str, ...], ...] = ((), ("team",), ("tier",), ("team", "tier"))


class World:
    """A world's tables, joined and dated as the rule book says."""

    def __init__(
        self, tables: Tables, calendar: Calendar, grains: Sequence[str], start: date, end: date
    ) -> None:
        self.tables, self.calendar, self.grains, self.start, self.end = tables, calendar, grains, start, end
        self.zone = ZoneInfo(calendar.time_zone)
        self.accounts = {row["account_id"]: row for row in tables["accounts"]}
        self.offices = {row["person_id"]: row["office"] for row in tables["owners"]}
        self.plans = tables["plans"]
        self.events = [self._event(row) for row in tables["events"] if not row["is_test"]]
        self.states = [self._tier(row) for row in tables["states"] if _holds(row)]
        self.snapshots = tables["snapshots"]
        self.first_day = min(period_start(calendar, grain, start) for grain in grains)

    def day(self, instant: datetime | date | None) -> date | None:
        if instant is None or not isinstance(instant, datetime):
            return instant
        return instant.replace(tzinfo=UTC).astimezone(self.zone).date()

    def _tier(self, row: Row) -> Row:
        return {**row, "tier": self.accounts.get(row["account_id"], {}).get("tier")}

    def _event(self, row: Row) -> Row:
        owner = self.accounts.get(row["account_id"], {}).get("owner_id")
        plan = [
            p["plan"]
            for p in self.plans
            if p["account_id"] == row["account_id"]
            and p["valid_from"] <= row["happened_at"]
            and (p["valid_to"] is None or row["happened_at"] < p["valid_to"])
        ]
        return {**self._tier(row), "office": self.offices.get(owner), "plan": plan[0] if plan else None}

    def periods(self, day: date) -> Iterable[tuple[str, date]]:
        for grain in self.grains:
            yield grain, period_start(self.calendar, grain, day)

    def in_range(self, grain: str, start: date) -> bool:
        return start <= self.end and period_end(self.calendar, grain, start) > self.start

    def all_periods(self) -> list[tuple[str, date, date]]:
        """(grain, first day, last day) of every period in range."""
        found = {
            (grain, start, period_end(self.calendar, grain, start) - timedelta(days=1))
            for offset in range((self.end - self.first_day).days + 1)
            for grain, start in self.periods(self.first_day + timedelta(days=offset))
        }
        return sorted(item for item in found if self.in_range(item[0], item[1]))


def _holds(row: Row) -> bool:
    return row["valid_to"] is None or row["valid_to"] > row["valid_from"]


def segments_of(row: Row, segments: Iterable[tuple[str, ...]]) -> Iterable[tuple[str, str]]:
    for names in segments:
        yield "|".join(names), "|".join(UNKNOWN if row[name] is None else str(row[name]) for name in names)


Aggregate = Callable[[list[Row]], float | None]


def grouped(
    world: World,
    rows: Iterable[Row],
    time: str,
    aggregate: Aggregate,
    segments: Sequence[tuple[str, ...]] = PAIRS,
    moved: Callable[[date], date] = lambda day: day,
) -> Values:
    """Each period and segment's aggregate over the rows whose own time falls in it."""
    placed: list[tuple[Key, Row]] = []
    for row in rows:
        day = world.day(row[time])
        if day is None:
            continue
        for grain, start in world.periods(moved(day)):
            if world.in_range(grain, start):
                placed += [((grain, start, *segment), row) for segment in segments_of(row, segments)]
    if not placed:
        return {}
    frame = pd.DataFrame({"key": [key for key, _ in placed], "row": [row for _, row in placed]})
    found = {key: aggregate(list(part["row"])) for key, part in frame.groupby("key", sort=True)}
    return {key: value for key, value in found.items() if value is not None}


def present(rows: list[Row], column: str) -> list[float]:
    return [row[column] for row in rows if row[column] is not None]


def count(rows: list[Row]) -> float:
    return float(len(rows))


def count_of(column: str) -> Aggregate:
    return lambda rows: float(len(present(rows, column)))


def distinct(column: str) -> Aggregate:
    return lambda rows: float(len(set(present(rows, column))))


def total(column: str) -> Aggregate:
    def add(rows: list[Row]) -> float | None:
        values = present(rows, column)
        if not values:
            return None
        if all(isinstance(value, Decimal) for value in values):
            return float(sum(values))
        return math.fsum(values)

    return add


def mean(column: str) -> Aggregate:
    return lambda rows: (
        float(sum(present(rows, column))) / len(present(rows, column)) if present(rows, column) else None
    )


def quantile(column: str, fraction: float) -> Aggregate:
    def interpolate(rows: list[Row]) -> float | None:
        values = sorted(float(value) for value in present(rows, column))
        if not values:
            return None
        place = (len(values) - 1) * fraction
        low = math.floor(place)
        high = min(low + 1, len(values) - 1)
        return values[low] + (values[high] - values[low]) * (place - low)

    return interpolate


def extreme(column: str, pick: Callable[[list[float]], float]) -> Aggregate:
    return lambda rows: float(pick(present(rows, column))) if present(rows, column) else None


def simple(
    time: str, aggregate: Aggregate, keep: Callable[[Row], bool] = lambda row: True
) -> Callable[[World], Values]:
    return lambda world: grouped(world, [row for row in world.events if keep(row)], time, aggregate)


def divided(top: Values, bottom: Values, *, none_is_zero: bool) -> Values:
    """Aggregate first, divide after; nothing on an empty or zero denominator."""
    found: Values = {}
    for key, below in bottom.items():
        above = top.get(key, 0.0 if none_is_zero else None)
        if above is not None and below != 0:
            found[key] = above / below
    return found


def ok(row: Row) -> bool:
    return bool(row["ok"])


HAPPENED = "happened_at"


def seconds_held(world: World) -> Values:
    rows = [
        {**row, "seconds": (row["done_at"] - row["happened_at"]).total_seconds() if row["done_at"] else None}
        for row in world.events
    ]
    return grouped(world, rows, HAPPENED, mean("seconds"))


def months_later(months: int) -> Callable[[date], date]:
    return lambda day: (pd.Timestamp(day) + pd.DateOffset(months=months)).date()


def quarter_before(aggregate: Aggregate) -> Callable[[World], Values]:
    """Three months before: whole months and quarters are the earlier ones as they are; in a day, a week or a year every
    day reads the day three months before it."""

    def compute(world: World) -> Values:
        whole = [grain for grain in world.grains if grain in ("month", "quarter")]
        daily = [grain for grain in world.grains if grain not in whole]
        moved = World(world.tables, world.calendar, whole, world.start, world.end)
        found = grouped(moved, world.events, HAPPENED, aggregate, moved=months_later(3))
        by_day: dict[date, list[Row]] = defaultdict(list)
        for row in world.events:
            by_day[world.day(row[HAPPENED]) or date.min].append(row)
        days = [world.start + timedelta(days=n) for n in range(-370, 371)]
        read = [{**row, "on": day} for day in days for row in by_day[months_later(-3)(day)]]
        days_only = World(world.tables, world.calendar, daily, world.start, world.end)
        return found | grouped(days_only, read, "on", aggregate)

    return compute


def growth(world: World) -> Values:
    now = grouped(world, world.events, HAPPENED, count)
    before = grouped(world, world.events, HAPPENED, count, moved=lambda day: day + timedelta(days=7))
    return {key: now[key] - before[key] for key in now.keys() & before.keys()}


def net(world: World) -> Values:
    sums = grouped(world, world.events, HAPPENED, total("amount"))
    counts = grouped(world, world.events, HAPPENED, count)
    shares = ok_share(world)
    return {key: sums[key] / counts[key] + shares[key] * 2 for key in sums if key in shares}


def ok_share(world: World) -> Values:
    oks = grouped(world, filter(ok, world.events), HAPPENED, count)
    return divided(oks, grouped(world, world.events, HAPPENED, count), none_is_zero=True)


def zero_filled(world: World) -> Values:
    counts = grouped(world, world.events, HAPPENED, count)
    quiet = grouped(world, [r for r in world.events if (r["amount"] or 0) > 900], HAPPENED, count)
    return {key: quiet.get(key, 0.0) + value for key, value in counts.items()}


def carried(world: World) -> Values:
    """The last known sum, however long ago, wherever there are events."""
    since = World(world.tables, world.calendar, world.grains, date(2024, 1, 1), world.end)
    known = grouped(since, filter(ok, world.events), HAPPENED, total("amount"), [()])
    counts = grouped(world, world.events, HAPPENED, count, [()])
    found: Values = {}
    for key in counts:
        earlier = [other for other in known if other[0] == key[0] and other[1] <= key[1]]
        if earlier:
            found[key] = known[max(earlier)]
    return found


def running(
    aggregate: Aggregate, first_day: Callable[[World, date], date | None], period_agg: str
) -> Callable[[World], Values]:
    """Daily: the rows from ``first_day(t)`` to t. Period: the first, last or mean of its days that have rows."""

    def compute(world: World) -> Values:
        daily: dict[Key, list[tuple[date, float | None]]] = defaultdict(list)
        dated = [(world.day(row[HAPPENED]), row) for row in world.events]
        for offset in range((world.end - world.first_day).days + 1):
            day = world.first_day + timedelta(days=offset)
            low = first_day(world, day)
            groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
            for when, row in dated:
                if when is not None and when <= day and (low is None or when >= low):
                    for segment in segments_of(row, PAIRS):
                        groups[segment].append(row)
            for segment, rows in groups.items():
                for grain, start in world.periods(day):
                    if world.in_range(grain, start):
                        daily[grain, start, *segment].append((day, aggregate(rows)))
        found: Values = {}
        for key, values in daily.items():
            numbers = [value for _, value in sorted(values, key=lambda item: item[0]) if value is not None]
            if numbers:
                picked = {
                    "first": numbers[0],
                    "last": numbers[-1],
                    "average": math.fsum(numbers) / len(numbers),
                }
                found[key] = picked[period_agg]
        return found

    return compute


def daily_mean(aggregate: Aggregate) -> Callable[[World], Values]:
    """Each period's mean over its days, days without rows as zero (`missing: zero`), up to the end of the range."""

    def compute(world: World) -> Values:
        daily = running(aggregate, days_back(1), "last")(
            World(world.tables, world.calendar, ("day",), world.first_day, world.end)
        )
        lengths = {
            (grain, start): (min(last, world.end) - start).days + 1
            for grain, start, last in world.all_periods()
        }
        sums: dict[Key, list[float]] = defaultdict(list)
        for (_, day, *segment), value in daily.items():
            for grain, start in world.periods(day):
                if world.in_range(grain, start):
                    sums[grain, start, segment[0], segment[1]].append(value)
        return {key: math.fsum(values) / lengths[key[:2]] for key, values in sums.items()}

    return compute


def week_before(aggregate: Aggregate, days: int, period_agg: str) -> Callable[[World], Values]:
    """Each day reads the day a week before; a period has their mean (a gap is zero), or what its last day reads."""

    def compute(world: World) -> Values:
        daily = running(aggregate, days_back(days), "last")(
            World(world.tables, world.calendar, ("day",), date(2023, 11, 1), world.end)
        )
        known = world.end + timedelta(days=7)
        periods = {(grain, start): min(last, known) for grain, start, last in world.all_periods()}
        parts: dict[Key, dict[date, float]] = defaultdict(dict)
        for (_, day, *segment), value in daily.items():
            later = day + timedelta(days=7)
            for grain, start in world.periods(later):
                if later <= periods.get((grain, start), date.min):
                    parts[grain, start, segment[0], segment[1]][later] = value
        found: Values = {}
        for key, values in parts.items():
            last = periods[key[:2]]
            if period_agg == "average":
                found[key] = math.fsum(values.values()) / ((last - key[1]).days + 1)
            elif last in values:
                found[key] = values[last]
        return found

    return compute


def at_the_end(aggregate: Aggregate, days: int) -> Callable[[World], Values]:
    """Each period's value on its last day, and none where its window is empty then (`missing: zero` fills it)."""

    def compute(world: World) -> Values:
        found: Values = {}
        dated = [(world.day(row[HAPPENED]), row) for row in world.events]
        for grain, start, last in world.all_periods():
            end = min(last, world.end)
            inside = [
                row for day, row in dated if day is not None and end - timedelta(days=days) < day <= end
            ]
            for segment in {segment for row in inside for segment in segments_of(row, PAIRS)}:
                rows = [row for row in inside if segment in segments_of(row, PAIRS)]
                value = aggregate(rows)
                if value is not None:
                    found[grain, start, *segment] = value
        return found

    return compute


def ever(world: World, day: date) -> date | None:
    return None


def days_back(days: int) -> Callable[[World, date], date]:
    return lambda world, day: day - timedelta(days=days - 1)


def months_back(months: int) -> Callable[[World, date], date]:
    """The window is (t − months, t]: its first day is the one after t − months."""
    return lambda world, day: (pd.Timestamp(day) - pd.DateOffset(months=months)).date() + timedelta(days=1)


def month_begin(world: World, day: date) -> date:
    return period_start(world.calendar, "month", day)


def balance(
    aggregate: Aggregate, keep: Callable[[Row], bool], nothing: float | None
) -> Callable[[World], Values]:
    """The state just before each period's end: begun before it, not ended before it."""

    def compute(world: World) -> Values:
        found: Values = {}
        for grain, start, last in world.all_periods():
            instant = utc_start(world.calendar, min(last, world.end) + timedelta(days=1)).replace(tzinfo=None)
            seen: set[tuple[str, str]] = set()
            held: dict[tuple[str, str], list[Row]] = defaultdict(list)
            for row in world.states:
                if row["valid_from"] >= instant:
                    continue
                valid = row["valid_to"] is None or row["valid_to"] >= instant
                for segment in segments_of(row, PAIRS):
                    seen.add(segment)
                    if valid and keep(row):
                        held[segment].append(row)
            for segment in seen:
                value = aggregate(held[segment]) if held[segment] else nothing
                if value is None:
                    value = nothing
                if value is not None:
                    found[grain, start, *segment] = value
        return found

    return compute


def snapshot(choice: Callable[[Iterable[date]], date], per_holder: bool) -> Callable[[World], Values]:
    """Rows of the last (first) day within each period (and holder)."""

    def compute(world: World) -> Values:
        found: Values = {}
        by_period: dict[tuple[str, date], list[Row]] = defaultdict(list)
        for row in world.snapshots:
            for grain, start in world.periods(row["taken_on"]):
                if world.in_range(grain, start):
                    by_period[grain, start].append(row)
        for period, rows in by_period.items():
            groups: dict[str, list[Row]] = defaultdict(list)
            for row in rows:
                groups[row["holder"] if per_holder else ""].append(row)
            read = []
            for part in groups.values():
                day = choice(row["taken_on"] for row in part)
                read += [row for row in part if row["taken_on"] == day]
            sums: dict[tuple[str, str], list[Row]] = defaultdict(list)
            for row in read:
                for segment in segments_of(row, [(), ("kind",)]):
                    sums[segment].append(row)
            for segment, part in sums.items():
                value = total("balance")(part)
                if value is not None:
                    found[*period, *segment] = value
        return found

    return compute


def credited(world: World, days: int | None, inclusive: bool, same: Sequence[str]) -> list[Row]:
    """Each conversion as a copy of the latest base event in its window, with the conversion's user."""
    found: list[Row] = []
    bases = [row for row in world.events if not row["ok"]]
    for conversion in filter(ok, world.events):
        fit = [
            base
            for base in bases
            if base["user_id"] is not None
            and base["user_id"] == conversion["user_id"]
            and base[HAPPENED] <= conversion[HAPPENED]
            and all(base[name] is not None and base[name] == conversion[name] for name in same)
        ]
        if days is not None:
            low = conversion[HAPPENED] - timedelta(days=days)
            fit = [base for base in fit if base[HAPPENED] > low or (inclusive and base[HAPPENED] == low)]
        if fit:
            latest = max(fit, key=lambda base: (base[HAPPENED], -base["event_id"]))
            found.append({**latest, "converted_user": conversion["user_id"]})
    return found


def converted(world: World) -> Values:
    top = grouped(world, credited(world, 5, False, ()), HAPPENED, count)
    return divided(
        top, grouped(world, [r for r in world.events if not r["ok"]], HAPPENED, count), none_is_zero=True
    )


def converted_users(world: World) -> Values:
    top = grouped(world, credited(world, 5, True, ()), HAPPENED, distinct("converted_user"))
    return divided(
        top, grouped(world, [r for r in world.events if not r["ok"]], HAPPENED, count), none_is_zero=True
    )


def converted_ever(world: World) -> Values:
    top = grouped(world, credited(world, None, False, ["team"]), HAPPENED, count)
    bases = grouped(world, [row for row in world.events if not row["ok"]], HAPPENED, count)
    return {key: top.get(key, 0.0) for key in bases} | top


def returning(world: World) -> Values:
    """Users by their first event; back when they were active (ok) on days 3 to 10 after it."""
    first: dict[str, Row] = {}
    for row in sorted(world.events, key=lambda row: (row[HAPPENED], row["event_id"])):
        if row["user_id"] is not None:
            first.setdefault(row["user_id"], row)
    cohort = []
    for user, row in first.items():
        start = world.day(row[HAPPENED])
        assert start is not None
        days = {world.day(r[HAPPENED]) for r in world.events if r["ok"] and r["user_id"] == user}
        cohort.append({**row, "back": any(start + timedelta(days=n) in days for n in range(3, 11))})
    came = grouped(world, [row for row in cohort if row["back"]], HAPPENED, count)
    return divided(came, grouped(world, cohort, HAPPENED, count), none_is_zero=True)


def health(world: World) -> Values:
    shares, counts = ok_share(world), grouped(world, world.events, HAPPENED, count)
    found: Values = {}
    for key in shares.keys() | counts.keys():
        parts = []
        if key in shares:
            parts.append((2, min(max(shares[key], 0.0), 1.0)))
        if key in counts:
            parts.append((1, min(max((counts[key] - 5) / (1 - 5), 0.0), 1.0)))
        weight = sum(part for part, _ in parts)
        if weight >= 0.5 * 3:
            found[key] = 10 * sum(part * score for part, score in parts) / weight
    return found


def first_events(world: World) -> list[Row]:
    users: dict[str, list[Row]] = defaultdict(list)
    for row in world.events:
        if row["user_id"] is not None:
            users[row["user_id"]].append(row)
    return [
        {
            "first_on": min(row[HAPPENED] for row in rows),
            "best": max(
                (row["amount"] for row in rows if row["ok"] and row["amount"] is not None), default=None
            ),
        }
        for rows in users.values()
    ]


def movement(pick: Callable[[float, float, bool], float | None]) -> Callable[[World], Values]:
    """Σ over accounts of what happened between a month's start and its end; longer periods sum their months."""

    def compute(world: World) -> Values:
        accounts: dict[str, list[Row]] = defaultdict(list)
        for row in world.states:
            if row["account_id"] is not None and row["amount"] is not None and row["amount"] > 0:
                accounts[row["account_id"]].append(row)
        if not accounts:
            return {}
        days = [world.day(row["valid_from"]) for rows in accounts.values() for row in rows]
        month = period_start(world.calendar, "month", min(day for day in days if day is not None))
        found: dict[Key, list[float]] = defaultdict(list)
        while month <= world.end:
            following = period_end(world.calendar, "month", month)
            read = min(following, world.end + timedelta(days=1))
            for rows in accounts.values():
                opening, closing = held_before(world, rows, month), held_before(world, rows, read)
                if opening == 0 and closing == 0:
                    continue
                paid = any((world.day(row["valid_from"]) or month) < month for row in rows)
                value = pick(opening, closing, paid)
                if value is not None:
                    for grain, start in world.periods(month):
                        if world.in_range(grain, start):
                            found[grain, start, "", ""].append(value)
            month = following
        return {key: math.fsum(values) for key, values in found.items()}

    return compute


def held_before(world: World, rows: list[Row], day: date) -> float:
    """Σ of what is held just before a local day begins."""
    return float(
        sum(
            row["amount"]
            for row in rows
            if (world.day(row["valid_from"]) or day) < day
            and (row["valid_to"] is None or (world.day(row["valid_to"]) or day) >= day)
        )
    )


def busy(world: World) -> Values:
    often: dict[str, int] = defaultdict(int)
    for row in world.events:
        often[row["user_id"]] += 1
    return grouped(
        world,
        [r for r in world.events if r["user_id"] is not None and often[r["user_id"]] > 2],
        HAPPENED,
        count,
    )


def plan_count(world: World) -> Values:
    return grouped(world, world.events, HAPPENED, count, [(), ("plan",), ("office",)])


def pro(row: Row) -> bool:
    return bool(row["tier"] == "pro")


EXPECTED: dict[str, Callable[[World], Values]] = {
    "events_count": simple(HAPPENED, count),
    "ok_count": simple(HAPPENED, count, ok),
    "scored_count": simple(HAPPENED, count_of("score"), ok),
    "users": simple(HAPPENED, distinct("user_id")),
    "ok_users": simple(HAPPENED, distinct("user_id"), ok),
    "total": simple(HAPPENED, total("amount")),
    "score_sum": simple(HAPPENED, total("score")),
    "mean_amount": simple(HAPPENED, mean("amount"), lambda row: (row["amount"] or 0) > 0),
    "lowest": simple(HAPPENED, extreme("amount", min)),
    "highest": simple(HAPPENED, extreme("score", max)),
    "middle": simple(HAPPENED, quantile("amount", 0.5)),
    "high_end": simple(HAPPENED, quantile("score", 0.9)),
    "oks": simple(HAPPENED, lambda rows: float(sum(map(ok, rows)))),
    "done_count": simple("done_at", count),
    "by_date": simple("on_day", count),
    "pro_total": simple(HAPPENED, total("amount"), pro),
    "held_seconds": seconds_held,
    "plan_count": plan_count,
    "ok_share": ok_share,
    "worth": lambda world: divided(
        simple(HAPPENED, total("amount"))(world), simple(HAPPENED, count, ok)(world), none_is_zero=False
    ),
    "done_per_new": lambda world: divided(
        simple("done_at", count)(world), simple(HAPPENED, count)(world), none_is_zero=True
    ),
    "growth": growth,
    "yearly": quarter_before(total("amount")),
    "net": net,
    "zero_filled": zero_filled,
    "quiet": simple(HAPPENED, count, lambda row: (row["amount"] or 0) > 900),
    "last_ok": simple(HAPPENED, total("amount"), ok),
    "carried": carried,
    "running": running(total("amount"), ever, "last"),
    "last_week": running(count, days_back(7), "last"),
    "two_months": running(total("amount"), months_back(2), "first"),
    "to_date": running(total("amount"), month_begin, "average"),
    "active": running(distinct("user_id"), days_back(3), "average"),
    "active_before": week_before(distinct("user_id"), 1, "average"),
    "three_days_before": week_before(count, 3, "last"),
    "last_three_days": at_the_end(count, 3),
    "daily_active": daily_mean(distinct("user_id")),
    "peak": running(extreme("amount", max), days_back(5), "last"),
    "open_things": balance(count, lambda row: row["is_open"], 0.0),
    "open_amount": balance(total("amount"), lambda row: row["is_open"], 0.0),
    "open_accounts": balance(distinct("account_id"), lambda row: row["is_open"], 0.0),
    "open_median": balance(quantile("amount", 0.5), lambda row: True, None),
    "cash": snapshot(max, per_holder=False),
    "cash_start": snapshot(min, per_holder=False),
    "cash_each": snapshot(max, per_holder=True),
    "converted": converted,
    "converted_ever": converted_ever,
    "converted_users": converted_users,
    "returning": returning,
    "health": health,
    "first_timers": lambda world: grouped(world, first_events(world), "first_on", count, [()]),
    "first_best": lambda world: grouped(world, first_events(world), "first_on", total("best"), [()]),
    "won_new": movement(lambda opening, closing, paid: closing if opening == 0 and not paid else None),
    "lost": movement(lambda opening, closing, paid: opening if closing == 0 else None),
    "held_back": movement(lambda opening, closing, paid: closing - opening),
    "busy_count": busy,
}
