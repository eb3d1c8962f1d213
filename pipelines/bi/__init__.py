"""Dashboards for BI tools, generated from one description of our own over the published views.

write_bundle(Path("vitals-superset.zip"), "postgresql+psycopg2://bi@db.example.com/kpis")
"""

from pipelines.bi.description import BundleError
from pipelines.bi.superset import Bundle, write_bundle

__all__ = ["Bundle", "BundleError", "write_bundle"]
