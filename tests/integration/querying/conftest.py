"""One installation that has run, for every question asked here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.desk import Desk


@pytest.fixture(scope="package")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The desk on the morning of 2026-06-16, after two runs; the environment names it."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in desk.environment.items():
            patch.setenv(name, value)
        desk.run("2026-06-15")
        late = desk.tickets[120] | {"ticket_id": "late", "priority": "high", "cost": "1000.00"}
        desk.tickets.append(late)  # opened on 2026-05-01
        desk.run("2026-06-16")
        for name, value in desk.environment.items():
            patch.setenv(name, value)
        yield desk
