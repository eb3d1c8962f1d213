"""`vitals serve`: the report, the check-in form and the answers to alerts in a browser."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from rich.markup import escape

from pipelines.cli.output import Exit, console, errors

PORT = 8787


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("serve")(serve)


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; loopback is seen by nobody else.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = PORT,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name under which browsers reach it, such as vitals.example.com; may be repeated."
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="REFERENCE", help="Ask for this password: env:NAME or file:PATH, any user name."
        ),
    ] = None,
    login_header: Annotated[
        str | None,
        typer.Option(
            metavar="HEADER", help="Let in whom a proxy names here, such as X-Forwarded-User; it is believed."
        ),
    ] = None,
    proxied: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy on this machine ends TLS and says who asks.")
    ] = False,
) -> None:
    """Serve the report pages, the check-in form and the answers to alerts, until Ctrl-C.

    On loopback the report asks for no login. Beyond it, it asks for --token, or takes the word of a proxy that sets
    --login-header; with neither it does not start. Check-in links: vitals checkin link.
    """
    import uvicorn

    from connectors.errors import ConfigurationError
    from pipelines.installation import Installation
    from pipelines.serving import is_loopback, serving
    from pipelines.serving_access import Access
    from pipelines.workspace import Workspace

    try:
        access = Access.of(token, login_header, os.environ)
    except ConfigurationError as error:
        errors.print(escape(str(error)), soft_wrap=True)
        raise typer.Exit(Exit.CONFIGURATION) from None
    if not (is_loopback(host) or access.is_closed):
        errors.print(
            f"{escape(host)} is reachable by others, and the report would ask for no login: give "
            "--token env:VITALS_REPORT_TOKEN, or --login-header X-Forwarded-User with a proxy in front that sets it; "
            "or leave --host at 127.0.0.1",
            soft_wrap=True,
        )
        raise typer.Exit(Exit.USAGE)
    installation = Installation.load(Workspace.from_environment())
    names = [*(allow_host or []), *([] if is_loopback(host) else [_name(host)])]
    with serving(installation, os.environ, names, access) as app:
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_level="warning",
                access_log=False,  # addresses hold the links that people sign in with
                server_header=False,
                proxy_headers=proxied,
                forwarded_allow_ips="127.0.0.1" if proxied else None,
            )
        )
        shown = f"[{host}]" if ":" in host else host
        console.print(f"Report and check-ins on http://{shown}:{port}/ (stop with Ctrl-C)")
        server.run()


def _name(host: str) -> str:
    """The name browsers use for an address; of all addresses, any name."""
    return "*" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
