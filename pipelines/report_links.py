"""File names of the report's pages, for whoever links to them: safe for any key, the same in every build."""

from __future__ import annotations

import hashlib
import re

HOME = "index.html"
GOALS = "goals.html"
HEALTH = "health.html"
"""Pages that others refer to."""
_SAFE = re.compile(r"^[a-z0-9][a-z0-9_-]{0,79}$")


def slug(key: str) -> str:
    """A key as part of a file name: itself where it is plain, else its plain letters and a short hash."""
    if _SAFE.match(key):
        return key
    plain = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")[:40]
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{plain}-{digest}" if plain else digest


def metric_page(metric_id: str) -> str:
    """File of a metric's page."""
    return f"metric-{slug(metric_id)}.html"


def team_page(team_key: str) -> str:
    """File of a team's page."""
    return f"team-{slug(team_key)}.html"


def objective_page(objective_key: str) -> str:
    """File of an objective's page."""
    return f"objective-{slug(objective_key)}.html"


def key_result_anchor(objective_key: str, key_result_key: str) -> str:
    """Link to a key result on its objective's page."""
    return f"{objective_page(objective_key)}#kr-{slug(key_result_key)}"


def numbered(page: str, number: int) -> str:
    """The n-th part of a page that is split: ``kpis.html``, ``kpis-2.html``."""
    return page if number == 1 else page.replace(".html", f"-{number}.html")
