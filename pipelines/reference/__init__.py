"""The reference in the docs, written from the code that it describes, and the JSON Schemas beside it.

    python -m pipelines.reference docs/reference

A test holds the pages to the code.
"""

from __future__ import annotations

from pipelines.editor_schemas import schemas, written
from pipelines.reference.definition_files import definition_files_page
from pipelines.reference.kpis import kpis_page
from pipelines.reference.published import published_page
from pipelines.reference.settings import settings_page


def pages() -> dict[str, str]:
    """File names and texts of all pages, and of the schemas that the files of this project refer to."""
    published = {f"schemas/{kind}.json": written(schema) for kind, schema in schemas().items()}
    return {
        **published,
        "definition-files.md": definition_files_page(),
        "settings.md": settings_page(),
        "published.md": published_page(),
        "kpis.md": kpis_page(),
    }
