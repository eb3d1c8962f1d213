"""Who approves, which steps there are, when a review is due, what a code host is told, how YAML is changed in place."""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path

import pytest

from definitions import CatalogueError, load_catalogue, load_texts
from definitions.diff import compare, problems_of, rows_of
from definitions.governance import (
    STATUSES,
    STEPS,
    Host,
    approvers_of,
    codeowners,
    in_file,
    is_retired,
    notice_of,
    reviews,
    successor_of,
    uses_of,
)
from definitions.governance.editing import certify, deprecate, submit
from definitions.model import Catalogue
from tests.unit.definitions.small import TEXTS, changed

METRICS = "metrics/support.yml"
TEAMS = """
teams:
  - {name: company, label: Company, lead: chief, level: company}
  - {name: support, label: Support, lead: ana, parent: company, handle: "@acme/support"}
  - {name: sales, label: Sales, lead: bob, parent: company}
people:
  - {name: chief, label: Chief, email: chief@example.com, handle: "@chief"}
  - {name: ana, label: Ana, email: ana@example.com, team: support}
  - {name: bob, label: Bob, email: bob@example.com, team: sales}
  - {name: gone, label: Gone, email: gone@example.com, team: support, active: false}
  - {name: dee, label: Dee, email: dee@example.com, roles: [steward]}
"""
WORDS = "    definition: What it says.\n"
AGREED = (
    "    missing: empty\n    calendar: company\n    frequency: {calculate: daily, review: weekly}\n"
    "    level: supporting\n    perspective: customer\n    indicator: leading\n"
)


def texts(old: str = "", new: str = "", **files: str) -> dict[str, str]:
    """The small dictionary with people, and one text replaced."""
    found = {**(changed(METRICS, old, new) if old else TEXTS), "teams.yml": TEAMS, **files}
    return {name: text for name, text in found.items() if not name.startswith(("targets/", "objectives/"))}


def catalogue(old: str = "", new: str = "") -> Catalogue:
    return load_texts(texts(old, new))


# ── who, and which steps ────────────────────────────────────────────────────────────────────────────────────


def test_approvers_are_the_owner_the_leads_above_and_the_stewards() -> None:
    found = catalogue()
    assert approvers_of(found, found.metrics["total_cost"]) == ("ana", "chief", "dee")
    left = load_texts({**texts(), "teams.yml": TEAMS.replace("email: ana@", "active: false, email: ana@")})
    assert approvers_of(left, left.metrics["total_cost"]) == ("chief", "dee")


@pytest.mark.parametrize("was", STATUSES)
@pytest.mark.parametrize("now", STATUSES)
def test_a_status_goes_only_the_ways_there_are(was: str, now: str) -> None:
    if was == now:
        pytest.skip("no step")
    ends = "    replaced_by: tickets_opened\n    deprecated_on: 2026-12-31\n"

    def state(status: str) -> Catalogue:
        words = f"agg: sum\n{WORDS}    status: {status}\n{ends if status == 'deprecated' else ''}"
        return catalogue("agg: sum\n", words)

    changes = compare(state(was), state(now))
    assert [(change.metric, change.kind) for change in changes] == [("total_cost", "status")]
    assert [problem.code for problem in problems_of(changes)] == (
        [] if (was, now) in STEPS else ["WRONG_STEP"]
    )
    assert rows_of(changes)[0]["what"] == f"status: {was} → {now}"


def test_only_owners_approve_where_the_settings_ask_for_it() -> None:
    approved = (
        "agg: max\n    version: 2\n    changes: [{version: 2, on: 2026-07-01, why: Highest, "
        "proposed_by: eva, approved_by: bob}]\n"
    )
    base = catalogue()
    strict = {"settings.yml": "governance: {only_owners_approve: true}\n"}
    assert problems_of(compare(base, load_texts(texts("agg: sum\n", approved)))) == []
    (problem,) = problems_of(compare(base, load_texts(texts("agg: sum\n", approved, **strict))))
    assert (problem.code, problem.text, problem.hint) == (
        "NOT_AN_APPROVER",
        "bob",
        "Ask ana or chief or dee.",
    )


# ── certificates ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("review", "falls"),
    [
        ("", True),
        ("    reviewed_on: 2026-06-30\n    reviewed_by: ana\n", True),
        ("    reviewed_on: 2026-07-01\n    reviewed_by: ana\n", False),
        ("    reviewed_on: 2026-07-01\n    reviewed_by: eva\n", True),
    ],
    ids=["no review", "before", "since", "by the proposer"],
)
def test_a_certificate_falls_with_the_meaning_unless_somebody_else_looked(review: str, falls: bool) -> None:
    words = f"{WORDS}    status: certified\n"
    new = (
        f"agg: max\n{words}    version: 2\n    changes: [{{version: 2, on: 2026-07-01, why: Highest, "
        f"proposed_by: eva, approved_by: ana}}]\n{review}"
    )
    (change,) = (
        c
        for c in compare(catalogue("agg: sum\n", f"agg: sum\n{words}"), catalogue("agg: sum\n", new))
        if c.metric == "total_cost"
    )
    assert change.drops_to_review is falls
    assert [problem.code for problem in change.problems] == (["STILL_CERTIFIED"] if falls else [])
    assert ("→ review" in rows_of([change])[0]["what"]) is falls


# ── reviews ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_reviews_are_due_by_level_and_the_most_urgent_comes_first() -> None:
    star = f"agg: sum\n{WORDS}    status: certified\n    level: north_star\n    reviewed_on: 2026-01-31\n"
    rate = f"type: ratio\n{WORDS}    status: review\n    changes: [{{version: 1, on: 2025-12-01, why: First, "
    rate += "proposed_by: eva, approved_by: ana, kind: new}]\n"
    found = load_texts(
        texts("agg: sum\n", star)
        | {METRICS: texts("agg: sum\n", star)[METRICS].replace("type: ratio\n", rate)}
    )
    told = [(review.metric.name, review.due, review.was_reviewed) for review in reviews(found)]
    assert told == [
        ("total_cost", date(2026, 4, 30), True),
        ("resolution_rate", date(2026, 6, 1), False),
    ]
    assert reviews(found)[0].days_left(date(2026, 5, 1)) == -1


# ── deprecation ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_deprecated_metric_answers_through_its_day_and_names_the_first_successor_that_does() -> None:
    one = f"agg: sum\n{WORDS}    status: deprecated\n    replaced_by: resolution_rate\n    deprecated_on: 2026-06-30\n"
    two = (
        one.replace("agg: sum", "type: ratio")
        .replace("resolution_rate", "tickets_opened")
        .replace("06-30", "03-31")
    )
    made = texts("agg: sum\n", one)
    made[METRICS] = made[METRICS].replace("type: ratio\n", two)
    found = load_texts(made)
    metric = found.metrics["total_cost"]
    assert not is_retired(metric, date(2026, 6, 30))
    assert is_retired(metric, date(2026, 7, 1))
    assert successor_of(found, metric, date(2026, 3, 31)) == "resolution_rate"
    assert successor_of(found, metric, date(2026, 4, 1)) == "tickets_opened"
    assert notice_of(found, metric, date(2026, 5, 1)) == (
        "total_cost is deprecated and answers until 2026-06-30: use tickets_opened instead"
    )
    assert notice_of(found, found.metrics["tickets_opened"], date(2026, 5, 1)) is None
    assert [(use.name, use.how) for use in uses_of(found, "total_cost")] == [
        ("cost_each", "is computed from it")
    ]


# ── code owners ─────────────────────────────────────────────────────────────────────────────────────────────


def test_code_owners_are_those_who_answer_for_what_is_in_a_file() -> None:
    sales = """
metrics:
  - {name: deals, label: Deals, type: simple, source: tickets, agg: count, unit: deals, direction: increase,
     owner: {team: sales, accountable: bob}}
"""
    both = sales.replace("deals", "more_deals").replace("Deals", "More deals")
    found = load_texts(
        texts() | {"metrics/sales.yml": sales, METRICS: texts()[METRICS] + both.split("metrics:\n")[1]}
    )
    text = codeowners(found, prefix="kpi/catalogue")
    assert text == codeowners(found, prefix="/kpi/catalogue/")
    assert text.splitlines()[1:-1] == [
        "/kpi/catalogue/ dee@example.com",
        "/kpi/catalogue/metrics/sales.yml bob@example.com",
        "/kpi/catalogue/metrics/support.yml bob@example.com @acme/support",
        "/kpi/catalogue/sources/support.yml bob@example.com @acme/support",
    ]
    sections = codeowners(found, prefix="kpi/catalogue", host=Host.GITLAB)
    assert "[Sales]\n/kpi/catalogue/metrics/sales.yml bob@example.com\n" in sections
    assert "[Support]\n/kpi/catalogue/metrics/support.yml @acme/support\n" in sections


def test_lines_of_ones_own_stay_around_the_block() -> None:
    one, other = codeowners(catalogue(), prefix="a"), codeowners(catalogue(), prefix="b")
    mine = "* @everybody\n"
    first = in_file(mine, one)
    assert first.startswith(mine)
    after = first + "/docs/ @writers\n"
    assert in_file(after, other) == after.replace(one, other)
    assert in_file(in_file(after, other), one) == after
    assert in_file("", one) == one


# ── editing ─────────────────────────────────────────────────────────────────────────────────────────────────

BLOCK = f"""# Metrics of the desk.
metrics:
  # What comes in.
  - name: tickets_opened   # the count
    label: Tickets opened
    definition: >-
      Tickets opened
      in the period.
    status: review         # not looked at yet
    version: 1
    owner: {{team: support, accountable: ana}}
    type: simple
    source: tickets
    agg: count
    unit: tickets
    direction: decrease
{AGREED}    changes:
      - {{version: 1, on: 2026-01-05, why: First., proposed_by: eva, approved_by: ana, kind: new}}
      # the end of the log

  - {{name: solved, label: Solved, definition: "Solved, all of them", status: certified, type: simple, source: tickets,
     agg: count, filter: resolved_at is not null, unit: tickets, direction: increase, missing: zero,
     owner: {{team: support, accountable: ana}}}}   # in one line
"""


def folder(tmp_path: Path, metrics: str = BLOCK) -> Path:
    for name, text in (texts() | {METRICS: metrics}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode("utf-8"))
    return tmp_path


def differing(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_certifying_changes_the_lines_it_is_about_and_no_other(tmp_path: Path, end: str) -> None:
    text = BLOCK.replace("\n", end)
    edit = certify(folder(tmp_path, text), "tickets_opened", by="ana", on=date(2026, 7, 14))
    assert differing(text, edit.text) == [
        "-    status: review         # not looked at yet",
        "+    status: certified         # not looked at yet",
        "+    reviewed_on: 2026-07-14",
        "+    reviewed_by: ana",
    ]
    assert edit.text.count(end) == text.count(end) + 2
    assert edit.text.count("\n") == edit.text.count(end)
    written = edit.write()
    again = load_catalogue(tmp_path).metrics["tickets_opened"]
    assert (written.name, again.status, again.reviewed_by) == ("support.yml", "certified", "ana")
    renewed = certify(tmp_path, "tickets_opened", by="chief", on=date(2026, 12, 1))
    assert differing(edit.text, renewed.text) == [
        "-    reviewed_on: 2026-07-14",
        "-    reviewed_by: ana",
        "+    reviewed_on: 2026-12-01",
        "+    reviewed_by: chief",
    ]


def test_deprecating_writes_its_version_into_the_change_log(tmp_path: Path) -> None:
    def ending(name: str, successor: str) -> str:
        return deprecate(
            folder(tmp_path),
            name,
            until=date(2026, 12, 31),
            successor=successor,
            by="ana",
            proposed_by="eva",
            why="Everybody reads: the other",
            on=date(2026, 7, 14),
        ).text

    assert differing(BLOCK, ending("tickets_opened", "solved")) == [
        "-    status: review         # not looked at yet",
        "-    version: 1",
        "+    status: deprecated         # not looked at yet",
        "+    version: 2",
        "+    replaced_by: solved",
        "+    deprecated_on: 2026-12-31",
        "+      - {version: 2, on: 2026-07-14, why: 'Everybody reads: the other', proposed_by: eva, approved_by: ana, "
        "kind: retire}",
    ]
    flow = differing(BLOCK, ending("solved", "tickets_opened"))
    assert [line[:3] for line in flow] == ["-  ", "+  ", "-  ", "+  "]
    ends = (
        "status: deprecated, version: 2, replaced_by: tickets_opened, deprecated_on: 2026-12-31, type: simple"
    )
    assert ends in flow[1]
    assert flow[-1].endswith("kind: retire}]}   # in one line")


@pytest.mark.parametrize(
    ("metric", "by", "code"),
    [
        ("tickets_opened", "bob", "NOT_AN_APPROVER"),
        ("tickets_opened", "gone", "NOT_AN_APPROVER"),
        ("tickets_opend", "ana", "UNKNOWN_METRIC"),
        ("draft_one", "ana", "WRONG_STEP"),
        ("own", "ana", "SAME_APPROVER"),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_to_do(
    tmp_path: Path, metric: str, by: str, code: str
) -> None:
    more = BLOCK + (
        "  - {name: draft_one, label: D, type: simple, source: tickets, agg: count, unit: x, direction: increase, "
        "owner: {team: support, accountable: ana}}\n"
        "  - {name: own, label: O, definition: O, status: review, type: simple, source: tickets, agg: count, unit: x,\n"
        "     direction: increase, owner: {team: support, accountable: ana},\n"
        "     changes: [{version: 1, on: 2026-01-05, why: First, proposed_by: ana, approved_by: chief, kind: new}]}\n"
    )
    root = folder(tmp_path, more)
    with pytest.raises(CatalogueError) as refused:
        certify(root, metric, by=by, on=date(2026, 7, 14))
    (problem,) = refused.value.problems
    assert problem.code == code
    assert problem.hint
    assert (root / METRICS).read_text("utf-8") == more


@pytest.mark.parametrize(
    ("successor", "until", "found"),
    [
        ("tickets_opened", date(2026, 12, 31), "is itself"),
        ("nothing", date(2026, 12, 31), "there is no metric"),
        ("solved", date(2026, 7, 13), "is over"),
    ],
)
def test_a_successor_is_another_metric_that_is_there(
    tmp_path: Path, successor: str, until: date, found: str
) -> None:
    with pytest.raises(CatalogueError, match=found):
        deprecate(
            folder(tmp_path),
            "tickets_opened",
            until=until,
            successor=successor,
            by="ana",
            proposed_by="eva",
            why="x",
            on=date(2026, 7, 14),
        )


def test_a_draft_is_submitted_once_everything_is_agreed(tmp_path: Path) -> None:
    draft = BLOCK.replace("    status: review         # not looked at yet\n", "")
    assert submit(folder(tmp_path, draft), "tickets_opened").metric.status == "review"
    with pytest.raises(CatalogueError, match="needs perspective"):
        submit(folder(tmp_path, draft.replace("    perspective: customer\n", "")), "tickets_opened")
