"""The collector is as it was once no load is under way, whatever order they end in."""

from __future__ import annotations

import gc

import pytest

from connectors.collector import SELDOM, seldom_collecting


def test_the_threshold_comes_back_when_the_last_load_ends() -> None:
    before = gc.get_threshold()
    first, second = seldom_collecting(), seldom_collecting()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] == SELDOM
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before
    with pytest.raises(ValueError, match="broken"), seldom_collecting():
        raise ValueError("broken")
    assert gc.get_threshold() == before
