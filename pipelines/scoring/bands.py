"""The words for a score, tested on the six-place number and never on what is displayed.

0.696 is shown as 0.70 and is at risk. Source: scoring rules, "Bands".
"""

from __future__ import annotations

from decimal import Decimal

from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import ONE, ZERO, clamp
from pipelines.scoring.kinds import Band

DEFAULTS = ScoringSettings()


def band_of(score: Decimal | None, settings: ScoringSettings = DEFAULTS) -> Band:
    """Name the band of a six-place score; an unknown score is `no_data`."""
    if score is None:
        return Band.NO_DATA
    if score > ONE:
        return Band.OVERPERFORMING
    if score >= settings.band_on_track:
        return Band.ON_TRACK
    if score >= settings.band_at_risk:
        return Band.AT_RISK
    return Band.SIGNIFICANT_ISSUES


def at_least_at_risk(band: Band) -> Band:
    """`band`, but no better than `at_risk`: for a limit that is violated now."""
    return Band.AT_RISK if band in {Band.OVERPERFORMING, Band.ON_TRACK} else band


def risk_factor(score: Decimal | None) -> Decimal | None:
    """1 − clamp(score, 0, 1), or None where the score is unknown."""
    return None if score is None else ONE - clamp(score, ZERO, ONE)
