"""The vendor that `connectors/README.md` makes in an afternoon works, word for word."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

README = Path(__file__).parents[3] / "connectors" / "README.md"
BLOCK = re.compile(r'^```\w+ title="(?P<name>[^"]+)"\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)
MODULES = ("parcels", "fake_parcels", "test_parcels")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The files of the README, where Python finds them."""
    blocks = list(BLOCK.finditer(README.read_text(encoding="utf-8")))
    assert len(blocks) == 5
    for block in blocks:
        path = tmp_path / block["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block["text"], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in MODULES:
        sys.modules.pop(name, None)


def test_the_vendor_of_the_readme_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    importlib.import_module("test_parcels").test_shipments_arrive_change_and_vanish(folder, monkeypatch)


def test_the_files_that_the_readme_names_are_there() -> None:
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    missing = [link for link in links if not (README.parent / link).exists()]
    assert not missing
    tests = README.parents[1] / "tests" / "integration" / "connectors"
    for name in re.findall(r"`(test_\w+\.py|\w+_bench\.py|vendors\.py)`", text):
        assert (tests / name).exists(), name
    for name in re.findall(r"`(\w+\.py)`", text.split("## Where things are")[1]):
        assert (README.parent / name).exists(), name
