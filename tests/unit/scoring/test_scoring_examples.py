"""Every example in the docstrings of the scoring rules runs and is right."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pipelines.scoring

MODULES = [f"pipelines.scoring.{module.name}" for module in pkgutil.iter_modules(pipelines.scoring.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_module_hold(name: str) -> None:
    module = importlib.import_module(name)
    scope = {"Decimal": __import__("decimal").Decimal, "date": __import__("datetime").date}

    result = doctest.testmod(module, extraglobs=scope, raise_on_error=False)

    assert result.failed == 0
