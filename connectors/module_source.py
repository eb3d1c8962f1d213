"""A vendor from a module of your own: the same declaration as the vendors here, kept where your code is.

    system: tryton
    account: shop
    base_url: https://erp.example.com
    auth: {kind: basic, user: env:TRYTON_USER, password: env:TRYTON_PASSWORD}
    settings: {kind: module, module: acme_vendors.tryton}

The module has a `SYSTEM`, a `connectors.stream.System`. It is imported from where Python finds it, so whoever may
write a source's YAML decides which installed code runs: keep that folder as safe as the code.
"""

from __future__ import annotations

import importlib
from typing import Literal

from pydantic import Field

from connectors.config import SourceConfig
from connectors.declared import Declared, settings_of
from connectors.errors import ConfigurationError
from connectors.stream import System


class ModuleSettings(Declared):
    """The `settings:` of a source whose vendor is a module."""

    kind: Literal["module"] = Field("module", description="what reads it, where the system has another name")
    module: str = Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$", description="dotted name of the module")


def system(source: SourceConfig) -> System:
    """The system that the module declares.

    Raises:
        ConfigurationError: there is no such module, or it declares no system.
    """
    name = settings_of(source, ModuleSettings).module
    place = f"source {source.label}, settings"
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise ConfigurationError(
            f"module {name!r} cannot be imported ({error})",
            place=place,
            hint="install it beside vitals, or put its folder on PYTHONPATH",
        ) from None
    found = getattr(module, "SYSTEM", None)
    if not isinstance(found, System):
        raise ConfigurationError(
            f"module {name!r} has no SYSTEM", place=place, hint="declare one, as connectors/README.md shows"
        )
    return found
