"""The one way to a vendor over HTTP: session, time-outs, retries, rate budget, size caps, redaction.

A request is tried again on 429, on a 403 that is a rate limit, on 5xx, on a reset or time-out, and on a body
that is broken off; never on anything else. The wait is what the vendor asks for, or else a capped exponential
with full jitter, and all waits of a client together stay within its time budget. A refused token is renewed
once per request.

    client = HttpClient("https://acme.example.com", auth, runtime=runtime, rate=budget)
    answer = client.get("/rest/api/3/search/jql", {"maxResults": 100})
    answer.json()

Source: connector rules, point 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import copy
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urljoin, urlsplit

import orjson
import requests
from urllib3.exceptions import HTTPError

from connectors.answer import Answer
from connectors.auth import Anonymous, Authenticator
from connectors.decoding import decoder
from connectors.errors import (
    ConfigurationError,
    ConnectionFailed,
    ConnectorError,
    CredentialsRefused,
    GarbledAnswer,
    ProtocolError,
    RateLimited,
    RequestRefused,
    TransientError,
    VendorUnavailable,
)
from connectors.quota import is_quota_header
from connectors.rate import RateBudget
from connectors.runtime import Runtime
from connectors.secret import redact
from connectors.session import OneAccountSession
from connectors.traffic import HttpLimits, Traffic

IDENTIFIER = re.compile(r"/(\d{2,}|(?=[^/]*\d)[0-9A-Za-z_-]{12,})(?=/|$)")
CHUNK = 1 << 16
GARBLED_ATTEMPTS = 3
REDIRECTS = 5


class HttpClient:
    """Requests to one account of one vendor. For one thread; `sibling()` is the same for another one.

    `parallel` says how many requests of this account may be under way at once, for readers that ask for each parent;
    `quota_share` is the share of a day's quota that may be used.
    """

    def __init__(
        self,
        base_url: str,
        auth: Authenticator | None = None,
        *,
        runtime: Runtime,
        rate: RateBudget,
        headers: Mapping[str, str] | None = None,
        api_version: str = "",
        limits: HttpLimits | None = None,
        refuse: Callable[[Answer], ConnectorError | None] | None = None,
        on_wait: Callable[[float, str], None] | None = None,
        parallel: int = 1,
        quota_share: float = 1.0,
    ) -> None:
        self.base_url = _checked(base_url)
        self.api_version = api_version
        self.runtime = runtime
        self.limits = limits or HttpLimits()
        self.traffic = Traffic()
        self.parallel = parallel
        self.quota_share = quota_share
        self._auth: Authenticator = auth or Anonymous()
        self._rate = rate
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **(headers or {})}
        self._refuse = refuse
        self._on_wait = on_wait
        self._session = OneAccountSession()

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        check: Callable[[Answer], object] | None = Answer.json,
    ) -> Answer:
        """Send a GET; `path` is relative to the base URL, or a link to the same host."""
        return self.send("GET", path, params=params, headers=headers, check=check)

    def post(self, path: str, body: object, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a POST that only reads (a search, a query): it is tried again like a GET."""
        return self.send("POST", path, body=body, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        check: Callable[[Answer], object] | None = Answer.json,
    ) -> Answer:
        """Send a request that may be sent twice, and return its answer.

        A body that `check` finds garbled (as it stands: that is no JSON) is asked for again before it is an error.

        Raises:
            ConnectorError: a terminal error at once, a transient one when attempts or budget are used up.
        """
        place = f"{method} {urlsplit(path or self.base_url).path or '/'}"
        content = None if body is None else orjson.dumps(body)
        sent_headers = {**self._headers, **(headers or {})}
        if content is not None:
            sent_headers["Content-Type"] = "application/json"
        renewed = False
        garbled = 0
        attempt = 0
        while True:
            attempt += 1
            try:
                proof = self._auth.headers(self._post_form)
                answer = self._once(
                    method, self._url(path), place, params, content, {**sent_headers, **proof}
                )
                error = self._judge(answer)
                if check and error is None and answer.status == requests.codes.ok:
                    check(answer)
            except (TransientError, GarbledAnswer) as failure:
                answer, error = None, failure
            if error is None and answer is not None:
                return answer
            assert error is not None  # noqa: S101  (for the type checker)
            if isinstance(error, CredentialsRefused) and not renewed:
                renewed = True
                if self._auth.renew(self._post_form):
                    continue
            garbled += isinstance(error, GarbledAnswer)
            tries_left = attempt < self.limits.attempts and garbled < GARBLED_ATTEMPTS
            if not tries_left or not (error.transient or isinstance(error, GarbledAnswer)):
                raise self._redacted(error)
            self._pause(error, answer, attempt)

    def sibling(self) -> HttpClient:
        """The same account over a connection of its own: budget, credentials and counts are shared."""
        other = copy(self)
        other._session = OneAccountSession()
        return other

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _url(self, path: str) -> str:
        base = (self._auth.instance_url or self.base_url).rstrip("/")
        if not path:
            return base
        if "://" not in path:
            return f"{base}/{path.lstrip('/')}"
        if _origin(path) != _origin(base):
            raise ProtocolError(
                f"a link of the answer leads to another host ({urlsplit(path).hostname})",
                place=self.base_url,
                hint="credentials are not sent there; check base_url",
            )
        return path

    def _judge(self, answer: Answer) -> ConnectorError | None:
        error = self._refuse(answer) if self._refuse else None
        return error or answer.failure()

    def _once(
        self,
        method: str,
        url: str,
        place: str,
        params: Mapping[str, Any] | None,
        content: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        for _ in range(REDIRECTS):
            with self._rate.place(self._budget_left()) as waited:
                self._note_wait(waited, "rate budget")
                answer = self._exchange(method, url, place, params, content, headers)
            target = answer.headers.get("location", "")
            if answer.status not in (301, 302, 307, 308) or method != "GET" or not target:
                return answer
            # A renamed repository or project; the host stays, so the credentials stay where they were.
            url, params = urljoin(url, target), None
            if _origin(url) != _origin(self._auth.instance_url or self.base_url):
                return answer
        raise ProtocolError(f"redirected {REDIRECTS} times in a row", place=place, hint="check base_url")

    def _exchange(
        self,
        method: str,
        url: str,
        place: str,
        params: Mapping[str, Any] | None,
        content: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        limits = self.limits
        self.runtime.before_io(f"http {place}")
        self.traffic.sent(IDENTIFIER.sub("/{id}", place))
        deadline = self.runtime.monotonic() + limits.request_seconds
        sent = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            with self._session.request(
                method,
                url,
                params=sent,
                data=content,
                headers=dict(headers),
                timeout=(limits.connect_seconds, limits.read_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                names = {name.lower(): value for name, value in response.headers.items()}
                body = self._body(response, names.get("content-encoding", ""), place, deadline)
                answer = Answer(place=place, status=response.status_code, headers=names, body=body)
        # The texts of these exceptions hold the URL with its query, so they are not passed on.
        except requests.exceptions.InvalidURL:
            raise ConfigurationError(
                "the address cannot be read", place=place, hint="check base_url"
            ) from None
        except requests.exceptions.SSLError:
            raise RequestRefused(
                "the certificate was not accepted", place=place, hint="check base_url and REQUESTS_CA_BUNDLE"
            ) from None
        except requests.exceptions.Timeout:
            raise ConnectionFailed("timed out", place=place, hint="try again later") from None
        except (requests.exceptions.RequestException, HTTPError, OSError) as error:
            raise ConnectionFailed(
                f"the connection failed ({type(error).__name__})", place=place, hint="try again later"
            ) from None
        self._note(answer)
        return answer

    def _body(self, response: requests.Response, encoding: str, place: str, deadline: float) -> bytes:
        """The decoded body, within the caps on size and time; a broken compression is an error."""
        decode = decoder(encoding, place)
        pieces: list[bytes] = []
        size = 0
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            piece = decode.add(chunk, self.limits.body_bytes - size)
            size += len(piece)
            self.traffic.received(len(chunk))
            pieces.append(piece)
            if size > self.limits.body_bytes:
                raise RequestRefused(
                    f"the body is larger than {self.limits.body_bytes >> 20} MiB",
                    place=place,
                    hint="ask for smaller pages, or raise body_bytes",
                )
            if self.runtime.monotonic() > deadline:
                raise ConnectionFailed(
                    f"the body took more than {self.limits.request_seconds:.0f} s",
                    place=place,
                    hint="try later",
                )
        decode.end()
        return b"".join(pieces)

    def _note(self, answer: Answer) -> None:
        skew = None if answer.date is None else (answer.date - self.runtime.clock()).total_seconds()
        told = {name: value for name, value in answer.headers.items() if is_quota_header(name)}
        self.traffic.told(skew, told)
        if answer.exhausted and 200 <= answer.status < 300:
            wait = answer.wait(self.runtime.clock())
            if wait:
                self._rate.close_for(wait)

    def _pause(self, error: ConnectorError, answer: Answer | None, attempt: int) -> None:
        limits = self.limits
        asked = answer.wait(self.runtime.clock()) if answer and isinstance(error, TransientError) else None
        backoff = min(limits.backoff_cap, limits.backoff_seconds * 2 ** (attempt - 1)) * self.runtime.random()
        # A vendor that says "0 seconds" again and again still gets a growing pause.
        pause = asked if asked else backoff
        if pause > self._budget_left():
            error.hint = f"the wait of {pause:.0f} s does not fit the time budget; run again later"
            raise self._redacted(error)
        if isinstance(error, RateLimited) and asked:
            self._rate.close_for(asked)
        self.runtime.sleep(pause)
        self._note_wait(pause, type(error).__name__, to_retry=True)

    def _note_wait(self, seconds: float, reason: str, *, to_retry: bool = False) -> None:
        if seconds <= 0 and not to_retry:
            return
        self.traffic.waited(seconds, to_retry=to_retry)
        if self._on_wait and seconds > 0:
            self._on_wait(seconds, reason)

    def _budget_left(self) -> float:
        return self.limits.budget_seconds - self.traffic.waited_seconds

    def _post_form(self, url: str, form: Mapping[str, str]) -> Any:
        """The token request. It may spend a one-time token, so only a clear 'not now' is tried again."""
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        place = f"POST {urlsplit(url).path}"
        content = urlencode(dict(form)).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        for attempt in range(1, self.limits.attempts + 1):
            answer = self._exchange("POST", url, place, None, content, headers)
            error = answer.failure()
            if error is None:
                return answer.json()
            if isinstance(error, RequestRefused | CredentialsRefused):
                raise self._redacted(
                    CredentialsRefused(
                        error.problem, place=place, request_id=error.request_id, hint="check the credentials"
                    )
                )
            if not isinstance(error, RateLimited | VendorUnavailable) or attempt == self.limits.attempts:
                raise self._redacted(error)
            self._pause(error, answer, attempt)
        raise AssertionError("unreachable")

    def _redacted(self, error: ConnectorError) -> ConnectorError:
        try:
            secrets = self._auth.secrets()
        except ConfigurationError:
            secrets = ()
        error.problem = redact(error.problem, secrets)
        error.place = redact(error.place, secrets)
        error.request_id = redact(error.request_id, secrets)
        error.args = (error.problem,)
        return error


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("base_url is no http(s) address", hint="write https://host, or env:NAME")
    if parts.username or parts.password:
        raise ConfigurationError("base_url holds credentials", hint="give them under auth: by reference")
    return base_url.rstrip("/")
