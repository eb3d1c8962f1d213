"""Rows that a publication is made of: frozen dataclasses with natural keys, named like the published columns.

Producers (dictionary, scoring, detection, quality, alerts) fill these; the publisher turns natural keys
into the database's keys, quantises numbers to six places and writes. A number may be a `Decimal`, a float
or an int; NaN and infinity are never published (they become NULL). Instants are timezone-aware UTC. Day
ranges are inclusive.

Source: publication rules ('Decisions', base tables), scoring rules, detection and alert rules.
"""

from .base import FOREVER, TOTAL, Number, segment_key
from .dictionary import DictionaryRows, FindingRow
from .goals import (
    CheckInDueRow,
    CycleRow,
    KeyResultRow,
    KeyResultScoreRow,
    ObjectiveRow,
    ObjectiveScoreRow,
    SuggestionRow,
)
from .insights import AnomalyRow, ContributionRow, InfluenceRow, SegmentEffectRow, SignalRow
from .metrics import (
    BenchmarkRow,
    EdgeRow,
    GuardrailRow,
    MetricAudienceRow,
    MetricChangeRow,
    MetricRow,
    MetricVersionRow,
    TargetRow,
)
from .operations import AlertRow, FreshnessRow, QualityResultRow
from .organisation import DateRow, PersonRoleRow, PersonRow, TeamRow

__all__ = [
    "FOREVER",
    "TOTAL",
    "AlertRow",
    "AnomalyRow",
    "BenchmarkRow",
    "CheckInDueRow",
    "ContributionRow",
    "CycleRow",
    "DateRow",
    "DictionaryRows",
    "EdgeRow",
    "FindingRow",
    "FreshnessRow",
    "GuardrailRow",
    "InfluenceRow",
    "KeyResultRow",
    "KeyResultScoreRow",
    "MetricAudienceRow",
    "MetricChangeRow",
    "MetricRow",
    "MetricVersionRow",
    "Number",
    "ObjectiveRow",
    "ObjectiveScoreRow",
    "PersonRoleRow",
    "PersonRow",
    "QualityResultRow",
    "SegmentEffectRow",
    "SignalRow",
    "SuggestionRow",
    "TargetRow",
    "TeamRow",
    "segment_key",
]
