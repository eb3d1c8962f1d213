"""The words of the report: what a status, a flag or a method is called and what it means.

A status is never told by colour alone: each has a tone (the colour), an icon (the shape) and a word.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """``tone``: good, near, bad, open (no verdict yet) or none. ``icon`` is a shape of its own."""

    text: str
    tone: str
    icon: str


_UNKNOWN = Word("Unknown", "none", "ring")

KPI_STATUS = {
    "green": Word("On target", "good", "check"),
    "amber": Word("Near target", "near", "triangle"),
    "red": Word("Off target", "bad", "diamond"),
    "no_target": Word("No target", "none", "ring"),
    "no_data": Word("No data", "none", "dash"),
    "stale": Word("Stale", "none", "clock"),
    "blocked": Word("Held back", "bad", "shield"),
}

SO_FAR = {
    "green": Word("So far on target", "open", "clock"),
    "amber": Word("So far near target", "open", "clock"),
    "red": Word("So far off target", "open", "clock"),
}
"""Statuses of a period that is still open."""

GOAL_STATUS = {
    "on_track": Word("On track", "good", "check"),
    "achieved": Word("Achieved", "good", "star"),
    "at_risk": Word("At risk", "near", "triangle"),
    "stale": Word("Stale", "near", "clock"),
    "off_track": Word("Off track", "bad", "diamond"),
    "missed": Word("Missed", "bad", "diamond"),
    "no_data": Word("No data", "none", "dash"),
    "not_started": Word("Not started", "none", "ring"),
    "cancelled": Word("Cancelled", "none", "dash"),
}

HEALTH = {
    "green": Word("Well", "good", "check"),
    "amber": Word("Watch", "near", "triangle"),
    "red": Word("Failing", "bad", "diamond"),
}

SEVERITY = {
    "critical": Word("Critical", "bad", "diamond"),
    "warning": Word("Warning", "near", "triangle"),
    "info": Word("Info", "none", "ring"),
    "error": Word("Error", "bad", "diamond"),
    "warn": Word("Warning", "near", "triangle"),
    "note": Word("Note", "none", "ring"),
}

TREND = {
    "improving": Word("Improving", "good", "up"),
    "worsening": Word("Worsening", "bad", "down"),
    "flat": Word("Steady", "none", "flat"),
}

EFFECT = {
    "favourable": Word("Favourable", "good", "up"),
    "unfavourable": Word("Unfavourable", "bad", "down"),
    "neutral": Word("Neutral", "none", "flat"),
}

ANOMALY_KIND = {
    "point": "unusual value",
    "level_shift": "new level",
    "trend": "slow drift",
    "streak": "streak",
    "missing": "value missing",
    "below_baseline": "far behind its baseline",
}

PACE = {
    "ahead": Word("Ahead of pace", "good", "up"),
    "on_pace": Word("On pace", "good", "check"),
    "behind": Word("Behind pace", "near", "triangle"),
    "off_pace": Word("Off pace", "bad", "diamond"),
    "too_early": Word("Too early to tell", "none", "ring"),
    "not_applicable": Word("No pace", "none", "dash"),
}

PERSPECTIVE = {
    "financial": "Financial",
    "customer": "Customer",
    "internal_process": "Internal process",
    "learning_growth": "Learning and growth",
}
PERSPECTIVE_QUESTION = {
    "financial": "How do we look to those who fund us?",
    "customer": "How do customers see us?",
    "internal_process": "What must we excel at?",
    "learning_growth": "How do we keep improving?",
}

LEVEL = {"north_star": "North star", "supporting": "Supporting", "operational": "Operational"}
OPERATOR = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "influences": "influences"}
DIRECTION = {"increase": "higher is better", "decrease": "lower is better", "band": "best inside its band"}
GRAIN = {"day": "day", "week": "week", "month": "month", "quarter": "quarter", "year": "year"}

STATE = {
    "provisional": "may still change",
    "no_data": "no data",
    "insufficient_sample": "too few to show",
    "blocked": "held back by a failed check",
}

METHOD = {
    "ratio": "value ÷ target",
    "linear": "progress from the baseline",
    "zones": "place inside its zones",
    "periods_met": "periods that met the target",
    "met_or_not": "met or not",
    "milestone": "milestones reached, by weight",
    "binary": "done or not",
}

FLAG = {
    "ratio_masks_no_progress": "The ratio looks fine, but hardly any way has been made from the baseline.",
    "regressed": "Worse than where it started.",
    "retro_edit": "Target or baseline was changed during the cycle.",
    "sandbagged": "Every key result was more than reached: the aim was too easy.",
    "gaming_risk": "It improves while its counter-metric worsens.",
    "zero_target": "The target is zero, so there is no ratio.",
    "negative_operand": "A negative number is involved, so progress is the score.",
    "low_coverage": "Too little of the weight has data.",
    "local_optimum": "It is green while the metric it drives stays red.",
    "violated_now": "The limit is violated now.",
    "value_by_hand": "The value was given by hand.",
    "backfilled": "Computed after its day.",
    "above_band": "Above its band.",
    "below_band": "Below its band.",
    "inside_band": "Inside its band.",
}

AGGREGATION = {
    "sum": "may be added up over periods",
    "last": "the last value stands for a longer period",
    "ratio": "add numerators and denominators, then divide",
    "mean": "never add up",
    "median": "never add up",
    "none": "never add up",
}

MISSING = {
    "empty": "a gap is no data",
    "zero": "a gap is zero",
    "carry_forward": "a gap keeps the last value",
}


def status_word(status: str, blocked: bool = False, state: str = "final") -> Word:
    """How a KPI's status is told. Of a period that is still open it is no verdict yet, so it raises no alarm."""
    if blocked:
        return KPI_STATUS["blocked"]
    if state == "provisional" and status in SO_FAR:
        return SO_FAR[status]
    return KPI_STATUS.get(status, _UNKNOWN)


def goal_word(status: str) -> Word:
    """How the status of an objective or key result is told."""
    return GOAL_STATUS.get(status, _UNKNOWN)


def spoken(name: str) -> str:
    """A key as words: ``ratio_masks_no_progress`` → ``ratio masks no progress``."""
    return name.replace("_", " ")


def flag_words(name: str) -> str:
    """What a flag means."""
    return FLAG.get(name, f"{spoken(name).capitalize()}.")
