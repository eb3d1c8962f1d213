"""The score of an outcome key result: ratio and progress side by side, and the one that counts.

Source: scoring rules, "Score of an outcome key result", and the executed cases beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from definitions.model import Direction
from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import ONE, ZERO, Number
from pipelines.scoring.bands import DEFAULTS, band_of, risk_factor
from pipelines.scoring.kinds import Band, Comparison, Method
from pipelines.scoring.measure import Measure
from pipelines.scoring.progress import progress
from pipelines.scoring.ratio import ratio
from pipelines.scoring.targets import check_target, default_comparison, is_met

RATIO_MASKS_NO_PROGRESS = "ratio_masks_no_progress"
REGRESSED = "regressed"


@dataclass(frozen=True, slots=True)
class Score:
    """How far a key result got.

    Attributes:
        ratio: share of the target reached, always published.
        progress: share of the way from baseline to target, always published.
        score: the number that counts, raw (it may be below 0 or above 1); None where unknown.
        method: which way `score` was reached.
        band: the words for `score`.
        target_met: whether the comparison holds, strict where the definition says so; None where unknown.
        flags: what a reader should know, sorted.
    """

    ratio: Measure
    progress: Measure
    score: Decimal | None
    method: Method
    band: Band
    target_met: bool | None
    flags: tuple[str, ...] = ()

    @property
    def risk_factor(self) -> Decimal | None:
        """1 − clamp(score, 0, 1)."""
        return risk_factor(self.score)


def score_outcome(
    direction: Direction,
    current: Number | None,
    target: Number | None,
    baseline: Number | None = None,
    comparison: Comparison | None = None,
    method: Method = Method.RATIO,
    settings: ScoringSettings = DEFAULTS,
) -> Score:
    """Score an `increase` or `decrease` key result.

    `method` is the one the key result names: `ratio` (the default) or `linear` (progress). The ratio
    gives way to
    progress where it would say nothing; with a zero target and no progress either, the score is met or
    not met.

    >>> score_outcome(Direction.INCREASE, current=42, target=55, baseline=42).flags
    ('ratio_masks_no_progress',)

    Raises:
        TargetError: `direction_mismatch` or `comparison_mismatch`; both are definition errors, refused
        at load.
    """
    check_target(direction, target, baseline, comparison)
    share = ratio(direction, current, target, settings.zero_current_cap)
    way = progress(current, target, baseline)
    met = is_met(current, comparison or default_comparison(direction), target)
    score, used = _choose(share, way, met, method)
    return Score(share, way, score, used, band_of(score, settings), met, _flags(share, way, settings))


def _choose(share: Measure, way: Measure, met: bool | None, method: Method) -> tuple[Decimal | None, Method]:
    """Return the score and the method that gave it."""
    if method is Method.LINEAR:
        return way.value, Method.LINEAR
    if share.reason in {"zero_target", "zero_target_uninformative"}:
        if way.is_known:
            return way.value, Method.LINEAR
        return (ONE if met else ZERO), Method.MET_OR_NOT
    if share.reason == "negative_operand":
        return way.value, Method.LINEAR
    return share.value, Method.RATIO


def _flags(share: Measure, way: Measure, settings: ScoringSettings) -> tuple[str, ...]:
    found = []
    if way.value is not None:
        looks_good = share.value is not None and share.value >= settings.band_on_track
        if looks_good and way.value < settings.mask_progress_below:
            found.append(RATIO_MASKS_NO_PROGRESS)
        if way.value < ZERO:
            found.append(REGRESSED)
    return tuple(sorted(found))
