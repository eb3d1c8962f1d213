"""An S3 server on loopback, for all tests of the tier that need a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import fs

from tests.programs import serving
from tests.servers import free_port
from tests.tiers.environments import environment_of


@pytest.fixture(scope="session")
def object_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A bucket on an S3 server on loopback, and the variables by which it is reached."""
    bin_folder = environment_of(Path(__file__).parent / "object_storage.txt")
    port = free_port()
    command = [str(bin_folder / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with serving(command, tmp_path_factory.mktemp("s3"), port) as url:
        login = {"AWS_ACCESS_KEY_ID": "vitals", "AWS_SECRET_ACCESS_KEY": "not-checked-here"}
        query = f"region=eu-central-1&scheme=http&endpoint_override=127.0.0.1:{url.rpartition(':')[2]}"
        storage = fs.S3FileSystem(
            access_key="vitals",
            secret_key="not-checked-here",
            region="eu-central-1",
            scheme="http",
            endpoint_override=f"127.0.0.1:{port}",
            allow_bucket_creation=True,
        )
        storage.create_dir("company")
        yield {
            **login,
            "VITALS_RAW_STORE": f"s3://company/vitals?{query}",
            "VITALS_WAREHOUSE_URL": f"s3://company/warehouse?{query}",
        }
