"""An operation with a thousand assets, at a cost that grows with their number and not with its square.

Dagster asks each output whether it is selected, against all outputs of its operation, and makes the set of them anew
for each question: a million sets for a thousand metrics, seven seconds of a run. A definition never changes, so here
the set is made once. Measured in benchmarks/orchestration.
"""

from __future__ import annotations

import warnings
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Any

import dagster as dg


class WideAssets(dg.AssetsDefinition):
    """`AssetsDefinition` that remembers which assets and checks it makes; so do the selections made of it."""

    @cached_property
    def asset_and_check_keys(self) -> AbstractSet[dg.AssetKey | dg.AssetCheckKey]:
        return frozenset((*self.keys, *self.check_keys))

    @staticmethod
    def dagster_internal_init(**attributes: Any) -> WideAssets:
        """What Dagster makes its selections and copies with."""
        with warnings.catch_warnings():
            # That the assets are made (not observed) is beta to say; Dagster says it of its own definitions.
            warnings.simplefilter("ignore", dg.BetaWarning)
            return WideAssets(**attributes)


def wide(assets: dg.AssetsDefinition) -> WideAssets:
    """The same operation, ready for many assets."""
    return WideAssets.dagster_internal_init(**assets.get_attributes_dict())
