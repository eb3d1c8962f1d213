"""How much of a vendor's quota is used, from the headers of its answers.

| vendor | headers |
|---|---|
| Salesforce | `Sforce-Limit-Info: api-usage=18/5000` |
| GitHub, Intercom, Jira | `X-RateLimit-Limit`, `X-RateLimit-Remaining` |
| HubSpot | `X-HubSpot-RateLimit-Daily`, `…-Daily-Remaining`, `X-HubSpot-RateLimit-Max`, `…-Remaining` |
| Linear | `X-RateLimit-Requests-Limit`, `…-Requests-Remaining`, the same for `Complexity` |
| Zendesk | `X-Rate-Limit`, `X-Rate-Limit-Remaining` |
"""

from __future__ import annotations

from collections.abc import Mapping

PAIRS = (
    ("x-ratelimit-limit", "x-ratelimit-remaining"),
    ("x-rate-limit", "x-rate-limit-remaining"),
    ("ratelimit-limit", "ratelimit-remaining"),
    ("x-ratelimit-requests-limit", "x-ratelimit-requests-remaining"),
    ("x-ratelimit-complexity-limit", "x-ratelimit-complexity-remaining"),
    ("x-hubspot-ratelimit-daily", "x-hubspot-ratelimit-daily-remaining"),
    ("x-hubspot-ratelimit-max", "x-hubspot-ratelimit-remaining"),
)
"""Headers of what there is and of what is left of it."""

USAGE = "sforce-limit-info"


def is_quota_header(name: str) -> bool:
    """Does a header (in lower case) say something about a rate or a quota?"""
    return "ratelimit" in name or "rate-limit" in name or name == USAGE


def quota_used(headers: Mapping[str, str]) -> float | None:
    """The share of the scarcest quota that is used, 0 to 1; None where the vendor does not say."""
    shares = [share for pair in PAIRS if (share := _share(headers, *pair)) is not None]
    day = daily_usage(headers)
    if day is not None:
        shares.append(min(1.0, day[0] / day[1]))
    return max(shares, default=None)


def daily_usage(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """Requests used and allowed in a day, where the vendor says so (`api-usage=18/5000`)."""
    used, _, most = (
        headers.get(USAGE, "").partition("api-usage=")[2].split(",")[0].split(";")[0].partition("/")
    )
    return (int(used), int(most)) if used.isdigit() and most.isdigit() and int(most) else None


def _share(headers: Mapping[str, str], limit: str, remaining: str) -> float | None:
    most, left = headers.get(limit, "").strip(), headers.get(remaining, "").strip()
    if not (most.isdigit() and left.isdigit() and int(most)):
        return None
    return min(1.0, max(0.0, 1 - int(left) / int(most)))
