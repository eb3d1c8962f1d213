"""The sandbox company on the network: all fakes, the file exports and the clock in one place.

    with Sandbox(seed=7, scale=1.0, folder=tmp) as sandbox:
        sandbox.environment()        # URLs and credentials for the connectors
        sandbox.advance(days=1)      # time passes; exports are written anew
        sandbox.jira.traps = Traps(page_cap=10)

`python -m connectors.sandbox.serve --port-base 8900 --folder F` serves until it is stopped; its control endpoint
(the port base
itself) answers GET /state and POST /advance {"days": 1}.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import orjson

from connectors.sandbox.clock import Clock
from connectors.sandbox.company.generate import Company, generate
from connectors.sandbox.company.timeline import DEFAULT_NOW
from connectors.sandbox.exports import write_exports
from connectors.sandbox.github import GitHub
from connectors.sandbox.hubspot import HubSpot
from connectors.sandbox.intercom import Intercom
from connectors.sandbox.jira import JiraCloud
from connectors.sandbox.jira_dc import JiraDataCenter
from connectors.sandbox.linear import Linear
from connectors.sandbox.messages import Delivery, Exchange, Request
from connectors.sandbox.plumbing import Fake
from connectors.sandbox.salesforce import Salesforce
from connectors.sandbox.server import Servers
from connectors.sandbox.zendesk import Zendesk

SYSTEMS: Mapping[str, type[Fake]] = {
    "salesforce": Salesforce,
    "jira": JiraCloud,
    "intercom": Intercom,
    "hubspot": HubSpot,
    "jira_dc": JiraDataCenter,
    "github": GitHub,
    "linear": Linear,
    "zendesk": Zendesk,
}


F = TypeVar("F", bound=Fake)


class Sandbox:
    """A running sandbox.

    Args:
        seed: of the company; also makes the secrets.
        scale: size of the company, 1 is about 100,000 records.
        now: where the clock starts.
        folder: where the file exports go; None writes none.
        systems: which fakes to start (default: all).
        port_base: fixed ports from here on, the control endpoint first; None takes free ports and no control
        endpoint.
        company: an already generated company instead of seed and scale.
    """

    def __init__(
        self,
        *,
        seed: int = 7,
        scale: float = 1.0,
        now: datetime = DEFAULT_NOW,
        folder: Path | None = None,
        systems: Sequence[str] = tuple(SYSTEMS),
        port_base: int | None = None,
        company: Company | None = None,
    ) -> None:
        unknown = sorted(set(systems) - set(SYSTEMS))
        if unknown:
            raise ValueError(f"no fake for {', '.join(unknown)}; known: {', '.join(SYSTEMS)}")
        self.company = company or generate(seed, scale)
        self.clock = Clock(now)
        self.folder = folder
        self.secret = f"canary-{self.company.seed:04d}"
        self.fakes: dict[str, Fake] = {
            name: SYSTEMS[name](self.company, self.clock, secret=self.secret)
            for name in SYSTEMS
            if name in systems
        }
        served: dict[str, Any] = {**({} if port_base is None else {"control": _Control(self)}), **self.fakes}
        ports = {} if port_base is None else {name: port_base + index for index, name in enumerate(served)}
        self._servers = Servers(served, ports)

    # The fakes by name, typed.

    @property
    def salesforce(self) -> Salesforce:
        """The fake Salesforce."""
        return self._fake(Salesforce)

    @property
    def jira(self) -> JiraCloud:
        """The fake Jira Cloud."""
        return self._fake(JiraCloud)

    @property
    def intercom(self) -> Intercom:
        """The fake Intercom."""
        return self._fake(Intercom)

    @property
    def hubspot(self) -> HubSpot:
        """The fake HubSpot."""
        return self._fake(HubSpot)

    @property
    def jira_dc(self) -> JiraDataCenter:
        """The fake Jira Data Center."""
        return self._fake(JiraDataCenter)

    @property
    def github(self) -> GitHub:
        """The fake GitHub."""
        return self._fake(GitHub)

    @property
    def linear(self) -> Linear:
        """The fake Linear."""
        return self._fake(Linear)

    @property
    def zendesk(self) -> Zendesk:
        """The fake Zendesk."""
        return self._fake(Zendesk)

    def _fake(self, kind: type[F]) -> F:
        fake = self.fakes[kind.system]
        assert isinstance(fake, kind)  # noqa: S101
        return fake

    # Time.

    @property
    def now(self) -> datetime:
        """The sandbox's present instant."""
        return self.clock()

    def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> datetime:
        """Let time pass and write the file exports anew; returns the new instant.

        Raises:
            ValueError: the step goes back, or past the end of the company's known future.
        """
        now = self.clock.advance(days=days, hours=hours, seconds=seconds)
        if self.folder is not None:
            write_exports(self.company, now, self.folder)
        return now

    # What a connector needs.

    def environment(self) -> dict[str, str]:
        """Variables with URLs and (canary) credentials; see FIELDS.md."""
        found: dict[str, str] = {}
        for name, fake in self.fakes.items():
            found |= fake.environment(self._servers.url(name))
        if self.folder is not None:
            found["FILES_FOLDER"] = str(self.folder)
        return found

    def observe(self, observer: Any) -> None:
        """Show every exchange of every fake to `observer(system, exchange)`, as validation against contracts does."""
        for name, fake in self.fakes.items():

            def show(exchange: Exchange, system: str = name) -> None:
                observer(system, exchange)

            fake.observer = show

    # Running.

    def start(self) -> None:
        """Write the exports and serve.

        Raises:
            OSError: a fixed port is taken, or the folder cannot be written.
        """
        if self.folder is not None:
            write_exports(self.company, self.now, self.folder)
        self._servers.start()

    def stop(self) -> None:
        """Stop serving."""
        self._servers.stop()

    def url(self, name: str) -> str:
        """The base URL of a fake (or of `control`)."""
        return self._servers.url(name)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Control:
    """GET /state, POST /advance {"days": …, "hours": …}."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.base_url = ""

    def answer(self, request: Request) -> Delivery:
        """Answer one request."""
        if (request.method, request.path) == ("GET", "/state"):
            return self._json(200, self._state())
        if (request.method, request.path) == ("POST", "/advance"):
            try:
                step = orjson.loads(request.body or b"{}")
                self._sandbox.advance(days=float(step.get("days", 0)), hours=float(step.get("hours", 0)))
            except (ValueError, TypeError, AttributeError) as error:
                return self._json(400, {"error": str(error)})
            return self._json(200, self._state())
        return self._json(404, {"error": "known: GET /state, POST /advance"})

    def _state(self) -> dict[str, Any]:
        sandbox = self._sandbox
        return {
            "now": sandbox.now.isoformat(),
            "systems": {name: sandbox.url(name) for name in sandbox.fakes},
            "records": sandbox.company.counts(sandbox.now),
        }

    @staticmethod
    def _json(status: int, body: Any) -> Delivery:
        return Delivery(status, orjson.dumps(body), {"Content-Type": "application/json"})


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m connectors.sandbox.serve", description="Serve the sandbox company."
    )
    parser.add_argument(
        "--port-base", type=int, default=8900, help="control endpoint here, the fakes on the ports after it"
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the file exports go")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument(
        "--now",
        type=datetime.fromisoformat,
        default=DEFAULT_NOW,
        help="where the clock starts (ISO, with zone)",
    )
    parser.add_argument(
        "--environment", type=Path, help="write the variables for the connectors here, as NAME=VALUE lines"
    )
    given = parser.parse_args(arguments)
    sandbox = Sandbox(
        seed=given.seed, scale=given.scale, now=given.now, folder=given.folder, port_base=given.port_base
    )
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with sandbox:
        if given.environment is not None:
            lines = [f"{name}={value}\n" for name, value in sorted(sandbox.environment().items())]
            given.environment.write_text("".join(lines), encoding="utf-8")
        print(f"sandbox company at {sandbox.now:%Y-%m-%d %H:%M} UTC; control: {sandbox.url('control')}")
        for name in sandbox.fakes:
            print(f"  {name:12} {sandbox.url(name)}")
        print(f"  {'files':12} {given.folder}", flush=True)
        done.wait()


if __name__ == "__main__":
    main()
