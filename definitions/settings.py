"""Every threshold of the product in one typed registry: its default, its unit, and where it comes from.

`settings.yml` in the catalogue overrides a default; a definition may override it again where a rule says so.
Each section is one frozen model; each field carries its unit and source in its description, and the settings
reference in the docs is generated from here.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """One section of the registry: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ScoringSettings(Section):
    """Scores, pace, forecast, status, roll-up. Source: scoring rules."""

    band_at_risk: float = Field(0.3, description="score from which a key result is at risk (fraction)")
    band_on_track: float = Field(0.7, description="score from which a key result is on track (fraction)")


class DetectionSettings(Section):
    """Anomaly detection. Source: detection rules."""


class AlertSettings(Section):
    """Routing, cool-down, quiet hours, escalation. Source: alert rules."""


class QualitySettings(Section):
    """Checks and the gate. Source: quality rules."""


class ConnectorSettings(Section):
    """Time-outs, retries, overlaps. Source: connector rules."""


class Settings(Section):
    """All sections together."""

    scoring: ScoringSettings = ScoringSettings()
    detection: DetectionSettings = DetectionSettings()
    alerts: AlertSettings = AlertSettings()
    quality: QualitySettings = QualitySettings()
    connectors: ConnectorSettings = ConnectorSettings()
