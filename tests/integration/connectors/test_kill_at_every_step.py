"""kill -9 before every step of input or output of a load: nothing lost, nothing doubled, no load half there.

The fake answers in this process; the load runs in a child that kills itself before its n-th request, write, fsync,
rename or statement, for every n until a load gets through. After each death another child ends the load, and the
warehouse must hold what the vendor holds.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from connectors.raw_store import StreamId
from connectors.sandbox.traps import Traps
from tests.integration.connectors.dying_load import SURVIVED, load_and_die
from tests.integration.connectors.vendor_bench import VendorBench
from tests.integration.connectors.vendors import VENDORS


@pytest.fixture(scope="module")
def children() -> Any:
    """Children are forked from a server that has everything imported, and no threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.connectors.dying_load", "pytest"])
    return context


@pytest.fixture
def fast_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: the steps matter here, not the disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


def test_a_load_that_dies_at_any_step_is_finished_by_the_next_one(
    fast_folder: Path, monkeypatch: pytest.MonkeyPatch, children: Any
) -> None:
    vendor, streams = VENDORS["jira"], ["issues", "changelog"]
    with VendorBench(vendor.fake, fast_folder, monkeypatch, vendor.source) as bench:
        bench.fake.traps = Traps(page_cap=30)
        environment = {"VENDOR_URL": bench.servers.url("vendor"), **dict(vendor.source(bench.fake)[1])}
        bench.config |= {
            "streams": streams,
            "rate": {"requests": 1000, "seconds": 1},
            "options": {"projects": "WEB"},
        }
        issues = bench.fake.snapshot("issue")
        keys = sorted(key for key, issue in issues.items() if issue["key"].startswith("WEB-"))

        def run(root: Path, die_before: int) -> int:
            arguments = (bench.config, environment, str(root), bench.clock().isoformat(), die_before)
            child = children.Process(target=load_and_die, args=arguments)
            child.start()
            child.join(60)
            return int(child.exitcode)

        def nothing_is_there_twice() -> None:
            for stream in streams:
                lines = [(row["_load_id"], row["_key"]) for row in bench.lines(stream)]
                assert len(lines) == len(set(lines))

        step = 0
        while True:
            step += 1
            root = bench.root = fast_folder / f"step-{step}"
            died = run(root, step)
            if died == SURVIVED:
                break
            assert died == -signal.SIGKILL
            nothing_is_there_twice()
            assert run(root, 0) == SURVIVED
            nothing_is_there_twice()
            assert sorted(bench.rows("issues")) == keys
            assert {row["issue_id"] for row in bench.rows("changelog").values()} <= set(keys)
            for stream in streams:
                folder = bench.store.folder(StreamId("jira", "acme", stream))
                assert not list(folder.rglob("*.tmp")), "an orphan was left behind"
                assert all((load / "manifest.json").exists() for load in folder.glob("load_date=*/load_id=*"))
        assert step > 20, "the hook did not see the steps"
