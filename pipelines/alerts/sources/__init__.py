"""Where alerts come from: what a run found, as alerts. Pure functions, one per source; nothing is decided here.

| source | function |
|---|---|
| anomaly flags, far below baseline | `metrics.anomalies` |
| red_at crossed | `metrics.red_lines` |
| key result at risk or off pace | `goals.key_results` |
| check-in due ladder | `goals.check_ins_due` |
| check-in published | `goals.check_ins` |
| failed quality checks | `operations.failed_checks` |
| late freshness | `operations.late` |
| run failure | `operations.run_failed`, `operations.run_succeeded` |
| batch published | `operations.published` |
| definition changed | `operations.definitions_changed` |

Source: alert rules, 'Sources of alerts'.
"""

from .base import Found, Places, places
from .goals import check_ins, check_ins_due, key_results
from .metrics import anomalies, red_lines
from .operations import (
    definitions_changed,
    failed_checks,
    late,
    published,
    run_failed,
    run_succeeded,
)

__all__ = [
    "Found",
    "Places",
    "anomalies",
    "check_ins",
    "check_ins_due",
    "definitions_changed",
    "failed_checks",
    "key_results",
    "late",
    "places",
    "published",
    "red_lines",
    "run_failed",
    "run_succeeded",
]
