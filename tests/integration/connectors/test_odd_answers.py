"""Answers that no vendor promises and some give: another shape, a late error, a redirect, a secret in a header."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConnectorError, GarbledAnswer, RequestRefused
from connectors.sandbox.messages import Delivery, Request
from connectors.sandbox.server import Servers
from tests.integration.connectors.source_bench import SourceBench

TOKEN = "canary-3d1f"


class Answers:
    """A system that answers what a test says."""

    base_url = ""

    def __init__(self, answer: Callable[[Request], tuple[int, Any, dict[str, str]]]) -> None:
        self._answer = answer
        self.asked: list[Request] = []

    def answer(self, request: Request) -> Delivery:
        self.asked.append(request)
        status, body, headers = self._answer(request)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Delivery(status, content, {"Content-Type": "application/json", **headers})


@contextmanager
def source(
    answers: Answers, root: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]
) -> Iterator[SourceBench]:
    with Servers({"odd": answers}) as servers:
        monkeypatch.setenv("ODD_URL", servers.url("odd"))
        monkeypatch.setenv("ODD_TOKEN", TOKEN)
        auth = {"kind": "bearer", "token": "env:ODD_TOKEN"}
        yield SourceBench(root, {"base_url": "env:ODD_URL", "auth": auth, **config})


SHOP = {
    "system": "shop",
    "settings": {
        "kind": "http",
        "streams": [
            {
                "name": "orders",
                "path": "/v1/orders",
                "records": "data",
                "key": ["id"],
                "columns": [{"name": "id", "type": "string"}],
            }
        ],
    },
}


@pytest.mark.parametrize("target", ["orders?page=1", "/v1/moved", "{base}/v1/moved"])
def test_a_redirect_on_the_same_host_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    def answer(request: Request) -> tuple[int, Any, dict[str, str]]:
        if request.path == "/v1/orders" and not request.param("page"):
            return 302, b"", {"Location": target.format(base=answers.base_url)}
        return 200, {"data": [{"id": "1"}]}, {}

    answers = Answers(answer)
    with source(answers, tmp_path, monkeypatch, SHOP) as shop:
        shop.load("orders")
        assert list(shop.rows("orders")) == ["1"]


def test_a_secret_that_comes_back_in_the_request_id_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Answers(lambda request: (400, {"message": "no"}, {"X-Request-Id": f"for {TOKEN}"}))
    with source(answers, tmp_path, monkeypatch, SHOP) as shop, pytest.raises(RequestRefused) as caught:
        shop.load("orders")
    assert "request id" in str(caught.value)
    assert TOKEN not in str(caught.value)


SHAPES: list[Any] = [[], {}, None, "slow down", 7, [7], [None], {"id": {}}, {"x": 1}]


@pytest.mark.parametrize("body", SHAPES, ids=json.dumps)
@pytest.mark.parametrize(
    ("system", "path", "begin"),
    [
        ("salesforce", "/jobs/query", {"totalSize": 9_999, "done": False, "records": []}),
        ("salesforce", "/jobs/query/750", {"totalSize": 9_999, "done": False, "records": []}),
        ("jira", "/worklog/list", {"values": [{"worklogId": 1}], "lastPage": True}),
        ("jira", "/worklog/updated", None),
        ("hubspot", "/crm/v3/pipelines/deals", None),
    ],
)
def test_an_answer_of_another_shape_is_a_typed_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, path: str, begin: Any, body: Any
) -> None:
    def answer(request: Request) -> tuple[int, Any, dict[str, str]]:
        if request.path.endswith("/token"):
            return 200, {"access_token": "t"}, {}
        if request.path.endswith(path):
            return 200, body, {}
        if request.path.endswith("/jobs/query"):
            return 200, {"id": "750"}, {}
        return 200, begin, {}

    streams = {"salesforce": "opportunity_stages", "jira": "worklogs", "hubspot": "deal_stages"}
    config: dict[str, Any] = {"system": system}
    if system == "salesforce":
        secret = {"client_id": "env:ODD_TOKEN", "client_secret": "env:ODD_TOKEN"}
        config["auth"] = {"kind": "client_credentials", **secret}
    with source(Answers(answer), tmp_path, monkeypatch, config) as bench:
        with suppress(ConnectorError):
            bench.load(streams[system])
        assert bench.rows(streams[system]) == {}


def test_a_stumble_names_the_line_and_nothing_of_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"results": [{"id": "1", "stages": ["canary-name"]}]}
    answers = Answers(lambda request: (200, body, {}))
    stumble = pytest.raises(GarbledAnswer, match=r"another shape .* at hubspot_objects\.py:\d+")
    with source(answers, tmp_path, monkeypatch, {"system": "hubspot"}) as bench, stumble as caught:
        bench.load("deal_stages")
    assert "canary" not in str(caught.value)


def test_an_error_behind_a_long_part_of_the_data_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an answer with its errors at the end would land as if it were whole."""
    team = {"id": "t1", "key": "T", "name": "x" * 100_000, "timezone": "UTC"}
    half = {"data": {"teams": {"nodes": [team], "pageInfo": {"hasNextPage": False, "endCursor": None}}}}
    errors = {"errors": [{"message": "a part failed", "extensions": {"code": "FORBIDDEN"}}]}
    answers = Answers(lambda request: (200, {**half, **errors}, {}))
    with source(answers, tmp_path, monkeypatch, {"system": "linear"}) as bench:
        with pytest.raises(ConnectorError, match="a part failed"):
            bench.load("teams")
        assert bench.rows("teams") == {}


def test_a_query_that_is_too_complex_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"errors": [{"message": "Query too complex. Complexity 31375 > 10000"}]}
    answers = Answers(lambda request: (400, body, {}))
    refused = pytest.raises(RequestRefused, match="too complex")
    with source(answers, tmp_path, monkeypatch, {"system": "linear"}) as bench, refused:
        bench.load("teams")
    assert len(answers.asked) == 1
