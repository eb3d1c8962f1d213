"""Check-ins in a real reporting database: recorded, corrected, imported, scored and frozen."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError

from pipelines.okr.check_in_files import CheckInFileError, import_check_ins
from pipelines.publishing.access import create_roles
from pipelines.publishing.engine import open_reporting, reading, writing
from pipelines.publishing.schema import check_in, key_result_score
from pipelines.scoring.errors import CheckInError
from tests.integration.okr.okr_company import NOW, TODAY, Published, published

SAID = {
    "how_it_happened": "Onboarding mails",
    "confidence": "0.7",
    "blockers": "none",
    "progress_note": "up 6",
}


def test_a_check_in_is_recorded_as_said(house: Published) -> None:
    taken = house.desk().take("Ada@Example.org", "kr_nps", SAID)

    (found,) = house.store.check_ins()
    assert found == taken
    assert (found.author, found.on, found.confidence) == ("ada@example.org", TODAY, D("0.7"))
    assert (found.created_at, found.supersedes, found.blockers) == (NOW, None, "none")


def test_a_second_one_on_the_same_day_supersedes_and_both_stay(house: Published) -> None:
    first = house.desk().take("ada@example.org", "kr_nps", SAID)
    second = house.desk().take("bob@example.org", "kr_nps", {**SAID, "confidence": "0.4"})

    assert second.supersedes == first.check_in_id
    assert len(house.store.check_ins()) == 2
    assert [item.confidence for item in house.desk().standing()] == [D("0.4")]


def test_what_cannot_be_taken_leaves_nothing(small_house: Published) -> None:
    for author, key, said in (
        ("nobody@example.org", "kr_nps", SAID),
        ("ada@example.org", "kr_nope", SAID),
        ("ada@example.org", "kr_old", SAID),
        ("ada@example.org", "kr_nps", {**SAID, "confidence": ""}),
        ("ada@example.org", "kr_nps", {**SAID, "shoe_size": "44"}),
    ):
        with pytest.raises(CheckInError):
            small_house.desk().take(author, key, said)
    assert small_house.store.check_ins() == ()


def test_a_row_inserted_by_sql_is_a_check_in_like_any_other(house: Published) -> None:
    with writing(house.engine) as connection:
        connection.execute(
            insert(check_in).values(
                key_result_key="kr_nps",
                check_in_date=TODAY,
                author_email="ada@example.org",
                how_it_happened="typed into the database",
                confidence=D("0.55"),
            )
        )

    (found,) = house.desk().standing()
    assert (found.confidence, found.how_it_happened) == (D("0.55"), "typed into the database")
    assert found.created_at is not None


def test_the_arithmetic_is_prefilled_from_what_is_published(small_house: Published) -> None:
    found = small_house.desk().prefilled("kr_nps")

    assert found.progress == "Nps is 48 points, target 55, score 0.87, progress 46%, pace on pace."
    assert found.how == "Drivers: Promoters +3; Detractors −1."


def test_the_change_is_since_the_last_check_in(small_house: Published) -> None:
    small_house.publish_scores(date(2026, 10, 30), "earlier")
    small_house.desk(date(2026, 10, 30)).take("ada@example.org", "kr_nps", SAID)
    small_house.publish_scores(date(2026, 11, 12), "again")

    assert "+3 since the last check-in" in small_house.desk().prefilled("kr_nps").progress


def test_each_person_is_asked_what_is_theirs_the_latest_due_first(small_house: Published) -> None:
    asked = small_house.desk().asked_of("ada")

    assert [item.key_result.key for item in asked] == ["kr_manual", "kr_nps"]
    assert [item.due and item.due.due for item in asked] == [date(2026, 10, 2)] * 2
    assert all(item.is_stale for item in asked)
    small_house.desk().take("ada@example.org", "kr_manual", {**SAID, "value_override": "61"})
    manual = next(item for item in small_house.desk().asked_of("ada") if item.key_result.key == "kr_manual")
    assert manual.due is not None
    assert (manual.due.due, manual.is_stale) == (date(2026, 11, 20), False)
    assert {item.key_result.key for item in small_house.desk().asked_of("bob")} == {
        "kr_manual",
        "kr_nps",
        "kr_launch",
    }


def test_the_next_publication_shows_what_was_said(house: Published) -> None:
    house.desk().take("ada@example.org", "kr_nps", SAID)
    house.desk().take("ada@example.org", "kr_manual", {**SAID, "value_override": "61"})
    house.publish_scores(TODAY, "second")

    with reading(house.engine) as connection:
        rows = {
            row.key_result_key: row
            for row in connection.execute(
                select(key_result_score).where(
                    key_result_score.c.is_current, key_result_score.c.as_of_date == TODAY
                )
            )
        }
    assert (rows["kr_nps"].owner_confidence, rows["kr_nps"].is_stale) == (D("0.7"), False)
    assert rows["kr_nps"].published_status == "on_track"
    assert (rows["kr_manual"].current_value, rows["kr_manual"].progress_raw) == (61, D("0.275"))
    assert rows["kr_launch"].published_status == "stale"
    assert {due.key_result for due in house.store.dues() if due.is_open and due.due <= TODAY} == {"kr_launch"}


def test_a_closed_cycle_is_frozen_once_published(small_house: Published) -> None:
    assert small_house.store.frozen_cycles() == {"2026-Q3"}
    with reading(small_house.engine) as connection:
        before = connection.execute(
            select(key_result_score).where(key_result_score.c.key_result_key == "kr_old")
        ).all()
    small_house.publish_scores(TODAY, "second")
    with reading(small_house.engine) as connection:
        after = connection.execute(
            select(key_result_score).where(key_result_score.c.key_result_key == "kr_old")
        ).all()
    assert before == after
    assert [row.is_final for row in after] == [True]


def test_a_target_that_moved_inside_the_cycle_is_an_edit_that_readers_see(house: Published) -> None:
    """Nobody wrote a revision: what was published at the start is the witness."""
    (past, goals) = house.catalogue.cycles
    (aim,) = goals.objectives
    moved = tuple(replace(kr, target=50.0) if kr.key == "kr_nps" else kr for kr in aim.key_results)
    goals = replace(goals, objectives=(replace(aim, key_results=moved),))
    house.catalogue = replace(house.catalogue, cycles=(past, goals))
    for day in (TODAY, TODAY + timedelta(1)):
        house.publish_scores(day, f"moved {day}")

    found = house.store.standings()
    assert "retro_edit" in found["kr_nps"].flags
    assert "retro_edit" not in found["kr_launch"].flags
    with reading(house.engine) as connection:
        changes = connection.execute(
            text("SELECT key_result_key, target_before, target_after FROM key_result_changes")
        ).all()
    assert changes == [("kr_nps", 55, 50)]


def test_days_that_have_snapshots_are_known(small_house: Published) -> None:
    small_house.publish_scores(TODAY, "second")

    assert small_house.store.snapshot_days()["2026-Q4"] == {date(2026, 11, 12), TODAY}
    assert {row.as_of_date for row in small_house.store.standings().values()} == {TODAY, date(2026, 9, 30)}


# ── the role ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_contributor_logs_in_inserts_a_check_in_and_can_do_nothing_else(
    postgres_url: str,
) -> None:
    """As a person does with psql or a low-code form: a login of its own in the role kpi_contributor."""
    owner, login = open_reporting(postgres_url), f"clara_{uuid.uuid4().hex[:8]}"
    house = published(owner)
    create_roles(owner)
    with writing(owner) as connection:
        connection.execute(text(f"CREATE ROLE {login} LOGIN PASSWORD '{login}' IN ROLE kpi_contributor"))
    clara = create_engine(
        make_url(str(owner.url.render_as_string(hide_password=False))).set(username=login, password=login)
    )
    try:
        with clara.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO kpi_input.check_in (key_result_key, check_in_date, author_email, "
                    "how_it_happened, confidence) VALUES ('kr_nps', '2026-11-13', 'ada@example.org', 'calls', 0.6)"
                )
            )
            me = connection.execute(text("SELECT current_user")).scalar_one()
        for forbidden in (
            "UPDATE kpi_input.check_in SET confidence = 1",
            "DELETE FROM kpi_input.check_in",
            "UPDATE kpi_core.key_result_score SET score = 1",
            "INSERT INTO kpi_input.check_in (key_result_key, check_in_date, author_email, how_it_happened, "
            "confidence) VALUES ('kr_nps', '2026-11-13', 'ada@example.org', 'calls', 7)",
        ):
            with pytest.raises(DBAPIError), clara.begin() as connection:
                connection.execute(text(forbidden))
    finally:
        clara.dispose()
    assert me == login
    (found,) = house.desk().standing()
    assert (found.how_it_happened, found.confidence) == ("calls", D("0.6"))
    house.publish_scores(TODAY, "second")
    assert house.store.standings()["kr_nps"].owner_confidence == D("0.6")
    owner.dispose()


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────

CSV = """key_result,date,author,how_it_happened,confidence,blockers,value_override
kr_nps,2026-11-06,ada@example.org,"Mails, and a call",0.6,,
kr_manual,2026-11-06,ada@example.org,Counted,0.8,"Two
lines",61.5
"""
YAML = """
check_ins:
  - key_result: kr_nps
    date: 2026-11-06
    author: ada@example.org
    how_it_happened: Mails, and a call
    confidence: 0.60
  - {key_result: kr_manual, date: 2026-11-06, author: ada@example.org, how_it_happened: Counted, confidence: 0.8,
     blockers: "Two\\nlines", value_override: 61.50}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_taken_whole_and_once(small_house: Published, tmp_path: Path) -> None:
    path = write(tmp_path, "week.csv", CSV)

    first = import_check_ins(path, small_house.desk())
    again = import_check_ins(path, small_house.desk())
    as_yaml = import_check_ins(write(tmp_path, "week.yml", YAML), small_house.desk())

    assert [item.value_override for item in first.recorded] == [None, D("61.5")]
    assert first.recorded[1].blockers == "Two\nlines"
    assert (len(again.recorded), again.unchanged) == (0, 2)
    assert (len(as_yaml.recorded), as_yaml.unchanged) == (0, 2)


def test_one_bad_row_and_nothing_is_recorded(small_house: Published, tmp_path: Path) -> None:
    bad = CSV.replace("0.8", "80 %").replace("kr_nps", "kr_nqs")

    with pytest.raises(CheckInFileError) as refused:
        import_check_ins(write(tmp_path, "week.csv", bad), small_house.desk())

    assert [line for line, _ in refused.value.problems] == [2, 4]
    assert "there is no key result 'kr_nqs'" in str(refused.value)
    assert "confidence: '80 %' is no number" in str(refused.value)
    assert small_house.store.check_ins() == ()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", b"key_result,author\nkr_nps,ada@example.org\n", "how_it_happened: is missing"),
        ("a.csv", b"key_result,mood\nkr_nps,fine\n", "mood: is no column"),
        ("a.csv", b"key_result,author\nkr_nps,a,b,c\n", "more values than the header"),
        ("a.csv", b"\xff\xfe\x00", "not UTF-8"),
        ("a.yml", b"check_ins: [", "is no YAML"),
        ("a.yml", b"- 1\n", "needs a list"),
        ("a.yml", b"check_ins: [{key_result: [1]}]", "no mapping of names to plain values"),
        ("a.yml", b"check_ins: [{key_result: a, key_result: b}]", "says 'key_result' twice"),
    ],
)
def test_files_that_cannot_be_read_say_why(
    small_house: Published, tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(CheckInFileError, match=problem):
        import_check_ins(path, small_house.desk())


def test_a_missing_file_is_named(small_house: Published, tmp_path: Path) -> None:
    with pytest.raises(CheckInFileError, match=r"gone\.csv.*cannot be read"):
        import_check_ins(tmp_path / "gone.csv", small_house.desk())
