"""What `vitals serve` serves: the report pages as they are built, the check-in form, the answer to an alert.

    with serving(installation, os.environ) as app:
        uvicorn.run(app, host="127.0.0.1", port=8787, access_log=False)

One application for a small company's intranet. On loopback the report needs no login, as a folder of files would not;
beyond it, `Access` asks for a token or a proxy's word. A check-in needs the link of its person, an answer the link of
its alert. Links are passwords, so requests are not logged.
"""

from __future__ import annotations

import html
import ipaddress
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.secret import resolve
from definitions import load_catalogue
from definitions.errors import DefinitionsError
from definitions.model import Catalogue
from pipelines.alerts.acknowledge_page import acknowledge_app
from pipelines.alerts.drain import Channels
from pipelines.installation import Installation
from pipelines.okr.tokens import CheckInTokens
from pipelines.okr.web import check_in_app
from pipelines.publishing.check_ins import DatabaseCheckIns
from pipelines.publishing.errors import DatabaseUnavailable
from pipelines.serving_access import Access, Guarded
from pipelines.steps.reporting import reporting
from pipelines.workspace import Workspace

DEFAULT_PORT = 8787
KEY_FILE = "link.key"
OPEN = Access()
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    "img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
body {{ max-width: 42rem; margin: 3rem auto; padding: 0 1rem }}</style></head>
<body><main><h1>{title}</h1><p>{message}</p></main></body></html>
"""


@contextmanager
def serving(
    installation: Installation,
    environment: Mapping[str, str],
    hosts: Collection[str] = (),
    access: Access = OPEN,
) -> Iterator[Starlette]:
    """The application of an installation, with its reporting database open.

    Args:
        hosts: names under which it is reached besides loopback and the host of `alerts.link_base`; `*` for any.
        access: what opens the report.

    Raises:
        DatabaseUnavailable: the reporting database cannot be opened.
        ConfigurationError: the key of the links cannot be read.
    """
    with reporting(installation) as engine:
        yield application(installation, engine, environment, hosts, access)


def application(
    installation: Installation,
    engine: Engine,
    environment: Mapping[str, str],
    hosts: Collection[str] = (),
    access: Access = OPEN,
) -> Starlette:
    """Routes: `/check-in/…`, `/acknowledge` where links are signed, and the report for everything else."""
    workspace, catalogue = installation.workspace, LiveCatalogue(installation)
    form = check_in_app(
        catalogue.now,
        DatabaseCheckIns(engine, workspace.clock),
        check_in_tokens(installation, environment),
        workspace.clock,
        lambda: local_day(catalogue.now(), workspace),
    )
    routes: list[BaseRoute] = list(form.routes)
    signer = Channels.of(installation.catalogue, environment).signer()
    if signer is not None:
        routes += acknowledge_app(engine, signer, workspace.clock).routes
    routes.append(Mount("/", StaticFiles(directory=workspace.report, html=True, check_dir=False)))
    base = urlsplit(installation.catalogue.settings.alerts.link_base or "").hostname
    allowed = {"localhost", "127.0.0.1", *hosts, *([base] if base else [])}
    return Starlette(
        routes=routes,
        middleware=[
            # A page of another site that points its own name at this machine is not let in.
            Middleware(TrustedHostMiddleware, allowed_hosts=sorted(allowed), www_redirect=False),
            Middleware(SafeHeaders),
            *([Middleware(Guarded, access=access)] if access.is_closed else []),
        ],
        exception_handlers={DatabaseUnavailable: _not_now, HTTPException: _refused},
    )


def local_day(catalogue: Catalogue, workspace: Workspace) -> date:
    """Today where the company is."""
    calendar = catalogue.calendars.get("company")
    return workspace.now().astimezone(ZoneInfo(calendar.time_zone if calendar else "UTC")).date()


def check_in_tokens(installation: Installation, environment: Mapping[str, str]) -> CheckInTokens:
    """What signs check-in links: the key of `alerts.link_key`, else one of its own below the installation's home.

    The key file is made on first use, readable by its owner only; who replaces it makes all links void.
    """
    reference = installation.catalogue.settings.alerts.link_key
    if reference is None:
        path = installation.workspace.home / KEY_FILE
        _make_key(path)
        reference = f"file:{path}"
    return CheckInTokens(tuple(key.encode() for key in resolve(reference, environment).reveal().split()))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that binds to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LiveCatalogue:
    """The dictionary as it is in its folder now; while it is broken, as it was before."""

    def __init__(self, installation: Installation) -> None:
        self._folder = installation.workspace.catalogue
        self._catalogue = installation.catalogue
        self._seen = self._state()

    def now(self) -> Catalogue:
        """Read again where a file changed; threads may do it twice, and get the same."""
        state = self._state()
        if state != self._seen:
            with suppress(DefinitionsError):  # whoever edits it sees why in their own check; others go on
                self._catalogue = load_catalogue(self._folder)
            self._seen = state
        return self._catalogue

    def _state(self) -> tuple[tuple[str, int, int], ...]:
        found = []
        for path in sorted(self._folder.rglob("*.y*ml")):
            try:
                status = path.stat()
            except OSError:  # replaced this moment
                continue
            found.append((str(path), status.st_mtime_ns, status.st_size))
        return tuple(found)


class SafeHeaders:
    """Adds what a browser should hold this site to, where a page does not say it stricter itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; headers go out with the answer's start."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                # A page is asked for again each time, and answered with "not modified" where it is the same.
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self._app(scope, receive, with_headers)


async def _not_now(request: Request, error: Exception) -> Response:
    return _page("Not now", "The reporting database cannot be reached; try again in a minute.", 503)


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404 and request.url.path == "/":
        return _page("No report yet", "The pages are built by the first run: vitals run", 404)
    if status == 404:
        return _page("Not here", "There is no such page.", 404)
    return _page("Not possible", "This address takes no such request.", status)


def _page(title: str, message: str, status: int) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=html.escape(title), message=html.escape(message)), status)


def _make_key(path: Path) -> None:
    """Make the key file unless it is there; of two that try at once, one wins and both read the same."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets.token_hex(32) + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
