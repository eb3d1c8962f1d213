"""What is installed from a wheel is the whole product: no command needs the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

ROOMS = ("connectors", "definitions", "quality", "pipelines")
SHIPPED = (*ROOMS, "examples", "pyproject.toml", "setup.py", "README.md", "LICENSE")
BUILD = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
USED = """
import json, os
from typer.testing import CliRunner
from pipelines import workspace
from pipelines.cli.app import app

def vitals(*arguments):
    done = CliRunner().invoke(app, [*arguments, "--json"])
    return json.loads(done.stdout)

vitals("init", "acme", "--model", "media", "--systems", "github,zendesk")
os.chdir("acme")
places = [workspace.__file__, str(workspace.EXAMPLES)]
print(json.dumps({"places": places, "steps": vitals("doctor")}))
"""
NOT_SHIPPED = shutil.ignore_patterns("__pycache__", ".schemas")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is shipped: building leaves files where it happens."""
    folder = tmp_path_factory.mktemp("project")
    for name in SHIPPED:
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, folder / name, ignore=NOT_SHIPPED)
        else:
            shutil.copyfile(path, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(project: Path) -> zipfile.ZipFile:
    done = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=project, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, "a folder that is no package: name it in setup.py"
    (path,) = (project / "dist").glob("*.whl")
    return zipfile.ZipFile(path)


def test_it_holds_every_file_of_the_rooms_and_the_examples(project: Path, wheel: zipfile.ZipFile) -> None:
    written = {
        path.relative_to(project).as_posix()
        for name in (*ROOMS, "examples")
        for path in (project / name).rglob("*")
        if path.is_file()
    }
    expected = {f"pipelines/{name}" if name.startswith("examples/") else name for name in written}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected


def test_init_and_doctor_work_where_only_the_wheel_is(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    site = tmp_path / "site"
    wheel.extractall(site)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("VITALS_")}
    environment = {**kept, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", USED], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["places"] == [str(site / "pipelines" / "workspace.py"), str(site / "pipelines" / "examples")]
    assert (tmp_path / "acme" / "systems" / "github.yml").is_file()
    states = {step["step"]: step["state"] for step in told["steps"]}
    assert [states[name] for name in ("dictionary", "rules", "sources")] == ["ok"] * 3
