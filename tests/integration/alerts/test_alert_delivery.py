"""Each transport against a receiver on loopback: the shapes the vendors document, and what goes wrong.

Shapes: Slack incoming webhooks (Block Kit), Teams workflows (Adaptive Card in a message), PagerDuty Events API v2,
Opsgenie Alert API v2, RFC 5322 mail, our own webhook.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import apprise.url
import pytest
from apprise.plugins import opsgenie, pagerduty
from apprise.plugins.slack import NotifySlack

from connectors.secret import Secret
from definitions.settings import AlertSettings
from pipelines.alerts.deliver import Address, Outcome, is_incident_channel, send
from pipelines.alerts.model import Alert, Contributor, Fact, Link, Notice, Point, Severity
from pipelines.alerts.payload import Entry, Message, Wording, compose
from pipelines.alerts.signing import LinkSigner
from tests.integration.alerts.receivers import (
    HANG_SECONDS,
    Mailbox,
    Receiver,
    certificate,
    free_port,
    http_receiver,
    mailbox,
)
from tests.unit.alerts.company import MONDAY, SETTINGS, alert, organisation

HASTY = SETTINGS.model_copy(update={"send_seconds": 0.5})
ABOUT = alert(
    severity=Severity.CRITICAL,
    title="CSAT: 71 % (Mon 2 Mar 2026), expected 84 %–91 %",
    detail="Lowest Monday in 60 weeks. <!channel>",
    facts=(Fact("Value", "71 %", 0.71),),
    contributors=(Contributor("region=emea", "71 % of the change"),),
    chart=tuple(Point(date(2026, 2, 1) + timedelta(n), 0.9 - n / 100, 0.9, 0.8, 1.0) for n in range(20)),
    links=(Link("Report", "https://vitals.example.com/csat.html"),),
)
WORDING = Wording(
    organisation(), SETTINGS, LinkSigner((b"k" * 32,), "https://vitals.example.com", 14), MONDAY
)


def message(notice: Notice = Notice.FIRING, about: Alert = ABOUT, key: str = "key-1") -> Message:
    return compose([Entry(about, notice)], "person:ana", key, WORDING)


def deliver(
    url: str, what: Message | None = None, email: str | None = None, settings: AlertSettings = SETTINGS
) -> Outcome:
    return send(what or message(), Address(Secret(url), email), settings, MONDAY)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running


def hook(receiver: Receiver) -> str:
    return f"json://127.0.0.1:{receiver.port}/hook"


# ── shapes ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_webhook(receiver: Receiver) -> None:
    assert deliver(hook(receiver)) == Outcome()
    (arrival,) = receiver.arrivals
    assert arrival.headers["idempotency-key"] == "key-1"
    assert arrival.headers["content-type"] == "application/json"
    body = arrival.body
    assert (body["status"], body["type"], body["recipient"]) == ("firing", "failure", "person:ana")
    assert body["alerts"][0]["facts"] == [{"label": "Value", "text": "71 %", "value": 0.71}]
    assert body["alerts"][0]["acknowledge"].startswith("https://vitals.example.com/acknowledge?token=")
    (image,) = body["attachments"]
    assert (image["filename"], image["mimetype"]) == ("chart-1.png", "image/png")
    assert base64.b64decode(image["base64"]).startswith(b"\x89PNG")


def test_webhook_that_asks_for_a_user_and_a_header_of_its_own(receiver: Receiver) -> None:
    assert deliver(f"json://vitals:s3cret-word@127.0.0.1:{receiver.port}/hook?+X-Tenant=north").is_delivered
    headers = receiver.arrivals[0].headers
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"vitals:s3cret-word"
    assert headers["x-tenant"] == "north"


def test_slack(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", receiver.url("/services"))
    assert deliver("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ") == Outcome()
    (arrival,) = receiver.arrivals
    assert arrival.path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    (attachment,) = arrival.body["attachments"]
    header, section = attachment["blocks"]
    assert header["type"] == "header"
    assert header["text"]["type"] == "plain_text"
    assert 0 < len(header["text"]["text"]) <= 150
    assert section["type"] == "section"
    assert section["text"]["type"] == "mrkdwn"
    text = section["text"]["text"]
    assert 0 < len(text) <= 3000
    assert "*Value:* 71 %" in text
    assert "|Acknowledge>" in text
    assert "<!channel>" not in text
    assert attachment["color"].startswith("#")


def test_slack_by_the_address_that_slack_gives_out(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", receiver.url("/services"))
    url = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert deliver(url).is_delivered
    assert receiver.arrivals[0].path.endswith("/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")


def test_teams_workflow(tmp_path: Path) -> None:
    pair = certificate(tmp_path)
    if pair is None:
        pytest.skip("no openssl to make a certificate with; Teams is reached over TLS only")
    with http_receiver(pair) as receiver:
        url = f"workflows://127.0.0.1:{receiver.port}/643e69f83c8944/1iRg4qqs5fEJ?verify=no"
        assert deliver(url) == Outcome()
        (arrival,) = receiver.arrivals
        assert arrival.path.startswith("/workflows/643e69f83c8944/triggers/manual/paths/invoke?")
        assert "sig=1iRg4qqs5fEJ" in arrival.path
        assert arrival.body["type"] == "message"
        (attachment,) = arrival.body["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        card = attachment["content"]
        assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
        assert [block["type"] for block in card["body"]] == ["TextBlock", "TextBlock"]
        assert "[Acknowledge](https://" in card["body"][1]["text"]
        assert "entities" not in card["msteams"]
        # A certificate nobody vouches for is refused unless the URL says otherwise.
        assert not deliver(url.removesuffix("?verify=no")).is_delivered


@pytest.fixture
def pager(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", receiver.url("/v2/enqueue"))
    return "pagerduty://3b1f0c2d4e5f60718293a4b5c6d7e8f9@u-token-0123456789"


def test_pagerduty_triggers_and_resolves_under_one_key(pager: str, receiver: Receiver) -> None:
    assert deliver(pager) == Outcome()
    assert deliver(pager, message(Notice.REMINDER)).is_delivered
    assert deliver(pager, message(Notice.RESOLVED)).is_delivered
    trigger, reminder, resolve = (arrival.body for arrival in receiver.arrivals)
    assert trigger["routing_key"] == "3b1f0c2d4e5f60718293a4b5c6d7e8f9"
    assert (trigger["event_action"], reminder["event_action"]) == ("trigger", "trigger")
    payload = trigger["payload"]
    assert payload["severity"] in ("critical", "error", "warning", "info")
    assert payload["severity"] == "critical"
    assert 0 < len(payload["summary"]) <= 1024
    assert payload["source"]
    assert (payload["group"], payload["class"]) == ("support", "anomaly")
    assert payload["custom_details"]["Value"] == "71 %"
    assert payload["custom_details"]["acknowledge"].startswith("https://")
    assert trigger["links"] == [{"href": "https://vitals.example.com/csat.html"}]
    assert set(resolve) == {"routing_key", "event_action", "dedup_key"}
    assert resolve["event_action"] == "resolve"
    assert trigger["dedup_key"] == reminder["dedup_key"] == resolve["dedup_key"]
    assert len(trigger["dedup_key"]) <= 255


@pytest.fixture
def genie(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(opsgenie.OPSGENIE_API_LOOKUP, "us", receiver.url("/v2/alerts"))
    return "opsgenie://8c2b7d41-a0e5-4c1f-9a58-7b1d2f3e4a5b/#ops"


@pytest.mark.parametrize(("severity", "priority"), [("info", "P5"), ("warning", "P3"), ("critical", "P1")])
def test_opsgenie_creates_an_alert(genie: str, receiver: Receiver, severity: str, priority: str) -> None:
    assert deliver(genie, message(about=replace(ABOUT, severity=Severity(severity)))) == Outcome()
    (arrival,) = receiver.arrivals
    assert arrival.path == "/v2/alerts"
    assert arrival.headers["authorization"] == "GenieKey 8c2b7d41-a0e5-4c1f-9a58-7b1d2f3e4a5b"
    body = arrival.body
    assert 0 < len(body["message"]) <= 130
    assert len(body["description"]) <= 15000
    assert body["alias"] == message().incident
    assert body["priority"] == priority
    assert body["responders"] == [{"type": "team", "name": "ops"}]
    assert body["tags"] == ["anomaly", "support"]
    assert body["details"]["Value"] == "71 %"
    assert all(isinstance(value, str) for value in body["details"].values())


def test_opsgenie_closes_by_alias_from_another_process(genie: str, receiver: Receiver) -> None:
    assert deliver(genie, message(Notice.RESOLVED)).is_delivered
    (close,) = receiver.arrivals
    alias = message().incident
    assert close.path == f"/v2/alerts/{alias}/close?identifierType=alias"
    assert set(close.body) <= {"source", "note", "user"}
    assert close.headers["authorization"].startswith("GenieKey ")


def test_a_receiver_of_incidents_is_known_by_its_scheme(pager: str, genie: str) -> None:
    assert is_incident_channel(Address(Secret(pager)))
    assert is_incident_channel(Address(Secret(genie)))
    assert not is_incident_channel(Address(Secret("slack://a/b/c")))


def mail(box: Mailbox) -> str:
    return f"mailto://127.0.0.1:{box.port}?from=vitals@example.com&mode=insecure"


def test_mail_to_a_person(box: Mailbox) -> None:
    assert deliver(mail(box), email="ana@example.com") == Outcome()
    ((recipients, letter),) = box.messages
    assert recipients == ["ana@example.com"]
    assert letter["To"] == "ana@example.com"
    assert "vitals@example.com" in letter["From"]
    assert letter["Subject"].startswith("CSAT: 71 %")
    assert letter["X-Vitals-Key"] == "key-1"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["References"] == f"<{message().incident}@vitals.invalid>"
    html, plain = letter.get_body(("html",)), letter.get_body(("plain",))
    assert html is not None
    assert plain is not None
    assert "Lowest Monday" in plain.get_content()
    assert 'src="cid:chart-1.png"' in html.get_content()
    images = [part for part in letter.walk() if part.get_content_type() == "image/png"]
    assert [part["Content-ID"] for part in images] == ["<chart-1.png>"]


def test_an_address_in_the_channel_wins(box: Mailbox) -> None:
    assert deliver(mail(box) + "&to=team@example.com", email="ana@example.com").is_delivered
    assert box.messages[0][0] == ["team@example.com"]


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "headers", "retry", "wait"),
    [
        (500, {}, True, None),
        (503, {"Retry-After": "120"}, True, 120.0),
        (429, {"Retry-After": "60"}, True, 60.0),
        (429, {"Retry-After": "Mon, 02 Mar 2026 10:01:30 GMT"}, True, 90.0),
        (429, {}, True, None),
        (400, {}, False, None),
        (422, {}, False, None),
        (401, {}, True, None),
        (404, {}, True, None),
        (302, {"Location": "http://127.0.0.1:1/elsewhere"}, True, None),
    ],
)
def test_the_answer_says_whether_and_when_to_try_again(
    receiver: Receiver, status: int, headers: dict[str, str], retry: bool, wait: float | None
) -> None:
    receiver.mode, receiver.headers = status, headers
    outcome = deliver(hook(receiver))
    assert (outcome.is_delivered, outcome.retry, outcome.wait) == (False, retry, wait)
    assert outcome.error.startswith(f"HTTP {status}")
    assert receiver.tries == 1


@pytest.mark.parametrize("mode", ["hang", "drip"])
def test_a_receiver_that_does_not_end_costs_its_time_out(receiver: Receiver, mode: str) -> None:
    receiver.mode = mode
    begun = time.monotonic()
    outcome = deliver(hook(receiver), settings=HASTY)
    assert time.monotonic() - begun < HANG_SECONDS / 2
    assert (outcome.is_delivered, outcome.retry) == (False, True)


def test_a_receiver_that_is_not_there() -> None:
    outcome = deliver(f"json://127.0.0.1:{free_port()}/hook")
    assert (outcome.error, outcome.retry) == ("the receiver could not be reached, or broke off", True)


@pytest.mark.parametrize("mode", ["550 no such user", "451 try later", "hang"])
def test_a_mail_server_that_does_not_take_it(box: Mailbox, mode: str) -> None:
    box.mode = mode
    outcome = deliver(mail(box), email="ana@example.com", settings=HASTY if mode == "hang" else SETTINGS)
    assert (outcome.is_delivered, outcome.retry) == (False, True)


@pytest.mark.parametrize(
    "url", ["", "nonsense", "pagerduty://", "slack://x", "json://", "mailto://", "nosuch://a/b"]
)
def test_a_url_that_means_nothing_is_said_without_repeating_it(url: str) -> None:
    outcome = deliver(url)
    assert not outcome.is_delivered
    assert outcome.retry
    assert url not in outcome.error or not url


def test_sends_do_not_wait_for_each_other(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError(f"Apprise slept {seconds} s: it does between two sends of one object")

    monkeypatch.setattr(NotifySlack, "webhook_url", receiver.url("/services"))
    monkeypatch.setattr(apprise.url.time, "sleep", sleep)
    quick = replace(message(), images=())
    for _ in range(4):
        assert deliver("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", quick).is_delivered
