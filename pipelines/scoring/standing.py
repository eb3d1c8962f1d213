"""The one word shown for a key result, after staleness, a person's override and the close of the cycle.

Source: scoring rules, "Cycle" (silence is never green) and "Roll-up" (a closed goal was reached or missed).
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.scoring.kinds import Band, KeyResultStatus
from pipelines.scoring.rollup import status_of_band

OVERRIDES = (
    KeyResultStatus.ON_TRACK,
    KeyResultStatus.AT_RISK,
    KeyResultStatus.OFF_TRACK,
    KeyResultStatus.CANCELLED,
)
"""What a person may say instead of the computed word; reached and missed are for the numbers to say."""


@dataclass(frozen=True, slots=True)
class Override:
    """A status that a person put in place of the computed one, and why."""

    status: KeyResultStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The published status and where it comes from (`computed` or `override`)."""

    status: KeyResultStatus
    source: str = "computed"
    reason: str | None = None


def standing(
    band: Band,
    target_met: bool | None,
    *,
    is_done: bool = False,
    is_stale: bool = False,
    is_final: bool = False,
    override: Override | None = None,
) -> Standing:
    """Choose the word.

    At close: achieved or missed, `no_data` where nobody can say. Before: a cancelled key result stays cancelled,
    silence is stale, then a person's word, then an effort that is all done, then the band.

    >>> standing(Band.ON_TRACK, target_met=False, is_stale=True).status
    <KeyResultStatus.STALE: 'stale'>
    """
    is_cancelled = override is not None and override.status is KeyResultStatus.CANCELLED
    if override is not None and (is_cancelled or not (is_final or is_stale)):
        return Standing(override.status, "override", override.reason)
    if is_final:
        if target_met is None:
            return Standing(KeyResultStatus.NO_DATA)
        return Standing(KeyResultStatus.ACHIEVED if target_met else KeyResultStatus.MISSED)
    if is_done:
        return Standing(KeyResultStatus.ACHIEVED)
    return Standing(KeyResultStatus.STALE if is_stale else status_of_band(band))
