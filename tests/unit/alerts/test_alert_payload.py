"""What a message says, in every markup, and that text from sources stays text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.alerts.model import Alert, AlertType, Contributor, Fact, Link, Notice, Point, Severity
from pipelines.alerts.payload import MARKDOWN_MAX, TITLE_MAX, Entry, Message, Wording, compose
from pipelines.alerts.signing import LinkSigner
from tests.unit.alerts.company import MONDAY, SETTINGS, alert, organisation

SIGNER = LinkSigner((b"k" * 32,), "https://vitals.example.com", 14)
WORDING = Wording(organisation(), SETTINGS, SIGNER, MONDAY)

RICH = alert(
    severity=Severity.CRITICAL,
    title="CSAT: 71 % (Mon 2 Mar 2026), expected 84 %–91 %",
    detail="Lowest Monday in 60 weeks.",
    action="Look at the release of Friday.",
    facts=(Fact("Value", "71 %", 0.71), Fact("Expected", "84 %–91 %", 0.88)),
    contributors=(Contributor("region=emea", "-0.09, 71 %"),),
    chart=tuple(
        Point(date(2026, 2, 1) + timedelta(n), 0.88 - n / 100, 0.88, 0.84, 0.91, n == 20) for n in range(21)
    ),
    links=(
        Link("Report", "https://vitals.example.com/metric-csat.html"),
        Link("Runbook", "https://wiki.example.com/r"),
    ),
    run_id="run-17",
    batch_id=42,
)


def message(*entries: Entry, wording: Wording = WORDING) -> Message:
    return compose(entries or [Entry(RICH, Notice.FIRING)], "person:ana", "key", wording)


@pytest.mark.parametrize("markup", ["text", "markdown", "html"])
def test_everything_a_reader_needs_is_there(markup: str) -> None:
    shown = getattr(message(), markup)
    for word in (
        "71 %", "84 %–91 %", "Lowest Monday", "region=emea", "Look at the release", "Ana Ruiz, Support",
        "Mon 2 Mar 2026 10:00 UTC", "https://wiki.example.com/r", "https://vitals.example.com/acknowledge?token=",
        "kpi_daily where",
    ):  # fmt: skip
        assert word in shown, (markup, word)


def test_programs_get_numbers_keys_and_where_it_came_from() -> None:
    (data,) = message().data["alerts"]
    assert data["facts"][0] == {"label": "Value", "text": "71 %", "value": 0.71}
    assert (data["batch_id"], data["run_id"], data["severity"], data["type"]) == (
        42,
        "run-17",
        "critical",
        "anomaly",
    )
    assert data["key"] == f"{RICH.episode}#firing"
    assert message().data["status"] == "firing"


def test_the_chart_is_a_png() -> None:
    ((name, image),) = message().images
    assert name == "chart-1.png"
    assert image.startswith(b"\x89PNG\r\n")
    assert 'src="cid:chart-1.png"' in message().html


@pytest.mark.parametrize(
    ("notice", "start"),
    [
        (Notice.FIRING, "CSAT"),
        (Notice.WORSENED, "Now critical: CSAT"),
        (Notice.REMINDER, "Still open: CSAT"),
        (Notice.ESCALATION, "Not acknowledged: CSAT"),
        (Notice.RESOLVED, "Resolved: CSAT"),
    ],
)
def test_the_title_says_which_notice_it_is(notice: Notice, start: str) -> None:
    assert message(Entry(RICH, notice)).summary.startswith(start)


def test_the_end_asks_for_nothing() -> None:
    end = message(Entry(RICH, Notice.RESOLVED))
    assert end.is_resolved
    assert "cknowledge" not in end.text + end.markdown + end.html
    assert end.images == ()


def test_without_a_signer_the_command_is_given() -> None:
    shown = message(wording=replace(WORDING, signer=None))
    assert f"vitals alerts ack '{RICH.episode}'" in shown.text


def test_a_storm_is_counted_and_cut() -> None:
    entries = [
        Entry(alert(subject=f"kpi_{n}/day/total", title=f"KPI {n:02} fell"), Notice.FIRING) for n in range(60)
    ]
    entries.append(Entry(alert(severity=Severity.CRITICAL), Notice.FIRING))
    entries.append(Entry(alert(subject="old/day/total"), Notice.RESOLVED))
    shown = message(*entries)
    assert shown.summary.startswith("62 alerts (1 critical, 60 warning, 1 resolved): ")
    assert "and 52 more" in shown.text
    assert len(shown.data["alerts"]) == 62
    assert shown.incident == ""
    assert shown.severity is Severity.CRITICAL


def test_nudges_are_counted_as_check_ins() -> None:
    nudges = [alert(AlertType.CHECK_IN_DUE, f"kr{n}", Severity.INFO) for n in range(3)]
    assert message(*(Entry(nudge, Notice.EVENT) for nudge in nudges)).summary == "3 check-ins are due"


def test_the_keys_of_start_and_end_tie_them_together() -> None:
    start, end = message(), message(Entry(RICH, Notice.RESOLVED))
    assert start.incident == end.incident
    assert len(start.incident) == 40


hostile = st.one_of(
    st.sampled_from(
        ["<!channel>", "<at>bob</at>", "</table><script>x</script>", "[x](javascript:1)", "a\r\nBcc: b"]
    ),
    st.text(max_size=60),
)


@given(hostile, hostile, hostile)
def test_text_from_sources_stays_text(name: str, value: str, label: str) -> None:
    about: Alert = replace(
        RICH, title=name or "x", detail=value, facts=(Fact(label, value),), contributors=(Contributor(name, label),),
        chart=(),
    )  # fmt: skip
    shown = message(Entry(about, Notice.FIRING), Entry(alert(), Notice.FIRING))
    assert "<script>" not in shown.html
    assert "<!channel>" not in shown.markdown.replace("\\<!channel", "")
    assert "<at>" not in shown.markdown.replace("\\<at", "")
    assert "\n" not in shown.summary
    assert len(shown.summary) <= TITLE_MAX
    assert len(shown.markdown) <= MARKDOWN_MAX


def test_a_very_long_alert_fits_into_what_chats_take() -> None:
    long = replace(RICH, detail="word " * 2000, chart=())
    assert len(message(Entry(long, Notice.FIRING)).markdown) <= MARKDOWN_MAX


def test_same_alert_same_words() -> None:
    assert message() == message()
