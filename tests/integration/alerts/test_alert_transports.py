"""All six transports alike: every message keeps the shape its vendor documents, every trouble ends the same way.

The shapes are written down as JSON Schemas from the vendors' references: PagerDuty Events API v2, Slack Block Kit,
Teams (Adaptive Card in a workflow's message), Opsgenie Alert API v2, and our own webhook.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from apprise.plugins import opsgenie, pagerduty
from apprise.plugins.slack import NotifySlack
from jsonschema import Draft202012Validator

from connectors.secret import Secret
from definitions.settings import AlertSettings
from pipelines.alerts.deliver import Address, Outcome, send
from pipelines.alerts.model import Notice, Severity
from pipelines.alerts.payload import Entry, Message, compose
from tests.integration.alerts.receivers import (
    Mailbox,
    Receiver,
    certificate,
    free_port,
    http_receiver,
    mailbox,
)
from tests.integration.alerts.test_alert_delivery import ABOUT, HASTY, WORDING
from tests.unit.alerts.company import MONDAY, SETTINGS, alert

TEXT = {"type": "string", "minLength": 1}


def record(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """A JSON object with these members and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": sorted(required),
        "additionalProperties": False,
    }


def text(longest: int) -> dict[str, Any]:
    return {**TEXT, "maxLength": longest}


PAGERDUTY = {
    "oneOf": [
        record(
            {
                "routing_key": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
                "event_action": {"const": "trigger"},
                "dedup_key": text(255),
                "payload": record(
                    {
                        "summary": text(1024),
                        "source": TEXT,
                        "severity": {"enum": ["critical", "error", "warning", "info"]},
                    },
                    {
                        "timestamp": TEXT,
                        "component": TEXT,
                        "group": TEXT,
                        "class": TEXT,
                        "custom_details": {"type": "object", "additionalProperties": {"type": "string"}},
                    },
                ),
            },
            {
                "client": TEXT,
                "client_url": TEXT,
                "links": {"type": "array", "items": record({"href": TEXT}, {"text": TEXT})},
                "images": {"type": "array"},
            },
        ),
        record(
            {
                "routing_key": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
                "event_action": {"enum": ["acknowledge", "resolve"]},
                "dedup_key": text(255),
            }
        ),
    ]
}
_HEADER = record(
    {
        "type": {"const": "header"},
        "text": record({"type": {"const": "plain_text"}, "text": text(150)}, {"emoji": {}}),
    }
)
_SECTION = record(
    {
        "type": {"const": "section"},
        "text": record({"type": {"const": "mrkdwn"}, "text": text(3000)}, {"verbatim": {}}),
    }
)
SLACK = {
    "type": "object",
    "required": ["attachments"],
    "properties": {
        "attachments": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["blocks"],
                "properties": {
                    "blocks": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 50,
                        "items": {"oneOf": [_HEADER, _SECTION]},
                    },
                    "color": {"type": "string", "pattern": "^#[0-9A-Fa-f]{6}$"},
                },
            },
        }
    },
}
TEAMS = record(
    {
        "type": {"const": "message"},
        "attachments": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["contentType", "content"],
                "properties": {
                    "contentType": {"const": "application/vnd.microsoft.card.adaptive"},
                    "contentUrl": {"type": "null"},
                    "content": {
                        "type": "object",
                        "required": ["type", "version", "body"],
                        "properties": {
                            "type": {"const": "AdaptiveCard"},
                            "version": {"enum": ["1.0", "1.2", "1.4"]},
                            "body": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "object",
                                    "required": ["type", "text"],
                                    "properties": {"type": {"const": "TextBlock"}, "text": TEXT},
                                },
                            },
                        },
                    },
                },
            },
        },
    },
    {"text": {}, "summary": {}},
)
OPSGENIE = {
    "oneOf": [
        record(
            {"message": text(130), "alias": text(512)},
            {
                "description": text(15000),
                "responders": {
                    "type": "array",
                    "items": {"type": "object", "required": ["type"]},
                    "maxItems": 50,
                },
                "visibleTo": {"type": "array"},
                "actions": {"type": "array", "items": text(50), "maxItems": 10},
                "tags": {"type": "array", "items": text(50), "maxItems": 20},
                "details": {"type": "object", "additionalProperties": {"type": "string"}},
                "entity": text(512),
                "source": text(100),
                "priority": {"enum": ["P1", "P2", "P3", "P4", "P5"]},
                "user": text(100),
                "note": text(25000),
            },
        ),
        record({}, {"user": text(100), "source": text(100), "note": text(25000)}),
    ]
}
WEBHOOK = {
    "type": "object",
    "required": ["version", "title", "message", "type", "key", "recipient", "status", "alerts"],
    "properties": {
        "type": {"enum": ["info", "success", "warning", "failure"]},
        "status": {"enum": ["firing", "resolved", "event"]},
        "key": text(255),
        "recipient": TEXT,
        "alerts": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": [
                    "key", "incident", "episode", "notice", "type", "severity", "subject", "title", "since", "facts",
                    "contributors", "action", "owner", "team", "links", "published_rows", "acknowledge",
                ],
                "properties": {"incident": {"type": "string", "pattern": "^[0-9a-f]{40}$"}},
            },
        },
    },
}  # fmt: skip
SHAPES = {"slack": SLACK, "teams": TEAMS, "pagerduty": PAGERDUTY, "opsgenie": OPSGENIE, "webhook": WEBHOOK}


@dataclass
class Line:
    """A channel of one kind with the receiver behind it."""

    kind: str
    url: str
    receiver: Receiver | None
    box: Mailbox | None
    unreachable: str

    def deliver(self, what: Message, settings: AlertSettings = SETTINGS, url: str | None = None) -> Outcome:
        return send(what, Address(Secret(url or self.url), "ana@example.com"), settings, MONDAY)

    def answers(self, mode: str | int) -> None:
        """What the receiver does from now on; a mail server has answers of its own."""
        if self.receiver is not None:
            self.receiver.mode = mode
        if self.box is not None:
            self.box.mode = {429: "451 too many messages", 500: "554 internal error"}.get(mode, str(mode))  # type: ignore[call-overload]


@pytest.fixture(params=["slack", "teams", "pagerduty", "opsgenie", "email", "webhook"])
def line(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    kind, nowhere = request.param, f"http://127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        if kind == "email":
            box = stack.enter_context(mailbox())
            url = "mailto://127.0.0.1:{}?from=vitals@example.com&mode=insecure"
            yield Line(kind, url.format(box.port), None, box, url.format(free_port()))
            return
        pair = certificate(tmp_path) if kind == "teams" else None
        if kind == "teams" and pair is None:
            pytest.skip("no openssl to make a certificate with; Teams is reached over TLS only")
        receiver = stack.enter_context(http_receiver(pair))
        monkeypatch.setattr(NotifySlack, "webhook_url", receiver.url("/services"))
        monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", receiver.url("/v2/enqueue"))
        monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "eu", nowhere)
        monkeypatch.setitem(opsgenie.OPSGENIE_API_LOOKUP, "us", receiver.url("/v2/alerts"))
        monkeypatch.setitem(opsgenie.OPSGENIE_API_LOOKUP, "eu", nowhere)
        urls = {
            "slack": ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ""),
            "teams": (
                f"workflows://127.0.0.1:{receiver.port}/643e69f83c8944/1iRg4qqs5fEJ?verify=no",
                f"workflows://{nowhere.removeprefix('http://')}/643e69f83c8944/1iRg4qqs5fEJ?verify=no",
            ),
            "pagerduty": (
                "pagerduty://3b1f0c2d4e5f60718293a4b5c6d7e8f9@u-token-0123456789",
                "pagerduty://3b1f0c2d4e5f60718293a4b5c6d7e8f9@u-token-0123456789?region=eu",
            ),
            "opsgenie": (
                "opsgenie://8c2b7d41-a0e5-4c1f-9a58-7b1d2f3e4a5b/#ops",
                "opsgenie://8c2b7d41-a0e5-4c1f-9a58-7b1d2f3e4a5b/#ops?region=eu",
            ),
            "webhook": (f"json://127.0.0.1:{receiver.port}/hook", nowhere.replace("http", "json") + "/hook"),
        }
        yield Line(kind, urls[kind][0], receiver, None, urls[kind][1])


def messages() -> Iterator[Message]:
    """Every notice at every severity, and a storm of sixty in one message."""
    for number, (notice, severity) in enumerate(itertools.product(Notice, Severity)):
        about = replace(ABOUT, severity=severity)
        yield compose([Entry(about, notice, 1)], "person:ana", f"key-{number}", WORDING)
    long = replace(ABOUT, detail="word " * 4000, title="x" * 400, chart=())
    yield compose([Entry(long, Notice.FIRING)], "person:ana", "key-long", WORDING)


def test_every_message_keeps_the_vendors_shape(line: Line) -> None:
    sent = list(messages())
    if line.kind not in ("pagerduty", "opsgenie"):
        storm = [Entry(alert(subject=f"kpi_{n}/day/total"), Notice.FIRING) for n in range(60)]
        sent.append(compose(storm, "person:ana", "key-storm", WORDING))
    for message in sent:
        assert line.deliver(message) == Outcome(), message.summary
    if line.box is not None:
        assert len(line.box.messages) == len(sent)
        for _, letter in line.box.messages:
            assert isinstance(letter, EmailMessage)
            assert all(
                letter[name] for name in ("From", "To", "Date", "Subject", "X-Vitals-Key", "Auto-Submitted")
            )
            assert len(letter["Subject"]) <= 200
        return
    assert line.receiver is not None
    validator = Draft202012Validator(SHAPES[line.kind])
    found = [error.message for each in line.receiver.arrivals for error in validator.iter_errors(each.body)]
    assert found == []
    assert len(line.receiver.arrivals) == len(sent)


@pytest.mark.parametrize("trouble", ["hang", "refuse", 429, 500])
def test_every_trouble_of_a_receiver_is_tried_again(
    line: Line, trouble: str | int, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = compose([Entry(replace(ABOUT, chart=()), Notice.FIRING)], "person:ana", "key", WORDING)
    if trouble == "refuse":
        with monkeypatch.context() as moved:
            moved.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{free_port()}/services")
            outcome = line.deliver(message, url=line.unreachable or line.url)
    else:
        line.answers(trouble)
        outcome = line.deliver(message, HASTY if trouble == "hang" else SETTINGS)
    assert not outcome.is_delivered
    assert outcome.retry
    for secret in ("TIiajkdnlazkcOXrIdevi7FQ", "1iRg4qqs5fEJ", "3b1f0c2d4e5f6071", "8c2b7d41", "u-token"):
        assert secret not in outcome.error
    line.answers("ok")
    assert line.deliver(message) == Outcome()
