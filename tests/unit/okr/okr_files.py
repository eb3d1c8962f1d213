"""A dictionary in YAML with two cycles, for what reads and edits files."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "sources/support.yml": """
sources:
  - name: responses
    system: files
    table: support.nps_responses
    owner: support
    key: response_id
    time: responded_at
    dimensions: [region]
    columns:
      - {name: response_id, type: string}
      - {name: region, type: string?}
      - {name: score, type: integer}
      - {name: responded_at, type: timestamp}
""",
    "metrics/support.yml": """
metrics:
  - name: nps
    label: Net promoter score
    definition: Mean score.
    status: draft
    owner: {team: sales, accountable: ada}
    type: simple
    source: responses
    agg: avg
    expr: score
    segments: [region]
    unit: points
    direction: increase
    level: supporting
    perspective: customer
    indicator: lagging
    frequency: {calculate: daily, review: weekly}
""",
    "teams.yml": """
teams: [{name: sales, label: Sales, lead: bob}]
people:
  - {name: ada, label: Ada, email: ada@example.org, team: sales}
  - {name: bob, label: Bob, email: bob@example.org, team: sales}
""",
    "objectives/2026-Q3.yml": """# What we did in summer.
cycle:
  key: 2026-Q3   # the third
  name: Summer
  start: 2026-07-01
  end: 2026-09-30

objectives:
  - key: love
    title: Customers love us
    team: sales
    owner: bob
    commitment: aspirational
    key_results:
      - {key: nps-up, statement: "Increase NPS from 30 to 40", owner: ada, type: increase, metric: nps, grain: month,
         baseline: {value: 30, as_of: 2026-06-30}, target: {delta_points: 10}, weight: 2}
      - key: launch
        statement: Launch the "beta" = done
        owner: bob
        type: binary
        done_on: 2026-08-15
      - key: steps
        statement: Three steps
        owner: bob
        type: milestone
        curve: {kind: phased, points: {2026-08-01: 0.25, 2026-09-30: 1}}
        milestones: [{name: "one, two", weight: 2, done_on: 2026-07-20}, {name: three}]
        revisions: [{on: 2026-08-01, by: bob, field: weight, was: 1, now: 2, why: "+ harder"}]
""",
    "objectives/2026-Q4.yml": """# What comes next; not decided yet.
cycle: {key: 2026-Q4, name: Autumn, start: 2026-10-01, end: 2026-12-31, state: draft,
        silence: [{rule: SHORT_CYCLE, why: "one, quarter"}]}
objectives:
  - key: love-more
    title: Customers love us more
    silence: [{rule: FEW_KEY_RESULTS, why: a draft}]
    team: sales
    owner: bob
    key_results:
      - key: nps-more
        statement: Increase NPS from 35 to 50
        owner: ada
        # a guess until the summer is closed
        baseline: {value: 35, as_of: 2026-06-30, set_by: system}   # to be written
        type: increase
        metric: nps
        grain: month
        target: 50
      - key: nps-emea
        statement: Increase NPS in EMEA from 20 to 30
        owner: ada
        type: increase
        metric: nps
        grain: month
        segment: {region: emea}
        baseline:
          value: 20
          as_of: 2026-09-01
          set_by: ada
        target: 30
      - {key: find-it, statement: Find the baseline of NPS, owner: ada, type: baseline, metric: nps, grain: month,
         silence: [{rule: KR_NUMBERS, why: "=not known yet"}]}
""",
}


def write_dictionary(folder: Path) -> Path:
    """The dictionary as files."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
