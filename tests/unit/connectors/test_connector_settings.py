"""The registry of settings and what the connectors take are the same, field by field."""

from __future__ import annotations

from dataclasses import fields

from connectors.settings import LoadSettings
from connectors.traffic import HttpLimits
from definitions.settings import ConnectorSettings
from pipelines.steps.sources import load_settings


def test_the_defaults_of_the_registry_are_those_of_the_connectors() -> None:
    assert load_settings(ConnectorSettings()) == LoadSettings()


def test_every_setting_reaches_the_connectors() -> None:
    taken = {one.name for one in (*fields(LoadSettings), *fields(HttpLimits))} - {"http"}
    registered = {
        "body_bytes" if name == "body_mebibytes" else name for name in ConnectorSettings.model_fields
    }
    assert registered == taken


def test_a_changed_setting_is_handed_down() -> None:
    given = ConnectorSettings(attempts=2, vanished_share=0.5, body_mebibytes=1)
    settings = load_settings(given)
    assert (settings.http.attempts, settings.vanished_share, settings.http.body_bytes) == (2, 0.5, 1 << 20)
