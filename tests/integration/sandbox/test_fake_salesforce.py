"""The fake Salesforce over HTTP: what it answers is what the organisation holds, in the vendor's ways."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from connectors.sandbox.serve import Sandbox
from connectors.sandbox.traps import Edit, SchemaEdit, Traps
from tests.integration.sandbox.conftest import Client

FAKES = ("salesforce",)
DATA = "/services/data/v63.0"


def query(client: Client, soql: str, kind: str = "query") -> list[dict[str, object]]:
    """All records of a query, page by page."""
    page = client.get(f"{DATA}/{kind}", params={"q": soql}).json()
    records = list(page["records"])
    while not page["done"]:
        page = client.get(page["nextRecordsUrl"]).json()
        records += page["records"]
    return records


def bulk(client: Client, soql: str, operation: str = "query", size: int = 50_000) -> list[dict[str, str]]:
    """All rows of a bulk job."""
    job = client.post(f"{DATA}/jobs/query", {"operation": operation, "query": soql}).json()
    states = [job["state"]]
    while states[-1] != "JobComplete":
        states.append(client.get(f"{DATA}/jobs/query/{job['id']}").json()["state"])
    assert states == ["UploadComplete", "InProgress", "JobComplete"]
    rows: list[dict[str, str]] = []
    locator = None
    while locator != "null":
        parameters = {"maxRecords": size, **({"locator": locator} if locator else {})}
        answer = client.get(f"{DATA}/jobs/query/{job['id']}/results", params=parameters)
        locator = answer.headers["Sforce-Locator"]
        page = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8"))))
        assert int(answer.headers["Sforce-NumberOfRecords"]) == len(page)
        rows += page
    return rows


def test_without_a_token_nothing_is_shown(sandbox: Sandbox) -> None:
    answer = Client(sandbox.url("salesforce")).get(f"{DATA}/limits")
    assert answer.status_code == 401
    assert answer.json()[0]["errorCode"] == "INVALID_SESSION_ID"


def test_wrong_credentials_get_no_token(sandbox: Sandbox) -> None:
    form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
    answer = Client(sandbox.url("salesforce")).post("/services/oauth2/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_a_rotated_refresh_token_is_good_once(sandbox: Sandbox) -> None:
    sandbox.salesforce.traps = Traps(rotate_refresh_token=True)
    client = Client(sandbox.url("salesforce"))
    form = {
        "grant_type": "refresh_token",
        "client_id": sandbox.salesforce.client_id,
        "refresh_token": sandbox.salesforce.refresh_token,
    }
    first = client.post("/services/oauth2/token", data=form).json()
    assert first["refresh_token"] != form["refresh_token"]
    assert client.post("/services/oauth2/token", data=form).json()["error"] == "invalid_grant"
    form["refresh_token"] = first["refresh_token"]
    assert client.post("/services/oauth2/token", data=form).ok


def test_tokens_expire(sandbox: Sandbox, salesforce: Client) -> None:
    sandbox.salesforce.traps = Traps(token_lifetime=2)
    assert [salesforce.get(f"{DATA}/limits").status_code for _ in range(3)] == [200, 200, 401]
    sandbox.salesforce.traps = Traps()
    sandbox.salesforce.expire_tokens()
    assert salesforce.get(f"{DATA}/limits").status_code == 401


@pytest.mark.parametrize(
    "name", ["Account", "Lead", "Opportunity", "Event", "Task", "AccountEvent__c", "User"]
)
def test_rest_and_bulk_give_the_same_records(sandbox: Sandbox, salesforce: Client, name: str) -> None:
    held = sandbox.salesforce.snapshot(name)
    fields = ", ".join(sandbox.salesforce.objects[name].fields)
    sandbox.salesforce.traps = Traps(page_cap=200)
    records = query(salesforce, f"SELECT {fields} FROM {name}")
    rows = bulk(salesforce, f"SELECT {fields} FROM {name}", size=150)
    assert {r["Id"]: {k: v for k, v in r.items() if k != "attributes"} for r in records} == held
    assert len(rows) == len(held)
    for row in rows:
        for field, value in held[row["Id"]].items():
            if isinstance(value, bool):
                assert row[field] == str(value).lower()
            elif isinstance(value, float):
                assert float(row[field]) == value
            else:
                assert row[field] == ("" if value is None else str(value).replace(".000+0000", ".000Z"))


def test_soft_deleted_rows_come_with_query_all_only(sandbox: Sandbox, salesforce: Client) -> None:
    victim = min(sandbox.salesforce.snapshot("Lead"))
    sandbox.clock.advance(hours=1)
    sandbox.salesforce.delete("Lead", victim)
    plain = bulk(salesforce, "SELECT Id, IsDeleted FROM Lead")
    everything = bulk(salesforce, "SELECT Id, IsDeleted, SystemModstamp FROM Lead", "queryAll")
    assert victim not in {row["Id"] for row in plain}
    assert {row["IsDeleted"] for row in plain} == {"false"}
    marked = {row["Id"]: row for row in everything if row["IsDeleted"] == "true"}
    assert marked[victim]["SystemModstamp"] == "2026-06-15T07:00:00.000Z"
    deleted = salesforce.get(
        f"{DATA}/sobjects/Lead/deleted",
        params={"start": "2026-06-15T06:30:00+00:00", "end": "2026-06-15T07:30:00+00:00"},
    )
    assert [row["id"] for row in deleted.json()["deletedRecords"]] == [victim]
    sandbox.salesforce.traps = Traps(purge_deleted=True)
    sandbox.clock.advance(days=20)
    assert victim not in {row["Id"] for row in bulk(salesforce, "SELECT Id FROM Lead", "queryAll")}


def test_conditions_order_and_limit(sandbox: Sandbox, salesforce: Client) -> None:
    held = sandbox.salesforce.snapshot("Opportunity")
    found = query(
        salesforce,
        "SELECT Id, Amount, SystemModstamp FROM Opportunity WHERE SystemModstamp >= 2026-05-01T00:00:00Z AND "
        "(StageName = 'Closed Won' OR (Amount > 20000 AND NOT IsClosed = true)) "
        "ORDER BY SystemModstamp DESC, Id LIMIT 40",
    )
    expected = [
        r
        for r in held.values()
        if r["SystemModstamp"] >= "2026-05-01"
        and (r["StageName"] == "Closed Won" or ((r["Amount"] or 0) > 20_000 and not r["IsClosed"]))
    ]
    expected.sort(key=lambda r: r["Id"])
    expected.sort(key=lambda r: r["SystemModstamp"], reverse=True)
    assert [r["Id"] for r in found] == [r["Id"] for r in expected[:40]]
    assert len(found) > 3


def test_ids_can_be_walked(salesforce: Client) -> None:
    seen: list[object] = []
    last = ""
    while True:
        page = query(salesforce, f"SELECT Id FROM Account WHERE Id > '{last}' ORDER BY Id LIMIT 25")
        if not page:
            break
        seen += [record["Id"] for record in page]
        last = str(page[-1]["Id"])
    assert seen == sorted({str(identifier) for identifier in seen})
    assert salesforce.get(f"{DATA}/query", params={"q": "SELECT COUNT() FROM Account"}).json()[
        "totalSize"
    ] == len(seen)


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Nope = 1", "INVALID_FIELD"),
        ("DELETE FROM Account", "MALFORMED_QUERY"),
    ],
)
def test_a_bad_query_is_refused(salesforce: Client, soql: str, code: str) -> None:
    answer = salesforce.get(f"{DATA}/query", params={"q": soql})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    job = salesforce.post(f"{DATA}/jobs/query", {"operation": "query", "query": soql})
    assert job.status_code == 400


def test_field_history_tells_every_change(sandbox: Sandbox, salesforce: Client) -> None:
    rows = bulk(
        salesforce,
        "SELECT OpportunityId, Field, OldValue, NewValue, CreatedDate FROM OpportunityFieldHistory",
    )
    current = sandbox.salesforce.snapshot("Opportunity", gone=True)
    stages: dict[str, list[dict[str, str]]] = {}
    for row in sorted(rows, key=lambda r: r["CreatedDate"]):
        if row["Field"] == "StageName":
            stages.setdefault(row["OpportunityId"], []).append(row)
    assert {row["OpportunityId"] for row in rows if row["Field"] == "created"} == set(current)
    for identifier, steps in stages.items():
        assert steps[-1]["NewValue"] == current[identifier]["StageName"]
        assert [a["NewValue"] for a in steps[:-1]] == [b["OldValue"] for b in steps[1:]]


def test_records_by_hand_write_history(sandbox: Sandbox, salesforce: Client) -> None:
    fake = sandbox.salesforce
    identifier = fake.put(
        "Opportunity",
        {"Name": "By hand", "StageName": "Proposal", "Amount": 100.5, "CloseDate": "2026-07-01"},
    )
    sandbox.clock.advance(hours=2)
    fake.put("Opportunity", {"Id": identifier, "StageName": "Closed Won", "IsClosed": True, "IsWon": True})
    record = query(
        salesforce,
        f"SELECT StageName, Amount, IsWon, SystemModstamp FROM Opportunity WHERE Id = '{identifier}'",
    )[0]
    assert (record["StageName"], record["Amount"], record["IsWon"]) == ("Closed Won", 100.5, True)
    assert record["SystemModstamp"] == "2026-06-15T08:00:00.000+0000"
    history = query(
        salesforce,
        "SELECT Field, OldValue, NewValue FROM OpportunityFieldHistory "
        f"WHERE OpportunityId = '{identifier}' ORDER BY CreatedDate",
    )
    assert [(r["Field"], r["OldValue"], r["NewValue"]) for r in history] == [
        ("created", None, None),
        ("StageName", "Proposal", "Closed Won"),
    ]
    snapshots = query(
        salesforce, f"SELECT StageName FROM OpportunityHistory WHERE OpportunityId = '{identifier}'"
    )
    assert [r["StageName"] for r in snapshots] == ["Proposal", "Closed Won"]


def test_time_brings_new_and_changed_records(sandbox: Sandbox, salesforce: Client) -> None:
    soql = "SELECT Id, SystemModstamp FROM Lead WHERE SystemModstamp > 2026-06-15T06:00:00Z"
    assert query(salesforce, soql, "queryAll") == []
    sandbox.clock.advance(days=14)
    moved = {str(r["Id"]) for r in query(salesforce, soql, "queryAll")}
    assert len(moved) > 5
    assert moved <= set(sandbox.salesforce.snapshot("Lead", gone=True))


def test_a_query_locator_is_a_snapshot(sandbox: Sandbox, salesforce: Client) -> None:
    sandbox.salesforce.traps = Traps(page_cap=30, edits_between_pages=3, deletes_between_pages=1)
    before = set(sandbox.salesforce.snapshot("Account"))
    found = [str(r["Id"]) for r in query(salesforce, "SELECT Id FROM Account ORDER BY SystemModstamp")]
    assert sorted(found) == sorted(before)


def test_schema_changes_and_lost_permissions(sandbox: Sandbox, salesforce: Client) -> None:
    sandbox.salesforce.traps = Traps(
        schema=(
            SchemaEdit("Account", "Tier__c", Edit.RENAMED, "Segment__c"),
            SchemaEdit("Account", "Industry", Edit.GONE),
            SchemaEdit("Account", "Score__c", Edit.NEW, "A"),
            SchemaEdit("Account", "CreatedDate", Edit.RETYPED),
        ),
        forbidden=frozenset({"Lead"}),
    )
    assert salesforce.get(f"{DATA}/query", params={"q": "SELECT Tier__c FROM Account"}).status_code == 400
    record = query(salesforce, "SELECT Segment__c, Score__c, CreatedDate FROM Account LIMIT 1")[0]
    assert record["Segment__c"] in {"Free", "Pro", "Enterprise"}
    assert record["Score__c"] == "A"
    assert str(record["CreatedDate"]).startswith("about ")
    assert bulk(salesforce, "SELECT Segment__c FROM Account")[0]["Segment__c"] in {
        "Free",
        "Pro",
        "Enterprise",
    }
    names = {f["name"] for f in salesforce.get(f"{DATA}/sobjects/Account/describe").json()["fields"]}
    assert {"Segment__c", "Score__c"} <= names
    assert not {"Industry", "Tier__c"} & names
    answer = salesforce.get(f"{DATA}/query", params={"q": "SELECT Id FROM Lead"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS")


def test_a_late_index_hides_what_just_changed(sandbox: Sandbox, salesforce: Client) -> None:
    sandbox.salesforce.put("Account", {"Name": "Fresh"})
    sandbox.salesforce.traps = Traps(late_index=timedelta(minutes=10))
    soql = "SELECT Id FROM Account WHERE Name = 'Fresh'"
    assert query(salesforce, soql) == []
    sandbox.clock.advance(seconds=601)
    assert len(query(salesforce, soql)) == 1


def test_the_usage_is_told_with_every_answer(salesforce: Client) -> None:
    first, second = (salesforce.get(f"{DATA}/limits") for _ in range(2))
    usage = [int(a.headers["Sforce-Limit-Info"].split("=")[1].split("/")[0]) for a in (first, second)]
    assert usage[1] == usage[0] + 1
    assert second.json()["DailyApiRequests"]["Remaining"] == 100_000 - usage[1]


def test_a_job_can_be_aborted_and_deleted(salesforce: Client) -> None:
    job = salesforce.post(
        f"{DATA}/jobs/query", {"operation": "query", "query": "SELECT Id FROM Account"}
    ).json()["id"]
    assert salesforce.get(f"{DATA}/jobs/query/{job}/results").status_code == 404
    assert salesforce.delete(f"{DATA}/jobs/query/{job}").status_code == 400
    aborted = salesforce.session.patch(
        f"{salesforce.base}{DATA}/jobs/query/{job}", json={"state": "Aborted"}, timeout=5
    )
    assert aborted.json()["state"] == "Aborted"
    assert salesforce.delete(f"{DATA}/jobs/query/{job}").status_code == 204
    assert salesforce.get(f"{DATA}/jobs/query/{job}").status_code == 404
