"""kill -9 before every step of input or output of a load: nothing lost, nothing doubled, no load half there.

The fake answers in this process; the load runs in a child that kills itself before its n-th request, write, fsync,
rename or statement, for every n until a load gets through. After each death this process ends the load, and the
warehouse must hold what the vendor holds.
"""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Case:
    """What is loaded and killed.

    streams: loaded in this order. shelf, belongs: what the first of them has to hold. again: the load that dies is the
    second one, after edits and deletions.
    """

    vendor: str
    streams: tuple[str, ...]
    options: Mapping[str, str]
    shelf: str
    belongs: Callable[[Any], bool] = bool
    again: bool = False


def _of_the_web(issue: Any) -> bool:
    return str(issue["key"]).startswith("WEB-")


CASES = {
    "pages and children": Case("jira", ("issues", "changelog"), {"projects": "WEB"}, "issue", _of_the_web),
    "edits and deletions": Case("jira", ("issues",), {"projects": "WEB"}, "issue", _of_the_web, again=True),
    "a bulk job": Case("salesforce", ("users",), {"bulk_threshold": "5"}, "User"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_load_that_dies_at_any_step_is_finished_by_the_next_one(
    case: Case, fast_folder: Path, monkeypatch: pytest.MonkeyPatch, children: Any
) -> None:
    vendor = VENDORS[case.vendor]
    with VendorBench(vendor.fake, fast_folder, monkeypatch, vendor.source) as bench:
        bench.fake.traps = Traps(page_cap=60)
        environment = {"VENDOR_URL": bench.servers.url("vendor"), **dict(vendor.source(bench.fake)[1])}
        bench.config |= {
            "streams": list(case.streams),
            "rate": {"requests": 1000, "seconds": 1},
            "options": dict(case.options),
        }

        def run(root: Path, die_before: int) -> int:
            arguments = (bench.config, environment, str(root), bench.clock().isoformat(), die_before)
            child = children.Process(target=load_and_die, args=arguments)
            child.start()
            child.join(60)
            return int(child.exitcode)

        def load_the_rest() -> None:
            result = bench.load_all()
            assert result.ok, result.failures

        def alive() -> list[str]:
            return sorted(key for key, one in bench.fake.snapshot(case.shelf).items() if case.belongs(one))

        def nothing_is_there_twice() -> None:
            for stream in case.streams:
                lines = [(row["_load_id"], row["_key"]) for row in bench.lines(stream)]
                assert len(lines) == len(set(lines))

        before = fast_folder / "before"
        if case.again:
            bench.root = before
            load_the_rest()
            bench.clock.advance(hours=26)
            for key in alive()[:3]:
                bench.fake.delete(case.shelf, key)
            for key in alive()[:5]:
                bench.fake.touch(case.shelf, key)
        keys, step = alive(), 0
        while True:
            step += 1
            root = bench.root = fast_folder / f"step-{step}"
            if case.again:
                shutil.copytree(before, root)
            died = run(root, step)
            if died == SURVIVED:
                break
            assert died == -signal.SIGKILL
            nothing_is_there_twice()
            load_the_rest()
            nothing_is_there_twice()
            assert sorted(bench.rows(case.streams[0])) == keys
            if "changelog" in case.streams:
                assert {row["issue_id"] for row in bench.rows("changelog").values()} <= set(keys)
            for stream in case.streams:
                folder = bench.store.folder(StreamId(case.vendor, "acme", stream))
                assert not list(folder.rglob("*.tmp")), "an orphan was left behind"
                assert all((load / "manifest.json").exists() for load in folder.glob("load_date=*/load_id=*"))
            shutil.rmtree(root)
        assert step > 15, "the hook did not see the steps"
