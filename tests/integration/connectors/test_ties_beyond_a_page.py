"""More records of one second than a page holds, edited while they are read: none is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.messages import Delivery, Request
from connectors.sandbox.server import Servers
from tests.integration.connectors.source_bench import SourceBench

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECOND = "2026-06-12T08:00:00Z"
LATER = "2026-06-15T12:30:00Z"


def answered(body: Any, **headers: str) -> Delivery:
    return Delivery(200, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


class GitHubList:
    """Issues by change time, three a page, by page number; `edit` is told before each answer goes out."""

    base_url = ""

    def __init__(self, count: int) -> None:
        self.stamps = dict.fromkeys(range(1, count + 1), SECOND)
        self.served = 0
        self.edit: Callable[[int], None] = lambda served: None

    def answer(self, request: Request) -> Delivery:
        since, page = request.param("since"), request.number("page", 1)
        found = sorted((at, number) for number, at in self.stamps.items() if at >= since)
        begin, end = 3 * (page - 1), 3 * page
        body = [self._issue(number, at) for at, number in found[begin:end]]
        self.served += 1
        self.edit(self.served)
        if end >= len(found):
            return answered(body)
        return answered(body, Link=f'<{self.base_url}{request.path}?page={page + 1}>; rel="next"')

    @staticmethod
    def _issue(number: int, at: str) -> dict[str, Any]:
        issue = {"id": number, "number": number, "state": "open", "created_at": SECOND, "updated_at": at}
        absent = dict.fromkeys(("closed_at", "assignee", "milestone"))
        return {**issue, **absent, "comments": 0, "labels": []}


def test_issues_that_leave_their_second_take_no_other_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = GitHubList(20)

    def edit(served: int) -> None:
        """An issue that was read already moves to the end, and all after it move up."""
        if served <= 5:
            fake.stamps[served] = LATER

    fake.edit = edit
    with Servers({"github": fake}) as servers:
        monkeypatch.setenv("GITHUB_URL", servers.url("github"))
        monkeypatch.setenv("GITHUB_TOKEN", "canary")
        auth = {"kind": "bearer", "token": "env:GITHUB_TOKEN"}
        options = {"repositories": "acme/shop"}
        config = {"system": "github", "base_url": "env:GITHUB_URL", "auth": auth, "options": options}
        bench = SourceBench(tmp_path, config, now=NOW)
        bench.load("issues")
        assert len(bench.rows("issues")) == 20


class MetricEvents:
    """Events by time, 250 a page, and by cursor, 100 a page; `tells_end` as some versions do."""

    base_url = ""

    def __init__(self, times: list[int], *, tells_end: bool) -> None:
        self.events = sorted(times)
        self.tells_end = tells_end
        self.by_time = 0

    def answer(self, request: Request) -> Delivery:
        first = next(
            (at for at, time in enumerate(self.events) if time >= request.number("start_time", 0)), 0
        )
        if request.param("page[size]"):
            begin = request.number("page[after]", first)
            end = min(begin + 100, len(self.events))
            more = end < len(self.events)
            meta = {"has_more": more, "after_cursor": str(end) if more else None}
            return answered({"ticket_metric_events": self._shown(begin, end), "meta": meta})
        self.by_time += 1
        end = min(first + 250, len(self.events))
        body = {"ticket_metric_events": self._shown(first, end), "end_time": self.events[end - 1]}
        if self.tells_end:
            body["end_of_stream"] = end == len(self.events)
        return answered(body)

    def _shown(self, begin: int, end: int) -> list[dict[str, Any]]:
        common = {"ticket_id": 1, "metric": "reply_time", "instance_id": 1, "type": "activate"}
        return [
            {**common, "id": number, "time": datetime.fromtimestamp(self.events[number], UTC).isoformat()}
            for number in range(begin, end)
        ]


@pytest.mark.parametrize("tells_end", [True, False])
@pytest.mark.parametrize("after", [0, 40, 400])
def test_events_of_a_second_that_fills_pages_do_not_hide_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells_end: bool, after: int
) -> None:
    start = int(datetime.fromisoformat("2026-06-10T00:00:00Z").timestamp())
    times = [*range(start, start + 60), *[start + 100] * 620, *range(start + 200, start + 200 + after)]
    fake = MetricEvents(times, tells_end=tells_end)
    with Servers({"zendesk": fake}) as servers:
        monkeypatch.setenv("ZENDESK_URL", servers.url("zendesk"))
        monkeypatch.setenv("ZENDESK_TOKEN", "canary")
        auth = {"kind": "bearer", "token": "env:ZENDESK_TOKEN"}
        config = {"system": "zendesk", "base_url": "env:ZENDESK_URL", "auth": auth}
        bench = SourceBench(tmp_path, config, now=NOW)
        for _ in range(2):
            bench.load("ticket_metric_events")
            assert len(bench.rows("ticket_metric_events")) == len(times)
    assert fake.by_time < 10
