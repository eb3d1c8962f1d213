"""Key results as CSV: out, through a spreadsheet, and back to the same dictionary."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date
from decimal import Decimal as D
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from definitions import CatalogueError, load_catalogue
from definitions.loading import load_texts, read_folder
from pipelines.okr.export_csv import COLUMNS, export_okrs
from pipelines.okr.import_csv import ExchangeError, import_okrs, okr_documents
from pipelines.publishing.records import KeyResultScoreRow
from tests.unit.okr.okr_files import FILES, write_dictionary
from tests.unit.okr.okr_world import Q4, catalogue, cycle, key_result, metric, objective


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    return write_dictionary(tmp_path / "catalogue")


def test_there_is_one_row_per_key_result(dictionary: Path) -> None:
    found = rows(export_okrs(load_catalogue(dictionary, check=False)))

    assert tuple(found[0]) == COLUMNS
    assert [row["key_result"] for row in found] == [
        "nps-up",
        "launch",
        "steps",
        "nps-more",
        "nps-emea",
        "find-it",
    ]
    first = found[0]
    assert (first["target"], first["target_spec"], first["baseline"], first["weight"]) == (
        "10",
        "delta_points",
        "30",
        "2",
    )


def test_what_goes_out_comes_back_the_same(dictionary: Path) -> None:
    before = load_catalogue(dictionary, check=False)

    documents = okr_documents(export_okrs(before))

    after = load_texts({**read_folder(dictionary), **documents}, check=False)
    assert sorted(documents) == ["objectives/2026-Q3.yml", "objectives/2026-Q4.yml"]
    assert after.cycles == before.cycles


def test_the_shipped_dictionary_makes_the_round_trip() -> None:
    folder = Path(__file__).parents[3] / "definitions" / "catalogue"
    before = load_catalogue(folder, check=False)
    after = load_texts({**read_folder(folder), **okr_documents(export_okrs(before))}, check=False)

    assert after.cycles == before.cycles


def test_how_a_key_result_stands_goes_out_and_is_not_read_back(dictionary: Path) -> None:
    before = load_catalogue(dictionary, check=False)
    score = KeyResultScoreRow(
        "nps-up", date(2026, 9, 30), 92, "ratio", "on_track", "achieved", score=D("0.95")
    )
    text = export_okrs(before, {"nps-up": score})

    assert (rows(text)[0]["score"], rows(text)[0]["published_status"]) == ("0.95", "achieved")
    assert load_texts({**read_folder(dictionary), **okr_documents(text)}, check=False).cycles == before.cycles


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=30)
    | st.sampled_from(["=cmd()", "+1", "-x", "@me", "'=a", "''", '"', "a,b", "é ✓ 汉"])
)
def test_any_text_survives_a_spreadsheet_and_none_is_a_formula(title: str) -> None:
    title = " ".join(title.split())
    if not title:
        return
    goals = cycle(objective("o1", key_result("kr1", metric="nps", target=55), title=title))
    text = export_okrs(catalogue([metric("nps")], goals))

    assert rows(text)[0]["title"][0] not in "=+-@"
    document = okr_documents(text)["objectives/2026-Q4.yml"]
    loaded = load_texts(
        {**{k: v for k, v in FILES.items() if "objectives" not in k}, "objectives/a.yml": document},
        check=False,
    )
    assert loaded.objectives[0].title == title


def test_import_writes_files_that_load(dictionary: Path, tmp_path: Path) -> None:
    goals = cycle(
        objective("o9", replace(key_result("kr9", metric="nps", target=55), comparison="gte")),
        key="2027-Q1",
        start=date(2027, 1, 1),
        end=date(2027, 3, 31),
    )
    path = tmp_path / "okrs.csv"
    path.write_text(export_okrs(catalogue([metric("nps")], goals)), encoding="utf-8")

    written = import_okrs(path, dictionary)

    assert written == (dictionary / "objectives/2027-Q1.yml",)
    assert [one.key for one in load_catalogue(dictionary, check=False).cycles][-1] == "2027-Q1"


def test_import_replaces_only_when_told(dictionary: Path, tmp_path: Path) -> None:
    path = tmp_path / "okrs.csv"
    path.write_text(export_okrs(load_catalogue(dictionary, check=False)), encoding="utf-8")

    with pytest.raises(ExchangeError, match=r"2026-Q3\.yml is there already"):
        import_okrs(path, dictionary)
    assert len(import_okrs(path, dictionary, replace=True)) == 2


def test_a_row_that_does_not_load_leaves_the_folder_as_it_was(dictionary: Path, tmp_path: Path) -> None:
    text = export_okrs(load_catalogue(dictionary, check=False)).replace(",nps,", ",nqs,")
    path = tmp_path / "okrs.csv"
    path.write_text(text, encoding="utf-8")
    before = read_folder(dictionary)

    with pytest.raises(CatalogueError, match="there is no metric 'nqs'"):
        import_okrs(path, dictionary, replace=True)
    assert read_folder(dictionary) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key_result,objective\n", "the column 'cycle' is missing"),
        ("cycle,objective,key_result,mood\n", "there is no column 'mood'"),
        ("cycle,objective,key_result\n2026-Q4,,kr\n", "line 2: objective is empty"),
        ("cycle,objective,key_result\n../x,o,kr\n", "no name for a file"),
        ("cycle,objective,key_result,weight\nq,o,kr,heavy\n", "weight is 'heavy', which is no number"),
        ("cycle,objective,key_result,leading\nq,o,kr,perhaps\n", "write true or false"),
        ("cycle,objective,key_result,segment\nq,o,kr,emea\n", "segment is no JSON"),
        ("cycle,objective,key_result,milestones\nq,o,kr,{}\n", "write a list"),
        ("cycle,objective,key_result\nq,o,kr,more\n", "more values than the header"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(text: str, message: str) -> None:
    with pytest.raises(ExchangeError, match=message):
        okr_documents(text)


def test_dates_of_the_cycle_are_kept(dictionary: Path) -> None:
    loaded = load_catalogue(dictionary, check=False)

    assert (loaded.cycles[1].start, loaded.cycles[1].end) == Q4
