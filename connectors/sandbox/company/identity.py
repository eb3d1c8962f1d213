"""How numbered records are called: vendor ids, keys, names, addresses. Pure functions of the number, so the fakes,
the file
exports and the truth agree without a table of ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from connectors.sandbox.company import words
from connectors.sandbox.company.timeline import NONE, Ints

Texts = npt.NDArray[np.str_]

_BASE62 = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
_BASE62_PLACES = {int(letter): place for place, letter in enumerate(_BASE62)}
_CHECK = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", dtype=np.uint8)

ACCOUNT, LEAD, OPPORTUNITY, STAGE_HISTORY, FIELD_HISTORY = "001", "00Q", "006", "008", "017"
EVENT, TASK, USER, STAGE, ACCOUNT_EVENT = "00U", "00T", "005", "01J", "a0B"
CASE, CASE_STATUS, LINE_ITEM, CONVERSION_RATE = "500", "01K", "00k", "04w"


def salesforce_ids(prefix: str, numbers: Ints, pod: str = "5g0") -> Texts:
    """The 18-character Salesforce ids of record numbers (15 characters and three of check for their case)."""
    width = 18
    letters = np.empty((numbers.size, width), dtype=np.uint8)
    letters[:, :6] = np.frombuffer((prefix + pod).encode(), dtype=np.uint8)
    rest = numbers.astype(np.int64) + 1
    for place in range(14, 5, -1):
        rest, digit = np.divmod(rest, 62)
        letters[:, place] = _BASE62[digit]
    upper = (letters[:, :15] >= ord("A")) & (letters[:, :15] <= ord("Z"))
    bits = (upper.reshape(-1, 3, 5) * (1 << np.arange(5))).sum(axis=2)
    letters[:, 15:] = _CHECK[bits]
    return letters.reshape(-1).view(f"S{width}").astype(f"U{width}")


def salesforce_number(prefix: str, identifier: str, pod: str = "5g0") -> int | None:
    """The record number of a 15- or 18-character id; None for ids of another object or organisation."""
    if len(identifier) not in (15, 18) or not identifier.startswith(prefix + pod):
        return None
    number = 0
    for letter in identifier[6:15].encode():
        place = _BASE62_PLACES.get(letter)
        if place is None:
            return None
        number = number * 62 + place
    return number - 1


def account_ids(numbers: Ints) -> npt.NDArray[np.object_]:
    """Salesforce ids of account numbers as every other system stores them: None for NONE, an unknown id below it."""
    result = np.empty(numbers.size, dtype=np.object_)
    known = numbers >= 0
    result[known] = salesforce_ids(ACCOUNT, numbers[known])
    strange = numbers < NONE
    result[strange] = salesforce_ids(ACCOUNT, -numbers[strange], pod="9zz")
    return result


def optional_ids(prefix: str, numbers: Ints) -> npt.NDArray[np.object_]:
    """Salesforce ids where a number is known, else None."""
    result = np.empty(numbers.size, dtype=np.object_)
    known = numbers != NONE
    result[known] = salesforce_ids(prefix, numbers[known])
    return result


def account_name(number: int) -> str:
    """A company's name, unique by its number."""
    head = words.NAME_HEADS[number * 7 % len(words.NAME_HEADS)]
    tail = words.NAME_TAILS[(number // 3 + number) % len(words.NAME_TAILS)]
    cycle = number // (len(words.NAME_HEADS) * len(words.NAME_TAILS) // 8)
    form = words.LEGAL_FORMS[number * 5 % len(words.LEGAL_FORMS)]
    return f"{head} {tail} {form}" if cycle == 0 else f"{head} {tail} {cycle + 1} {form}"


def person_name(number: int) -> str:
    """A person's name (not unique)."""
    first = words.FIRST_NAMES[number * 11 % len(words.FIRST_NAMES)]
    return f"{first} {words.LAST_NAMES[(number * 5 + number // 32) % len(words.LAST_NAMES)]}"


def digest(*parts: object) -> str:
    """32 hexadecimal digits that depend on the parts only."""
    return hashlib.blake2s("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def uuid(*parts: object) -> str:
    """A UUID-shaped text that depends on the parts only."""
    text = digest(*parts)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def jira_person(number: int) -> str:
    """The Jira account id of a person."""
    return f"712020:{uuid('jira', number)}"


def issue_key(team: int, number: int) -> str:
    """An issue's key, such as CORE-12."""
    return f"{words.TEAM_KEYS[team]}-{number}"


ISSUE_BASE, WORKLOG_BASE, SPRINT_BASE, CHANGE_BASE = 10_000, 30_000, 100, 200_000
CONVERSATION_BASE, PART_BASE, AGENT_BASE, SUPPORT_TEAM_BASE, ESCALATION_BASE = (
    215_000_000,
    900_000_000,
    7_000_001,
    9_000_001,
    3_000,
)


def texts(base: int, numbers: Iterable[int]) -> list[str]:
    """Record numbers as decimal ids that start at `base`."""
    return [str(base + int(number)) for number in numbers]


def contact_id(number: int) -> str:
    """A contact's 24 hexadecimal digits, ascending with the number."""
    return f"{0x64A0_0000 + number:08x}{digest('contact', number)[:16]}"


def subscription_id(number: int) -> str:
    """A subscription's id."""
    return f"sub_{number + 1:07d}"


def user_id(number: int) -> str:
    """A product user's id."""
    return f"u_{number + 1:07d}"
