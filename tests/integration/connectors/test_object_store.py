"""The raw store in an object storage: same loads, same rows; a process may die before any step, on any machine.

A folder behind the object interface here, so that every step can be taken in turn; a real object-storage server in the
tier `deployment`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError, StoreError
from connectors.object_store import ABANDONED, ObjectRawStore, ObjectStateStore
from connectors.objects import Objects
from connectors.raw_store import StreamId
from connectors.runtime import Runtime, no_step
from connectors.state import RESET, StreamState

STREAM = StreamId("jira", "main", "issues")
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
CONTENT = {"config_hash": "c", "state": StreamState().as_json(), "drift": {"unknown": []}}


class Died(Exception):
    """The process ends here."""


class Bucket:
    """One bucket and any number of machines, each with a spool of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOON
        (folder / "bucket").mkdir(parents=True)
        self.url = f"file://{folder}/bucket/prefix"

    def machine(self, name: str, before_io: Callable[[str], None] = no_step) -> ObjectRawStore:
        runtime = Runtime(clock=lambda: self.now, before_io=before_io)
        return ObjectRawStore(Objects(self.url), self.folder / name, runtime)

    def load(self, store: ObjectRawStore, lines: list[bytes]) -> str:
        writer = store.begin(STREAM)
        try:
            writer.append(b"".join(lines), len(lines))
            return writer.commit(CONTENT).load_id
        finally:
            writer.close()


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path)


def test_another_machine_reads_what_one_has_written(bucket: Bucket) -> None:
    first = bucket.load(bucket.machine("a"), [b'{"key": "1"}\n'] * 3)
    bucket.now += timedelta(hours=1)
    second = bucket.load(bucket.machine("b"), [b'{"key": "2"}\n'])
    store = bucket.machine("c")
    assert store.streams() == [STREAM]
    assert [one.load_id for one in store.manifests(STREAM)] == [first, second]
    assert [one.load_id for one in store.manifests(STREAM, after=first)] == [second]
    assert store.last_load_id(STREAM) == second
    newest = store.last_manifest(STREAM)
    assert newest is not None
    assert newest.rows == 1
    (part,) = newest.parts
    assert part.path.is_relative_to(bucket.folder / "c")
    assert part.path.stat().st_size == part.bytes


def test_the_cache_can_be_deleted_at_any_time(bucket: Bucket) -> None:
    store = bucket.machine("a")
    bucket.load(store, [b"{}\n"])
    (before,) = store.manifests(STREAM)
    sizes = [part.bytes for part in before.parts]
    shutil.rmtree(bucket.folder / "a")
    (after,) = store.manifests(STREAM)
    assert [part.path.stat().st_size for part in after.parts] == sizes


def test_a_broken_copy_of_a_manifest_is_fetched_again(bucket: Bucket) -> None:
    bucket.load(bucket.machine("a"), [b"{}\n"])
    (copy,) = (bucket.folder / "a").rglob("manifest.json")
    copy.write_bytes(b"")
    (manifest,) = bucket.machine("a").manifests(STREAM)
    assert manifest.rows == 1
    (original,) = (bucket.folder / "bucket").rglob("manifest.json")
    original.write_bytes(b"")
    copy.unlink()
    with pytest.raises(StoreError, match=r"manifest .* cannot be read"):
        bucket.machine("a").manifests(STREAM)


def test_a_part_that_is_not_what_its_manifest_says_is_refused(bucket: Bucket) -> None:
    bucket.load(bucket.machine("a"), [b"{}\n"])
    (part,) = (bucket.folder / "bucket").rglob("part-*")
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    (manifest,) = bucket.machine("b").manifests(STREAM)
    with pytest.raises(StoreError, match="not what its manifest says"):
        _ = manifest.parts
    assert not list((bucket.folder / "b").rglob("part-*"))


def test_a_process_that_dies_before_any_step_leaves_a_whole_load_or_none(tmp_path: Path) -> None:
    steps: list[str] = []
    whole = Bucket(tmp_path / "whole")
    whole.load(whole.machine("a", steps.append), [b"{}\n"])
    assert [step for step in steps if step.startswith("send")] == [
        "send part-00001.ndjson.zst",
        "send manifest",
    ]
    for last in range(len(steps)):
        bucket, left = Bucket(tmp_path / str(last)), last
        dying = bucket.machine("a", _dies_after(left))
        with pytest.raises(Died):
            bucket.load(dying, [b"{}\n"])
        done = len(bucket.machine("other").manifests(STREAM))
        assert done == (last > steps.index("send manifest"))
        # The same machine, and another one, go on: nothing is lost, nothing is there twice under one id.
        for name in ("a", "b"):
            bucket.now += timedelta(minutes=1)
            store = bucket.machine(name)
            assert store.open_load(STREAM) is None
            bucket.load(store, [b"{}\n"])
        found = bucket.machine("reader").manifests(STREAM)
        assert len(found) == done + 2
        assert [sum(part.rows for part in one.parts) for one in found] == [1] * len(found)


def _dies_after(steps: int) -> Callable[[str], None]:
    left = steps

    def before_io(step: str) -> None:
        nonlocal left
        if not left:
            raise Died(step)
        left -= 1

    return before_io


def test_what_a_dead_machine_left_in_the_storage_is_removed_when_nobody_can_be_writing_it(
    bucket: Bucket,
) -> None:
    with pytest.raises(Died):
        bucket.load(bucket.machine("a", _dies_before("send manifest")), [b"{}\n"])
    parts = bucket.folder / "bucket"
    bucket.now = datetime.now(UTC)
    bucket.machine("b").sweep(STREAM)
    assert list(parts.rglob("part-*"))
    bucket.now += ABANDONED + timedelta(minutes=1)
    finished = bucket.load(bucket.machine("b"), [b"{}\n"])
    bucket.machine("b").sweep(STREAM)
    (kept,) = parts.rglob("part-*")
    assert kept.parent.name == f"load_id={finished}"


def _dies_before(last: str) -> Callable[[str], None]:
    def before_io(step: str) -> None:
        if step == last:
            raise Died(step)

    return before_io


def test_an_open_load_goes_on_here_unless_another_machine_overtook_it(bucket: Bucket) -> None:
    writer = bucket.machine("a").begin(STREAM)
    writer.append(b"{}\n", 1)
    writer.checkpoint({"resume": None})
    writer.close()
    store = bucket.machine("a")
    unfinished = store.open_load(STREAM)
    assert unfinished is not None
    assert bucket.machine("b").open_load(STREAM) is None
    bucket.now += timedelta(minutes=1)
    bucket.load(bucket.machine("b"), [b"{}\n"])
    assert store.open_load(STREAM) is None


def test_an_open_load_that_goes_on_is_sent_whole(bucket: Bucket) -> None:
    store = bucket.machine("a")
    writer = store.begin(STREAM)
    writer.append(b"{}\n" * 2, 2)
    writer.checkpoint({"resume": None})
    writer.append(b"lost\n", 1)
    writer.close()
    unfinished = bucket.machine("a").open_load(STREAM)
    assert unfinished is not None
    again = bucket.machine("a").resume(STREAM, unfinished)
    again.append(b"{}\n", 1)
    again.commit(CONTENT)
    (found,) = bucket.machine("b").manifests(STREAM)
    assert found.rows == sum(part.rows for part in found.parts) == 3


def test_two_machines_at_the_same_instant_do_not_overwrite_each_other(bucket: Bucket) -> None:
    first, second = bucket.machine("a").begin(STREAM), bucket.machine("b").begin(STREAM)
    first.append(b"{}\n", 1)
    second.append(b"{}\n" * 2, 2)
    kept = first.commit(CONTENT)
    with pytest.raises(StoreError, match="run again"):
        second.commit(CONTENT)
    (found,) = bucket.machine("c").manifests(STREAM)
    assert found.load_id == kept.load_id
    assert found.rows == 1


def test_state_is_shared_by_all_machines(bucket: Bucket) -> None:
    def states() -> ObjectStateStore:
        return ObjectStateStore(Objects(bucket.url), Runtime(clock=lambda: NOON))

    state = StreamState(watermark="2026", read_until=NOON, load_id="01", recent=frozenset({b"12345678"}))
    assert states().get(STREAM, "c") is None
    states().put(STREAM, "c", state)
    assert states().get(STREAM, "c") == state
    assert not states().has_other(STREAM, "c")
    assert states().has_other(STREAM, "d")
    states().put(STREAM, "c", StreamState(recent=None))
    assert states().get(STREAM, "c") == StreamState(recent=None)
    assert states().reset(STREAM, "07") == 1
    assert states().get(STREAM, "c") is None
    assert states().forgotten(STREAM) == "07"
    assert not states().has_other(STREAM, "c")
    assert states().get(STREAM, RESET) is not None


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as told:
        Objects("s3://key:verysecret@bucket/prefix?region=eu-central-1")
    assert "verysecret" not in str(told.value)


def test_an_unknown_scheme_is_told_with_what_to_write() -> None:
    with pytest.raises(ConfigurationError, match="s3://bucket"):
        Objects("carrier-pigeon://bucket")
