"""The dashboard bundle in a real Superset: imported, twice, and every chart asked for its data over the API.

    python -m pytest --tier superset tests/integration/bi/test_superset.py

Superset lives in an environment of its own, made on first use from pinned requirements (a minute) and kept below
`VITALS_TIERS`; `VITALS_SUPERSET_PYTHON` names the Python of one that is there already.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from pipelines.bi import write_bundle
from pipelines.bi.description import load_dashboards
from pipelines.publishing.access import create_roles
from tests.integration.bi.company import publish_company
from tests.tiers.environments import environment_of

pytestmark = [pytest.mark.tier("superset"), pytest.mark.timeout(1800)]
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def superset_python() -> Path:
    """Python of an environment with Superset in it."""
    if given := os.environ.get("VITALS_SUPERSET_PYTHON"):
        return Path(given)
    return environment_of(HERE / "superset-requirements.txt") / "python"


@dataclass(frozen=True)
class Superset:
    """A fresh Superset with its metadata in SQLite."""

    python: Path
    home: Path

    def run(self, *arguments: str) -> str:
        """Run something in its environment."""
        environment = {
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "FLASK_APP": "superset",
            "SUPERSET_CONFIG_PATH": str(self.home / "superset_config.py"),
        }
        done = subprocess.run(
            [str(argument) for argument in arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def probe(self, bundle: Path, password: str | None) -> dict[str, Any]:
        """Import the bundle and read everything back."""
        passwords = json.dumps({"databases/vitals.yaml": password} if password else {})
        told = self.run(str(self.python), str(HERE / "superset_probe.py"), str(bundle), passwords)
        [line] = [line for line in told.splitlines() if line.startswith("RESULT ")]
        found: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
        return found


@pytest.fixture
def superset(superset_python: Path, tmp_path: Path) -> Superset:
    """Superset with an empty metadata database."""
    home = tmp_path / "superset"
    home.mkdir()
    settings = [
        f"SECRET_KEY = {secrets.token_urlsafe(42)!r}",
        f"SQLALCHEMY_DATABASE_URI = 'sqlite:///{home / 'superset.db'}'",
        "PREVENT_UNSAFE_DB_CONNECTIONS = False  # SQLite files are refused otherwise",
        "WTF_CSRF_ENABLED = False",
        "TALISMAN_ENABLED = False",
        "LOG_LEVEL = 'ERROR'",
    ]
    (home / "superset_config.py").write_text("\n".join(settings) + "\n", encoding="utf-8")
    made = Superset(superset_python, home)
    made.run("superset", "db", "upgrade")
    made.run("superset", "init")
    return made


@pytest.fixture
def reader(postgres_engine: Engine) -> Iterator[tuple[str, str]]:
    """URL and password of a BI reader on PostgreSQL."""
    create_roles(postgres_engine)
    publish_company(postgres_engine)
    name, password = f"superset_{secrets.token_hex(4)}", secrets.token_hex(8)
    with postgres_engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE kpi_bi_reader"))
    url = make_url(str(postgres_engine.url)).set(username=name, password=password)
    yield url.render_as_string(hide_password=False), password
    with postgres_engine.begin() as connection:
        connection.execute(text(f"DROP ROLE {name}"))


def test_on_the_sqlite_file(superset: Superset, sqlite_engine: Engine, tmp_path: Path) -> None:
    publish_company(sqlite_engine)
    bundle = tmp_path / "bundle.zip"
    write_bundle(bundle, f"sqlite:///{sqlite_engine.url.database}")
    assert_complete(superset.probe(bundle, None))


def test_on_postgresql_as_a_reader(superset: Superset, reader: tuple[str, str], tmp_path: Path) -> None:
    url, password = reader
    bundle = tmp_path / "bundle.zip"
    write_bundle(bundle, url)
    assert password.encode() not in bundle.read_bytes()
    assert_complete(superset.probe(bundle, password))


def assert_complete(found: dict[str, Any]) -> None:
    """Everything that is described is there once, and every chart answers with the published rows."""
    assert [one["status"] for one in found["imports"]] == [200, 200], found["imports"]
    described = load_dashboards()
    assert found["dashboards"] == {
        dashboard.title: sorted(chart.title for chart in dashboard.charts())
        for dashboard in described.dashboards
    }
    assert found["datasets"] == list(described.views())
    failed = {name: told for name, told in found["charts"].items() if told["status"] != 200 or told["error"]}
    assert failed == {}
    rows = {name: told["rows"] for name, told in found["charts"].items()}
    assert [row["count"] for row in rows["Amber"]] == [2]
    assert {row["metric_name"] for row in rows["KPIs"]} == {"Csat", "Ticket volume", "Revenue"}
    [csat] = [row for row in rows["KPIs"] if row["metric_name"] == "Csat"]
    assert (float(csat["value"]), csat["status"]) == (0.85, "amber")
    assert [float(row["value"]) for row in rows["Value by month"] if row["metric_name"] == "Csat"] == [
        0.8,
        0.85,
    ]
    assert {row["segment_key"] for row in rows["Value by month and segment"]} == {"region=emea", "region=na"}
    assert len(rows["Key results"]) == 1
    assert len(rows["Open anomalies by period"]) == 1
    assert len(rows["Failing checks"]) == 1
