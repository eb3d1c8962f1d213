"""The reference in the docs, written from the code that it describes.

    python -m pipelines.reference docs/reference

A test holds the pages to the code.
"""

from __future__ import annotations

from pipelines.reference.definition_files import definition_files_page
from pipelines.reference.kpis import kpis_page
from pipelines.reference.published import published_page
from pipelines.reference.settings import settings_page


def pages() -> dict[str, str]:
    """File names and texts of all pages."""
    return {
        "definition-files.md": definition_files_page(),
        "settings.md": settings_page(),
        "published.md": published_page(),
        "kpis.md": kpis_page(),
    }
