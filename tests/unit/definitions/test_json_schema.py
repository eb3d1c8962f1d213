"""The published JSON Schemas hold what the dictionary holds, and refuse what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import definitions
from definitions.json_schema import FILES, schemas
from definitions.yaml_reading import Plain, read_yaml

SHIPPED = Path(definitions.__file__).parent / "catalogue"
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


def test_the_same_shapes_make_the_same_bytes() -> None:
    assert json.dumps(schemas()) == json.dumps(schemas())
