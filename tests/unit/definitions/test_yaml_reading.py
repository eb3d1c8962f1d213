"""YAML is read without surprises, with places, and without harm."""

from __future__ import annotations

import pytest

from definitions.yaml_reading import Plain, read_yaml


def codes(text: str | bytes) -> list[str]:
    return [problem.code for problem in read_yaml(text, "f.yml").problems]


@pytest.mark.parametrize(
    "word", ["no", "on", "yes", "off", "012", "1e3", "1_000", "2026-07-01", "0x1F", "true"]
)
def test_plain_scalars_keep_their_text(word: str) -> None:
    document = read_yaml(f"key: {word}", "f.yml")
    assert document.data == {"key": word}
    assert isinstance(document.data["key"], Plain)


def test_keys_are_words_whatever_they_look_like() -> None:
    assert read_yaml("{on: a, 2026: b, true: c}", "f.yml").data == {"on": "a", "2026": "b", "true": "c"}


def test_null_is_null_and_quoted_null_is_text() -> None:
    assert read_yaml("{a: null, b: ~, c: , d: 'null'}", "f.yml").data == {
        "a": None,
        "b": None,
        "c": None,
        "d": "null",
    }


def test_places_count_from_one_and_point_into_quotes() -> None:
    document = read_yaml("a:\n  - b: 'text'\n", "f.yml")
    assert str(document.locate(("a", 0, "b"))) == "f.yml:2:9"
    assert str(document.locate_key(("a", 0, "b"))) == "f.yml:2:5"


def test_duplicate_keys_are_told_with_both_places() -> None:
    (problem,) = read_yaml("a: 1\nb: 2\na: 3\n", "f.yml").problems
    assert problem.code == "DUPLICATE_KEY"
    assert (problem.location.line, problem.location.column) == (3, 1)
    assert "line 1" in problem.message


def laughing() -> str:
    """Nine levels of nine aliases each: 9⁹ values."""
    lines = ["a: &k0 [x, x, x]"]
    lines += [f"k{level}: &k{level} [{', '.join([f'*k{level - 1}'] * 9)}]" for level in range(1, 10)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (laughing(), "YAML_TOO_LARGE"),
        ("[" * 5000, "YAML_TOO_DEEP"),
        ("a: " + "x" * 3_000_000, "YAML_TOO_LARGE"),
        ("a: [" + "1," * 150_000 + "1]", "YAML_TOO_LARGE"),
        ("a: !!python/object/apply:os.system ['ls']", "YAML_TAG"),
        ("a: {<<: {b: 1}}", "YAML_MERGE"),
        ("---\na: 1\n---\nb: 2\n", "YAML_DOCUMENTS"),
        ("a: [*nothing]", "YAML_ALIAS"),
        ("a: &a [*a]", "YAML_ALIAS"),
        ("? [a, b]\n: c\n", "YAML_KEY"),
        ("a: b: c", "YAML_SYNTAX"),
    ],
)
def test_bombs_and_oddities_are_refused(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_bytes_that_are_not_utf8_are_told_by_line() -> None:
    (problem,) = read_yaml(b"a: 1\nb: \xff\n", "f.yml").problems
    assert (problem.code, problem.location.line) == ("YAML_ENCODING", 2)


def test_folded_text_maps_offsets_to_its_lines() -> None:
    document = read_yaml("filter: >-\n  a = 1\n  and wrong = 2\n", "f.yml")
    text = document.data["filter"]
    anchors = document.anchors[("filter",)]
    assert text == "a = 1 and wrong = 2"
    assert anchors == ((0, 2, 3), (6, 3, 3))
