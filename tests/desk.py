"""A small installation on files: tickets and accounts in CSV, a dictionary to edit, the steps of a run without Dagster.

desk = Desk(tmp_path)
desk.tickets = [ticket(1, "2026-03-02"), ...]
desk.run("2026-06-15")          # pull, land, stage, check, compute, assess, score, detect, publish
desk.published("SELECT * FROM kpi_value WHERE is_current")
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.installation import Installation
from pipelines.steps.assess import assess_values
from pipelines.steps.compute import Computed, compute
from pipelines.steps.detect import detect
from pipelines.steps.extract import extract
from pipelines.steps.publication import Published, publish_run
from pipelines.steps.score import score
from pipelines.steps.stage import check_staging, land, stage
from pipelines.warehouse import open_warehouse
from pipelines.workspace import Workspace

SOURCES = """
sources:
  - name: accounts
    system: files
    table: crm.accounts
    owner: support
    key: account_id
    dimensions: [region]
    columns:
      - {name: account_id, type: string}
      - {name: region, type: string?}
  - name: tickets
    system: files
    table: support.tickets
    owner: support
    key: ticket_id
    time: opened_at
    settles_after: 3 days
    dimensions: [team, {name: region, via: accounts}]
    joins:
      - {to: accounts, on: account_id}
    columns:
      - {name: ticket_id, type: string}
      - {name: account_id, type: string?}
      - {name: team, type: string?}
      - {name: priority, type: string}
      - {name: cost, type: decimal?}
      - {name: opened_at, type: timestamp}
      - {name: resolved_at, type: timestamp?}
"""

METRICS = """
metrics:
  - name: tickets_opened
    label: Tickets opened
    definition: Tickets opened in the period.
    type: simple
    source: tickets
    agg: count
    segments: [team, region]
    grains: [day, week, month, quarter, trailing_7d]
    unit: tickets
    missing: zero
    direction: decrease
    owner: {team: support, accountable: ana}
  - name: resolution_rate
    label: Resolution rate
    definition: Share of tickets opened in the period that are resolved.
    type: ratio
    source: tickets
    numerator: {agg: count, filter: resolved_at is not null}
    denominator: {agg: count}
    segments: [region]
    unit: ratio
    direction: increase
    owner: {team: support, accountable: ana}
  - name: total_cost
    label: Total cost
    definition: Cost of urgent tickets.
    type: simple
    source: tickets
    agg: sum
    expr: cost
    filter: priority = 'high'
    unit: EUR
    direction: decrease
    owner: {team: support, accountable: ana}
  - name: cost_each
    label: Cost each
    definition: Cost per ticket.
    type: derived
    expr: total_cost / tickets_opened
    grains: [month]
    unit: EUR
    direction: decrease
    owner: {team: support, accountable: ana}
  - name: cost_to_date
    label: Cost to date
    definition: Cost of urgent tickets since ever.
    type: cumulative
    metric: total_cost
    grains: [month]
    unit: EUR
    direction: decrease
    owner: {team: support, accountable: ana}
  - name: open_tickets
    label: Open tickets
    definition: Tickets that are open at the end of the period.
    type: balance
    source: ticket_states
    agg: count
    grains: [day, month]
    unit: tickets
    direction: decrease
    owner: {team: support, accountable: ana}
"""
STATES = """
  - name: ticket_states
    system: files
    table: support.ticket_states
    owner: support
    key: [ticket_id, valid_from]
    validity: {from: valid_from, to: valid_to}
    columns:
      - {name: ticket_id, type: string}
      - {name: valid_from, type: timestamp}
      - {name: valid_to, type: timestamp?}
"""
TEXTS = {
    "sources/support.yml": SOURCES + STATES,
    "metrics/support.yml": METRICS,
    "teams.yml": """
teams: [{name: support, label: Support, lead: ana}]
people:
  - {name: ana, label: Ana, email: ana@example.com}
  - {name: bob, label: Bob, email: bob@example.com}
""",
    "calendars.yml": "calendars: [{name: company, time_zone: Europe/Berlin}]\n",
}
FILES = """
system: files
account: desk
settings:
  folder: env:DESK_FOLDER
  streams:
    - name: crm_accounts
      path: accounts.csv
      key: [account_id]
      columns:
        - {name: account_id, type: string, nullable: false}
        - {name: region, type: string}
    - name: support_tickets
      path: tickets.csv
      key: [ticket_id]
      columns:
        - {name: ticket_id, type: string, nullable: false}
        - {name: account_id, type: string}
        - {name: team, type: string}
        - {name: priority, type: string, nullable: false}
        - {name: cost, type: decimal}
        - {name: opened_at, type: timestamp, nullable: false}
        - {name: resolved_at, type: timestamp}
"""
MODEL = """
SELECT ticket_id, opened_at AS valid_from, resolved_at AS valid_to FROM support.tickets
"""
Row = dict[str, Any]


def ticket(number: int, opened: str, **columns: Any) -> Row:
    """A ticket; days become instants at noon UTC."""
    row: Row = {
        "ticket_id": f"t{number:05d}",
        "account_id": f"a{number % 3}",
        "team": ("red", "blue")[number % 2],
        "priority": ("high", "low")[number % 2],
        "cost": f"{10 + number % 7}.{number % 100:02d}",
        "opened_at": f"{opened}T12:00:00Z",
        "resolved_at": None,
    }
    return row | columns


def daily_tickets(first: str = "2026-01-01", last: str = "2026-06-14") -> list[Row]:
    """One ticket a day, every third resolved two days later."""
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    found = []
    while day <= end:
        number = day.toordinal() % 100_000
        resolved = f"{day + timedelta(days=2)}T12:00:00Z" if number % 3 == 0 else None
        found.append(ticket(number, str(day), resolved_at=resolved))
        day += timedelta(days=1)
    return found


@dataclass
class Desk:
    """The installation. `texts` is its dictionary, `tickets` and `accounts` its sources; all may be changed
    between runs."""

    home: Path
    texts: dict[str, str] = field(default_factory=lambda: dict(TEXTS))
    tickets: list[Row] = field(default_factory=daily_tickets)
    accounts: list[Row] = field(
        default_factory=lambda: [
            {"account_id": "a0", "region": "na"},
            {"account_id": "a1", "region": "emea"},
        ]
    )
    now: datetime = datetime(2026, 6, 15, 6, tzinfo=UTC)
    runs: int = 0
    reporting_url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What the command line finds the installation by."""
        return {
            "VITALS_HOME": str(self.home / "home"),
            "VITALS_CATALOGUE": str(self.home / "catalogue"),
            "VITALS_STAGING": str(self.home / "staging"),
            "VITALS_NOW": self.now.isoformat(),
            "DESK_FOLDER": str(self.home / "exports"),
            **({"VITALS_REPORTING_URL": self.reporting_url} if self.reporting_url else {}),
        }

    def at(self, day: str) -> Workspace:
        """The workspace on the morning of a day (06:00 UTC), with everything written."""
        self.now = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(hours=6)
        self.write()
        return Workspace.from_environment(self.environment)

    def write(self) -> None:
        """Write dictionary, sources and exports as they are now."""
        for name, text in {**{f"catalogue/{k}": v for k, v in self.texts.items()}, **_FIXED}.items():
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        _csv(self.home / "exports" / "tickets.csv", self.tickets)
        _csv(self.home / "exports" / "accounts.csv", self.accounts)

    def change(self, old: str, new: str, file: str = "metrics/support.yml") -> None:
        """Replace one piece of the dictionary; it must be there."""
        assert old in self.texts[file], old
        self.texts[file] = self.texts[file].replace(old, new, 1)

    def pull(self, day: str) -> Installation:
        """Pull, land, stage, check."""
        installation = Installation.load(self.at(day))
        for source in installation.sources:
            list(extract(installation.workspace, source))
        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            list(land(installation, warehouse))
            stage(installation, warehouse)
            check_staging(installation, warehouse)
        return installation

    def compute(self, installation: Installation, **options: Any) -> list[Computed]:
        """Compute, as the run does."""
        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            return list(compute(installation, warehouse, **options))

    def publish(self, installation: Installation) -> Published:
        """Everything after the values."""
        self.runs += 1
        with open_warehouse(installation.workspace.warehouse_url) as warehouse:
            assess_values(installation, warehouse)
            score(installation, warehouse)
            detect(installation, warehouse)
            return publish_run(installation, warehouse, run_id=f"run-{self.runs}")

    def run(self, day: str) -> Published:
        """One daily run."""
        installation = self.pull(day)
        self.compute(installation)
        return self.publish(installation)

    def published(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """Rows of the reporting database."""
        with sqlite3.connect(self.home / "home" / "reporting.db") as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, tuple(parameters))]

    def warehouse(self, sql: str) -> list[Row]:
        """Rows of the warehouse."""
        url = Workspace.from_environment(self.environment).warehouse_url
        with open_warehouse(url, read_only=True) as warehouse:
            rows: list[Row] = warehouse.query(sql).to_pylist()
            return rows


_FIXED = {
    "home/sources/desk.yml": FILES,
    "staging/derived/support.ticket_states.sql": MODEL,
}


def _csv(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
