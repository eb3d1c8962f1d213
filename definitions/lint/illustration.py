"""A failing and a passing example of every rule: YAML added to a small dictionary, run by tests, shown in docs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

import yaml

from definitions.loading import load_texts
from definitions.model import Catalogue

_SECTION = re.compile(r"^(?=[a-z_]+:)", re.MULTILINE)
_FILES = {
    "sources": "sources/base.yml",
    "metrics": "metrics/base.yml",
    "teams": "teams.yml",
    "people": "teams.yml",
    "settings": "settings.yml",
    "targets": "targets/example.yml",
    "cycle": "objectives/example.yml",
    "objectives": "objectives/example.yml",
}


@dataclass(frozen=True, slots=True)
class Illustration:
    """Two pieces of YAML: one that the rule speaks about, and one that it is content with."""

    failing: str
    passing: str


def illustration(code: str) -> Illustration | None:
    """The example of a rule; None for a rule that needs published values to speak (TREE_DOES_NOT_RECONCILE)."""
    file = resources.files("definitions.lint") / "examples" / f"{code}.yml"
    if not file.is_file():
        return None
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    return Illustration(written["failing"], written["passing"])


def catalogue_with(example: str) -> Catalogue:
    """The small dictionary with an example in it: metrics are added, other sections replace what was there."""
    base = (resources.files("definitions.lint") / "examples" / "_base.yml").read_text(encoding="utf-8")
    sections = _sections(base)
    added = _sections(example)
    metrics = added.pop("metrics", None)
    if "teams" in added:
        sections.pop("people")
    sections.update(added)
    texts: dict[str, str] = {}
    for name, text in sections.items():
        file = _FILES[name]
        content = _inside(text) if name == "settings" else text
        texts[file] = texts.get(file, "") + content
    if metrics is not None:
        texts["metrics/example.yml"] = metrics
    return load_texts(texts)


def _sections(text: str) -> dict[str, str]:
    parts = [part for part in _SECTION.split(text) if re.match(r"[a-z_]+:", part)]
    return {part.partition(":")[0]: part for part in parts}


def _inside(text: str) -> str:
    """The lines under ``settings:``, moved to the left margin."""
    lines = text.splitlines()[1:]
    return "".join(f"{line[2:]}\n" for line in lines)
