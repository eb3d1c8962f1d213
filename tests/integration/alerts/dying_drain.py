"""Drains in processes that are killed: run by `test_alert_crash`, never imported by the product.

Reads lines `<step> <instant>` from standard input. For each it forks a child that drains the outbox and is killed
with SIGKILL right before its step-th I/O (SQL statement, begin or commit, delivery begun, delivery done), and
answers `killed` or `finished`. Forking keeps the imports, so hundreds of deaths cost seconds.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Engine, event

from connectors.secret import Secret
from definitions.settings import AlertSettings
from pipelines.alerts.deliver import Address, Outcome
from pipelines.alerts.deliver import send as deliver
from pipelines.alerts.drain import Channels, drain
from pipelines.alerts.model import Notice
from pipelines.alerts.payload import Entry, Message, Wording, compose
from pipelines.publishing.engine import open_reporting
from tests.unit.alerts.company import MONDAY, SETTINGS, alert, organisation


def main(url: str, port: str) -> None:
    # What every child would do again takes place once: Apprise's 170 services, templates, compiled statements.
    warm = compose(
        [Entry(alert(), Notice.FIRING)], "", "warm-up", Wording(organisation(), SETTINGS, None, MONDAY)
    )
    deliver(warm, Address(Secret(f"json://127.0.0.1:{port}/warm-up")), SETTINGS, MONDAY)
    engine = open_reporting(url)
    drain(engine, Channels(organisation(), SETTINGS, {}), lambda: datetime(2000, 1, 1, tzinfo=UTC))
    engine.dispose()
    print("ready", flush=True)
    for line in sys.stdin:
        step, instant = line.split()
        child = os.fork()
        if child == 0:
            run(engine, port, int(step), datetime.fromisoformat(instant))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else f"finished {os.WEXITSTATUS(status)}", flush=True)


def run(engine: Engine, port: str, step: int, now: datetime) -> None:
    """One drain that dies at a step."""
    count = 0

    def die_at_step(*_: object) -> None:
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "begin", "commit"):
        event.listen(engine, name, _returning_nothing(die_at_step))
    names = ("MAIL_URL", "CHAT_SUPPORT_URL", "CHAT_DATA_URL", "PAGER_URL", "NEWS_URL")
    channels = Channels(organisation(), SETTINGS, {name: f"json://127.0.0.1:{port}/{name}" for name in names})

    def send(message: Message, address: Address, settings: AlertSettings, at: datetime) -> Outcome:
        die_at_step()
        outcome = channels.send(message, address, settings, at)
        die_at_step()
        return outcome

    drain(engine, replace(channels, send=send), lambda: now)


def _returning_nothing(work: Callable[..., None]) -> Callable[..., None]:
    def listener(*arguments: object, **keywords: object) -> None:
        work(*arguments)

    return listener


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
