"""Every key of the definition files says what it means, and nothing is explained that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from definitions.json_schema import schemas
from definitions.schema.meanings import EVERYWHERE, MEANINGS
from definitions.schema.metrics import METRIC_SHAPES


def keys(node: Any) -> Iterator[tuple[str, str, Any]]:
    if isinstance(node, list):
        for part in node:
            yield from keys(part)
    if isinstance(node, dict):
        for key, field in (node.get("properties") or {}).items():
            if isinstance(field, dict):
                yield str(node.get("title", "")), key, field
        for part in node.values():
            yield from keys(part)


KEYS = [found for kind, schema in schemas().items() if kind != "settings" for found in keys(schema)]


def test_every_key_says_what_it_means() -> None:
    silent = {(shape, key) for shape, key, field in KEYS if not field.get("description")}
    # A metric's `type` alone stands outside of the shapes: it chooses among them.
    assert silent <= {("", "type")}
    assert len(KEYS) > 400


def test_nothing_is_explained_that_is_not_there() -> None:
    metric = set.intersection(*(set(shape.model_fields) for shape in METRIC_SHAPES.values()))
    there = {f"{shape}.{key}" for shape, key, _ in KEYS} | {f"MetricShape.{key}" for key in metric}
    there |= {f"file.{key}" for shape, key, _ in KEYS if shape.startswith("Vitals ")}
    assert set(MEANINGS) - there == set()
    assert set(EVERYWHERE) - {key for _, key, _ in KEYS} == set()


def test_a_meaning_is_a_sentence() -> None:
    for text in (*MEANINGS.values(), *EVERYWHERE.values()):
        assert text[0].isupper() or text[0].isdigit() or text.split()[0].strip(",;:").islower(), text
        assert text.endswith("."), text
        assert len(text) <= 110, text
