"""One sandbox company, and the main job run over it in any deployment: other processes, other stores, same tables."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]

from tests.conftest import REPOSITORY
from tests.servers import PostgresServer

DEPLOY = REPOSITORY / "deploy"
RUN_SECONDS = 600
RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The run's own name is the one thing that two runs may not share."""


@dataclass
class Deployment:
    """One installation over the company: a home, a reporting database and a Dagster instance of its own."""

    name: str
    home: Path
    server: PostgresServer
    environment: dict[str, str]

    @classmethod
    def of(
        cls,
        name: str,
        home: Path,
        server: PostgresServer,
        company: Mapping[str, str],
        *,
        profile: str = "postgres",
        **changes: str,
    ) -> Deployment:
        """An installation with the instance of `deploy/<profile>`; `changes` are further variables."""
        (home / "dagster").mkdir(parents=True)
        shutil.copyfile(DEPLOY / profile / "dagster.yaml", home / "dagster" / "dagster.yaml")
        reporting, instance = (server.create_database(f"{name}_{kind}") for kind in ("reporting", "dagster"))
        environment = {
            **{one: os.environ[one] for one in ("PATH", "HOME", "LANG", "PYTHONPATH") if one in os.environ},
            **company,
            "TZ": "UTC",
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "DAGSTER_EVENT_BATCH_SIZE": "1000",
            "DAGSTER_HOME": str(home / "dagster"),
            "VITALS_DAGSTER_URL": instance.replace("+psycopg2", ""),
            "VITALS_HOME": str(home),
            "VITALS_REPORTING_URL": reporting,
            **changes,
        }
        return cls(name, home, server, environment)

    def prepare(self) -> None:
        """Have Dagster's tables made: workers that start side by side would make them at the same time."""
        command = [sys.executable, "-m", "dagster", "instance", "info"]
        subprocess.run(command, env=self.environment, capture_output=True, timeout=120, check=True)

    def run(self, job: str = "daily", select: str | None = None) -> float:
        """Run a job as Dagster's own command line does, and return its seconds.

        Raises:
            AssertionError: it failed; says what it said last.
        """
        command = [
            sys.executable,
            "-m",
            "dagster",
            "job",
            "execute",
            "-m",
            "pipelines.definitions",
            "-j",
            job,
        ]
        began = time.monotonic()
        log = self.home / f"{job}.log"
        with log.open("wb") as file:
            done = subprocess.run(
                command,
                cwd=REPOSITORY,
                env=self.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=RUN_SECONDS,
                check=False,
            )
        said = log.read_text(encoding="utf-8", errors="replace")
        assert done.returncode == 0, said[-6000:]
        return time.monotonic() - began

    def published(self) -> dict[str, str]:
        """Every published table as text: all rows, in order, with `<run>` for the run's id."""
        with psycopg2.connect(
            self.environment["VITALS_REPORTING_URL"].replace("+psycopg2", "")
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(
                "SELECT table_schema || '.' || table_name, column_name FROM information_schema.columns"
                " JOIN information_schema.tables USING (table_schema, table_name)"
                " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"
                " ORDER BY 1, ordinal_position"
            )
            tables: dict[str, list[str]] = {}
            for table, column in cursor.fetchall():
                tables.setdefault(table, []).append(f'"{column}"')
            found = {}
            for table, columns in tables.items():
                listed = ", ".join(columns)
                cursor.execute(f"SELECT ({listed})::text FROM {table} ORDER BY 1")
                rows = "\n".join(str(row[0]) for row in cursor.fetchall())
                found[table.partition(".")[2]] = RUN_ID.sub("<run>", rows)
        return found

    def processes(self) -> set[int]:
        """The processes that steps ran in, as Dagster noted them."""
        with psycopg2.connect(self.environment["VITALS_DAGSTER_URL"]) as connection:
            cursor = connection.cursor()
            cursor.execute(
                "SELECT DISTINCT event::json -> 'dagster_event' ->> 'pid' FROM event_logs"
                " WHERE dagster_event_type = 'STEP_START'"
            )
            return {int(row[0]) for row in cursor.fetchall()}


def differences(found: Mapping[str, str], expected: Mapping[str, str]) -> dict[str, list[str]]:
    """The tables that differ, each with its first differing rows."""
    different = {}
    for table in sorted(found.keys() | expected.keys()):
        here, there = found.get(table, "").splitlines(), expected.get(table, "").splitlines()
        rows = sorted(set(here) ^ set(there)) or (
            [] if here == there else ["the same rows, in another number"]
        )
        if rows:
            different[table] = rows[:6]
    return different
