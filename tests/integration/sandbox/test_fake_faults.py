"""Every fault that spoils whole answers, through a real connection."""

from __future__ import annotations

import gzip
import time
from datetime import timedelta
from email.utils import parsedate_to_datetime

import orjson
import pytest
import requests

from connectors.sandbox.serve import Sandbox
from connectors.sandbox.traps import Budget, Fault, Kind, Told, Traps
from tests.integration.sandbox.conftest import Client

PATH = "/rest/api/3/status"


def set_fault(sandbox: Sandbox, kind: Kind, **options: object) -> None:
    sandbox.jira.traps = Traps(faults=(Fault(kind, **options),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "status"),
    [(Kind.UNAUTHORIZED, 401), (Kind.FORBIDDEN, 403), (Kind.THROTTLED, 429), (Kind.SERVER_ERROR, 503)],
)
def test_statuses_come_as_often_as_said(sandbox: Sandbox, jira: Client, kind: Kind, status: int) -> None:
    set_fault(sandbox, kind, times=2, after=1, status=503)
    assert [jira.get(PATH).status_code for _ in range(4)] == [200, status, status, 200]


def test_a_fault_can_be_for_one_path_and_for_ever(sandbox: Sandbox, jira: Client) -> None:
    set_fault(sandbox, Kind.SERVER_ERROR, times=None, path="/priority")
    assert {jira.get("/rest/api/3/priority").status_code for _ in range(3)} == {500}
    assert jira.get(PATH).status_code == 200


def test_the_ways_to_say_how_long_to_wait(sandbox: Sandbox, jira: Client) -> None:
    set_fault(sandbox, Kind.THROTTLED, wait=7)
    assert jira.get(PATH).headers["Retry-After"] == "7"
    set_fault(sandbox, Kind.THROTTLED, wait=90, told=Told.DATE)
    answer = jira.get(PATH)
    assert parsedate_to_datetime(answer.headers["Retry-After"]) == sandbox.now + timedelta(seconds=90)
    assert parsedate_to_datetime(answer.headers["Date"]) == sandbox.now
    set_fault(sandbox, Kind.THROTTLED, wait=120, told=Told.RESET)
    answer = jira.get(PATH)
    assert answer.headers["X-RateLimit-Reset"] == "2026-06-15T06:02Z"
    assert "Retry-After" not in answer.headers
    set_fault(sandbox, Kind.THROTTLED, told=Told.NOTHING)
    assert not {"Retry-After", "X-RateLimit-Reset"} & set(jira.get(PATH).headers)


def test_each_vendor_says_throttled_in_its_own_way(
    sandbox: Sandbox, salesforce: Client, intercom: Client
) -> None:
    sandbox.salesforce.traps = Traps(faults=(Fault(Kind.THROTTLED, told=Told.NOTHING),))
    answer = salesforce.get("/services/data/v63.0/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    sandbox.intercom.traps = Traps(faults=(Fault(Kind.THROTTLED, told=Told.RESET, wait=10),))
    answer = intercom.get("/teams")
    assert answer.status_code == 429
    assert int(answer.headers["X-RateLimit-Reset"]) == sandbox.intercom.now() // 1000 + 10


def test_an_error_body_at_200(sandbox: Sandbox, jira: Client) -> None:
    set_fault(sandbox, Kind.ERROR_AT_200)
    answer = jira.get(PATH)
    assert answer.status_code == 200
    assert answer.json()["errorMessages"]


def test_broken_bodies(sandbox: Sandbox, jira: Client) -> None:
    whole = jira.get(PATH).content
    set_fault(sandbox, Kind.TRUNCATED)
    assert jira.get(PATH).content == whole[: len(whole) // 2]
    set_fault(sandbox, Kind.NOT_UTF8)
    with pytest.raises(UnicodeDecodeError):
        jira.get(PATH).content.decode("utf-8")
    set_fault(sandbox, Kind.HTML)
    assert jira.get(PATH).headers["Content-Type"] == "text/html"
    set_fault(sandbox, Kind.EMPTY)
    assert jira.get(PATH).content == b""


def test_a_truncated_gzip_stream(sandbox: Sandbox, salesforce: Client) -> None:
    path = "/services/data/v63.0/query"
    query = {"q": "SELECT Id, Name FROM Account"}
    plain = salesforce.get(path, params=query, headers={"Accept-Encoding": "identity"})
    packed = salesforce.get(path, params=query, stream=True)
    assert packed.headers["Content-Encoding"] == "gzip"
    records = orjson.loads(gzip.decompress(packed.raw.read()))["records"]
    assert records == plain.json()["records"]
    sandbox.salesforce.traps = Traps(faults=(Fault(Kind.TRUNCATED),))
    cut = salesforce.get(path, params=query, stream=True).raw.read()
    with pytest.raises(EOFError):
        gzip.decompress(cut)


def test_a_reset_connection(sandbox: Sandbox, jira: Client) -> None:
    set_fault(sandbox, Kind.RESET)
    with pytest.raises(requests.ConnectionError):
        jira.get(PATH)
    assert jira.get(PATH).ok


def test_a_connection_cut_in_the_middle(sandbox: Sandbox, jira: Client) -> None:
    set_fault(sandbox, Kind.CUT)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        jira.get(PATH)
    assert jira.get(PATH).ok


def test_no_answer_at_all(sandbox: Sandbox, jira: Client) -> None:
    set_fault(sandbox, Kind.HANG, wait=5)
    with pytest.raises(requests.exceptions.ReadTimeout):
        jira.session.get(jira.base + PATH, timeout=0.1)
    assert jira.get(PATH).ok


def test_slow_drips(sandbox: Sandbox, jira: Client) -> None:
    set_fault(sandbox, Kind.DRIP, wait=0.002)
    begun = time.monotonic()
    answer = jira.get(PATH)
    assert len(answer.json()) == 5
    assert time.monotonic() - begun >= 0.002 * (len(answer.content) // 64)


def test_an_enforced_budget(sandbox: Sandbox, jira: Client) -> None:
    ticks = [0.0]
    sandbox.jira.stop_watch = lambda: ticks[0]
    sandbox.jira.traps = Traps(budget=Budget(requests=3, seconds=10))
    assert [jira.get(PATH).status_code for _ in range(4)] == [200, 200, 200, 429]
    ticks[0] = 4.0
    refused = jira.get(PATH)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "6")
    ticks[0] = 10.5
    assert jira.get(PATH).status_code == 200


def test_a_skewed_clock_shows_in_the_date_and_in_the_data(sandbox: Sandbox, jira: Client) -> None:
    sandbox.jira.traps = Traps(skew=timedelta(days=2))
    assert parsedate_to_datetime(jira.get(PATH).headers["Date"]) == sandbox.now + timedelta(days=2)
    identifier = sandbox.jira.put("issue", {"fields": {"summary": "From the future"}})
    assert sandbox.jira.snapshot("issue")[identifier]["fields"]["updated"].startswith("2026-06-17")


def test_everything_that_was_asked_is_kept(sandbox: Sandbox, jira: Client) -> None:
    sandbox.jira.exchanges.clear()
    jira.get(PATH)
    set_fault(sandbox, Kind.SERVER_ERROR)
    jira.get(PATH)
    jira.get("/nowhere")
    kept = [(e.request.method, e.request.path, e.reply.status, e.operation) for e in sandbox.jira.exchanges]
    assert kept == [("GET", PATH, 200, PATH), ("GET", PATH, 500, PATH), ("GET", "/nowhere", 404, "")]
