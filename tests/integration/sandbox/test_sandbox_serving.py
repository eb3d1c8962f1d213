"""The sandbox as a whole: what it tells connectors, time, exports, contracts, agreement with the truth, the command."""

from __future__ import annotations

import csv
import gzip
import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pyarrow.parquet as pq
import pytest
import requests
import zstandard

from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.tables import FILE_TABLES
from connectors.sandbox.company.timeline import DEFAULT_NOW
from connectors.sandbox.company.truth import truth
from connectors.sandbox.contracts import Contracts
from connectors.sandbox.exports import EXPORTS, write_exports
from connectors.sandbox.messages import Exchange, Reply
from connectors.sandbox.serve import SYSTEMS, Sandbox
from tests.integration.sandbox.conftest import Client


def test_the_environment_names_every_system(small_company: Company, tmp_path: Path) -> None:
    with Sandbox(company=small_company, folder=tmp_path) as sandbox:
        variables = sandbox.environment()
        assert variables["FILES_FOLDER"] == str(tmp_path)
        for name in SYSTEMS:
            assert variables[f"{name.upper()}_URL"].startswith("http://127.0.0.1:")
        secrets = [value for name, value in variables.items() if name.endswith(("TOKEN", "SECRET", "KEY"))]
        assert secrets
        assert all(sandbox.secret in value for value in secrets)


def test_a_taken_port_is_a_clear_error(small_company: Company) -> None:
    with Sandbox(company=small_company, systems=("jira",)) as first:
        port = int(first.url("jira").rpartition(":")[2])
        second = Sandbox(company=small_company, systems=("jira",), port_base=port - 1)
        with pytest.raises(OSError, match="port"):
            second.start()


def test_unknown_systems_are_refused() -> None:
    with pytest.raises(ValueError, match="no fake for nothing"):
        Sandbox(systems=("nothing",), scale=0.05)


def test_time_only_goes_forward_and_ends(sandbox: Sandbox) -> None:
    assert sandbox.advance(days=1) == DEFAULT_NOW + timedelta(days=1)
    with pytest.raises(ValueError, match="only moves forward"):
        sandbox.advance(days=-1)
    with pytest.raises(ValueError, match="known up to 2026-09-15"):
        sandbox.advance(days=400)
    with pytest.raises(ValueError, match="time zone"):
        sandbox.clock.set(datetime(2026, 7, 1))  # noqa: DTZ001


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of an export, whatever its format."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    elif path.suffix == ".zst":
        content = zstandard.ZstdDecompressor().decompress(content, max_output_size=1 << 28)
    if ".csv" in path.suffixes:
        rows = csv.DictReader(io.StringIO(content.decode("utf-8")))
        return [{name: value or None for name, value in row.items()} for row in rows]
    if ".ndjson" in path.suffixes:
        return [orjson.loads(line) for line in content.splitlines()]
    rows_of: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows_of


def plain(value: Any) -> str | None:
    """A value as text, the same for all formats."""
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value) or value is pd.NA:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, int | float):
        return f"{float(value):g}"
    return str(value)


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.table)
def test_an_export_holds_what_is_true(small_company: Company, tmp_path: Path, export: Any) -> None:
    write_exports(small_company, DEFAULT_NOW, tmp_path)
    files = sorted(tmp_path.glob(export.path.replace("{month}", "*")))
    rows = [row for path in files for row in read(path)]
    expected = truth(small_company, export.table, DEFAULT_NOW)
    assert (len(files) > 20) == (export.by is not None)

    def comparable(row: dict[str, Any]) -> tuple[str | None, ...]:
        values = []
        for name in expected.columns:
            text = plain(row[name])
            try:
                values.append(text if text is None else f"{float(text):g}")
            except ValueError:
                values.append(text)
        return tuple(values)

    found = sorted(map(comparable, rows), key=str)
    assert found == sorted(map(comparable, expected.to_dict("records")), key=str)


def test_every_file_table_is_exported() -> None:
    assert {export.table for export in EXPORTS} == set(FILE_TABLES)


def test_exports_are_rewritten_only_where_something_changed(small_company: Company, tmp_path: Path) -> None:
    first = write_exports(small_company, DEFAULT_NOW, tmp_path)
    assert write_exports(small_company, DEFAULT_NOW, tmp_path) == []
    changed = write_exports(small_company, DEFAULT_NOW + timedelta(days=1), tmp_path)
    assert 0 < len(changed) < len(first) / 2
    assert all("2025" not in path.name for path in changed)
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_money_in_files_is_exact(small_company: Company, tmp_path: Path) -> None:
    write_exports(small_company, DEFAULT_NOW, tmp_path)
    lines = [row for path in tmp_path.glob("billing/invoice_lines-*.csv.gz") for row in read(path)]
    expected = truth(small_company, "billing.invoice_lines", DEFAULT_NOW).amount.sum()
    assert sum(Decimal(row["amount"]) for row in lines) == expected


def utc(text: str | None) -> pd.Timestamp | None:
    return (
        None if text is None else pd.Timestamp(datetime.fromisoformat(text).astimezone(UTC)).tz_localize(None)
    )


@pytest.mark.parametrize("days", [0, 45])
def test_what_the_fakes_show_is_what_the_truth_says(sandbox: Sandbox, days: int) -> None:
    sandbox.clock.advance(days=days)
    deals = truth(sandbox.company, "crm.opportunities", sandbox.now).set_index("opportunity_id")
    shown = sandbox.salesforce.snapshot("Opportunity", gone=True)
    assert sorted(deals.index) == sorted(shown)
    for identifier, record in shown.items():
        row = deals.loc[identifier]
        assert (row.stage, row.is_won, row.is_deleted) == (
            record["StageName"],
            record["IsWon"],
            record["IsDeleted"],
        )
        assert row.updated_at == utc(record["SystemModstamp"])
        assert (None if pd.isna(row.amount) else float(row.amount)) == record["Amount"]
        assert row.close_date.isoformat() == record["CloseDate"]
        assert (None if pd.isna(row.account_id) else row.account_id) == record["AccountId"]
    issues = truth(sandbox.company, "tracker.issues", sandbox.now).set_index("issue_id")
    held = sandbox.jira.snapshot("issue")
    assert sorted(issues.index) == sorted(held)
    for identifier, record in held.items():
        row, fields = issues.loc[identifier], record["fields"]
        assert (row.key, row.status) == (record["key"], fields["status"]["name"])
        assert row.updated_at == utc(fields["updated"])
        assert (None if pd.isna(row.resolved_at) else row.resolved_at) == utc(fields["resolutiondate"])
        assert (None if pd.isna(row.priority) else row.priority) == (fields["priority"] or {"name": None})[
            "name"
        ] or (row.priority == fields["priority"]["name"].lower())
        sprints = fields["customfield_10020"]
        assert (None if pd.isna(row.sprint_id) else row.sprint_id) == (
            str(sprints[-1]["id"]) if sprints else None
        )
    tickets = truth(sandbox.company, "support.tickets", sandbox.now).set_index("ticket_id")
    talks = sandbox.intercom.snapshot("conversation")
    assert sorted(tickets.index) == sorted(talks)
    states = {"open": "open", "snoozed": "pending", "closed": "solved"}
    for identifier, record in talks.items():
        row, statistics = tickets.loc[identifier], record["statistics"]
        assert row.status == states[record["state"]]
        assert int(row.updated_at.timestamp()) == record["updated_at"]
        replied = statistics["first_admin_reply_at"]
        assert (None if pd.isna(row.first_reply_at) else int(row.first_reply_at.timestamp())) == replied
        assert row.reopens == statistics["count_reopens"]
        assert row.is_spam == bool(record["tags"]["tags"])


FAKES = tuple(SYSTEMS)


def exercise_the_others(sandbox: Sandbox) -> None:
    """One of every request to the vendors beside the main three."""
    sandbox.environment()
    hubspot = Client(sandbox.url("hubspot"))
    hubspot.session.headers["Authorization"] = f"Bearer {sandbox.hubspot.access_token}"
    deals = hubspot.get("/crm/v3/objects/deals", params={"limit": 100, "associations": "companies"}).json()[
        "results"
    ]
    hubspot.get("/crm/objects/2026-09/0-3", params={"limit": 5, "archived": "true"})
    hubspot.get(f"/crm/v3/objects/deals/{deals[0]['id']}")
    body = {"inputs": [{"id": deal["id"]} for deal in deals], "properties": ["amount"]}
    hubspot.post("/crm/v3/objects/deals/batch/read", body)
    part = {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "0"}
    for name in ("deals", "contacts"):
        hubspot.post(f"/crm/v3/objects/{name}/search", {"filterGroups": [{"filters": [part]}], "limit": 100})
    hubspot.get("/crm/v3/objects/nope")
    zendesk = Client(sandbox.url("zendesk"))
    zendesk.session.auth = (f"{sandbox.zendesk.email}/token", sandbox.zendesk.api_token)
    start = {"start_time": 0}
    page = zendesk.get(
        "/api/v2/incremental/tickets/cursor.json", params={**start, "include": "metric_sets"}
    ).json()
    ticket = next(t["id"] for t in page["tickets"] if t["status"] != "deleted")
    for path in ("incremental/tickets", "incremental/ticket_metric_events", "incremental/organizations"):
        zendesk.get(f"/api/v2/{path}.json", params=start)
    for path in ("satisfaction_ratings", "ticket_metrics", f"tickets/{ticket}", f"tickets/{ticket}/audits"):
        zendesk.get(f"/api/v2/{path}.json")
    linear = Client(sandbox.url("linear"))
    linear.session.headers["Authorization"] = sandbox.linear.api_key
    query = """query Page($after: String) { issues(first: 5, after: $after, includeArchived: true, orderBy: updatedAt,
        filter: {updatedAt: {gt: "2026-01-01T00:00:00Z"}}) { nodes { id state { name } history { nodes { id } } } } }"""
    assert linear.post("/graphql", {"query": query}).status_code == 200


def exercise(sandbox: Sandbox, salesforce: Client, jira: Client, intercom: Client) -> None:
    """One of every request."""
    data = "/services/data/v63.0"
    job = salesforce.post(
        f"{data}/jobs/query", {"operation": "queryAll", "query": "SELECT Id FROM Account"}
    ).json()["id"]
    for _ in range(3):
        salesforce.get(f"{data}/jobs/query/{job}")
    salesforce.get(f"{data}/jobs/query/{job}/results", params={"maxRecords": 10})
    salesforce.get(f"{data}/jobs/query")
    salesforce.get(f"{data}/jobs/query/none")
    salesforce.delete(f"{data}/jobs/query/{job}")
    api = "/rest/api/3"
    body = {
        "jql": "project = CORE ORDER BY updated",
        "fields": ["*all"],
        "expand": "changelog",
        "maxResults": 100,
    }
    issues = jira.post(f"{api}/search/jql", body).json()["issues"]
    jira.post(f"{api}/changelog/bulkfetch", {"issueIdsOrKeys": [issue["id"] for issue in issues]})
    jira.post(f"{api}/search/approximate-count", {"jql": "project = CORE"})
    ids = [v["worklogId"] for v in jira.get(f"{api}/worklog/updated", params={"since": 0}).json()["values"]]
    jira.post(f"{api}/worklog/list", {"ids": ids})
    for path in (
        "worklog/deleted?since=0",
        "myself",
        "field",
        "status",
        "priority",
        "issuetype",
        "project/search",
    ):
        jira.get(f"{api}/{path}")
    for path in (
        "mypermissions?permissions=BROWSE_PROJECTS",
        "issue/CORE-1",
        "issue/CORE-1/changelog",
        "issue/NO-1",
    ):
        jira.get(f"{api}/{path}")
    jira.get(f"{api}/search/jql", params={"jql": "", "fields": "*all"})
    query = {"field": "updated_at", "operator": ">", "value": 0}
    for what in ("conversations", "contacts", "tickets"):
        page = intercom.post(f"/{what}/search", {"query": query, "pagination": {"per_page": 100}}).json()
        records = page.get(what) or page["data"]
        for record in records[:30]:
            intercom.get(f"/{what}/{record['id']}")
    for path in ("/admins", "/teams", "/me", "/conversations", "/conversations/1", "/contacts/1"):
        intercom.get(path)
    intercom.post("/conversations/search", {})


def test_answers_keep_the_vendors_contracts(
    sandbox: Sandbox, salesforce: Client, jira: Client, intercom: Client, contracts: Contracts
) -> None:
    contracts.forget()
    sandbox.observe(contracts.observe)
    exercise(sandbox, salesforce, jira, intercom)
    exercise_the_others(sandbox)
    assert contracts.violations == []
    assert contracts.checked > 180


def test_a_spoiled_answer_or_request_is_noticed(
    sandbox: Sandbox, jira: Client, intercom: Client, contracts: Contracts
) -> None:
    kept: dict[str, list[Exchange]] = {"jira": [], "intercom": []}
    sandbox.observe(lambda system, exchange: kept[system].append(exchange))
    jira.get("/rest/api/3/issue/CORE-1/changelog")
    query = {"field": "updated_at", "operator": ">", "value": 0}
    intercom.post("/conversations/search", {"query": query})
    jira.post("/rest/api/3/search/jql", {"jql": "project = CORE", "startAt": 5})
    intercom.post("/conversations/search", {"query": {**query, "operator": ">="}, "per_page": "x"})

    def with_body(exchange: Exchange, body: Any) -> Exchange:
        return replace(exchange, reply=Reply(200, body))

    changelog, search = kept["jira"][0], kept["intercom"][0]
    assert contracts.check("jira", changelog) == []
    assert contracts.check("intercom", search) == []
    found = contracts.check("jira", with_body(changelog, {**changelog.reply.body, "total": "three"}))
    assert "'three' is not of type 'integer'" in found[0]
    assert contracts.check("jira", with_body(changelog, {**changelog.reply.body, "extra": 1}))
    broken = {
        **search.reply.body,
        "conversations": [{**search.reply.body["conversations"][0], "state": "asleep"}],
    }
    assert contracts.check("intercom", with_body(search, broken))
    assert "startAt" in contracts.check("jira", kept["jira"][1])[0]


def test_the_command_serves_until_it_is_stopped(tmp_path: Path) -> None:
    variables = tmp_path / "environment"
    command = [sys.executable, "-m", "connectors.sandbox.serve", "--port-base", "0", "--scale", "0.05"]
    command += ["--folder", str(tmp_path / "files"), "--environment", str(variables)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            assert process.stdout is not None
            control = process.stdout.readline().rpartition(" ")[2].strip()
            end = time.monotonic() + 20
            while not variables.is_file() and time.monotonic() < end:
                time.sleep(0.05)
            state = requests.get(f"{control}/state", timeout=5).json()
            assert state["now"] == DEFAULT_NOW.isoformat()
            assert set(state["systems"]) == set(SYSTEMS)
            moved = requests.post(f"{control}/advance", json={"days": 2}, timeout=5).json()
            assert moved["now"] == (DEFAULT_NOW + timedelta(days=2)).isoformat()
            assert requests.post(f"{control}/advance", json={"days": -2}, timeout=5).status_code == 400
            assert requests.get(f"{control}/other", timeout=5).status_code == 404
            assert "JIRA_URL=http://127.0.0.1:" in variables.read_text()
            assert (tmp_path / "files" / "billing" / "subscriptions.csv").is_file()
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0


PRINT_HASHES = """
import hashlib, sys
from pathlib import Path
from connectors.sandbox.company.generate import generate
from connectors.sandbox.company.timeline import DEFAULT_NOW
from connectors.sandbox.exports import write_exports
folder = Path(sys.argv[1])
write_exports(generate(5, 0.1), DEFAULT_NOW, folder)
for path in sorted(folder.rglob("*.*")):
    print(path.relative_to(folder), hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_the_same_bytes_for_any_zone_hash_seed_and_locale(tmp_path: Path) -> None:
    outputs = set()
    for number, change in enumerate(
        ({"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "1"}, {"TZ": "UTC", "LC_ALL": "C"})
    ):
        command = [sys.executable, "-c", PRINT_HASHES, str(tmp_path / str(number))]
        done = subprocess.run(
            command, env={**os.environ, **change}, capture_output=True, text=True, check=True
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) > 60
