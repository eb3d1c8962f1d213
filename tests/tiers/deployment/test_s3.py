"""Raw store, state and warehouse on a real S3 server, by the rules that hold for any object storage."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from pipelines.warehouse import WarehouseError, open_warehouse
from tests.integration.connectors import test_object_store as rules
from tests.integration.warehouse import test_carried_warehouse as carried

pytestmark = [pytest.mark.tier("deployment"), pytest.mark.timeout(600)]


class S3Bucket(rules.Bucket):
    """The same machines over a prefix of its own on the server."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = _fresh(S3Bucket.storage)

    storage = ""


@pytest.fixture
def s3(object_storage: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, object_storage[name])
    monkeypatch.setattr(S3Bucket, "storage", object_storage["VITALS_RAW_STORE"])
    return object_storage["VITALS_RAW_STORE"]


def _fresh(url: str) -> str:
    place, _, query = url.partition("?")
    return f"{place}/{uuid.uuid4().hex}?{query}"


@pytest.mark.parametrize(
    "rule",
    [
        rules.test_another_machine_reads_what_one_has_written,
        rules.test_the_cache_can_be_deleted_at_any_time,
        rules.test_two_machines_at_the_same_instant_do_not_overwrite_each_other,
        rules.test_state_is_shared_by_all_machines,
    ],
    ids=lambda rule: rule.__name__.removeprefix("test_"),
)
def test_the_raw_store_s_rules_hold(rule: object, s3: str, tmp_path: Path) -> None:
    rule(S3Bucket(tmp_path))  # type: ignore[operator]


def test_a_process_that_dies_before_any_step_leaves_a_whole_load_or_none(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "Bucket", S3Bucket)
    rules.test_a_process_that_dies_before_any_step_leaves_a_whole_load_or_none(tmp_path)


def test_the_warehouse_is_carried(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = _fresh(s3)
    carried.other_machine(monkeypatch, tmp_path / "a")
    with open_warehouse(url) as warehouse:
        warehouse.write("t.rows", carried.ROWS)
    carried.other_machine(monkeypatch, tmp_path / "b")
    with open_warehouse(url) as warehouse:
        assert carried.values(warehouse) == [1, 2]
        warehouse.execute("UPDATE t.rows SET value = 7")
    late = open_warehouse(url)
    late.execute("UPDATE t.rows SET value = 8")
    with open_warehouse(url) as warehouse:
        warehouse.execute("UPDATE t.rows SET value = 9")
    with pytest.raises(WarehouseError, match="changed by another process"):
        late.close()
    with open_warehouse(url, read_only=True) as warehouse:
        assert carried.values(warehouse) == [9, 9]
