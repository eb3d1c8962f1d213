"""The published JSON Schemas hold what the dictionary holds, and refuse what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

import definitions
from definitions import CatalogueError, load_texts
from definitions.json_schema import FILES, pack_schema, schemas
from definitions.packs import MODELS
from definitions.schema.packs import PackFile
from definitions.yaml_reading import Plain, read_yaml
from tests.unit.definitions.small import TEXTS

SHIPPED = Path(definitions.__file__).parent / "catalogue"
PACKS = SHIPPED.parent / "packs"
REAL = Path(__file__).parents[3] / "examples" / "real" / "catalogue"


def native(value: Any) -> Any:
    """Data as an editor reads it: plain scalars are typed by YAML 1.2."""
    if isinstance(value, dict):
        return {str(key): native(item) for key, item in value.items()}
    if isinstance(value, list):
        return [native(item) for item in value]
    if isinstance(value, Plain):
        if value in ("true", "false"):
            return value == "true"
        if re.fullmatch(r"[-+]?\d+", value):
            return int(value)
        if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", value):
            return float(value)
    return str(value) if isinstance(value, str) else value


@pytest.mark.parametrize("root", [SHIPPED, REAL], ids=["shipped", "real"])
@pytest.mark.parametrize("kind", sorted(FILES))
def test_every_shipped_file_fits_its_schema(root: Path, kind: str) -> None:
    schema = schemas()[kind]
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in sorted(root.glob(FILES[kind])):
        data = read_yaml(path.read_bytes(), path.name).data
        if data is not None:
            assert [error.message for error in validator.iter_errors(native(data))] == [], path


@pytest.mark.parametrize("model", MODELS)
def test_every_pack_fits_its_schema(model: str) -> None:
    made = {**schemas(), "pack": pack_schema()}
    jsonschema.Draft202012Validator.check_schema(made["pack"])
    for path in sorted((PACKS / model).glob("*.yml")):
        data = read_yaml(path.read_bytes(), path.name).data
        found = jsonschema.Draft202012Validator(made[path.stem]).iter_errors(native(data))
        assert [error.message for error in found] == [], path


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("metrics", {"metrics": [{"name": "csat", "type": "rate"}]}),
        ("metrics", {"metrics": [{"name": "csat", "type": "simple", "agg": "count"}]}),
        ("metrics", {"metric": []}),
        ("sources", {"sources": [{"name": "tickets", "columns": [{"name": "a", "type": "text"}]}]}),
        ("objectives", {"objectives": []}),
        ("teams", {"people": [{"name": "a", "label": "A", "email": "nobody"}]}),
        ("settings", {"scoring": {"band_at_rsk": 0.2}}),
    ],
)
def test_a_slip_is_marked(kind: str, data: dict[str, Any]) -> None:
    assert list(jsonschema.Draft202012Validator(schemas()[kind]).iter_errors(data))


METRICS, SOURCES, TARGETS, GOALS = (
    "metrics/support.yml",
    "sources/support.yml",
    "targets/2026.yml",
    "objectives/2026-Q3.yml",
)
MISTAKES = [
    (METRICS, "missing: zero", "mising: zero"),
    (METRICS, "missing: zero", "missing: nought"),
    (METRICS, "direction: decrease", "direction: down"),
    (METRICS, "type: ratio", "type: rate"),
    (METRICS, "agg: sum", "agg: total"),
    (METRICS, "minimum_sample: 2", "minimum_sample: none"),
    (METRICS, "minimum_sample: 2", "minimum_sample: 0"),
    (METRICS, "name: cost_each", "name: Cost Each"),
    (METRICS, "    direction: decrease\n", ""),
    (METRICS, "owner: {team: support, accountable: ana}", "owner: ana"),
    (SOURCES, "type: timestamp}", "type: instant}"),
    (SOURCES, "key: ticket_id", "keys: ticket_id"),
    (SOURCES, "settles_after: 3 days", "settles_after: soon"),
    (GOALS, "type: increase", "type: more"),
    (GOALS, "cycle:", "cycles:"),
    ("calendars.yml", "[{name: company}]", "[{name: company, week_start: someday}]"),
    ("teams.yml", "email: ana@example.com", "email: ana"),
    ("teams.yml", "email: ana@example.com", "email: ana@example.com, handle: ana"),
    ("settings.yml", "", "lint: {stale_quarter: 2}\n"),
    ("settings.yml", "", "governance: {publish_drafts: 3}\n"),
]


@pytest.mark.parametrize(
    ("file", "old", "new"), MISTAKES, ids=[f"{m[0]}:{m[2].strip()[:30]}" for m in MISTAKES]
)
def test_a_mistake_is_marked_in_the_editor_and_refused_on_loading(file: str, old: str, new: str) -> None:
    kind = file.split("/")[0].removesuffix(".yml")
    validator = jsonschema.Draft202012Validator(schemas()[kind])

    def marks(text: str) -> list[str]:
        return [error.message for error in validator.iter_errors(native(read_yaml(text, file).data or {}))]

    text = TEXTS.get(file, "")
    assert old in text
    assert marks(text) == []
    changed = text.replace(old, new, 1) if old else new
    assert marks(changed)
    with pytest.raises(CatalogueError):
        load_texts({**TEXTS, file: changed})


PACK_MISTAKES = [
    ("north_star: gmv\n", ""),
    ("north_star: gmv\n", "north_star: gmv\nmodel: marketplace\n"),
    ("objective:\n", "objectives:\n"),
    ("kpis: [gmv", "kpi: [gmv"),
    ("baseline: 0.40", "baseline: low"),
    ("rationale:", "why:"),
]


@pytest.mark.parametrize(
    ("old", "new"), PACK_MISTAKES, ids=[m[1].strip() or "no north star" for m in PACK_MISTAKES]
)
def test_a_mistake_in_a_pack_is_marked_and_refused(old: str, new: str) -> None:
    text = (PACKS / "marketplace" / "pack.yml").read_text(encoding="utf-8")
    validator = jsonschema.Draft202012Validator(pack_schema())
    assert old in text
    changed = yaml.safe_load(text.replace(old, new, 1))
    assert list(validator.iter_errors(changed))
    with pytest.raises(ValidationError):
        PackFile.model_validate(changed)


def test_every_key_of_a_pack_says_what_it_means() -> None:
    schema = pack_schema()
    for name, shape in {"": schema, **schema["$defs"]}.items():
        for key, field in shape["properties"].items():
            assert field.get("description"), f"{name}.{key}"


def test_the_same_shapes_make_the_same_bytes() -> None:
    assert json.dumps(schemas()) == json.dumps(schemas())
    assert json.dumps(pack_schema()) == json.dumps(pack_schema())
