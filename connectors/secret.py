"""Secrets by reference: `env:NAME` or `file:PATH`, read when they are needed, never shown.

A `Secret` prints as `***` wherever it ends up; only `reveal()` gives the text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from connectors.errors import ConfigurationError
from connectors.files_io import write_durably

SHOWN = "***"
SHORTEST_REDACTED = 4


class Secret:
    """A text that does not show in reprs, logs or errors."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return SHOWN

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not written anywhere")


def is_reference(text: str) -> bool:
    """Does `text` point to a secret rather than being one?"""
    return text.startswith(("env:", "file:"))


def resolve(reference: str, environment: Mapping[str, str] | None = None) -> Secret:
    """The secret behind `env:NAME` or `file:PATH` (surrounding white space is taken off).

    Raises:
        ConfigurationError: it is no reference, or nothing is there.
    """
    kind, _, name = reference.partition(":")
    if kind == "env" and name:
        text = (os.environ if environment is None else environment).get(name, "").strip()
        if not text:
            raise ConfigurationError(f"environment variable {name} is not set", hint=f"export {name}=...")
        return Secret(text)
    if kind == "file" and name:
        try:
            text = Path(name).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigurationError(
                f"secret file {name} cannot be read ({reason})", hint="check the path and its permissions"
            ) from None
        if not text:
            raise ConfigurationError(f"secret file {name} is empty", hint="write the secret into it")
        return Secret(text)
    # What stands there may be the secret itself, so it is not repeated.
    raise ConfigurationError(
        "a credential is written out where a reference belongs", hint="write env:NAME or file:PATH"
    )


def keep(reference: str, secret: Secret) -> None:
    """Replace the secret in the file that `reference` names: the sink of rotated refresh tokens.

    Raises:
        ConfigurationError: the reference cannot be written to.
    """
    kind, _, name = reference.partition(":")
    if kind != "file":
        raise ConfigurationError(
            "the vendor rotated the refresh token, and its reference cannot be written",
            hint="keep the refresh token in a file and refer to it as file:PATH",
        )
    try:
        write_durably(Path(name).expanduser(), secret.reveal().encode() + b"\n", mode=0o600)
    except OSError as error:
        raise ConfigurationError(
            f"secret file {name} cannot be written ({error.strerror})", hint="make it writable for this user"
        ) from None


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """`text` with every secret in it replaced by `***`: as it is, as a URL, JSON or Python writes it, line by line, and
    where the text is cut off in the middle of it.
    """
    ways = [written for secret in secrets for written in _ways_to_write(secret.reveal())]
    for written in ways:
        text = text.replace(written, SHOWN)
    for written in ways:
        text = _without_beginning(text, written)
    return text


def _ways_to_write(plain: str) -> list[str]:
    """How a secret may look in a text, the longest first."""
    lines = plain.splitlines()
    ways = {plain, quote(plain, safe=""), json.dumps(plain)[1:-1], repr(plain)[1:-1], " ".join(lines), *lines}
    return sorted((way for way in ways if len(way) >= SHORTEST_REDACTED), key=lambda way: (-len(way), way))


def _without_beginning(text: str, written: str) -> str:
    """`text` without the beginning of a secret at its end."""
    for size in range(min(len(written) - 1, len(text)), SHORTEST_REDACTED - 1, -1):
        if text.endswith(written[:size]):
            return text[:-size] + SHOWN
    return text
