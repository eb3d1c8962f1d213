"""The HTTP source: real listings of the vendors' fakes, declared in YAML and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.errors import ConfigurationError
from connectors.sandbox.clock import Clock
from connectors.sandbox.intercom import Intercom
from connectors.sandbox.jira_dc import JiraDataCenter
from connectors.sandbox.server import Servers
from connectors.sandbox.traps import Traps
from tests.integration.connectors.source_bench import SourceBench
from tests.integration.connectors.vendor_bench import SECRET, company

ISSUES = """
kind: http
check: /rest/api/2/myself
streams:
  - name: issues
    path: /rest/api/2/search
    params: {jql: "updated >= {from} ORDER BY key", fields: "status,updated"}
    records: issues
    paging: {kind: offset, into: startAt, size_into: maxResults, size: 50, total_at: total}
    key: [issue_id]
    cursor: {field: fields.updated, kind: epoch_millis, beginning: 2000-01-01T00:00:00Z}
    overlap_seconds: 3600
    open_containers: []
    columns:
      - {name: issue_id, type: string, path: id, nullable: false}
      - {name: key, type: string}
      - {name: status, type: string, path: fields.status.name}
"""
CONTACTS = """
kind: http
headers: {Intercom-Version: "2.14"}
streams:
  - name: contacts
    method: POST
    path: /contacts/search
    body:
      query: {field: updated_at, operator: ">", value: "{from}"}
      sort: {field: updated_at, order: ascending}
    records: data
    paging:
      kind: token
      into: pagination.starting_after
      found_at: pages.next.starting_after
      size_into: pagination.per_page
      size: 20
      in_body: true
    key: [contact_id]
    cursor: {field: updated_at, kind: epoch_seconds, precision_seconds: 86400, beginning: 2000-01-01T00:00:00Z}
    overlap_seconds: 3600
    open_containers: []
    columns:
      - {name: contact_id, type: string, path: id, nullable: false}
      - {name: role, type: string}
      - {name: created_at, type: timestamp, format: epoch_seconds}
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fakes(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    jira, intercom = (fake(company(), clock, secret=SECRET) for fake in (JiraDataCenter, Intercom))
    with Servers({"jira": jira, "intercom": intercom}) as servers:
        monkeypatch.setenv("JIRA_URL", servers.url("jira"))
        monkeypatch.setenv("JIRA_TOKEN", jira.token)  # type: ignore[attr-defined]
        monkeypatch.setenv("INTERCOM_URL", servers.url("intercom"))
        monkeypatch.setenv("INTERCOM_TOKEN", intercom.access_token)  # type: ignore[attr-defined]
        yield {"jira": jira, "intercom": intercom}


def bench(tmp_path: Path, clock: Clock, name: str, text: str) -> SourceBench:
    auth = {"kind": "bearer", "token": f"env:{name.upper()}_TOKEN"}
    settings = yaml.safe_load(text)
    made = SourceBench(
        tmp_path, {"system": name, "base_url": f"env:{name.upper()}_URL", "auth": auth, "settings": settings}
    )
    made.now = clock()
    return made


def test_a_listing_by_position_needs_no_code(tmp_path: Path, clock: Clock, fakes: dict[str, Any]) -> None:
    source = bench(tmp_path, clock, "jira", ISSUES)
    source.load("issues", minutes=0)
    fake = fakes["jira"]
    for hours in (30, 30):
        clock.advance(hours=hours)
        result = source.load("issues", minutes=hours * 60)
        assert result.mode == "incremental"
        held = {key: issue["fields"]["status"]["name"] for key, issue in fake.snapshot("issue").items()}
        assert {key: row["status"] for key, row in source.rows("issues").items()} == held


def test_a_search_with_a_token_in_its_body_needs_no_code(
    tmp_path: Path, clock: Clock, fakes: dict[str, Any]
) -> None:
    source = bench(tmp_path, clock, "intercom", CONTACTS)
    fakes["intercom"].traps = Traps(page_cap=15)
    assert source.load("contacts", minutes=0).pages > 3
    assert sorted(source.rows("contacts")) == sorted(fakes["intercom"].snapshot("contact"))
    clock.advance(days=3)
    source.load("contacts", minutes=3 * 1440)
    assert sorted(source.rows("contacts")) == sorted(fakes["intercom"].snapshot("contact"))


def test_keys_are_compared_where_the_stream_says_so(
    tmp_path: Path, clock: Clock, fakes: dict[str, Any]
) -> None:
    text = ISSUES.replace(
        "overlap_seconds: 3600", "overlap_seconds: 3600\n    deletes: {kind: reconcile, every_hours: 0}"
    )
    # The listing of keys is the same one without its window; this vendor wants a query all the same.
    source = bench(tmp_path, clock, "jira", text)
    source.load("issues", minutes=0)
    victim = sorted(fakes["jira"].snapshot("issue"))[0]
    fakes["jira"].delete("issue", victim)
    clock.advance(hours=2)
    assert source.load("issues", minutes=120).vanished == 1
    assert victim not in source.rows("issues")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: offset", "kind: pages", "streams.0.paging.kind"),
        ("key: [issue_id]", "key: [nothing]", "nothing"),
        ("type: string, path: id", "type: text, path: id", "streams.0.columns.0.type"),
        ("records: issues", "recods: issues", "streams.0.recods"),
    ],
)
def test_a_mistake_in_the_declaration_is_named(
    tmp_path: Path, clock: Clock, old: str, new: str, said: str
) -> None:
    with pytest.raises(Exception, match=said) as caught:
        bench(tmp_path, clock, "jira", ISSUES.replace(old, new)).load("issues")
    assert isinstance(caught.value, ConfigurationError) or said == "nothing"
