"""The status of a KPI: whether a health metric is inside its limits. One value at a time.

`status_arrays` computes the same for many rows and must agree with this module to the last digit.
Source: scoring rules, "KPI status".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from definitions.model import Direction
from definitions.settings import ScoringSettings
from pipelines.scoring.arithmetic import Number, exact
from pipelines.scoring.bands import DEFAULTS
from pipelines.scoring.kinds import Comparison, KpiStatus
from pipelines.scoring.measure import Measure
from pipelines.scoring.optimum import OptimumBand, score_optimum
from pipelines.scoring.ratio import ratio
from pipelines.scoring.targets import default_comparison, is_met


@dataclass(frozen=True, slots=True)
class Limits:
    """What a KPI's value is held against in one period and segment.

    Attributes:
        target: the value to reach; None where there is none, or where `band` is the target.
        band: the optimum band, where the target is one.
        amber_at: the worst value that is still amber; wins over the amber floor.
        red_at: the value from which it is critical, whatever the target. Beside a band, both belong to the side
            they lie on.
    """

    direction: Direction
    target: Number | None = None
    comparison: Comparison | None = None
    band: OptimumBand | None = None
    amber_at: Number | None = None
    red_at: Number | None = None

    @property
    def has_target(self) -> bool:
        """Whether there is a target or a band to hold a value against."""
        return self.band is not None or exact(self.target) is not None


@dataclass(frozen=True, slots=True)
class Status:
    """A colour, the attainment behind it, and whether `red_at` was crossed."""

    status: KpiStatus
    attainment: Measure
    is_critical: bool = False


def kpi_status(
    value: Number | None, limits: Limits, *, is_stale: bool = False, settings: ScoringSettings = DEFAULTS
) -> Status:
    """Judge one value.

    Precedence: no value, stale, `red_at` crossed, no target, met, amber, red.

    >>> kpi_status(14, Limits(Direction.DECREASE, target=12)).status
    <KpiStatus.RED: 'red'>
    >>> kpi_status(Decimal("0.052"), Limits(Direction.DECREASE, target=Decimal("0.05"))).status
    <KpiStatus.AMBER: 'amber'>
    """
    reached = attainment(value, limits, settings)
    now = exact(value)
    if now is None:
        return Status(KpiStatus.NO_DATA, reached)
    if is_stale:
        return Status(KpiStatus.STALE, reached)
    if _is_at_or_beyond(now, limits.red_at, limits):
        return Status(KpiStatus.RED, reached, is_critical=True)
    if not limits.has_target:
        return Status(KpiStatus.NO_TARGET, reached)
    if _holds(now, limits):
        return Status(KpiStatus.GREEN, reached)
    return Status(KpiStatus.AMBER if _is_amber(now, reached, limits, settings) else KpiStatus.RED, reached)


def attainment(value: Number | None, limits: Limits, settings: ScoringSettings = DEFAULTS) -> Measure:
    """How much of its target a KPI reached: the ratio with its edge cases, or the optimum band's score.

    >>> attainment(80, Limits(Direction.INCREASE, target=100)).value
    Decimal('0.800000')
    """
    if limits.band is not None:
        inside = score_optimum(value, limits.band)
        return Measure(inside.score, inside.reason)
    return ratio(limits.direction, value, limits.target, settings.zero_current_cap)


def amber_floor(limits: Limits, settings: ScoringSettings = DEFAULTS) -> Decimal:
    """The attainment from which a missed target is amber."""
    if limits.band is not None:
        return settings.amber_floor_within
    if limits.direction is Direction.DECREASE:
        return settings.amber_floor_decrease
    return settings.amber_floor_increase


def _holds(now: Fraction, limits: Limits) -> bool:
    if limits.band is not None:
        return is_met(now, Comparison.BETWEEN, limits.band.low, limits.band.high) is True
    return is_met(now, limits.comparison or default_comparison(limits.direction), limits.target) is True


def _is_amber(now: Fraction, reached: Measure, limits: Limits, settings: ScoringSettings) -> bool:
    edge = exact(limits.amber_at)
    if edge is not None and _same_side(now, edge, limits):
        return now == edge or not _is_at_or_beyond(now, edge, limits)
    return reached.value is not None and reached.value >= amber_floor(limits, settings)


def _is_at_or_beyond(now: Fraction, edge: Number | None, limits: Limits) -> bool:
    """Whether `now` is as bad as `edge` or worse."""
    at = exact(edge)
    if at is None or not _same_side(now, at, limits):
        return False
    return now >= at if _bad_is_up(at, limits) else now <= at


def _bad_is_up(edge: Fraction, limits: Limits) -> bool:
    """Whether values get worse upwards at `edge`: beside a band, the side it lies on says so."""
    if limits.band is None:
        return limits.direction is Direction.DECREASE
    _, _, high, _ = limits.band.edges()
    return edge > high


def _same_side(now: Fraction, edge: Fraction, limits: Limits) -> bool:
    """Whether a limit speaks about the side of the band that the value is on (always, without a band)."""
    if limits.band is None:
        return limits.direction is not Direction.WITHIN
    _, low, high, _ = limits.band.edges()
    return (edge > high and now > high) or (edge < low and now < low)
