"""`vitals checkin`, `vitals cycle`, `vitals okrs` on a published installation."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli.app import app
from pipelines.cli.output import Exit
from tests.integration.okr import goals_only

runner = CliRunner()


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("goals")
    goals_only.run(goals_only.write(home), "first")
    return home


@pytest.fixture
def home(first_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the installation, and the environment that points to it."""
    for name, value in goals_only.copy_of(first_run, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("VITALS_USER", raising=False)
    return tmp_path


def vitals(*words: str, said: str | None = None) -> Result:
    return runner.invoke(app, list(words), input=said)


def answer(*words: str) -> Any:
    done = vitals(*words, "--json")
    assert done.exit_code == Exit.DONE, done.output
    return json.loads(done.stdout)


def later(monkeypatch: pytest.MonkeyPatch, home: Path, now: str) -> None:
    """The clock moves on and the next run happens."""
    monkeypatch.setenv("VITALS_NOW", now)
    goals_only.run(goals_only.environment(home, now), now)


SAID = ("--by", "ada", "--how", "Calls", "--confidence", "0.6")

# ── check-ins ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_check_in_by_flags_shows_with_the_next_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (taken,) = answer("checkin", "partners", *SAID, "--value", "8", "--blockers", "Legal")
    assert (taken["key_result"], taken["value"], taken["confidence"]) == ("partners", 8, 0.6)
    assert taken["on"] == "2026-11-13"

    later(monkeypatch, home, "2026-11-14T09:00:00Z")

    (row, _) = answer("okrs", "list")
    assert (row["now"], row["ratio"], row["progress"]) == (8, 0.666667, 0.5)
    assert (row["score"], row["scored_by"], row["confidence"]) == (0.666667, "ratio", 0.6)


def test_asked_without_flags_it_prefills_everything_but_confidence(home: Path) -> None:
    answer("checkin", "partners", *SAID, "--value", "6", "--on", "2026-11-06")
    done = vitals("checkin", "partners", "--by", "ada@example.org", said="\nA fair\n0.7\n\nMore fairs\n")

    assert done.exit_code == Exit.DONE, done.output
    assert "How confident are you, 0 to 1 in steps of 0.1?:" in done.output, "nothing is suggested"
    second = answer("checkin", "history", "partners")[-1]
    assert (second["how"], second["confidence"], second["differently"]) == ("A fair", 0.7, "More fairs")
    assert second["progress"].startswith("No value of Increase partners"), "nothing of it is published yet"


def test_one_chooses_from_what_is_asked(home: Path) -> None:
    done = vitals("checkin", "--by", "bob", said="1\nhalf\nwork\n0.4\n\n\n")

    assert done.exit_code == Exit.DONE, done.output
    assert "What is asked of you" in done.output
    assert [row["key_result"] for row in answer("checkin", "list", "--all")] == ["partners", "open-shop"]
    assert answer("checkin", "history", "open-shop")[0]["progress"] == "half"


def test_a_second_one_supersedes_and_both_stay(home: Path) -> None:
    answer("checkin", "partners", *SAID)
    done = vitals("checkin", "partners", "--by", "bob", "--how", "Counted again", "--confidence", "0.3")

    assert "in place of number 1" in done.output
    assert [(row["stands"], row["confidence"]) for row in answer("checkin", "history", "partners")] == [
        (False, 0.6),
        (True, 0.3),
    ]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("partners", "--how", "x", "--confidence", "0.6"), "say who you are"),
        (("partners", "--by", "adda", "--how", "x", "--confidence", "0.6"), "did you mean 'ada'?"),
        (("partner", *SAID), "did you mean 'partners'?"),
        (("partners", "--by", "ada", "--how", "x", "--confidence", "0.65"), "steps of 0.1"),
        (("partners", *SAID, "--status", "at_risk"), "needs a reason"),
        (("partners", *SAID, "--on", "2027-01-01"), "is after today"),
        (("--by", "ada", "--json"), "name a key result: partners"),
    ],
)
def test_what_cannot_be_taken_says_what_to_do(home: Path, words: tuple[str, ...], problem: str) -> None:
    done = vitals("checkin", *words)

    assert done.exit_code == Exit.USAGE, done.output
    assert problem in done.output.replace("\n", " ")
    assert answer("checkin", "history", "partners") == []


def test_a_file_is_taken_whole_and_once(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "week.csv"
    path.write_text(
        "key_result,date,author,how_it_happened,confidence,value_override\n"
        "partners,2026-11-06,ada@example.org,Calls,0.6,7\nopen-shop,2026-11-06,bob@example.org,Built,0.9,\n"
    )

    assert answer("checkin", "import", str(path)) == [
        {"recorded": 2, "unchanged": 0, "file": str(path)},
    ]
    assert answer("checkin", "import", str(path))[0]["unchanged"] == 2
    path.write_text(path.read_text().replace("0.9", "90 %"))
    done = vitals("checkin", "import", str(path))
    assert done.exit_code == Exit.USAGE
    assert "week.csv:3: confidence" in done.output


def test_a_link_is_for_one_person_and_signed_by_a_key_of_the_installation(home: Path) -> None:
    (found,) = answer("checkin", "link", "ada@example.org")

    assert found["person"] == "ada"
    assert found["link"].startswith("http://127.0.0.1:8787/check-in/")
    key = home / "link.key"
    assert key.stat().st_mode & 0o077 == 0
    assert len(key.read_text().strip()) == 64
    elsewhere = vitals("checkin", "link", "ada", "--base", "https://kpi.example.org/vitals/")
    assert elsewhere.stdout.startswith("https://kpi.example.org/vitals/check-in/")


def test_people_are_asked_on_the_due_day_once_and_not_about_what_they_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """13 November 2026 is a Friday. Values are as of yesterday; people are asked today."""

    def asked() -> list[tuple[str, int]]:
        sql = (
            "SELECT message, count(*) FROM alert_history WHERE alert_type = 'check_in_due' "
            "GROUP BY message ORDER BY min(created_at), message"
        )
        with sqlite3.connect(home / "reporting.db") as connection:
            return connection.execute(sql).fetchall()

    friday = asked()
    assert [message for message, _ in friday] == [
        "Check-in is due today: Increase partners from 4 to 12 by 2026-12-31",
        "Check-in is due today: Open the shop",
    ]
    later(monkeypatch, home, "2026-11-13T15:00:00Z")
    assert asked() == friday, "one message a day"
    answer("checkin", "partners", *SAID)
    later(monkeypatch, home, "2026-11-14T09:00:00Z")
    assert asked()[:2] == friday
    assert [message for message, _ in asked()[2:]] == ["Check-in was due yesterday: Open the shop"]


# ── cycles ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_status_shows_days_check_ins_and_edits(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (before,) = answer("cycle", "status")
    assert (before["cycle"], before["day"], before["of"], before["key_results"]) == ("2026-Q4", 44, 92, 2)
    assert (before["check_ins_due"], before["edited"], before["frozen"]) == (2, 0, False)
    path = home / "catalogue" / "objectives" / "2026-Q4.yml"
    path.write_text(path.read_text().replace("target: 12", "target: 9"))
    later(monkeypatch, home, "2026-11-14T09:00:00Z")

    assert answer("cycle", "status")[0]["edited"] == 1
    (one,) = answer("cycle", "status", "2026-Q4")
    (edit,) = one["edits"]
    assert (edit["key_result"], edit["field"], edit["was"], edit["now"]) == ("partners", "target", 12, 9)
    assert "retro_edit" in one["key_results"][0]["flags"]


def test_a_cycle_that_runs_is_not_closed(home: Path) -> None:
    done = vitals("cycle", "close", "2026-Q4", "--keep-the-rest")

    assert done.exit_code == Exit.USAGE
    assert "runs until 2026-12-31" in done.output
    assert "did you mean '2026-Q4'?" in vitals("cycle", "close", "2026-Q5").output


def test_closing_freezes_asks_and_drafts_and_does_nothing_twice(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer("checkin", "partners", *SAID, "--value", "11")
    monkeypatch.setenv("VITALS_NOW", "2027-01-04T09:00:00Z")
    words = ("cycle", "close", "2026-Q4", "--next-key", "2027-Q1")
    asked = vitals(*words, said="modify\nmaybe\nabandon\n")
    assert asked.exit_code == Exit.DONE, asked.output
    assert asked.output.count("keep, modify or abandon?") == 3, "an answer that is none is asked again"
    folder = home / "catalogue" / "objectives"
    assert "state: closed" in (folder / "2026-Q4.yml").read_text()
    assert "modify partners; abandon open-shop" in (folder / "2026-Q4.yml").read_text()
    draft = (folder / "2027-Q1.yml").read_text()
    assert "state: draft" in draft
    assert "baseline: {value: 11, as_of: 2026-11-13, set_by: system}" in draft
    assert "open-shop" not in draft

    later(monkeypatch, home, "2027-01-05T09:00:00Z")

    assert answer("cycle", "status")[0]["frozen"]
    (row,) = (r for r in answer("okrs", "list", "--cycle", "2026-Q4") if r["key_result"] == "partners")
    assert (row["score"], row["status"], row["as_of"]) == (0.916667, "missed", "2026-12-31")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    again = vitals("cycle", "close", "2026-Q4", "--keep-the-rest")
    assert "was closed already; nothing changed" in again.output
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_dry_run_writes_nothing_and_shows_both_numbers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer("checkin", "partners", *SAID, "--value", "10")
    monkeypatch.setenv("VITALS_NOW", "2027-01-04T09:00:00Z")
    path = home / "catalogue" / "objectives" / "2026-Q4.yml"
    before = path.read_text()

    (plan,) = answer("cycle", "close", "2026-Q4", "--dry-run")

    partners = plan["results"][0]
    assert (partners["ratio"], partners["progress"], partners["scored_by"]) == (0.833333, 0.75, "ratio")
    assert (plan["files"], path.read_text()) == ([], before)


def test_a_draft_is_opened(home: Path) -> None:
    path = home / "catalogue" / "objectives" / "2027-Q1.yml"
    text = goals_only.GOALS.replace("2026-Q4", "2027-Q1").replace("2026-10-01", "2027-01-01")
    text = text.replace("end: 2026-12-31", "end: 2027-03-31, state: draft").replace("key: ", "key: n-")
    path.write_text(text.replace("{key: n-", "{key: "))

    (done,) = answer("cycle", "open", "2027-Q1")

    assert done["files"] == [str(path)]
    assert "state: open" in path.read_text()
    assert answer("cycle", "open", "2027-Q1")[0]["files"] == []


# ── in a spreadsheet ────────────────────────────────────────────────────────────────────────────────────────


def test_key_results_go_out_as_rows_and_come_back(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "okrs.csv"
    assert answer("okrs", "export", str(path))[0]["key_results"] == 2
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["key_result"] for row in rows] == ["partners", "open-shop"]
    assert {"ratio", "progress", "score", "score_method_used"} <= set(rows[0])
    refused = vitals("okrs", "import", str(path))
    assert refused.exit_code == Exit.USAGE
    assert "is there already" in refused.output
    path.write_text(path.read_text().replace("Open the shop", "Open two shops"))

    assert len(answer("okrs", "import", str(path), "--replace")) == 1

    assert [row["statement"] for row in answer("okrs", "list")][1] == "Open two shops"


def test_a_bad_row_is_refused_and_the_folder_stays(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "okrs.csv"
    answer("okrs", "export", str(path))
    path.write_text(path.read_text().replace(",12,", ",a dozen,"))
    before = (home / "catalogue" / "objectives" / "2026-Q4.yml").read_text()

    done = vitals("okrs", "import", str(path), "--replace")

    assert done.exit_code == Exit.USAGE
    assert "line 2: target is 'a dozen', which is no number" in done.output
    assert (home / "catalogue" / "objectives" / "2026-Q4.yml").read_text() == before


def test_both_numbers_are_named_so_that_nobody_mistakes_one_for_the_other(home: Path) -> None:
    answer("checkin", "partners", *SAID, "--value", "8")
    for words in (("okrs", "list"), ("cycle", "status", "2026-Q4")):
        shown = " ".join(vitals(*words).output.split())
        assert "ratio = current of target, progress = way from baseline to target" in shown
        assert {"ratio", "progress", "score", "scored_by"} <= set(shown.split())
