"""The right to publish: one holder at a time, and whoever lost it is fenced.

A lease carries a token that grows with every take-over. The publishing transaction locks the lease's row and
compares: a publisher that was stopped, slept past its lease and woke up finds a higher token and is refused,
whatever it believes. Time decides only when others may take over, never whether a publication is valid.

    lease = acquire(engine, holder=run_id, clock=clock)      # at the start of a run that computes for long
    publish(engine, publication, clock=clock, run_id=run_id, lease=lease)
    release(engine, lease, clock=clock)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, insert, select, update

from pipelines.publishing.engine import writing
from pipelines.publishing.errors import LeaseHeld, LeaseLost
from pipelines.publishing.schema import publisher_lease

NAME = "publisher"
DEFAULT_TERM = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to publish, as one run holds it."""

    holder: str
    token: int
    expires_at: datetime


def acquire(
    engine: Engine,
    *,
    holder: str,
    clock: Callable[[], datetime],
    term: timedelta = DEFAULT_TERM,
    take_over: bool = False,
) -> Lease:
    """Take the lease, or renew it if `holder` has it. With `take_over` an unexpired one is taken too.

    A term of zero takes the right for one publication and lets anybody take it over at any time.

    Raises:
        LeaseHeld: another run holds it and it has not expired.
        DatabaseUnavailable: the database cannot be written.
    """
    with writing(engine) as connection:
        now = clock()
        found = _locked(connection)
        if found is not None and found.holder != holder and found.expires_at > now and not take_over:
            raise LeaseHeld(found.holder, found.expires_at)
        token = 1 if found is None else found.token + 1
        row = {"fencing_token": token, "holder": holder, "acquired_at": now, "expires_at": now + term}
        if found is None:
            connection.execute(insert(publisher_lease).values(lease_name=NAME, **row))
        else:
            connection.execute(
                update(publisher_lease).where(publisher_lease.c.lease_name == NAME).values(**row)
            )
        return Lease(holder, token, now + term)


def release(engine: Engine, lease: Lease, *, clock: Callable[[], datetime]) -> None:
    """Let others take over at once. A lease that was lost is left alone."""
    with writing(engine) as connection:
        found = _locked(connection)
        if found is not None and found.token == lease.token:
            now = clock()
            connection.execute(
                update(publisher_lease).where(publisher_lease.c.lease_name == NAME).values(expires_at=now)
            )


def fence(connection: Connection, lease: Lease) -> None:
    """Inside the publishing transaction: lock the lease until its end, and refuse a token that is no longer
    it.

    Raises:
        LeaseLost: another run has taken over.
    """
    found = _locked(connection)
    if found is None or found.token != lease.token:
        holder, token = ("nobody", 0) if found is None else (found.holder, found.token)
        raise LeaseLost(lease.holder, lease.token, holder, token)


def wait_for_publisher(connection: Connection) -> None:
    """Wait until no transaction holds the lease's row: whoever was committing has done so, or has not."""
    _locked(connection)


def _locked(connection: Connection) -> Lease | None:
    query = select(publisher_lease).where(publisher_lease.c.lease_name == NAME).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else Lease(row.holder, row.fencing_token, row.expires_at)
