"""Any HTTP API as a source, without code: path, paging, cursor, records, columns.

    system: roundup
    account: internal
    base_url: https://tracker.example.com
    auth: {kind: basic, user: env:TRACKER_USER, password: env:TRACKER_PASSWORD}
    settings:
      kind: http
      streams:
        - name: issues
          path: /rest/data/issue
          params: {"@fields": "title,status,activity", "activity": "{from};"}
          records: data.collection
          paging: {kind: page, into: "@page_index", size_into: "@page_size", size: 100}
          key: [issue_id]
          cursor: {field: activity}
          overlap_seconds: 600
          columns:
            - {name: issue_id, type: string, path: id}
            - {name: activity, type: timestamp}

`{from}` and `{until}` are the window as the cursor writes it; a parameter that is nothing but `{from}` is left out
in the first load. Texts of `options:` fill other holes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from connectors.config import SourceConfig
from connectors.declared import Declared, StreamDeclared, settings_of
from connectors.http import HttpClient
from connectors.paging import NextLink, Offset, PageNumber, Paging, Single, Token, read_listing
from connectors.stream import Page, Reader, Reading, Request, Stream, System


class PagingDeclared(Declared):
    """How a listing goes on; see `paging.py`."""

    kind: Literal["none", "token", "offset", "page", "link"] = Field(
        "none", description="by what the next page is asked for"
    )
    into: str = Field("", description="parameter of the token, position or number")
    found_at: str = Field("", description="token or link: its path in the body; empty: the Link header")
    last_at: str = Field("", description="path of a flag that is true on the last page")
    total_at: str = Field("", description="offset: path of the total; page: path of the number of pages")
    size_into: str = Field("", description="parameter of the page's size")
    size: int = Field(100, gt=0, description="records of a page")
    first: int = Field(1, description="number of the first page")
    in_body: bool = Field(False, description="what asks for the next page goes into the body of a POST")

    def paging(self) -> Paging:
        """The paging as listings use it."""
        size = (self.size_into, self.size)
        match self.kind:
            case "token":
                return Token(
                    self.into,
                    self.found_at,
                    in_body=self.in_body,
                    last_at=self.last_at,
                    size=size if self.size_into else None,
                )
            case "offset":
                return Offset(
                    self.into, size, total_at=self.total_at, last_at=self.last_at, in_body=self.in_body
                )
            case "page":
                return PageNumber(self.into, size, first_number=self.first, pages_at=self.total_at)
            case "link":
                return NextLink(self.found_at, size=size if self.size_into else None, last_at=self.last_at)
        return Single()


class HttpStream(StreamDeclared):
    """One listing of the API."""

    path: str = Field(description="below base_url")
    method: Literal["GET", "POST"] = Field("GET", description="how the listing is asked for")
    params: dict[str, Any] = Field(
        default_factory=dict, description="parameters; `{from}` and `{until}` are the window"
    )
    body: dict[str, Any] | None = Field(
        None, description="body of a POST; `{from}` and `{until}` as in params"
    )
    headers: dict[str, str] = Field(default_factory=dict, description="headers of this listing alone")
    records: str = Field("", description="path of the list in the body; empty: the body itself")
    paging: PagingDeclared = Field(PagingDeclared(), description="how the listing goes on")
    options: dict[str, str] = Field(
        default_factory=dict,
        description="texts for `{name}` in path and parameters; the source may give others",
    )


class HttpSettings(Declared):
    """The `settings:` of an HTTP source."""

    kind: Literal["http"] = Field("http", description="what reads it, where the system has another name")
    headers: dict[str, str] = Field(default_factory=dict, description="of every request")
    check: str = Field("", description="a path that only answers with good credentials")
    streams: tuple[HttpStream, ...] = Field(min_length=1, description="what is read: listings of the API")


def system(source: SourceConfig) -> System:
    """The system that an HTTP source declares.

    Raises:
        ConfigurationError: its settings are wrong.
    """
    settings = settings_of(source, HttpSettings)
    return System(
        name=source.system,
        streams=tuple(_stream(declared) for declared in settings.streams),
        headers=settings.headers,
        auth=("none", "bearer", "basic", "header", "client_credentials", "refresh_token", "jwt"),
        check=lambda client: _check(client, settings),
    )


def _stream(declared: HttpStream) -> Stream:
    request = Request(declared.method, declared.path, declared.params, declared.body, declared.headers)
    return Stream(
        name=declared.name,
        contract=declared.contract(),
        request=request,
        paging=declared.paging.paging(),
        records=declared.records,
        cursor=declared.cursor.cursor() if declared.cursor else None,
        overlap=timedelta(seconds=declared.overlap_seconds),
        deletes=declared.delete_rule(_keys_reader(declared)),
        options=declared.options,
        description=declared.description or f"records of {declared.path}",
    )


def _keys_reader(declared: HttpStream) -> Reader:
    """Lists all records: the same listing without its window."""
    whole = Request(
        declared.method, declared.path, _without_window(declared.params), declared.body, declared.headers
    )

    def read(client: HttpClient, reading: Reading) -> Iterator[Page]:
        stream = Stream(
            name=declared.name,
            contract=reading.stream.contract,
            request=whole,
            paging=declared.paging.paging(),
            records=declared.records,
            options=reading.options,
        )
        for page in read_listing(client, Reading(stream, reading.window, reading.options, now=reading.now)):
            yield Page(page.body, page.records, page.checkpoint)

    return read


def _without_window(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in params.items()
        if not (isinstance(value, str) and ("{from}" in value or "{until}" in value))
    }


def _check(client: HttpClient, settings: HttpSettings) -> str:
    if not settings.check:
        return "no check path is declared"
    client.get(settings.check)
    return f"{settings.check} answers"
