"""A listing by position whose records come and go while it is read.

Source: connector rules, 'Jira Data Center': updates during paging skip or repeat rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.contract import parse_path, value_at
from connectors.errors import ProtocolError
from connectors.http import HttpClient
from connectors.listing import records_in
from connectors.paging import Offset
from connectors.stream import Checkpoint, Page, Request

STEPS_BACK = 20


def walk_anchored(
    client: HttpClient,
    request: Request,
    paging: Offset,
    *,
    records_at: str,
    key: str,
    resume: Checkpoint | None = None,
) -> Iterator[Page]:
    """Follow a listing by position while its records come and go.

    Each page begins with the last record of the page before it. Where it does not, records were deleted in
    between and everything moved up: the walk steps back until it is on known ground. Records that were handed on
    already are left out.

    Raises:
        ProtocolError: the listing moves faster than it can be read.
    """
    size = int(resume["step"]) if resume else paging.size[1]
    position = max(paging.first_position, int(resume["offset"]) - size if resume else paging.first_position)
    seen: set[object] = set()
    steps_back = 0
    while True:
        at_start = position == paging.first_position or not seen
        this = paging.following(request, {"offset": position})
        answer = client.send(this.method, this.path, params=this.params, body=this.body, headers=this.headers)
        body = answer.json()
        records = records_in(body, records_at, answer)
        if records and not at_start and records[0].get(key) not in seen:
            steps_back += 1
            if steps_back > STEPS_BACK:
                raise ProtocolError(
                    "the listing moves faster than it can be read", place=answer.place, hint="run again"
                )
            position = max(paging.first_position, position - size)
            continue
        steps_back = 0
        total = value_at(body, parse_path(paging.total_at)) if paging.total_at else None
        fresh = [record for record in records if record.get(key) not in seen]
        seen.update(record.get(key) for record in fresh)
        reached = position + len(records)
        more = bool(records) and not (isinstance(total, int) and reached - paging.first_position >= total)
        yield Page(
            answer.body,
            fresh,
            {"offset": reached, "step": len(records)} if more else None,
            total=total if isinstance(total, int) else None,
        )
        if not more:
            return
        size = max(1, len(records))
        # One record is asked for again; a page of one record could not get on that way.
        position = reached - 1 if len(records) > 1 else reached
