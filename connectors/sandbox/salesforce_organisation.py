"""The fake organisation behind Salesforce: its objects, the history that changes by hand write, and SOQL over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from connectors.sandbox import soql
from connectors.sandbox.clock import Clock
from connectors.sandbox.company import identity
from connectors.sandbox.company.generate import Company
from connectors.sandbox.company.timeline import DAY, SECOND, Bools, Ints
from connectors.sandbox.messages import BadRequest, Reply
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.salesforce_fields import Field, Object
from connectors.sandbox.salesforce_history import HISTORY_COLUMNS
from connectors.sandbox.salesforce_objects import objects
from connectors.sandbox.shelf import Hits, Record, Shelf, View, without_gone
from connectors.sandbox.traps import Edit

PURGE_DAYS = 15


class Organisation(Fake):
    """The records of an organisation and what a SOQL query finds among them."""

    def __init__(self, company: Company, clock: Clock, *, secret: str) -> None:
        super().__init__(company, clock, secret=secret)
        self.objects = objects(company)
        for item in self.objects.values():
            self.shelves[item.name] = self._shelf(item)

    def render(self, shelf: str, hits: Hits) -> list[Record]:
        """A record that was deleted by hand says so itself, as those of the company's log do."""
        records = super().render(shelf, hits)
        for record, gone in zip(records, hits.gone.tolist(), strict=True):
            if "IsDeleted" in record:
                record["IsDeleted"] = gone
        return records

    def _shelf(self, item: Object) -> Shelf:
        def draw(versions: Ints, updated: Ints) -> list[Record]:
            columns = [_shown(field, field.column(versions, updated)) for field in item.fields.values()]
            return [dict(zip(item.fields, row, strict=True)) for row in zip(*columns, strict=True)]

        def number(identifier: str) -> int | None:
            return identity.salesforce_number(item.prefix, identifier)

        def stamp(record: Record, at: int) -> None:
            for name in ("SystemModstamp", "LastModifiedDate"):
                if name in item.fields:
                    record[name] = instant_text(at // SECOND * SECOND)

        changed = self._write_history if item.name == "Opportunity" else None
        return Shelf(
            item.name,
            log=item.log,
            created=item.created,
            ids=lambda numbers: identity.salesforce_ids(item.prefix, numbers).tolist(),
            number=number,
            draw=draw,
            key="Id",
            stamp=stamp,
            changed=changed,
        )

    def _write_history(self, before: Record | None, after: Record, at: int) -> None:
        """What the organisation writes by itself when an opportunity is made or changed by hand."""
        stamp = instant_text(at // SECOND * SECOND)
        author = identity.salesforce_ids(identity.USER, np.asarray([0], dtype=np.int64))[0]
        common = {
            "OpportunityId": after["Id"],
            "CreatedDate": stamp,
            "CreatedById": author,
            "IsDeleted": False,
        }
        names = [name for name in HISTORY_COLUMNS.values() if name != "Owner"]
        moved = [name for name in names if before is not None and before.get(name) != after.get(name)]
        if before is None or moved:
            row = {name: after.get(name) for name in (*names, "Probability", "CurrencyIsoCode")}
            self.shelves["OpportunityHistory"].put({**common, **row}, at)
        for name in ["created"] if before is None else moved:
            old = None if before is None else before.get(name)
            row = {"Field": name, "OldValue": old, "NewValue": None if before is None else after.get(name)}
            self.shelves["OpportunityFieldHistory"].put({**common, **row}, at)

    def put(self, name: str, record: Mapping[str, Any], *, updated: int | None = None) -> str:
        """As in `Fake.put`; a new record gets the fields it does not name: nulls, and the stamps and marks of a
        fresh one.
        """
        with self._lock:
            shelf = self.shelves[name]
            identifier = str(record.get("Id", ""))
            known = shelf.find(identifier, View(self.now())) if identifier else None
            if known is None:
                blank: Record = dict.fromkeys(self.objects[name].fields)
                blank["CreatedDate"] = instant_text(self.now() // SECOND * SECOND)
                if "IsDeleted" in blank:
                    blank["IsDeleted"] = False
                blank.pop("Id")
                if "StageName" in blank and name == "Opportunity":
                    blank |= {"IsClosed": False, "IsWon": False, "CurrencyIsoCode": "USD"}
                record = {**blank, **record}
            return super().put(name, record, updated=updated)

    def problem(self, status: int, message: str, where: str = "") -> Reply:
        """Salesforce answers errors as a list of messages with codes."""
        code = {
            400: where or "MALFORMED_QUERY",
            401: "INVALID_SESSION_ID",
            403: where or "INSUFFICIENT_ACCESS",
            404: "NOT_FOUND",
            503: "SERVER_UNAVAILABLE",
        }.get(status, "UNKNOWN_EXCEPTION")
        text = "Session expired or invalid" if status == 401 else message
        return Reply(status, [{"message": text, "errorCode": code}])

    def fields_known(self, name: str) -> dict[str, Field | None]:
        """The object's fields after schema edits; None stands for an edited one that only rendering knows."""
        item = self.objects.get(name)
        if item is None:
            message = f"sObject type '{name}' is not supported."
            raise BadRequest(message, "INVALID_TYPE")
        if name in self.traps.forbidden:
            raise BadRequest(f"entity type {name} does not support query", "INSUFFICIENT_ACCESS", 403)
        fields: dict[str, Field | None] = dict(item.fields)
        for edit in self.traps.schema:
            if edit.object != name:
                continue
            if edit.edit is Edit.NEW or (edit.name in fields and edit.edit is Edit.RETYPED):
                fields[edit.name] = None
            elif edit.name in fields:
                del fields[edit.name]
                if edit.edit is Edit.RENAMED:
                    fields[edit.value] = None
        return fields

    def run(self, text: str, *, everything: bool) -> tuple[soql.Query, Hits]:
        """Parse and run a query over what is there now; deleted rows only with `everything`.

        Raises:
            BadRequest: the query is malformed, or names what is not there.
        """
        try:
            query = soql.parse(text)
        except soql.Malformed as error:
            raise BadRequest(str(error), "MALFORMED_QUERY") from None
        known = self.fields_known(query.object)
        names = {name.lower(): name for name in known}
        for field in query.fields:
            if field.lower() not in names:
                message = f"\nSELECT {field} FROM {query.object}\n       ^\nERROR at Row:1:Column:8\n"
                message += f"No such column '{field}' on entity '{query.object}'."
                raise BadRequest(message, "INVALID_FIELD")
        hits = self.shelves[query.object].hits(self.view())
        if not everything:
            hits = without_gone(hits)
        elif self.traps.purge_deleted:
            hits = hits.take(~hits.gone | (hits.updated > self.now() - PURGE_DAYS * DAY))
        if query.where is not None:
            hits = hits.take(self._matches(query.object, hits, query.where))
        hits = self._ordered(query, hits)
        return query, hits if query.limit is None else hits.take(slice(0, query.limit))

    def _matches(self, name: str, hits: Hits, condition: soql.Condition) -> Bools:
        if isinstance(condition, soql.Combination):
            masks = [self._matches(name, hits, part) for part in condition.parts]
            if condition.operator == "NOT":
                return ~masks[0]
            together = np.logical_and.reduce if condition.operator == "AND" else np.logical_or.reduce
            return np.asarray(together(masks), dtype=np.bool_)
        values = self._column(name, hits, condition.field)
        wanted = condition.value
        if condition.operator in ("IN", "NOT IN"):
            options = {_literal(v) for v in (wanted if isinstance(wanted, tuple) else (wanted,))}
            found = np.fromiter((v in options for v in values), dtype=np.bool_, count=hits.size)
            return found if condition.operator == "IN" else ~found
        assert not isinstance(wanted, tuple)  # noqa: S101
        right = _literal(wanted)
        if isinstance(values, np.ndarray) and isinstance(right, int):
            return np.asarray(_COMPARE[condition.operator](values, right), dtype=np.bool_)
        compare = _COMPARE[condition.operator]
        if right is None or condition.operator in ("=", "!="):
            return np.fromiter((compare(v, right) for v in values), dtype=np.bool_, count=hits.size)
        return np.fromiter(
            (v is not None and compare(v, right) for v in values), dtype=np.bool_, count=hits.size
        )

    def _column(self, name: str, hits: Hits, field: str) -> Any:
        """Comparable values of a field: milliseconds for instants, the vendor's text, number or boolean otherwise."""
        lowered = field.lower()
        if (
            lowered in ("systemmodstamp", "lastmodifieddate")
            and "SystemModstamp" in self.objects[name].fields
        ):
            return hits.updated
        if lowered == "createddate":
            return hits.created
        if lowered == "isdeleted":
            return hits.gone.tolist()
        if lowered == "id":
            return self.shelves[name].ids(hits)
        names = {known.lower(): known for known in self.fields_known(name)}
        if lowered not in names:
            raise BadRequest(f"No such column '{field}' on entity '{name}'.", "INVALID_FIELD")
        definition = self.objects[name].fields.get(names[lowered])
        values = [record.get(names[lowered]) for record in self.render(name, hits)]
        if definition is not None and definition.kind == "instant":
            return [None if value is None else soql.milliseconds(value) for value in values]
        return values

    def _ordered(self, query: soql.Query, hits: Hits) -> Hits:
        if not query.order:
            return hits.sort(hits.number)
        keys: list[Ints] = []
        for order in query.order:
            values = self._column(query.object, hits, order.field)
            if not isinstance(values, np.ndarray):
                ranks = {
                    value: rank for rank, value in enumerate(sorted({v for v in values if v is not None}))
                }
                values = np.asarray([ranks.get(v, -1) for v in values], dtype=np.int64)
            keys.append(-values if order.descending else values)
        return hits.sort(*keys, hits.number)

    def records(self, query: soql.Query, hits: Hits, version: str) -> list[Record]:
        """The asked fields of records, as REST shows them."""
        names = {name.lower(): name for name in self.fields_known(query.object)}
        wanted = [names[field.lower()] for field in query.fields]
        found = []
        for identifier, record in zip(
            self.shelves[query.object].ids(hits), self.render(query.object, hits), strict=True
        ):
            url = f"/services/data/{version}/sobjects/{query.object}/{identifier}"
            found.append(
                {
                    "attributes": {"type": query.object, "url": url},
                    **{name: record.get(name) for name in wanted},
                }
            )
        return found


_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "LIKE": lambda left, right: left is not None and str(right).strip("%").lower() in str(left).lower(),
}


def _literal(value: soql.Literal | soql.Instant) -> Any:
    return value.at if isinstance(value, soql.Instant) else value


def instant_text(at: int) -> str:
    """An instant as REST writes it."""
    return f"{np.datetime64(at, 'ms')}+0000"


def _shown(field: Field, values: Sequence[Any]) -> Sequence[Any]:
    """Canonical values as REST writes them."""
    if field.kind != "instant":
        return values
    return [
        None if value is None else f"{text}+0000"
        for value, text in zip(values, iso_texts(values), strict=True)
    ]


def iso_texts(values: Sequence[int | None]) -> list[str]:
    """Instants as ISO texts without an offset; nulls are the first instant of all."""
    at = np.asarray([0 if value is None else value for value in values], dtype=np.int64)
    return list(np.datetime_as_string(at.astype("datetime64[ms]")).tolist()) if at.size else []
