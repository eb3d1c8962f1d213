"""`vitals interchange`: out to a folder, and in again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.cli.output import Exit

runner = CliRunner()


@pytest.mark.parametrize("form", ["dbt", "ossie"])
def test_export_and_import(form: str, tmp_path: Path) -> None:
    out, back = tmp_path / "out", tmp_path / "back"
    done = runner.invoke(app, ["interchange", "export", form, "--output", str(out), "--json"])
    assert done.exit_code == Exit.DONE, done.output
    (told,) = json.loads(done.stdout)
    assert told["files"]
    assert told["lost"]
    read = runner.invoke(app, ["interchange", "import", form, str(out), "--output", str(back)])
    assert read.exit_code == Exit.DONE, read.output
    assert (back / "metrics" / "imported.yml").is_file()
    again = runner.invoke(app, ["interchange", "import", form, str(out), "--output", str(back)])
    assert again.exit_code == Exit.CONFIGURATION
    assert "nothing was written over" in " ".join(again.output.split())


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text("a: [")
    done = runner.invoke(app, ["interchange", "import", "dbt", str(bad), "--output", str(tmp_path / "x")])
    assert done.exit_code == Exit.CONFIGURATION
