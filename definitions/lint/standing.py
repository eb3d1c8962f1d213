"""Rules for where definitions stand: certificates that fell, deprecated metrics that others still rest on.

Source: definition lint, 'Errors' (a changed certified metric drops to review, `deprecated` needs a successor).
"""

from __future__ import annotations

from definitions.governance import certificate_is_older, is_retired, successor_of, uses_of
from definitions.lint.finding import Found, Rule, Severity, Subject, about


def _still_certified(subject: Subject) -> Found:
    for metric in subject.active:
        if metric.status == "certified" and (
            certificate_is_older(metric) or metric.name in subject.facts.dropped
        ):
            last = f" on {metric.reviewed_on}" if metric.reviewed_on else ""
            yield (
                about(metric),
                f"{metric.name} changed its meaning (version {metric.version}) after it was certified{last}: "
                "it counts as in review",
            )


def _deprecated_in_use(subject: Subject) -> Found:
    for metric in subject.catalogue.metrics.values():
        if metric.status != "deprecated":
            continue
        users = [
            use
            for use in uses_of(subject.catalogue, metric.name)
            if use.kind != "metric" or subject.catalogue.metrics[use.name] in subject.active
        ]
        names = list(dict.fromkeys(f"{use.kind.replace('_', ' ')} {use.name}" for use in users))
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            day = f", which {'ended' if is_retired(metric, subject.today) else 'ends'} on {metric.deprecated_on}"
            yield (
                about(metric),
                f"{', '.join(names[:5])}{more} still rest{'s' if len(names) == 1 else ''} on {metric.name}{day}; "
                f"its successor is {successor_of(subject.catalogue, metric, subject.today)}",
            )


RULES: tuple[Rule, ...] = (
    Rule(
        "STILL_CERTIFIED",
        Severity.WARNING,
        "A certificate is for the meaning that was certified",
        "Readers trust a certified number because somebody looked at what it means; another meaning was not looked at.",
        "Review it and run `vitals governance certify`, or set status: review.",
        _still_certified,
    ),
    Rule(
        "DEPRECATED_IN_USE",
        Severity.WARNING,
        "Nothing rests on a deprecated metric",
        "On the day after its last one it begins no new period, and what rests on it has nothing to stand on.",
        "Move what uses it to its successor.",
        _deprecated_in_use,
    ),
)
