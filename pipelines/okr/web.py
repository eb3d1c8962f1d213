"""The check-in form: server-rendered, works without JavaScript, one link per person.

    app = check_in_app(lambda: catalogue, store, CheckInTokens(keys), clock, today)
    /check-in/<token>                  what this person is asked about
    /check-in/<token>/<key result>     the form of one key result

The link is the password, so it is never logged here nor sent on as a referrer; every form carries a token of its
own, and a post that a browser marks as coming from another site is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from definitions.model import Catalogue, Person
from pipelines.okr.checkins import FIELDS, Asked, CheckInDesk, CheckInStore
from pipelines.okr.tokens import CheckInTokens, TokenError
from pipelines.scoring.checkin import MAX_TEXT, CheckIn
from pipelines.scoring.errors import CheckInError
from pipelines.scoring.standing import OVERRIDES

FORM_BYTES_MAX = 64_000
CONFIDENCES = tuple(Decimal(step) / 10 for step in range(11))

_TEMPLATES = Path(__file__).parent / "templates"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


def check_in_app(
    catalogue: Callable[[], Catalogue],
    store: CheckInStore,
    tokens: CheckInTokens,
    clock: Callable[[], datetime],
    today: Callable[[], date],
) -> Starlette:
    """The form as an ASGI application, to be served alone or mounted.

    Args:
        catalogue: the dictionary as it is now; asked for on every request, so that a reload is seen.
        today: the company's local day.
    """
    pages = _Pages(catalogue, store, tokens, clock, today)
    return Starlette(
        routes=[
            Route("/check-in/{token}", pages.overview, methods=["GET"]),
            Route("/check-in/{token}/{key_result}", pages.form, methods=["GET", "POST"]),
        ]
    )


class _Refused(Exception):
    """A request that gets a page saying why not."""

    def __init__(self, status: int, title: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.title = title


@dataclass(frozen=True)
class _Visit:
    """Who came, and the desk that serves them."""

    person: Person
    desk: CheckInDesk


class _Pages:
    """The two pages. Reading and writing happen in worker threads, never in the event loop."""

    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        store: CheckInStore,
        tokens: CheckInTokens,
        clock: Callable[[], datetime],
        today: Callable[[], date],
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._today = today
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    async def overview(self, request: Request) -> Response:
        """What a person is asked about, what is late first."""
        try:
            token = request.path_params["token"]
            visit = self._visit(token)
            asked = await run_in_threadpool(visit.desk.asked_of, visit.person.key)
        except _Refused as refusal:
            return self._refuse(refusal)
        return self._page(
            "overview.html",
            person=visit.person,
            asked=asked,
            token=token,
            today=self._today(),
            taken=request.query_params.get("taken", ""),
        )

    async def form(self, request: Request) -> Response:
        """The form of one key result; a post records and goes back to the list."""
        try:
            token, key = request.path_params["token"], request.path_params["key_result"]
            visit = self._visit(token)
            asked = await run_in_threadpool(self._asked, visit, key)
            if request.method == "GET":
                return await run_in_threadpool(self._form, visit, asked, token, {}, None, 200)
            said = await self._posted(request, visit.person, key)
            try:
                await run_in_threadpool(visit.desk.take, visit.person.email, key, said)
            except CheckInError as error:
                return await run_in_threadpool(self._form, visit, asked, token, said, error, 422)
        except _Refused as refusal:
            return self._refuse(refusal)
        return RedirectResponse(f"../{token}?taken={quote(key)}", status_code=303, headers=_HEADERS)

    def _visit(self, token: str) -> _Visit:
        try:
            key = self._tokens.person_of(token, self._clock())
        except TokenError as error:
            raise _Refused(403, "This link does not work", str(error)) from None
        catalogue = self._catalogue()
        person = catalogue.people.get(key)
        if person is None or not person.active:
            raise _Refused(403, "This link does not work", "its person is no longer in the organisation")
        return _Visit(person, CheckInDesk(catalogue, self._store, self._today()))

    def _asked(self, visit: _Visit, key: str) -> Asked:
        for asked in visit.desk.asked_of(visit.person.key):
            if asked.key_result.key == key:
                return asked
        raise _Refused(404, "Nothing to check in here", "this key result is closed, or somebody else's")

    async def _posted(self, request: Request, person: Person, key: str) -> dict[str, str]:
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise _Refused(403, "Not taken", "this form was sent from another site")
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > FORM_BYTES_MAX:
                raise _Refused(413, "Not taken", f"keep every answer under {MAX_TEXT} characters")
        try:
            posted = {name: values[-1] for name, values in parse_qs(body.decode(), max_num_fields=50).items()}
        except ValueError:
            raise _Refused(400, "Not taken", "this is no form of ours") from None
        try:
            self._tokens.check_form(posted.get("form", ""), person.key, key, self._clock())
        except TokenError as error:
            raise _Refused(403, "Not taken", str(error)) from None
        return {name: posted.get(name, "").replace("\r\n", "\n") for name in FIELDS}

    def _form(
        self,
        visit: _Visit,
        asked: Asked,
        token: str,
        said: Mapping[str, str],
        error: CheckInError | None,
        status: int,
    ) -> Response:
        """The form, filled with what was said, else with what stands for today, else with what can be computed."""
        known = visit.desk.prefilled(asked.key_result.key)
        start = {"progress_note": known.progress, "how_it_happened": known.how}
        if asked.last is not None and asked.last.on == self._today():
            start = _fields(asked.last)
        values = {name: said.get(name, start.get(name, "")) for name in FIELDS}
        return self._page(
            "form.html",
            status,
            asked=asked,
            values=values,
            error=error,
            known=known,
            token=token,
            form_token=self._tokens.for_form(visit.person.key, asked.key_result.key, self._clock()),
            confidences=CONFIDENCES,
            overrides=[str(status) for status in OVERRIDES],
            max_text=MAX_TEXT,
            today=self._today(),
        )

    def _refuse(self, refusal: _Refused) -> Response:
        return self._page("refused.html", refusal.status, title=refusal.title, message=str(refusal))

    def _page(self, template: str, status: int = 200, **context: object) -> HTMLResponse:
        html = self._templates.get_template(template).render(**context)
        return HTMLResponse(html, status, headers=_HEADERS)


def _fields(check_in: CheckIn) -> dict[str, str]:
    """A recorded check-in as form values, for its correction."""
    values = {name: getattr(check_in, name) for name in FIELDS}
    values["confidence"] = f"{check_in.confidence:.1f}"
    if check_in.value_override is not None:
        values["value_override"] = f"{check_in.value_override.normalize():f}"
    return {name: "" if value is None else str(value) for name, value in values.items()}
