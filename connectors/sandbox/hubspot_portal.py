"""The fake portal behind HubSpot: its objects, what is put into it by hand, histories, associations, shapes of errors.

What it keeps of the vendor's habits: deleted objects are archived; associations change without moving the cursor; a
version of the API that is no more is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.hubspot_activities import activity_kinds
from connectors.sandbox.hubspot_companies import companies_kind
from connectors.sandbox.hubspot_objects import Kind, contacts_kind, deals_kind, iso
from connectors.sandbox.hubspot_tickets import tickets_kind
from connectors.sandbox.messages import BadRequest, Reply
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.shelf import Hits, Record, Shelf, View

VERSIONS = ("2025-09", "2026-03", "2026-09", "2027-03-beta")
DAILY_LIMIT = 650_000


class Portal(Fake):
    """The objects of a portal and how they are shown; a shelf for each kind, by its plural name."""

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        kinds = (
            deals_kind(company),
            companies_kind(company),
            contacts_kind(company),
            *activity_kinds(company),
            tickets_kind(company),
        )
        self.kinds = {kind.name: kind for kind in kinds}
        self._aliases = {alias: kind for kind in self.kinds.values() for alias in (kind.name, kind.type_id)}
        self._links: dict[tuple[str, str, str], list[str]] = {}
        self._by_hand: dict[tuple[str, str], list[tuple[int, Record]]] = {}
        for kind in self.kinds.values():
            self.shelves[kind.name] = self._shelf(kind)

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

    def kind(self, name: str, version: str = "") -> Kind:
        """The kind that a path names, by its name or its type id.

        Raises:
            BadRequest: there is no such version or kind, or no right to read it.
        """
        if version and version not in VERSIONS:
            raise BadRequest(f"The API version {version} is not supported", "UNSUPPORTED_VERSION", 404)
        kind = self._aliases.get(name)
        if kind is None:
            raise BadRequest(f"Unable to infer object type from: {name}")
        if kind.name in self.traps.forbidden:
            message = f"This app hasn't been granted all required scopes: crm.objects.{kind.name}.read"
            raise BadRequest(message, status=403)
        return kind

    def shown(
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

    def ids_linked(self, kind: Kind, number: int, identifier: str, target: str) -> list[str]:
        """What an object is associated with now."""
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
            ids = self.ids_linked(kind, number, identifier, target)
            sort = f"{singular[kind.name]}_to_{singular.get(target, target)}"
            if ids:
                found[target] = {"results": [{"id": other, "type": sort} for other in ids]}
        return found
