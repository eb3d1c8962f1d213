"""Links that acknowledge: they name one episode, cannot be altered, and expire."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.alerts.signing import InvalidLink, LinkSigner
from tests.unit.alerts.company import MONDAY

KEY, OTHER = b"k" * 32, b"o" * 32
SIGNER = LinkSigner((KEY,), "https://vitals.example.com/", days=14)


@given(st.text(), st.text())
def test_a_token_says_what_was_signed(episode: str, recipient: str) -> None:
    claim = SIGNER.read(SIGNER.token(episode, recipient, MONDAY), MONDAY)
    assert (claim.episode, claim.recipient) == (episode, recipient)


def test_the_link_stands_under_the_base() -> None:
    link = SIGNER.link("a@b", "person:ana", MONDAY)
    assert link.startswith("https://vitals.example.com/acknowledge?token=")


@pytest.mark.parametrize("late", [timedelta(days=14), timedelta(days=99)])
def test_a_link_expires(late: timedelta) -> None:
    token = SIGNER.token("e", "r", MONDAY)
    SIGNER.read(token, MONDAY + timedelta(days=14) - timedelta(seconds=1))
    with pytest.raises(InvalidLink, match="expired"):
        SIGNER.read(token, MONDAY + late)


def test_a_key_can_be_replaced_without_breaking_links() -> None:
    old = SIGNER.token("e", "r", MONDAY)
    both = LinkSigner((OTHER, KEY), SIGNER.base, 14)
    assert both.read(old, MONDAY).episode == "e"
    with pytest.raises(InvalidLink, match="forged"):
        SIGNER.read(both.token("e", "r", MONDAY), MONDAY)


@given(st.text(max_size=80))
def test_nothing_else_is_taken_for_a_token(text: str) -> None:
    with pytest.raises(InvalidLink):
        SIGNER.read(text, MONDAY)


@given(st.integers(0, 400), st.characters(codec="ascii"))
def test_no_changed_token_says_anything_else(place: int, character: str) -> None:
    token = SIGNER.token("late:source:jira@2026-03-02T06:00:00Z", "person:ana", MONDAY)
    place %= len(token)
    changed = token[:place] + character + token[place + 1 :]
    try:
        claim = SIGNER.read(changed, MONDAY)
    except InvalidLink:
        return
    # base64 leaves the last bits of a text free: the bytes are the same then, and so is what they say.
    assert claim == SIGNER.read(token, MONDAY)


def test_a_short_key_is_refused_and_never_shown() -> None:
    with pytest.raises(ValueError, match="fewer than 16 bytes") as error:
        LinkSigner((b"hunter2",), "x", 1)
    assert "hunter2" not in str(error.value)
    assert "k" * 32 not in repr(SIGNER)


def test_time_is_taken_from_the_caller() -> None:
    assert SIGNER.read(SIGNER.token("e", "r", MONDAY), MONDAY).expires_at == int(
        (MONDAY + timedelta(days=14)).timestamp()
    )
    assert isinstance(MONDAY, datetime)
