"""The webhook receiver and the SMTP sink: what arrives is kept, and they can fail in every way."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
import requests

from connectors.sandbox.receivers import Behaviour, MailSink, WebhookReceiver


@pytest.fixture
def webhook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with MailSink() as running:
        yield running


def send(mail: MailSink, key: str | None = None, text: str = "hello") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "vitals@sandbox.example",
        "ana@sandbox.example",
        "CSAT fell",
    )
    if key:
        message["X-Vitals-Key"] = key
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", mail.port, timeout=5) as client:
        client.send_message(message)


def test_a_webhook_keeps_what_arrives_and_each_key_once(webhook: WebhookReceiver) -> None:
    for body in ({"key": "a", "n": 1}, {"key": "a", "n": 2}, {"n": 3}, {"n": 4}):
        assert requests.post(webhook.url, json=body, timeout=5).json() == {"ok": True}
    requests.post(webhook.url, data=b"text", headers={"Idempotency-Key": "b"}, timeout=5)
    assert [arrival.key for arrival in webhook.arrivals] == ["a", "a", None, None, "b"]
    assert [arrival.body for arrival in webhook.kept] == [{"key": "a", "n": 1}, {"n": 3}, {"n": 4}, "text"]
    assert webhook.arrivals[0].to == "/alerts"


@pytest.mark.parametrize(
    ("behaviour", "status"), [(Behaviour.FAIL, 500), (Behaviour.REFUSE, 403), (Behaviour.THROTTLE, 429)]
)
def test_a_webhook_fails_as_often_as_said(
    webhook: WebhookReceiver, behaviour: Behaviour, status: int
) -> None:
    webhook.behave(behaviour, times=2, wait=3)
    answers = [requests.post(webhook.url, json={}, timeout=5) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert answers[0].headers.get("Retry-After") == ("3" if status == 429 else None)
    assert (webhook.tries, len(webhook.arrivals)) == (3, 1)


def test_a_webhook_hangs_and_resets(webhook: WebhookReceiver) -> None:
    webhook.behave(Behaviour.HANG, times=1, wait=5)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(webhook.url, json={}, timeout=0.1)
    webhook.behave(Behaviour.RESET, times=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(webhook.url, json={}, timeout=5)
    assert webhook.arrivals == []


def test_mail_is_kept_with_its_headers(mail: MailSink) -> None:
    send(mail, "k1", "Grüße")
    send(mail, "k1")
    send(mail)
    first = mail.arrivals[0]
    assert (first.to, first.headers["subject"], first.body.strip()) == (
        "ana@sandbox.example",
        "CSAT fell",
        "Grüße",
    )
    assert len(mail.arrivals) == 3
    assert [arrival.key for arrival in mail.kept] == ["k1", None]
    assert str(mail.port) in mail.apprise_url


@pytest.mark.parametrize(
    ("behaviour", "code"), [(Behaviour.REFUSE, 550), (Behaviour.THROTTLE, 450), (Behaviour.FAIL, 451)]
)
def test_mail_is_refused_in_the_servers_words(mail: MailSink, behaviour: Behaviour, code: int) -> None:
    mail.behave(behaviour, times=1)
    with pytest.raises(smtplib.SMTPDataError) as caught:
        send(mail)
    assert caught.value.smtp_code == code
    send(mail)
    assert len(mail.arrivals) == 1


def test_a_mail_connection_is_cut(mail: MailSink) -> None:
    mail.behave(Behaviour.RESET, times=1)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(mail)
    assert mail.arrivals == []
