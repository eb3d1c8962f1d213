"""Closing a cycle: what it decides, what it writes, and that writing twice changes nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from definitions import load_catalogue
from definitions.loading import load_texts, read_folder
from definitions.model import Catalogue
from pipelines.okr.closing import CloseError, ClosePlan, close_files, open_files, plan_close
from pipelines.okr.next_cycle import draft_next_cycle
from pipelines.okr.yaml_edits import edited, set_value
from pipelines.scoring.cycle import Answer
from tests.unit.okr.okr_files import write_dictionary
from tests.unit.okr.okr_world import frame, series

OCTOBER_FIRST = date(2026, 10, 1)
SEPTEMBER = date(2026, 9, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dictionary(tmp_path / "catalogue")


def loaded(folder: Path) -> Catalogue:
    return load_catalogue(folder, check=False)


def values(*months: float, provisional: int = 0) -> pa.Table:
    return frame(
        series("nps", "month", SEPTEMBER, *months, provisional=provisional),
        series("nps", "month", SEPTEMBER, 21, 22, 23, segment=("region", "emea")),
    )


def plan(folder: Path, frame_: pa.Table | None = None, **more: object) -> ClosePlan:
    table = values(36, 38, 41) if frame_ is None else frame_
    return plan_close(loaded(folder), "2026-Q3", table, OCTOBER_FIRST, **more)  # type: ignore[arg-type]


def test_a_plan_says_how_everything_ends_and_asks_about_it(folder: Path) -> None:
    found = plan(folder)

    assert (found.cycle, found.next_cycle) == ("2026-Q3", "2026-Q4")
    assert [(q.key_result, q.result.published_status, q.result.is_final) for q in found.questions] == [
        ("nps-up", "achieved", True),
        ("launch", "achieved", True),
        ("steps", "missed", True),
    ]
    assert found.questions[0].answers == (Answer.KEEP, Answer.MODIFY, Answer.ABANDON)
    assert found.results[0].score == D("1.025")


def test_the_next_cycle_starts_where_this_one_ended(folder: Path) -> None:
    decided = {one.key_result: one.decision for one in plan(folder).baselines}

    assert (decided["nps-more"].value, decided["nps-more"].as_of) == (41, date(2026, 9, 30))
    assert decided["nps-emea"].reason == "set_by_person"
    assert decided["find-it"].value == 41


def test_a_period_whose_checks_failed_or_that_may_change_is_not_taken(folder: Path) -> None:
    failed = {one.key_result: one.decision for one in plan(folder, failed=[("nps", SEPTEMBER)]).baselines}
    unsettled = {
        one.key_result: one.decision for one in plan(folder, values(36, 38, 41, provisional=1)).baselines
    }

    assert (failed["nps-more"].value, failed["nps-more"].as_of) == (38, date(2026, 8, 31))
    assert unsettled["nps-more"].value == 38


def test_closing_edits_the_files_and_keeps_every_comment(folder: Path) -> None:
    before = read_folder(folder)
    changed = close_files(folder, plan(folder))

    assert [path.name for path in changed] == ["2026-Q3.yml", "2026-Q4.yml"]
    summer = (folder / "objectives/2026-Q3.yml").read_text()
    assert "  key: 2026-Q3   # the third\n  state: closed\n  name: Summer\n" in summer
    autumn = (folder / "objectives/2026-Q4.yml").read_text()
    assert "baseline: {value: 41, as_of: 2026-09-30, set_by: system}   # to be written" in autumn
    assert "# a guess until the summer is closed" in autumn
    assert "type: baseline, baseline: " not in autumn
    assert "{key: find-it, baseline: {value: 41, as_of: 2026-09-30, set_by: system}, statement:" in autumn
    assert "          value: 20\n          as_of: 2026-09-01\n          set_by: ada\n" in autumn
    untouched = {name for name, text in read_folder(folder).items() if text == before[name]}
    assert untouched == set(before) - {"objectives/2026-Q3.yml", "objectives/2026-Q4.yml"}
    again = loaded(folder)
    assert again.cycles[0].state == "closed"
    assert again.cycles[1].objectives[0].key_results[0].baseline is not None


def test_closing_again_changes_nothing(folder: Path) -> None:
    close_files(folder, plan(folder))
    after = read_folder(folder)

    assert close_files(folder, plan(folder, values(1, 2, 3))) == ()
    assert read_folder(folder) == after


def test_answers_become_the_closing_note_and_a_draft_is_written_along(folder: Path) -> None:
    answers = {"nps-up": Answer.KEEP, "launch": Answer.ABANDON, "steps": Answer.MODIFY}
    draft = ("objectives/2027-Q1.yml", read_folder(folder)["objectives/2026-Q4.yml"].decode())
    text = draft[1].replace("2026-Q4", "2027-Q1").replace("love-more", "x").replace("nps-", "y-")
    changed = close_files(folder, plan(folder), answers, (draft[0], text.replace("find-it", "z")))

    assert [path.name for path in changed] == ["2026-Q3.yml", "2026-Q4.yml", "2027-Q1.yml"]
    note = loaded(folder).cycles[0].objectives[0].closing_note
    assert note == "Decided at close: keep nps-up; abandon launch; modify steps."


def test_a_draft_is_opened_once_and_a_closed_cycle_never_again(folder: Path) -> None:
    (opened,) = open_files(loaded(folder), "2026-Q4")

    assert opened.name == "2026-Q4.yml"
    assert loaded(folder).cycles[1].state == "open"
    assert "# What comes next; not decided yet." in opened.read_text()
    assert open_files(loaded(folder), "2026-Q4") == ()
    close_files(folder, plan(folder))
    with pytest.raises(CloseError, match="what is final stays final"):
        open_files(loaded(folder), "2026-Q3")


@pytest.mark.parametrize(
    ("key", "today", "message"),
    [
        ("2026-Q9", OCTOBER_FIRST, "there is no cycle '2026-Q9'; there are: 2026-Q3, 2026-Q4"),
        ("2026-Q4", OCTOBER_FIRST, "is a draft"),
        ("2026-Q3", date(2026, 9, 30), "runs until 2026-09-30"),
    ],
)
def test_what_cannot_be_closed_says_why(folder: Path, key: str, today: date, message: str) -> None:
    with pytest.raises(CloseError, match=message):
        plan_close(loaded(folder), key, values(36, 38, 41), today)


def test_without_a_following_cycle_there_is_nothing_to_hand_on(folder: Path) -> None:
    (folder / "objectives/2026-Q4.yml").unlink()
    found = plan(folder)

    assert (found.next_cycle, found.baselines) == (None, ())
    assert [path.name for path in close_files(folder, found)] == ["2026-Q3.yml"]


def test_a_draft_of_the_next_cycle_keeps_what_is_kept(folder: Path) -> None:
    text = draft_next_cycle(
        loaded(folder),
        plan(folder),
        {"nps-up": Answer.MODIFY, "launch": Answer.ABANDON},
        key="2027-Q1",
        name="Winter",
        start=date(2027, 1, 1),
        end=date(2027, 3, 31),
    )

    document = yaml.safe_load(text)
    assert document["cycle"]["state"] == "draft"
    (kept,) = document["objectives"]
    assert [kr["key"] for kr in kept["key_results"]] == ["nps-up-2027-q1", "steps-2027-q1"]
    assert kept["key_results"][0]["baseline"] == {"value": 41, "as_of": date(2026, 9, 30), "set_by": "system"}
    assert "target: 51  # decide" in text, "as far again: the old target lies behind"
    assert "# it ended at a score of 1.02, achieved" in text
    assert kept["key_results"][1]["milestones"] == [{"name": "three", "weight": 1}], "what is left"
    with_draft = load_texts({**read_folder(folder), "objectives/2027-Q1.yml": text}, check=False)
    assert [cycle.key for cycle in with_draft.cycles] == ["2026-Q3", "2026-Q4", "2027-Q1"]


# ── edits ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\nb: 2\n", "a: 1\nb: 9\n"),
        ("a: 1 # note\n", "a: 1 # note\nb: 9\n"),
        ("{a: 1, b: 2}", "{a: 1, b: 9}"),
        ("{a: 1}", "{a: 1, b: 9}"),
        ("a: 1\nb:\nc: 3\n", "a: 1\nb: 9\nc: 3\n"),
        ("a: 1\nb:\n  x: 1\n  y: [2]\n# next\nc: 3\n", "a: 1\nb: 9\n# next\nc: 3\n"),
        ("a:\n  - x\n  - y\n\nc: 3\n", "a:\n  - x\n  - y\nb: 9\n\nc: 3\n"),
        ("a: 1", "a: 1\nb: 9"),
        ('a: "x: y"\nb: "z"\n', 'a: "x: y"\nb: 9\n'),
    ],
)
def test_a_value_is_set_and_everything_else_stays(before: str, after: str) -> None:
    document = yaml.compose(before)

    assert edited(before, [set_value(before, document, "b", "9")]) == after
