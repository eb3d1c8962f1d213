"""From a vendor's typed tables to neutral words: one SELECT per vendor and table."""

from __future__ import annotations

from pipelines.staging.build import StagedTable, build_staging
from pipelines.staging.models import Model, StagingError, load_models

__all__ = ["Model", "StagedTable", "StagingError", "build_staging", "load_models"]
