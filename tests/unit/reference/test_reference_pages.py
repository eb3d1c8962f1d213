"""The reference in the docs is what the code says today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.reference import pages

ROOT = Path(__file__).parents[3]
PAGES = pages()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_what_the_code_says(name: str) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == PAGES[name], "write the pages anew: python -m pipelines.reference docs/reference"


def test_every_shipped_source_instance_and_pack_names_the_published_schema_of_its_kind() -> None:
    """The first line leads an editor to a schema that is there. (A catalogue is copied whole: it names none.)"""
    kinds = {path: "systems" for path in (ROOT / "examples").rglob("*.yml") if "catalogue" not in path.parts}
    kinds |= {path: path.stem for path in (ROOT / "definitions" / "packs").glob("*/*.yml")}
    assert set(kinds.values()) == {"systems", "pack", "metrics", "sources"}
    for path, kind in kinds.items():
        said = re.match(r"# yaml-language-server: \$schema=(.+)\n", path.read_text(encoding="utf-8"))
        assert said, path
        assert (path.parent / said[1]).resolve() == ROOT / "docs" / "reference" / "schemas" / f"{kind}.json"


def test_a_shape_that_is_referred_to_has_its_section() -> None:
    text = PAGES["definition-files.md"]
    sections = {heading.replace(" ", "-") for heading in re.findall(r"^### (.+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([a-z-]+)\)", text)) <= sections


def test_a_metric_says_once_what_all_types_share() -> None:
    text = PAGES["definition-files.md"].partition("## metrics/*.yml")[2].partition("## targets/*.yml")[0]
    assert text.count("| **`owner`** |") == 1
    assert text.count("| `minimum_sample` |") == 1
