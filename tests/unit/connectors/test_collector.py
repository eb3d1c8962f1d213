"""The collector is as it was once no load and no run is under way, whatever order they end in."""

from __future__ import annotations

import gc
import weakref

import pytest

from connectors.collector import SELDOM, seldom_collecting, without_what_stays


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


def test_what_stays_is_set_aside_until_the_last_run_has_ended() -> None:
    before = gc.get_freeze_count()
    with without_what_stays() as set_aside:
        stays = gc.get_freeze_count()
        assert stays > before
        with without_what_stays():
            imported = [[number] for number in range(1_000)]
            set_aside()
            assert gc.get_freeze_count() >= stays + len(imported)
        assert gc.get_freeze_count() > stays, "the other run goes on"
    assert gc.get_freeze_count() == before
    set_aside()
    assert gc.get_freeze_count() == before, "an import that came too late leaves nothing behind"


def test_cycles_made_during_a_run_are_collected() -> None:
    class Node:
        def __init__(self) -> None:
            self.itself = self

    with without_what_stays():
        gone = weakref.ref(Node())
        gc.collect()
        assert gone() is None
