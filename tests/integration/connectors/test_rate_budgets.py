"""Nothing is asked faster than an account allows: children in parallel, accounts side by side, sources of one account.

The fakes enforce their limits on the real clock and answer 429 beyond them; a load that keeps its budget never hears
of it.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.config import SourceConfig, source_from
from connectors.operations import sync_sources
from connectors.raw_store import RawStore
from connectors.runtime import Runtime
from connectors.sandbox.clock import Clock
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.server import Servers
from connectors.sandbox.traps import Budget, Traps
from connectors.settings import LoadSettings
from connectors.state import StateStore
from tests.integration.connectors.vendor_bench import SECRET, company
from tests.integration.connectors.vendors import VENDORS

SETTINGS = LoadSettings(parallel_requests=8)
BUDGET = Budget(requests=40, seconds=0.5)


@dataclass
class Accounts:
    """Fakes on loopback, by account, and sources that read them."""

    root: Path
    fakes: dict[str, Any]
    servers: Servers
    environment: pytest.MonkeyPatch

    def source(self, vendor: str, account: str, streams: list[str], requests: int) -> SourceConfig:
        config, environment = VENDORS[vendor].source(self.fakes[account])
        for name, value in environment.items():
            self.environment.setenv(name, value)
        given = {
            "name": "-".join(streams),
            "account": account,
            "base_url": self.servers.url(account),
            "streams": streams,
        }
        rate = {"requests": requests, "seconds": BUDGET.seconds}
        address = {"base_url": self.servers.url(account), "rate": rate, "options": {}}
        return source_from({**config, **given, **address}, "test")

    def sync(self, *sources: SourceConfig) -> list[Any]:
        runtime = Runtime(clock=Clock())
        states = StateStore(self.root / "state.sqlite")
        store = RawStore(self.root, runtime)
        return list(sync_sources(sources, store, states, runtime.clock, settings=SETTINGS).values())


@contextlib.contextmanager
def accounts(root: Path, patch: pytest.MonkeyPatch, **vendors: str) -> Any:
    fakes: dict[str, Fake] = {
        account: VENDORS[vendor].fake(company(), Clock(), secret=SECRET)
        for account, vendor in vendors.items()
    }
    for fake in fakes.values():
        fake.traps = Traps(budget=BUDGET)
        fake.stop_watch = time.monotonic
    servers = Servers(fakes)
    servers.start()
    try:
        yield Accounts(root, fakes, servers, patch)
    finally:
        servers.stop()


def statuses(fake: Any) -> Counter[int]:
    return Counter(exchange.reply.status for exchange in fake.exchanges)


def test_parts_are_fetched_in_parallel_within_the_accounts_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(tmp_path, monkeypatch, acme="intercom") as desk:
        source = desk.source("intercom", "acme", ["conversations", "conversation_parts"], 36)
        (result,) = desk.sync(source)
        assert result.ok, result.failures
        parts = result.loads[-1]
        assert parts.stream == "conversation_parts"
        assert parts.requests > 2 * BUDGET.requests, "it has to wait for its budget several times"
        assert parts.waits > 0
        assert statuses(desk.fakes["acme"])[429] == parts.retries == 0


def test_accounts_side_by_side_keep_each_its_own_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with accounts(tmp_path, monkeypatch, east="jira", west="jira", north="intercom") as desk:
        for name in ("east", "west"):
            desk.fakes[name].traps = Traps(budget=BUDGET, page_cap=3)
        # Two sources of one account share its budget.
        sources = [
            desk.source("jira", "east", ["issues"], 36),
            desk.source("jira", "west", ["issues"], 36),
            desk.source("jira", "east", ["statuses", "sprints"], 36),
            desk.source("intercom", "north", ["teams", "contacts"], 36),
        ]
        results = desk.sync(*sources)
        assert [result.ok for result in results] == [True] * 4
        loaded = [[load.stream for load in result.loads] for result in results]
        assert loaded == [["issues"], ["issues"], ["statuses", "sprints"], ["teams", "contacts"]]
        assert sum(load.waits for result in results for load in result.loads) > 0
        for fake in desk.fakes.values():
            assert statuses(fake)[429] == 0
