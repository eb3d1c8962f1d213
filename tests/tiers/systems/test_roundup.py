"""Roundup, a real issue tracker, through the HTTP source: a YAML file and no code.

    python -m pytest --tier systems tests/tiers/systems

Issues are opened, changed and retired by Roundup's own REST API, and become rows of `tracker.issues`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.programs import run, serving
from tests.servers import free_port
from tests.tiers.environments import environment_of
from tests.tiers.systems.company import EXAMPLES, Company

pytestmark = [pytest.mark.tier("systems"), pytest.mark.timeout(900)]
HERE = Path(__file__).parent
ADMIN, READER = "canary-roundup-admin", "canary-roundup-reader"


class Roundup:
    """The tracker as its users see it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.auth = ("admin", ADMIN)
        self.session.headers.update({"X-Requested-With": "rest", "Origin": url, "Referer": f"{url}/"})

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        answer = self.session.request(method, f"{self.url}/rest/data/{path}", timeout=30, **request)
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer

    def _tag(self, path: str) -> dict[str, str]:
        return {"If-Match": self._ask("GET", path).headers["ETag"]}

    def create(self, kind: str, **fields: Any) -> str:
        return str(self._ask("POST", kind, json=fields).json()["data"]["id"])

    def put(self, path: str, field: str, value: Any) -> None:
        self._ask("PUT", f"{path}/{field}", json={"data": value}, headers=self._tag(path))

    def retire(self, path: str) -> None:
        self._ask("DELETE", path, json={}, headers=self._tag(path))


@pytest.fixture
def roundup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Roundup]:
    programs = environment_of(HERE / "roundup.txt")
    port, tracker = free_port(), tmp_path / "tracker"
    settings = f"tracker_web=http://127.0.0.1:{port}/,mail_domain=example.org,mail_host=localhost"
    admin = [str(programs / "roundup-admin"), "-i", str(tracker)]
    run([*admin, "install", "classic", "sqlite", settings], tmp_path)
    run([*admin, "initialise", ADMIN], tmp_path)
    server = [str(programs / "python"), str(HERE / "serve_roundup.py"), str(tracker), str(port)]
    with serving(server, tmp_path, port) as url:
        found = Roundup(url)
        found.create("user", username="reader", password=READER, address="reader@example.org", roles="User")
        monkeypatch.setenv("ROUNDUP_URL", url)
        monkeypatch.setenv("ROUNDUP_USER", "reader")
        monkeypatch.setenv("ROUNDUP_PASSWORD", READER)
        yield found


@pytest.fixture
def company(roundup: Roundup, tmp_path: Path) -> Company:
    return Company(tmp_path / "home", EXAMPLES / "http" / "roundup.yml", EXAMPLES / "http" / "staging")


ISSUES = (
    "SELECT issue_id, type, priority, status, status_category, resolved_at, is_deleted FROM tracker.issues"
)


def issues(company: Company) -> dict[str, dict[str, Any]]:
    return {row["issue_id"]: row for row in company.rows(ISSUES)}


def test_issues_arrive_change_and_vanish(roundup: Roundup, company: Company) -> None:
    report = company.check()
    assert report.ok, report
    numbers = [roundup.create("issue", title=f"Issue {n}", priority="bug") for n in range(105)]  # two pages
    first = company.pull()
    assert first["issues"].rows == 105
    assert sorted(issues(company)) == sorted(numbers)
    assert {row["status_category"] for row in issues(company).values()} == {"to_do"}

    roundup.put(f"issue/{numbers[0]}", "status", "resolved")
    roundup.put(f"issue/{numbers[1]}", "status", "in-progress")
    roundup.put(f"issue/{numbers[2]}", "priority", "critical")
    late = roundup.create("issue", title="One more", priority="wish")
    roundup.retire(f"issue/{numbers[3]}")
    company.pull()
    found = issues(company)
    assert (found[numbers[0]]["status"], found[numbers[0]]["status_category"]) == ("resolved", "done")
    assert found[numbers[0]]["resolved_at"] is not None
    assert found[numbers[1]]["status_category"] == "in_progress"
    assert (found[numbers[2]]["type"], found[numbers[2]]["priority"]) == ("bug", "critical")
    assert (found[late]["type"], found[late]["priority"]) == ("story", "low")
    assert not any(row["is_deleted"] for row in found.values())  # nothing says so yet

    company.pull(days=1.1)  # keys are compared once a day
    assert [number for number, row in issues(company).items() if row["is_deleted"]] == [numbers[3]]
    statuses = {
        row["status"]: row["status_category"] for row in company.rows("SELECT * FROM tracker.statuses")
    }
    assert len(statuses) == 8
    assert statuses["resolved"] == "done"


def test_only_what_changed_is_read(roundup: Roundup, tmp_path: Path) -> None:
    content = yaml.safe_load((EXAMPLES / "http" / "roundup.yml").read_text(encoding="utf-8"))
    content["streams"] = ["statuses", "priorities", {"name": "issues", "overlap": "PT0S"}]
    source = tmp_path / "roundup.yml"
    source.write_text(yaml.safe_dump(content))
    company = Company(tmp_path / "prompt", source, EXAMPLES / "http" / "staging")
    company.ahead = timedelta(minutes=5)  # else everything is younger than the watermark's margin of safety
    numbers = [roundup.create("issue", title=f"Issue {number}") for number in range(12)]
    company.pull()
    time.sleep(2.1)  # the tracker's stamps are whole seconds
    roundup.put(f"issue/{numbers[4]}", "priority", "urgent")
    changed = roundup.create("issue", title="The only other one")
    pulled = company.pull()["issues"]
    assert pulled.facts["mode"] == "incremental"
    assert 2 <= pulled.rows < 12  # and what carries the very second of the last load
    assert issues(company)[changed]["status"] == "unread"
    assert issues(company)[numbers[4]]["priority"] == "high"


def test_a_filter_is_read_in_the_zone_of_the_reader(roundup: Roundup, tmp_path: Path) -> None:
    """The same filter means another instant to a user of another zone; `written_zone` says which."""
    content = yaml.safe_load((EXAMPLES / "http" / "roundup.yml").read_text(encoding="utf-8"))
    roundup.put("user/3", "timezone", "-5")
    content["settings"]["streams"][2]["cursor"]["written_zone"] = "Etc/GMT+5"
    source = tmp_path / "roundup.yml"
    source.write_text(yaml.safe_dump(content))
    company = Company(tmp_path / "zoned", source, EXAMPLES / "http" / "staging")
    one = roundup.create("issue", title="Before", priority="bug")
    company.pull()
    roundup.put(f"issue/{one}", "status", "resolved")
    two = roundup.create("issue", title="After")
    pulled = company.pull()
    assert pulled["issues"].facts["mode"] == "incremental"
    found = issues(company)
    assert sorted(found) == sorted([one, two])
    assert found[one]["status"] == "resolved"


def test_wrong_credentials_are_told(
    roundup: Roundup, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDUP_PASSWORD", "canary-wrong")
    report = company.check()
    assert not report.ok
    assert "401" in report.said
    assert "canary-wrong" not in str(report)
