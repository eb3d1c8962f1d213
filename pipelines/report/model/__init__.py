"""What the report shows, read once from the reporting database: frozen values without behaviour beyond naming."""

from .goals import CheckIn, CheckInDue, KeyResult, Objective, Progress, Signal, SuggestedGoal
from .meaning import Change, Contribution, Definition, Finding, Focus, Influence, TreeRow
from .snapshot import Publication, Snapshot, Team
from .trust import Alert, Anomaly, Blocked, Check, Health, Restatement
from .values import Annotation, Kpi, Point, Segment, SeriesKey, Unit

__all__ = [
    "Alert",
    "Annotation",
    "Anomaly",
    "Blocked",
    "Change",
    "Check",
    "CheckIn",
    "CheckInDue",
    "Contribution",
    "Definition",
    "Finding",
    "Focus",
    "Health",
    "Influence",
    "KeyResult",
    "Kpi",
    "Objective",
    "Point",
    "Progress",
    "Publication",
    "Restatement",
    "Segment",
    "SeriesKey",
    "Signal",
    "Snapshot",
    "SuggestedGoal",
    "Team",
    "TreeRow",
    "Unit",
]
