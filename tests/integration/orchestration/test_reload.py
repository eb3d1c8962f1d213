"""Reloading after an edit, as `dagster dev` does it: a new text counts, a broken one is told and keeps the rest."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import definitions
from tests.programs import started
from tests.servers import free_port

SHIPPED = Path(definitions.__file__).parent / "catalogue"
LOCATION = "pipelines.definitions"
PATIENCE_SECONDS = 120


class Ui:
    """Dagster's web server over GraphQL, as the UI talks to it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/graphql"

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found["errors"]
        return found["data"]

    def reload(self) -> Any:
        return self.ask(
            """mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) {
                 __typename ... on WorkspaceLocationEntry {
                   loadStatus locationOrLoadError { __typename ... on PythonError { message } } } } }""",
            name=LOCATION,
        )["reloadRepositoryLocation"]["locationOrLoadError"]

    def descriptions(self) -> dict[str, str]:
        nodes = self.ask("{ assetNodes { assetKey { path } description } }")["assetNodes"]
        return {"/".join(node["assetKey"]["path"]): node["description"] or "" for node in nodes}


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "catalogue")
    return tmp_path / "catalogue"


@contextmanager
def web_server(home: Path, catalogue: Path) -> Iterator[Ui]:
    """A web server with the project's code location, in processes of their own."""
    port, log = free_port(), home / "server.log"
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "VITALS_HOME": str(home),
        "VITALS_CATALOGUE": str(catalogue),
        "DAGSTER_HOME": "",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    command = [sys.executable, "-m", "dagster_webserver", "-m", LOCATION, "-h", "127.0.0.1", "-p", str(port)]
    with started(command, Path(__file__).parents[3], log, environment) as server:
        ui = Ui(port)
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                ui.ask("{ version }")
                break
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.2)
        yield ui


def test_an_edit_counts_after_a_reload_and_a_broken_one_keeps_the_rest(
    catalogue: Path, tmp_path: Path
) -> None:
    path = catalogue / "metrics" / "support.yml"
    good = path.read_text()
    with web_server(tmp_path / "home", catalogue) as ui:
        before = ui.descriptions()
        assert "Good ratings" in before["kpi/csat"]

        path.write_text(good.replace("Good ratings ÷ all ratings", "Happy ratings ÷ all ratings"))
        assert ui.reload()["__typename"] == "RepositoryLocation"
        assert "Happy ratings" in ui.descriptions()["kpi/csat"]

        path.write_text(good.replace("source: satisfaction_ratings", "source: satisfaction_rating", 1))
        assert ui.reload()["__typename"] == "RepositoryLocation"
        broken = ui.descriptions()
        assert broken.keys() == before.keys()
        assert "metrics/support.yml:" in broken["dictionary"]
        assert "satisfaction_ratings" in broken["dictionary"]
        assert "the last published values are held" in broken["kpi/csat"]
        assert broken["kpi/mrr"] == before["kpi/mrr"]

        path.write_text(good)
        assert ui.reload()["__typename"] == "RepositoryLocation"
        assert ui.descriptions() == before
