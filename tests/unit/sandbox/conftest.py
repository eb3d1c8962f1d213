"""One small company for all tests here."""

from __future__ import annotations

import pytest

from connectors.sandbox.company.generate import Company, generate


@pytest.fixture(scope="session")
def company() -> Company:
    return generate(seed=7, scale=1.0)
