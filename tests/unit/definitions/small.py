"""A small catalogue whose texts tests change in one place."""

from __future__ import annotations

from collections.abc import Mapping

from definitions import load_texts
from definitions.model import Catalogue

TEXTS: dict[str, str] = {
    "sources/support.yml": """
sources:
  - name: accounts
    system: crm
    table: crm.accounts
    owner: sales
    key: account_id
    dimensions: [region]
    columns:
      - {name: account_id, type: string}
      - {name: region, type: string?, values: [na, emea]}
  - name: tickets
    system: desk
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
      - {name: priority, type: string, values: [low, high]}
      - {name: cost, type: decimal?}
      - {name: hours, type: double?}
      - {name: opened_at, type: timestamp}
      - {name: resolved_at, type: timestamp?}
      - {name: due_on, type: date?}
""",
    "metrics/support.yml": """
metrics:
  - name: tickets_opened
    label: Tickets opened
    definition: Tickets opened in the period.
    type: simple
    source: tickets
    agg: count
    segments: [team, region]
    unit: tickets
    missing: zero
    direction: decrease
    owner: {team: support, accountable: ana}
  - name: resolution_rate
    label: Resolution rate
    type: ratio
    source: tickets
    numerator: {agg: count, filter: resolved_at is not null}
    denominator: {agg: count}
    unit: ratio
    minimum_sample: 2
    direction: increase
    owner: {team: support, accountable: ana}
  - name: cost_each
    label: Cost each
    type: derived
    expr: cost / tickets_opened
    inputs: [{metric: total_cost, alias: cost}]
    unit: EUR
    direction: decrease
    owner: {team: support, accountable: ana}
  - name: total_cost
    label: Total cost
    type: simple
    source: tickets
    agg: sum
    expr: cost
    filter: priority = 'high'
    unit: EUR
    direction: decrease
    owner: {team: support, accountable: ana}
""",
    "targets/2026.yml": """
targets:
  - metric: resolution_rate
    set_by: ana
    periods: {2026-Q3: {target: 0.82, stretch: 0.86}, 2026-W27: 0.8}
""",
    "objectives/2026-Q3.yml": """
cycle: {key: 2026-Q3, name: Q3 2026, start: 2026-07-01, end: 2026-09-30}
objectives:
  - key: calm
    title: Customers get calm answers
    team: support
    owner: ana
    key_results:
      - key: calm-rate
        statement: Raise the resolution rate from 70% to 85%
        owner: ana
        type: increase
        metric: resolution_rate
        baseline: {value: 0.7, as_of: 2026-06-30}
        target: 0.85
""",
    "teams.yml": """
teams: [{name: support, label: Support, lead: ana}]
people: [{name: ana, label: Ana, email: ana@example.com}]
""",
    "calendars.yml": "calendars: [{name: company}]\n",
}


def changed(file: str, old: str, new: str) -> dict[str, str]:
    """The texts with one piece replaced; it must be there."""
    assert old in TEXTS[file], old
    return {**TEXTS, file: TEXTS[file].replace(old, new, 1)}


def small(texts: Mapping[str, str] = TEXTS) -> Catalogue:
    return load_texts(texts)
