"""The report site: static pages of the current publication, for a phone, a desk and a wall.

    result = build_report(engine, Path("report"), now)
    result.index        # report/index.html

Pages work without a network and without JavaScript; charts are inline SVG with their numbers in a table beneath.
"""

from .build import ReportResult, build_report

__all__ = ["ReportResult", "build_report"]
