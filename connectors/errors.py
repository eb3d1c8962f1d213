"""What can go wrong between a system and the raw store.

ConnectorError
├── ConfigurationError            the source's YAML, a secret reference, an option
├── ContractError                 a stream's declaration
├── TerminalError                 trying again changes nothing
│   ├── CredentialsRefused        401, or a token the vendor does not take
│   ├── PermissionMissing         403 that is no rate limit
│   ├── NotFound                  404, 410
│   ├── RequestRefused            any other 4xx
│   ├── ProtocolError             the vendor broke its own rules: a repeated token, a repeated page
│   ├── GarbledAnswer             the body cannot be read: truncated, not JSON, too deep, too large
│   ├── CheckpointExpired         a resume token or job that the vendor has forgotten
│   └── SourceCheckFailed         a check on what was read: too many rows vanished, a count does not match
├── TransientError                trying again may help, and was tried
│   ├── RateLimited               429, or a 403 that says so
│   ├── VendorUnavailable         5xx
│   └── ConnectionFailed          reset, refused, timed out
└── StoreError                    the raw store or the state cannot be written or read

Each carries where it happened; none ever carries a header, a token or a query string.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Base of all expected failures of this room.

    Attributes:
        problem: what was found.
        place: where: source and stream, request, or file.
        hint: what to do next.
        request_id: the vendor's own id of the answer, for its support; empty where there is none.
    """

    transient = False

    def __init__(self, problem: str, *, place: str = "", hint: str = "", request_id: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = place
        self.hint = hint
        self.request_id = request_id

    def __str__(self) -> str:
        text = f"{self.place}: {self.problem}" if self.place else self.problem
        if self.request_id:
            text += f" (request id {self.request_id})"
        return f"{text}; {self.hint}" if self.hint else text

    def at(self, place: str) -> ConnectorError:
        """This error with the place put before what it already says; returns itself."""
        self.place = f"{place}, {self.place}" if self.place else place
        return self


class ConfigurationError(ConnectorError):
    """A source's YAML, an option or a secret reference is wrong."""


class ContractError(ConnectorError):
    """A stream's declaration is wrong."""


class StoreError(ConnectorError):
    """The raw store or the state cannot be written or read."""


class TerminalError(ConnectorError):
    """Trying again changes nothing."""


class CredentialsRefused(TerminalError):
    """The vendor does not take the credentials."""


class PermissionMissing(TerminalError):
    """The credentials are good, and lack the permission."""


class NotFound(TerminalError):
    """No such resource, or it is gone."""


class RequestRefused(TerminalError):
    """The vendor understood the request and refuses it."""


class ProtocolError(TerminalError):
    """The vendor broke its own rules, such as a page token that comes twice."""


class GarbledAnswer(TerminalError):
    """A body that cannot be read: truncated, no JSON, not UTF-8, too deep, too large."""


class CheckpointExpired(TerminalError):
    """A resume token or job is no longer known; the window is read again."""


class SourceCheckFailed(TerminalError):
    """What was read contradicts itself: too many rows vanished, or a count does not match."""


class TransientError(ConnectorError):
    """Trying again may help; the client did, within its budget."""

    transient = True


class RateLimited(TransientError):
    """The vendor says: slower."""


class VendorUnavailable(TransientError):
    """The vendor has an error of its own."""


class ConnectionFailed(TransientError):
    """The connection was refused, cut or timed out."""
