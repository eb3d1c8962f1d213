"""The words and numbers of the sandbox's Jira: custom fields, statuses, priorities, types; how it writes instants."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.sandbox.company import words

TEAM_FIELD, POINTS_FIELD, SPRINT_FIELD = "customfield_10001", "customfield_10016", "customfield_10020"
STATUS_BASE, PRIORITY_BASE, TYPE_BASE, PROJECT_BASE = 10_000, 1, 10_100, 10_000
CATEGORIES = (
    {"id": 2, "key": "new", "colorName": "blue-gray", "name": "To Do"},
    {"id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress"},
    {"id": 3, "key": "done", "colorName": "green", "name": "Done"},
)
CATEGORY_OF = (0, 1, 1, 2, 2)
PRIORITY_NAMES = tuple(name.capitalize() for name in words.PRIORITIES)
TYPE_NAMES = tuple(name.capitalize() for name in words.ISSUE_TYPES)
RESOLUTIONS = ({"id": "10000", "name": "Done"}, {"id": "10001", "name": "Won't Do"})
SUMMARIES = (
    "Export fails for large workspaces",
    "Add filter by owner",
    "Chart labels overlap on small screens",
    "Speed up the weekly roll-up",
    "Document the new permissions",
    "Retry failed webhooks",
    "Migrate settings to the new store",
    "Wrong time zone in reports",
)


def stamp(at: int) -> str:
    """An instant as Jira writes it."""
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}+0000"
