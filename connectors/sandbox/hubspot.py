"""A fake HubSpot: date-versioned objects next to v3, lists with archived ones, searches, batch reads, histories,
associations.

What it keeps of the vendor's habits: a search reaches 10,000 results and no further (400); its pages are positions;
deleted objects
show in the archived list only; associations change without moving the cursor; histories make pages smaller;
versions expire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.hubspot_activities import activity_kinds
from connectors.sandbox.hubspot_objects import Kind, iso, kinds, owners, pipelines
from connectors.sandbox.hubspot_search import group_matches, in_order
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.shelf import Hits, Record, Shelf, View

VERSIONS = ("2025-09", "2026-03", "2026-09", "2027-03-beta")
LIST_MOST, LIST_MOST_WITH_HISTORY, SEARCH_MOST, BATCH_MOST = 100, 50, 200, 100
SEARCH_REACH = 10_000
DAILY_LIMIT = 650_000


class HubSpot(Fake):
    """The fake portal; shelves are called deals, companies, contacts, meetings and calls."""

    system = "hubspot"

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        self.kinds = kinds(company) | {kind.name: kind for kind in activity_kinds(company)}
        self._aliases = {alias: kind for kind in self.kinds.values() for alias in (kind.name, kind.type_id)}
        self._links: dict[tuple[str, str, str], list[str]] = {}
        self._by_hand: dict[tuple[str, str], list[tuple[int, Record]]] = {}
        for kind in self.kinds.values():
            self.shelves[kind.name] = self._shelf(kind)

    @property
    def access_token(self) -> str:
        """The private app's token."""
        return f"{self.secret}-hubspot-token"

    def environment(self, url: str) -> dict[str, str]:
        """URL and token."""
        return {"HUBSPOT_URL": url, "HUBSPOT_ACCESS_TOKEN": self.access_token}

    def allows(self, request: Request) -> bool:
        """A bearer token."""
        return request.headers.get("authorization") == f"Bearer {self.access_token}"

    def rules(self) -> Sequence[Rule]:
        """The routes, each under `/crm/v3/objects` and under `/crm/objects/{version}`."""
        found: list[Rule] = []
        for base in ("/crm/v3/objects", "/crm/objects/{version}"):
            found += [
                Rule("GET", f"{base}/{{objectType}}", self._list),
                Rule("POST", f"{base}/{{objectType}}/search", self._search),
                Rule("POST", f"{base}/{{objectType}}/batch/read", self._batch_read),
                Rule("GET", f"{base}/{{objectType}}/{{identifier}}", self._one),
            ]
        for base in ("/crm/v3", "/crm/{version}"):
            found.append(Rule("GET", f"{base}/owners", self._owners))
            found.append(Rule("GET", f"{base}/properties/{{objectType}}", self._properties))
            found.append(Rule("GET", f"{base}/pipelines/deals", self._pipelines))
        found.append(Rule("POST", "/crm/v4/associations/{origin}/{target}/batch/read", self._associations))
        found.append(Rule("GET", "/account-info/v3/details", self._details))
        return tuple(found)

    # Records.

    def _shelf(self, kind: Kind) -> Shelf:
        def number(text: str) -> int | None:
            return int(text) - kind.base if text.isdigit() else None

        def stamp(record: Record, at: int) -> None:
            record["updatedAt"] = iso(at)
            record.setdefault("properties", {})[kind.cursor] = iso(at)

        def changed(before: Record | None, after: Record, at: int) -> None:
            self._by_hand.setdefault((kind.name, after["id"]), []).append((at, dict(after["properties"])))

        return Shelf(
            kind.name,
            log=kind.log,
            created=kind.created,
            ids=lambda numbers: [str(kind.base + int(n)) for n in numbers],
            number=number,
            draw=kind.draw,
            stamp=stamp,
            changed=changed,
        )

    def put(self, name: str, record: Mapping[str, Any], *, updated: int | None = None) -> str:
        """As in `Fake.put`; a new object gets its creation date and nulls for the properties that it does not name."""
        with self._lock:
            shelf, kind = self.shelves[name], self.kinds[name]
            identifier = str(record.get("id") or "")
            known = shelf.find(identifier, View(self.now())) if identifier else None
            if known is None or bool(known.gone[0]):
                identifier = identifier or str(kind.base + shelf.log.size + len(self._by_hand))
                created = iso(self.now())
                blank: Record = {
                    **dict.fromkeys(kind.properties),
                    "createdate": created,
                    "hs_object_id": identifier,
                }
                properties = {**blank, **record.get("properties", {})}
                record = {
                    "id": identifier,
                    "createdAt": created,
                    "archived": False,
                    **record,
                    "properties": properties,
                }
            return super().put(name, record, updated=updated)

    def associate(self, name: str, identifier: str, target: str, others: Sequence[str]) -> None:
        """Replace what an object is associated with; as in the real portal its cursor does not move."""
        with self._lock:
            self._links[(name, identifier, target)] = list(others)

    def fields_of(self, shelf: str, record: Record) -> Record:
        """The properties lie one level down."""
        properties: Record = record["properties"]
        return properties

    def snapshot(self, name: str, *, gone: bool = False) -> dict[str, Record]:
        """As in `Fake.snapshot`; a deleted object is archived."""
        found = super().snapshot(name, gone=gone)
        shelf = self.shelves[name]
        if gone:
            hits = shelf.hits(View(self.now()))
            for identifier, dead in zip(shelf.ids(hits), hits.gone.tolist(), strict=True):
                found[identifier]["archived"] = dead
        return found

    # Shapes.

    def problem(self, status: int, message: str, where: str = "") -> Reply:
        """HubSpot answers with a category and a correlation id."""
        category = {401: "INVALID_AUTHENTICATION", 403: "MISSING_SCOPES", 404: "OBJECT_NOT_FOUND"}.get(status)
        category = category or (
            where if where.isupper() else "VALIDATION_ERROR" if status < 500 else "INTERNAL_ERROR"
        )
        body = {
            "status": "error",
            "message": message,
            "correlationId": identity.uuid("correlation", self.requests),
        }
        return Reply(status, {**body, "category": category})

    def throttled(self, headers: Mapping[str, str], wait: float) -> Reply:
        """429 with the policy that was broken."""
        body = self.problem(429, "You have reached your ten_secondly_rolling limit.").body
        body |= {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING", "category": "RATE_LIMITS"}
        return Reply(429, body, {"X-HubSpot-RateLimit-Remaining": "0", **headers})

    def reset_headers(self, wait: float) -> dict[str, str]:
        """HubSpot tells the length of its window."""
        return {"X-HubSpot-RateLimit-Interval-Milliseconds": str(round(wait * 1000))}

    def standing_headers(self) -> dict[str, str]:
        """The day's and the ten seconds' quota."""
        return {
            "X-HubSpot-RateLimit-Daily": str(DAILY_LIMIT),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, DAILY_LIMIT - self.requests)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Max": "190",
            "X-HubSpot-RateLimit-Remaining": "180",
        }

    def _kind(self, name: str, version: str = "") -> Kind:
        if version and version not in VERSIONS:
            raise BadRequest(f"The API version {version} is not supported", "UNSUPPORTED_VERSION", 404)
        kind = self._aliases.get(name)
        if kind is None:
            raise BadRequest(f"Unable to infer object type from: {name}")
        if kind.name in self.traps.forbidden:
            message = f"This app hasn't been granted all required scopes: crm.objects.{kind.name}.read"
            raise BadRequest(message, status=403)
        return kind

    def _shown(
        self, kind: Kind, hits: Hits, properties: Sequence[str], history: Sequence[str], links: Sequence[str]
    ) -> list[Record]:
        """Objects with the asked properties, histories and associations."""
        wanted = dict.fromkeys((*(properties or kind.defaults), "createdate", kind.cursor, "hs_object_id"))
        edited = {edit.name for edit in self.traps.schema if edit.object == kind.name}
        found = []
        records = zip(hits.number.tolist(), hits.gone.tolist(), self.render(kind.name, hits), strict=True)
        for number, gone, record in records:
            values = record["properties"]
            shown = {
                name: values.get(name)
                for name in wanted
                if name in kind.properties or name in values or name in edited
            }
            item: Record = {**record, "properties": shown, "archived": gone}
            if gone:
                item.setdefault("archivedAt", item["updatedAt"])
            if history:
                item["propertiesWithHistory"] = self._histories(kind, number, record["id"], history)
            if links:
                item["associations"] = self._linked(kind, number, record["id"], links)
            found.append(item)
        return found

    def _histories(self, kind: Kind, number: int, identifier: str, names: Sequence[str]) -> Record:
        known = kind.history(number, self.now())
        found: Record = {}
        for name in names:
            steps = list(known.get(name, []))
            for at, properties in self._by_hand.get((kind.name, identifier), []):
                if not steps or steps[-1][1] != properties.get(name):
                    steps.append((at, properties.get(name)))
            found[name] = [
                {
                    "value": value,
                    "timestamp": iso(at),
                    "sourceType": "CRM_UI",
                    "sourceId": "userId:5000",
                    "updatedByUserId": 5_000,
                }
                for at, value in reversed(steps)
            ]
        return found

    def _ids_linked(self, kind: Kind, number: int, identifier: str, target: str) -> list[str]:
        by_hand = self._links.get((kind.name, identifier, target))
        if by_hand is not None:
            return by_hand
        known = kind.links.get(target)
        if known is None:
            return []
        # What an object will be associated with later does not exist yet.
        shelf, view = self.shelves[target], self.view(searched=False)
        return [other for other in known(number) if shelf.find(other, view) is not None]

    def _linked(self, kind: Kind, number: int, identifier: str, targets: Sequence[str]) -> Record:
        singular = {name: name.removesuffix("s") for name in self.kinds} | {"companies": "company"}
        found: Record = {}
        for target in targets:
            ids = self._ids_linked(kind, number, identifier, target)
            sort = f"{singular[kind.name]}_to_{singular.get(target, target)}"
            if ids:
                found[target] = {"results": [{"id": other, "type": sort} for other in ids]}
        return found

    # Lists and single objects.

    def _list(self, request: Request, objectType: str, version: str = "") -> Reply:
        kind = self._kind(objectType, version)
        properties, history, links = (
            _names(request, name) for name in ("properties", "propertiesWithHistory", "associations")
        )
        archived = request.param("archived", "false").lower() == "true"
        most = LIST_MOST_WITH_HISTORY if history else LIST_MOST
        asked = request.number("limit", 10)
        if asked > most:
            raise BadRequest(f"limit must be at most {most}")
        size = self.page_size(asked, 10, most)
        hits = self.shelves[kind.name].hits(self.view(searched=False))
        hits = hits.take(hits.gone == archived)
        hits = hits.sort(hits.number)
        after = request.param("after")
        if after and not after.isdigit():
            raise BadRequest(f"after {after!r} is not valid")
        start = int(np.searchsorted(hits.number, int(after) - kind.base, side="left")) if after else 0
        page = hits.take(slice(start, start + size))
        body: Record = {"results": self._shown(kind, page, properties, history, links)}
        following = start + size
        if following < hits.size or self.traps.endless_token:
            last = (
                hits.number[min(following, hits.size - 1)]
                if not self.traps.repeat_token
                else hits.number[min(size, hits.size - 1)]
            )
            token = str(kind.base + int(last))
            body["paging"] = {
                "next": {"after": token, "link": f"{self.base_url}{request.path}?after={token}"}
            }
        self.served(kind.name)
        return Reply(200, body)

    def _one(self, request: Request, objectType: str, identifier: str, version: str = "") -> Reply:
        kind = self._kind(objectType, version)
        archived = request.param("archived", "false").lower() == "true"
        hits = self.shelves[kind.name].find(identifier, self.view(searched=False))
        if hits is None or bool(hits.gone[0]) != archived:
            raise BadRequest("resource not found", status=404)
        properties, history, links = (
            _names(request, name) for name in ("properties", "propertiesWithHistory", "associations")
        )
        return Reply(200, self._shown(kind, hits, properties, history, links)[0])

    def _batch_read(self, request: Request, objectType: str, version: str = "") -> Reply:
        kind = self._kind(objectType, version)
        asked = request.json()
        history = [str(name) for name in asked.get("propertiesWithHistory") or []]
        ids = [str(item["id"]) for item in asked.get("inputs") or []]
        most = LIST_MOST_WITH_HISTORY if history else BATCH_MOST
        if len(ids) > most:
            raise BadRequest(f"at most {most} inputs are allowed")
        found, missing = [], []
        for identifier in ids:
            hits = self.shelves[kind.name].find(identifier, self.view(searched=False))
            if hits is None or bool(hits.gone[0]) != bool(asked.get("archived")):
                missing.append(identifier)
            else:
                found.append(self._shown(kind, hits, asked.get("properties") or [], history, [])[0])
        body: Record = {
            "status": "COMPLETE",
            "results": found,
            "startedAt": iso(self.now()),
            "completedAt": iso(self.now()),
        }
        if missing:
            error = {
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "message": "Could not get some objects",
            }
            body |= {"numErrors": 1, "errors": [{**error, "context": {"ids": missing}}]}
        return Reply(207 if missing else 200, body)

    # Search.

    def _search(self, request: Request, objectType: str, version: str = "") -> Reply:
        kind = self._kind(objectType, version)
        asked = request.json()
        hits = self.hits(kind.name)

        def render(some: Hits) -> list[Record]:
            return self.render(kind.name, some)

        groups = asked.get("filterGroups") or []
        if len(groups) > 5 or any(len(group.get("filters") or []) > 6 for group in groups):
            raise BadRequest("at most 5 filter groups with 6 filters each are allowed")
        if groups:
            masks = [group_matches(kind, hits, group.get("filters") or [], render) for group in groups]
            hits = hits.take(np.asarray(np.logical_or.reduce(masks), dtype=np.bool_))
        hits = in_order(kind, hits, asked.get("sorts") or [], render)
        asked_size = int(asked.get("limit") or 10)
        if asked_size > SEARCH_MOST:
            raise BadRequest(f"limit must be at most {SEARCH_MOST}")
        size = self.page_size(asked_size, 10, SEARCH_MOST)
        after = str(asked.get("after") or "0")
        if not after.isdigit():
            raise BadRequest(f"after {after!r} is not valid")
        start = int(after)
        reach = SEARCH_REACH if self.traps.result_cap is None else self.traps.result_cap
        if start + size > reach:
            raise BadRequest(
                f"There was a problem with the request: the search reaches {reach} results and no further"
            )
        page = hits.take(slice(start, start + size))
        body: Record = {
            "total": hits.size,
            "results": self._shown(kind, page, asked.get("properties") or [], [], []),
        }
        if start + size < hits.size or self.traps.endless_token:
            body["paging"] = {"next": {"after": str(size if self.traps.repeat_token else start + size)}}
        self.served(kind.name)
        return Reply(200, body)

    # The rest.

    def _associations(self, request: Request, origin: str, target: str) -> Reply:
        kind, other = self._kind(origin), self._kind(target)
        found = []
        for item in request.json().get("inputs") or []:
            hits = self.shelves[kind.name].find(str(item["id"]), self.view(searched=False))
            if hits is None or bool(hits.gone[0]):
                continue
            ids = self._ids_linked(kind, int(hits.number[0]), str(item["id"]), other.name)
            types = [{"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"}]
            if ids:
                found.append(
                    {
                        "from": {"id": str(item["id"])},
                        "to": [{"toObjectId": int(i), "associationTypes": types} for i in ids],
                    }
                )
        stamp = iso(self.now())
        return Reply(200, {"status": "COMPLETE", "results": found, "startedAt": stamp, "completedAt": stamp})

    def _owners(self, request: Request, version: str = "") -> Reply:
        return Reply(200, {"results": owners()})

    def _properties(self, request: Request, objectType: str, version: str = "") -> Reply:
        kind = self._kind(objectType)
        results = [
            {
                "name": name,
                "label": name,
                "type": sort,
                "fieldType": "text",
                "groupName": "information",
                "description": "",
            }
            for name, sort in sorted(kind.properties.items())
        ]
        return Reply(200, {"results": results})

    def _pipelines(self, request: Request, version: str = "") -> Reply:
        return Reply(200, {"results": pipelines()})

    def _details(self, request: Request) -> Reply:
        return Reply(
            200,
            {
                "portalId": 62_515,
                "timeZone": "US/Eastern",
                "companyCurrency": "USD",
                "accountType": "STANDARD",
            },
        )


def _names(request: Request, parameter: str) -> list[str]:
    """A parameter that may come several times, or with commas."""
    return [name for key, value in request.query if key == parameter for name in value.split(",") if name]
