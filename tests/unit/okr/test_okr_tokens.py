"""Tokens of the check-in form: what they open, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.okr.tokens import FORM_HOURS, CheckInTokens, TokenError

NOW = datetime(2026, 10, 9, 12, tzinfo=UTC)
TOKENS = CheckInTokens((b"0123456789abcdef",))


@given(st.text(min_size=1, max_size=40))
def test_a_link_opens_for_its_person(person: str) -> None:
    token = TOKENS.for_person(person, NOW)

    assert TOKENS.person_of(token, NOW) == person
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_a_link_is_an_address() -> None:
    link = TOKENS.link("https://vitals.example.org/", "ada", NOW)

    assert link == f"https://vitals.example.org/check-in/{TOKENS.for_person('ada', NOW)}"


def test_a_link_ends() -> None:
    token = TOKENS.for_person("ada", NOW)

    assert TOKENS.person_of(token, NOW + timedelta(days=119)) == "ada"
    with pytest.raises(TokenError, match="out of date"):
        TOKENS.person_of(token, NOW + timedelta(days=120))


@pytest.mark.parametrize("broken", ["", "a", "a.b.c", "ada", "!!.!!", "YWRh.c2ln"])
def test_what_is_no_token_opens_nothing(broken: str) -> None:
    with pytest.raises(TokenError):
        TOKENS.person_of(broken, NOW)


def test_an_altered_or_foreign_link_opens_nothing() -> None:
    body, signature = TOKENS.for_person("ada", NOW).split(".")
    other_body, _ = TOKENS.for_person("bob", NOW).split(".")

    with pytest.raises(TokenError, match="not made here"):
        TOKENS.person_of(f"{other_body}.{signature}", NOW)
    with pytest.raises(TokenError, match="not made here"):
        CheckInTokens((b"another key of enough bytes",)).person_of(f"{body}.{signature}", NOW)


def test_a_replaced_key_still_verifies() -> None:
    token = TOKENS.for_person("ada", NOW)
    rotated = CheckInTokens((b"fedcba9876543210", b"0123456789abcdef"))

    assert rotated.person_of(token, NOW) == "ada"


def test_a_form_belongs_to_its_person_and_key_result_for_some_hours() -> None:
    form = TOKENS.for_form("ada", "kr1", NOW)
    TOKENS.check_form(form, "ada", "kr1", NOW)

    for person, key in (("bob", "kr1"), ("ada", "kr2")):
        with pytest.raises(TokenError, match="another check-in"):
            TOKENS.check_form(form, person, key, NOW)
    with pytest.raises(TokenError, match="out of date"):
        TOKENS.check_form(form, "ada", "kr1", NOW + timedelta(hours=FORM_HOURS))


def test_a_link_is_no_form_and_a_form_is_no_link() -> None:
    with pytest.raises(TokenError):
        TOKENS.check_form(TOKENS.for_person("ada\nkr1", NOW), "ada", "kr1", NOW)
    with pytest.raises(TokenError):
        TOKENS.person_of(TOKENS.for_form("ada", "kr1", NOW), NOW)


def test_a_short_key_is_refused_and_no_key_is_shown() -> None:
    with pytest.raises(ValueError, match="fewer than 16 bytes"):
        CheckInTokens((b"short",))
    assert "0123456789abcdef" not in repr(TOKENS)
