"""The embedded sandbox as an installation: source systems on loopback, receivers for alerts, all below one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.sandbox.receivers import MailSink, WebhookReceiver
from connectors.sandbox.serve import Sandbox
from pipelines.editor_schemas import referring
from pipelines.installation import Installation
from pipelines.workspace import EXAMPLES, Workspace

SOURCES = EXAMPLES / "sandbox" / "sources"


@dataclass(frozen=True)
class SandboxInstallation:
    """A running sandbox with everything a run needs.

    Attributes:
        sandbox: the fakes of the vendors, and their clock.
        webhook, mail: what received the alerts.
        workspace: folders and databases below one home.
    """

    sandbox: Sandbox
    webhook: WebhookReceiver
    mail: MailSink
    workspace: Workspace

    def load(self) -> Installation:
        """The installation as it is now; its clock is the sandbox's."""
        return Installation.load(self.workspace)


@contextmanager
def sandbox_installation(
    home: Path, *, scale: float = 1.0, seed: int = 7, environment: Mapping[str, str] | None = None
) -> Iterator[SandboxInstallation]:
    """Start the sandbox company below `home` and describe it to the rest of the product by the environment.

    At the end the environment is as it was.
    """
    folder = home / "sandbox"
    sources = home / "sources"
    sources.mkdir(parents=True, exist_ok=True)
    for path in sorted(SOURCES.glob("*.yml")):
        copied = referring(path.read_text(encoding="utf-8"), None)  # its schema stays behind
        (sources / path.name).write_text(copied, encoding="utf-8")
    with (
        Sandbox(seed=seed, scale=scale, folder=folder) as sandbox,
        WebhookReceiver() as webhook,
        MailSink() as mail,
    ):
        variables = {
            **sandbox.environment(),
            "VITALS_HOME": str(home),
            "VITALS_SOURCES": str(sources),
            "VITALS_ON_CALL_URL": webhook.apprise_url,
            "VITALS_MAIL_URL": mail.apprise_url,
            **(environment or {}),
        }
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield SandboxInstallation(sandbox, webhook, mail, Workspace.from_environment().at(sandbox.clock))
        finally:
            # One sandbox may run inside another's life: afterwards the environment names that other one again.
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
