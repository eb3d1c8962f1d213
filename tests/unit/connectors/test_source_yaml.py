"""The YAML of a source: what would surprise is refused, with file and line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from connectors.config import load_source
from connectors.errors import ConfigurationError
from connectors.registry import streams_of

GOOD = "system: jira\naccount: acme\nstreams:\n  - issues\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)


def refusal(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "source.yml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigurationError) as caught:
        load_source(path)
    return str(caught.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "account: other\n", "/source.yml:5: key 'account' is there twice, first in line 2"),
        (GOOD + "options:\n  a: 1\n  a: 2\n", "/source.yml:7: key 'a' is there twice, first in line 6"),
        (GOOD + "options: {a: 1, a: 2}\n", "/source.yml:5: key 'a' is there twice, first in line 5"),
        (GOOD + "options: &o {a: b}\nsettings: *o\n", "/source.yml:6: alias *o: write it out"),
        (GOOD + "options:\n  <<: {a: b}\n", "/source.yml:6: a merge key (<<): write it out"),
        (GOOD + "options:\n  ? [a]\n  : b\n", "/source.yml:6: a key that is no plain value"),
        (GOOD + "options: !!python/object/apply:os.abort []\n", "/source.yml:5: is no YAML"),
        (GOOD + "options: [\n", "/source.yml:6: is no YAML"),
        ("system: jira\n--- \naccount: x\n", "/source.yml:2: is no YAML"),
        (b"system: \xff\n", "/source.yml: is not UTF-8 text"),
        ("system: [" + "[" * 5000, "/source.yml"),
        (" " * (1 << 21), "larger than 1 MiB"),
        ("- a\n", "holds no mapping"),
    ],
)  # fmt: skip
def test_what_would_surprise_is_refused_with_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in refusal(tmp_path, text)


def test_a_bomb_is_refused_at_once(tmp_path: Path) -> None:
    began = time.process_time()
    assert "alias *a" in refusal(tmp_path, BOMB)
    assert time.process_time() - began < 1


def test_the_same_key_in_different_places_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "source.yml"
    path.write_text(GOOD + "options: {a: x}\nsettings: {a: y}\n")
    source = load_source(path)
    assert (source.options, source.settings) == ({"a": "x"}, {"a": "y"})


def test_streams_on_request_are_loaded_where_they_are_named(tmp_path: Path) -> None:
    path = tmp_path / "source.yml"
    path.write_text("system: hubspot\naccount: acme\n")
    usual = [stream.name for stream in streams_of(load_source(path))]
    assert "deals" in usual
    assert not {"tickets", "ticket_history", "company_history"} & set(usual)
    path.write_text("system: hubspot\naccount: acme\nstreams: [companies, company_history]\n")
    assert [stream.name for stream in streams_of(load_source(path))] == ["companies", "company_history"]
