"""What is published, held back and flagged, given results. Source: quality rules; faults 12 and 30."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality import CheckResult, Dimension, Severity, decide
from tests.integration.quality.small_company import NOW, catalogue

CATALOGUE = catalogue()
PASSED = CheckResult(
    check_id="crm.opportunities.amount.not_null",
    asset="crm.opportunities",
    source_system="salesforce",
    metric_ids=("won_value",),
    dimension=Dimension.COMPLETENESS,
    severity=Severity.ERROR,
    passed=True,
    rows_checked=100,
    rows_failed=0,
    observed=0,
    threshold=0,
    message="crm.opportunities: 3 of 100 rows: amount is null",
    blocks_publish=False,
    checked_at=NOW,
)
FAILED = replace(PASSED, passed=False)


def test_everything_passed_is_published_clean() -> None:
    decision = decide([PASSED], CATALOGUE)
    assert decision.publish
    assert (decision.reasons, decision.blocked, decision.flagged) == ((), {}, {})
    assert decision.state_of("won_value") == "clean"


def test_an_error_holds_back_the_kpi_and_what_is_computed_from_it() -> None:
    decision = decide([FAILED], CATALOGUE)
    assert decision.publish
    assert set(decision.blocked) == {"won_value", "value_per_win"}
    assert decision.blocked["won_value"] == ("crm.opportunities: 3 of 100 rows: amount is null",)
    assert decision.blocked["value_per_win"] == (
        "won_value: crm.opportunities: 3 of 100 rows: amount is null",
    )
    assert decision.state_of("win_rate") == "clean"
    assert decision.state_of("value_per_win") == "blocked"


def test_a_warning_publishes_with_a_flag() -> None:
    decision = decide([replace(FAILED, severity=Severity.WARN)], CATALOGUE)
    assert decision.publish
    assert not decision.blocked
    assert set(decision.flagged) == {"won_value", "value_per_win"}
    assert decision.state_of("won_value") == "flagged"


def test_a_result_that_blocks_the_publication_holds_everything() -> None:
    decision = decide([PASSED, replace(FAILED, blocks_publish=True)], CATALOGUE)
    assert not decision.publish
    assert decision.reasons == ("crm.opportunities: 3 of 100 rows: amount is null",)
    assert decision.state_of("win_rate") == "blocked"


def test_a_check_that_raised_holds_everything() -> None:
    assert not decide([PASSED, replace(FAILED, raised=True)], CATALOGUE).publish


def test_no_results_is_no_trust() -> None:
    decision = decide([], CATALOGUE)
    assert not decision.publish
    assert decision.reasons == ("no check was carried out",)


def test_nothing_is_published_when_every_kpi_is_held_back() -> None:
    decision = decide([replace(FAILED, metric_ids=tuple(CATALOGUE.metrics))], CATALOGUE)
    assert not decision.publish
    assert decision.reasons[0].startswith("every KPI is held back")


results = st.builds(
    replace,
    st.just(PASSED),
    passed=st.booleans(),
    severity=st.sampled_from(Severity),
    blocks_publish=st.booleans(),
    raised=st.booleans(),
    metric_ids=st.lists(st.sampled_from(sorted(CATALOGUE.metrics)), unique=True, max_size=3).map(tuple),
    message=st.sampled_from(["a", "b", "c"]),
)


@given(st.lists(results, min_size=1, max_size=8), st.randoms())
def test_the_decision_does_not_depend_on_order_but_for_messages(found: list[CheckResult], random) -> None:
    shuffled = found.copy()
    random.shuffle(shuffled)
    one, other = decide(found, CATALOGUE), decide(shuffled, CATALOGUE)
    assert one.publish == other.publish
    assert one.reasons == other.reasons or one.reasons[0].startswith("every KPI")
    assert {m: sorted(r) for m, r in one.blocked.items()} == {m: sorted(r) for m, r in other.blocked.items()}


@given(st.lists(results, min_size=1, max_size=8), results)
def test_more_failures_never_publish_more(found: list[CheckResult], more: CheckResult) -> None:
    before, after = decide(found, CATALOGUE), decide([*found, replace(more, passed=False)], CATALOGUE)
    assert before.publish or not after.publish
    assert set(before.blocked) <= set(after.blocked)


@pytest.mark.parametrize("metric", sorted(CATALOGUE.metrics))
def test_a_kpi_named_by_no_failure_is_clean(metric: str) -> None:
    assert decide([PASSED], CATALOGUE).state_of(metric) == "clean"
