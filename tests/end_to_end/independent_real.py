"""KPIs of the real exports once more, in plain pandas from the raw files; nothing here knows the catalogue.

Each function reads the exports and returns values by the first day of the period (months and quarters of UTC); where
there is none, the period is absent. Formulas: KPI catalogue, the rows that the exports allow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

Series = dict[str, float]
DONE, WORKING = {"Closed", "Resolved"}, {"In Progress", "In Review", "Patch Available"}
SLA, RATE = pd.Timedelta(hours=120), 95


def by_period(at: pd.Series[Any], value: pd.Series[Any], how: str, grain: str) -> Series:
    """Values grouped by the period of an instant."""
    known = at.notna() & value.notna()
    groups = value[known].groupby(at[known].dt.to_period(grain).dt.start_time)
    return {str(start)[:10]: float(found) for start, found in groups.agg(how).items()}


def seconds(start: pd.Series[Any], end: pd.Series[Any]) -> pd.Series[Any]:
    return (end - start).dt.total_seconds()


class Exports:
    """The raw files, with times read as UTC."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str, times: Iterable[str] = ()) -> pd.DataFrame:
        frame = pd.read_csv(self.folder / name, dtype=str, keep_default_na=False)
        frame = frame.mask(frame == "")
        for column in times:
            frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601").dt.tz_localize(None)
        return frame

    # ── trackers ────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def issues(self) -> pd.DataFrame:
        frame = self.read("issues/issue.csv.gz", ["created", "resolutiondate"])
        return frame.assign(id=frame["tracker"] + ":" + frame["key"])

    @cached_property
    def changes(self) -> pd.DataFrame:
        frame = self.read("issues/changelog.csv.gz", ["created"])
        frame = frame.assign(
            id=frame["tracker"] + ":" + frame["key"],
            number=frame["history_id"].astype(int),
            place=frame["item"].astype(int),
        )
        return frame.sort_values(["created", "number", "place"])

    @cached_property
    def comments(self) -> pd.DataFrame:
        frame = self.read("issues/comment.csv.gz", ["created"])
        return frame.assign(id=frame["tracker"] + ":" + frame["key"])

    @cached_property
    def lives(self) -> list[tuple[pd.Timestamp, dict[str, Any], list[tuple[pd.Timestamp, str, Any]]]]:
        """(created, first values, changes in order) by issue, of status, priority and type."""
        names = {"status": "status", "priority": "priority", "issuetype": "type"}
        log = self.changes[self.changes["field"].isin(names)]
        by_issue: dict[Any, Any] = dict(iter(log.groupby("id", sort=False)))
        found = []
        for issue in self.rows(self.issues):
            now = {"status": issue.status, "priority": issue.priority, "type": issue.issuetype}
            seen: set[str] = set()
            steps: list[tuple[pd.Timestamp, str, Any]] = []
            for row in self.rows(by_issue[issue.id]) if issue.id in by_issue else []:
                name = names[row.field]
                if name not in seen:
                    now[name] = row.from_string
                    seen.add(name)
                steps.append((max(row.created, issue.created), name, row.to_string))
            if "status" not in seen and issue.status in DONE and not pd.isna(issue.resolutiondate):
                steps.append((issue.resolutiondate, "status", issue.status))
                now["status"] = "Open"
            found.append((issue.created, now, steps))
        return found

    @staticmethod
    def rows(frame: pd.DataFrame) -> list[Any]:
        return list(frame.itertuples())

    def new_bugs(self, grain: str) -> Series:
        bugs = self.issues[self.issues["issuetype"] == "Bug"]
        return by_period(bugs["created"], bugs["id"], "count", grain)

    def throughput(self, grain: str) -> Series:
        done = self.issues[self.issues["status"].isin(DONE)]
        return by_period(done["resolutiondate"], done["id"], "count", grain)

    def defect_rate(self, grain: str) -> Series:
        new, done = self.new_bugs(grain), self.throughput(grain)
        return {start: new.get(start, 0.0) / count for start, count in done.items()}

    def _held(self, is_counted: Callable[[dict[str, Any]], bool], grain: str) -> Series:
        """How many issues count at the end of each period, by their values as they were then."""
        moves: list[tuple[pd.Timestamp, int]] = []
        for created, first, steps in self.lives:
            now, counted = dict(first), is_counted(first)
            if counted:
                moves.append((created, 1))
            for at, name, value in steps:
                now[name] = value
                if is_counted(now) != counted:
                    counted = not counted
                    moves.append((at, 1 if counted else -1))
        frame = pd.DataFrame(sorted(moves), columns=["at", "move"])
        periods = pd.period_range(self.issues["created"].min(), "2017-12-31", freq=grain)
        return {
            period.start_time.date().isoformat(): float(frame[frame["at"] <= period.end_time]["move"].sum())
            for period in periods
        }

    def open_issues(self, grain: str) -> Series:
        return self._held(lambda now: now["status"] not in DONE, grain)

    def open_critical_bugs(self, grain: str) -> Series:
        return self._held(
            lambda now: now["type"] == "Bug" and now["priority"] == "Critical" and now["status"] not in DONE,
            grain,
        )

    @cached_property
    def flow(self) -> pd.DataFrame:
        found = []
        for created, first, steps in self.lives:
            statuses = [
                (created, first["status"]),
                *((at, value) for at, name, value in steps if name == "status"),
            ]
            found.append(
                {
                    name: min((at for at, status in statuses if status in words), default=pd.NaT)
                    for name, words in (("started", WORKING), ("done", DONE))
                }
            )
        frame = pd.DataFrame(found)
        return frame[frame["done"] >= frame["started"]]

    def cycle_time(self, grain: str) -> Series:
        return by_period(self.flow["done"], seconds(self.flow["started"], self.flow["done"]), "median", grain)

    def cycle_time_mean(self, grain: str) -> Series:
        return by_period(self.flow["done"], seconds(self.flow["started"], self.flow["done"]), "mean", grain)

    def bug_sla_met(self, grain: str) -> Series:
        bugs = self.issues[(self.issues["issuetype"] == "Bug") & (self.issues["priority"] == "Critical")]
        due = bugs["created"] + SLA
        return by_period(due, (bugs["resolutiondate"] <= due).astype(float), "mean", grain)

    @cached_property
    def first_comments(self) -> pd.Series[Any]:
        reporters = self.issues.set_index("id")["reporter"]
        others = self.comments[self.comments["author"] != self.comments["id"].map(reporters)]
        return self.issues["id"].map(others.groupby("id")["created"].min())

    def first_comment_time(self, grain: str) -> Series:
        created = self.issues["created"]
        return by_period(created, seconds(created, self.first_comments), "median", grain)

    def issues_without_comment(self, grain: str) -> Series:
        silent = self.issues[self.first_comments.isna()]
        return by_period(silent["created"], silent["id"], "count", grain)

    def bug_fix_cost(self, grain: str) -> Series:
        logs = self.changes[self.changes["field"] == "timespent"]
        kinds = logs["id"].map(self.issues.set_index("id")["issuetype"])
        logs = logs[kinds == "Bug"]
        spent = logs["to_id"].astype(float).fillna(0) - logs["from_id"].astype(float).fillna(0)
        return by_period(logs["created"], spent / 3600 * RATE, "sum", grain)

    # ── help desk ───────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def cases(self) -> pd.DataFrame:
        events = self.read("support/helpdesk.csv.gz", ["time:timestamp"])
        events = events.rename(columns={"case:concept:name": "case", "time:timestamp": "at"})
        taken = events[events["Activity"] == "Take in charge ticket"].groupby("case")["at"]
        resolved = events[events["Activity"] == "Resolve ticket"].groupby("case")["at"]
        frame = pd.DataFrame({"started": events.groupby("case")["at"].min()})
        return frame.assign(
            taken=taken.min(), takes=taken.count(), resolved=resolved.max(), resolutions=resolved.count()
        ).fillna({"takes": 0, "resolutions": 0})

    def case_first_response(self, grain: str) -> Series:
        return by_period(
            self.cases["started"], seconds(self.cases["started"], self.cases["taken"]), "median", grain
        )

    def cases_never_taken(self, grain: str) -> Series:
        never = self.cases[self.cases["taken"].isna()]
        return by_period(never["started"], never["takes"], "count", grain)

    def case_resolution_rate(self, grain: str) -> Series:
        started = by_period(self.cases["started"], self.cases["takes"], "count", grain)
        resolved = by_period(self.cases["resolved"], self.cases["takes"], "count", grain)
        return {start: resolved.get(start, 0.0) / count for start, count in started.items()}

    def case_first_contact_resolution(self, grain: str) -> Series:
        at_once = (self.cases["takes"] <= 1) & (self.cases["resolutions"] <= 1)
        return by_period(self.cases["resolved"], at_once.astype(float), "mean", grain)

    # ── sales ───────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def deals(self) -> pd.DataFrame:
        frame = self.read("crm/sales_pipeline.csv")
        prices = self.read("crm/products.csv").set_index("product")["sales_price"].astype(float)
        prices.index = prices.index.str.replace(" ", "")  # GTXPro is GTX Pro
        return frame.assign(
            engaged=pd.to_datetime(frame["engage_date"]),
            closed=pd.to_datetime(frame["close_date"]),
            price=frame["product"].str.replace(" ", "").map(prices),
            value=frame["close_value"].astype(float),
        )

    @cached_property
    def won(self) -> pd.DataFrame:
        return self.deals[self.deals["deal_stage"] == "Won"]

    def sales_cycle_days(self, grain: str) -> Series:
        return by_period(
            self.won["closed"], (self.won["closed"] - self.won["engaged"]).dt.days, "median", grain
        )

    def sales_cycle_days_mean(self, grain: str) -> Series:
        return by_period(
            self.won["closed"], (self.won["closed"] - self.won["engaged"]).dt.days, "mean", grain
        )

    def deals_started(self, grain: str) -> Series:
        return by_period(self.deals["engaged"], self.deals["opportunity_id"], "count", grain)

    def _open(self, grain: str) -> dict[str, pd.DataFrame]:
        found = {}
        for period in pd.period_range(self.deals["engaged"].min(), "2017-12-31", freq=grain):
            last = period.end_time.normalize()
            is_open = (self.deals["engaged"] <= last) & ~(self.deals["closed"] <= last)
            found[period.start_time.date().isoformat()] = self.deals[is_open]
        return found

    def open_deals(self, grain: str) -> Series:
        return {start: float(len(frame)) for start, frame in self._open(grain).items()}

    def pipeline_value(self, grain: str) -> Series:
        return {start: float(frame["price"].sum()) for start, frame in self._open(grain).items()}

    def new_customers(self, grain: str) -> Series:
        firsts = self.won.groupby("account")["closed"].min()
        return by_period(firsts, pd.Series(1, index=firsts.index), "count", grain)

    def client_retention(self, grain: str) -> Series:
        found = {}
        for period in pd.period_range(self.won["closed"].min(), "2017-12-31", freq=grain):
            last = period.end_time.normalize()
            recent = self.won[
                (self.won["closed"] <= last) & (self.won["closed"] > last - pd.DateOffset(months=24))
            ]
            counts = recent.groupby("account")["opportunity_id"].count()
            found[period.start_time.date().isoformat()] = float((counts >= 2).sum() / len(counts))
        return found


MONTHLY = (
    "new_bugs", "throughput", "defect_rate", "open_issues", "open_critical_bugs", "cycle_time", "cycle_time_mean",
    "bug_sla_met", "first_comment_time", "issues_without_comment", "bug_fix_cost", "case_first_response",
    "cases_never_taken", "case_resolution_rate", "case_first_contact_resolution", "sales_cycle_days",
    "sales_cycle_days_mean", "deals_started", "open_deals", "pipeline_value", "new_customers",
)  # fmt: skip
QUARTERLY = (*MONTHLY, "client_retention")
