"""The traps that real vendors set, as data: off by default, set at run time, one test each.

    fake.traps = Traps(late_index=timedelta(minutes=5), page_cap=50)
    fake.traps = Traps(faults=(Fault(Kind.THROTTLED, times=2, told=Told.DATE, path="/query"),))

A `Fault` hits whole answers (statuses, broken bodies, slow or cut connections); the other fields bend the data, the
paging
or the schema. Source: connector rules, 'Trap list', and fault rules 5–11, 13, 15, 16.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What a fault does to an answer."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    THROTTLED = "throttled"
    SERVER_ERROR = "server error"
    RESET = "connection reset"
    HANG = "no answer at all"
    ERROR_AT_200 = "error body at 200"
    TRUNCATED = "well-formed answer, half a body"
    CUT = "connection cut in the middle of the body"
    NOT_UTF8 = "bytes that are not UTF-8"
    HTML = "an HTML page at 200"
    EMPTY = "an empty body at 200"
    DRIP = "the body in slow drips"


class Told(StrEnum):
    """How a throttled answer says how long to wait."""

    SECONDS = "Retry-After in seconds"
    DATE = "Retry-After as an HTTP date"
    RESET = "the vendor's own reset header"
    NOTHING = "not at all"


@dataclass(frozen=True)
class Fault:
    """Hits answers to requests whose path contains `path`: lets `after` of them pass, then hits `times` (None:
    all).

    status: of a SERVER_ERROR. wait: seconds a THROTTLED answer asks for, between drips of a DRIP, before a HANG is
    given up.
    """

    kind: Kind
    times: int | None = 1
    after: int = 0
    path: str = ""
    status: int = 500
    wait: float = 1.0
    told: Told = Told.SECONDS


class Edit(StrEnum):
    """What happened to a field of an object."""

    RENAMED = "renamed"
    GONE = "gone"
    NEW = "new"
    RETYPED = "retyped"


@dataclass(frozen=True)
class SchemaEdit:
    """A change of an object's fields. `value` is the new name (RENAMED) or the value of a NEW field; a RETYPED
    field is text.
    """

    object: str
    name: str
    edit: Edit
    value: str = ""


@dataclass(frozen=True)
class Budget:
    """The fake refuses more than `requests` within any `seconds` (measured with its own stop watch)."""

    requests: int
    seconds: float


@dataclass(frozen=True)
class Traps:
    """Everything that can go wrong; the defaults are a vendor on a good day.

    late_index: searches see `late_share` of the records as they were this long ago.
    tie: cursor values are cut down to multiples of this, so that many are equal.
    edits_between_pages: records of the object that are touched after each served page.
    deletes_between_pages: records that are deleted after each served page.
    page_cap: no page is longer, whatever was asked for. result_cap: no query reaches further (None: the vendor's
    own cap).
    parts_cap: children returned with a parent at most (None: the vendor's own cap).
    offset_tokens: page tokens are positions, so pages shift while records change.
    repeat_token: the second page's token comes again and again. endless_token: an empty last page still carries a
    token.
    token_lifetime: requests an access token is good for. page_token_lifetime: pages until page tokens are refused.
    rotate_refresh_token: a refresh token is good once; the answer carries the next one.
    schema: changes of fields. forbidden: objects that the credentials may no longer read.
    skew: how far the vendor's clock is ahead. tick: how far the clock moves with each request.
    purge_deleted: soft-deleted records are gone for good. budget: a rate limit that is really enforced.
    """

    faults: tuple[Fault, ...] = ()
    late_index: timedelta = timedelta()
    late_share: float = 1.0
    tie: timedelta = timedelta()
    edits_between_pages: int = 0
    deletes_between_pages: int = 0
    page_cap: int | None = None
    result_cap: int | None = None
    parts_cap: int | None = None
    offset_tokens: bool = False
    repeat_token: bool = False
    endless_token: bool = False
    token_lifetime: int | None = None
    page_token_lifetime: int | None = None
    rotate_refresh_token: bool = False
    schema: tuple[SchemaEdit, ...] = ()
    forbidden: frozenset[str] = field(default_factory=frozenset)
    skew: timedelta = timedelta()
    tick: timedelta = timedelta()
    purge_deleted: bool = False
    budget: Budget | None = None


class FaultCounter:
    """Counts the requests that each fault has seen and says which one hits the next."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self._faults = [(fault, [0]) for fault in faults]

    def next(self, path: str) -> Fault | None:
        """The fault that hits this request, if any; the first in order wins."""
        hit: Fault | None = None
        for fault, seen in self._faults:
            if fault.path not in path:
                continue
            turn = seen[0] - fault.after
            within = turn >= 0 and (fault.times is None or turn < fault.times)
            if within and hit is not None:
                continue
            seen[0] += 1
            if within:
                hit = fault
        return hit
