"""Who may read the served report: its token, a proxy's word, and what is refused."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from typer.testing import CliRunner

from connectors.errors import ConfigurationError
from pipelines.cli.app import app as command_line
from pipelines.serving_access import Access, Guarded

TOKEN = "a-token-of-thirty-two-characters"
ENVIRONMENT = {"REPORT_TOKEN": TOKEN, "SHORT": "letmein"}


def answer(
    access: Access, path: str = "/", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[bytes, bytes]]:
    """Status and headers of a GET through the guard, in front of an application that always says yes."""
    told: list[Any] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    asyncio.run(Guarded(PlainTextResponse("the report"), access)(scope, receive, send))
    return told[0]["status"], dict(told[0]["headers"])


def basic(password: str, user: str = "anyone") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_the_token_opens_the_report_as_password_or_bearer() -> None:
    access = Access.of("env:REPORT_TOKEN", None, ENVIRONMENT)
    assert answer(access, headers=basic(TOKEN))[0] == 200
    assert answer(access, headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic(TOKEN[:-1]),
        basic(""),
        basic("", user=TOKEN),
        {"Authorization": "Basic not base64!"},
        {"Authorization": f"Digest {TOKEN}"},
        {"Authorization": "Bearer tökén"},
        {"X-Forwarded-User": "mei"},
    ],
)
def test_without_the_token_a_browser_is_asked_for_it(headers: dict[str, str]) -> None:
    status, sent = answer(Access.of("env:REPORT_TOKEN", None, ENVIRONMENT), headers=headers)
    assert status == 401
    assert sent[b"www-authenticate"].startswith(b"Basic realm=")


def test_a_proxy_lets_in_whom_it_names() -> None:
    access = Access.of(None, "X-Forwarded-User", {})
    assert answer(access, headers={"x-forwarded-user": "mei"})[0] == 200
    assert answer(access, headers={"X-Forwarded-User": "  "})[0] == 403
    assert answer(access)[0] == 403


def test_signed_links_need_no_token() -> None:
    access = Access.of("env:REPORT_TOKEN", None, ENVIRONMENT)
    assert answer(access, "/check-in/abc")[0] == 200
    assert answer(access, "/acknowledge")[0] == 200
    assert answer(access, "/metric-mrr.html")[0] == 401


def test_a_token_that_can_be_guessed_is_no_token() -> None:
    with pytest.raises(ConfigurationError, match="fewer than 20 characters") as found:
        Access.of("env:SHORT", None, ENVIRONMENT)
    assert "letmein" not in str(found.value)
    assert TOKEN not in repr(Access.of("env:REPORT_TOKEN", None, ENVIRONMENT))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.org"])
def test_beyond_loopback_it_does_not_start_unasked(host: str) -> None:
    done = CliRunner().invoke(command_line, ["serve", "--host", host])
    assert done.exit_code == 2
    assert "--token" in done.stderr
