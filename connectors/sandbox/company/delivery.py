"""What engineering delivers beside the tracker: deployments and code reviews."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.sandbox.company import stories
from connectors.sandbox.company.randoms import arrivals, between, chance, delay, growth, pick, season, stream
from connectors.sandbox.company.timeline import DAY, MINUTE, NEVER, START_DAY, Ints, day_number, working_time


@dataclass(frozen=True)
class Deployments:
    """Deployments by time of finishing."""

    service: Ints
    environment: Ints
    status: Ints
    merged: Ints
    finished: Ints

    @property
    def size(self) -> int:
        """Number of deployments."""
        return int(self.finished.size)


@dataclass(frozen=True)
class Reviews:
    """Code reviews by time of opening; `first` is the first review's instant or NEVER."""

    opened: Ints
    first: Ints

    @property
    def size(self) -> int:
        """Number of reviews."""
        return int(self.opened.size)


def deployments(seed: int, scale: float) -> Deployments:
    """Draw deployments; the bad release's days see rollbacks and hot fixes."""
    rng = stream(seed, "tracker", "deployments")
    release = stories.BAD_RELEASE
    hot = between(day_number(release.start), day_number(release.end))
    rate = growth(stories.GROWTH.engineering, 2.6 * scale) * season("engineering") * np.where(hot, 1.5, 1.0)
    finished = arrivals(rng, rate, noon=14.5, spread=2.5)
    n = finished.size
    environment = pick(rng, n, (0.64, 0.36))
    is_hot = hot[np.clip(finished // DAY - START_DAY, 0, hot.size - 1)]
    status = np.where(is_hot, pick(rng, n, (0.72, 0.12, 0.16)), pick(rng, n, (0.94, 0.04, 0.02)))
    lead = delay(rng, np.where(environment == 0, 0.28, 0.05), 0.9, n)
    return Deployments(
        pick(rng, n, (0.3, 0.3, 0.18, 0.12, 0.10)), environment, status, finished - lead, finished
    )


def reviews(seed: int, scale: float) -> Reviews:
    """Draw code reviews; a few are never reviewed."""
    rng = stream(seed, "tracker", "reviews")
    opened = arrivals(
        rng, growth(stories.GROWTH.engineering, 4.2 * scale) * season("engineering"), spread=3.0
    )
    first = working_time(opened + delay(rng, 0.22, 0.9, opened.size))
    first = np.maximum(first, opened + MINUTE)
    return Reviews(opened, np.where(chance(rng, 0.04, opened.size), NEVER, first))
