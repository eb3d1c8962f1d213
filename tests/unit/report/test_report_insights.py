"""What the trees and the guardrails say, on the pages: suggestions, signals, correlations told as such."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.report.build import render_site
from pipelines.report.model import Influence, Signal, SuggestedGoal
from pipelines.report.pages.views import correlation_words
from tests.unit.report.company_report import NOW, company
from tests.unit.report.html_reading import ReadPage


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """The text of the goals page and of the tree, for a company in which something was found."""
    found = replace(
        company(),
        influences={("csat", "churned_mrr"): Influence("month", 1, -0.44, 21, True)},
        signals=(
            Signal("gaming_risk", "win_rate", "Win rate", "sales_cycle_days", "it rose <b>and</b> it fell"),
        ),
        suggestions=(
            SuggestedGoal(
                "csat",
                "Turn CSAT around",
                "Support",
                "Sofia",
                "It fell 3 weeks in a row",
                (("csat", "Back to 0.9"),),
            ),
        ),
    )
    files = render_site(found, NOW)
    return {
        name: " ".join(
            next(one for one in ReadPage(files[name].decode()).elements if one.tag == "body").text.split()
        )
        for name in ("goals.html", "tree.html")
    }


def test_suggested_goals_and_hidden_costs_are_beside_the_goals(told: dict[str, str]) -> None:
    assert "Suggested goals drafted after three adverse weeks" in told["goals.html"]
    assert "Turn CSAT around Support ask Sofia It fell 3 weeks in a row Back to 0.9" in told["goals.html"]
    assert "Win rate : it rose <b>and</b> it fell" in told["goals.html"].replace("Win rate:", "Win rate :")


def test_a_correlation_is_never_told_as_a_cause(told: dict[str, str]) -> None:
    assert "correlation −0.44 over 21 months" in told["tree.html"]
    assert "its correlation says how the two moved together, not why" in told["tree.html"]
    assert "cause" not in told["tree.html"].lower()


@pytest.mark.parametrize(
    ("influence", "words"),
    [
        (None, ""),
        (Influence("month", 0, None, 3, None), ""),
        (Influence("week", 0, 0.5, 12, False), "correlation +0.50 over 12 weeks, against what is claimed"),
    ],
)
def test_what_is_unknown_or_unexpected_is_said(influence: Influence | None, words: str) -> None:
    assert correlation_words(influence) == words
