"""What the fake Zendesk lists beside its exports: ratings, metrics, audits, groups, organisations.

What it keeps of the vendor's habits: metrics of deleted tickets are a 404; `/ticket_metrics` is listed by creation.
"""

from __future__ import annotations

import numpy as np

from connectors.sandbox.company import identity, words
from connectors.sandbox.company.support import AGENTS
from connectors.sandbox.company.timeline import DAY, NONE, SECOND, zulu
from connectors.sandbox.messages import BadRequest, Reply, Request
from connectors.sandbox.shelf import Hits, Record
from connectors.sandbox.zendesk_desk import Desk
from connectors.sandbox.zendesk_tickets import (
    AGENT_BASE,
    GROUP_BASE,
    ORGANIZATION_BASE,
    RATING_BASE,
    TICKET_BASE,
)


class DeskLists(Desk):
    """The lists of an account."""

    def ratings(self, request: Request) -> Reply:
        """Ratings of tickets, by the time they were given."""
        data, log = self.company.conversations, self.tickets.log
        version = log.current(self.now())
        rated = version[log.state["rating"][version] > 0]
        at = log.state["rated"][rated]
        start, end = (
            request.number("start_time", 0) * SECOND,
            request.number("end_time", self.now() // SECOND) * SECOND,
        )
        inside = (at >= start) & (at <= end)
        rated, at = rated[inside], at[inside]
        order = np.argsort(at, kind="stable")
        found = []
        for place in order.tolist():
            number = int(log.record[rated[place]])
            team, rating = int(data.team[number]), int(log.state["rating"][rated[place]])
            found.append(
                {
                    "id": RATING_BASE + number,
                    "url": f"{self.base_url}/api/v2/satisfaction_ratings/{RATING_BASE + number}.json",
                    "ticket_id": TICKET_BASE + number,
                    "score": "good" if rating >= 4 else "bad",
                    "comment": None,
                    "reason": None,
                    "assignee_id": AGENT_BASE,
                    "requester_id": 400_000 + int(data.contact[number]),
                    "group_id": None if team == NONE else GROUP_BASE + team,
                    "created_at": zulu(int(at[place])),
                    "updated_at": zulu(int(at[place])),
                }
            )
        score = request.param("score")
        if score:
            found = [rating_ for rating_ in found if rating_["score"] in score.split(",")]
        return self.listed(request, "satisfaction_ratings", found)

    def metrics(self, request: Request) -> Reply:
        """Metrics of tickets, newest ticket first."""
        log = self.tickets.log
        version = log.current(self.now())
        found = [self.tickets.metric_set(int(log.record[v]), int(v)) for v in version[::-1][:5_000]]
        return self.listed(request, "ticket_metrics", found)

    def _one(self, ticket_id: str) -> Hits:
        hits = self.shelves["ticket"].find(ticket_id, self.view(searched=False))
        if hits is None or bool(hits.gone[0]):
            raise BadRequest("Not found", status=404)
        return hits

    def ticket(self, request: Request, ticket_id: str) -> Reply:
        """One ticket."""
        return Reply(200, {"ticket": self.shown(self._one(ticket_id), "")[0]})

    def metrics_of(self, request: Request, ticket_id: str) -> Reply:
        """The metrics of one ticket."""
        number = int(self._one(ticket_id).number[0])
        if number >= self.tickets.log.size:
            raise BadRequest("Not found", status=404)
        return Reply(200, {"ticket_metric": self.tickets.metric_set(number, self.version_of(number))})

    def audits(self, request: Request, ticket_id: str) -> Reply:
        """What happened to one ticket."""
        number = int(self._one(ticket_id).number[0])
        found = self.tickets.audits(number, self.now()) if number < self.tickets.log.size else []
        return self.listed(request, "audits", found)

    def groups(self, request: Request) -> Reply:
        """The teams."""
        found = [
            {
                "id": GROUP_BASE + code,
                "name": name,
                "deleted": False,
                "created_at": zulu(0),
                "updated_at": zulu(0),
            }
            for code, name in enumerate(words.SUPPORT_TEAMS)
        ]
        return self.listed(request, "groups", found)

    def organization(self, number: int) -> Record:
        """An account as an organisation."""
        account = np.asarray([number], dtype=np.int64)
        created = int(self.company.accounts.created[number])
        return {
            "id": ORGANIZATION_BASE + number,
            "external_id": str(identity.account_ids(account)[0]),
            "name": identity.account_name(number),
            "created_at": zulu(created),
            "updated_at": zulu(created),
            "tags": [],
            "organization_fields": {},
        }

    def organizations(self, request: Request) -> Reply:
        """The accounts' organisations."""
        log = self.company.account_log
        numbers = log.record[log.current(self.now())].tolist()
        return self.listed(request, "organizations", [self.organization(number) for number in numbers])

    def me(self, request: Request) -> Reply:
        """Who asks."""
        user = {
            "id": AGENT_BASE + AGENTS,
            "name": "Vitals reader",
            "email": self.email,
            "role": "admin",
            "time_zone": "UTC",
        }
        return Reply(200, {"user": {**user, "created_at": zulu(self.now() - 400 * DAY), "active": True}})
