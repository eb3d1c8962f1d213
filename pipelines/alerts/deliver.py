"""One message over one channel, through Apprise: 170 services by URL, six of them with all they can take.

    outcome = send(message, Address(Secret("json://127.0.0.1:8000/hook")), settings, now)

Every delivery makes an object of its own: Apprise sleeps up to 5.5 s between two sends of one object, and keys
(PagerDuty's ``dedup_key``, Opsgenie's ``alias``, the webhook's ``Idempotency-Key``) belong to the object. The
outcome keeps whether to try again apart from what went wrong, and neither ever holds a URL.

| scheme | same incident | same message twice | ends the incident |
|---|---|---|---|
| json, jsons (webhook) | `alerts[].incident` | header `Idempotency-Key` | `status: resolved` |
| mailto, mailtos | thread by `References` | header `X-Vitals-Key` | mail |
| pagerduty | `dedup_key` | `dedup_key` | `event_action: resolve` |
| opsgenie | `alias` | `alias` | close by alias |
| slack, workflows (Teams) | – | – | message |

Source: alert rules, 'Transport'.
"""
# Apprise says that it is typed and annotates about half of its functions.
# mypy: disallow-untyped-calls=False

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from apprise import Apprise, AppriseAsset, AppriseAttachment, NotifyFormat, NotifyType
from apprise.attachment.memory import AttachMemory
from apprise.exception import AppriseImproperlyConfigured
from apprise.plugins import url_to_dict
from apprise.plugins.base import NotifyBase
from apprise.plugins.opsgenie import NotifyOpsgenie

from connectors.secret import Secret
from definitions.settings import AlertSettings

from .model import Severity
from .payload import Message
from .wire import Answer, NotInTime, answers, redacted_logs, wait_of, within

INCIDENT_SCHEMES = frozenset({"pagerduty", "opsgenie"})
"""Receivers that keep an incident open until it is resolved: each episode needs a message of its own."""

SHORTEST_TOKEN = 6
OPSGENIE_DESCRIPTION_MAX = 15_000
DETAIL_MAX = 1_000
"""Opsgenie takes 8,000 characters of details in all; the long text stands in the description."""
_ASSET: dict[str, Any] = {
    "app_id": "Vitals",
    "app_desc": "Vitals",
    "http_redirects": False,  # a redirect would carry the token to another host
}
_TYPES = {
    Severity.INFO: NotifyType.INFO,
    Severity.WARNING: NotifyType.WARNING,
    Severity.CRITICAL: NotifyType.FAILURE,
}
# Opsgenie's P1 is the most urgent. Apprise calls 5 its emergency and sends it as P5, so numbers are given.
_OPSGENIE_PRIORITY = {Severity.INFO: "5", Severity.WARNING: "3", Severity.CRITICAL: "1"}
_REFUSED_FOR_GOOD = frozenset({400, 413, 414, 415, 422})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message goes: the channel's Apprise URL, and the recipient's e-mail for a mail server."""

    url: Secret
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery ended.

    ``error`` is empty on success and never holds a secret. ``retry`` says whether another try can help;
    ``wait`` is how long the receiver asked to be left alone, in seconds.
    """

    error: str = ""
    retry: bool = False
    wait: float | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver took it."""
        return not self.error


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is handed to a service: constructor arguments on top of the URL's, and the words."""

    body: str
    title: str = ""
    form: NotifyFormat = NotifyFormat.MARKDOWN
    arguments: Mapping[str, Any] | None = None
    has_images: bool = False


def is_incident_channel(address: Address) -> bool:
    """Whether the receiver keeps incidents open, so that every episode travels alone."""
    return address.url.reveal().partition("://")[0].lower() in INCIDENT_SCHEMES


def send(message: Message, address: Address, settings: AlertSettings, now: datetime) -> Outcome:
    """Deliver one message; never raises for what a channel or its URL does.

    Args:
        message: what to say.
        address: where.
        settings: ``send_seconds`` bounds the whole delivery.
        now: to read a ``Retry-After`` that is a date.
    """
    heard: list[Answer] = []

    def deliver() -> bool | None:
        with redacted_logs(_secrets(address.url)), answers() as seen:
            try:
                service, shape = _service(message, address, settings)
                return None if service is None else _notify(service, shape, message)
            finally:
                heard.extend(seen)

    try:
        delivered = within(settings.send_seconds, deliver)
    except AppriseImproperlyConfigured:
        delivered = None
    except NotInTime:
        return Outcome(f"no end within {settings.send_seconds:g} s; it may have arrived", retry=True)
    except Exception as error:
        # A plugin's own mistake: its text may repeat the URL, so only its kind is kept.
        return Outcome(f"the channel's plugin failed ({type(error).__name__})", retry=True)
    if delivered is None:
        return Outcome("the channel's URL is not one that Apprise understands", retry=True)
    return Outcome() if delivered else _failure(heard, now)


def _failure(heard: list[Answer], now: datetime) -> Outcome:
    """Why it failed, from the last HTTP answer; without one, the connection did."""
    if not heard:
        return Outcome("the receiver could not be reached, or broke off", retry=True)
    answer = heard[-1]
    wait = wait_of(answer.retry_after, now)
    if answer.status in _REFUSED_FOR_GOOD:
        return Outcome(f"HTTP {answer.status}: the receiver refuses this message", retry=False)
    if answer.status in (401, 403, 404, 410) or 300 <= answer.status < 400:
        return Outcome(
            f"HTTP {answer.status}: the channel's URL or token is not right", retry=True, wait=wait
        )
    asked = f", asked to wait {wait:g} s" if wait is not None else ""
    return Outcome(f"HTTP {answer.status}{asked}", retry=True, wait=wait)


def _notify(service: NotifyBase, shape: _Shape, message: Message) -> bool:
    images = None
    if shape.has_images and message.images:
        images = AppriseAttachment()
        for name, content in message.images:
            images.add(AttachMemory(content=content, name=name, mimetype="image/png"))
    kind = NotifyType.SUCCESS if message.is_resolved else _TYPES[message.severity]
    return bool(
        service.notify(
            body=shape.body, title=shape.title, notify_type=kind, body_format=shape.form, attach=images
        )
    )


def _service(message: Message, address: Address, settings: AlertSettings) -> tuple[NotifyBase | None, _Shape]:
    """The Apprise object for exactly this message with its words; None where the URL means nothing to Apprise."""
    arguments = url_to_dict(address.url.reveal())
    if not arguments:
        return None, _plain(message, address, {})
    schema = str(arguments["schema"])
    shape = _SHAPES.get(schema, _plain)(message, address, arguments)
    arguments |= {"cto": settings.send_seconds, "rto": settings.send_seconds, **(shape.arguments or {})}
    asset = AppriseAsset(**_ASSET)
    service = (
        _Opsgenie(**arguments, asset=asset)
        if schema == "opsgenie"
        else Apprise.instantiate(arguments, asset=asset, suppress_exceptions=False)
    )
    return service, shape


def _secrets(url: Secret) -> list[Secret]:
    """The URL and every part of it that may be a token, longest first, so that no rest is left over.

    Taken from the text alone: parsing it by Apprise would log it first.
    """
    text = url.reveal()
    parts = {part for part in re.split(r"[/?&@=:#,+\s]+", text) if len(part) >= SHORTEST_TOKEN}
    shapes = {text} | parts | {unquote(part) for part in parts} | {part.lower() for part in parts}
    return [Secret(part) for part in sorted(shapes, key=lambda part: (-len(part), part))]


# ── shapes ──────────────────────────────────────────────────────────────────────────────────────────────────


def _plain(message: Message, address: Address, arguments: Mapping[str, Any]) -> _Shape:
    return _Shape(body=message.markdown, title=message.summary)


def _webhook(message: Message, address: Address, arguments: Mapping[str, Any]) -> _Shape:
    headers = {**arguments.get("headers", {}), "Idempotency-Key": message.key}
    return _Shape(
        body=message.text,
        title=message.summary,
        form=NotifyFormat.TEXT,
        arguments={"payload": {**arguments.get("payload", {}), **message.data}, "headers": headers},
        has_images=True,
    )


def _mail(message: Message, address: Address, arguments: Mapping[str, Any]) -> _Shape:
    headers = {
        **arguments.get("headers", {}),
        "X-Vitals-Key": message.key,
        "Auto-Submitted": "auto-generated",
    }
    if message.incident:
        # Firing, reminders and the end of one incident form one thread in the reader's mail program.
        headers["References"] = f"<{message.incident}@vitals.invalid>"
    extra: dict[str, Any] = {"headers": headers, "inline": True}
    if not arguments.get("targets") and address.email:
        extra["targets"] = [address.email]
    return _Shape(message.html, message.summary, NotifyFormat.HTML, extra, has_images=True)


def _slack(message: Message, address: Address, arguments: Mapping[str, Any]) -> _Shape:
    extra = {"use_blocks": True, "include_image": False, "include_footer": False}
    return _Shape(message.markdown, message.summary, NotifyFormat.MARKDOWN, extra)


def _teams(message: Message, address: Address, arguments: Mapping[str, Any]) -> _Shape:
    return _Shape(message.markdown, message.summary, NotifyFormat.MARKDOWN, {"include_image": False})


def _pagerduty(message: Message, address: Address, arguments: Mapping[str, Any]) -> _Shape:
    alert = message.entries[0].alert
    extra = {
        "dedup": message.incident or message.key,
        "action": "map",
        "include_image": False,
        "source": arguments.get("source") or "Vitals",
        "component": arguments.get("component") or alert.subject.label,
        "group": arguments.get("group") or alert.team,
        "class_id": arguments.get("class_id") or alert.type.value,
        "details": {**arguments.get("details", {}), **_details(message)},
        "click": alert.links[0].url if alert.links else None,
    }
    return _Shape(message.summary, form=NotifyFormat.TEXT, arguments=extra)


def _opsgenie(message: Message, address: Address, arguments: Mapping[str, Any]) -> _Shape:
    alert = message.entries[0].alert
    extra = {
        "alias": message.incident or message.key,
        "action": "map",
        # Apprise would turn an info into a note on an alert that does not exist, and call it sent.
        "mapping": {"info": "new", **arguments.get("mapping", {})},
        "priority": _OPSGENIE_PRIORITY[message.severity],
        "tags": ",".join(filter(None, [alert.type.value, alert.team])),
        "details": {**arguments.get("details", {}), **_details(message)},
    }
    return _Shape(_cut(message.text, OPSGENIE_DESCRIPTION_MAX), message.summary, NotifyFormat.TEXT, extra)


def _details(message: Message) -> dict[str, str]:
    """Name-value pairs for a page: the facts of its alert, and how to answer."""
    data = message.data["alerts"][0]
    pairs = {fact["label"]: fact["text"] for fact in data["facts"]}
    pairs |= {f"contributor {n}": f"{c['label']}: {c['text']}" for n, c in enumerate(data["contributors"], 1)}
    for name in ("detail", "action", "since", "owner", "team", "acknowledge"):
        if data[name]:
            pairs[name] = str(data[name])
    pairs = {name: _cut(text, DETAIL_MAX) for name, text in pairs.items()}
    return pairs | {link["label"]: link["url"] for link in data["links"]}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


_SHAPES: dict[str, Callable[[Message, Address, Mapping[str, Any]], _Shape]] = {
    "json": _webhook,
    "jsons": _webhook,
    "mailto": _mail,
    "mailtos": _mail,
    "slack": _slack,
    "workflow": _teams,
    "workflows": _teams,
    "pagerduty": _pagerduty,
    "opsgenie": _opsgenie,
}


class _Opsgenie(NotifyOpsgenie):
    """Opsgenie that closes an alert by our alias.

    Apprise closes by the request ids it remembers in memory: another process knows none, does nothing and calls
    it success. The alias is known to everybody.
    """

    def send(self, body: str, title: str = "", notify_type: Any = NotifyType.INFO, **kwargs: Any) -> bool:
        """As Apprise does, with the alias in place of remembered request ids."""
        self.store.set(
            hashlib.sha1(self.alias.encode(), usedforsecurity=False).hexdigest()[:10], [self.alias]
        )
        return bool(super().send(body, title, notify_type, **kwargs))

    def _fetch(self, method: Any, url: str, payload: Any, params: Any = None) -> Any:
        return super()._fetch(method, url, payload, {"identifierType": "alias"} if params else None)
