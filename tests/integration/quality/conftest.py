"""One Great Expectations context for all quality tests: its import is the dear part."""

from __future__ import annotations

import pytest

from quality import Judge


@pytest.fixture(scope="session")
def judge() -> Judge:
    return Judge()
