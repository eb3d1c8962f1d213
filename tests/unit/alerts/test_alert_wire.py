"""What Apprise does not do by itself: end in time, tell the answer, keep secrets out of logs."""

from __future__ import annotations

import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.secret import Secret
from pipelines.alerts.wire import NotInTime, redacted_logs, wait_of, within
from tests.unit.alerts.company import MONDAY


def test_work_that_does_not_end_is_left_behind() -> None:
    release = threading.Event()
    with pytest.raises(NotInTime):
        within(0.05, release.wait)
    release.set()


def test_work_that_fails_fails_here() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        within(5, fail)
    assert within(5, lambda: 7) == 7


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 30 ", 30.0),
        ("Mon, 02 Mar 2026 10:02:00 GMT", 120.0),
        ("Mon, 02 Mar 2026 09:00:00 GMT", 0.0),
        ("9" * 400, 604_800.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_how_long_a_receiver_asks_to_be_left_alone(sent: str | None, seconds: float | None) -> None:
    assert wait_of(sent, MONDAY) == seconds


@given(st.text(max_size=50))
def test_no_header_breaks_the_reading(text: str) -> None:
    wait = wait_of(text, MONDAY)
    assert wait is None or wait >= 0


def test_secrets_are_taken_out_of_the_lines_of_delivery_libraries(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("apprise")
    with caplog.at_level(logging.DEBUG, "apprise"):
        with redacted_logs([Secret("hunter2hunter2")]):
            logger.warning("sending to %s failed", "hunter2hunter2")
            logger.info("a percent sign: 100%")
            logger.debug("a whole payload")
        logger.warning("afterwards")
    assert [record.getMessage() for record in caplog.records] == [
        "sending to *** failed",
        "a percent sign: 100%",
        "afterwards",
    ]
