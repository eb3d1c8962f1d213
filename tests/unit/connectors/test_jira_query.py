"""The query that Jira is asked: within the projects that a source names, in an order that does not move."""

from datetime import UTC, datetime

import pytest

from connectors.errors import RequestRefused
from connectors.jira import SYSTEM
from connectors.jira_search import jql
from connectors.stream import Reading, Window


def query(projects: str) -> str:
    window = Window(None, datetime(2026, 6, 15, tzinfo=UTC))
    return jql(Reading(SYSTEM.stream("issues"), window, {"projects": projects}), "updated >= 0")


def test_keys_of_projects_may_be_words_of_the_language() -> None:
    assert query("") == "updated >= 0 ORDER BY key ASC"
    assert query("FILE, CORE_2,") == 'project IN ("FILE", "CORE_2") AND updated >= 0 ORDER BY key ASC'


@pytest.mark.parametrize("projects", ["A B", 'A", "B', "A) OR (B"])
def test_nothing_but_keys_gets_into_the_query(projects: str) -> None:
    with pytest.raises(RequestRefused, match="is none"):
        query(projects)
