"""The commit hooks and the CI snippets do what they say: each of their commands runs here, in a real repository."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import definitions

ROOT = Path(definitions.__file__).parents[1]
HOOKS: dict[str, Any] = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
}
WORKFLOWS = sorted((ROOT / "deploy" / "ci").glob("*.yml"))
ARGUMENTS = {"vitals-check": ["catalogue"], "vitals-diff": ["--catalogue", "catalogue"]}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A company's repository with a copy of the dictionary, everything committed."""
    shutil.copytree(ROOT / "definitions" / "catalogue", tmp_path / "catalogue")
    for arguments in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "first")):
        git(tmp_path, *arguments)
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def environment(folder: Path) -> dict[str, str]:
    """Where the command is found as an installed one; no setting of an installation is needed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder), "VITALS_NOW": "2026-07-14T08:00:00+00:00", "COLUMNS": "200"}


def run(folder: Path, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment(folder) | more, capture_output=True, text=True, check=False
    )


def hook(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    return run(folder, [*shlex.split(HOOKS[name]["entry"]), *ARGUMENTS.get(name, [])])


def change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / "catalogue" / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_hooks_stop_what_they_are_for(repository: Path) -> None:
    assert hook(repository, "vitals-check").returncode == 0
    assert hook(repository, "vitals-diff").returncode == 0
    change(repository, "metrics/sales.yml", "name: win_rate\n", "name: win_rate\n    minimum_sample: 77\n")
    assert hook(repository, "vitals-check").returncode == 0
    stopped = hook(repository, "vitals-diff")
    assert stopped.returncode == 1
    assert "NO_NEW_VERSION" in stopped.stderr
    change(repository, "metrics/sales.yml", "direction: increase", "direction: upwards")
    broken = hook(repository, "vitals-check")
    assert broken.returncode == 1
    assert "catalogue/metrics/sales.yml:" in broken.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=[path.name for path in WORKFLOWS])
def test_a_snippet_is_yaml_and_each_of_its_commands_is_one(path: Path) -> None:
    text = path.read_text("utf-8")
    assert isinstance(yaml.safe_load(text), dict)
    commands = [
        line.strip() for line in text.splitlines() if "vitals " in line and not line.strip().startswith("#")
    ]
    named = {" ".join(words) for words in _vitals(commands)}
    assert {"check", "diff", "governance codeowners"} <= named


def _vitals(lines: list[str]) -> list[list[str]]:
    """The subcommand of each use of `vitals` in shell lines; each of its options is one that it has."""
    found = []
    for line in lines:
        words = line.split("vitals ", 1)[1].split("|")[0].split(">")[0].split() if "vitals " in line else []
        if not words or words[0] not in ("check", "diff", "governance"):
            continue
        command = words[:2] if words[0] == "governance" else words[:1]
        told = run(ROOT, ["vitals", *command, "--help"]).stdout
        for option in (word for word in words if word.startswith("--")):
            assert option in told, f"vitals {' '.join(command)} has no {option}"
        found.append(command)
    return found


def test_a_pull_request_is_held_to_versions_and_approvals(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "change")
    change(repository, "metrics/sales.yml", "name: win_rate\n", "name: win_rate\n    minimum_sample: 77\n")
    git(repository, "commit", "-q", "-a", "-m", "another least sample")
    check = [
        "vitals",
        "check",
        "catalogue",
        "--since",
        "main",
        "--format",
        "sarif",
        "--output",
        "findings.sarif",
    ]
    assert run(repository, check).returncode == 1
    log = yaml.safe_load((repository / "findings.sarif").read_text("utf-8"))
    codes = {result["ruleId"]: result for result in log["runs"][0]["results"]}
    assert {"NO_NEW_VERSION", "STILL_CERTIFIED"} <= set(codes)
    place = codes["NO_NEW_VERSION"]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "catalogue/metrics/sales.yml"
    told = run(repository, ["vitals", "diff", "main", "--markdown"], VITALS_CATALOGUE="catalogue")
    assert told.returncode == 1
    assert "| win_rate | changed | 1 → 1 |" in told.stdout
    assert "head_of_sales must approve" in told.stdout


def test_a_dictionary_that_was_not_there_yet_is_all_new(repository: Path) -> None:
    shutil.copytree(repository / "catalogue", repository / "another")
    told = run(repository, ["vitals", "diff", "HEAD", "--catalogue", "another", "--json"])
    assert told.returncode == 0
    assert {change["kind"] for change in yaml.safe_load(told.stdout)["changes"]} == {"added"}
