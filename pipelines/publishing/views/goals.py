"""Views of objectives, key results and check-ins. Ratio and progress are always both there.

Objectives are visible to everybody; a key result on a restricted metric shows its scores and hides its
values. Source: publication rules, decision 12; scoring rules.
"""

from __future__ import annotations

from pipelines.publishing.views.model import View, columns

_KR_STATUS_RANK = (
    "CASE s.published_status WHEN 'off_track' THEN 1 WHEN 'missed' THEN 1 WHEN 'at_risk' THEN 2 WHEN 'stale' THEN 2 "
    "WHEN 'on_track' THEN 3 WHEN 'achieved' THEN 3 ELSE 4 END"
)
_RESTRICTED = "COALESCE(m.sensitivity, 'internal') = 'restricted' AND {restricted_here}"


def _hidden(expression: str) -> str:
    return f"CASE WHEN {_RESTRICTED} THEN NULL ELSE {expression} END"


_PROGRESS = columns(
    ("cycle_key", "c.cycle_key", "cycle"),
    ("cycle_name", "c.cycle_name", "name of the cycle"),
    ("objective_key", "o.objective_key", "objective"),
    ("objective", "o.title", "the aim, in words"),
    ("team_key", "o.team_key", "team whose objective it is"),
    ("team_name", "t.team_name", "name of that team"),
    ("key_result_key", "kr.key_result_key", "key result"),
    ("key_result", "kr.statement", "the key result, in words"),
    ("owner_name", "p.display_name", "person who answers for it"),
    ("kr_type", "kr.kr_type", "increase, decrease, stay_above, stay_below, stay_between, milestone, binary, baseline"),
    ("nature", "kr.nature", "outcome (names a metric) or effort (names none)"),
    ("is_leading", "kr.is_leading", "moves before the outcome does"),
    ("metric_id", "kr.metric_id", "metric it moves"),
    ("segment_key", "kr.segment_key", "segment it is about"),
    ("as_of_date", "s.as_of_date", "day of the snapshot"),
    ("cycle_day", "s.cycle_day", "day of the cycle"),
    ("baseline_value", _hidden("terms.baseline_value"), "value it starts from"),
    ("current_value", _hidden("s.current_value"), "value on that day; hidden for a restricted metric"),
    ("target_value", _hidden("terms.target_value"), "value to reach; hidden for a restricted metric"),
    ("stretch_value", _hidden("terms.stretch_value"), "value beyond the target"),
    ("unit", "kr.unit", "unit of these values"),
    ("weight", "terms.weight", "weight in the objective's score"),
    ("due_date", "terms.due_date", "day it is due"),
    ("score", "s.score", "score by score_method, 1 = reached; NULL is unknown"),
    ("score_method", "s.score_method", "ratio, linear (progress), zones, periods_met, milestone or binary"),
    ("ratio", "s.ratio_raw", "current over target (decrease: target over current)"),
    ("ratio_reason", "s.ratio_reason", "why there is no ratio, or how an edge was decided"),
    ("progress", "s.progress_raw", "way made from baseline to target"),
    ("progress_reason", "s.progress_reason", "why there is no progress, or how an edge was decided"),
    ("score_band", "s.score_band", "overperforming, on_track, at_risk, significant_issues, no_data or not_started"),
    ("target_met", "s.target_met", "whether the target is met"),
    ("expected_progress", "s.expected_progress", "where progress should be on that day"),
    ("pace_ratio", "s.pace_ratio", "progress over expected progress"),
    ("pace_gap", "s.pace_gap", "progress minus expected progress"),
    ("pace_status", "s.pace_status", "ahead, on_pace, behind, off_pace, too_early or not_applicable"),
    ("forecast_value", _hidden("s.forecast_value"), "value expected at the end of the cycle"),
    ("forecast_low", _hidden("s.forecast_low"), "lower end of its interval"),
    ("forecast_high", _hidden("s.forecast_high"), "upper end of its interval"),
    ("forecast_score", "s.forecast_score", "score of the forecast"),
    ("hit_probability", "s.hit_probability", "probability of meeting the target, 0 to 1"),
    ("owner_confidence", "s.owner_confidence", "the owner's own confidence, 0 to 1"),
    ("confidence_gap", "s.confidence_gap", "owner_confidence minus hit_probability"),
    ("published_status", "s.published_status", "on_track, at_risk, off_track, achieved, missed, stale, no_data, "
        "not_started or cancelled"),
    ("status_rank", _KR_STATUS_RANK, "to sort by: 1 off track or missed, 2 at risk or stale, 3 on track, 4 other"),
    ("status_source", "s.status_source", "computed, or overridden by a person"),
    ("override_reason", "s.override_reason", "why it was overridden"),
    ("is_stale", "s.is_stale", "no check-in for too long"),
    ("days_since_check_in", "s.days_since_check_in", "days since the last check-in"),
    ("flags", "s.flags", "what to look at, such as ratio_masks_no_progress or retro_edit"),
    ("terms_revision", "terms.revision", "more than 1: target, baseline or weight was changed"),
    ("is_final", "s.is_final", "frozen at the close of the cycle"),
)  # fmt: skip

_JOINS = """FROM {core}key_result_score AS s
JOIN {core}key_result AS kr ON kr.key_result_key = s.key_result_key
JOIN {core}objective AS o ON o.objective_key = kr.objective_key
JOIN {core}okr_cycle AS c ON c.cycle_key = o.cycle_key
JOIN {core}dim_team AS t ON t.team_key = o.team_key
JOIN {core}dim_person AS p ON p.person_key = kr.owner_key
LEFT JOIN {core}key_result_terms AS terms ON terms.key_result_key = kr.key_result_key AND terms.is_current
LEFT JOIN {core}metric AS m ON m.metric_id = kr.metric_id
"""

OKR_PROGRESS = View(
    "okr_progress",
    "One row per key result: its latest snapshot. Score, ratio and progress side by side.",
    _PROGRESS,
    _JOINS
    + """WHERE s.is_current AND kr.is_listed AND s.as_of_date =
      (SELECT max(x.as_of_date) FROM {core}key_result_score AS x
       WHERE x.is_current AND x.key_result_key = s.key_result_key)""",
)


def _history(name: str, comment: str, period: str | None) -> View:
    if period is None:
        return View(name, comment, _PROGRESS, _JOINS + "WHERE s.is_current")
    start = columns((f"{period}_start", f"d.{period}_start", f"first day of the {period}"))
    return View(
        name,
        comment,
        start + _PROGRESS,
        _JOINS
        + f"""JOIN {{core}}dim_date AS d ON d.date_key = s.as_of_date
WHERE s.is_current AND s.as_of_date =
      (SELECT max(x.as_of_date) FROM {{core}}key_result_score AS x
       JOIN {{core}}dim_date AS xd ON xd.date_key = x.as_of_date
       WHERE x.is_current AND x.key_result_key = s.key_result_key AND xd.{period}_start = d.{period}_start)""",
    )


HISTORY = (
    _history("okr_progress_daily", "One row per key result and day: every snapshot.", None),
    _history("okr_progress_weekly", "One row per key result and week: its last snapshot.", "week"),
    _history("okr_progress_monthly", "One row per key result and month: its last snapshot.", "month"),
    _history("okr_progress_quarterly", "One row per key result and quarter: its last snapshot.", "quarter"),
)

OBJECTIVES = View(
    "objectives",
    "One row per objective with where it stands.",
    columns(
        ("cycle_key", "c.cycle_key", "cycle"),
        ("cycle_name", "c.cycle_name", "name of the cycle"),
        ("cycle_state", "c.state", "draft, open or closed"),
        ("cycle_start_date", "c.start_date", "first day of the cycle"),
        ("cycle_end_date", "c.end_date", "last day of the cycle, inclusive"),
        ("objective_key", "o.objective_key", "objective"),
        ("objective", "o.title", "the aim, in words"),
        ("rationale", "o.rationale", "why it matters"),
        ("team_key", "o.team_key", "team whose aim it is"),
        ("team_name", "t.team_name", "name of that team"),
        ("owner_name", "p.display_name", "person who answers for it"),
        ("parent_objective_key", "o.parent_objective_key", "objective it belongs under"),
        ("contributes", "o.contributes", "counts in its parent's score; otherwise it only supports it"),
        ("commitment", "o.commitment", "committed (succeeds at 1.0) or aspirational (at 0.7)"),
        ("bsc_perspective", "o.bsc_perspective", "balanced scorecard perspective"),
        ("lifecycle", "o.lifecycle", "draft, active, closed or cancelled"),
        ("as_of_date", "s.as_of_date", "day of the snapshot"),
        ("score", "s.score", "weighted score of its key results, 0 to 1; NULL is unknown"),
        ("coverage", "s.coverage", "share of the weight that has data"),
        ("expected_progress", "s.expected_progress", "where progress should be"),
        ("published_status", "COALESCE(s.published_status, 'no_data')", "status shown"),
        (
            "status_rank",
            _KR_STATUS_RANK,
            "to sort by: 1 off track or missed, 2 at risk or stale, 3 on track, 4 other",
        ),
        ("kr_total", "s.kr_total", "key results"),
        ("kr_on_track", "s.kr_on_track", "of these on track or achieved"),
        ("kr_at_risk", "s.kr_at_risk", "of these at risk"),
        ("kr_off_track", "s.kr_off_track", "of these off track or missed"),
        ("kr_no_data", "s.kr_no_data", "of these without data"),
        ("flags", "s.flags", "what to look at, such as sandbagged"),
        ("is_final", "s.is_final", "frozen at the close of the cycle"),
        ("closing_note", "o.closing_note", "what was learned"),
    ),
    """FROM {core}objective AS o
JOIN {core}okr_cycle AS c ON c.cycle_key = o.cycle_key
JOIN {core}dim_team AS t ON t.team_key = o.team_key
JOIN {core}dim_person AS p ON p.person_key = o.owner_key
LEFT JOIN {core}objective_score AS s ON s.objective_key = o.objective_key AND s.is_current AND s.as_of_date =
      (SELECT max(x.as_of_date) FROM {core}objective_score AS x
       WHERE x.is_current AND x.objective_key = o.objective_key)
WHERE o.is_listed""",
)

CHECK_INS = View(
    "check_ins",
    "Check-ins as people wrote them. A corrected one is kept with is_superseded true.",
    columns(
        ("check_in_id", "i.check_in_id", "counts up"),
        ("cycle_name", "c.cycle_name", "name of the cycle"),
        ("objective", "o.title", "the aim, in words"),
        ("team_name", "t.team_name", "team whose objective it is"),
        ("key_result_key", "i.key_result_key", "key result"),
        ("key_result", "kr.statement", "the key result, in words"),
        ("check_in_date", "i.check_in_date", "day it is about"),
        ("author_email", "i.author_email", "who wrote it"),
        ("value_override", _hidden("i.value_override"), "value by hand; hidden for a restricted metric"),
        ("progress_note", "i.progress_note", "what progress was made"),
        ("how_it_happened", "i.how_it_happened", "how it came about"),
        ("confidence", "i.confidence", "confidence of reaching the target, 0 to 1"),
        ("blockers", "i.blockers", "what is in the way"),
        ("do_differently", "i.do_differently", "what will be done differently"),
        ("status_override", "i.status_override", "status the author wants shown instead"),
        ("created_at", "i.created_at", "when it was written (UTC)"),
        (
            "is_superseded",
            "CASE WHEN later.check_in_id IS NULL THEN FALSE ELSE TRUE END",
            "corrected by a later one",
        ),
    ),
    """FROM {input}check_in AS i
JOIN {core}key_result AS kr ON kr.key_result_key = i.key_result_key
JOIN {core}objective AS o ON o.objective_key = kr.objective_key
JOIN {core}okr_cycle AS c ON c.cycle_key = o.cycle_key
JOIN {core}dim_team AS t ON t.team_key = o.team_key
LEFT JOIN {core}metric AS m ON m.metric_id = kr.metric_id
LEFT JOIN {input}check_in AS later ON later.check_in_id =
      (SELECT max(x.check_in_id) FROM {input}check_in AS x WHERE x.supersedes = i.check_in_id)""",
)

CHECK_INS_DUE = View(
    "check_ins_due",
    "Check-ins that are due or overdue, and those that were done.",
    columns(
        ("key_result_key", "d.key_result_key", "key result"),
        ("key_result", "kr.statement", "the key result, in words"),
        ("objective", "o.title", "the aim, in words"),
        ("team_name", "t.team_name", "team whose objective it is"),
        ("owner_name", "p.display_name", "person who owes it"),
        ("due_date", "d.due_date", "day it is due"),
        ("state", "d.state", "due, done, overdue or waived"),
        ("nudges_sent", "d.nudges_sent", "reminders so far"),
        ("last_nudge_at", "d.last_nudge_at", "when the last one went out (UTC)"),
    ),
    """FROM {core}check_in_due AS d
JOIN {core}key_result AS kr ON kr.key_result_key = d.key_result_key
JOIN {core}objective AS o ON o.objective_key = kr.objective_key
JOIN {core}dim_team AS t ON t.team_key = o.team_key
JOIN {core}dim_person AS p ON p.person_key = kr.owner_key
WHERE d.is_current""",
)

KEY_RESULT_CHANGES = View(
    "key_result_changes",
    "Targets, baselines and weights of key results that were changed after they were agreed.",
    columns(
        ("key_result_key", "terms.key_result_key", "key result"),
        ("key_result", "kr.statement", "the key result, in words"),
        ("revision", "terms.revision", "number of the change"),
        ("baseline_before", _hidden("earlier.baseline_value"), "baseline before"),
        ("baseline_after", _hidden("terms.baseline_value"), "baseline after"),
        ("target_before", _hidden("earlier.target_value"), "target before"),
        ("target_after", _hidden("terms.target_value"), "target after"),
        ("weight_before", "earlier.weight", "weight before"),
        ("weight_after", "terms.weight", "weight after"),
        ("revised_by", "terms.revised_by", "who changed it"),
        ("revised_reason", "terms.revised_reason", "why"),
        ("published_at", "b.published_at", "when the change was published (UTC)"),
    ),
    """FROM {core}key_result_terms AS terms
JOIN {core}key_result_terms AS earlier
  ON earlier.key_result_key = terms.key_result_key AND earlier.retired_batch_id = terms.batch_id
JOIN {core}key_result AS kr ON kr.key_result_key = terms.key_result_key
JOIN {core}publish_batch AS b ON b.batch_id = terms.batch_id
LEFT JOIN {core}metric AS m ON m.metric_id = kr.metric_id
WHERE terms.revision > 1""",
)

VIEWS = (OBJECTIVES, OKR_PROGRESS, *HISTORY, CHECK_INS, CHECK_INS_DUE, KEY_RESULT_CHANGES)
