"""Tryton, an ERP, as a vendor of one's own: parties and their addresses over JSON-RPC.

This is what `connectors/README.md` calls an afternoon: contracts, one reader that walks by id, a reader of keys for
what was deleted, the meaning of an error that comes with status 200. Paging, retries, landing, state and typing are
not here; they are written once.

What the system does, and what is done about it:
- `write_date` is null until a record is edited first: `create_date` counts until then.
- Both stamps are those of the transaction's begin, so a record may become visible later than its stamp: overlap.
- Deactivated records are hidden from a search: the context asks for them, and `is_active` says so.
- Deleted records vanish: all ids are listed once a day.
- An error is an answer with status 200 and `error` in it.
- Instants and amounts are objects such as `{"__class__": "datetime", "year": 2026, …}`; instants are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.answer import Answer
from connectors.contract import Column, ColumnType, Contract
from connectors.errors import (
    ConnectorError,
    GarbledAnswer,
    PermissionMissing,
    RequestRefused,
    VendorUnavailable,
)
from connectors.http import HttpClient
from connectors.paging import LoopGuard
from connectors.stream import Cursor, DeleteKind, Deletes, Page, Reading, Stream, System

STRING, INTEGER, BOOLEAN, TIMESTAMP = (
    ColumnType.STRING,
    ColumnType.INTEGER,
    ColumnType.BOOLEAN,
    ColumnType.TIMESTAMP,
)
PER_PAGE = 200
IDS_PER_PAGE = 2_000
EVERYTHING = {"active_test": False}
STAMPS = (
    Column("created_at", TIMESTAMP, "create_date", nullable=False),
    Column("updated_at", TIMESTAMP, "write_date", description="null until the first edit"),
)


def _records(name: str, model: str, fields: str, *columns: Column, description: str) -> Stream:
    """A stream of one model's records."""
    return Stream(
        name=name,
        contract=Contract(
            columns=(*columns, *STAMPS),
            key=(columns[0].name,),
            about_people=True,
            ignored=("rec_name",),
        ),
        reader=read_records,
        cursor=Cursor("write_date", fallback="create_date"),
        overlap=timedelta(minutes=10),
        deletes=Deletes(DeleteKind.RECONCILE, keys=list_ids, every=timedelta(days=1)),
        options={"model": model, "fields": f"{fields},create_date,write_date"},
        description=description,
    )


def read_records(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """Records that changed since the window's start, in the order of their ids: nothing moves while it is read."""
    changed: list[Any] = []
    if reading.window.start is not None:
        since = _written(reading.window.start)
        changed = [
            ["OR", ["write_date", ">=", since], [["write_date", "=", None], ["create_date", ">=", since]]]
        ]
    fields = [name.strip() for name in reading.options["fields"].split(",")]
    last = int(reading.resume["after"]) if reading.resume else 0
    guard = LoopGuard(f"search of {reading.options['model']}")
    while True:
        domain = [["id", ">", last], *changed]
        answer, found = _ask(client, reading, "search_read", domain, 0, PER_PAGE, [["id", "ASC"]], fields)
        records = [_plain(record) for record in found]
        more = len(records) == PER_PAGE
        last = int(records[-1]["id"]) if records else last
        checkpoint = {"after": last} if more else None
        guard.check(answer.body, len(records), checkpoint)
        yield Page(answer.body, records, checkpoint)
        if not more:
            return


def list_ids(client: HttpClient, reading: Reading) -> Iterator[Page]:
    """The ids of all records there are."""
    last = 0
    while True:
        answer, ids = _ask(client, reading, "search", [["id", ">", last]], 0, IDS_PER_PAGE, [["id", "ASC"]])
        yield Page(answer.body, [{"id": number} for number in ids])
        if len(ids) < IDS_PER_PAGE:
            return
        last = ids[-1]


def _ask(client: HttpClient, reading: Reading, method: str, *arguments: object) -> tuple[Answer, list[Any]]:
    answer = _call(client, f"model.{reading.options['model']}.{method}", *arguments)
    result = answer.json().get("result")
    if not isinstance(result, list):
        raise GarbledAnswer("the answer holds no result", place=answer.place)
    return answer, result


def _call(client: HttpClient, method: str, *arguments: object) -> Answer:
    return client.post("/rpc/", {"id": 0, "method": method, "params": [*arguments, EVERYTHING]})


def _written(instant: datetime) -> dict[str, Any]:
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{name: getattr(instant, name) for name in names}}


def _plain(value: Any) -> Any:
    """What the system writes as objects: instants and dates as ISO 8601, amounts as texts."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    parts = {name: part for name, part in value.items() if name != "__class__"}
    match value.get("__class__"):
        case "datetime":
            return datetime(**parts).isoformat() + "Z"  # noqa: DTZ001 -- UTC by the system's word
        case "date":
            return f"{parts['year']:04}-{parts['month']:02}-{parts['day']:02}"
        case "Decimal":
            return parts["decimal"]
        case "timedelta":
            return parts["seconds"]
    return {name: _plain(part) for name, part in value.items()}


def refuse(answer: Answer) -> ConnectorError | None:
    """What an answer with status 200 and an error in it stands for. The traceback that comes along stays here."""
    if answer.status != 200 or b'"error"' not in answer.body[:200]:
        return None
    try:
        error = orjson.loads(answer.body).get("error")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    if not isinstance(error, list) or not error:
        return None
    name, detail = str(error[0]), error[1] if len(error) > 1 else ""
    said = str(detail[0] if name.startswith("User") and isinstance(detail, list) and detail else name)
    said = said.splitlines()[0][:200] if said else "an error"
    if name == "ConcurrencyException":
        return VendorUnavailable(said, place=answer.place, hint="try again")
    if name == "UserError" and "access" in said:
        return PermissionMissing(said, place=answer.place, hint="give the user a group that may read this")
    return RequestRefused(said, place=answer.place, hint="check the modules that the database has activated")


def check_access(client: HttpClient) -> str:
    """Prove the credentials: whose preferences they open."""
    answer = _call(client, "model.res.user.get_preferences", True)
    preferences: Mapping[str, Any] = answer.json().get("result") or {}
    return f"language {preferences.get('language', '?')}, groups {len(preferences.get('groups') or ())}"


STREAMS = (
    _records(
        "parties",
        "party.party",
        "name,code,active",
        Column("party_id", STRING, "id", nullable=False),
        Column("name", STRING),
        Column("code", STRING),
        Column("is_active", BOOLEAN, "active"),
        description="a company or person that we deal with",
    ),
    _records(
        "addresses",
        "party.address",
        "party,sequence,active,country.code",
        Column("address_id", STRING, "id", nullable=False),
        Column("party_id", STRING, "party", nullable=False),
        Column("position", INTEGER, "sequence"),
        Column("country", STRING, '"country.".code'),
        Column("is_active", BOOLEAN, "active"),
        description="an address of a party; of where it is only the country lands",
    ),
)

SYSTEM = System(
    name="tryton",
    streams=STREAMS,
    auth=("basic",),
    rate=(20, 1.0),
    refuse=refuse,
    check=check_access,
)
