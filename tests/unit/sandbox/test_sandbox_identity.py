"""Ids and names: well-formed, unique, and found again by their number."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sandbox.company import identity
from connectors.sandbox.company.columns import money
from connectors.sandbox.company.timeline import NONE

NUMBERS = st.integers(0, 62**8)


def checksum(text: str) -> str:
    """The three letters that make a 15-character Salesforce id safe for case-insensitive systems."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    groups = [text[start : start + 5] for start in (0, 5, 10)]
    return "".join(
        letters[sum(1 << i for i, c in enumerate(group) if c.isascii() and c.isupper())] for group in groups
    )


def test_the_checksum_is_the_vendors() -> None:
    assert checksum("001D000000IRFma") == "IAH"


@settings(max_examples=80, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=6, unique=True))
def test_salesforce_ids_lead_back_to_their_numbers(numbers: list[int]) -> None:
    ids = identity.salesforce_ids(identity.OPPORTUNITY, np.asarray(numbers)).tolist()
    assert [identity.salesforce_number(identity.OPPORTUNITY, text) for text in ids] == numbers
    assert [identity.salesforce_number(identity.OPPORTUNITY, text[:15]) for text in ids] == numbers
    assert all(len(text) == 18 and checksum(text[:15]) == text[15:] for text in ids)
    assert sorted(ids) == [text for _, text in sorted(zip(numbers, ids, strict=True))]


def test_strange_ids_have_no_number() -> None:
    known = identity.salesforce_ids(identity.ACCOUNT, np.asarray([5]))[0]
    for text in (
        "",
        "001",
        known[:-1],
        known.replace("5g0", "9zz"),
        "006" + known[3:],
        known[:10] + "!" + known[11:],
    ):
        assert identity.salesforce_number(identity.ACCOUNT, text) is None


def test_account_ids_tell_missing_from_unknown() -> None:
    found = identity.account_ids(np.asarray([0, NONE, -2, -3]))
    assert found[1] is None
    assert len({found[0], found[2], found[3]}) == 3
    assert identity.salesforce_number(identity.ACCOUNT, found[2]) is None


def test_names_are_unique_where_they_must_be() -> None:
    assert len({identity.account_name(number) for number in range(20_000)}) == 20_000
    assert len({identity.contact_id(number) for number in range(5_000)}) == 5_000
    assert len({identity.jira_person(number) for number in range(5_000)}) == 5_000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(-(10**14), 10**14)), max_size=20))
def test_money_is_exact(cents: list[int | None]) -> None:
    values = np.asarray([0 if c is None else c for c in cents], dtype=np.int64)
    missing = np.asarray([c is None for c in cents], dtype=np.bool_)
    column = money(values, missing).to_pylist()
    assert [None if value is None else int(value * 100) for value in column] == cents
