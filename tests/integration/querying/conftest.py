"""One installation that has run, for every question asked here."""

from __future__ import annotations

import pytest

from tests.desk import Desk


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The desk on the morning of 2026-06-16, after two runs."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    # Tests of other folders run between those of this one: the environment is theirs again once the runs are done.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in desk.environment.items():
            patch.setenv(name, value)
        desk.run("2026-06-15")
        late = desk.tickets[120] | {"ticket_id": "late", "priority": "high", "cost": "1000.00"}
        desk.tickets.append(late)  # opened on 2026-05-01
        desk.run("2026-06-16")
    return desk


@pytest.fixture
def asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk, named by the environment for as long as the test runs."""
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    return desk
