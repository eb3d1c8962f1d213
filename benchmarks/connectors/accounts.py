"""Accounts side by side: how long several accounts take together, and whether each keeps its own rate budget.

    python -m benchmarks.connectors.accounts --accounts 1 2 4 8

Every account is a fake tracker on loopback that counts its requests on its own clock and answers 429 beyond its limit.
A source may ask a tenth less often than that. All accounts have the same records, so that one account takes as long
as any other; what is compared is the wall time of all of them, the refusals, and the most requests that any account
saw within one window of its limit.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from connectors.config import SourceConfig, source_from
from connectors.operations import sync_sources
from connectors.raw_store import RawStore
from connectors.runtime import Runtime
from connectors.sandbox.clock import Clock
from connectors.sandbox.company.generate import generate
from connectors.sandbox.jira import JiraCloud
from connectors.sandbox.server import Servers
from connectors.sandbox.traps import Budget, Traps
from connectors.state import StateStore
from connectors.sync import SourceResult

LIMIT = Budget(requests=20, seconds=1.0)
ASKED = 18
PER_PAGE = 3


class Counted(JiraCloud):
    """A tracker that notes when requests reached it."""

    def answer(self, request: Any) -> Any:
        self.arrivals.append(time.monotonic())
        return super().answer(request)

    arrivals: list[float]


def trackers(count: int) -> dict[str, Counted]:
    """`count` accounts with the same records and the same limit."""
    found: dict[str, Counted] = {}
    for number in range(count):
        fake = Counted(generate(seed=11, scale=0.05), Clock(), secret="benchmark")
        fake.arrivals = []
        fake.traps = Traps(budget=LIMIT, page_cap=PER_PAGE)
        fake.stop_watch = time.monotonic
        found[f"account-{number}"] = fake
    return found


def source(account: str, fake: Counted, url: str) -> SourceConfig:
    """The issues of one account, asked for a tenth less often than its limit."""
    os.environ |= {"BENCH_EMAIL": fake.email, "BENCH_TOKEN": fake.api_token}
    return source_from(
        {
            "system": "jira",
            "account": account,
            "base_url": url,
            "streams": ["issues"],
            "auth": {"kind": "basic", "user": "env:BENCH_EMAIL", "password": "env:BENCH_TOKEN"},
            "rate": {"requests": ASKED, "seconds": LIMIT.seconds},
        },
        "benchmark",
    )


def most_in_a_window(arrivals: list[float], seconds: float) -> int:
    """The most requests within any window of that length."""
    most = first = 0
    for last, at in enumerate(arrivals):
        while arrivals[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def measure(count: int) -> tuple[float, int, int, int, int]:
    """Wall seconds, rows, requests, refusals, and the most that any account saw in a window."""
    fakes = trackers(count)
    with tempfile.TemporaryDirectory() as folder, Servers(fakes) as servers:
        runtime = Runtime(clock=Clock())
        store, states = RawStore(folder, runtime), StateStore(Path(folder) / "state.sqlite")
        sources = [source(name, fake, servers.url(name)) for name, fake in fakes.items()]
        began = time.monotonic()
        results = sync_sources(sources, store, states, runtime.clock, workers=count)
        took = time.monotonic() - began
    rows = 0
    for name, result in results.items():
        assert isinstance(result, SourceResult), f"{name}: {result}"
        assert result.ok, f"{name}: {result.failures}"
        rows += sum(load.rows for load in result.loads)
    statuses: Counter[int] = Counter(
        exchange.reply.status for fake in fakes.values() for exchange in fake.exchanges
    )
    arrivals = [fake.arrivals for fake in fakes.values()]
    most = max(most_in_a_window(times, LIMIT.seconds) for times in arrivals)
    return took, rows, sum(map(len, arrivals)), statuses[429], most


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--accounts", type=int, nargs="+", default=[1, 2, 4, 8])
    given = parser.parse_args()
    print(f"limit of an account: {LIMIT.requests} requests in {LIMIT.seconds:g} s; asked: {ASKED}\n")
    print("| accounts | wall seconds | rows | requests | refused (429) | most in a window |")
    print("|---:|---:|---:|---:|---:|---:|")
    for count in given.accounts:
        took, rows, requests, refused, most = measure(count)
        print(f"| {count} | {took:.1f} | {rows:,} | {requests:,} | {refused} | {most} |", flush=True)


if __name__ == "__main__":
    main()
