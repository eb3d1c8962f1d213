"""The JSON Schema of a source's YAML holds what loads, and marks what does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from connectors.config import source_from
from connectors.errors import ConnectorError
from connectors.json_schema import SETTINGS, source_schema
from connectors.registry import BUILT, VENDORS, streams_of

EXAMPLES = Path(__file__).parents[3] / "examples"
SOURCES = sorted(path for path in EXAMPLES.rglob("*.yml") if "catalogue" not in path.parts)
SCHEMA = source_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
JIRA = """
system: jira
account: acme
base_url: env:JIRA_URL
auth: {kind: basic, user: env:JIRA_EMAIL, password: env:JIRA_API_TOKEN}
options: {projects: [CORE, WEB]}
streams: [statuses, {name: issues, overlap: PT1H}]
rate: {requests: 10, seconds: 1}
"""
EXPORTS = """
system: exports
account: acme
settings:
  kind: files
  folder: data
  streams:
    - {name: billing_orders, path: orders.csv, key: [id], columns: [{name: id, type: string, nullable: false}]}
"""
SLIPS = [
    (JIRA, "account: acme\n", ""),
    (JIRA, "account: acme", "account: acme corp"),
    (JIRA, "env:JIRA_API_TOKEN", "secret"),
    (JIRA, "kind: basic", "kind: password"),
    (JIRA, "rate: {requests: 10", "rate: {requests: 0"),
    (JIRA, "base_url", "url"),
    (JIRA, "overlap: PT1H", "overlaps: PT1H"),
    (JIRA, "[statuses,", "[status,"),
    (JIRA, "name: issues", "name: tickets"),
    (JIRA, "system: jira", "system: jirra"),
    (EXPORTS, "kind: files", "kind: file"),
    (EXPORTS, "  folder: data\n", ""),
    (EXPORTS, "key: [id]", "keys: [id]"),
    (EXPORTS, "type: string", "type: text"),
]


def marks(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def keys(node: Any) -> Iterator[tuple[str, str]]:
    for name, shape in {"": node, **node["$defs"]}.items():
        for key, field in shape.get("properties", {}).items():
            if not field.get("description"):
                yield name, key


def test_it_is_a_schema_and_every_key_says_what_it_means() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert list(keys(SCHEMA)) == []
    assert source_schema() == SCHEMA


def test_no_kind_of_source_is_left_out() -> None:
    assert set(SETTINGS) == set(BUILT)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_every_example_fits(path: Path) -> None:
    assert marks(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "old", "new"), SLIPS, ids=[new.strip() or f"no {old.strip()}" for _, old, new in SLIPS]
)
def test_a_slip_is_marked_in_the_editor_and_refused(text: str, old: str, new: str) -> None:
    assert old in text
    assert marks(text) == []
    assert streams_of(source_from(yaml.safe_load(text), "source.yml"))
    changed = text.replace(old, new, 1)
    assert marks(changed)
    with pytest.raises(ConnectorError):
        streams_of(source_from(yaml.safe_load(changed), "source.yml"))


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_s_streams_are_proposed_under_any_name_of_its_system(vendor: str) -> None:
    for system, settings in ((vendor, ""), ("ours", f"settings: {{kind: {vendor}}}\n")):
        known = f"system: {system}\naccount: acme\n{settings}streams: [{{stream}}]\n"
        names = [stream.name for stream in streams_of(source_from({"system": vendor, "account": "a"}, "s"))]
        assert names
        assert marks(known.replace("{stream}", names[0])) == []
        assert marks(known.replace("{stream}", "no_such_stream"))
