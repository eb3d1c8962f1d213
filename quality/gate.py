"""The gate: from check results to what is published, what is held back, and why.

A failed warning publishes with a flag. A failed error holds back the KPIs that rest on what it checked, and
everything computed from them; their last good value stays. A failed check that blocks the publication, or one
that could not be carried out, holds everything back. Pure; the decision is data, so publication does not
depend on the orchestrator. Source: quality rules; faults 12 and 30.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from definitions.model import Catalogue

from .lineage import dependents
from .results import CheckResult


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What may be published.

    ``blocked`` maps a KPI to the reasons its new value is held back (state ``blocked``, last good value kept);
    ``flagged`` maps a KPI to the warnings it is published with. ``reasons`` say why nothing is published;
    empty when something is.
    """

    publish: bool
    reasons: tuple[str, ...]
    blocked: Mapping[str, tuple[str, ...]]
    flagged: Mapping[str, tuple[str, ...]]

    def state_of(self, metric: str) -> str:
        """``blocked``, ``flagged`` or ``clean``."""
        if not self.publish or metric in self.blocked:
            return "blocked"
        return "flagged" if metric in self.flagged else "clean"


def decide(results: Iterable[CheckResult], catalogue: Catalogue) -> GateDecision:
    """Weigh all results of a run. No results at all is no trust: nothing is published."""
    checked = list(results)
    if not checked:
        return GateDecision(False, ("no check was carried out",), {}, {})
    holding = [r for r in checked if not r.passed and (r.blocks_publish or r.raised)]
    reasons = tuple(sorted({r.message for r in holding}))
    blocked = _spread((r for r in checked if r.is_error), catalogue)
    flagged = _spread((r for r in checked if r.is_warning), catalogue)
    if not reasons and catalogue.metrics and set(catalogue.metrics) <= set(blocked):
        reasons = ("every KPI is held back: " + next(iter(blocked.values()))[0],)
    return GateDecision(not reasons, reasons, blocked, flagged)


def _spread(results: Iterable[CheckResult], catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """Messages by KPI: those named by a result, and those computed from them."""
    told: dict[str, dict[str, None]] = {}
    below = dependents(catalogue)
    for result in results:
        for metric in result.metric_ids:
            message = result.details.get(metric, result.message)
            told.setdefault(metric, {})[message] = None
            for dependent in below.get(metric, ()):
                if dependent not in result.metric_ids:
                    told.setdefault(dependent, {})[_about(metric, message)] = None
    return {metric: tuple(messages) for metric, messages in sorted(told.items())}


def _about(metric: str, message: str) -> str:
    return message if message.startswith(f"{metric}:") else f"{metric}: {message}"
