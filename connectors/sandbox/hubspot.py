"""A fake HubSpot: date-versioned objects next to v3, lists with archived ones, searches, batch reads.

What it keeps of the vendor's habits: a search reaches 10,000 results and no further (400); its pages are positions;
deleted objects show in the archived list only; histories make pages smaller.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from connectors.sandbox.hubspot_objects import iso
from connectors.sandbox.hubspot_portal import Portal
from connectors.sandbox.hubspot_search import group_matches, in_order
from connectors.sandbox.hubspot_settings import deal_pipelines, owners, ticket_pipelines
from connectors.sandbox.messages import BadRequest, Reply, Request, Rule
from connectors.sandbox.shelf import Hits, Record

LIST_MOST, LIST_MOST_WITH_HISTORY, SEARCH_MOST, BATCH_MOST = 100, 50, 200, 100
SEARCH_REACH = 10_000


class HubSpot(Portal):
    """The fake portal; shelves are called deals, companies, contacts, meetings, calls and tickets."""

    system = "hubspot"

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
            found.append(Rule("GET", f"{base}/pipelines/deals", self._deal_pipelines))
            found.append(Rule("GET", f"{base}/pipelines/tickets", self._ticket_pipelines))
        found.append(Rule("POST", "/crm/v4/associations/{origin}/{target}/batch/read", self._associations))
        found.append(Rule("GET", "/account-info/v3/details", self._details))
        return tuple(found)

    # Lists and single objects.

    def _list(self, request: Request, objectType: str, version: str = "") -> Reply:
        kind = self.kind(objectType, version)
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
        body: Record = {"results": self.shown(kind, page, properties, history, links)}
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
        kind = self.kind(objectType, version)
        archived = request.param("archived", "false").lower() == "true"
        hits = self.shelves[kind.name].find(identifier, self.view(searched=False))
        if hits is None or bool(hits.gone[0]) != archived:
            raise BadRequest("resource not found", status=404)
        properties, history, links = (
            _names(request, name) for name in ("properties", "propertiesWithHistory", "associations")
        )
        return Reply(200, self.shown(kind, hits, properties, history, links)[0])

    def _batch_read(self, request: Request, objectType: str, version: str = "") -> Reply:
        kind = self.kind(objectType, version)
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
                found.append(self.shown(kind, hits, asked.get("properties") or [], history, [])[0])
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
        kind = self.kind(objectType, version)
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
            "results": self.shown(kind, page, asked.get("properties") or [], [], []),
        }
        if start + size < hits.size or self.traps.endless_token:
            body["paging"] = {"next": {"after": str(size if self.traps.repeat_token else start + size)}}
        self.served(kind.name)
        return Reply(200, body)

    # The rest.

    def _associations(self, request: Request, origin: str, target: str) -> Reply:
        kind, other = self.kind(origin), self.kind(target)
        found = []
        for item in request.json().get("inputs") or []:
            hits = self.shelves[kind.name].find(str(item["id"]), self.view(searched=False))
            if hits is None or bool(hits.gone[0]):
                continue
            ids = self.ids_linked(kind, int(hits.number[0]), str(item["id"]), other.name)
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
        kind = self.kind(objectType)
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

    def _deal_pipelines(self, request: Request, version: str = "") -> Reply:
        return Reply(200, {"results": deal_pipelines()})

    def _ticket_pipelines(self, request: Request, version: str = "") -> Reply:
        self.kind("tickets")
        return Reply(200, {"results": ticket_pipelines()})

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
