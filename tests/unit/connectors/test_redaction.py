"""A secret does not show in a text, however it is written there."""

import json
from urllib.parse import quote

import pytest

from connectors.secret import SHOWN, Secret, redact

TOKEN = 'tok-1234 "quoted" \\ /end'
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize("written", [TOKEN, quote(TOKEN, safe=""), json.dumps(TOKEN), repr(TOKEN)])
def test_it_is_found_as_urls_json_and_python_write_it(written: str) -> None:
    text = redact(f"refused {written} here", [Secret(TOKEN)])
    assert SHOWN in text
    assert "1234" not in text


@pytest.mark.parametrize("size", range(4, len(TOKEN)))
def test_the_beginning_of_one_at_a_cut_is_found(size: int) -> None:
    assert redact(f"refused {TOKEN[:size]}", [Secret(TOKEN)]) == f"refused {SHOWN}"


def test_a_key_of_several_lines_is_found_line_by_line() -> None:
    for line in KEY.splitlines():
        assert redact(f"read {line} of it", [Secret(KEY)]) == f"read {SHOWN} of it"
    assert redact(f"read {' '.join(KEY.splitlines())}.", [Secret(KEY)]) == f"read {SHOWN}."


def test_what_is_no_secret_stays() -> None:
    text = "nothing of it: tok, or 1234 alone"
    assert redact(text, [Secret(TOKEN), Secret("abc")]) == text
