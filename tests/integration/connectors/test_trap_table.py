"""The table of traps is true: every test in it exists, and no trap of the rules is missing."""

from __future__ import annotations

from pathlib import Path

from tests.integration.connectors.test_vendor_traps import core_vendor
from tests.integration.connectors.trap_table import CORE, TRAPS, VENDORS, known_tests, table
from tests.integration.connectors.vendors import VENDORS as UNDER_TEST

ROOT = Path(__file__).parents[3]


def test_the_document_is_what_the_tests_say() -> None:
    document = (ROOT / "docs" / "connectors" / "traps.md").read_text()
    assert document == table(), (
        "run: python -m tests.integration.connectors.trap_table > docs/connectors/traps.md"
    )


def test_every_trap_has_tests_that_exist() -> None:
    assert {name for trap in TRAPS for name in trap.tests} <= set(known_tests())


def test_the_vendors_are_those_under_test() -> None:
    assert set(VENDORS) == set(UNDER_TEST)
    assert core_vendor is not None
    assert set(CORE) <= set(VENDORS)


def test_no_trap_of_the_rules_is_missing(shared_folder: Path) -> None:
    rules = (shared_folder / "spec" / "connectors.md").read_text()
    listed = rules.split("## Trap list: each is a test case")[1].strip().split("\n\n")[0].replace("`", "")
    traps = [item.strip() for item in listed.split(" · ")]
    assert len(traps) > 15
    missing = [item for item in traps if not any(trap.words in item for trap in TRAPS)]
    assert missing == []
