"""Root cause: planted causes are named, contributions add up, and the rule table says what to do first."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from benchmarks.anomalies.rootcause import named
from pipelines.anomalies.flags import Effect, Flag, Severity
from pipelines.anomalies.rootcause import (
    DriverCause,
    RelatedEvent,
    SegmentCause,
    Situation,
    as_rows,
    foresee,
    related_events,
    segment_causes,
    suggested_action,
)
from pipelines.anomalies.series import SeriesBatch

WEEK = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.4])
DAYS, SEGMENTS = 120, 50


def planted(seed: int) -> tuple[np.ndarray, int]:
    """50 segments that sway together; one of the larger half breaks on the last day."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(SEGMENTS, 2.0))
    together = np.exp(rng.normal(0, 0.04, DAYS))
    rates = 2500 * weights[:, None] * WEEK[np.arange(DAYS) % 7] * together
    cause = int(rng.choice(np.flatnonzero(weights > np.median(weights))))
    rates[cause, -1] *= rng.choice([0.1, 3.0])
    return rng.poisson(rates).astype(float), cause


@pytest.mark.parametrize("world", ["counts", "shares"])
def test_a_cause_planted_in_one_of_fifty_segments_is_among_the_top_three(world: str) -> None:
    """Any of them, as strong as it takes to move the total; the benchmark does the same with 1,000 seeds."""
    among, leading = named(world, seeds=60, length=1)
    assert among >= 0.95
    assert leading >= 0.9


def test_contributions_of_a_dimension_add_up_to_its_distance() -> None:
    values, _ = planted(3)
    batch = SeriesBatch.of(values, "count", start=date(2025, 1, 6))
    at = np.full(SEGMENTS, DAYS - 1)
    foresight = foresee(batch, at, at)
    segments = {n: ("region", str(n)) for n in range(SEGMENTS)}
    every = segment_causes(foresight, segments, DAYS - 1, DAYS - 1, top=SEGMENTS)
    whole = float((values[:, -1] - foresight.expected[:, -1]).sum())
    assert sum(cause.contribution for cause in every) == pytest.approx(whole, rel=1e-6)
    assert sum(cause.share or 0 for cause in every) == pytest.approx(1, rel=1e-6)


def test_a_ratio_is_weighed_by_its_denominators() -> None:
    rng = np.random.default_rng(4)
    samples = np.vstack([np.full(DAYS, 900.0), np.full(DAYS, 30.0)])
    values = rng.binomial(samples.astype(int), 0.8) / samples
    values[0, -1], values[1, -1] = 0.7, 0.5
    batch = SeriesBatch.of(values, "ratio", start=date(2025, 1, 6), samples=samples)
    at = np.full(2, DAYS - 1)
    top = segment_causes(
        foresee(batch, at, at), {0: ("team", "big"), 1: ("team", "small")}, DAYS - 1, DAYS - 1
    )
    assert top[0].segment == "big"
    assert top[0].contribution == pytest.approx(-0.1 * 900 / 930, abs=0.01)


def test_the_flagged_periods_are_kept_out_of_what_segments_are_predicted_from() -> None:
    rng = np.random.default_rng(5)
    values = np.exp(rng.normal(6, 0.05, (1, DAYS)))
    values[0, -10:] *= 1.4
    batch = SeriesBatch.of(values, "money", start=date(2025, 1, 6))
    first, last = np.array([DAYS - 10]), np.array([DAYS - 1])
    foresight = foresee(batch, first, last)
    assert foresight.expected[0, -1] == pytest.approx(np.exp(6), rel=0.1)


FLAG = Flag(
    row=0,
    key="tickets",
    grain="day",
    period_start=date(2026, 6, 9),
    since=date(2026, 6, 9),
    observed=63.0,
    expected=9.0,
    lower=2.0,
    upper=18.0,
    score=5.3,
    kind="point",
    severity=Severity.CRITICAL,
    effect=Effect.UNFAVOURABLE,
    explanation="",
    detector="course",
    detector_version="1",
)
CASE = Situation(FLAG, "tickets", owners={"tickets": "Ada", "logins": "Bob"}, sources=("support",))
NA = SegmentCause("region", "na", 40.0, 3.0, 37.0, 0.69, 9.0)
LOGINS = DriverCause("logins", 30.0, 0.55)
RELEASE = RelatedEvent("2.14", "release", date(2026, 6, 8), date(2026, 6, 8))
HOLIDAY = RelatedEvent("Whit Monday", "holiday", date(2026, 6, 8), date(2026, 6, 8))


@pytest.mark.parametrize(
    ("case", "says"),
    [
        (CASE, "Ask Ada what changed."),
        (replace(CASE, advice=("Check the spam filter",)), "Check the spam filter."),
        (replace(CASE, segments=(NA,)), "Look at region na first: it carries 69 % of the change; ask Ada."),
        (
            replace(CASE, segments=(NA,), drivers=(LOGINS,)),
            "Look at logins first: it carries 55 % of the change; ask Bob.",
        ),
        (
            replace(CASE, drivers=(LOGINS,), events=(RELEASE,)),
            "Ask whoever ran the release “2.14” (Mon 8 Jun 2026) first.",
        ),
        (replace(CASE, events=(HOLIDAY,)), "Ask Ada what changed."),
        (
            replace(CASE, flag=replace(FLAG, effect=Effect.FAVOURABLE), segments=(NA,)),
            "Find out what went well in region na, and keep it; ask Ada.",
        ),
        (
            replace(CASE, flag=replace(FLAG, kind="missing")),
            "See whether support has been loaded; Ada decides whether the period had no activity.",
        ),
        (
            replace(CASE, before=(date(2025, 10, 21), "login outage")),
            "Ask Ada what changed. Last like this: Tue 21 Oct 2025 (login outage).",
        ),
    ],
)
def test_the_first_rule_that_fits_is_the_suggested_action(case: Situation, says: str) -> None:
    assert suggested_action(case) == says


def test_related_events_are_those_nearby_the_nearest_first() -> None:
    far = RelatedEvent("1.0", "release", date(2026, 1, 1), date(2026, 1, 2))
    week_before = RelatedEvent("Sale", "campaign", date(2026, 6, 1), date(2026, 6, 3))
    near = related_events([far, week_before, RELEASE], date(2026, 6, 9), date(2026, 6, 9))
    assert near == (RELEASE, week_before)


def test_published_causes_have_a_label_and_a_text_for_people() -> None:
    rows = as_rows("count", "tickets", (NA,), (LOGINS,), (RELEASE,))
    assert [row["label"] for row in rows] == ["region: na", "logins", "release: 2.14"]
    assert rows[0]["text"] == "40 tickets instead of 3 tickets, 69 % of the change"
    assert rows[0]["contribution"] == 37.0
