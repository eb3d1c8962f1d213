"""Which systems there are, and how a source's configuration becomes a connection to one of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from connectors.auth import Anonymous, Authenticator, Basic, OAuth2, StaticHeader, token_url
from connectors.config import AuthConfig, SourceConfig
from connectors.errors import ConfigurationError
from connectors.http import HttpClient
from connectors.rate import RateBudgets
from connectors.result import Progress, ProgressHook
from connectors.runtime import Runtime
from connectors.settings import LoadSettings
from connectors.stream import Stream, System
from connectors.traffic import HttpLimits

VENDORS = ("github", "hubspot", "intercom", "jira", "jira_dc", "linear", "salesforce", "zendesk")
BUILT = {
    "files": "files",
    "http": "http_source",
    "module": "module_source",
    "process": "process_source",
    "sql": "sql",
}
"""Systems whose streams the source itself declares, and the module that builds them."""


def systems() -> tuple[str, ...]:
    """The names of all systems, in order."""
    return tuple(sorted((*VENDORS, *BUILT)))


def system_of(source: SourceConfig) -> System:
    """The system of a source. A source of kind files, sql, http, process or module declares its streams itself; it may
    carry any name as its system when `settings.kind` says which of them it is.

    Raises:
        ConfigurationError: there is no such system.
    """
    kind = str(source.settings.get("kind") or source.system)
    if kind in BUILT:
        build: Callable[[SourceConfig], System] = importlib.import_module(f"connectors.{BUILT[kind]}").system
        return build(source)
    if kind in VENDORS:
        found: System = importlib.import_module(f"connectors.{kind}").SYSTEM
        return found
    raise ConfigurationError(
        f"there is no system {kind!r}",
        place=f"source {source.label}",
        hint=f"use one of {', '.join(systems())}",
    )


def streams_of(source: SourceConfig) -> tuple[Stream, ...]:
    """The streams that a source loads, parents before children, each as the source configures it.

    Raises:
        ConnectorError: a name is unknown, a column or an option is wrong.
    """
    system = system_of(source)
    usual = [stream.name for stream in system.streams if not stream.on_request]
    names = [stream.name for stream in source.streams] or usual
    for name in names:
        system.stream(name)
    return tuple(configured(source, stream) for stream in system.streams if stream.name in names)


def configured(source: SourceConfig, stream: Stream) -> Stream:
    """One stream as the source runs it."""
    own = source.stream(stream.name)
    return stream.configured(
        {**source.options, **own.options},
        columns=[column.column() for column in own.columns],
        without=own.without,
        overlap=own.overlap,
    )


def connect(
    source: SourceConfig,
    system: System,
    runtime: Runtime,
    settings: LoadSettings,
    *,
    budgets: RateBudgets | None = None,
    progress: ProgressHook | None = None,
) -> Any:
    """What the readers of a system read from: an HTTP client, unless the system opens something of its own.

    Raises:
        ConfigurationError: a reference, the address or the kind of credentials is wrong.
    """
    if system.connect is not None:
        return system.connect(runtime)
    budgets = budgets or RateBudgets(monotonic=runtime.monotonic, sleep=runtime.sleep)
    requests, seconds = (source.rate.requests, source.rate.seconds) if source.rate else system.rate
    version = source.api_version or system.api_version
    base_url = source.resolved_url()

    def waited(pause: float, reason: str) -> None:
        if progress:
            progress(Progress(source.label, 0, 0, waiting_seconds=pause, reason=reason))

    return HttpClient(
        base_url,
        authenticator(source, system, base_url, runtime),
        runtime=runtime,
        rate=budgets.of(source.system, source.account, requests, seconds),
        headers={name: value.replace("{api_version}", version) for name, value in system.headers.items()},
        api_version=version,
        limits=limits_of(source, settings.http),
        refuse=system.refuse,
        on_wait=waited,
        parallel=settings.parallel_requests,
        quota_share=settings.quota_share,
    )


def authenticator(source: SourceConfig, system: System, base_url: str, runtime: Runtime) -> Authenticator:
    """The credentials of a source.

    Raises:
        ConfigurationError: the system does not take that kind, or something is missing.
    """
    auth = source.auth
    if auth is None or auth.kind == "none":
        if "none" not in system.auth:
            raise ConfigurationError(
                "there are no credentials",
                place=f"source {source.label}",
                hint=f"give auth: kind {system.auth[0]}",
            )
        return Anonymous()
    if auth.kind not in system.auth:
        raise ConfigurationError(
            f"{system.name} does not take credentials of kind {auth.kind}",
            place=f"source {source.label}",
            hint=f"use {' or '.join(system.auth)}",
        )
    return _authenticator(auth, system, base_url, runtime)


def _authenticator(auth: AuthConfig, system: System, base_url: str, runtime: Runtime) -> Authenticator:
    if auth.kind == "bearer":
        return StaticHeader("Authorization", "Bearer ", auth.token)
    if auth.kind == "header":
        return StaticHeader(auth.header, "", auth.token)
    if auth.kind == "basic":
        return Basic(auth.user, auth.password, suffix=system.user_suffix)
    references = {
        name: getattr(auth, name)
        for name in ("client_id", "client_secret", "refresh_token", "private_key")
        if getattr(auth, name)
    }
    return OAuth2(
        auth.kind,
        token_url(base_url, auth.token_url or system.token_path),
        references,
        scope=auth.scope,
        audience=auth.audience,
        subject=auth.subject,
        now=lambda: runtime.clock().timestamp(),
    )


def limits_of(source: SourceConfig, default: HttpLimits) -> HttpLimits:
    """The patience of a source: its own numbers over the default ones."""
    given = {name: value for name, value in source.limits.model_dump().items() if value is not None}
    return HttpLimits(**{**{name: getattr(default, name) for name in default.__dataclass_fields__}, **given})
