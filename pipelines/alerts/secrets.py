"""Secrets by reference: ``env:NAME`` or ``file:PATH``; the value itself never stands in a definition.

>>> reveal("env:HOOK", {"HOOK": "json://localhost:8000"}, what="channel 'ops'")
'json://localhost:8000'
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class SecretMissing(LookupError):
    """A reference that leads nowhere. The message names what needs it and the reference, never a value."""

    def __init__(self, what: str, reference: str, problem: str) -> None:
        self.what = what
        self.reference = reference
        super().__init__(f"{what}: {reference} {problem}")


def is_reference(text: str) -> bool:
    """Whether a text refers to a secret instead of being one."""
    return text.startswith(("env:", "file:"))


def reveal(reference: str, environment: Mapping[str, str], *, what: str) -> str:
    """The value behind a reference; a text that is no reference is returned as it is.

    Args:
        reference: ``env:NAME``, ``file:PATH`` (its content without the last line break), or plain text.
        environment: the variables to look in.
        what: what needs the value, for the error.

    Raises:
        SecretMissing: the variable is unset or empty, or the file cannot be read.
    """
    if not is_reference(reference):
        return reference
    kind, _, name = reference.partition(":")
    if kind == "env":
        if not (value := environment.get(name, "")):
            raise SecretMissing(what, reference, "is not set; set the variable where the pipeline runs")
        return value
    try:
        value = Path(name).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMissing(what, reference, f"cannot be read ({type(error).__name__})") from None
    if not value:
        raise SecretMissing(what, reference, "is an empty file")
    return value
