"""The fake HubSpot over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.sandbox.serve import Sandbox
from connectors.sandbox.traps import Fault, Kind, Told, Traps
from tests.integration.sandbox.conftest import Client

FAKES = ("hubspot",)
V3 = "/crm/v3/objects"


@pytest.fixture
def hubspot(sandbox: Sandbox) -> Client:
    client = Client(sandbox.url("hubspot"))
    client.session.headers["Authorization"] = f"Bearer {sandbox.hubspot.access_token}"
    return client


def listed(client: Client, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """All objects of a list, page by page."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        query = {"limit": 30, **parameters, **({"after": after} if after else {})}
        answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["results"]
        if "paging" not in page:
            return found
        after = page["paging"]["next"]["after"]


def searched(client: Client, name: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """All results of a search, page by page."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        answer = client.post(
            f"{V3}/{name}/search", {"limit": 50, **body, **({"after": after} if after else {})}
        )
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["results"]
        if "paging" not in page:
            assert page["total"] == len(found)
            return found
        after = page["paging"]["next"]["after"]


def test_without_a_token_nothing_is_shown(sandbox: Sandbox) -> None:
    answer = Client(sandbox.url("hubspot")).get(f"{V3}/deals")
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


@pytest.mark.parametrize("name", ["deals", "companies", "contacts", "meetings", "calls"])
def test_lists_and_versions_show_every_object_once(sandbox: Sandbox, hubspot: Client, name: str) -> None:
    held = sandbox.hubspot.snapshot(name)
    found = listed(hubspot, f"{V3}/{name}")
    assert [item["id"] for item in found] == sorted(held, key=int)
    type_id = sandbox.hubspot.kinds[name].type_id
    assert hubspot.get(f"/crm/objects/2026-09/{type_id}").json() == hubspot.get(f"{V3}/{name}").json() | {
        "paging": hubspot.get(f"/crm/objects/2026-09/{type_id}").json()["paging"]
    }
    assert hubspot.get(f"/crm/objects/2019-01/{type_id}").status_code == 404


def test_every_property_is_text_or_null(sandbox: Sandbox, hubspot: Client) -> None:
    names = ",".join(sandbox.hubspot.kinds["deals"].properties)
    deals = listed(hubspot, f"{V3}/deals", properties=names)
    values = [value for deal in deals for value in deal["properties"].values()]
    assert all(value is None or isinstance(value, str) for value in values)
    amounts = {deal["properties"]["amount"] for deal in deals}
    assert None in amounts
    assert {True, False} <= {"." in amount for amount in amounts if amount}


def test_archived_objects_are_in_a_list_of_their_own(sandbox: Sandbox, hubspot: Client) -> None:
    victim = min(sandbox.hubspot.snapshot("deals"), key=int)
    sandbox.clock.advance(hours=1)
    sandbox.hubspot.delete("deals", victim)
    assert victim not in {deal["id"] for deal in listed(hubspot, f"{V3}/deals")}
    assert victim not in {deal["id"] for deal in searched(hubspot, "deals", {})}
    archived = {deal["id"]: deal for deal in listed(hubspot, f"{V3}/deals", archived="true")}
    assert archived[victim]["archived"] is True
    assert archived[victim]["archivedAt"] == "2026-06-15T07:00:00.000Z"
    assert hubspot.get(f"{V3}/deals/{victim}").status_code == 404
    assert hubspot.get(f"{V3}/deals/{victim}", params={"archived": "true"}).status_code == 200


def test_a_window_is_walked_by_id(sandbox: Sandbox, hubspot: Client) -> None:
    since, until = "2026-03-01T00:00:00Z", "1780272000000"
    held = sandbox.hubspot.snapshot("deals")
    expected = sorted(
        (
            int(k)
            for k, deal in held.items()
            if "2026-03-01" <= deal["updatedAt"] <= "2026-06-01T00:00:00.000Z"
        ),
    )
    found: list[int] = []
    while True:
        last = str(found[-1]) if found else "0"
        filters = [
            {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": since},
            {"propertyName": "hs_lastmodifieddate", "operator": "LTE", "value": until},
            {"propertyName": "hs_object_id", "operator": "GT", "value": last},
        ]
        sorts = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
        body = {"filterGroups": [{"filters": filters}], "sorts": sorts, "limit": 7}
        page = hubspot.post(f"{V3}/deals/search", body).json()["results"]
        if not page:
            break
        found += [int(deal["id"]) for deal in page]
    assert found == expected
    assert len(found) > 20


def test_a_search_reaches_so_far_and_no_further(sandbox: Sandbox, hubspot: Client) -> None:
    sandbox.hubspot.traps = Traps(result_cap=100)
    body = {"limit": 50, "after": "50"}
    assert hubspot.post(f"{V3}/contacts/search", body).status_code == 200
    refused = hubspot.post(f"{V3}/contacts/search", {"limit": 50, "after": "51"})
    assert (refused.status_code, refused.json()["category"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("part", "keep"),
    [
        (
            {"propertyName": "dealstage", "operator": "EQ", "value": "closedwon"},
            lambda p: p["dealstage"] == "closedwon",
        ),
        (
            {"propertyName": "amount", "operator": "GT", "value": "20000"},
            lambda p: float(p["amount"] or 0) > 20_000,
        ),
        ({"propertyName": "competitor", "operator": "HAS_PROPERTY"}, lambda p: p["competitor"] is not None),
        ({"propertyName": "competitor", "operator": "NOT_HAS_PROPERTY"}, lambda p: p["competitor"] is None),
        (
            {"propertyName": "dealtype", "operator": "IN", "values": ["upsell", "renewal"]},
            lambda p: p["dealtype"] in ("upsell", "renewal"),
        ),
        (
            {"propertyName": "amount", "operator": "BETWEEN", "value": "1000", "highValue": "9000"},
            lambda p: p["amount"] is not None and 1_000 <= float(p["amount"]) <= 9_000,
        ),
    ],
)
def test_filters(sandbox: Sandbox, hubspot: Client, part: dict[str, Any], keep: Any) -> None:
    expected = {key for key, deal in sandbox.hubspot.snapshot("deals").items() if keep(deal["properties"])}
    found = searched(hubspot, "deals", {"filterGroups": [{"filters": [part]}]})
    assert {deal["id"] for deal in found} == expected
    assert expected


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": "x"},
        {"filterGroups": [{"filters": [{"propertyName": "nope", "operator": "EQ", "value": "1"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "LIKE", "value": "1"}]}]},
        {"sorts": [{"propertyName": "amount"}, {"propertyName": "dealname"}]},
    ],
)
def test_bad_searches_are_refused(hubspot: Client, body: dict[str, Any]) -> None:
    assert hubspot.post(f"{V3}/deals/search", body).status_code == 400


def test_histories_end_in_the_present_value(sandbox: Sandbox, hubspot: Client) -> None:
    names = "dealstage,amount,closedate"
    deals = listed(hubspot, f"{V3}/deals", propertiesWithHistory=names, properties=names)
    for deal in deals:
        for name in names.split(","):
            history = deal["propertiesWithHistory"][name]
            assert history[0]["value"] == deal["properties"][name]
            stamps = [entry["timestamp"] for entry in history]
            assert stamps == sorted(stamps, reverse=True)
    assert (
        hubspot.get(f"{V3}/deals", params={"limit": 100, "propertiesWithHistory": "amount"}).status_code
        == 400
    )
    ids = [deal["id"] for deal in deals[:5]]
    body = {"propertiesWithHistory": ["dealstage"], "inputs": [{"id": i} for i in [*ids, "1"]]}
    batch = hubspot.post(f"{V3}/deals/batch/read", body)
    assert batch.status_code == 207
    assert [item["id"] for item in batch.json()["results"]] == ids
    assert batch.json()["errors"][0]["context"]["ids"] == ["1"]


def test_associations_change_without_moving_the_cursor(sandbox: Sandbox, hubspot: Client) -> None:
    deals = listed(hubspot, f"{V3}/deals", associations="companies")
    linked = [deal for deal in deals if "associations" in deal]
    assert len(linked) > 0.9 * len(deals)
    deal = linked[0]
    other = min(sandbox.hubspot.snapshot("companies"), key=int)
    sandbox.clock.advance(hours=1)
    sandbox.hubspot.associate("deals", deal["id"], "companies", [other])
    again = hubspot.get(f"{V3}/deals/{deal['id']}", params={"associations": "companies"}).json()
    assert again["associations"]["companies"]["results"][0]["id"] == other
    assert again["updatedAt"] == deal["updatedAt"]
    pairs = hubspot.post(
        "/crm/v4/associations/deals/companies/batch/read", {"inputs": [{"id": deal["id"]}]}
    ).json()
    assert [str(to["toObjectId"]) for to in pairs["results"][0]["to"]] == [other]


def test_contacts_call_their_cursor_differently(hubspot: Client) -> None:
    contact = hubspot.get(f"{V3}/contacts").json()["results"][0]
    assert contact["properties"]["lastmodifieddate"] == contact["updatedAt"]
    assert "hs_lastmodifieddate" not in contact["properties"]
    part = {"propertyName": "hs_lastmodifieddate", "operator": "GT", "value": "0"}
    assert hubspot.post(f"{V3}/contacts/search", {"filterGroups": [{"filters": [part]}]}).status_code == 400


def test_pages_of_a_search_shift_while_records_change(sandbox: Sandbox, hubspot: Client) -> None:
    before = set(sandbox.hubspot.snapshot("deals"))
    sandbox.hubspot.traps = Traps(edits_between_pages=6, tick=timedelta(seconds=1))
    sorts = [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}]
    found = {deal["id"] for deal in searched(hubspot, "deals", {"sorts": sorts, "limit": 20})}
    assert found < before


def test_records_by_hand(sandbox: Sandbox, hubspot: Client) -> None:
    fake = sandbox.hubspot
    identifier = fake.put(
        "deals", {"properties": {"dealname": "By hand", "amount": "10", "dealstage": "9120001"}}
    )
    sandbox.clock.advance(hours=1)
    fake.put("deals", {"id": identifier, "properties": {"dealstage": "closedwon"}})
    deal = hubspot.get(f"{V3}/deals/{identifier}", params={"propertiesWithHistory": "dealstage"}).json()
    assert deal["properties"]["dealstage"] == "closedwon"
    assert deal["updatedAt"] == "2026-06-15T07:00:00.000Z" == deal["properties"]["hs_lastmodifieddate"]
    assert [h["value"] for h in deal["propertiesWithHistory"]["dealstage"]] == ["closedwon", "9120001"]
    assert identifier in {d["id"] for d in searched(hubspot, "deals", {})}


def test_a_late_index(sandbox: Sandbox, hubspot: Client) -> None:
    identifier = sandbox.hubspot.put("deals", {"properties": {"dealname": "Fresh"}})
    sandbox.hubspot.traps = Traps(late_index=timedelta(minutes=3))
    assert identifier not in {d["id"] for d in searched(hubspot, "deals", {})}
    assert identifier in {d["id"] for d in listed(hubspot, f"{V3}/deals")}


def test_lists_beside_the_objects(hubspot: Client) -> None:
    stages = hubspot.get("/crm/v3/pipelines/deals").json()["results"][0]["stages"]
    assert [s["metadata"]["isClosed"] for s in stages] == ["false"] * 5 + ["true"] * 2
    assert len(hubspot.get("/crm/v3/owners").json()["results"]) == 12
    names = {p["name"] for p in hubspot.get("/crm/v3/properties/deals").json()["results"]}
    assert {"amount", "dealstage", "hs_v2_date_entered_closedwon"} <= names
    assert hubspot.get("/account-info/v3/details").json()["portalId"]


def test_limits_and_scopes(sandbox: Sandbox, hubspot: Client) -> None:
    assert hubspot.get(f"{V3}/deals").headers["X-HubSpot-RateLimit-Max"] == "190"
    sandbox.hubspot.traps = Traps(
        faults=(Fault(Kind.THROTTLED, told=Told.RESET, wait=10),), forbidden=frozenset({"companies"})
    )
    throttled = hubspot.get(f"{V3}/deals")
    assert throttled.status_code == 429
    assert throttled.json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert throttled.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert hubspot.get(f"{V3}/companies").json()["category"] == "MISSING_SCOPES"
