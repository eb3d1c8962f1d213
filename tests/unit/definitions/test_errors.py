"""Every code of a refusal: what brings it about, and that it says where, what, the way there, and what to do."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import pytest

import definitions
from definitions import CatalogueError, load_catalogue, load_texts
from definitions.approval import Published, refused
from definitions.compiler import Compiler
from definitions.compiler.query import query
from definitions.diff import catalogue_at, compare, problems_of
from definitions.error_codes import REFUSALS, page
from definitions.errors import Problem
from definitions.governance import refuse_retired
from definitions.yaml_reading import read_yaml
from tests.unit.definitions.small import TEXTS, changed, small

ROOM = Path(definitions.__file__).parent
METRICS, SOURCES, GOALS = "metrics/support.yml", "sources/support.yml", "objectives/2026-Q3.yml"
Refused = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """What is refused, where it must be said to be, what it must be said to be, and the name to suggest."""

    refused: Refused
    where: str
    text: str
    suggestion: str | None = None


def loads(file: str, old: str, new: str) -> Refused:
    """The small dictionary with one piece of text replaced."""
    return lambda: load_texts(changed(file, old, new))


def adds(file: str, text: str, before: Mapping[str, str] = TEXTS) -> Refused:
    """The small dictionary with something added to the end of a file."""
    return lambda: load_texts({**before, file: before.get(file, "") + text})


def asks(metrics: str = "tickets_opened", **options: object) -> Refused:
    """A query of the small dictionary."""
    return lambda: query(small(), metrics.split(), **options)  # type: ignore[arg-type]


def filters(text: str) -> Refused:
    return loads(METRICS, "filter: priority = 'high'", f"filter: {text}")


def metric(text: str) -> Refused:
    """One more metric."""
    common = "label: More, unit: count, direction: increase, owner: {team: support, accountable: ana}"
    return adds(METRICS, f"  - {{name: more, {text}, {common}}}\n")


def source(text: str) -> Refused:
    """One more source."""
    return adds(SOURCES, f"  - {{name: more, system: x, owner: y, {text}}}\n")


def reads(text: str | bytes) -> Refused:
    """One file by itself."""

    def read() -> None:
        document = read_yaml(text, "metrics/x.yml")
        if document.problems:
            raise CatalogueError(document.problems)

    return read


def compares(new: Mapping[str, str], old: Mapping[str, str] = TEXTS) -> Refused:
    """Two states of the dictionary."""

    def both() -> None:
        raise CatalogueError(problems_of(compare(small(old), small(new))))

    return both


def refuses(old: str, new: str) -> Refused:
    """The metrics, changed since they were published."""

    def held() -> None:
        before = Compiler(small())
        known = {
            name: Published(item.version, before.hash_of(name))
            for name, item in before.catalogue.metrics.items()
        }
        raise CatalogueError(refused(Compiler(small(changed(METRICS, old, new))), known).values())

    return held


def too_many() -> None:
    """A folder with more files than a dictionary has."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("definitions.loading._MAX_FILES", 3)
        for number in range(5):
            (Path(folder) / f"{number}.yml").write_text("metrics: []\n", "utf-8")
        load_catalogue(folder)


def not_of_git(reference: str) -> Refused:
    """A comparison with something that no repository has."""
    return lambda: catalogue_at(reference, ROOM / "catalogue")


def retired() -> None:
    """A deprecated metric asked for after its last day."""
    gone = "    status: deprecated\n    definition: x\n    replaced_by: tickets_opened\n    deprecated_on: 2026-06-30\n"
    catalogue = small(changed(METRICS, "agg: sum", f"agg: sum\n{gone}"))
    refuse_retired(catalogue, ["total_cost"], datetime(2026, 7, 1, 12, tzinfo=UTC))


BY_NOBODY = (
    "    changes: [{version: 2, on: 2026-07-01, why: Highest, proposed_by: ana, approved_by: somebody}]\n"
)
CERTIFIED = "    status: certified\n    definition: What urgent tickets cost.\n"
GOAL = "        metric: resolution_rate\n        baseline: {value: 0.7, as_of: 2026-06-30}\n        target: 0.85\n"
OTHER_CALENDAR = {
    **TEXTS,
    "calendars.yml": "calendars: [{name: company}, {name: other, time_zone: Asia/Tokyo}]\n",
    METRICS: TEXTS[METRICS].replace("agg: sum\n", "agg: sum\n    calendar: other\n"),
}
VALID = "columns: [{name: a, type: string}, {name: f, type: date}, {name: t, type: 'date?'}], key: [a, f]"
CUMULATIVE = "type: cumulative, metric: resolution_rate, window: 3 days"

CASES: dict[str, Case] = {
    "NO_CATALOGUE": Case(lambda: load_catalogue("/no/such/folder"), "/no/such/folder:1:1", "/no/such/folder"),
    "UNKNOWN_FILE": Case(adds("metric/x.yml", "metrics: []"), "metric/x.yml:1:1", "metric/x.yml"),
    "YAML_SYNTAX": Case(reads("metrics: [\n  a: }"), "metrics/x.yml:2:6", "}"),
    "YAML_ENCODING": Case(reads(b"metrics:\n  - \xff\xfe"), "metrics/x.yml:2:1", "\\xff"),
    "YAML_DOCUMENTS": Case(reads("a: 1\n---\nb: 2\n"), "metrics/x.yml:2:1", "---"),
    "YAML_KEY": Case(reads("a: 1\n[b]: 2\n"), "metrics/x.yml:2:1", "[b]"),
    "YAML_TAG": Case(
        reads("a: !!python/object:os.system x\n"), "metrics/x.yml:1:4", "python/object:os.system"
    ),
    "YAML_ALIAS": Case(reads("a: &x 1\nb: *y\n"), "metrics/x.yml:2:4", "*y"),
    "YAML_MERGE": Case(reads("a: {b: 1}\nc:\n  <<: {d: 1}\n"), "metrics/x.yml:3:3", "<<"),
    "YAML_TOO_DEEP": Case(reads("[" * 200 + "]" * 200), "metrics/x.yml:1:", "["),
    "YAML_TOO_LARGE": Case(reads("# " + "x" * 9_000_000), "metrics/x.yml:1:1", "# xxx"),
    "DUPLICATE_KEY": Case(
        loads(METRICS, "agg: count\n", "agg: count\n    agg: sum\n"), f"{METRICS}:9:5", "agg"
    ),
    "WRONG_SHAPE": Case(
        loads("calendars.yml", "[{name: company}]", "{name: company}"), "calendars.yml:1:12", "calendars"
    ),
    "UNKNOWN_KEY": Case(
        loads(METRICS, "missing: zero", "mising: zero"), f"{METRICS}:11:5", "mising", "missing"
    ),
    "UNKNOWN_TYPE": Case(
        loads(METRICS, "type: ratio", "type: ratios"), f"{METRICS}:16:11", "ratios", "ratio"
    ),
    "UNKNOWN_GRAIN": Case(asks(grain="mont"), "by:1:1", "mont", "month"),
    "MISSING_KEY": Case(loads(METRICS, "expr: cost\n", "\n"), f"{METRICS}:32:5", "expr"),
    "WRONG_NAME": Case(loads(METRICS, "name: cost_each", "name: Cost-Each"), f"{METRICS}:24:11", "Cost-Each"),
    "WRONG_VALUE": Case(
        loads(METRICS, "missing: zero", "missing: zeros"), f"{METRICS}:11:14", "zeros", "zero"
    ),
    "WRONG_TYPE": Case(filters("cost + 1"), f"{METRICS}:38:13", "cost + 1"),
    "WRONG_BAND": Case(
        metric("type: simple, source: tickets, agg: count, band: {low: 2, high: 1}"),
        f"{METRICS}:42:5",
        "band",
    ),
    "DUPLICATE_NAME": Case(
        loads(METRICS, "name: cost_each", "name: total_cost"), f"{METRICS}:32:5", "total_cost"
    ),
    "DUPLICATE_TARGET": Case(
        adds("targets/2026.yml", "  - {metric: resolution_rate, periods: {2026-Q3: 0.9}}\n"),
        "targets/2026.yml:6:5",
        "2026-Q3",
    ),
    "UNKNOWN_METRIC": Case(asks("tickets_openned"), "metrics:1:1", "tickets_openned", "tickets_opened"),
    "UNKNOWN_SOURCE": Case(
        loads(METRICS, "source: tickets\n    agg: sum", "source: ticket\n    agg: sum"),
        f"{METRICS}:32:5",
        "ticket",
        "tickets",
    ),
    "UNKNOWN_COLUMN": Case(filters("priorty = 'high'"), f"{METRICS}:38:13", "priorty", "priority"),
    "UNKNOWN_DIMENSION": Case(asks(by=["team", "regin"]), "by:2:1", "regin", "region"),
    "UNKNOWN_JOIN": Case(
        loads(SOURCES, "via: accounts", "via: account"), f"{SOURCES}:19:24", "account", "accounts"
    ),
    "UNKNOWN_CALENDAR": Case(
        metric("type: simple, source: tickets, agg: count, calendar: compny"),
        f"{METRICS}:42:5",
        "compny",
        "company",
    ),
    "UNKNOWN_TEAM": Case(
        loads(METRICS, "owner: {team: support,", "owner: {team: suport,"),
        f"{METRICS}:3:5",
        "suport",
        "support",
    ),
    "UNKNOWN_PERSON": Case(loads("teams.yml", "lead: ana", "lead: anna"), "teams.yml:2:9", "anna", "ana"),
    "UNKNOWN_CHANNEL": Case(
        loads("teams.yml", "lead: ana", "lead: ana, channels: [chat]"), "teams.yml:2:9", "chat"
    ),
    "UNKNOWN_OBJECTIVE": Case(
        loads(GOALS, "owner: ana\n    key", "owner: ana\n    parent: clam\n    key"),
        f"{GOALS}:4:5",
        "clam",
        "calm",
    ),
    "UNKNOWN_SEGMENT": Case(
        loads(METRICS, "segments: [team, region]", "segments: [team, regions]"),
        f"{METRICS}:3:5",
        "regions",
        "region",
    ),
    "JOIN_FANS_OUT": Case(
        loads(SOURCES, "on: account_id}", "on: {account_id: region}}"), f"{SOURCES}:21:9", "accounts"
    ),
    "NESTED_FOLD": Case(
        adds(
            SOURCES,
            "  - {name: once, system: x, owner: y, key: team, time: first, derived: {source: tickets, group_by: team}, "
            "columns: [{name: team, type: string}, {name: first, type: timestamp, expr: min(opened_at)}]}\n"
            "  - {name: twice, system: x, owner: y, key: team, derived: {source: once, group_by: team}, "
            "columns: [{name: team, type: string}]}\n",
        ),
        f"{SOURCES}:33:5",
        "once",
    ),
    "NO_VALIDITY": Case(
        source(
            "key: [account_id, period_start], movements: {source: tickets, entity: account_id, value: cost}, "
            "columns: [{name: account_id, type: string}, {name: period_start, type: date}]"
        ),
        f"{SOURCES}:32:5",
        "tickets",
    ),
    "NO_TIME": Case(metric("type: simple, source: accounts, agg: count"), f"{METRICS}:42:5", "time"),
    "NEEDS_TIME": Case(
        lambda: query(
            load_texts(
                {**TEXTS, METRICS: TEXTS[METRICS].replace("alias: cost}", "alias: cost, offset_to: month}")}
            ),
            ["cost_each"],
        ),
        f"{METRICS}:32:5",
        "month",
    ),
    "TOO_FINE": Case(
        lambda: query(
            load_texts(
                {
                    **TEXTS,
                    METRICS: TEXTS[METRICS]
                    + "  - {name: back, label: Back, type: retention, cohort: {source: tickets}, "
                    "activity: {source: tickets}, entity: account_id, days: [1, 2], unit: ratio, direction: increase, "
                    "owner: {team: support, accountable: ana}}\n",
                }
            ),
            ["back"],
            grain="hour",
        ),
        f"{METRICS}:42:5",
        "hour",
    ),
    "WRONG_INPUT": Case(
        lambda: Compiler(
            load_texts(
                {
                    **TEXTS,
                    METRICS: TEXTS[METRICS]
                    + f"  - {{name: more, label: More, {CUMULATIVE}, unit: count, direction: increase, "
                    "owner: {team: support, accountable: ana}}\n",
                }
            )
        ).batches(["more"]),
        f"{METRICS}:42:",
        "resolution_rate",
    ),
    "MIXED_CALENDARS": Case(
        lambda: query(
            load_texts(
                {
                    **OTHER_CALENDAR,
                    METRICS: OTHER_CALENDAR[METRICS].split("  - name: cost_each")[0]
                    + "  - name: total_cost"
                    + OTHER_CALENDAR[METRICS].split("  - name: total_cost")[1],
                }
            ),
            ["total_cost", "tickets_opened"],
        ),
        "metrics:1:1",
        "total_cost, tickets_opened",
    ),
    "CYCLE": Case(metric("type: derived, expr: more + 1"), f"{METRICS}:42:5", "more"),
    "CYCLIC_TREE": Case(
        metric(
            "type: simple, source: tickets, agg: count, drivers: {operator: sum, inputs: [more, total_cost]}"
        ),
        f"{METRICS}:42:5",
        "more",
    ),
    "TWO_NORTH_STARS": Case(
        lambda: load_texts(
            {**TEXTS, METRICS: TEXTS[METRICS].replace("    unit:", "    level: north_star\n    unit:")}
        ),
        f"{METRICS}:3:5",
        "tickets_opened",
    ),
    "SAME_APPROVER": Case(
        loads(
            METRICS,
            "missing: zero",
            "changes: [{version: 1, on: 2026-01-01, why: New, proposed_by: a, approved_by: a}]",
        ),
        f"{METRICS}:3:5",
        "a",
    ),
    "BAD_SQL": Case(filters("priority = = 'high'"), f"{METRICS}:38:", "priority = = 'high'"),
    "BAD_CHARACTER": Case(filters("priority\u200b = 'high'"), f"{METRICS}:38:21", "U+200B"),
    "BAD_LITERAL": Case(filters("opened_at > 'yesterday'"), f"{METRICS}:38:13", "yesterday"),
    "COMMENT": Case(
        filters("priority = 'high' /* all */"), f"{METRICS}:38:13", "priority = 'high' /* all */"
    ),
    "TOO_DEEP": Case(filters("(" * 900 + "ok" + ")" * 900), f"{METRICS}:38:13", "("),
    "TOO_LONG": Case(filters(" and ".join(["cost > 1"] * 700)), f"{METRICS}:38:13", "cost > 1 and"),
    "NOT_ALLOWED": Case(filters("cost in (select 1)"), f"{METRICS}:38:", "cost in (select 1)"),
    "UNKNOWN_FUNCTION": Case(filters("rounds(cost) > 1"), f"{METRICS}:38:13", "rounds", "round"),
    "UNKNOWN_VALUE": Case(filters("priority = 'hihg'"), f"{METRICS}:38:13", "hihg", "high"),
    "WRONG_ARGUMENTS": Case(filters("seconds_between(opened_at) > 1"), f"{METRICS}:38:", "seconds_between"),
    "NOT_AGGREGATED": Case(
        source(
            "key: team, derived: {source: tickets, group_by: team}, "
            "columns: [{name: team, type: string}, {name: odd, type: decimal, expr: cost + 1}]"
        ),
        f"{SOURCES}:32:",
        "cost",
    ),
    "EFFORT_WITH_METRIC": Case(
        loads(GOALS, "        type: increase", "        nature: effort\n        type: increase"),
        f"{GOALS}:9:9",
        "resolution_rate",
    ),
    "OUTCOME_WITHOUT_METRIC": Case(
        loads(GOALS, "        metric: resolution_rate\n", ""), f"{GOALS}:9:9", "calm-rate"
    ),
    "NOT_ACTIONABLE": Case(
        loads(METRICS, "minimum_sample: 2", "actionable: false"), f"{GOALS}:9:9", "resolution_rate"
    ),
    "NO_BASELINE": Case(
        loads(GOALS, "        baseline: {value: 0.7, as_of: 2026-06-30}\n", ""), f"{GOALS}:9:9", "calm-rate"
    ),
    "NO_TARGET": Case(loads(GOALS, "        target: 0.85\n", ""), f"{GOALS}:9:9", "calm-rate"),
    "DIRECTION_MISMATCH": Case(loads(GOALS, "target: 0.85", "target: 0.5"), f"{GOALS}:9:9", "0.5"),
    "NOTHING_ASKED": Case(asks(""), "query:1:1", "nothing"),
    "NEEDS_RANGE": Case(asks("", grain="day"), "by:1:1", "metric_time"),
    "MIXED_CONDITION": Case(
        asks(where="priority = 'high' and (metric_time > '2026-01-01' or team = 'a')"),
        "where:1:24",
        "metric_time",
    ),
    "BAD_LIMIT": Case(asks(limit=-1), "limit:1:1", "-1"),
    "METRIC_DELETED": Case(
        compares(
            {
                **TEXTS,
                METRICS: TEXTS[METRICS].split("  - name: cost_each")[0],
                GOALS: "",
                "targets/2026.yml": "",
            }
        ),
        f"{METRICS}:",
        "cost_each",
    ),
    "NO_NEW_VERSION": Case(
        compares(changed(METRICS, "agg: sum", "agg: max")), f"{METRICS}:32:5", "total_cost"
    ),
    "NO_REASON": Case(
        compares(changed(METRICS, "agg: sum", "agg: max\n    version: 2")), f"{METRICS}:32:5", "total_cost"
    ),
    "STILL_CERTIFIED": Case(
        compares(
            changed(METRICS, "agg: sum", f"agg: max\n{CERTIFIED}"),
            changed(METRICS, "agg: sum", f"agg: sum\n{CERTIFIED}"),
        ),
        f"{METRICS}:32:5",
        "total_cost",
    ),
    "WRONG_STEP": Case(
        compares(changed(METRICS, "agg: sum", f"agg: sum\n{CERTIFIED}")), f"{METRICS}:32:5", "certified"
    ),
    "NO_REVIEWER": Case(
        compares(
            changed(METRICS, "agg: sum", f"agg: sum\n{CERTIFIED}    reviewed_on: 2026-07-01\n"),
            changed(METRICS, "agg: sum", f"agg: sum\n{CERTIFIED.replace('certified', 'review')}"),
        ),
        f"{METRICS}:32:5",
        "total_cost",
    ),
    "NOT_AN_APPROVER": Case(
        compares(
            {
                **changed(METRICS, "agg: sum", f"agg: max\n    version: 2\n{BY_NOBODY}"),
                "settings.yml": "governance: {only_owners_approve: true}\n",
            }
        ),
        f"{METRICS}:32:5",
        "somebody",
    ),
    "METRIC_RETIRED": Case(retired, "query:1:1", "total_cost", "tickets_opened"),
    "INPUT_REFUSED": Case(refuses("agg: sum", "agg: max"), f"{METRICS}:24:5", "total_cost"),
    "BAD_REFERENCE": Case(not_of_git("no-such-branch"), "no-such-branch:1:1", "no-such-branch"),
    "TOO_MANY_FILES": Case(too_many, gettempdir(), "tmp"),
}


@pytest.mark.parametrize("code", sorted(CASES))
def test_a_refusal_says_all_there_is_to_say(code: str) -> None:
    case = CASES[code]
    with pytest.raises(CatalogueError) as refused:
        case.refused()
    found = [problem for problem in refused.value.problems if problem.code == code]
    assert found, [str(problem) for problem in refused.value.problems][:5]
    problem = next((p for p in found if str(p.location).startswith(case.where)), found[0])
    assert str(problem.location).startswith(case.where), str(problem)
    assert case.text in problem.text, problem
    assert problem.hint
    assert problem.path or code.startswith(
        ("YAML_", "DUPLICATE_KEY", "UNKNOWN_FILE", "NO_CATALOGUE", "TOO_MANY_FILES", "BAD_REFERENCE")
    ), problem
    if case.suggestion is not None:
        assert problem.suggestion == case.suggestion
    told = str(problem)
    assert told.startswith(f"{problem.location}: {code}: ")
    assert problem.hint in told


def test_every_code_has_a_case() -> None:
    assert set(CASES) == set(REFUSALS)


def test_no_code_is_used_that_is_not_listed() -> None:
    used: dict[str, str] = {}
    for path in sorted(ROOM.rglob("*.py")):
        if path.is_relative_to(ROOM / "lint") or path.is_relative_to(ROOM / "interchange"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                code = node.args[0].value
                if (
                    name in ("Problem", "RefusedError", "_problem", "problem")
                    and isinstance(code, str)
                    and code.isupper()
                ):
                    used[code] = str(path.relative_to(ROOM))
    assert len(used) > 50
    assert {code: path for code, path in used.items() if code not in REFUSALS} == {}


def test_the_page_lists_every_code() -> None:
    written = (ROOM.parent / "docs" / "errors.md").read_text("utf-8")
    assert written == page(), "write docs/errors.md from definitions.error_codes.page()"


def test_a_hint_of_its_own_is_kept() -> None:
    assert Problem("CYCLE", "x").hint == REFUSALS["CYCLE"].hint
    assert Problem("CYCLE", "x", hint="Else.").hint == "Else."
    assert Problem("SOME_FINDING", "x").hint == ""
