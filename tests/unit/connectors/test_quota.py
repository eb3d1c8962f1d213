"""How much of a quota is used, as each vendor says it."""

from __future__ import annotations

import pytest

from connectors.quota import daily_usage, quota_used


@pytest.mark.parametrize(
    ("headers", "share"),
    [
        ({"sforce-limit-info": "api-usage=4000/5000"}, 0.8),
        ({"sforce-limit-info": "api-usage=18/5000; per-app-api-usage=17/250(appName=x)"}, 18 / 5000),
        ({"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999"}, 0.0002),
        ({"x-rate-limit": "700", "x-rate-limit-remaining": "0"}, 1.0),
        ({"x-hubspot-ratelimit-daily": "1000", "x-hubspot-ratelimit-daily-remaining": "250"}, 0.75),
        ({"x-ratelimit-requests-limit": "10", "x-ratelimit-requests-remaining": "9",
          "x-ratelimit-complexity-limit": "100", "x-ratelimit-complexity-remaining": "40"}, 0.6),
        ({"x-ratelimit-limit": "100"}, None),
        ({"x-ratelimit-limit": "0", "x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-limit": "many", "x-ratelimit-remaining": "few"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_scarcest_quota_counts(headers: dict[str, str], share: float | None) -> None:
    assert quota_used(headers) == (None if share is None else pytest.approx(share))


def test_a_daily_usage_that_cannot_be_read_is_none() -> None:
    assert daily_usage({"sforce-limit-info": "api-usage=x/y"}) is None
