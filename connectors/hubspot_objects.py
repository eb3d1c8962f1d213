"""Reading HubSpot objects: listed whole, searched by change time under the cap, histories in batches.

A search reaches 10,000 results and not one more, however it is paged. So the window is fixed at both ends, rows
are walked by their id, and the next request asks for greater ids: ten thousand rows with one identical change
time are no problem then.

Source: connector rules, 'HubSpot'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.contract import value_at
from connectors.http import HttpClient
from connectors.listing import records_in
from connectors.paging import LoopGuard, Token, walk
from connectors.stream import Page, Reading, Record, Request

LIST_PAGE = 100
SEARCH_PAGE = 200
HISTORY_BATCH = 50
CLOCK_AHEAD = timedelta(minutes=30)
LISTING = Token("after", "paging.next.after", size=("limit", LIST_PAGE))


def read_objects(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The whole list at first; what changed since, by search, afterwards."""
    if reading.window.start is None:
        params = {"archived": "false", "properties": ",".join(_properties(reading))}
        yield from walk(client, Request("GET", _path(client, reading), params), LISTING, **_results(reading))
        return
    yield from _search(client, reading, reading.window.start)


def list_archived(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Objects that were archived since they were last asked for. The list itself knows no such filter."""
    params = {"archived": "true", "properties": ",".join(_properties(reading))}
    since = reading.window.start
    for page in walk(client, Request("GET", _path(client, reading), params), LISTING, records_at="results"):
        fresh = [record for record in page.records if since is None or _archived_after(record, since)]
        yield Page(page.body, fresh, page.checkpoint, deleted=True)


def list_ids(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The ids of all objects that are not archived."""
    params = {"archived": "false", "properties": "hs_object_id"}
    yield from walk(client, Request("GET", _path(client, reading), params), LISTING, records_at="results")


def _results(reading: Reading) -> dict[str, Any]:
    return {"records_at": "results", "resume": reading.resume}


def _search(client: HttpClient, reading: Reading, start: datetime) -> Iterator[Page]:
    cursor = reading.options["cursor"]
    since, until = _millis(start), _millis(reading.window.end + CLOCK_AHEAD)
    last = str(reading.resume["after_id"]) if reading.resume else "0"
    guard = LoopGuard(f"search of {reading.options['object']}")
    while True:
        filters = [
            {"propertyName": cursor, "operator": "GTE", "value": str(since)},
            {"propertyName": cursor, "operator": "LTE", "value": str(until)},
            {"propertyName": "hs_object_id", "operator": "GT", "value": last},
        ]
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": _properties(reading),
            "limit": SEARCH_PAGE,
        }
        answer = client.post(f"{_path(client, reading)}/search", body)
        content = answer.json()
        records = records_in(content, "results", answer)
        more = bool(records) and value_at(content, ("paging", "next", "after")) is not None
        if records:
            last = str(max(int(record["id"]) for record in records))
        checkpoint = {"after_id": last} if more else None
        guard.check(answer.body, len(records), checkpoint)
        yield Page(answer.body, records, checkpoint)
        if not more:
            return


def read_history(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """All values that the chosen properties of each changed object have had."""
    names = [name.strip() for name in reading.options["properties"].split(",") if name.strip()]
    parents = reading.parents
    begin = int(reading.resume["parent"]) if reading.resume else 0
    for at in range(begin, len(parents), HISTORY_BATCH):
        chunk = parents[at : at + HISTORY_BATCH]
        body = {
            "inputs": [{"id": parent} for parent in chunk],
            "properties": ["hs_object_id"],
            "propertiesWithHistory": names,
        }
        answer = client.post(f"{_path(client, reading)}/batch/read", body)
        records: list[Record] = []
        found = []
        for item in records_in(answer.json(), "results", answer):
            owner = {reading.stream.parent_field: str(item["id"])}
            found.append(str(item["id"]))
            for name, values in (item.get("propertiesWithHistory") or {}).items():
                records += _values(owner, name, values)
        reached = at + len(chunk)
        yield Page(
            answer.body,
            records,
            {"parent": reached} if reached < len(parents) else None,
            children=dict.fromkeys(found),
        )


def _values(owner: Record, name: str, values: Sequence[Record]) -> list[Record]:
    """Oldest first, so that the position among changes of one instant stays as it is when more follow."""
    records: list[Record] = []
    for value in reversed(values):
        same = sum(record["timestamp"] == value.get("timestamp") for record in records)
        records.append({**value, **owner, "property": name, "item": same})
    return records


def read_associations(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Which companies each deal belongs to."""
    target = reading.options["associations"]
    params = {"archived": "false", "properties": "hs_object_id", "associations": target}
    request = Request("GET", _path(client, reading), params)
    for page in walk(client, request, LISTING, **_results(reading)):
        links = [
            {"deal_id": deal["id"], "company_id": link["id"], "type": link.get("type") or "unlabelled"}
            for deal in page.records
            for link in value_at(deal, ("associations", target, "results")) or ()  # type: ignore[attr-defined]
        ]
        yield Page(page.body, links, page.checkpoint)


def read_links(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Which objects of several types each object belongs to."""
    targets = reading.options["associations"]
    params = {"archived": "false", "properties": "hs_object_id", "associations": targets}
    request = Request("GET", _path(client, reading), params)
    for page in walk(client, request, LISTING, **_results(reading)):
        links = [
            {
                "from_id": item["id"],
                "target": target,
                "to_id": link["id"],
                "type": link.get("type") or "unlabelled",
            }
            for item in page.records
            for target in targets.split(",")
            for link in value_at(item, ("associations", target, "results")) or ()  # type: ignore[attr-defined]
        ]
        yield Page(page.body, links, page.checkpoint)


def read_stages(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The stages of all pipelines of deals or tickets."""
    answer = client.get(f"/crm/v3/pipelines/{reading.options['pipelines_of']}")
    stages = [
        {**stage, "pipeline_id": pipeline.get("id"), "pipeline": pipeline.get("label")}
        for pipeline in records_in(answer.json(), "results", answer)
        for stage in pipeline.get("stages") or ()
    ]
    yield Page(answer.body, stages)


def check_access(client: HttpClient) -> str:
    """Prove the credentials: which portal they open."""
    details = client.get("/account-info/v3/details").json()
    return f"portal {details.get('portalId', '?')}, currency {details.get('companyCurrency', '?')}"


def _path(client: HttpClient, reading: Reading) -> str:
    """Dated versions address objects by type id, the older one by name as well."""
    version = client.api_version
    base = "/crm/v3/objects" if version == "v3" else f"/crm/objects/{version}"
    return f"{base}/{reading.options['type']}"


def _properties(reading: Reading) -> list[str]:
    paths = [column.segments for column in reading.stream.contract.typed_columns]
    return sorted({str(path[1]) for path in paths if path[0] == "properties"})


def _archived_after(record: Mapping[str, Any], since: datetime) -> bool:
    try:
        return datetime.fromisoformat(str(record.get("archivedAt") or record.get("updatedAt"))) >= since
    except ValueError:
        return True


def _millis(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
