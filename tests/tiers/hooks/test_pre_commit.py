"""The hooks of `.pre-commit-hooks.yaml` under pre-commit itself, in a repository that keeps a dictionary.

python -m pytest --tier hooks tests/tiers/hooks
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import definitions
from tests.tiers.environments import environment_of

pytestmark = [pytest.mark.tier("hooks"), pytest.mark.timeout(600)]
ROOT = Path(definitions.__file__).parents[1]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
ARGUMENTS = {"vitals-check": ["catalogue"], "vitals-diff": ["--catalogue", "catalogue"]}


@pytest.fixture(scope="module")
def programs() -> Path:
    return environment_of(Path(__file__).with_name("pre_commit.txt"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The dictionary in a repository of its own, with the hooks as they are shipped but for where they run."""
    folder = tmp_path / "company"
    shutil.copytree(ROOT / "definitions" / "catalogue", folder / "catalogue")
    hooks = [
        {**hook, "language": "system", "args": ARGUMENTS.get(hook["id"], [])}
        for hook in yaml.safe_load(MANIFEST.read_text("utf-8"))
    ]
    config = {"repos": [{"repo": "local", "hooks": hooks}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "first"]):
        run(folder, tmp_path, ["git", *arguments])
    return folder


def run(folder: Path, home: Path, command: list[str], *, expect: int | None = 0) -> str:
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "VITALS_CATALOGUE": str(folder / "catalogue"),
        "VITALS_NOW": "2026-07-14T08:00:00+00:00",
        **{f"GIT_{who}_{what}": f"ana{'@example.com' * (what == 'EMAIL')}"
           for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }  # fmt: skip
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert expect is None or done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_manifest_is_one(programs: Path, tmp_path: Path) -> None:
    run(tmp_path, tmp_path, [str(programs / "pre-commit"), "validate-manifest", str(MANIFEST)])


def test_a_commit_is_held_until_the_dictionary_is_right(programs: Path, repository: Path) -> None:
    home, pre_commit = repository.parent, str(programs / "pre-commit")
    run(repository, home, ["vitals", "governance", "codeowners"])
    run(repository, home, ["git", "add", "."])
    run(repository, home, [pre_commit, "install"])
    run(repository, home, ["git", "commit", "-q", "-m", "owners"])

    sales = repository / "catalogue" / "metrics" / "sales.yml"
    text = sales.read_text("utf-8")
    sales.write_text(text.replace("name: win_rate\n", "name: win_rate\n    minimum_sample: 77\n", 1), "utf-8")
    run(repository, home, ["git", "add", "."])
    refused = run(repository, home, ["git", "commit", "-q", "-m", "in passing"], expect=1)
    assert "NO_NEW_VERSION" in refused
    assert "vitals check" in refused

    (repository / "notes.txt").write_text("nothing of the dictionary", "utf-8")
    run(repository, home, ["git", "reset", "-q", "--hard"])
    run(repository, home, ["git", "add", "notes.txt"])
    passed = run(repository, home, ["git", "commit", "-m", "notes"])
    assert passed.count("Skipped") == 3
