"""Views of what the driver trees, the guardrails and a decline say: influences, segment effects, signals, suggestions.

Restricted metrics are left out altogether: a number about them would tell their values. Source: publication rules,
decision 12; scoring rules, "Driver trees and contributions".
"""

from __future__ import annotations

from pipelines.publishing.views.model import View, columns

METRIC_INFLUENCES = View(
    "metric_influences",
    "Influences that the dictionary claims, with the lagged correlation found. Correlation is no proof of cause.",
    columns(
        ("driver_metric_id", "i.driver_metric_id", "metric that is said to influence"),
        ("driver_metric_name", "driver.metric_name", "its name"),
        ("driven_metric_id", "i.driven_metric_id", "metric that is said to follow"),
        ("driven_metric_name", "m.metric_name", "its name"),
        ("period_grain", "i.period_grain", "grain the two series were compared at"),
        ("lag_periods", "i.lag_periods", "periods of that grain by which the driver goes ahead"),
        ("expected_sign", "i.expected_sign", "1 if both should move together, -1 if against each other"),
        ("correlation", "i.correlation", "Pearson's r of the changes from period to period, -1 to 1"),
        (
            "correlation_of_levels",
            "i.correlation_of_levels",
            "Pearson's r of the values; shared trends raise it",
        ),
        ("pairs", "i.pairs", "pairs of periods behind it"),
        ("reason", "i.reason", "why there is no number: too_few_periods or constant"),
        (
            "is_sign_as_expected",
            "i.is_sign_as_expected",
            "whether it has the sign that the dictionary claims",
        ),
        ("through_date", "i.through_date", "last day of the last period compared"),
    ),
    """FROM {core}metric_influence AS i
JOIN {core}metric AS driver ON driver.metric_id = i.driver_metric_id
JOIN {core}metric AS m ON m.metric_id = i.driven_metric_id
WHERE i.is_current AND m.sensitivity = 'internal' AND driver.sensitivity = 'internal'""",
)

SEGMENT_CONTRIBUTIONS = View(
    "segment_contributions",
    "What each segment did to its metric's change from the period before. The rows of one dimension and change add "
    "up exactly; inner is the segment's own movement, mix that of its weight.",
    columns(
        ("metric_id", "e.metric_id", "metric that changed"),
        ("metric_name", "m.metric_name", "its name"),
        ("period_grain", "e.period_grain", "grain"),
        ("period_start", "e.period_start", "period of the change"),
        ("segment_dimension", "e.segment_dimension", "dimension whose segments share the change"),
        ("segment_value", "e.segment_value", "the segment; (unexplained) for what the segments leave"),
        ("inner_effect", "e.inner_effect", "share x (ratio - earlier ratio), in the metric's unit"),
        (
            "mix_effect",
            "e.mix_effect",
            "(share - earlier share) x (earlier ratio - earlier total); 0 for a sum",
        ),
        ("contribution", "e.contribution", "both together"),
        ("contribution_share", "e.contribution_share", "the same as a fraction of the change"),
        ("unit", "m.unit", "unit of the metric"),
    ),
    """FROM {core}segment_effect AS e
JOIN {core}metric AS m ON m.metric_id = e.metric_id
WHERE e.is_current AND m.sensitivity = 'internal'""",
)

METRIC_SIGNALS = View(
    "metric_signals",
    "What good numbers may hide now: gaming_risk (it improves while its counter-metric worsens) and local_optimum (it "
    "is green while what it drives is red).",
    columns(
        ("signal_kind", "s.signal_kind", "gaming_risk or local_optimum"),
        ("metric_id", "s.metric_id", "metric that looks good"),
        ("metric_name", "m.metric_name", "its name"),
        ("other_metric_id", "s.other_metric_id", "its counter-metric, or the metric it drives"),
        ("other_metric_name", "other.metric_name", "its name"),
        ("team_name", "t.team_name", "team that owns the metric"),
        ("owner_name", "p.display_name", "person accountable for it"),
        ("period_grain", "s.period_grain", "grain"),
        ("period_start", "s.period_start", "period it was seen in"),
        ("explanation", "s.explanation", "the same in words"),
    ),
    """FROM {core}metric_signal AS s
JOIN {core}metric AS m ON m.metric_id = s.metric_id
JOIN {core}metric AS other ON other.metric_id = s.other_metric_id
JOIN {core}dim_team AS t ON t.team_key = m.team_key
JOIN {core}dim_person AS p ON p.person_key = m.owner_key
WHERE s.is_current AND m.sensitivity = 'internal' AND other.sensitivity = 'internal'""",
)

SUGGESTIONS = View(
    "suggestions",
    "Objectives drafted for metrics that got worse three weeks in a row: to take or to leave, nothing is decided.",
    columns(
        ("metric_id", "s.metric_id", "metric that got worse"),
        ("metric_name", "m.metric_name", "its name"),
        ("team_name", "t.team_name", "team that owns it"),
        ("owner_name", "p.display_name", "person accountable for it"),
        ("raised_date", "s.raised_date", "last day of the third adverse week"),
        ("reason", "s.reason", "what was seen"),
        ("draft", "s.draft", "drafted objective and key results, as JSON"),
        ("state", "s.state", "open, taken or dismissed"),
    ),
    """FROM {core}suggestion AS s
JOIN {core}metric AS m ON m.metric_id = s.metric_id
JOIN {core}dim_team AS t ON t.team_key = m.team_key
JOIN {core}dim_person AS p ON p.person_key = m.owner_key
WHERE s.is_current AND m.sensitivity = 'internal'""",
)

VIEWS = (METRIC_INFLUENCES, SEGMENT_CONTRIBUTIONS, METRIC_SIGNALS, SUGGESTIONS)
