"""The page behind the link in an alert: it shows the alert and asks; only the button answers.

Mail scanners and chat previews open every link they see, so opening one must not acknowledge anything.

    uvicorn.run(acknowledge_app(engine, signer, clock), host="127.0.0.1", port=8787)
"""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import date, datetime
from urllib.parse import parse_qs

from sqlalchemy import Engine, select
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pipelines.publishing.engine import reading
from pipelines.publishing.errors import DatabaseUnavailable
from pipelines.publishing.schema import alert_log

from .acknowledge import CannotAcknowledge, Verdict, acknowledge
from .signing import Claim, InvalidLink, LinkSigner

FORM_BYTES_MAX = 10_000
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": _POLICY,
    "X-Robots-Tag": "noindex",
}


def acknowledge_app(engine: Engine, signer: LinkSigner, clock: Callable[[], datetime]) -> Starlette:
    """The page as an ASGI application with one route, ``/acknowledge?token=…``."""

    async def page(request: Request) -> Response:
        try:
            token = request.query_params.get("token", "")
            claim = signer.read(token, clock())
            if request.method == "POST":
                form = await _form(request)
                message = await run_in_threadpool(_answer, engine, claim, form, clock())
                return _page("Thank you", f"<p>{html.escape(message)}</p><p>Your answer is recorded.</p>")
            message = await run_in_threadpool(_message, engine, claim.episode)
            return _page("Acknowledge", _FORM.format(message=html.escape(message)))
        except InvalidLink as error:
            return _page("This link does not work", f"<p>{html.escape(str(error))}</p>", 403)
        except (CannotAcknowledge, _BadForm) as error:
            return _page("This answer cannot be taken", f"<p>{html.escape(str(error))}</p>", 400)
        except DatabaseUnavailable:
            return _page("Not now", "<p>The alert log cannot be reached; try again in a minute.</p>", 503)

    return Starlette(routes=[Route("/acknowledge", page, methods=["GET", "POST"])])


class _BadForm(ValueError):
    """A form that is too large or holds something else than was asked."""


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            raise _BadForm("the answer is too long")
    try:
        return {name: values[-1] for name, values in parse_qs(body.decode()).items()}
    except UnicodeDecodeError:
        raise _BadForm("the answer is not UTF-8 text") from None


def _answer(engine: Engine, claim: Claim, form: dict[str, str], now: datetime) -> str:
    try:
        verdict = Verdict(form.get("verdict", Verdict.ACKNOWLEDGED.value))
        start, end = _day(form.get("from")), _day(form.get("to"))
    except ValueError as error:
        raise _BadForm(str(error)) from None
    return acknowledge(
        engine,
        claim.episode,
        claim.recipient.partition(":")[2] or claim.recipient,
        now,
        verdict=verdict,
        reason=form.get("reason", ""),
        expected_from=start,
        expected_to=end,
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _message(engine: Engine, episode: str) -> str:
    with reading(engine) as connection:
        found = connection.execute(
            select(alert_log.c.message)
            .where(alert_log.c.episode == episode)
            .order_by(alert_log.c.alert_key.desc())
            .limit(1)
        ).scalar()
    if found is None:
        raise CannotAcknowledge("this alert is no longer in the log")
    return str(found)


def _page(title: str, content: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=html.escape(title), content=content), status, headers=_HEADERS)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 34rem; margin: 3rem auto; padding: 0 1rem }}
fieldset {{ border: 1px solid #8886; border-radius: 6px; margin: 1rem 0 }}
label {{ display: block; margin: .3rem 0 }}
input[type=text] {{ width: 100%; box-sizing: border-box; font: inherit; padding: .3rem }}
button {{ font: inherit; padding: .5rem 1.2rem }}
</style></head>
<body><h1>{title}</h1>{content}</body></html>
"""
_FORM = """<p><strong>{message}</strong></p>
<form method="post">
<fieldset><legend>Your answer</legend>
<label><input type="radio" name="verdict" value="acknowledged" checked> I take it on</label>
<label><input type="radio" name="verdict" value="expected"> It was expected (campaign, outage, migration)</label>
<label><input type="radio" name="verdict" value="false"> It is a false alarm</label>
<label>Reason <input type="text" name="reason" maxlength="500"></label>
<label>Expected from <input type="date" name="from"></label>
<label>to <input type="date" name="to"></label>
</fieldset>
<button type="submit">Answer</button>
</form>
"""
