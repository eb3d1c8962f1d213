"""The definition hash changes when and only when the meaning does; a diff says what, and who must approve."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest

from definitions.approval import Published, refused, takes_effect
from definitions.compiler import Compiler
from definitions.diff import Effect, as_markdown, catalogue_at, compare, problems_of
from definitions.versions import changed_itself, definition_hashes
from tests.unit.definitions.small import TEXTS, changed, small

M, S = "metrics/support.yml", "sources/support.yml"
INPUTS = "\n    inputs: [{metric: total_cost, alias: cost}]"
SPENT = "\n    inputs: [{metric: total_cost, alias: spent}]"
ALL = {"tickets_opened", "resolution_rate", "total_cost", "cost_each"}
APPROVED = """filter: priority = 'low'
    version: 2
    changes:
      - {version: 2, on: 2026-07-01, why: Low too, proposed_by: ana, approved_by: bob, restate_from: 2026-01-01}
"""


def differing(texts: dict[str, str]) -> set[str]:
    before, after = definition_hashes(small()), definition_hashes(small(texts))
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (M, "resolved_at is not null", "((  resolved_at   IS NOT NULL ))"),
        (M, "label: Total cost", "label: All cost"),
        (M, "unit: tickets\n", "unit: requests\n"),
        (M, f"expr: cost / tickets_opened{INPUTS}", f"expr: spent / tickets_opened{SPENT}"),
        (S, "settles_after: 3 days", "settles_after: 9 days"),
        (
            "calendars.yml",
            "{name: company}",
            "{name: company, holidays: [{date: 2026-01-01, name: New Year}]}",
        ),
    ],
)
def test_what_is_no_change_of_meaning(file: str, old: str, new: str) -> None:
    assert differing(changed(file, old, new)) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "metrics"),
    [
        (M, "priority = 'high'", "priority = 'low'", {"total_cost", "cost_each"}),
        (M, "missing: zero", "missing: empty", {"tickets_opened", "cost_each"}),
        (M, "cost / tickets_opened", "tickets_opened / cost", {"cost_each"}),
        (
            S,
            "table: support.tickets",
            "table: support.requests",
            ALL,
        ),
        (
            "calendars.yml",
            "{name: company}",
            "{name: company, time_zone: Europe/Berlin}",
            ALL,
        ),
        (M, "minimum_sample: 2", "minimum_sample: 3", {"resolution_rate"}),
    ],
)
def test_what_is(file: str, old: str, new: str, metrics: set[str]) -> None:
    assert differing(changed(file, old, new)) == metrics


def test_conjunctions_have_no_order() -> None:
    one = changed(M, "priority = 'high'", "priority = 'high' and team is not null")
    two = changed(M, "priority = 'high'", "team is not null and (priority = 'high')")
    assert definition_hashes(small(one)) == definition_hashes(small(two))


def test_a_change_without_a_new_version_is_refused_and_its_heirs_are_named() -> None:
    changes = {
        c.metric: c for c in compare(small(), small(changed(M, "priority = 'high'", "priority = 'low'")))
    }
    assert changes["total_cost"].kind == "changed"
    assert changes["total_cost"].approvers == ("ana",)
    assert (changes["cost_each"].kind, changes["cost_each"].through) == ("inherited", ("total_cost",))
    assert [problem.code for problem in problems_of(changes.values())] == ["NO_NEW_VERSION"]
    assert "total_cost" in as_markdown(list(changes.values()))


def test_a_new_version_with_reason_and_approver_is_accepted() -> None:
    texts = changed(M, "filter: priority = 'high'\n", APPROVED)
    (change,) = [c for c in compare(small(), small(texts)) if c.metric == "total_cost"]
    assert change.problems == ()
    assert str(change.restate_from) == "2026-01-01"


def test_a_deleted_metric_is_refused() -> None:
    kept = TEXTS[M].split("  - name: total_cost")[0]
    head = {**TEXTS, M: kept.replace(f"cost / tickets_opened{INPUTS}", "tickets_opened * 2")}
    assert "METRIC_DELETED" in [problem.code for problem in problems_of(compare(small(), small(head)))]


def test_a_git_reference_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    (folder / M).write_text(TEXTS[M].replace("priority = 'high'", "priority = 'low'"))
    changes = compare(catalogue_at("HEAD", folder), catalogue_at(str(folder), folder))
    assert [change.metric for change in changes] == ["cost_each", "total_cost"]


PARTS = [
    (M, "filter: priority = 'high'", "filter: priority = 'low'", "total_cost", ("filter",)),
    (M, "agg: sum\n    expr: cost", "agg: avg\n    expr: cost", "total_cost", ("aggregation",)),
    (
        M,
        "numerator: {agg: count, filter: resolved_at is not null}",
        "numerator: {agg: count}",
        "resolution_rate",
        ("numerator filter",),
    ),
    (M, "minimum_sample: 2", "minimum_sample: 3", "resolution_rate", ("minimum sample: 2 → 3",)),
    (M, "missing: zero", "missing: empty", "tickets_opened", ("missing: zero → empty",)),
    (M, "cost / tickets_opened", "tickets_opened / cost", "cost_each", ("expression",)),
    (
        "calendars.yml",
        "{name: company}",
        "{name: company, week_start: sunday}",
        "tickets_opened",
        ("week start",),
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "metric", "parts"), PARTS)
def test_what_changed_is_said_in_words(
    file: str, old: str, new: str, metric: str, parts: tuple[str, ...]
) -> None:
    found = {change.metric: change for change in compare(small(), small(changed(file, old, new)))}
    assert found[metric].kind == "changed"
    assert found[metric].parts == parts


def test_a_certificate_is_for_what_was_certified() -> None:
    words = "label: Total cost\n    status: certified\n    definition: All of it."
    certified = {**TEXTS, M: TEXTS[M].replace("label: Total cost", words)}
    head = {**certified, M: certified[M].replace("filter: priority = 'high'\n", APPROVED)}
    (change,) = [c for c in compare(small(certified), small(head)) if c.metric == "total_cost"]
    assert [problem.code for problem in change.problems] == ["STILL_CERTIFIED"]
    assert change.drops_to_review


# ── against what was published ──────────────────────────────────────────────────────────────────────────────


def published(texts: dict[str, str] = TEXTS) -> dict[str, Published]:
    catalogue = small(texts)
    hashes = definition_hashes(catalogue)
    return {name: Published(metric.version, hashes[name]) for name, metric in catalogue.metrics.items()}


def test_published_hashes_tell_an_own_change_from_an_inherited_one() -> None:
    head = Compiler(small(changed(M, "priority = 'high'", "priority = 'low'")))
    hashes = {name: known.definition_hash for name, known in published().items()}
    assert changed_itself(head.resolver, "total_cost", hashes)
    assert not changed_itself(head.resolver, "cost_each", hashes)
    assert not changed_itself(head.resolver, "tickets_opened", hashes)
    both = changed(M, "priority = 'high'", "priority = 'low'")
    both[M] = both[M].replace("cost / tickets_opened", "2 * cost / tickets_opened")
    assert changed_itself(Compiler(small(both)).resolver, "cost_each", hashes)


def test_an_inputs_least_sample_is_its_own_affair() -> None:
    rate = changed(M, "expr: cost / tickets_opened", "expr: cost / resolution_rate")
    more = {**rate, M: rate[M].replace("minimum_sample: 2", "minimum_sample: 3")}
    before, after = definition_hashes(small(rate)), definition_hashes(small(more))
    assert {name for name in before if before[name] != after[name]} == {"resolution_rate"}


@pytest.mark.parametrize(
    ("new", "codes"),
    [
        ("filter: priority = 'low'\n", {"total_cost": "NO_NEW_VERSION", "cost_each": "INPUT_REFUSED"}),
        (
            "filter: priority = 'low'\n    version: 2\n",
            {"total_cost": "NO_REASON", "cost_each": "INPUT_REFUSED"},
        ),
        (APPROVED, {}),
        ("filter: ((priority) = 'high')\n", {}),
    ],
)
def test_refused_is_what_nobody_approved_and_what_rests_on_it(new: str, codes: dict[str, str]) -> None:
    compiler = Compiler(small(changed(M, "filter: priority = 'high'\n", new)))
    assert {name: problem.code for name, problem in refused(compiler, published()).items()} == codes


def test_a_version_that_went_back_is_refused() -> None:
    newer = changed(M, "filter: priority = 'high'\n", APPROVED)
    assert refused(Compiler(small()), published(newer))["total_cost"].code == "NO_NEW_VERSION"


def test_hashes_of_another_scheme_are_not_compared() -> None:
    other = {name: Published(1, "00" + known.definition_hash[2:]) for name, known in published().items()}
    head = Compiler(small(changed(M, "priority = 'high'", "priority = 'low'")))
    assert refused(head, other) == {}


def test_a_change_takes_effect_for_its_heirs_as_well() -> None:
    compiler = Compiler(small(changed(M, "filter: priority = 'high'\n", APPROVED)))
    names = ("total_cost", "cost_each", "tickets_opened")
    days = {name: takes_effect(compiler, name, published()) for name in names}
    assert days == {"total_cost": date(2026, 1, 1), "cost_each": date(2026, 1, 1), "tickets_opened": None}
    later = APPROVED.replace(", restate_from: 2026-01-01", "")
    compiler = Compiler(small(changed(M, "filter: priority = 'high'\n", later)))
    assert takes_effect(compiler, "total_cost", published()) == date(2026, 7, 1)


def test_what_becomes_of_a_published_value() -> None:
    """A value that was not there is new; one from before the change takes effect stays."""
    month = date(2026, 5, 1)
    assert Effect("total_cost", "month", month, None, 5.0).fate == "new"
    assert Effect("total_cost", "month", month, 4.0, 5.0).fate == "restated"
    assert Effect("total_cost", "month", month, 4.0, 5.0, is_restated=False).fate == "stays"
