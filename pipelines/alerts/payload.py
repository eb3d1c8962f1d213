"""What a message says: what, how much, expected range, since when, contributors, owner, what to do, where to look,
how to acknowledge. One message may tell several alerts to one recipient; every channel renders the same content.

Text from sources (names, segments, explanations) is data: it is escaped for HTML and Markdown, so that a customer
called ``<!channel>`` wakes nobody.

Source: alert rules, 'Payload'.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, Template

from definitions.model import Organisation
from definitions.settings import AlertSettings
from pipelines.anomalies.wording import say_period

from .chart import png
from .model import Alert, AlertType, Notice, Severity, stamp, wire_key
from .signing import LinkSigner

logger = logging.getLogger(__name__)

TITLE_MAX = 140
"""Slack's header takes 150 characters, PagerDuty's summary 1,024, Opsgenie's message 130 (Apprise cuts it)."""
MARKDOWN_MAX = 2900
"""Slack's section takes 3,000 characters."""
CHARTS_MAX = 3

_PREFIX = {
    Notice.WORSENED: "Now {severity}: ",
    Notice.REMINDER: "Still open: ",
    Notice.ESCALATION: "Not acknowledged: ",
    Notice.RESOLVED: "Resolved: ",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One notice within a message."""

    alert: Alert
    notice: Notice
    step: int = 0

    @property
    def key(self) -> str:
        """Its deduplication key."""
        return self.alert.key(self.notice, self.step)


@dataclass(frozen=True)
class Wording:
    """What the words need beside the alert: names, zone, links."""

    organisation: Organisation
    settings: AlertSettings
    signer: LinkSigner | None
    now: datetime


@dataclass(frozen=True)
class Message:
    """One message to one recipient, in every shape a channel may want.

    Attributes:
        key: idempotency key on the wire, the same on every try.
        incident: key that ties the notices of one episode together; empty for a joined message.
        is_resolved: everything in it has ended.
        summary: one line. text, markdown, html: the whole. data: the whole for programs.
        images: (file name, PNG) pairs.
    """

    key: str
    incident: str
    recipient: str
    severity: Severity
    is_resolved: bool
    summary: str
    text: str
    markdown: str
    html: str
    data: dict[str, Any]
    images: tuple[tuple[str, bytes], ...] = ()
    entries: tuple[Entry, ...] = ()


def compose(entries: Sequence[Entry], recipient: str, key: str, wording: Wording) -> Message:
    """The message that tells these entries to a recipient; the worst and newest first."""
    ordered = sorted(entries, key=_order)
    shown = ordered[: wording.settings.group_length]
    cards = [_card(entry, recipient, wording) for entry in shown]
    headline = summary(ordered)
    more = len(ordered) - len(shown)
    images = _images(shown)
    lone = ordered[0].alert.episode if len(ordered) == 1 else ""
    return Message(
        key=key,
        incident=wire_key(lone) if lone and ordered[0].alert.type.is_state else "",
        recipient=recipient,
        severity=max((entry.alert.severity for entry in ordered), key=lambda severity: severity.rank),
        is_resolved=all(entry.notice is Notice.RESOLVED for entry in ordered),
        summary=headline,
        text=_text(headline, cards, more),
        markdown=_markdown(cards, len(ordered)),
        html=_template().render(
            headline=headline, cards=cards, more=more, images=[name for name, _ in images]
        ),
        data={
            "key": key,
            "recipient": recipient,
            "status": _status(ordered),
            "alerts": [_data(entry, recipient, wording) for entry in ordered],
        },
        images=images,
        entries=tuple(ordered),
    )


def title(entry: Entry) -> str:
    """One line about one alert: ``Resolved: CSAT fell to 71 %``."""
    prefix = _PREFIX.get(entry.notice, "").format(severity=entry.alert.severity)
    return _short(prefix + entry.alert.title, TITLE_MAX)


def summary(entries: Sequence[Entry]) -> str:
    """One line about all of it: the title of the only one, or the counts."""
    if len(entries) == 1:
        return title(entries[0])
    kinds = {entry.alert.type for entry in entries}
    if kinds == {AlertType.CHECK_IN_DUE}:
        return f"{len(entries)} check-ins are due"
    if kinds == {AlertType.CHECK_IN}:
        return f"{len(entries)} check-ins"
    ended = sum(entry.notice is Notice.RESOLVED for entry in entries)
    counts = Counter(entry.alert.severity for entry in entries if entry.notice is not Notice.RESOLVED)
    parts = [f"{counts[severity]} {severity}" for severity in reversed(Severity) if counts[severity]]
    if ended:
        parts.append(f"{ended} resolved")
    return _short(f"{len(entries)} alerts ({', '.join(parts)}): {title(entries[0])}", TITLE_MAX)


def _order(entry: Entry) -> tuple[bool, int, str, str]:
    return (
        entry.notice is Notice.RESOLVED,
        -entry.alert.severity.rank,
        entry.alert.identity,
        entry.key,
    )


def _status(entries: Sequence[Entry]) -> str:
    if all(entry.notice is Notice.RESOLVED for entry in entries):
        return "resolved"
    return "event" if all(entry.notice is Notice.EVENT for entry in entries) else "firing"


def _images(entries: Sequence[Entry]) -> tuple[tuple[str, bytes], ...]:
    drawn = [
        _drawn(entry.alert) for entry in entries if entry.alert.chart and entry.notice is not Notice.RESOLVED
    ][:CHARTS_MAX]
    return tuple((f"chart-{n}.png", image) for n, image in enumerate(filter(None, drawn), 1))


def _drawn(alert: Alert) -> bytes | None:
    """The picture, or none: what cannot be drawn is still told."""
    try:
        return png(alert.chart, alert.subject.label)
    except Exception:
        logger.warning("no chart for %s", alert.episode, exc_info=True)
        return None


# ── one alert ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Card:
    """One alert in words, before any markup."""

    title: str
    severity: str
    detail: str
    lines: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    acknowledge: str


def _card(entry: Entry, recipient: str, wording: Wording) -> Card:
    alert = entry.alert
    is_over = entry.notice is Notice.RESOLVED
    lines = [(fact.label, fact.text) for fact in alert.facts]
    if alert.type.is_state:
        lines.append(("Since", _local(alert.since, wording)))
    if not is_over and alert.contributors:
        lines.append(("Top contributors", "; ".join(f"{c.label}: {c.text}" for c in alert.contributors)))
    if not is_over and alert.action:
        lines.append(("Suggested action", alert.action))
    if owner := _owner(alert, wording.organisation):
        lines.append(("Owner", owner))
    if rows := published_rows(alert):
        lines.append(("Published rows", rows))
    link = _acknowledge_link(entry, recipient, wording)
    return Card(
        title=title(entry),
        severity="resolved" if is_over else alert.severity.value,
        detail="" if is_over else alert.detail,
        lines=tuple((label, _line(text)) for label, text in lines),
        links=tuple((link.label, link.url) for link in alert.links)
        + ((("Acknowledge", link),) if link else ()),
        acknowledge="" if is_over or link or not _can_acknowledge(entry) else _command(alert),
    )


_GRAIN_VIEWS = {
    "day": "kpi_daily",
    "week": "kpi_weekly",
    "month": "kpi_monthly",
    "quarter": "kpi_quarterly",
    "year": "kpi_yearly",
}


def published_rows(alert: Alert) -> str:
    """Where the numbers behind an alert are published, as a condition on a view; empty where there are none.

    >>> from pipelines.alerts.model import Subject
    >>> from datetime import UTC
    >>> published_rows(Alert(AlertType.LATE, Subject("source", "jira"), Severity.WARNING,
    ...                      datetime(2026, 3, 2, tzinfo=UTC), "late"))
    "data_health where source_system = 'jira'"
    """
    subject = alert.subject
    found = ""
    if alert.type in (AlertType.ANOMALY, AlertType.BELOW_BASELINE, AlertType.RED_LINE):
        metric, grain, segment = subject.id.split("/", 2)
        view = _GRAIN_VIEWS.get(grain, "kpi_trailing")
        found = f"{view} where metric_id = {_quoted(metric)}"
        if segment != "total":
            found = found.replace(view, f"{view}_by_segment", 1) + f" and segment_key = {_quoted(segment)}"
    elif alert.type in (AlertType.KEY_RESULT, AlertType.PACE):
        found = f"okr_progress where key_result_key = {_quoted(subject.id)}"
    elif alert.type is AlertType.LATE:
        found = f"data_health where source_system = {_quoted(subject.id)}"
    elif alert.type is AlertType.CHECK_FAILED:
        asset, _, check = subject.id.partition("/")
        found = f"check_results where asset = {_quoted(asset)} and check_id = {_quoted(check)}"
    return f"{found} (batch {alert.batch_id})" if found and alert.batch_id is not None else found


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _command(alert: Alert) -> str:
    return f"vitals alerts ack '{alert.episode}'"


def _can_acknowledge(entry: Entry) -> bool:
    return entry.alert.type.is_state and entry.notice is not Notice.RESOLVED


def _acknowledge_link(entry: Entry, recipient: str, wording: Wording) -> str:
    if wording.signer is None or not _can_acknowledge(entry):
        return ""
    return wording.signer.link(entry.alert.episode, recipient, wording.now)


def _owner(alert: Alert, organisation: Organisation) -> str:
    person = organisation.people.get(alert.owner or "")
    team = organisation.teams.get(alert.team or "")
    return ", ".join(named.name for named in (person, team) if named is not None)


def _local(instant: datetime, wording: Wording) -> str:
    local = instant.astimezone(ZoneInfo(wording.settings.time_zone))
    clock = "" if (local.hour, local.minute) == (0, 0) else f" {local:%H:%M %Z}"
    return f"{say_period(local.date(), 'day')}{clock}"


def _data(entry: Entry, recipient: str, wording: Wording) -> dict[str, Any]:
    alert = entry.alert
    return {
        "key": entry.key,
        "incident": wire_key(alert.episode),
        "episode": alert.episode,
        "notice": entry.notice.value,
        "type": alert.type.value,
        "severity": alert.severity.value,
        "subject": {"kind": alert.subject.kind, "id": alert.subject.id, "name": alert.subject.label},
        "title": title(entry),
        "detail": alert.detail,
        "since": stamp(alert.since),
        "facts": [{"label": f.label, "text": f.text, "value": f.value} for f in alert.facts],
        "contributors": [{"label": c.label, "text": c.text} for c in alert.contributors],
        "action": alert.action,
        "owner": alert.owner,
        "team": alert.team,
        "batch_id": alert.batch_id,
        "run_id": alert.run_id,
        "links": [{"label": link.label, "url": link.url} for link in alert.links],
        "published_rows": published_rows(alert),
        "acknowledge": _acknowledge_link(entry, recipient, wording)
        or (_command(alert) if _can_acknowledge(entry) else ""),
    }


# ── markups ─────────────────────────────────────────────────────────────────────────────────────────────────


def _text(headline: str, cards: Sequence[Card], more: int) -> str:
    blocks = [headline] if len(cards) > 1 else []
    for card in cards:
        lines = [card.title, *([card.detail] if card.detail else [])]
        lines += [f"{label}: {text}" for label, text in card.lines]
        lines += [f"{label}: {url}" for label, url in card.links]
        lines += [f"Acknowledge: {card.acknowledge}"] if card.acknowledge else []
        blocks.append("\n".join(lines))
    if more:
        blocks.append(f"and {more} more")
    return "\n\n".join(blocks)


def _markdown(cards: Sequence[Card], total: int) -> str:
    blocks: list[str] = []
    room = MARKDOWN_MAX - 40
    for card in cards:
        lines = [f"**{_escaped(card.title)}**"] if total > 1 else []
        lines += [_escaped(card.detail)] if card.detail else []
        lines += [f"**{_escaped(label)}:** {_escaped(text)}" for label, text in card.lines]
        lines += [f"**Acknowledge:** `{card.acknowledge}`"] if card.acknowledge else []
        lines += (
            [" · ".join(f"[{_escaped(label)}]({url})" for label, url in card.links)] if card.links else []
        )
        block = "  \n".join(lines) or _escaped(card.title)
        if len(block) > room and blocks:
            break
        if len(block) > room:
            block = _short(block, room)
        room -= len(block) + 2
        blocks.append(block)
    if (more := total - len(blocks)) > 0:
        blocks.append(f"… and {more} more")
    return "\n\n".join(blocks)


def _escaped(text: str) -> str:
    r"""Markdown that shows a text as it is. ``_`` stands inside words only and needs no escape.

    >>> _escaped("a*b <!channel> [x]")
    'a\\*b \\<!channel\\> \\[x\\]'
    """
    return re.sub(r"([\\`*\[\]<>])", r"\\\1", _line(text))


def _line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str, limit: int) -> str:
    text = _line(text) if "\n" not in text or limit == TITLE_MAX else text
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("pipelines.alerts"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("message.html")
